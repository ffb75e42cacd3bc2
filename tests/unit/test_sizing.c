/* sizing.c: the table of plans, and its invariants over every small pool. */
#include "poolmgr/sizing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

struct row {
    const char *what;
    struct sizing_limits limits;
    struct sizing_counts counts;
    struct sizing_plan plan;
};

static const struct row table[] = {
    {"a new pool gets its min", {2, 10, 1}, {0}, {2, 0, SIZING_BELOW}},
    {"spare above min counts", {1, 10, 3}, {0}, {3, 0, SIZING_BELOW}},
    {"those coming count", {2, 10, 1}, {.coming = 2}, {0, 0, SIZING_FITS}},
    {"one taken: the spare is there already", {2, 10, 1}, {.used = 1, .ready = 1}, {0, 0, SIZING_FITS}},
    {"both taken: one spare is made", {2, 10, 1}, {.used = 2}, {1, 0, SIZING_BELOW}},
    {"people who wait come on top of the spare", {2, 10, 1}, {.used = 2, .waiting = 3}, {4, 0, SIZING_BELOW}},
    {"max bounds the crowd", {2, 2, 1}, {.used = 2, .waiting = 48}, {0, 0, SIZING_AT_MAX}},
    {"max bounds what is made", {0, 5, 0}, {.waiting = 50}, {5, 0, SIZING_BELOW}},
    {"those leaving hold their room", {2, 2, 0}, {.used = 1, .leaving = 1, .waiting = 3}, {0, 0, SIZING_CLEARING}},
    {"room above those leaving is used", {2, 3, 0}, {.used = 1, .leaving = 1, .waiting = 3}, {1, 0, SIZING_BELOW}},
    {"a failed host's desktops are made elsewhere", {4, 8, 0}, {.ready = 2, .lost = 2}, {2, 0, SIZING_BELOW}},
    {"even at max: people come first", {4, 4, 0}, {.ready = 2, .lost = 2}, {2, 0, SIZING_BELOW}},
    {"its desktops come back: too many", {4, 8, 0}, {.ready = 6}, {0, 2, SIZING_ABOVE}},
    {"broken ones hold their room", {2, 2, 0}, {.ready = 1, .broken = 1}, {0, 0, SIZING_CLEARING}},
    {"scaled down: idle ones go", {1, 10, 0}, {.ready = 4}, {0, 3, SIZING_ABOVE}},
    {"scaled down: people stay", {0, 1, 0}, {.used = 4, .ready = 2}, {0, 2, SIZING_ABOVE}},
    {"scaled to nothing: nobody is thrown out", {0, 0, 0}, {.used = 3}, {0, 0, SIZING_AT_MAX}},
    {"min above max is max", {9, 3, 0}, {0}, {3, 0, SIZING_BELOW}},
    {"a closed empty pool", {0, 0, 0}, {0}, {0, 0, SIZING_FITS}},
    {"none is removed that somebody waits for", {0, 2, 0}, {.used = 2, .ready = 2, .waiting = 1}, {0, 1, SIZING_ABOVE}},
    {"sums saturate", {0, UINT32_MAX, UINT32_MAX}, {.used = UINT32_MAX, .waiting = 9}, {0, 0, SIZING_FITS}},
};

static void plans_of_the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct sizing_plan plan = sizing_plan(&table[i].limits, &table[i].counts);
        if (plan.make != table[i].plan.make || plan.remove != table[i].plan.remove ||
            plan.reason != table[i].plan.reason)
            fail_msg("%s: make %u remove %u reason %d", table[i].what, plan.make, plan.remove, (int)plan.reason);
    }
}

static void hold_invariants(const struct sizing_limits *l, const struct sizing_counts *c)
{
    struct sizing_plan plan = sizing_plan(l, c);
    uint32_t idle = c->coming + c->ready;
    uint32_t exist = idle + c->used + c->leaving + c->broken;

    assert_true(!plan.make || !plan.remove);
    assert_true(plan.make == 0 || exist + plan.make <= l->max);
    assert_true(plan.remove <= idle);
    assert_true(plan.remove == 0 || idle - plan.remove >= c->waiting);
    /* Applying the plan gives a pool that fits: sizing converges in one step. */
    struct sizing_counts after = *c;
    after.coming += plan.make;
    uint32_t from_coming = plan.remove < after.coming ? plan.remove : after.coming;
    after.coming -= from_coming;
    after.ready -= plan.remove - from_coming;
    struct sizing_plan next = sizing_plan(l, &after);
    assert_int_equal(next.make, 0);
    assert_int_equal(next.remove, 0);
}

static void every_small_pool_converges(void **state)
{
    (void)state;
    enum { N = 3 };
    for (unsigned x = 0; x < 1u << 20; x++) { /* ten numbers of two bits each */
        struct sizing_limits l = {x & N, x >> 2 & N, x >> 4 & N};
        struct sizing_counts c = {x >> 6 & N,  x >> 8 & N,  x >> 10 & N, x >> 12 & N,
                                  x >> 14 & N, x >> 16 & N, x >> 18 & N};
        hold_invariants(&l, &c);
    }
}

static void removal_prefers_outdated_then_least_far_then_youngest(void **state)
{
    (void)state;
    struct sizing_candidate c[] = {
        {.progress = 5, .since_ms = 100, .index = 0}, {.progress = 5, .since_ms = 200, .index = 1},
        {.progress = 1, .since_ms = 50, .index = 2},  {.progress = 5, .since_ms = 10, .image_behind = 1, .index = 3},
        {.progress = 5, .since_ms = 100, .index = 4},
    };
    const uint32_t expected[] = {3, 2, 1, 0, 4};

    qsort(c, 5, sizeof *c, sizing_candidate_order);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(c[i].index, expected[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plans_of_the_table),
        cmocka_unit_test(every_small_pool_converges),
        cmocka_unit_test(removal_prefers_outdated_then_least_far_then_youngest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
