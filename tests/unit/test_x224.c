/* lib/proto/x224: preconnection PDU, Connection Request and Confirm. */
#include "lib/proto/x224.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* What xfreerdp3 sends for /load-balance-info:Cookie: msts=carrel-7f3a9c (docs of the protocol: [MS-RDPBCGR] 4.1.1). */
static size_t request(uint8_t *ret, const char *line, const void *tail, size_t tail_len)
{
    size_t line_len = strlen(line);
    size_t len = 11 + line_len + tail_len;
    const uint8_t head[11] = {3, 0, (uint8_t)(len >> 8), (uint8_t)len, (uint8_t)(len - 5), 0xe0, 0, 0, 0, 0, 0};
    memcpy(ret, head, 11);
    memcpy(ret + 11, line, line_len);
    memcpy(ret + 11 + line_len, tail, tail_len);
    return len;
}

static const uint8_t negotiation[8] = {1, 0, 8, 0, 3, 0, 0, 0};

static void reads_a_routing_token(void **state)
{
    (void)state;
    uint8_t data[300];
    size_t len = request(data, "Cookie: msts=carrel-7f3a9c\r\n", negotiation, 8);
    struct x224_request m;
    assert_int_equal(x224_request_parse(data, len, &m, NULL), 0);
    assert_string_equal(m.token, "carrel-7f3a9c");
    assert_int_equal(m.length, len);
    assert_true(m.negotiates);
    assert_int_equal(m.protocols, X224_PROTOCOL_SSL | X224_PROTOCOL_HYBRID);
}

static void asks_for_more_at_every_split(void **state)
{
    (void)state;
    uint8_t data[300];
    size_t len = request(data, "Cookie: msts=carrel-7f3a9c\r\n", negotiation, 8);
    struct x224_request m = {.length = 77};
    for (size_t n = 0; n < len; n++) {
        size_t need = 0;
        assert_int_equal(x224_request_parse(data, n, &m, NULL), ERR_AGAIN);
        assert_int_equal(m.length, 77);
        assert_int_equal(x224_need(data, n, X224_REQUEST_MAX, &need, NULL), 0);
        assert_true(need > n && need <= len);
    }
}

static void strips_the_line_and_nothing_else(void **state)
{
    (void)state;
    uint8_t data[300], out[300], expected[300];
    uint8_t tail[44] = {1, 8, 8, 0, 3, 0, 0, 0, 6, 0, 36, 0, 0xaa};
    size_t len = request(data, "Cookie: msts=abc\r\n", tail, sizeof(tail));
    size_t plain = request(expected, "", tail, sizeof(tail));
    struct x224_request m;
    assert_int_equal(x224_request_parse(data, len, &m, NULL), 0);
    assert_int_equal(x224_request_strip(data, &m, out), plain);
    assert_memory_equal(out, expected, plain);
    assert_int_equal(x224_request_parse(out, plain, &m, NULL), 0);
    assert_int_equal(x224_request_strip(out, &m, data), plain);
    assert_memory_equal(data, expected, plain);
}

static void knows_what_is_no_token(void **state)
{
    (void)state;
    static const char *const lines[] = {"",
                                        "Cookie: mstshash=alice\r\n",
                                        "Cookie: msts=\r\n",
                                        "Cookie: msts=a b\r\n",
                                        "Cookie: msts=a\"b\r\n",
                                        "cookie: msts=ab\r\n",
                                        "tsv://whatever\r\n"};
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        uint8_t data[300];
        size_t len = request(data, lines[i], negotiation, 8);
        struct x224_request m;
        assert_int_equal(x224_request_parse(data, len, &m, NULL), 0);
        assert_string_equal(m.token, "");
        assert_int_equal(m.line_end - m.line_start, strlen(lines[i]));
    }
}

static void token_longer_than_its_field_is_none(void **state)
{
    (void)state;
    char line[220];
    uint8_t data[300];
    struct x224_request m;
    memset(line, 'a', sizeof(line));
    memcpy(line, "Cookie: msts=", 13);
    memcpy(line + 13 + X224_TOKEN_SIZE - 1, "\r\n", 3);
    size_t len = request(data, line, negotiation, 8);
    assert_int_equal(x224_request_parse(data, len, &m, NULL), 0);
    assert_int_equal(strlen(m.token), X224_TOKEN_SIZE - 1);
    memcpy(line + 13 + X224_TOKEN_SIZE - 1, "a\r\n", 4);
    len = request(data, line, negotiation, 8);
    assert_int_equal(x224_request_parse(data, len, &m, NULL), 0);
    assert_string_equal(m.token, "");
}

static void refuses_what_is_no_request(void **state)
{
    (void)state;
    uint8_t good[300];
    size_t len = request(good, "Cookie: msts=abc\r\n", negotiation, 8);
    static const struct {
        size_t at;
        uint8_t value;
    } broken[] = {{0, 4}, {1, 1},  {2, 9},  {3, 5},  {4, 7},  {5, 0xd0}, {5, 0xe1},
                  {6, 1}, {10, 2}, {27, 0}, {29, 2}, {31, 9}, {32, 1},   {28, 0}};
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        uint8_t data[300];
        struct x224_request m;
        struct error e = {0};
        memcpy(data, good, len);
        data[broken[i].at] = broken[i].value;
        assert_int_equal(x224_request_parse(data, len, &m, &e), ERR_PROTOCOL);
        assert_true(e.text[0] != '\0');
    }
}

static void bytes_behind_the_negotiation_need_its_flag(void **state)
{
    (void)state;
    uint8_t data[300];
    struct x224_request m;
    uint8_t tail[44] = {1, 0, 8, 0, 3, 0, 0, 0, 6, 0, 36, 0};
    size_t len = request(data, "", tail, sizeof(tail));
    assert_int_equal(x224_request_parse(data, len, &m, NULL), ERR_PROTOCOL);
    tail[1] = 8;
    len = request(data, "", tail, sizeof(tail));
    assert_int_equal(x224_request_parse(data, len, &m, NULL), 0);
    len = request(data, "", tail, sizeof(tail) - 1);
    assert_int_equal(x224_request_parse(data, len, &m, NULL), ERR_PROTOCOL);
}

static void confirm_tells_selection_failure_or_neither(void **state)
{
    (void)state;
    uint8_t data[X224_ANSWER_SIZE];
    struct x224_confirm m;
    assert_int_equal(x224_confirm_write(X224_PROTOCOL_SSL, data), sizeof(data));
    for (size_t n = 0; n < sizeof(data); n++)
        assert_int_equal(x224_confirm_parse(data, n, &m, NULL), ERR_AGAIN);
    assert_int_equal(x224_confirm_parse(data, sizeof(data), &m, NULL), 0);
    assert_int_equal(m.answer, X224_ANSWER_SELECTED);
    assert_int_equal(m.value, X224_PROTOCOL_SSL);
    x224_failure_write(X224_FAILURE_HYBRID_REQUIRED, data);
    assert_int_equal(x224_confirm_parse(data, sizeof(data), &m, NULL), 0);
    assert_int_equal(m.answer, X224_ANSWER_FAILURE);
    assert_int_equal(m.value, X224_FAILURE_HYBRID_REQUIRED);
    const uint8_t old[11] = {3, 0, 0, 11, 6, 0xd0, 0, 0, 0x12, 0x34, 0};
    assert_int_equal(x224_confirm_parse(old, sizeof(old), &m, NULL), 0);
    assert_int_equal(m.answer, X224_ANSWER_NONE);
    data[11] = 1;
    assert_int_equal(x224_confirm_parse(data, sizeof(data), &m, NULL), ERR_PROTOCOL);
}

static void preconnection_blob_comes_out_as_utf8(void **state)
{
    (void)state;
    /* "ä\U0001d11e" with its NUL, id 7 */
    uint8_t data[] = {26, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 7, 0, 0, 0, 4, 0, 0xe4, 0, 0x34, 0xd8, 0x1e, 0xdd, 0, 0};
    struct x224_preconn m;
    for (size_t n = 0; n < sizeof(data); n++)
        assert_int_equal(x224_preconn_parse(data, n, &m, NULL), ERR_AGAIN);
    assert_int_equal(x224_preconn_parse(data, sizeof(data), &m, NULL), 0);
    assert_int_equal(m.id, 7);
    assert_int_equal(m.length, sizeof(data));
    assert_string_equal(m.text, "\xc3\xa4\xf0\x9d\x84\x9e");
    assert_int_equal(x224_first(data, 1), X224_FIRST_PRECONN);
    data[22] = 'x'; /* the high surrogate stands alone now */
    data[23] = 0;
    assert_int_equal(x224_preconn_parse(data, sizeof(data), &m, NULL), 0);
    assert_string_equal(m.text, "");
    data[16] = 5;
    assert_int_equal(x224_preconn_parse(data, sizeof(data), &m, NULL), ERR_PROTOCOL);
    const uint8_t v1[16] = {16, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0};
    assert_int_equal(x224_preconn_parse(v1, sizeof(v1), &m, NULL), 0);
    assert_int_equal(m.id, 9);
}

static void first_byte_tells_the_kind(void **state)
{
    (void)state;
    assert_int_equal(x224_first((const uint8_t *)"\x03", 1), X224_FIRST_REQUEST);
    assert_int_equal(x224_first((const uint8_t *)"GET /", 5), X224_FIRST_UNKNOWN);
    assert_int_equal(x224_first((const uint8_t *)"", 0), X224_FIRST_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_routing_token),
        cmocka_unit_test(asks_for_more_at_every_split),
        cmocka_unit_test(strips_the_line_and_nothing_else),
        cmocka_unit_test(knows_what_is_no_token),
        cmocka_unit_test(token_longer_than_its_field_is_none),
        cmocka_unit_test(refuses_what_is_no_request),
        cmocka_unit_test(bytes_behind_the_negotiation_need_its_flag),
        cmocka_unit_test(confirm_tells_selection_failure_or_neither),
        cmocka_unit_test(preconnection_blob_comes_out_as_utf8),
        cmocka_unit_test(first_byte_tells_the_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
