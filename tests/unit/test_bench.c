/* What a bench writes: exactly the six keys a row, judged as asked; measured in turns, beginning with the other one
 * each time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "tests/bench/bench.h"

struct journal {
    char calls[64];
    int fail_at; /* call that fails, -1: none */
};

static int call(struct journal *j, char who, double figure, double *ret)
{
    size_t n = strlen(j->calls);

    if (j->fail_at == (int)n)
        return -5;
    j->calls[n] = who;
    *ret = figure;
    return 0;
}

static int measure_ours(void *ctx, double *ret)
{
    return call(ctx, 'o', 30, ret);
}

static int measure_peer(void *ctx, double *ret)
{
    return call(ctx, 'p', 10, ret);
}

static void test_turns_change_their_order(void **state)
{
    struct journal j = {.fail_at = -1};
    struct ratio r;

    (void)state;
    assert_int_equal(bench_alternate(3, measure_ours, measure_peer, &j, &r), 0);
    assert_string_equal(j.calls, "op"
                                 "op"
                                 "po"
                                 "op");
    assert_true(r.ratio > 2.999 && r.ratio < 3.001);
    assert_int_equal(r.pairs, 3);
}

static void test_a_failed_measurement_ends_it(void **state)
{
    struct ratio r = {.ratio = 7};

    (void)state;
    for (int at = 0; at < 6; at++) {
        struct journal j = {.fail_at = at};
        assert_int_equal(bench_alternate(2, measure_ours, measure_peer, &j, &r), -5);
    }
    struct journal j = {.fail_at = -1};
    assert_int_equal(bench_alternate(0, measure_ours, measure_peer, &j, &r), -1);
    assert_true(r.ratio == 7);
}

static json_t *written(int (*fill)(struct bench *))
{
    char path[] = "/tmp/test_bench.XXXXXX";
    char *argv[] = {"bench_unit", "--out", path, NULL};
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(fill(bench_open(3, argv, "unit")), 0);
    json_t *part = json_load_file(path, 0, NULL);
    unlink(path);
    assert_non_null(part);
    return part;
}

static int fill_rows(struct bench *bench)
{
    const struct ratio clear = {.ours = 30, .peer = 10, .ratio = 3, .low = 2.9, .high = 3.1, .pairs = 9};
    const struct ratio blurred = {.ours = 10, .peer = 10, .ratio = 1.01, .low = 0.9, .high = 1.1, .pairs = 9};

    bench_compare(bench, "clear", &clear, BENCH_AT_LEAST, 2);
    bench_compare(bench, "slow", &clear, BENCH_AT_MOST, 0.8);
    bench_compare(bench, "blurred", &blurred, BENCH_AT_LEAST, 1);
    bench_limit(bench, "budget", 90, 100, BENCH_AT_MOST);
    bench_limit(bench, "broken", 1, 0, BENCH_AT_LEAST);
    bench_tell(bench, "told", 5);
    bench_note(bench, "peer %d.%d", 2, 6);
    return bench_close(bench);
}

static void check_row(json_t *part, size_t i, const char *what, const char *asked, const char *met)
{
    json_t *row = json_array_get(json_object_get(part, "rows"), i), *got = json_object_get(row, "met");
    const char *key, *keys[] = {"what", "ours", "peer", "ratio", "asked", "met"};
    json_t *value;
    size_t n = 0;

    json_object_foreach(row, key, value) assert_string_equal(key, keys[n++]);
    assert_int_equal(n, 6);
    assert_string_equal(json_string_value(json_object_get(row, "what")), what);
    if (asked)
        assert_string_equal(json_string_value(json_object_get(row, "asked")), asked);
    else
        assert_true(json_is_null(json_object_get(row, "asked")));
    assert_string_equal(json_is_true(got) ? "yes" : json_is_false(got) ? "no" : "null", met);
}

static void test_rows_have_six_keys_and_a_verdict(void **state)
{
    json_t *part = written(fill_rows);
    json_t *detail = json_object_get(part, "detail");

    (void)state;
    assert_int_equal(json_array_size(json_object_get(part, "rows")), 6);
    check_row(part, 0, "unit: clear", ">= 2", "yes");
    check_row(part, 1, "unit: slow", "<= 0.8", "no");
    check_row(part, 2, "unit: blurred", ">= 1", "yes");
    check_row(part, 3, "unit: budget", "<= 1", "yes");
    check_row(part, 4, "unit: broken", ">= 1", "no");
    check_row(part, 5, "unit: told", NULL, "null");
    assert_true(json_is_true(json_object_get(json_object_get(detail, "unit: clear"), "sure")));
    assert_true(json_is_false(json_object_get(json_object_get(detail, "unit: blurred"), "sure")));
    assert_string_equal(json_string_value(json_array_get(json_object_get(part, "notes"), 0)), "peer 2.6");
    assert_true(json_integer_value(json_object_get(json_object_get(part, "machine"), "cores")) > 0);
    assert_int_equal(json_array_size(json_object_get(part, "load")), 3);
    assert_int_equal(strlen(json_string_value(json_object_get(part, "time"))), 20);
    json_decref(part);
}

static void test_nothing_measured_is_a_failure(void **state)
{
    char *argv[] = {"bench_unit", "--quick", NULL};
    struct bench *bench = bench_open(2, argv, "unit");

    (void)state;
    assert_true(bench_quick(bench));
    assert_int_equal(bench_close(bench), 1);
    assert_int_equal(bench_fail(bench_open(1, argv, "unit"), "planted: %s", "no peer"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_turns_change_their_order),
        cmocka_unit_test(test_a_failed_measurement_ends_it),
        cmocka_unit_test(test_rows_have_six_keys_and_a_verdict),
        cmocka_unit_test(test_nothing_measured_is_a_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
