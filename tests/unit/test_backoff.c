/* backoff.c: waits double up to the longest, a failing object heals by itself. */
#include "poolmgr/backoff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void waits_double(void **state)
{
    (void)state;
    struct backoff b;
    const int64_t waits[] = {1000, 2000, 4000, 8000, 10000, 10000};

    backoff_init(&b, 1000, 10000, 3);
    assert_true(backoff_due(&b, 0));
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        backoff_failed(&b, 500, "no space is left on /srv");
        assert_int_equal(b.next_ms, 500 + waits[i]);
        assert_false(backoff_due(&b, b.next_ms - 1));
        assert_true(backoff_due(&b, b.next_ms));
        assert_int_equal(backoff_degraded(&b), i >= 2);
    }
    for (int i = 0; i < 100; i++)
        backoff_failed(&b, 0, "still");
    assert_int_equal(b.next_ms, 10000);
    assert_string_equal(b.cause, "still");
    assert_true(backoff_worked(&b));
    assert_false(backoff_worked(&b));
    assert_true(backoff_due(&b, 0));
    assert_string_equal(b.cause, "");
}

static void one_canary_after_failures(void **state)
{
    (void)state;
    struct backoff b;

    backoff_init(&b, 1000, 10000, 3);
    assert_int_equal(backoff_grant(&b, 0, 7), 7);
    backoff_failed(&b, 0, "x");
    assert_int_equal(backoff_grant(&b, 999, 7), 0);
    assert_int_equal(backoff_grant(&b, 1000, 7), 1);
    assert_int_equal(backoff_grant(&b, 1000, 0), 0);
    backoff_worked(&b);
    assert_int_equal(backoff_grant(&b, 1000, 7), 7);
}

static void a_long_cause_is_cut(void **state)
{
    (void)state;
    struct backoff b;
    char cause[1000];

    memset(cause, 'x', sizeof cause - 1);
    cause[sizeof cause - 1] = '\0';
    backoff_init(&b, 1, 1, 1);
    backoff_failed(&b, 0, cause);
    assert_int_equal(strlen(b.cause), BACKOFF_CAUSE_SIZE - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_double),
        cmocka_unit_test(one_canary_after_failures),
        cmocka_unit_test(a_long_cause_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
