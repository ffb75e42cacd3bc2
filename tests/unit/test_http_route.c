/* lib/net/http_route: paths, patterns, query strings. */
#include "lib/net/http_route.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_paths(void **state)
{
    (void)state;
    static const char *const good[] = {"/",    "/a",        "/a/", "/a/b%20c", "/a/%C3%A4", "/a/b;c=1,d@e:f",
                                       "/...", "/%2e%2e%2e"};
    static const char *const bad[] = {"",        "a",    "*",         "//",   "/a//b", "/.",     "/..",
                                      "/a/../b", "/%2e", "/%2E%2e/b", "/%2f", "/%00",  "/%",     "/%4",
                                      "/%zz",    "/a b", "/a\x80",    "/%C3", "/a\\b", "/a%0Ab", "/<a>"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_int_equal(http_path_check(good[i]), 0);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(http_path_check(bad[i]), ERR_INVALID);
}

static void test_patterns(void **state)
{
    (void)state;
    assert_int_equal(http_pattern_check("/a/{b}/*"), 0);
    assert_int_equal(http_pattern_check("/"), 0);
    assert_int_equal(http_pattern_check("a"), ERR_INVALID);
    assert_int_equal(http_pattern_check("/*/a"), ERR_INVALID);
    assert_int_equal(http_pattern_check("/a*"), ERR_INVALID);
    assert_int_equal(http_pattern_check("/{}"), ERR_INVALID);
    assert_int_equal(http_pattern_check("/{a"), ERR_INVALID);
    assert_int_equal(http_pattern_check("/{1}/{2}/{3}/{4}/{5}/{6}/{7}/{8}/{9}"), ERR_INVALID);
}

static void test_matching(void **state)
{
    (void)state;
    struct http_params params;
    assert_int_equal(http_route_match("/pools/{name}/connect", "/pools/my%20pool/connect", &params), 0);
    assert_string_equal(http_param(&params, "name"), "my pool");
    assert_null(http_param(&params, "nam"));
    assert_int_equal(http_route_match("/images/{n}/{v}", "/images/a@1/2", &params), 0);
    assert_string_equal(http_param(&params, "n"), "a@1");
    assert_string_equal(http_param(&params, "v"), "2");
    assert_int_equal(http_route_match("/a/{b}", "/a/", &params), ERR_NOT_FOUND);
    assert_int_equal(http_route_match("/a/{b}", "/a", &params), ERR_NOT_FOUND);
    assert_int_equal(http_route_match("/a", "/a/", &params), ERR_NOT_FOUND);
    assert_int_equal(http_route_match("/a", "/ab", &params), ERR_NOT_FOUND);
    assert_int_equal(http_route_match("/ab", "/a", &params), ERR_NOT_FOUND);
    assert_int_equal(http_route_match("/admin/*", "/%61dmin/x/y", &params), 0);
    assert_string_equal(http_param(&params, "*"), "x/y");
    assert_int_equal(http_route_match("/admin/*", "/admin/", &params), 0);
    assert_int_equal(http_route_match("/admin/*", "/administrator/x", &params), ERR_NOT_FOUND);
    assert_int_equal(http_route_match("/", "/", &params), 0);
}

static void test_values_that_do_not_fit(void **state)
{
    (void)state;
    struct http_params params;
    char path[HTTP_PARAMS_TEXT + 16] = "/a/";
    memset(path + 3, 'x', HTTP_PARAMS_TEXT);
    assert_int_equal(http_route_match("/a/{b}", path, &params), ERR_TOO_BIG);
    path[3 + HTTP_PARAMS_TEXT - 1] = '\0';
    assert_int_equal(http_route_match("/a/{b}", path, &params), 0);
    assert_int_equal(strlen(http_param(&params, "b")), HTTP_PARAMS_TEXT - 1);
}

static void test_queries(void **state)
{
    (void)state;
    char value[8];
    assert_int_equal(http_query_get("a=1&b=x+y%21&a=2", "a", value, sizeof(value)), 0);
    assert_string_equal(value, "1");
    assert_int_equal(http_query_get("a=1&b=x+y%21", "b", value, sizeof(value)), 0);
    assert_string_equal(value, "x y!");
    assert_int_equal(http_query_get("ab=1&&c", "a", value, sizeof(value)), ERR_NOT_FOUND);
    assert_int_equal(http_query_get("a=", "a", value, sizeof(value)), 0);
    assert_string_equal(value, "");
    assert_int_equal(http_query_get("a=%4", "a", value, sizeof(value)), ERR_INVALID);
    assert_int_equal(http_query_get("a=%00", "a", value, sizeof(value)), ERR_INVALID);
    assert_int_equal(http_query_get("a=12345678", "a", value, sizeof(value)), ERR_TOO_BIG);
    assert_int_equal(http_query_get("a=1234567", "a", value, sizeof(value)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),    cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_matching), cmocka_unit_test(test_values_that_do_not_fit),
        cmocka_unit_test(test_queries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
