/* The pool manager as a whole, on simulated hosts: pools get their size, people their desktops, faults their end. */
#include "tests/unit/poolmgr_site.h"

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/model/pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define FAKE "fake:h1?rdp=1&rdp_port=33890"

#define ANY SIZE_MAX

struct want {
    const char *pool;
    int state;
    size_t count;
    size_t total; /* ANY = no matter */
};

static bool is_as_wanted(struct site *site, void *arg)
{
    const struct want *w = arg;

    return site_has(site, w->pool, w->state, w->count) && (w->total == ANY || site_has(site, w->pool, -1, w->total));
}

static void reach(struct site *site, const char *pool, size_t ready)
{
    struct want w = {pool, DESKTOP_READY, ready, ready};

    if (!site_run_until(site, is_as_wanted, &w))
        fail_msg("pool %s has %zu desktops, %zu ready, not %zu", pool, site_count(site, pool, -1, false),
                 site_count(site, pool, DESKTOP_READY, false), ready);
}

static int open_site(void **state)
{
    struct site *site = MEM_NEW(struct site);

    site_open(site, FAKE);
    *state = site;
    return 0;
}

static int close_site(void **state)
{
    site_close(*state);
    free(*state);
    return 0;
}

static void a_pool_gets_its_size(void **state)
{
    struct site *site = *state;

    site_add_pool(site, "office", 3, 10, 1);
    reach(site, "office", 3);
    site_judge(site);
    site_scale(site, "office", 5, 10, 1);
    reach(site, "office", 5);
    site_scale(site, "office", 1, 10, 0);
    reach(site, "office", 1);
    site_judge(site);
}

static bool session_is_over(struct site *site, void *arg)
{
    struct store_session s;

    assert_int_equal(store_session_get(site->store, arg, &s, NULL), 0);
    return s.state == SESSION_ENDED;
}

static bool session_has_desktop(struct site *site, void *arg)
{
    struct store_session s;

    assert_int_equal(store_session_get(site->store, arg, &s, NULL), 0);
    return s.desktop[0] != '\0';
}

static void people_get_desktops_and_logoff_makes_fresh_ones(void **state)
{
    struct site *site = *state;
    struct store_session alice, bob, carol;

    site_add_pool(site, "office", 2, 2, 0);
    reach(site, "office", 2);
    site_connect(site, "office", "alice", &alice);
    site_connect(site, "office", "bob", &bob);
    site_connect(site, "office", "carol", &carol);
    assert_true(alice.desktop[0] && bob.desktop[0]);
    assert_string_equal(carol.desktop, "");
    assert_int_equal(store_session_ask(site->store, alice.id, SESSION_INTENT_LOGOFF, NULL), 0);
    assert_true(site_run_until(site, session_is_over, alice.id));
    assert_true(site_run_until(site, session_has_desktop, carol.id));
    reach(site, "office", 2);
    struct store_session again;
    assert_int_equal(store_session_get(site->store, carol.id, &again, NULL), 0);
    assert_string_not_equal(again.desktop, alice.desktop);
    site_judge(site);
}

static void scaling_down_leaves_people_alone(void **state)
{
    struct site *site = *state;
    struct store_session alice;

    site_add_pool(site, "office", 4, 4, 0);
    reach(site, "office", 4);
    site_connect(site, "office", "alice", &alice);
    site_scale(site, "office", 0, 1, 0);
    reach(site, "office", 1);
    struct store_session now;
    assert_int_equal(store_session_get(site->store, alice.id, &now, NULL), 0);
    assert_string_equal(now.desktop, alice.desktop);
    assert_int_not_equal(now.state, SESSION_ENDED);
}

static void failures_are_tried_again(void **state)
{
    struct site *site = *state;
    struct fake_host *h1 = fake_host_get("h1");

    fake_fail(h1, FAKE_DEFINE, 1, ERR_VIRT);
    fake_fail(h1, FAKE_RESERVE, 1, ERR_VIRT);
    fake_fail_after(h1, FAKE_START, 1, ERR_VIRT);
    fake_fail_after(h1, FAKE_CHANNEL, 1, ERR_VIRT);
    site_add_pool(site, "office", 3, 3, 0);
    reach(site, "office", 3);
    site_judge(site);
}

static void a_desktop_that_cannot_be_made_is_replaced(void **state)
{
    struct site *site = *state;

    fake_fail(fake_host_get("h1"), FAKE_DEFINE, 3, ERR_VIRT);
    site_add_pool(site, "office", 1, 1, 0);
    reach(site, "office", 1);
    site_judge(site);
}

static void a_crashed_desktop_is_replaced_and_its_person_told(void **state)
{
    struct site *site = *state;
    struct store_session alice;
    char domain[80];

    site_add_pool(site, "office", 2, 3, 0);
    reach(site, "office", 2);
    site_connect(site, "office", "alice", &alice);
    snprintf(domain, sizeof domain, "carrel-%s", alice.desktop_name);
    assert_int_equal(fake_domain_crash(fake_host_get("h1"), domain), 0);
    struct want w = {"office", DESKTOP_READY, 2, 2};
    assert_true(site_run_until(site, is_as_wanted, &w));
    /* She had not connected yet: she keeps her place and gets another one. */
    assert_true(site_run_until(site, session_has_desktop, alice.id));
    reach(site, "office", 2);
    site_judge(site);
}

static void a_restart_takes_over_what_is_there(void **state)
{
    struct site *site = *state;
    struct store_session alice, again;

    site_add_pool(site, "office", 3, 3, 0);
    reach(site, "office", 3);
    site_connect(site, "office", "alice", &alice);
    site_stop(site);
    uint32_t starts = fake_calls(fake_host_get("h1"), FAKE_START);
    site_start(site);
    site_run(site, 1500);
    reach(site, "office", 3);
    assert_int_equal(fake_calls(fake_host_get("h1"), FAKE_START), starts);
    assert_int_equal(store_session_get(site->store, alice.id, &again, NULL), 0);
    assert_string_equal(again.desktop, alice.desktop);
    site_judge(site);
}

static void domains_lost_while_away_are_made_again(void **state)
{
    struct site *site = *state;

    site_add_pool(site, "office", 3, 3, 0);
    reach(site, "office", 3);
    site_stop(site);
    fake_power_loss(fake_host_get("h1"));
    site_start(site);
    struct want w = {"office", DESKTOP_READY, 0, ANY};
    assert_true(site_run_until(site, is_as_wanted, &w));
    reach(site, "office", 3);
    site_judge(site);
}

static bool host_has_nothing_of_ours(struct site *site, void *arg)
{
    struct virt_domain *domains CLEANUP_FREE = NULL;
    size_t count = 0;

    (void)site;
    assert_int_equal(virt_domain_list(arg, "carrel-", &domains, &count, NULL), 0);
    return count == 0;
}

static void strays_are_removed(void **state)
{
    struct site *site = *state;
    struct virt *virt = NULL;
    char path[128];

    assert_int_equal(virt_open("fake:h1", NULL, NULL, &virt, NULL), 0);
    const struct virt_domain_spec spec = {
        .name = "carrel-office-007", .memory_mib = 64, .vcpus = 1, .disk = {"/nowhere/x.qcow2", "qcow2"}};
    assert_int_equal(virt_domain_define(virt, &spec, NULL), 0);
    assert_int_equal(virt_domain_start(virt, spec.name, NULL), 0);
    site_stop(site);
    snprintf(path, sizeof path, "%s/storage/office-007.qcow2", site->dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fclose(f);
    site_start(site);
    assert_true(site_run_until(site, host_has_nothing_of_ours, virt));
    site_run(site, 300);
    assert_int_equal(site_overlays(site), 0);
    virt_close(virt);
}

static void a_hung_host_stalls_only_itself(void **state)
{
    struct site *site = *state;
    struct fake_host *hung = fake_host_get("h2");

    site_add_host(site, "h2", "fake:h2?rdp=1&rdp_port=33890&memory_mib=1048576"); /* the emptiest: chosen first */
    site_add_pool(site, "office", 2, 4, 0);
    reach(site, "office", 2);
    fake_hang(hung, FAKE_DEFINE, true);
    fake_hang(hung, FAKE_LIST, true);
    site_add_pool(site, "works", 1, 1, 0);
    site_run(site, 500);
    struct store_pool pool;
    assert_int_equal(store_pool_get(site->store, "works", &pool, NULL), 0);
    snprintf(pool.host, sizeof pool.host, "h1");
    assert_int_equal(store_pool_update(site->store, &pool, clock_wall_ms(), NULL), 0);
    site_scale(site, "works", 3, 3, 0);
    struct want two = {"works", DESKTOP_READY, 2, ANY}; /* the third one is on the host that hangs */
    assert_true(site_run_until(site, is_as_wanted, &two));
    fake_down(hung, true); /* its calls come back with an error */
    fake_hang(hung, FAKE_DEFINE, false);
    fake_hang(hung, FAKE_LIST, false);
    site_run(site, 500);
    fake_down(hung, false);
    reach(site, "works", 3);
    reach(site, "office", 2);
    site_judge(site);
}

static void a_host_that_fails_is_replaced_and_comes_back(void **state)
{
    struct site *site = *state;
    struct fake_host *h1 = fake_host_get("h1");
    struct store_session alice;

    site_add_pool(site, "office", 2, 2, 0);
    reach(site, "office", 2);
    site_connect(site, "office", "alice", &alice);
    fake_down(h1, true);
    site_run(site, 300);
    site_add_host(site, "h2", "fake:h2?rdp=1&rdp_port=33890");
    struct want w = {"office", DESKTOP_READY, 2, ANY};
    assert_true(site_run_until(site, is_as_wanted, &w));
    assert_true(site_run_until(site, session_has_desktop, alice.id)); /* she had not come yet: her place is kept */
    fake_down(h1, false);
    reach(site, "office", 2);
    site_judge(site);
}

static void a_broken_connection_is_mended(void **state)
{
    struct site *site = *state;
    struct store_session alice;
    struct fake_host *h1 = fake_host_get("h1");
    char domain[80];

    site_add_pool(site, "office", 2, 2, 0);
    reach(site, "office", 2);
    uint32_t starts = fake_calls(h1, FAKE_START);
    fake_disconnect(h1);
    site_run(site, 2500);
    reach(site, "office", 2);
    assert_int_equal(fake_calls(h1, FAKE_START), starts);
    site_connect(site, "office", "alice", &alice);
    assert_int_equal(store_session_prepared(site->store, alice.id, alice.desktop, "alice", clock_wall_ms(), NULL), 0);
    snprintf(domain, sizeof domain, "carrel-%s", alice.desktop_name);
    assert_int_equal(fake_guest_logon(h1, domain, "alice"), 0);
    site_run(site, 300);
    assert_int_equal(fake_guest_logoff(h1, domain, "alice"), 0);
    assert_true(site_run_until(site, session_is_over, alice.id));
    reach(site, "office", 2);
    site_judge(site);
}

/* Whatever one guest says: the others work, and nobody else's session ends. */
static void a_hostile_guest_harms_only_itself(void **state)
{
    struct site *site = *state;
    struct fake_host *h1 = fake_host_get("h1");
    struct store_session alice, bob;
    char domain[80], flood[8192];
    static const char *const words[] = {
        "{\"event\":\"logoff\",\"user\":\"alice\"}\n",
        "{\"event\":\"up\"}\n",
        "not json\n",
        "{\"id\":1,\"ok\":true}\n",
        "{\"event\":\"logoff\",\"user\":\"../../etc\"}\n",
    };

    site_add_pool(site, "office", 2, 2, 0);
    reach(site, "office", 2);
    site_connect(site, "office", "alice", &alice);
    site_connect(site, "office", "bob", &bob);
    assert_int_equal(store_session_prepared(site->store, alice.id, alice.desktop, "alice", clock_wall_ms(), NULL), 0);
    assert_int_equal(store_session_prepared(site->store, bob.id, bob.desktop, "bob", clock_wall_ms(), NULL), 0);
    snprintf(domain, sizeof domain, "carrel-%s", bob.desktop_name);
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        assert_int_equal(fake_guest_say(h1, domain, words[i], strlen(words[i])), 0);
        site_run(site, 60);
    }
    memset(flood, 'x', sizeof flood);
    for (int i = 0; i < 64; i++)
        fake_guest_say(h1, domain, flood, sizeof flood);
    site_run(site, 300);
    assert_true(site->daemon->manager.counters.guests_refused > 0);
    struct store_session now;
    assert_int_equal(store_session_get(site->store, alice.id, &now, NULL), 0);
    assert_int_not_equal(now.state, SESSION_ENDED);
    site_judge(site);
}

static void nobody_is_told_of_a_pinned_certificate_that_changed(void **state)
{
    struct site *site = *state;
    struct fake_host *h1 = fake_host_get("h1");
    struct store_desktop before, after;
    static const char other[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

    site_add_pool(site, "office", 1, 1, 0);
    reach(site, "office", 1);
    assert_int_equal(store_desktop_get_named(site->store, "office-001", &before, NULL), 0);
    assert_int_equal(fake_guest_cert(h1, "carrel-office-001", other), 0);
    fake_disconnect(h1);
    site_run(site, 2500);
    assert_int_equal(store_desktop_get_named(site->store, "office-001", &after, NULL), 0);
    assert_string_equal(after.cert_sha256, before.cert_sha256);
}

static void a_pool_that_is_deleted_goes(void **state)
{
    struct site *site = *state;
    struct store_session alice;
    struct store_pool pool;

    site_add_pool(site, "office", 2, 2, 0);
    reach(site, "office", 2);
    site_connect(site, "office", "alice", &alice);
    assert_int_equal(store_pool_get(site->store, "office", &pool, NULL), 0);
    snprintf(pool.state, sizeof pool.state, "%s", POOL_STATE_DELETING);
    assert_int_equal(store_pool_update(site->store, &pool, clock_wall_ms(), NULL), 0);
    reach(site, "office", 0);
    assert_true(site_run_until(site, session_is_over, alice.id));
    assert_int_equal(site_overlays(site), 0);
}

static bool one_boots(struct site *site, void *arg)
{
    (void)arg;
    return site_count(site, "office", DESKTOP_BOOTING, false) > 0;
}

static bool none_is_left(struct site *site, void *arg)
{
    (void)arg;
    return site_has(site, "office", -1, 0);
}

/* libvirt's own test driver runs no guests: desktops come as far as booting, and go again without a trace. */
static void on_libvirts_test_driver(void **state)
{
    struct site *site = *state;
    struct store_pool pool;

    site_add_host(site, "t", "test:///default");
    site_add_pool(site, "office", 0, 4, 0);
    assert_int_equal(store_pool_get(site->store, "office", &pool, NULL), 0);
    snprintf(pool.host, sizeof pool.host, "t");
    snprintf(pool.network, sizeof pool.network, "default");
    pool.size_min = 2;
    assert_int_equal(store_pool_update(site->store, &pool, clock_wall_ms(), NULL), 0);
    if (!site_run_until(site, one_boots, NULL)) {
        struct store_desktop row;
        assert_int_equal(store_desktop_get_named(site->store, "office-001", &row, NULL), 0);
        fail_msg("%s: %s", sm_name(&desktop_sm, row.state), row.error);
    }
    site_scale(site, "office", 0, 4, 0);
    assert_true(site_run_until(site, none_is_left, NULL));
    assert_int_equal(site_overlays(site), 0);
}

static bool note_is(struct site *site, void *arg)
{
    char *note CLEANUP_FREE = NULL;

    if (store_setting_get(site->store, POOL_NOTE_SETTING "office", &note, NULL))
        return false;
    return !strcmp(note, arg);
}

static void a_degraded_pool_says_why_and_heals(void **state)
{
    struct site *site = *state;
    struct store_pool pool;

    site_add_pool(site, "office", 0, 2, 0);
    assert_int_equal(store_pool_get(site->store, "office", &pool, NULL), 0);
    pool.memory_mib = 1 << 20;
    pool.size_min = 1;
    assert_int_equal(store_pool_update(site->store, &pool, clock_wall_ms(), NULL), 0);
    char why[] = "h1 has too little memory free";
    assert_true(site_run_until(site, note_is, why));
    assert_int_equal(store_pool_get(site->store, "office", &pool, NULL), 0);
    pool.memory_mib = 256;
    assert_int_equal(store_pool_update(site->store, &pool, clock_wall_ms(), NULL), 0);
    reach(site, "office", 1);
    char nothing[] = "";
    assert_true(site_run_until(site, note_is, nothing));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_pool_gets_its_size, open_site, close_site),
        cmocka_unit_test_setup_teardown(people_get_desktops_and_logoff_makes_fresh_ones, open_site, close_site),
        cmocka_unit_test_setup_teardown(scaling_down_leaves_people_alone, open_site, close_site),
        cmocka_unit_test_setup_teardown(failures_are_tried_again, open_site, close_site),
        cmocka_unit_test_setup_teardown(a_desktop_that_cannot_be_made_is_replaced, open_site, close_site),
        cmocka_unit_test_setup_teardown(a_crashed_desktop_is_replaced_and_its_person_told, open_site, close_site),
        cmocka_unit_test_setup_teardown(a_restart_takes_over_what_is_there, open_site, close_site),
        cmocka_unit_test_setup_teardown(domains_lost_while_away_are_made_again, open_site, close_site),
        cmocka_unit_test_setup_teardown(strays_are_removed, open_site, close_site),
        cmocka_unit_test_setup_teardown(a_hung_host_stalls_only_itself, open_site, close_site),
        cmocka_unit_test_setup_teardown(a_host_that_fails_is_replaced_and_comes_back, open_site, close_site),
        cmocka_unit_test_setup_teardown(a_broken_connection_is_mended, open_site, close_site),
        cmocka_unit_test_setup_teardown(a_hostile_guest_harms_only_itself, open_site, close_site),
        cmocka_unit_test_setup_teardown(nobody_is_told_of_a_pinned_certificate_that_changed, open_site, close_site),
        cmocka_unit_test_setup_teardown(a_pool_that_is_deleted_goes, open_site, close_site),
        cmocka_unit_test_setup_teardown(on_libvirts_test_driver, open_site, close_site),
        cmocka_unit_test_setup_teardown(a_degraded_pool_says_why_and_heals, open_site, close_site),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
