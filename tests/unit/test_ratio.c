/* Statistics of the bench harness against values worked out by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/bench/ratio.h"

static void near(double got, double want, double tolerance)
{
    if (fabs(got - want) > tolerance)
        fail_msg("got %.6f, wanted %.6f", got, want);
}

static void test_constant_ratio_has_no_width(void **state)
{
    const double ours[] = {2, 4, 8}, peer[] = {1, 2, 4};
    struct ratio r;

    (void)state;
    assert_true(ratio_of(ours, peer, 3, &r));
    near(r.ratio, 2, 1e-12);
    near(r.low, 2, 1e-9);
    near(r.high, 2, 1e-9);
    near(r.ours, 4, 0);
    near(r.peer, 2, 0);
    assert_int_equal(r.pairs, 3);
}

static void test_interval_is_students(void **state)
{
    /* Logs 0, 1, 2: mean 1, s = 1, t(2) = 4.303, half width 4.303/sqrt(3) = 2.4843. */
    const double ours[] = {1, exp(1), exp(2)}, peer[] = {1, 1, 1};
    struct ratio r;

    (void)state;
    assert_true(ratio_of(ours, peer, 3, &r));
    near(log(r.ratio), 1, 1e-9);
    near(log(r.high) - 1, 2.4843, 1e-3);
    near(1 - log(r.low), 2.4843, 1e-3);
}

static void test_many_pairs_approach_the_normal(void **state)
{
    double ours[101], peer[101];
    struct ratio r;

    (void)state;
    for (int i = 0; i < 101; i++) {
        ours[i] = i % 2 ? exp(0.1) : exp(-0.1);
        peer[i] = 1;
    }
    assert_true(ratio_of(ours, peer, 101, &r));
    /* t(100) = 1.98397; s = 0.1 * sqrt(101/100 * (1 - 1/101^2)). */
    double s = 0.1 * sqrt(1.01 * (1 - 1.0 / 10201));
    near(log(r.high) - log(r.ratio), 1.98397 * s / sqrt(101), 1e-6);
}

static void test_refuses_what_has_no_logarithm(void **state)
{
    const double good[] = {1, 2}, zero[] = {1, 0}, negative[] = {-1, 1}, infinite[] = {1, INFINITY}, nan[] = {NAN, 1};
    struct ratio r = {.ratio = 42};

    (void)state;
    assert_false(ratio_of(good, good, 0, &r));
    assert_false(ratio_of(zero, good, 2, &r));
    assert_false(ratio_of(good, negative, 2, &r));
    assert_false(ratio_of(good, infinite, 2, &r));
    assert_false(ratio_of(nan, good, 2, &r));
    near(r.ratio, 42, 0);
}

static void test_medians_and_quantiles(void **state)
{
    double odd[] = {9, 1, 5}, even[] = {4, 1, 3, 2}, hundred[100];

    (void)state;
    near(ratio_median(odd, 3), 5, 0);
    near(ratio_median(even, 4), 2.5, 0);
    for (int i = 0; i < 100; i++)
        hundred[i] = i + 1;
    near(ratio_quantile(hundred, 100, 0.5), 50, 0);
    near(ratio_quantile(hundred, 100, 0.99), 99, 0);
    near(ratio_quantile(hundred, 100, 1), 100, 0);
    near(ratio_quantile(hundred, 100, 0), 1, 0);
    near(ratio_quantile(hundred, 1, 0.99), 1, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_constant_ratio_has_no_width),    cmocka_unit_test(test_interval_is_students),
        cmocka_unit_test(test_many_pairs_approach_the_normal), cmocka_unit_test(test_refuses_what_has_no_logarithm),
        cmocka_unit_test(test_medians_and_quantiles),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
