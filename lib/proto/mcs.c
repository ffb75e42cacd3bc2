#include "lib/proto/mcs.h"

#include <string.h>

#define HEAD_SIZE      7 /* TPKT and X.224 data header */
#define GLOBAL_CHANNEL 1003
#define USER_BASE      1001
#define USER           6 /* above USER_BASE */
#define BLOCK_CORE     0xc001
#define BLOCK_NET      0xc003
#define CORE_EARLY     144 /* offset of earlyCapabilityFlags in the block */
#define EARLY_ERRINFO  0x0001

/* Choices of DomainMCSPDU, T.125 section 7. */
enum { CHOICE_ERECT = 1, CHOICE_DISCONNECT = 8, CHOICE_ATTACH = 10, CHOICE_JOIN = 14, CHOICE_SEND = 25 };

static uint16_t le16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static uint16_t be16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

/* The client's data blocks: [MS-RDPBCGR] 2.2.1.3.1. A block that contradicts itself ends the reading. */
static void read_blocks(const uint8_t *p, size_t len, struct mcs_packet *m)
{
    while (len >= 4) {
        uint16_t type = le16(p), size = le16(p + 2);
        if (size < 4 || size > len)
            return;
        if (type == BLOCK_CORE && size >= CORE_EARLY + 2)
            m->errinfo = (le16(p + CORE_EARLY) & EARLY_ERRINFO) != 0;
        if (type == BLOCK_NET && size >= 8)
            m->channels = le16(p + 4) <= MCS_CHANNELS_MAX && le16(p + 6) == 0 ? le16(p + 4) : 0;
        p += size;
        len -= size;
    }
}

/* The blocks stand behind the H.221 key "Duca" and a PER length; what is before them has no say here. */
static void read_connect_initial(const uint8_t *data, size_t len, struct mcs_packet *m)
{
    const uint8_t *key = memmem(data, len, "Duca", 4);
    if (key == NULL)
        return;
    const uint8_t *p = key + 4;
    size_t rest = (size_t)(data + len - p);
    size_t skip = rest > 0 && (p[0] & 0x80) ? 2 : 1;
    if (rest > skip)
        read_blocks(p + skip, rest - skip, m);
}

static int read_domain(const uint8_t *p, size_t len, struct mcs_packet *m, struct error *reterr)
{
    switch (p[0] >> 2) {
    case CHOICE_ERECT:
        m->kind = MCS_ERECT_DOMAIN;
        return 0;
    case CHOICE_ATTACH:
        m->kind = MCS_ATTACH_USER;
        return 0;
    case CHOICE_DISCONNECT:
        m->kind = MCS_DISCONNECT;
        return 0;
    case CHOICE_SEND:
        m->kind = MCS_SEND_DATA;
        return 0;
    case CHOICE_JOIN:
        if (len != 5)
            return err_set(reterr, ERR_PROTOCOL, "a channel join of %zu bytes", len);
        m->kind = MCS_CHANNEL_JOIN;
        m->channel = be16(p + 3);
        return 0;
    default:
        return err_set(reterr, ERR_PROTOCOL, "an MCS request that has no place here");
    }
}

int mcs_parse(const uint8_t *data, size_t len, struct mcs_packet *ret, struct error *reterr)
{
    static const uint8_t head[HEAD_SIZE] = {3, 0, 0, 0, 2, 0xf0, 0x80};
    struct mcs_packet m = {0};
    if ((len > 0 && data[0] != head[0]) || (len > 4 && data[4] != head[4]) || (len > 5 && data[5] != head[5]))
        return err_set(reterr, ERR_PROTOCOL, "not an X.224 data packet");
    if (len <= HEAD_SIZE)
        return ERR_AGAIN;
    m.length = be16(data + 2);
    if (m.length <= HEAD_SIZE)
        return err_set(reterr, ERR_PROTOCOL, "an empty X.224 data packet");
    if (data[HEAD_SIZE] >> 2 == CHOICE_SEND) {
        m.kind = MCS_SEND_DATA;
        *ret = m;
        return 0;
    }
    if (m.length > MCS_PACKET_MAX)
        return err_set(reterr, ERR_TOO_BIG, "an MCS packet of %zu bytes", m.length);
    if (len < m.length)
        return ERR_AGAIN;
    int r = 0;
    if (data[HEAD_SIZE] == 0x7f && m.length > HEAD_SIZE + 1 && data[HEAD_SIZE + 1] == 0x65)
        read_connect_initial(data + HEAD_SIZE, m.length - HEAD_SIZE, &m);
    else
        r = read_domain(data + HEAD_SIZE, m.length - HEAD_SIZE, &m, reterr);
    if (r == 0)
        *ret = m;
    return r;
}

/* An answer that is being written. Everything written is of bounded length: MCS_ANSWER_MAX is never reached. */
struct answer {
    uint8_t *data;
    size_t len;
};

static void put(struct answer *a, const void *bytes, size_t len)
{
    memcpy(a->data + a->len, bytes, len);
    a->len += len;
}

static void put8(struct answer *a, unsigned value)
{
    a->data[a->len++] = (uint8_t)value;
}

static void put_be16(struct answer *a, unsigned value)
{
    put8(a, value >> 8);
    put8(a, value);
}

static void put_le16(struct answer *a, unsigned value)
{
    put8(a, value);
    put8(a, value >> 8);
}

static void put_le32(struct answer *a, uint32_t value)
{
    put_le16(a, value & 0xffff);
    put_le16(a, value >> 16);
}

static struct answer begin(uint8_t *ret)
{
    static const uint8_t head[HEAD_SIZE] = {3, 0, 0, 0, 2, 0xf0, 0x80};
    struct answer a = {ret, 0};
    put(&a, head, sizeof(head));
    return a;
}

static size_t end(struct answer *a)
{
    a->data[2] = (uint8_t)(a->len >> 8);
    a->data[3] = (uint8_t)a->len;
    return a->len;
}

size_t mcs_write_connect_response(unsigned channels, uint32_t requested, uint8_t *ret)
{
    /* Domain parameters and the GCC response as in [MS-RDPBCGR] 4.1.4. */
    static const uint8_t domain[] = {0x0a, 0x01, 0x00, 0x02, 0x01, 0x00, 0x30, 0x1a, 0x02, 0x01, 0x22, 0x02,
                                     0x01, 0x03, 0x02, 0x01, 0x00, 0x02, 0x01, 0x01, 0x02, 0x01, 0x00, 0x02,
                                     0x01, 0x01, 0x02, 0x03, 0x00, 0xff, 0xf8, 0x02, 0x01, 0x02};
    static const uint8_t conference[] = {0x00, 0x05, 0x00, 0x14, 0x7c, 0x00, 0x01, 0x2a, 0x14, 0x76, 0x0a,
                                         0x01, 0x01, 0x00, 0x01, 0xc0, 0x00, 'M',  'c',  'D',  'n'};
    unsigned padded = channels + channels % 2;
    unsigned blocks = 12 + 12 + 8 + 2 * padded;
    unsigned user = (unsigned)sizeof(conference) + 2 + blocks;
    struct answer a = begin(ret);
    put_be16(&a, 0x7f66);
    put8(&a, 0x82);
    put_be16(&a, (unsigned)sizeof(domain) + 4 + user);
    put(&a, domain, sizeof(domain));
    put8(&a, 0x04);
    put8(&a, 0x82);
    put_be16(&a, user);
    put(&a, conference, sizeof(conference));
    put_be16(&a, 0x8000 | blocks);
    put_le16(&a, 0x0c01); /* core: version, requested protocols */
    put_le16(&a, 12);
    put_le32(&a, 0x00080004);
    put_le32(&a, requested);
    put_le16(&a, 0x0c02); /* security: none of its own */
    put_le16(&a, 12);
    put_le32(&a, 0);
    put_le32(&a, 0);
    put_le16(&a, 0x0c03); /* network: channel numbers */
    put_le16(&a, 8 + 2 * padded);
    put_le16(&a, GLOBAL_CHANNEL);
    put_le16(&a, channels);
    for (unsigned i = 0; i < padded; i++)
        put_le16(&a, i < channels ? GLOBAL_CHANNEL + 1 + i : 0);
    return end(&a);
}

size_t mcs_write_attach_user_confirm(uint8_t *ret)
{
    struct answer a = begin(ret);
    put_be16(&a, 0x2e00);
    put_be16(&a, USER);
    return end(&a);
}

size_t mcs_write_channel_join_confirm(uint16_t channel, uint8_t *ret)
{
    struct answer a = begin(ret);
    put_be16(&a, 0x3e00);
    put_be16(&a, USER);
    put_be16(&a, channel);
    put_be16(&a, channel);
    return end(&a);
}

/* Send Data Indication on the global channel, from the server's own user, with `len` bytes to follow. */
static struct answer begin_data(unsigned len, uint8_t *ret)
{
    struct answer a = begin(ret);
    put8(&a, 0x68);
    put_be16(&a, GLOBAL_CHANNEL - 1 - USER_BASE);
    put_be16(&a, GLOBAL_CHANNEL);
    put8(&a, 0x70);
    put_be16(&a, 0x8000 | len);
    return a;
}

size_t mcs_write_license(uint8_t *ret)
{
    struct answer a = begin_data(20, ret);
    put_le32(&a, 0x0080); /* SEC_LICENSE_PKT */
    put8(&a, 0xff);       /* ERROR_ALERT */
    put8(&a, 0x03);
    put_le16(&a, 16);
    put_le32(&a, 7); /* STATUS_VALID_CLIENT */
    put_le32(&a, 2); /* ST_NO_TRANSITION */
    put_le16(&a, 4);
    put_le16(&a, 0);
    return end(&a);
}

size_t mcs_write_set_error_info(uint32_t errinfo, uint8_t *ret)
{
    struct answer a = begin_data(22, ret);
    put_le16(&a, 22);
    put_le16(&a, 0x0017); /* a data PDU, version 1 */
    put_le16(&a, GLOBAL_CHANNEL - 1);
    put_le32(&a, 0); /* no share yet */
    put8(&a, 0);
    put8(&a, 1);
    put_le16(&a, 8);
    put8(&a, 0x2f); /* PDUTYPE2_SET_ERROR_INFO_PDU */
    put8(&a, 0);
    put_le16(&a, 0);
    put_le32(&a, errinfo);
    return end(&a);
}

size_t mcs_write_disconnect(uint8_t *ret)
{
    struct answer a = begin(ret);
    put_be16(&a, 0x2180);
    return end(&a);
}
