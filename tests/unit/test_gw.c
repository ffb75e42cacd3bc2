/* lib/proto/gw: messages between gateway and broker. */
#include "lib/base/mem.h"
#include "lib/proto/gw.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PIN "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static void redeem_comes_back(void **state)
{
    (void)state;
    struct buf text CLEANUP(buf_done);
    const struct gw_redeem m = {"t-abc", GW_DOOR_RDG, "2001:db8::7", "gw1.0", "i-1"};
    struct gw_redeem back;
    buf_init(&text, 4096);
    assert_int_equal(gw_redeem_encode(&m, &text), 0);
    assert_int_equal(gw_redeem_decode(text.data, text.len, &back, NULL), 0);
    assert_string_equal(back.ticket, m.ticket);
    assert_int_equal(back.door, GW_DOOR_RDG);
    assert_string_equal(back.address, m.address);
    assert_string_equal(back.gateway, m.gateway);
    assert_string_equal(back.instance, m.instance);
}

static void grant_comes_back(void **state)
{
    (void)state;
    struct buf text CLEANUP(buf_done);
    const struct gw_grant m = {"c-1", "s-1", "192.0.2.7", 3389, GW_SECURITY_TLS, PIN, 600, 36000};
    struct gw_grant back;
    buf_init(&text, 4096);
    assert_int_equal(gw_grant_encode(&m, &text), 0);
    assert_int_equal(gw_grant_decode(text.data, text.len, &back, NULL), 0);
    assert_string_equal(back.connection, "c-1");
    assert_string_equal(back.session, "s-1");
    assert_string_equal(back.address, m.address);
    assert_int_equal(back.port, 3389);
    assert_int_equal(back.security, GW_SECURITY_TLS);
    assert_string_equal(back.cert_sha256, PIN);
    assert_int_equal(back.idle_s, 600);
    assert_int_equal(back.limit_s, 36000);
}

#define GRANT(target, port, security, pin)                                                                             \
    "{\"connection\":\"c-1\",\"session\":\"s-1\",\"target\":{\"address\":\"" target "\",\"port\":" port                \
    "},\"security\":\"" security "\",\"cert_sha256\":\"" pin "\"}"

/* The gateway dials what a grant names: nothing but a numeric address, a port and a whole fingerprint will do. */
static void grant_with_a_loose_target_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {GRANT("desktop.example", "3389", "tls", PIN),
                                      GRANT("192.0.2.7", "0", "tls", PIN),
                                      GRANT("192.0.2.7", "65536", "tls", PIN),
                                      GRANT("192.0.2.7", "\"3389\"", "tls", PIN),
                                      GRANT("192.0.2.7", "3389", "none", PIN),
                                      GRANT("192.0.2.7", "3389", "tls", ""),
                                      GRANT("192.0.2.7", "3389", "tls", "AB"),
                                      GRANT("", "3389", "raw", ""),
                                      "{\"connection\":\"c/1\",\"session\":\"s\",\"target\":{},\"security\":\"raw\"}",
                                      "{\"connection\":\"c-1\",\"session\":\"s\",\"target\":7,\"security\":\"raw\"}",
                                      "[]",
                                      "",
                                      "{"};
    struct gw_grant m = {.port = 77};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct error e = {0};
        assert_int_equal(gw_grant_decode(bad[i], strlen(bad[i]), &m, &e), ERR_INVALID);
        assert_true(e.text[0] != '\0');
        assert_int_equal(m.port, 77);
    }
    const char raw[] = GRANT("::1", "3389", "raw", "");
    assert_int_equal(gw_grant_decode(raw, strlen(raw), &m, NULL), 0);
    assert_int_equal(m.security, GW_SECURITY_RAW);
}

static void hello_and_its_answer_come_back(void **state)
{
    (void)state;
    struct buf text CLEANUP(buf_done);
    char ids[3][ID_SIZE] = {"c-1", "c-2", "c-3"};
    const struct gw_hello m = {"i-1", 3, ids};
    struct gw_hello back CLEANUP(gw_hello_done) = {0};
    buf_init(&text, GW_MESSAGE_MAX);
    assert_int_equal(gw_hello_encode(&m, &text), 0);
    assert_int_equal(gw_hello_decode(text.data, text.len, &back, NULL), 0);
    assert_int_equal(back.count, 3);
    assert_string_equal(back.connections[2], "c-3");

    struct gw_command drop[1] = {{"c-2", "an administrator ended it"}};
    const struct gw_hello_answer answer = {1, drop};
    struct gw_hello_answer answered CLEANUP(gw_hello_answer_done) = {0};
    buf_reset(&text);
    assert_int_equal(gw_hello_answer_encode(&answer, &text), 0);
    assert_int_equal(gw_hello_answer_decode(text.data, text.len, &answered, NULL), 0);
    assert_int_equal(answered.count, 1);
    assert_string_equal(answered.drop[0].connection, "c-2");
    assert_string_equal(answered.drop[0].reason, drop[0].reason);
}

static void hello_with_a_bad_element_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"{\"instance\":\"i\",\"connections\":[\"c-1\",7]}",
                                      "{\"instance\":\"i\",\"connections\":[\"../x\"]}",
                                      "{\"instance\":\"i\",\"connections\":[\"\"]}",
                                      "{\"instance\":\"i\",\"connections\":{}}",
                                      "{\"instance\":\"i\"}",
                                      "{\"instance\":\"i\",\"connections\":"
                                      "[\"c-0123456789012345678901234567890123456789\"]}"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct gw_hello m = {0};
        assert_int_equal(gw_hello_decode(bad[i], strlen(bad[i]), &m, NULL), ERR_INVALID);
        assert_null(m.connections);
    }
}

static void closed_comes_back_with_every_reason(void **state)
{
    (void)state;
    for (int i = 0; i < GW_REASON_COUNT; i++) {
        struct buf text CLEANUP(buf_done);
        const struct gw_closed m = {"gw1.0", "i-1", 17, INT64_C(1) << 40, 1234, (enum gw_reason)i};
        struct gw_closed back;
        buf_init(&text, 4096);
        assert_int_equal(gw_closed_encode(&m, &text), 0);
        assert_int_equal(gw_closed_decode(text.data, text.len, &back, NULL), 0);
        assert_int_equal(back.reason, i);
        assert_true(back.bytes_down == m.bytes_down && back.bytes_up == 17 && back.duration_ms == 1234);
    }
}

static void negative_counts_are_refused(void **state)
{
    (void)state;
    const char text[] = "{\"gateway\":\"g\",\"instance\":\"i\",\"bytes_up\":-1,\"bytes_down\":0,\"duration_ms\":0,"
                        "\"reason\":\"idle\"}";
    struct gw_closed m;
    assert_int_equal(gw_closed_decode(text, strlen(text), &m, NULL), ERR_INVALID);
}

static void too_long_a_message_is_not_even_parsed(void **state)
{
    (void)state;
    static char text[8192];
    memset(text, ' ', sizeof(text));
    text[0] = '{';
    text[sizeof(text) - 1] = '}';
    struct gw_command m;
    assert_int_equal(gw_command_decode(text, sizeof(text), &m, NULL), ERR_TOO_BIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(redeem_comes_back),
        cmocka_unit_test(grant_comes_back),
        cmocka_unit_test(grant_with_a_loose_target_is_refused),
        cmocka_unit_test(hello_and_its_answer_come_back),
        cmocka_unit_test(hello_with_a_bad_element_is_refused),
        cmocka_unit_test(closed_comes_back_with_every_reason),
        cmocka_unit_test(negative_counts_are_refused),
        cmocka_unit_test(too_long_a_message_is_not_even_parsed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
