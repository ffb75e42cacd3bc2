/* lib/net/http_head: what is accepted, and what is refused rather than guessed at. */
#include "lib/net/http_head.h"

#include "lib/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct http_head head;
static char text[8192];

static int parse(const char *request)
{
    const char *why = NULL;
    size_t skip;
    snprintf(text, sizeof(text), "%s", request);
    size_t len = http_head_end(text, strlen(text), &skip);
    assert_true(len > 0);
    int status = http_head_parse(text + skip, len, &head, &why);
    assert_true((status == 0) == (why == NULL));
    return status;
}

static void test_whole_head(void **state)
{
    (void)state;
    assert_int_equal(parse("\r\n\r\nGET /a/b?x=1&y HTTP/1.1\r\nHost: h\r\nX-Empty:\r\nx-tab:\t v w \t\r\n\r\nrest"), 0);
    assert_string_equal(head.method, "GET");
    assert_string_equal(head.path, "/a/b");
    assert_string_equal(head.query, "x=1&y");
    assert_int_equal(head.minor, 1);
    assert_int_equal(head.field_count, 3);
    assert_string_equal(http_head_field(&head, "X-EMPTY"), "");
    assert_string_equal(http_head_field(&head, "X-Tab"), "v w");
    assert_null(http_head_field(&head, "X"));
    assert_int_equal(head.content_length, -1);
    assert_true(head.keep_alive);
    assert_false(head.expect_continue);
}

static void test_end_is_found_byte_by_byte(void **state)
{
    (void)state;
    const char *request = "\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n";
    size_t whole = strlen(request);
    size_t skip;
    for (size_t len = 0; len < whole; len++)
        assert_int_equal(http_head_end(request, len, &skip), 0);
    assert_int_equal(http_head_end(request, whole, &skip), whole - 2);
    assert_int_equal(skip, 2);
}

static void test_framing(void **state)
{
    (void)state;
    assert_int_equal(parse("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 12\r\nExpect: 100-Continue\r\n\r\n"), 0);
    assert_int_equal(head.content_length, 12);
    assert_true(head.expect_continue);
    assert_int_equal(parse("GET / HTTP/1.0\r\n\r\n"), 0);
    assert_false(head.keep_alive);
    assert_int_equal(parse("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"), 0);
    assert_true(head.keep_alive);
    assert_int_equal(parse("GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade, Close\r\n\r\n"), 0);
    assert_false(head.keep_alive);
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *request;
        int status;
    } cases[] = {
        {"GET / HTTP/1.1\r\n\r\n", 400},
        {"GET /\r\n\r\n", 400},
        {"GET / HTTP/1.1 \r\nHost: h\r\n\r\n", 505},
        {"GET / HTTP/3.0\r\nHost: h\r\n\r\n", 505},
        {"GET / http/1.1\r\nHost: h\r\n\r\n", 400},
        {"G@T / HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        {" GET / HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        {"GET x HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        {"GET /\x7f HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: h\r\n: v\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: h\r\nNoColon\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: h\r\nA: \x01\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: h\r\nA: b\rc\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: +1\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: h\r\nContent-Length:\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1, 1\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: identity\r\n\r\n", 411},
        {"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA / HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(parse(cases[i].request), cases[i].status);
}

static void test_nul_is_refused(void **state)
{
    (void)state;
    char bytes[] = "GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n";
    const char *why = NULL;
    assert_int_equal(http_head_parse(bytes, sizeof(bytes) - 1, &head, &why), 400);
    assert_non_null(why);
}

static void test_lists(void **state)
{
    (void)state;
    assert_true(http_list_has("a, b ,c", "B"));
    assert_true(http_list_has(" , close", "close"));
    assert_false(http_list_has("closed", "close"));
    assert_false(http_list_has("", "close"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_head),     cmocka_unit_test(test_end_is_found_byte_by_byte),
        cmocka_unit_test(test_framing),        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_nul_is_refused), cmocka_unit_test(test_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
