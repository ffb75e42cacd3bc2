/* lib/net/sse: the same events however the bytes are cut. */
#include "lib/net/sse.h"

#include "lib/base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static char seen[1024];

static int on_event(const char *event, const char *id, const char *data, void *arg)
{
    size_t len = strlen(seen);
    snprintf(seen + len, sizeof(seen) - len, "[%s|%s|%s]", event, id, data);
    return arg != NULL ? ERR_CANCELLED : 0;
}

static const char stream[] = ": comment\n\nevent: session\r\nid: 7\r\ndata: a\r\ndata:b\r\ndata\r\n\r\n"
                             "data: plain\n\nevent: without data\n\nretry: 10\rdata: old\r\rdata: cut";
static const char expected[] = "[session|7|a\nb\n][message|7|plain][message|7|old]";

static void test_any_cut_gives_the_same(void **state)
{
    (void)state;
    for (size_t piece = 1; piece < sizeof(stream); piece++) {
        struct sse *sse = sse_new(256);
        seen[0] = '\0';
        for (size_t at = 0; at < sizeof(stream) - 1; at += piece) {
            size_t left = sizeof(stream) - 1 - at;
            assert_int_equal(sse_feed(sse, stream + at, left < piece ? left : piece, on_event, NULL), 0);
        }
        assert_string_equal(seen, expected);
        sse_free(sse);
    }
}

static void test_bounds(void **state)
{
    (void)state;
    struct sse *sse = sse_new(16);
    char junk[64];
    memset(junk, 'x', sizeof(junk));
    seen[0] = '\0';
    assert_int_equal(sse_feed(sse, junk, sizeof(junk), on_event, NULL), ERR_TOO_BIG);
    sse_free(sse);
    sse = sse_new(16);
    for (int i = 0; i < 3; i++)
        assert_int_equal(sse_feed(sse, "data: abc\n", 10, on_event, NULL), 0);
    assert_int_equal(sse_feed(sse, "data: abcdefgh\n", 15, on_event, NULL), ERR_TOO_BIG);
    assert_string_equal(seen, "");
    sse_free(sse);
}

static void test_receiver_may_stop(void **state)
{
    (void)state;
    struct sse *sse = sse_new(64);
    seen[0] = '\0';
    assert_int_equal(sse_feed(sse, "data: 1\n\ndata: 2\n\n", 18, on_event, sse), ERR_CANCELLED);
    assert_string_equal(seen, "[message||1]");
    sse_free(sse);
    sse_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_cut_gives_the_same),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_receiver_may_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
