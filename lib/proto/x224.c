#include "lib/proto/x224.h"

#include "lib/base/text.h"

#include <string.h>

#define TPKT_SIZE        4
#define FIXED_SIZE       11 /* TPKT, LI, code, two references, class */
#define CODE_REQUEST     0xe0
#define CODE_CONFIRM     0xd0
#define NEG_SIZE         8
#define NEG_REQUEST      1
#define NEG_RESPONSE     2
#define NEG_FAILURE      3
#define FLAG_CORRELATION 0x08
#define CORRELATION_SIZE 36
#define CORRELATION_TYPE 6
#define PRECONN_FIXED    16

static uint16_t le16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t le32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

enum x224_first x224_first(const uint8_t *data, size_t len)
{
    /* A preconnection PDU begins with its size, little-endian and even; TPKT with version 3, odd. */
    if (len == 0)
        return X224_FIRST_UNKNOWN;
    if (data[0] == 3)
        return X224_FIRST_REQUEST;
    return data[0] % 2 == 0 ? X224_FIRST_PRECONN : X224_FIRST_UNKNOWN;
}

int x224_need(const uint8_t *data, size_t len, size_t max, size_t *ret_need, struct error *reterr)
{
    if ((len > 0 && data[0] != 3) || (len > 1 && data[1] != 0))
        return err_set(reterr, ERR_PROTOCOL, "not a TPKT header");
    if (len < TPKT_SIZE) {
        *ret_need = TPKT_SIZE;
        return 0;
    }
    size_t length = (size_t)data[2] << 8 | data[3];
    if (length < FIXED_SIZE || length > max)
        return err_set(reterr, ERR_PROTOCOL, "a first packet of %zu bytes, allowed are %d to %zu", length, FIXED_SIZE,
                       max);
    *ret_need = length;
    return 0;
}

/* Header of a CR or CC; on success the whole packet is there. */
static int fixed_part(const uint8_t *data, size_t len, size_t max, uint8_t code, size_t *ret_length,
                      struct error *reterr)
{
    size_t need;
    int r = x224_need(data, len, max, &need, reterr);
    if (r < 0)
        return r;
    if (len < need)
        return ERR_AGAIN;
    if (data[4] != need - TPKT_SIZE - 1 || data[5] != code)
        return err_set(reterr, ERR_PROTOCOL, "not an X.224 connection %s",
                       code == CODE_REQUEST ? "request" : "confirm");
    *ret_length = need;
    return 0;
}

/* The CR LF of a line that begins at `start`; `end` when there is none. */
static size_t line_length(const uint8_t *start, size_t len)
{
    for (size_t i = 0; i + 1 < len; i++)
        if (start[i] == '\r' && start[i + 1] == '\n')
            return i;
    return len;
}

static void read_token(const uint8_t *line, size_t len, char ret[X224_TOKEN_SIZE])
{
    static const char prefix[] = "Cookie: msts=";
    const size_t skip = sizeof(prefix) - 1;
    if (len <= skip || len - skip >= X224_TOKEN_SIZE || memcmp(line, prefix, skip) != 0)
        return;
    for (size_t i = skip; i < len; i++)
        if (line[i] <= 0x20 || line[i] >= 0x7f || line[i] == '"' || line[i] == '\\')
            return;
    memcpy(ret, line + skip, len - skip);
    ret[len - skip] = '\0';
}

static int read_line(const uint8_t *data, struct x224_request *m, struct error *reterr)
{
    m->line_start = m->line_end = FIXED_SIZE;
    if (m->length == FIXED_SIZE || data[FIXED_SIZE] == NEG_REQUEST)
        return 0;
    size_t room = m->length - FIXED_SIZE;
    size_t len = line_length(data + FIXED_SIZE, room);
    if (len == room)
        return err_set(reterr, ERR_PROTOCOL, "the routing token has no end");
    m->line_end = FIXED_SIZE + len + 2;
    read_token(data + FIXED_SIZE, len, m->token);
    return 0;
}

static int read_negotiation(const uint8_t *p, size_t len, struct x224_request *m, struct error *reterr)
{
    if (len == 0)
        return 0;
    if (len < NEG_SIZE || p[0] != NEG_REQUEST || le16(p + 2) != NEG_SIZE)
        return err_set(reterr, ERR_PROTOCOL, "not an RDP negotiation request");
    m->negotiates = true;
    m->flags = p[1];
    m->protocols = le32(p + 4);
    const uint8_t *more = p + NEG_SIZE;
    size_t rest = len - NEG_SIZE;
    if (rest == 0)
        return 0;
    if ((m->flags & FLAG_CORRELATION) == 0 || rest != CORRELATION_SIZE || more[0] != CORRELATION_TYPE ||
        le16(more + 2) != CORRELATION_SIZE)
        return err_set(reterr, ERR_PROTOCOL, "%zu bytes too many behind the negotiation request", rest);
    return 0;
}

int x224_request_parse(const uint8_t *data, size_t len, struct x224_request *ret, struct error *reterr)
{
    struct x224_request m = {0};
    int r = fixed_part(data, len, X224_REQUEST_MAX, CODE_REQUEST, &m.length, reterr);
    if (r < 0)
        return r;
    if (data[6] != 0 || data[7] != 0 || data[10] != 0)
        return err_set(reterr, ERR_PROTOCOL, "an X.224 class or reference that RDP does not know");
    r = read_line(data, &m, reterr);
    if (r == 0)
        r = read_negotiation(data + m.line_end, m.length - m.line_end, &m, reterr);
    if (r < 0)
        return r;
    *ret = m;
    return 0;
}

size_t x224_request_strip(const uint8_t *data, const struct x224_request *request, uint8_t *ret)
{
    size_t tail = request->length - request->line_end;
    size_t length = request->line_start + tail;
    memcpy(ret, data, request->line_start);
    memcpy(ret + request->line_start, data + request->line_end, tail);
    ret[2] = (uint8_t)(length >> 8);
    ret[3] = (uint8_t)length;
    ret[4] = (uint8_t)(length - TPKT_SIZE - 1);
    return length;
}

int x224_confirm_parse(const uint8_t *data, size_t len, struct x224_confirm *ret, struct error *reterr)
{
    struct x224_confirm m = {0};
    int r = fixed_part(data, len, X224_CONFIRM_MAX, CODE_CONFIRM, &m.length, reterr);
    if (r < 0)
        return r;
    const uint8_t *p = data + FIXED_SIZE;
    if (m.length != FIXED_SIZE) {
        if (m.length != FIXED_SIZE + NEG_SIZE || le16(p + 2) != NEG_SIZE ||
            (p[0] != NEG_RESPONSE && p[0] != NEG_FAILURE))
            return err_set(reterr, ERR_PROTOCOL, "not an RDP negotiation answer");
        m.answer = p[0] == NEG_RESPONSE ? X224_ANSWER_SELECTED : X224_ANSWER_FAILURE;
        m.value = le32(p + 4);
    }
    *ret = m;
    return 0;
}

static size_t answer_write(uint8_t type, uint32_t value, uint8_t ret[X224_ANSWER_SIZE])
{
    const uint8_t bytes[X224_ANSWER_SIZE] = {3,
                                             0,
                                             0,
                                             X224_ANSWER_SIZE,
                                             X224_ANSWER_SIZE - TPKT_SIZE - 1,
                                             CODE_CONFIRM,
                                             0,
                                             0,
                                             0x12,
                                             0x34,
                                             0,
                                             type,
                                             0,
                                             NEG_SIZE,
                                             0,
                                             (uint8_t)value,
                                             (uint8_t)(value >> 8),
                                             (uint8_t)(value >> 16),
                                             (uint8_t)(value >> 24)};
    memcpy(ret, bytes, sizeof(bytes));
    return sizeof(bytes);
}

size_t x224_confirm_write(uint32_t protocol, uint8_t ret[X224_ANSWER_SIZE])
{
    return answer_write(NEG_RESPONSE, protocol, ret);
}

size_t x224_failure_write(uint32_t failure, uint8_t ret[X224_ANSWER_SIZE])
{
    return answer_write(NEG_FAILURE, failure, ret);
}

int x224_preconn_need(const uint8_t *data, size_t len, size_t *ret_need, struct error *reterr)
{
    if (len < 4) {
        *ret_need = 4;
        return 0;
    }
    size_t length = le32(data);
    if (length < PRECONN_FIXED || length > X224_PRECONN_MAX || length % 2 != 0)
        return err_set(reterr, ERR_PROTOCOL, "neither a connection request nor a preconnection PDU");
    *ret_need = length;
    return 0;
}

/* UTF-16LE to UTF-8; "" when it does not fit or has a lone surrogate or a NUL before its end. */
static void utf16_to_utf8(const uint8_t *p, size_t units, char *ret, size_t size)
{
    size_t out = 0;
    while (units > 0 && le16(p + 2 * (units - 1)) == 0)
        units--;
    for (size_t i = 0; i < units; i++) {
        uint32_t c = le16(p + 2 * i);
        if (c >= 0xd800 && c < 0xdc00 && i + 1 < units && (le16(p + 2 * i + 2) & 0xfc00) == 0xdc00)
            c = 0x10000 + ((c - 0xd800) << 10) + (le16(p + 2 * ++i) - 0xdc00u);
        if (c == 0 || (c >= 0xd800 && c < 0xe000) || out + 5 > size) {
            ret[0] = '\0';
            return;
        }
        if (c < 0x80) {
            ret[out++] = (char)c;
        } else if (c < 0x800) {
            ret[out++] = (char)(0xc0 | c >> 6);
            ret[out++] = (char)(0x80 | (c & 0x3f));
        } else if (c < 0x10000) {
            ret[out++] = (char)(0xe0 | c >> 12);
            ret[out++] = (char)(0x80 | (c >> 6 & 0x3f));
            ret[out++] = (char)(0x80 | (c & 0x3f));
        } else {
            ret[out++] = (char)(0xf0 | c >> 18);
            ret[out++] = (char)(0x80 | (c >> 12 & 0x3f));
            ret[out++] = (char)(0x80 | (c >> 6 & 0x3f));
            ret[out++] = (char)(0x80 | (c & 0x3f));
        }
    }
    ret[out] = '\0';
}

int x224_preconn_parse(const uint8_t *data, size_t len, struct x224_preconn *ret, struct error *reterr)
{
    struct x224_preconn m = {0};
    int r = x224_preconn_need(data, len, &m.length, reterr);
    if (r < 0)
        return r;
    if (len < m.length || len < PRECONN_FIXED)
        return ERR_AGAIN;
    uint32_t version = le32(data + 8);
    if (le32(data + 4) != 0 || (version != 1 && version != 2))
        return err_set(reterr, ERR_PROTOCOL, "a preconnection PDU with flags or a version that are not known");
    m.id = le32(data + 12);
    if (version == 2) {
        if (m.length < PRECONN_FIXED + 2 || m.length != PRECONN_FIXED + 2 + 2 * (size_t)le16(data + PRECONN_FIXED))
            return err_set(reterr, ERR_PROTOCOL, "a preconnection PDU whose lengths contradict each other");
        utf16_to_utf8(data + PRECONN_FIXED + 2, le16(data + PRECONN_FIXED), m.text, sizeof(m.text));
    } else if (m.length != PRECONN_FIXED) {
        return err_set(reterr, ERR_PROTOCOL, "a preconnection PDU whose lengths contradict each other");
    }
    *ret = m;
    return 0;
}
