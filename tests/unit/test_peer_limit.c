/* lib/net/peer_limit: counts by address, IPv6 by its first 64 bits, bounded. */
#include "lib/net/peer_limit.h"

#include "lib/base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void test_each_address_has_its_own_count(void **state)
{
    (void)state;
    struct peer_limit *limit = peer_limit_new(2, 100);
    bool first;
    assert_int_equal(peer_limit_take(limit, "192.0.2.1", NULL), 0);
    assert_int_equal(peer_limit_take(limit, "192.0.2.1", NULL), 0);
    assert_int_equal(peer_limit_take(limit, "192.0.2.1", &first), ERR_BUSY);
    assert_true(first);
    assert_int_equal(peer_limit_take(limit, "192.0.2.1", &first), ERR_BUSY);
    assert_false(first);
    assert_int_equal(peer_limit_take(limit, "192.0.2.2", NULL), 0);
    peer_limit_give(limit, "192.0.2.1");
    assert_int_equal(peer_limit_count(limit, "192.0.2.1"), 1);
    assert_int_equal(peer_limit_take(limit, "192.0.2.1", NULL), 0);
    peer_limit_free(limit);
}

static void test_one_ipv6_network_is_one_peer(void **state)
{
    (void)state;
    struct peer_limit *limit = peer_limit_new(2, 100);
    assert_int_equal(peer_limit_take(limit, "2001:db8::1", NULL), 0);
    assert_int_equal(peer_limit_take(limit, "2001:db8::ffff:2", NULL), 0);
    assert_int_equal(peer_limit_take(limit, "2001:db8::3", NULL), ERR_BUSY);
    assert_int_equal(peer_limit_take(limit, "2001:db8:0:1::1", NULL), 0);
    assert_int_equal(peer_limit_take(limit, "nonsense", NULL), ERR_INVALID);
    peer_limit_free(limit);
}

static void test_table_is_bounded_and_reused(void **state)
{
    (void)state;
    struct peer_limit *limit = peer_limit_new(1, 3000);
    char address[32];
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 3000; i++) {
            snprintf(address, sizeof(address), "10.0.%d.%d", i / 250, i % 250);
            assert_int_equal(peer_limit_take(limit, address, NULL), 0);
        }
        assert_int_equal(peer_limit_take(limit, "10.9.9.9", NULL), ERR_BUSY);
        for (int i = 0; i < 3000; i++) {
            snprintf(address, sizeof(address), "10.0.%d.%d", i / 250, i % 250);
            peer_limit_give(limit, address);
            assert_int_equal(peer_limit_count(limit, address), 0);
        }
    }
    peer_limit_give(limit, "10.0.0.1"); /* one too many: nothing */
    peer_limit_free(limit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_address_has_its_own_count),
        cmocka_unit_test(test_one_ipv6_network_is_one_peer),
        cmocka_unit_test(test_table_is_bounded_and_reused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
