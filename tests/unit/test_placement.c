/* placement.c: who gets the next desktop, and what is said when nobody may. */
#include "poolmgr/placement.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const struct placement_need small = {.memory_mib = 512, .disk_bytes = 1 << 20};

static struct placement_host host(const char *name, uint64_t memory_mib, uint64_t reserved_mib)
{
    return (struct placement_host){.name = name,
                                   .up = 1,
                                   .open = 1,
                                   .memory_mib = memory_mib,
                                   .reserved_mib = reserved_mib,
                                   .disk_free_bytes = UINT64_MAX};
}

static void each_refusal(void **state)
{
    (void)state;
    struct placement_need labelled = small;
    labelled.label = "gpu";
    struct placement_host h = host("a", 1024, 0);

    assert_int_equal(placement_check(&h, &small), PLACEMENT_FITS);
    assert_int_equal(placement_check(&h, &labelled), PLACEMENT_LABEL);
    h.labels = "ssd, gpu-big,gpu";
    assert_int_equal(placement_check(&h, &labelled), PLACEMENT_FITS);
    h.labels = "gpus";
    assert_int_equal(placement_check(&h, &labelled), PLACEMENT_LABEL);
    h.reserved_mib = 513;
    assert_int_equal(placement_check(&h, &small), PLACEMENT_MEMORY);
    h.reserved_mib = 5000; /* overcommitted by hand: no wrap-around */
    assert_int_equal(placement_check(&h, &small), PLACEMENT_MEMORY);
    h.reserved_mib = 512;
    assert_int_equal(placement_check(&h, &small), PLACEMENT_FITS);
    h.disk_free_bytes = 5;
    assert_int_equal(placement_check(&h, &small), PLACEMENT_DISK);
    h.max_desktops = h.desktops = 3;
    assert_int_equal(placement_check(&h, &small), PLACEMENT_DESKTOPS);
    h.up = 0;
    assert_int_equal(placement_check(&h, &small), PLACEMENT_DOWN);
    h.open = 0;
    assert_int_equal(placement_check(&h, &small), PLACEMENT_CLOSED);
}

static void spreads_or_packs(void **state)
{
    (void)state;
    char why[128];
    struct placement_host hosts[] = {host("a", 8192, 7000), host("b", 8192, 1000), host("c", 2048, 2000)};

    assert_int_equal(placement_pick(hosts, 3, &small, PLACEMENT_SPREAD, why, sizeof why), 1);
    assert_int_equal(placement_pick(hosts, 3, &small, PLACEMENT_PACK, why, sizeof why), 0);
}

static void ties_are_broken_the_same_way(void **state)
{
    (void)state;
    char why[128];
    struct placement_host hosts[] = {host("b", 4096, 0), host("a", 4096, 0)};

    assert_int_equal(placement_pick(hosts, 2, &small, PLACEMENT_SPREAD, why, sizeof why), 1);
    hosts[1].desktops = 1;
    assert_int_equal(placement_pick(hosts, 2, &small, PLACEMENT_SPREAD, why, sizeof why), 0);
    hosts[0].starting = 1;
    assert_int_equal(placement_pick(hosts, 2, &small, PLACEMENT_SPREAD, why, sizeof why), 1);
}

static void spread_evens_out(void **state)
{
    (void)state;
    char why[128];
    struct placement_host hosts[] = {host("a", 65536, 0), host("b", 65536, 0), host("c", 65536, 0)};

    for (int i = 0; i < 99; i++) {
        int pick = placement_pick(hosts, 3, &small, PLACEMENT_SPREAD, why, sizeof why);
        assert_in_range(pick, 0, 2);
        hosts[pick].reserved_mib += small.memory_mib;
        hosts[pick].desktops++;
    }
    for (int i = 0; i < 3; i++)
        assert_int_equal(hosts[i].desktops, 33);
}

static void nobody_may(void **state)
{
    (void)state;
    char why[256] = "";
    struct placement_host hosts[] = {host("alpha", 256, 0), host("beta", 8192, 0)};
    hosts[1].up = 0;

    assert_int_equal(placement_pick(hosts, 2, &small, PLACEMENT_SPREAD, why, sizeof why), -1);
    assert_string_equal(why, "alpha has too little memory free; beta is not connected");
    assert_int_equal(placement_pick(hosts, 0, &small, PLACEMENT_SPREAD, why, sizeof why), -1);
    assert_string_equal(why, "there is no host");
    char tight[12];
    assert_int_equal(placement_pick(hosts, 2, &small, PLACEMENT_SPREAD, tight, sizeof tight), -1);
    assert_string_equal(tight, "alpha has t");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_refusal),
        cmocka_unit_test(spreads_or_packs),
        cmocka_unit_test(ties_are_broken_the_same_way),
        cmocka_unit_test(spread_evens_out),
        cmocka_unit_test(nobody_may),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
