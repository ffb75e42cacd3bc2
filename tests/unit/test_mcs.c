/* lib/proto/mcs: the packets that end an RDP connection with a reason. That clients understand the answers is shown by
 * tests/system/test_gateway with a real one. */
#include "lib/proto/mcs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* A Connect-Initial of 300 bytes with `channels` channels; the parts that are not read are zero. */
static size_t connect_initial(uint8_t data[400], uint8_t channels)
{
    static const uint8_t head[] = {3, 0, 1, 44, 2, 0xf0, 0x80, 0x7f, 0x65, 0x82, 1, 31};
    memset(data, 0, 400);
    memcpy(data, head, sizeof(head));
    memcpy(data + 60, "Duca\x81\x2c", 6);
    uint8_t *core = data + 66;
    memcpy(core, "\x01\xc0\xd8\x00", 4);
    core[144] = 1;
    uint8_t *net = core + 0xd8;
    memcpy(net, "\x03\xc0\x12\x00", 4);
    net[4] = channels;
    return 300;
}

static void connect_initial_tells_channels_and_errinfo(void **state)
{
    (void)state;
    uint8_t data[400];
    struct mcs_packet m;
    size_t len = connect_initial(data, 3);
    for (size_t n = 0; n < len; n++)
        assert_int_equal(mcs_parse(data, n, &m, NULL), ERR_AGAIN);
    assert_int_equal(mcs_parse(data, len, &m, NULL), 0);
    assert_int_equal(m.kind, MCS_CONNECT_INITIAL);
    assert_int_equal(m.channels, 3);
    assert_true(m.errinfo);
    assert_int_equal(m.length, len);
}

static void more_channels_than_rdp_has_are_none(void **state)
{
    (void)state;
    uint8_t data[400];
    struct mcs_packet m;
    size_t len = connect_initial(data, MCS_CHANNELS_MAX + 1);
    assert_int_equal(mcs_parse(data, len, &m, NULL), 0);
    assert_int_equal(m.channels, 0);
}

static void later_requests_are_told_apart(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        enum mcs_kind kind;
    } packets[] = {{"\x03\0\0\x0c\x02\xf0\x80\x04\x01\0\x01\0", 12, MCS_ERECT_DOMAIN},
                   {"\x03\0\0\x08\x02\xf0\x80\x28", 8, MCS_ATTACH_USER},
                   {"\x03\0\0\x0c\x02\xf0\x80\x38\0\x06\x03\xeb", 12, MCS_CHANNEL_JOIN},
                   {"\x03\0\x20\0\x02\xf0\x80\x64", 8, MCS_SEND_DATA},
                   {"\x03\0\0\x09\x02\xf0\x80\x21\x80", 9, MCS_DISCONNECT}};
    for (size_t i = 0; i < sizeof(packets) / sizeof(packets[0]); i++) {
        struct mcs_packet m;
        const uint8_t *bytes = (const uint8_t *)packets[i].bytes;
        assert_int_equal(mcs_parse(bytes, packets[i].len, &m, NULL), 0);
        assert_int_equal(m.kind, packets[i].kind);
        if (m.kind == MCS_CHANNEL_JOIN)
            assert_int_equal(m.channel, 1003);
    }
}

static void what_is_no_mcs_is_refused(void **state)
{
    (void)state;
    struct mcs_packet m;
    struct error e = {0};
    assert_int_equal(mcs_parse((const uint8_t *)"GET / HTTP", 10, &m, &e), ERR_PROTOCOL);
    assert_int_equal(mcs_parse((const uint8_t *)"\x03\0\0\x08\x02\xf0\x80\xfc", 8, &m, &e), ERR_PROTOCOL);
    assert_int_equal(mcs_parse((const uint8_t *)"\x03\0\0\x07\x02\xf0\x80\x28", 8, &m, &e), ERR_PROTOCOL);
    assert_int_equal(mcs_parse((const uint8_t *)"\x03\0\xff\xff\x02\xf0\x80\x7f", 8, &m, &e), ERR_TOO_BIG);
}

/* Lengths that contradict the packet are what parsers of clients fall over. */
static void answers_carry_their_own_length(void **state)
{
    (void)state;
    uint8_t out[MCS_ANSWER_MAX];
    for (unsigned channels = 0; channels <= MCS_CHANNELS_MAX; channels++) {
        size_t len = mcs_write_connect_response(channels, 11, out);
        assert_true(len <= sizeof(out));
        assert_int_equal(out[2] << 8 | out[3], len);
        assert_int_equal(out[10] << 8 | out[11], len - 12); /* of 7f 66 82 */
        assert_int_equal(out[9], 0x82);
    }
    size_t len = mcs_write_set_error_info(0x409, out);
    assert_int_equal(out[3], len);
    assert_int_equal(out[len - 4] | out[len - 3] << 8, 0x409);
    assert_int_equal(((out[13] & 0x7f) << 8 | out[14]), len - 15); /* of the data */
    assert_int_equal(out[15], len - 15);                           /* its own total length */
    assert_int_equal(mcs_write_license(out), 15 + 20);
    assert_int_equal(mcs_write_attach_user_confirm(out), 11);
    assert_int_equal(mcs_write_channel_join_confirm(1004, out), 15);
    assert_int_equal(mcs_write_disconnect(out), 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connect_initial_tells_channels_and_errinfo),
        cmocka_unit_test(more_channels_than_rdp_has_are_none),
        cmocka_unit_test(later_requests_are_told_apart),
        cmocka_unit_test(what_is_no_mcs_is_refused),
        cmocka_unit_test(answers_carry_their_own_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
