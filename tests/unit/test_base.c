/* lib/base: errors, buffers, memory, ids, text, state machines, log. */
#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/err.h"
#include "lib/base/id.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/secret.h"
#include "lib/base/sm.h"
#include "lib/base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

static void error_keeps_code_and_sentence(void **state)
{
    (void)state;
    struct error e = {0};
    assert_int_equal(err_set(&e, ERR_NOT_FOUND, "no pool \"%s\"", "office"), ERR_NOT_FOUND);
    assert_string_equal(err_message(&e), "no pool \"office\"");
    err_prefix(&e, "line %d", 7);
    assert_string_equal(e.text, "line 7: no pool \"office\"");
    assert_int_equal(err_set(NULL, ERR_IO, "x"), ERR_IO);
    assert_string_equal(err_name(ERR_FENCED), "FENCED");
    assert_string_equal(err_name(-999), "UNKNOWN");
}

static void errno_decides_the_code(void **state)
{
    (void)state;
    struct error e = {0};
    assert_int_equal(err_set_errno(&e, ERR_IO, ENOSPC, "writing"), ERR_NO_SPACE);
    assert_non_null(strstr(e.text, "writing: "));
    assert_int_equal(err_set_errno(&e, ERR_IO, EACCES, "opening"), ERR_DENIED);
    assert_int_equal(err_set_errno(&e, ERR_IO, EIO, "reading"), ERR_IO);
}

static void long_prefix_stays_in_bounds(void **state)
{
    (void)state;
    struct error e = {0};
    char big[400];
    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    err_set(&e, ERR_IO, "%s", big);
    err_prefix(&e, "%s", big);
    assert_true(strlen(e.text) < sizeof(e.text));
}

static void buffer_has_a_maximum(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 10);
    assert_int_equal(buf_append_str(&b, "01234"), 0);
    assert_int_equal(buf_printf(&b, "%d", 56789), 0);
    assert_int_equal(buf_append_str(&b, "x"), ERR_TOO_BIG);
    assert_string_equal(buf_str(&b), "0123456789");
    buf_consume(&b, 4);
    assert_string_equal(buf_str(&b), "456789");
    assert_int_equal(buf_append_str(&b, "abcd"), 0);
    assert_int_equal(b.len, 10);
    buf_done(&b);
    assert_string_equal(buf_str(&b), "");
}

static void failing_allocation_is_an_error(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 100);
    mem_fail_after(0);
    assert_int_equal(buf_append_str(&b, "x"), ERR_NOMEM);
    assert_int_equal(buf_append_str(&b, "x"), 0);
    buf_done(&b);
    size_t cap = 0;
    int *list = NULL;
    assert_int_equal(mem_grow(&list, &cap, 3, sizeof(int), 2), ERR_TOO_BIG);
    assert_null(list);
}

static void ids_are_random_and_bounded(void **state)
{
    (void)state;
    char a[ID_SIZE], b[ID_SIZE], small[5];
    id_new("s", a);
    id_new("s", b);
    assert_int_equal(strlen(a), 18);
    assert_memory_equal(a, "s-", 2);
    assert_string_not_equal(a, b);
    assert_int_equal(id_random_text(16, small, sizeof(small)), ERR_TOO_BIG);
    char hex[ID_HASH_SIZE];
    id_hash("abc", 3, hex); /* FIPS 180-4, example */
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void hostile_text_is_recognised(void **state)
{
    (void)state;
    assert_true(text_is_utf8("Zoë 日本 😀", strlen("Zoë 日本 😀")));
    assert_false(text_is_utf8("a\0b", 3));
    assert_false(text_is_utf8("\xc0\xaf", 2));
    assert_false(text_is_utf8("\xed\xa0\x80", 3));
    assert_false(text_is_utf8("\xf4\x90\x80\x80", 4));
    assert_false(text_is_utf8("\xe2\x82", 2));
    assert_true(text_is_name("office-2", 32));
    assert_false(text_is_name("-office", 32));
    assert_false(text_is_name("office-", 32));
    assert_false(text_is_name("Office", 32));
    assert_false(text_is_name("office/../x", 32));
    int64_t n = 77;
    assert_int_equal(text_to_int("12x", 0, 100, &n), ERR_INVALID);
    assert_int_equal(text_to_int(" 12", 0, 100, &n), ERR_INVALID);
    assert_int_equal(text_to_int("101", 0, 100, &n), ERR_INVALID);
    assert_int_equal(n, 77);
    assert_int_equal(text_to_int("-5", -10, 100, &n), 0);
    assert_int_equal(n, -5);
}

static void quoting_leaves_no_control_bytes(void **state)
{
    (void)state;
    char out[64];
    assert_string_equal(text_quote("a\x1b[2J\"\n", 7, 40, out, sizeof(out)), "a\\x1b[2J\\x22\\x0a");
    assert_string_equal(text_quote("\xc2\x9b", 2, 40, out, sizeof(out)), "\\xc2\\x9b");
    assert_string_equal(text_quote("abcdef", 6, 3, out, sizeof(out)), "abc…");
    for (size_t size = 1; size < 20; size++) {
        char tight[20];
        text_quote("\x01\x02é\x03xyz", 9, 9, tight, size);
        assert_true(strlen(tight) < size);
    }
}

static char tapped[512];

static void tap(enum log_id id, const char *line, void *arg)
{
    (void)id;
    (void)arg;
    snprintf(tapped, sizeof(tapped), "%s", line);
}

static void log_line_quotes_what_users_control(void **state)
{
    (void)state;
    log_tap(tap, NULL);
    log_event(EV_STARTED, LOG_STR("user", "eve\nERROR forged"), LOG_INT("port", 443));
    log_tap(NULL, NULL);
    assert_non_null(strstr(tapped, " STARTED: the program is up user=\"eve\\x0aERROR forged\" port=443"));
}

static const struct sm_state lamp_states[] = {{"off", SM_TO(1), 0}, {"on", SM_TO(0), 500}};
static const struct sm lamp = {"lamp", lamp_states, 2};

static void table_decides_moves(void **state)
{
    (void)state;
    struct error e = {0};
    int s = 0, parsed = -1;
    assert_int_equal(sm_move(&lamp, "l1", &s, 1, &e), 0);
    assert_int_equal(sm_move(&lamp, "l1", &s, 1, &e), ERR_ILLEGAL_MOVE);
    assert_int_equal(s, 1);
    assert_false(sm_allowed(&lamp, 0, 31));
    assert_false(sm_allowed(&lamp, -1, 0));
    assert_int_equal(sm_parse(&lamp, "broken", &parsed, &e), ERR_INVALID);
    assert_int_equal(sm_parse(&lamp, "on", &parsed, &e), 0);
    assert_int_equal(parsed, 1);
    assert_int_equal(sm_deadline(&lamp, 1, 1000), 1500);
    assert_int_equal(sm_deadline(&lamp, 0, 1000), 0);
}

static void secrets_compare_and_copy(void **state)
{
    (void)state;
    struct secret *a = secret_from_str("hunter2"), *b = secret_dup(a), *r = secret_random_text(16);
    assert_true(secret_equal(a, b));
    assert_false(secret_equal(a, r));
    assert_int_equal(secret_len(r), 26);
    char big[SECRET_MAX + 1] = {0};
    assert_null(secret_new(big, sizeof(big)));
    secret_free(a);
    secret_free(b);
    secret_free(r);
}

static void fake_clock_stands_still(void **state)
{
    (void)state;
    clock_fake_set(1000, 5);
    clock_fake_advance(250);
    assert_int_equal(clock_wall_ms(), 1250);
    assert_int_equal(clock_mono_ms(), 255);
    clock_fake_set(-1, -1);
    char text[CLOCK_TEXT_SIZE];
    clock_text(INT64_C(1795366558123), text);
    assert_string_equal(text, "2026-11-22T16:55:58.123Z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(error_keeps_code_and_sentence),      cmocka_unit_test(errno_decides_the_code),
        cmocka_unit_test(long_prefix_stays_in_bounds),        cmocka_unit_test(buffer_has_a_maximum),
        cmocka_unit_test(failing_allocation_is_an_error),     cmocka_unit_test(ids_are_random_and_bounded),
        cmocka_unit_test(hostile_text_is_recognised),         cmocka_unit_test(quoting_leaves_no_control_bytes),
        cmocka_unit_test(log_line_quotes_what_users_control), cmocka_unit_test(table_decides_moves),
        cmocka_unit_test(secrets_compare_and_copy),           cmocka_unit_test(fake_clock_stands_still),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
