/* The broker's rules that need no store: tickets, .rdp files, estimates, roles and the table of endpoints. */
#include "broker/endpoint.h"
#include "broker/eta.h"
#include "broker/login.h"
#include "broker/openapi.h"
#include "broker/rdpfile.h"
#include "broker/role.h"
#include "broker/ticket.h"
#include "broker/when.h"
#include "lib/base/mem.h"
#include "lib/proto/doc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void tickets(void **state)
{
    (void)state;
    char one[TICKET_TEXT_SIZE], two[TICKET_TEXT_SIZE], hash[ID_HASH_SIZE], again[ID_HASH_SIZE];
    ticket_new(one, hash);
    ticket_new(two, again);
    assert_string_not_equal(one, two);
    assert_int_equal(strlen(one) % 2, 1);
    assert_true(ticket_form_ok(one));
    id_hash(one, strlen(one), again);
    assert_string_equal(hash, again);
    static const char *const bad[] = {"", "t", "tabcdefghijklmnopqrstuvwxy1", "xabcdefghijklmnopqrstuvwxyz",
                                      "tabcdefghijklmnopqrstuvwxyzz"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(ticket_form_ok(bad[i]));
}

static void rdp_files_hold_no_line_of_a_person(void **state)
{
    (void)state;
    struct rdpfile file = {.host = "desks.example",
                           .port = 3389,
                           .ticket = "tabc",
                           .title = "office\r\nalternate shell:s:calc.exe",
                           .username = "eve\nfull address:s:evil.example"};
    char *text CLEANUP_FREE = rdpfile_write(&file);
    assert_non_null(strstr(text, "full address:s:desks.example:3389\r\n"));
    assert_non_null(strstr(text, "loadbalanceinfo:s:Cookie: msts=tabc\r\n"));
    assert_null(strstr(text, "\nalternate shell"));
    assert_null(strstr(text, "\nfull address:s:evil"));
    size_t lines = 0;
    for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    file.title = file.username = "plain";
    char *plain CLEANUP_FREE = rdpfile_write(&file);
    for (const char *at = plain; (at = strchr(at, '\n')) != NULL; at++)
        lines--;
    assert_int_equal(lines, 0);
    file.username = "";
    char *nameless CLEANUP_FREE = rdpfile_write(&file);
    assert_null(strstr(nameless, "username"));
}

static void estimates(void **state)
{
    (void)state;
    static const struct {
        struct eta eta;
        int64_t seconds;
    } cases[] = {
        {{.place = 0, .boot_ms = 20000}, 0},
        {{.place = 1, .boot_ms = 0, .coming = 1}, ETA_UNKNOWN},       /* never measured */
        {{.place = 1, .boot_ms = 20000}, ETA_UNKNOWN},                /* full: somebody has to leave first */
        {{.place = 3, .boot_ms = 20000, .coming = 2}, ETA_UNKNOWN},   /* so too */
        {{.place = 1, .boot_ms = 20000, .coming = 2}, 10},            /* half way on average */
        {{.place = 3, .boot_ms = 20000, .coming = 2, .room = 5}, 30}, /* the second round */
        {{.place = 2, .boot_ms = 20000, .coming = 0, .room = 5}, 40}, /* one after the other */
        {{.place = 1, .boot_ms = 1500, .coming = 1}, 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(eta_seconds(&cases[i].eta), cases[i].seconds);
}

static void roles(void **state)
{
    (void)state;
    char words[64];
    static const char *const groups[] = {"engineers", "Carrel-Admins"};
    assert_int_equal(role_of_groups("carrel-admins, ops", groups, 2), ROLE_USER | ROLE_ADMIN);
    assert_int_equal(role_of_groups("carrel-admins", groups, 1), ROLE_USER);
    assert_int_equal(role_of_groups("", groups, 2), ROLE_USER);
    role_write(ROLE_USER | ROLE_ADMIN, words, sizeof(words));
    assert_string_equal(words, "user,admin");
    assert_int_equal(role_read("admin,of-the-future"), ROLE_ADMIN);
}

/* The whole table: every endpoint against every kind of caller. */
static void every_endpoint_against_every_caller(void **state)
{
    (void)state;
    const struct caller nobody = {0}, gateway = {.on_gateway_socket = true}, root = {.is_root = true};
    const struct caller person = {.logged_in = true, .roles = ROLE_USER},
                        admin = {.logged_in = true, .roles = ROLE_USER | ROLE_ADMIN};
    const struct caller roleless = {.logged_in = true};
    for (size_t i = 0; i < n_endpoints; i++) {
        const struct endpoint *e = &endpoints[i];
        bool is_admin = strncmp(e->pattern, "/api/v1/admin/", 14) == 0,
             internal = strncmp(e->pattern, "/internal/", 10) == 0;
        assert_int_equal(e->need == NEED_ADMIN, is_admin);
        assert_int_equal(e->need == NEED_GATEWAY, internal);
        assert_int_equal(role_may(e->need, &nobody) == VERDICT_YES, e->need == NEED_NOTHING);
        assert_int_equal(role_may(e->need, &gateway) == VERDICT_YES, e->need == NEED_NOTHING || internal);
        assert_int_equal(role_may(e->need, &person) == VERDICT_YES, !is_admin && !internal);
        assert_int_equal(role_may(e->need, &admin) == VERDICT_YES, !internal);
        assert_int_equal(role_may(e->need, &root) == VERDICT_YES, is_admin || e->need == NEED_NOTHING);
        assert_int_equal(role_may(e->need, &roleless) == VERDICT_YES, e->need == NEED_NOTHING);
        if (e->need == NEED_NOTHING)
            assert_true(e->max_body <= 16384); /* strangers do not get to fill memory */
    }
}

static void the_local_socket_has_no_internal_routes(void **state)
{
    (void)state;
    size_t local = 0, all = 0;
    const struct httpd_route *routes = endpoint_routes(false, &local);
    endpoint_routes(true, &all);
    assert_int_equal(all, n_endpoints);
    assert_true(local < all);
    for (size_t i = 0; i < all; i++)
        assert_int_equal(strncmp(routes[i].pattern, "/internal/", 10) == 0, i >= local);
}

static void openapi_names_every_endpoint(void **state)
{
    (void)state;
    json_t *doc CLEANUP(doc_freep) = openapi_document();
    assert_string_equal(json_string_value(json_object_get(doc, "openapi")), "3.1.0");
    json_t *paths = json_object_get(doc, "paths");
    for (size_t i = 0; i < n_endpoints; i++) {
        json_t *path = json_object_get(paths, endpoints[i].pattern);
        assert_int_equal(path != NULL, endpoints[i].need != NEED_GATEWAY);
    }
    json_t *login = json_object_get(json_object_get(json_object_get(paths, "/api/v1/login"), "post"), "requestBody");
    assert_non_null(login);
}

static struct person *person_in(size_t groups)
{
    struct person *person = person_new("alice", "uid=alice,dc=x", "Alice");
    for (size_t i = 0; i < groups; i++) {
        char dn[300], cn[200];
        snprintf(cn, sizeof(cn), "group-%zu-%0150d", i, 0);
        snprintf(dn, sizeof(dn), "cn=%s,dc=x", cn);
        person_add_group(person, dn, cn, 1);
    }
    return person;
}

static void a_login_keeps_groups_within_its_bound(void **state)
{
    (void)state;
    struct login_terms terms = {
        .admin_groups = "admins", .address = "192.0.2.1", .now_ms = 1000, .idle_ms = 10, .lifetime_ms = 100};
    static const size_t sizes[] = {0, 1, 30, PERSON_GROUPS_MAX};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct person *person CLEANUP(person_freep) = person_in(sizes[i]);
        struct store_login login = {0};
        char token[LOGIN_TOKEN_SIZE], hash[ID_HASH_SIZE];
        bool cut = false;
        json_t *doc CLEANUP(doc_freep) = NULL;
        const char **groups CLEANUP_FREE = NULL;
        size_t count = 0;
        assert_int_equal(login_make(person, &terms, &login, token, &cut, NULL), 0);
        assert_true(strlen(login.groups) < STORE_LOGIN_GROUPS_MAX);
        assert_int_equal(cut, sizes[i] == PERSON_GROUPS_MAX);
        assert_int_equal(login_groups(&login, &doc, &groups, &count, NULL), 0);
        if (!cut)
            assert_int_equal(count, 2 * sizes[i]); /* by name and by DN */
        id_hash(token, strlen(token), hash);
        assert_string_equal(hash, login.hash);
        assert_int_equal(login.expires_at, 1100);
        store_login_done(&login);
    }
}

static void moments(void **state)
{
    (void)state;
    json_t *never CLEANUP(doc_freep) = when_json(0), *then CLEANUP(doc_freep) = when_json(1700000000123);
    assert_true(json_is_null(never));
    assert_string_equal(json_string_value(then), "2023-11-14T22:13:20.123Z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tickets),
        cmocka_unit_test(rdp_files_hold_no_line_of_a_person),
        cmocka_unit_test(estimates),
        cmocka_unit_test(roles),
        cmocka_unit_test(every_endpoint_against_every_caller),
        cmocka_unit_test(the_local_socket_has_no_internal_routes),
        cmocka_unit_test(openapi_names_every_endpoint),
        cmocka_unit_test(a_login_keeps_groups_within_its_bound),
        cmocka_unit_test(moments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
