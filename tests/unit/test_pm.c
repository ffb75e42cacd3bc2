/* Messages between broker and poolmgr, and the JSON checks below them. */
#include "lib/base/mem.h"
#include "lib/proto/doc.h"
#include "lib/proto/pm.h"
#include "lib/proto/problem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void test_paths(void **state)
{
    (void)state;
    char path[PM_PATH_SIZE], id[ID_SIZE];
    pm_prepare_path("s-3k7qv2", path);
    assert_string_equal(path, "/internal/v1/sessions/s-3k7qv2/prepare");
    assert_true(pm_prepare_path_match(path, id));
    assert_string_equal(id, "s-3k7qv2");
    static const char *const bad[] = {
        "",
        "/internal/v1/sessions//prepare",
        "/internal/v1/sessions/s-1/prepare/",
        "/internal/v1/sessions/../prepare",
        "/internal/v1/sessions/s-1/prepareX",
        "/internal/v1/sessions/S-1/prepare",
        "/internal/v1/sessions/s-1",
        "/internal/v1/sessions/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/prepare"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(pm_prepare_path_match(bad[i], id));
}

static void test_prepare_round_trip(void **state)
{
    (void)state;
    struct pm_prepare sent = {.fullname = "Alice \"Al\" Example"}, got = {0};
    char *body CLEANUP_FREE = pm_prepare_write(&sent);
    assert_int_equal(pm_prepare_read(body, strlen(body), &got, NULL), 0);
    assert_string_equal(got.fullname, sent.fullname);
    struct error why = {0};
    assert_int_equal(pm_prepare_read("{\"v\":2}", 7, &got, &why), ERR_INVALID);
    assert_string_equal(why.text, "\"v\" must be between 1 and 1");
}

static void test_credentials_round_trip(void **state)
{
    (void)state;
    struct pm_credentials sent = {.username = "alice", .password = secret_from_str("hunter2")}, got = {0};
    char *body CLEANUP_FREE = pm_credentials_write(&sent);
    assert_int_equal(pm_credentials_read(body, strlen(body), &got, NULL), 0);
    assert_string_equal(got.username, "alice");
    assert_string_equal(got.domain, "");
    assert_true(secret_equal(got.password, sent.password));
    pm_credentials_done(&got);
    pm_credentials_done(&sent);
}

static void test_credentials_hostile(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "null",
                                      "[]",
                                      "{}",
                                      "{\"v\":1}",
                                      "{\"v\":1,\"username\":\"a\"}",
                                      "{\"v\":1,\"username\":1,\"password\":\"x\"}",
                                      "{\"v\":1,\"username\":\"a\",\"password\":\"\"}",
                                      "{\"v\":1,\"v\":1,\"username\":\"a\",\"password\":\"x\"}",
                                      "{\"v\":1,\"username\":\"a\\u0000b\",\"password\":\"x\"}",
                                      "{\"v\":1,\"username\":\"\xff\",\"password\":\"x\"}"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct pm_credentials got = {0};
        assert_int_equal(pm_credentials_read(bad[i], strlen(bad[i]), &got, NULL), ERR_PROTOCOL);
        assert_null(got.password);
    }
}

static void test_depth_is_bounded(void **state)
{
    (void)state;
    json_t *doc = NULL;
    struct error why = {0};
    char deep[4096];
    memset(deep, '[', sizeof(deep));
    memcpy(deep, "{\"a\":", 5);
    assert_int_equal(doc_parse(deep, sizeof(deep), &doc, &why), ERR_INVALID);
    assert_string_equal(why.text, "the JSON document is nested more than 16 deep");
    /* Brackets inside of a text do not count. */
    const char *text = "{\"a\":\"[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[\"}";
    assert_int_equal(doc_parse(text, strlen(text), &doc, NULL), 0);
    json_decref(doc);
}

static void test_unknown_members_are_named(void **state)
{
    (void)state;
    static const char *const known[] = {"name", NULL};
    json_t *doc CLEANUP(doc_freep) = json_pack("{ss si}", "name", "office", "mx", 3);
    struct error why = {0};
    assert_int_equal(doc_only(doc, known, &why), ERR_INVALID);
    assert_string_equal(why.text, "\"mx\" is not known here");
}

static void test_problem_round_trip(void **state)
{
    (void)state;
    struct problem sent, got;
    problem_set(&sent, 403, "not_entitled", "You have no desktop in \"%s\".", "office");
    char *body CLEANUP_FREE = problem_write(&sent);
    problem_read(&got, 403, body, strlen(body));
    assert_string_equal(got.code, "not_entitled");
    assert_string_equal(got.title, "Forbidden");
    assert_string_equal(got.detail, "You have no desktop in \"office\".");
    problem_read(&got, 502, "<html>", 6);
    assert_string_equal(got.code, "http_502");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_prepare_round_trip),
        cmocka_unit_test(test_credentials_round_trip),
        cmocka_unit_test(test_credentials_hostile),
        cmocka_unit_test(test_depth_is_bounded),
        cmocka_unit_test(test_unknown_members_are_named),
        cmocka_unit_test(test_problem_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
