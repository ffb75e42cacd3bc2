/* lib/store: each entity's operations, on both engines. */
#include "lib/base/text.h"
#include "lib/model/pool.h"
#include "lib/store/store_assignment.h"
#include "lib/store/store_entitlement.h"
#include "lib/store/store_gateway.h"
#include "lib/store/store_host.h"
#include "lib/store/store_image.h"
#include "lib/store/store_lease.h"
#include "lib/store/store_login.h"
#include "tests/store/rows.h"

#include <string.h>

static struct store *store_of(void **state)
{
    return ((struct fixture *)*state)->store;
}

static void settings_are_kept_and_replaced(void **state)
{
    struct store *store = store_of(state);
    char *value = NULL;
    assert_int_equal(store_setting_get(store, "site", &value, NULL), ERR_NOT_FOUND);
    assert_null(value);
    assert_ok(store_setting_set(store, "site", "north", ERR));
    assert_ok(store_setting_set(store, "site", "süd", ERR));
    assert_ok(store_setting_get(store, "site", &value, ERR));
    assert_string_equal(value, "süd");
    free(value);
}

static void text_that_is_not_utf8_or_too_long_is_refused(void **state)
{
    struct store *store = store_of(state);
    struct error e = {0};
    char name[STORE_NAME_SIZE + 1];
    memset(name, 'x', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    assert_int_equal(store_setting_set(store, "bad", "\xff\xfe", &e), ERR_INVALID);
    assert_non_null(strstr(e.text, "UTF-8"));
    assert_int_equal(store_setting_set(store, name, "v", &e), ERR_TOO_BIG);
}

static void images_get_versions_and_move_by_their_state(void **state)
{
    struct store *store = store_of(state);
    struct store_image a = {.name = "win", .source = "/x"}, b = {.name = "win"}, got;
    struct store_image_patch patch = STORE_IMAGE_KEEP;
    struct error e = {0};
    assert_ok(store_image_add(store, &a, 1, ERR));
    assert_ok(store_image_add(store, &b, 2, ERR));
    assert_int_equal(a.version, 1);
    assert_int_equal(b.version, 2);
    b.version = 2;
    assert_int_equal(store_image_add(store, &b, 2, &e), ERR_EXISTS);
    assert_non_null(strstr(e.text, "win@2"));
    assert_int_equal(store_image_get(store, "win", 0, &got, NULL), ERR_NOT_FOUND);
    patch.path = "/images/win@1/disk.qcow2";
    patch.virtual_size = 42;
    assert_ok(store_image_move(store, 0, "win", 1, IMAGE_STATE_IMPORTING, IMAGE_STATE_SEALED, &patch, 3, ERR));
    assert_int_equal(store_image_move(store, 0, "win", 1, IMAGE_STATE_IMPORTING, IMAGE_STATE_SEALED, NULL, 3, NULL),
                     ERR_CONFLICT);
    assert_int_equal(store_image_move(store, 0, "win", 9, IMAGE_STATE_IMPORTING, IMAGE_STATE_SEALED, NULL, 3, NULL),
                     ERR_NOT_FOUND);
    assert_ok(store_image_move(store, 0, "win", 1, IMAGE_STATE_SEALED, IMAGE_STATE_PUBLISHED, NULL, 7, ERR));
    assert_ok(store_image_get(store, "win", 0, &got, ERR));
    assert_int_equal(got.version, 1);
    assert_int_equal(got.published_at, 7);
    assert_int_equal(got.virtual_size, 42);
    assert_string_equal(got.path, "/images/win@1/disk.qcow2");
}

static void an_image_in_use_stays(void **state)
{
    struct store *store = store_of(state);
    struct store_image *images = NULL;
    size_t count = 0;
    rows_pool(store, "office", POOL_KIND_FLOATING);
    assert_int_equal(store_image_remove(store, 0, "debian", 1, NULL), ERR_CONFLICT);
    assert_ok(store_pool_remove(store, 0, "office", ERR));
    assert_ok(store_image_remove(store, 0, "debian", 1, ERR));
    assert_ok(store_image_list(store, NULL, &images, &count, ERR));
    assert_int_equal(count, 0);
    free(images);
}

static void hosts_are_reported_and_removed_when_empty(void **state)
{
    struct store *store = store_of(state);
    struct store_host host = {.name = "h1", .uri = "test:///default"}, got;
    struct store_host *hosts = NULL;
    size_t count = 0;
    assert_ok(store_host_add(store, &host, 5, ERR));
    assert_int_equal(store_host_add(store, &host, 5, NULL), ERR_EXISTS);
    assert_ok(store_host_report(store, 0, "h1", 4096, 8, 77, "it hangs", ERR));
    assert_ok(store_host_report(store, 0, "h1", 0, 0, 0, NULL, ERR));
    assert_ok(store_host_get(store, "h1", &got, ERR));
    assert_int_equal(got.memory_mib, 4096);
    assert_int_equal(got.seen_at, 77);
    assert_string_equal(got.error, "it hangs");
    assert_string_equal(got.state, HOST_STATE_ACTIVE);
    assert_ok(store_host_move(store, 0, "h1", HOST_STATE_ACTIVE, HOST_STATE_DRAINING, ERR));
    assert_int_equal(store_host_move(store, 0, "h1", HOST_STATE_ACTIVE, HOST_STATE_FAILED, NULL), ERR_CONFLICT);
    assert_ok(store_host_list(store, &hosts, &count, ERR));
    assert_int_equal(count, 1);
    free(hosts);
    assert_ok(store_host_remove(store, 0, "h1", ERR));
    assert_int_equal(store_host_remove(store, 0, "h1", NULL), ERR_NOT_FOUND);
}

static void pools_are_changed_only_by_who_saw_the_last_revision(void **state)
{
    struct store *store = store_of(state);
    struct store_pool mine, theirs;
    rows_pool(store, "office", POOL_KIND_FLOATING);
    assert_ok(store_pool_get(store, "office", &mine, ERR));
    theirs = mine;
    mine.size_max = 9;
    assert_ok(store_pool_update(store, &mine, ROWS_NOW + 1, ERR));
    assert_int_equal(mine.revision, 2);
    theirs.spare = 5;
    assert_int_equal(store_pool_update(store, &theirs, ROWS_NOW + 1, NULL), ERR_CONFLICT);
    assert_ok(store_pool_booted(store, 0, "office", 8000, ERR));
    assert_ok(store_pool_booted(store, 0, "office", 16000, ERR));
    assert_ok(store_pool_get(store, "office", &theirs, ERR));
    assert_int_equal(theirs.size_max, 9);
    assert_int_equal(theirs.spare, 1);
    assert_int_equal(theirs.boot_ms, 9000);
    text_copy(mine.image, sizeof(mine.image), "nothing");
    assert_int_equal(store_pool_update(store, &mine, ROWS_NOW + 1, NULL), ERR_NOT_FOUND);
}

static void entitlements_of_people_and_groups_decide(void **state)
{
    struct store *store = store_of(state);
    const char *groups[] = {"contractors", "Engineers"};
    struct store_entitlement row;
    struct store_pool *pools = NULL;
    size_t count = 0;
    rows_pool(store, "lab", POOL_KIND_FLOATING);
    rows_pool(store, "office", POOL_KIND_FLOATING);
    assert_int_equal(store_entitlement_add(store, "none", "group", "x", 1, NULL), ERR_NOT_FOUND);
    assert_int_equal(store_entitlement_add(store, "office", "team", "x", 1, NULL), ERR_INVALID);
    assert_ok(store_entitlement_add(store, "office", "group", "engineers", 1, ERR));
    assert_ok(store_entitlement_add(store, "lab", "user", "Alice", 1, ERR));
    assert_int_equal(store_entitlement_add(store, "lab", "user", "alice", 1, NULL), ERR_EXISTS);
    assert_ok(store_entitlement_check(store, "office", "carol", groups, 2, &row, ERR));
    assert_string_equal(row.subject, "engineers");
    assert_int_equal(store_entitlement_check(store, "office", "dave", groups, 1, NULL, NULL), ERR_NOT_ENTITLED);
    assert_int_equal(store_entitlement_check(store, "cellar", "dave", NULL, 0, NULL, NULL), ERR_NOT_FOUND);
    assert_ok(store_entitlement_pools(store, "alice", groups, 2, &pools, &count, ERR));
    assert_int_equal(count, 2);
    assert_string_equal(pools[0].name, "lab");
    free(pools);
    assert_ok(store_entitlement_pools(store, "bob", NULL, 0, &pools, &count, ERR));
    assert_int_equal(count, 0);
    free(pools);
    assert_ok(store_entitlement_remove(store, "office", "group", "ENGINEERS", ERR));
    assert_int_equal(store_entitlement_check(store, "office", "carol", groups, 2, NULL, NULL), ERR_NOT_ENTITLED);
}

static void desktops_are_numbered_and_bounded(void **state)
{
    struct store *store = store_of(state);
    struct store_pool pool;
    struct store_desktop a, b, c, got;
    rows_pool(store, "office", POOL_KIND_FLOATING);
    assert_ok(store_pool_get(store, "office", &pool, ERR));
    pool.size_max = 2;
    assert_ok(store_pool_update(store, &pool, 1, ERR));
    assert_ok(store_desktop_add(store, 0, "office", "me", 10, &a, ERR));
    assert_ok(store_desktop_add(store, 0, "office", "me", 10, &b, ERR));
    assert_string_equal(a.name, "office-001");
    assert_string_equal(b.name, "office-002");
    assert_int_equal(store_desktop_add(store, 0, "office", "me", 10, &c, NULL), ERR_BUSY);
    assert_ok(store_desktop_move(store, 0, a.id, DESKTOP_REQUESTED, DESKTOP_DELETING, NULL, 0, NULL, 20, ERR));
    assert_ok(store_desktop_add(store, 0, "office", "me", 30, &c, ERR));
    assert_int_equal(c.number, 3);
    assert_int_equal(store_desktop_remove(store, 0, a.id, NULL), ERR_CONFLICT);
    assert_ok(store_desktop_move(store, 0, a.id, DESKTOP_DELETING, DESKTOP_GONE, NULL, 0, NULL, 40, ERR));
    assert_ok(store_desktop_remove(store, 0, a.id, ERR));
    assert_int_equal(store_desktop_get(store, a.id, &got, NULL), ERR_NOT_FOUND);
    assert_ok(store_desktop_get_named(store, "office-003", &got, ERR));
    assert_string_equal(got.id, c.id);
    assert_string_equal(got.image, "debian");
    assert_ok(store_desktop_move(store, 0, b.id, DESKTOP_REQUESTED, DESKTOP_DELETING, NULL, 0, NULL, 50, ERR));
    assert_ok(store_desktop_add(store, 0, "office", "me", 60, &a, ERR));
    assert_int_equal(a.number, 1);
    pool.size_max = 9;
    assert_ok(store_pool_update(store, &pool, 1, ERR));
    assert_ok(store_desktop_add(store, 0, "office", "me", 60, &a, ERR));
    assert_int_equal(a.number, 4);
}

static void moves_of_desktops_are_compare_and_swap(void **state)
{
    struct store *store = store_of(state);
    struct store_desktop d;
    struct store_desktop_patch patch = STORE_DESKTOP_KEEP;
    struct error e = {0};
    rows_pool(store, "office", POOL_KIND_FLOATING);
    assert_ok(store_desktop_add(store, 0, "office", "me", 10, &d, ERR));
    assert_int_equal(store_desktop_move(store, 0, d.id, DESKTOP_REQUESTED, DESKTOP_READY, NULL, 0, NULL, 20, &e),
                     ERR_ILLEGAL_MOVE);
    patch.mac = "52:54:00:00:00:01";
    assert_ok(store_desktop_move(store, 0, d.id, DESKTOP_REQUESTED, DESKTOP_CLONING, "w1", 500, &patch, 20, ERR));
    assert_int_equal(store_desktop_move(store, 0, d.id, DESKTOP_REQUESTED, DESKTOP_CLONING, "w2", 0, NULL, 20, &e),
                     ERR_CONFLICT);
    assert_non_null(strstr(e.text, "no longer requested but cloning"));
    assert_ok(store_desktop_get(store, d.id, &d, ERR));
    assert_int_equal(d.state, DESKTOP_CLONING);
    assert_string_equal(d.owner, "w1");
    assert_int_equal(d.deadline, 500);
    assert_int_equal(d.state_at, 20);
    assert_string_equal(d.mac, "52:54:00:00:00:01");
    patch = STORE_DESKTOP_KEEP;
    patch.attempts = 2;
    assert_ok(store_desktop_note(store, 0, d.id, DESKTOP_CLONING, NULL, 900, &patch, ERR));
    assert_int_equal(store_desktop_note(store, 0, d.id, DESKTOP_READY, NULL, 0, &patch, NULL), ERR_CONFLICT);
    assert_ok(store_desktop_get(store, d.id, &d, ERR));
    assert_int_equal(d.attempts, 2);
    assert_int_equal(d.deadline, 900);
    assert_string_equal(d.owner, "w1");
    assert_int_equal(store_desktop_move(store, 0, "d-none", DESKTOP_CLONING, DESKTOP_DEFINED, NULL, 0, NULL, 1, NULL),
                     ERR_NOT_FOUND);
}

static void passed_deadlines_are_found(void **state)
{
    struct store *store = store_of(state);
    struct store_desktop d, *found = NULL;
    size_t count = 0;
    rows_pool(store, "office", POOL_KIND_FLOATING);
    assert_ok(store_desktop_add(store, 0, "office", "me", 10, &d, ERR));
    assert_ok(store_desktop_move(store, 0, d.id, DESKTOP_REQUESTED, DESKTOP_CLONING, "w", 500, NULL, 20, ERR));
    assert_ok(store_desktop_add(store, 0, "office", "me", 1000000, &d, ERR));
    const struct store_desktop_filter filter = {.pool = "office", .deadline_before = 600};
    assert_ok(store_desktop_list(store, &filter, NULL, &found, &count, ERR));
    assert_int_equal(count, 1);
    assert_int_equal(found[0].number, 1);
    free(found);
}

static void lists_go_on_page_by_page(void **state)
{
    struct store *store = store_of(state);
    struct store_desktop d, *page_rows = NULL;
    size_t count = 0, total = 0;
    char after[ID_SIZE] = "";
    rows_pool(store, "office", POOL_KIND_FLOATING);
    for (int i = 0; i < 7; i++)
        assert_ok(store_desktop_add(store, 0, "office", "me", 10, &d, ERR));
    do {
        const struct store_page page = {.after = after, .limit = 3};
        assert_ok(store_desktop_list(store, NULL, &page, &page_rows, &count, ERR));
        total += count;
        if (count > 0) {
            assert_true(strcmp(page_rows[0].id, after) > 0);
            memcpy(after, page_rows[count - 1].id, sizeof(after));
        }
        free(page_rows);
    } while (count > 0);
    assert_int_equal(total, 7);
}

static void a_lease_has_one_holder_and_fences_the_former(void **state)
{
    struct store *store = store_of(state);
    int64_t g1 = 0, g2 = 0;
    struct store_desktop d;
    struct store_lease lease;
    rows_pool(store, "office", POOL_KIND_FLOATING);
    assert_ok(store_lease_take(store, STORE_LEASE_POOLMGR, "a", 1000, 5000, &g1, ERR));
    assert_int_equal(store_lease_take(store, STORE_LEASE_POOLMGR, "b", 1000, 5500, &g2, NULL), ERR_CONFLICT);
    assert_ok(store_lease_take(store, STORE_LEASE_POOLMGR, "a", 1000, 5600, &g2, ERR));
    assert_int_equal(g1, g2);
    assert_ok(store_desktop_add(store, g1, "office", "a", 5600, &d, ERR));
    assert_ok(store_lease_take(store, STORE_LEASE_POOLMGR, "b", 1000, 6600, &g2, ERR));
    assert_true(g2 > g1);
    assert_int_equal(store_desktop_add(store, g1, "office", "a", 6601, &d, NULL), ERR_FENCED);
    assert_int_equal(store_desktop_move(store, g1, d.id, DESKTOP_REQUESTED, DESKTOP_CLONING, "a", 0, NULL, 1, NULL),
                     ERR_FENCED);
    assert_ok(store_desktop_move(store, g2, d.id, DESKTOP_REQUESTED, DESKTOP_CLONING, "b", 0, NULL, 1, ERR));
    assert_ok(store_lease_release(store, STORE_LEASE_POOLMGR, "b", ERR));
    assert_int_equal(store_desktop_move(store, g1, d.id, DESKTOP_CLONING, DESKTOP_ERROR, "a", 0, NULL, 1, NULL),
                     ERR_FENCED);
    assert_ok(store_lease_take(store, STORE_LEASE_POOLMGR, "b", 1000, 6700, &g1, ERR));
    assert_true(g1 > g2);
    assert_ok(store_lease_get(store, STORE_LEASE_POOLMGR, &lease, ERR));
    assert_string_equal(lease.holder, "b");
    assert_int_equal(lease.expires_at, 7700);
}

static void logins_end_by_idleness_age_and_hand(void **state)
{
    struct store *store = store_of(state);
    struct store_login login = {.hash = "h1",
                                .username = "alice",
                                .display = "Alice",
                                .dn = "uid=alice",
                                .roles = "user",
                                .groups = "[\"engineers\"]",
                                .created_at = 1000,
                                .seen_at = 1000,
                                .idle_ms = 100000,
                                .expires_at = 250000};
    struct store_login got = {.groups = NULL};
    size_t count = 0;
    assert_ok(store_login_add(store, &login, ERR));
    assert_int_equal(store_login_add(store, &login, NULL), ERR_EXISTS);
    assert_ok(store_login_get(store, "h1", 61000, &got, ERR));
    assert_string_equal(got.groups, "[\"engineers\"]");
    assert_int_equal(got.seen_at, 61000);
    store_login_done(&got);
    assert_ok(store_login_get(store, "h1", 100000, &got, ERR));
    assert_int_equal(got.seen_at, 61000);
    store_login_done(&got);
    assert_int_equal(store_login_get(store, "h1", 161000, &got, NULL), ERR_NOT_FOUND);
    assert_ok(store_login_sweep(store, 170000, 100, &count, ERR));
    assert_int_equal(count, 1);
    assert_ok(store_login_add(store, &login, ERR));
    assert_ok(store_login_end_person(store, "alice", &count, ERR));
    assert_int_equal(count, 1);
    assert_int_equal(store_login_get(store, "h1", 2000, &got, NULL), ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_BOTH(settings_are_kept_and_replaced),
        FIXTURE_BOTH(text_that_is_not_utf8_or_too_long_is_refused),
        FIXTURE_BOTH(images_get_versions_and_move_by_their_state),
        FIXTURE_BOTH(an_image_in_use_stays),
        FIXTURE_BOTH(hosts_are_reported_and_removed_when_empty),
        FIXTURE_BOTH(pools_are_changed_only_by_who_saw_the_last_revision),
        FIXTURE_BOTH(entitlements_of_people_and_groups_decide),
        FIXTURE_BOTH(desktops_are_numbered_and_bounded),
        FIXTURE_BOTH(moves_of_desktops_are_compare_and_swap),
        FIXTURE_BOTH(passed_deadlines_are_found),
        FIXTURE_BOTH(lists_go_on_page_by_page),
        FIXTURE_BOTH(a_lease_has_one_holder_and_fences_the_former),
        FIXTURE_BOTH(logins_end_by_idleness_age_and_hand),
    };
    return cmocka_run_group_tests_name("store", tests, fixture_start, fixture_stop);
}
