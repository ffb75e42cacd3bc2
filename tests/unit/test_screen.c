/* What a server names must not be able to steer a terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/carrelctl/screen.h"

static void test_clean(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"office-001", "office-001"},
        {"Büro Süd ☕ 日本", "Büro Süd ☕ 日本"},
        {NULL, ""},
        {"\033[2Jgone", "\\x1b[2Jgone"},
        {"a\nb\tc\r", "a\\x0ab\\x09c\\x0d"},
        {"\x7f", "\\x7f"},
        {"\xc2\x9b"
         "31m",
         "\\u{9b}31m"}, /* CSI of C1 */
        {"\xe2\x80\xae"
         "gpj.exe",
         "\\u{202e}gpj.exe"}, /* right-to-left override */
        {"\xef\xbb\xbf"
         "bom",
         "\\u{feff}bom"},
        {"\xff\xfe", "\\xff\\xfe"},
        {"\xc0\xaf", "\\xc0\\xaf"},                   /* overlong slash */
        {"\xed\xa0\x80", "\\xed\\xa0\\x80"},          /* surrogate */
        {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"}, /* beyond 10FFFF */
        {"cut \xe2\x82", "cut \\xe2\\x82"},           /* ends within a character */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *got = screen_clean(cases[i].in);
        assert_string_equal(got, cases[i].out);
        free(got);
    }
}

static void test_width(void **state)
{
    (void)state;
    assert_int_equal(screen_width("office"), 6);
    assert_int_equal(screen_width("Büro"), 4);
    assert_int_equal(screen_width("u\xcc\x88"), 1);
    assert_int_equal(screen_width("日本"), 4);
    assert_int_equal(screen_width(""), 0);
    assert_int_equal(screen_width(NULL), 0);
}

static void test_duration(void **state)
{
    static const struct {
        int64_t ms;
        const char *out;
    } cases[] = {
        {0, "0s"},         {999, "0s"},     {119999, "119s"},  {120000, "2m"},      {-120001, "2m"},
        {7199000, "119m"}, {7200000, "2h"}, {172800000, "2d"}, {31536000000, "1y"}, {INT64_MIN, "292471208y"},
    };
    char buf[32];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(screen_duration(cases[i].ms, buf, sizeof(buf)), cases[i].out);
}

static void test_bytes(void **state)
{
    char buf[32];

    (void)state;
    assert_string_equal(screen_bytes(0, buf, sizeof(buf)), "0 B");
    assert_string_equal(screen_bytes(1023, buf, sizeof(buf)), "1023 B");
    assert_string_equal(screen_bytes(1536, buf, sizeof(buf)), "1.5 KiB");
    assert_string_equal(screen_bytes(2147483648, buf, sizeof(buf)), "2.0 GiB");
    assert_string_equal(screen_bytes(INT64_MAX, buf, sizeof(buf)), "8.0 EiB");
    assert_string_equal(screen_bytes(-1, buf, sizeof(buf)), "-");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clean),
        cmocka_unit_test(test_width),
        cmocka_unit_test(test_duration),
        cmocka_unit_test(test_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
