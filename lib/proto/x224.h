/* The first packets of an RDP connection: preconnection PDU, X.224 Connection Request and Confirm. Pure; any thread.
 *
 * Parsers take what has arrived so far and never read past it. They are stricter than RDP servers: what they accept has
 * exactly the layout of [MS-RDPBCGR] 2.2.1.1, 2.2.1.2 and [MS-RDPEPS] 2.2.1, so that a request that was read here and
 * passed on means the same to the desktop. */
#ifndef CARREL_PROTO_X224_H
#define CARREL_PROTO_X224_H

#include "lib/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define X224_TOKEN_SIZE   128 /* the token's value with its NUL */
#define X224_REQUEST_MAX  259 /* bytes: LI is one byte and at most 254 */
#define X224_CONFIRM_MAX  259
#define X224_PRECONN_MAX  1024 /* bytes; Windows' own limit is far above, real ones have less than 100 */
#define X224_PRECONN_TEXT 256  /* UTF-8 of the blob with its NUL */

/* Security protocols, [MS-RDPBCGR] 2.2.1.1.1. 0 is standard RDP security. */
#define X224_PROTOCOL_SSL       0x00000001u
#define X224_PROTOCOL_HYBRID    0x00000002u
#define X224_PROTOCOL_RDSTLS    0x00000004u
#define X224_PROTOCOL_HYBRID_EX 0x00000008u

/* Failure codes, [MS-RDPBCGR] 2.2.1.2.2. */
#define X224_FAILURE_SSL_REQUIRED    1u
#define X224_FAILURE_SSL_NOT_ALLOWED 2u
#define X224_FAILURE_HYBRID_REQUIRED 5u

struct x224_preconn {
    size_t length; /* bytes of the PDU */
    uint32_t id;
    char text[X224_PRECONN_TEXT]; /* "" when there is none, or when it is not valid UTF-16 */
};

struct x224_request {
    size_t length;               /* bytes of the packet */
    size_t line_start, line_end; /* the token or cookie line with its CR LF; equal when there is none */
    char token[X224_TOKEN_SIZE]; /* value of "Cookie: msts="; "" when there is none or it is not of our alphabet */
    bool negotiates;             /* an RDP_NEG_REQ is there */
    uint8_t flags;               /* of the RDP_NEG_REQ */
    uint32_t protocols;          /* requested; 0 without RDP_NEG_REQ */
};

enum x224_answer { X224_ANSWER_NONE, X224_ANSWER_SELECTED, X224_ANSWER_FAILURE };

struct x224_confirm {
    size_t length;
    enum x224_answer answer;
    uint32_t value; /* the selected protocol or the failure code; 0 without an answer */
};

enum x224_first { X224_FIRST_UNKNOWN, X224_FIRST_REQUEST, X224_FIRST_PRECONN };

/* What a connection's first bytes announce. UNKNOWN: neither (len > 0), or nothing is there yet. */
enum x224_first x224_first(const uint8_t *data, size_t len);

/* Bytes that the packet at `data` has in all, as far as `len` bytes tell: 0, or ERR_PROTOCOL when its header is wrong
 * or it is longer than `max`; *ret_need is what to have at least before asking again (never more than the packet has).
 */
int x224_need(const uint8_t *data, size_t len, size_t max, size_t *ret_need, struct error *reterr);
int x224_preconn_need(const uint8_t *data, size_t len, size_t *ret_need, struct error *reterr);

/* Each: 0; ERR_AGAIN (incomplete, reterr untouched); ERR_PROTOCOL with a sentence. Bytes behind the packet are left. */
int x224_preconn_parse(const uint8_t *data, size_t len, struct x224_preconn *ret, struct error *reterr);
int x224_request_parse(const uint8_t *data, size_t len, struct x224_request *ret, struct error *reterr);
int x224_confirm_parse(const uint8_t *data, size_t len, struct x224_confirm *ret, struct error *reterr);

/* The request that was parsed from `data`, without its line, into `ret` (room for its length); returns the new length.
 */
size_t x224_request_strip(const uint8_t *data, const struct x224_request *request, uint8_t *ret);

/* A Connection Confirm that selects `protocol` / refuses with `failure`; 19 bytes. Returns the length. */
#define X224_ANSWER_SIZE 19
size_t x224_confirm_write(uint32_t protocol, uint8_t ret[X224_ANSWER_SIZE]);
size_t x224_failure_write(uint32_t failure, uint8_t ret[X224_ANSWER_SIZE]);

#endif
