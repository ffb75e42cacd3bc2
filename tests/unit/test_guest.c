/* The guest channel's lines: what one side writes the other reads; what is hostile is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/proto/guest.h"

static int decode_request(const char *line, struct guest_request *ret)
{
    struct error e = {0};
    return guest_request_decode(line, strlen(line), ret, &e);
}

static int decode_message(const char *line, struct guest_message *ret)
{
    struct error e = {0};
    return guest_message_decode(line, strlen(line), ret, &e);
}

static void test_request_round_trip(void **state)
{
    (void)state;
    struct guest_request in = {.id = 7, .cmd = GUEST_CMD_ACCOUNT};
    struct guest_request out = {0};
    struct buf b;
    struct error e = {0};

    buf_init(&b, GUEST_LINE_MAX);
    strcpy(in.user, "alice");
    strcpy(in.password, "k7!\"\\xyz");
    strcpy(in.fullname, "Alice Brückner");
    assert_int_equal(guest_request_encode(&in, &b), 0);
    assert_int_equal(b.data[b.len - 1], '\n');
    assert_int_equal(guest_request_decode(b.data, b.len - 1, &out, &e), 0);
    assert_int_equal(out.id, 7);
    assert_int_equal(out.cmd, GUEST_CMD_ACCOUNT);
    assert_string_equal(out.user, in.user);
    assert_string_equal(out.password, in.password);
    assert_string_equal(out.fullname, in.fullname);
    guest_request_wipe(&out);
    assert_string_equal(out.password, "");
    buf_done(&b);
}

static void test_request_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"id\":1}",
        "{\"id\":0,\"cmd\":\"hello\"}",
        "{\"id\":1.5,\"cmd\":\"hello\"}",
        "{\"id\":99999999999999999999,\"cmd\":\"hello\"}",
        "{\"id\":1,\"id\":2,\"cmd\":\"hello\"}",
        "{\"id\":1,\"cmd\":\"account\",\"user\":\"alice\"}",
        "{\"id\":1,\"cmd\":\"account\",\"user\":\"alice\",\"password\":\"a:b\"}",
        "{\"id\":1,\"cmd\":\"account\",\"user\":\"alice\",\"password\":\"a\\nb\"}",
        "{\"id\":1,\"cmd\":\"account\",\"user\":\"al:ice\",\"password\":\"ab\"}",
        "{\"id\":1,\"cmd\":\"logoff\",\"user\":\"../root\"}",
        "{\"id\":1,\"cmd\":\"logoff\",\"user\":\"\"}",
        "{\"id\":1,\"cmd\":\"logoff\",\"user\":\"1000\"}",
        "{\"id\":1,\"cmd\":\"logoff\",\"user\":\"a\\u0000b\"}",
        "{\"id\":1,\"cmd\":\"logoff\",\"user\":\"abcdefghijklmnopqrstuvwxyzabcdefghi\"}",
        "{\"id\":1,\"cmd\":\"logoff\",\"user\":[\"alice\"]}",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct guest_request r = {0};
        assert_int_equal(decode_request(bad[i], &r), ERR_PROTOCOL);
        assert_string_equal(r.user, "");
    }
    struct guest_request r = {0};
    assert_int_equal(decode_request("{\"id\":9,\"cmd\":\"reboot\"}", &r), ERR_UNSUPPORTED);
    assert_int_equal(r.id, 9);
}

static void test_request_not_encoded(void **state)
{
    (void)state;
    struct guest_request r = {.id = 1, .cmd = GUEST_CMD_LOGOFF, .user = "Alice Smith"};
    struct buf b;
    buf_init(&b, GUEST_LINE_MAX);
    assert_int_equal(guest_request_encode(&r, &b), ERR_INVALID);
    strcpy(r.user, "alice");
    r.id = 0;
    assert_int_equal(guest_request_encode(&r, &b), ERR_INVALID);
    assert_int_equal(b.len, 0);
    r.id = 1;
    b.max = 10;
    assert_int_equal(guest_request_encode(&r, &b), ERR_TOO_BIG);
    buf_done(&b);
}

static void test_message_round_trip(void **state)
{
    (void)state;
    struct guest_message in = {.kind = GUEST_MESSAGE_ANSWER, .id = 3, .has_identity = true, .has_sessions = true};
    struct guest_message out;
    struct buf b;
    struct error e = {0};

    buf_init(&b, GUEST_LINE_MAX);
    in.identity.version = GUEST_VERSION;
    in.identity.rdp_listening = true;
    strcpy(in.identity.machine_id, "0123456789abcdef0123456789abcdef");
    strcpy(in.identity.hostname, "office-001");
    memset(in.identity.rdp_cert_sha256, 'a', 64);
    strcpy(in.identity.os, "Debian GNU/Linux 12");
    in.n_sessions = 1;
    strcpy(in.sessions[0].user, "alice");
    strcpy(in.sessions[0].state, "open");
    assert_int_equal(guest_message_encode(&in, &b), 0);
    assert_int_equal(guest_message_decode(b.data, b.len - 1, &out, &e), 0);
    assert_int_equal(out.kind, GUEST_MESSAGE_ANSWER);
    assert_true(out.has_identity && out.identity.rdp_listening);
    assert_string_equal(out.identity.machine_id, in.identity.machine_id);
    assert_string_equal(out.identity.rdp_cert_sha256, in.identity.rdp_cert_sha256);
    assert_int_equal(out.n_sessions, 1);
    assert_string_equal(out.sessions[0].user, "alice");
    buf_done(&b);
}

static void test_message_kinds(void **state)
{
    (void)state;
    struct guest_message m;
    assert_int_equal(decode_message("{\"event\":\"logon\",\"user\":\"bob\",\"later\":1}", &m), 0);
    assert_int_equal(m.kind, GUEST_MESSAGE_LOGON);
    assert_string_equal(m.user, "bob");
    assert_int_equal(decode_message("{\"event\":\"logoff\",\"user\":\"bob\"}", &m), 0);
    assert_int_equal(m.kind, GUEST_MESSAGE_LOGOFF);
    assert_int_equal(decode_message("{\"event\":\"up\",\"v\":1,\"rdp_listening\":false}", &m), 0);
    assert_int_equal(m.kind, GUEST_MESSAGE_UP);
    assert_false(m.identity.rdp_listening);
    assert_int_equal(decode_message("{\"id\":4,\"ok\":false,\"error\":\"no\"}", &m), 0);
    assert_int_equal(m.kind, GUEST_MESSAGE_REFUSAL);
    assert_string_equal(m.error, "no");
    assert_int_equal(decode_message("{\"event\":\"party\"}", &m), ERR_UNSUPPORTED);
}

static void test_message_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "{\"event\":\"up\"}",
        "{\"event\":\"up\",\"v\":1,\"machine_id\":\"zz\"}",
        "{\"event\":\"up\",\"v\":1,\"hostname\":\"a b\"}",
        "{\"event\":\"up\",\"v\":1,\"rdp_cert_sha256\":\"ABC\"}",
        "{\"event\":\"up\",\"v\":1,\"os\":\"\\u001b[2J\"}",
        "{\"event\":\"logon\"}",
        "{\"event\":\"logon\",\"user\":\"root:x\"}",
        "{\"id\":1}",
        "{\"id\":1,\"ok\":1}",
        "{\"id\":1,\"ok\":false}",
        "{\"id\":-1,\"ok\":true}",
        "{\"id\":1,\"ok\":true,\"sessions\":{}}",
        "{\"id\":1,\"ok\":true,\"sessions\":[{\"user\":\"a\"}]}",
        "{\"id\":1,\"ok\":true,\"sessions\":[1]}",
        "\xff\xfe",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct guest_message m = {0};
        assert_int_equal(decode_message(bad[i], &m), ERR_PROTOCOL);
        assert_int_equal(m.id, 0);
    }
}

static void test_too_many_sessions(void **state)
{
    (void)state;
    struct buf b;
    struct guest_message m = {0};
    buf_init(&b, GUEST_LINE_MAX);
    buf_append_str(&b, "{\"id\":1,\"ok\":true,\"sessions\":[{\"user\":\"a\",\"state\":\"open\"}");
    for (int i = 0; i < GUEST_SESSIONS_MAX; i++)
        buf_append_str(&b, ",{\"user\":\"a\",\"state\":\"open\"}");
    buf_append_str(&b, "]}");
    assert_int_equal(decode_message(buf_str(&b), &m), ERR_PROTOCOL);
    buf_done(&b);
}

static void test_deep_json(void **state)
{
    (void)state;
    char deep[GUEST_LINE_MAX + 1];
    struct guest_message m = {0};
    memset(deep, '[', GUEST_LINE_MAX);
    deep[GUEST_LINE_MAX] = '\0';
    assert_int_equal(decode_message(deep, &m), ERR_PROTOCOL);
}

/* Feed all of `data` in pieces of `step`; write what comes out into `out` as "line|" and "!|" for a line too long. */
static void cut(struct guest_lines *l, const char *data, size_t len, size_t step, struct buf *out)
{
    for (size_t at = 0; at < len;) {
        size_t n = len - at < step ? len - at : step;
        long used = guest_lines_feed(l, data + at, n);
        assert_true(used >= 0);
        at += (size_t)used;
        for (;;) {
            const char *line;
            size_t line_len;
            int r = guest_lines_next(l, &line, &line_len);
            if (r == ERR_AGAIN)
                break;
            assert_true(r == 0 || r == ERR_TOO_BIG);
            assert_int_equal(r == 0 ? buf_printf(out, "%zu:%.4s|", line_len, line) : buf_append_str(out, "!|"), 0);
        }
    }
}

static void test_lines(void **state)
{
    (void)state;
    struct buf in;
    buf_init(&in, 100000);
    buf_append_str(&in, "one\n\n");
    for (int i = 0; i < GUEST_LINE_MAX; i++)
        buf_append(&in, "x", 1);
    buf_append_str(&in, "\ntwo\n");
    for (int i = 0; i < 2 * GUEST_LINE_MAX + 2; i++)
        buf_append(&in, "y", 1);
    buf_append_str(&in, "\nthree\nhalf");
    static const size_t steps[] = {1, 7, 4096, 100000};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct guest_lines l;
        struct buf out;
        guest_lines_init(&l);
        buf_init(&out, 1000);
        cut(&l, in.data, in.len, steps[i], &out);
        assert_string_equal(buf_str(&out), "3:one|0:|16384:xxxx|3:two|!|5:thre|");
        guest_lines_reset(&l);
        buf_reset(&out);
        cut(&l, "four\n", 5, steps[i], &out);
        assert_string_equal(buf_str(&out), "4:four|");
        buf_done(&out);
        guest_lines_done(&l);
    }
    buf_done(&in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request_round_trip),
        cmocka_unit_test(test_request_refused),
        cmocka_unit_test(test_request_not_encoded),
        cmocka_unit_test(test_message_round_trip),
        cmocka_unit_test(test_message_kinds),
        cmocka_unit_test(test_message_refused),
        cmocka_unit_test(test_too_many_sessions),
        cmocka_unit_test(test_deep_json),
        cmocka_unit_test(test_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
