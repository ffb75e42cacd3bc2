/* Messages between gateway and broker, version 1. Pure; any thread.
 *
 * All are JSON objects in HTTP bodies under /internal/v1. Each gateway worker speaks for itself: its name is the
 * gateway's name, a dot and the worker's number ("gw1.0"), so that a worker's death is the death of one instance. An
 * instance id is made at each start of a worker and tells an old run from a new one.
 *
 * - POST /tickets/redeem: gw_redeem → 200 gw_grant, else a problem document (lib/proto/problem.h): 403
 *   GW_TICKET_REFUSED, 409 GW_DESKTOP_NOT_READY.
 * - POST /gateways/{worker}/hello: gw_hello → 200 gw_hello_answer. The broker ends those connections of that worker
 * that the hello does not name, and names those that the worker has to drop.
 * - GET /gateways/{worker}/commands?instance=ID: server-sent events; an event "disconnect" carries a gw_command.
 * - POST /connections/{id}/closed: gw_closed → 204, also when the broker had ended it before; 404: it never existed.
 *
 * Decoders accept any bytes, check type and length of each field and ignore unknown ones (a newer peer). Every decoder
 * answers 0, ERR_INVALID, ERR_TOO_BIG or ERR_NOMEM and leaves its output untouched on failure. Encoders answer 0,
 * ERR_TOO_BIG or ERR_NOMEM. */
#ifndef CARREL_PROTO_GW_H
#define CARREL_PROTO_GW_H

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/id.h"

#include <stddef.h>
#include <stdint.h>

#define GW_NAME_SIZE       64        /* worker name with its NUL: letters, digits, '.', '-' */
#define GW_TICKET_SIZE     128       /* a ticket as the client shows it, with its NUL */
#define GW_ADDRESS_SIZE    64        /* a numeric IPv4 or IPv6 address with its NUL */
#define GW_TEXT_SIZE       256       /* sentences */
#define GW_CONNECTIONS_MAX 65536     /* live connections of one worker */
#define GW_MESSAGE_MAX     (8 << 20) /* bytes of the largest message (a hello with all of them) */

#define GW_REDEEM_PATH       "/internal/v1/tickets/redeem"
#define GW_TICKET_REFUSED    "ticket_refused"    /* unknown, expired, of another address, or its session is over */
#define GW_DESKTOP_NOT_READY "desktop_not_ready" /* the session has no desktop yet, or it is not up */

enum gw_door { GW_DOOR_RDP, GW_DOOR_RDG, GW_DOOR_WEB, GW_DOOR_COUNT };
/* "rdp", "rdg", "web". */
const char *gw_door_name(enum gw_door door);

/* How the desktop's RDP port is secured: raw = relayed as it is (NLA), tls = the gateway may re-encrypt. */
enum gw_security { GW_SECURITY_RAW, GW_SECURITY_TLS, GW_SECURITY_COUNT };
const char *gw_security_name(enum gw_security security);

/* Why a connection ended, in the gateway's words; stands in logs and in the broker's history. */
#define GW_REASON_TABLE(X)                                                                                             \
    X(CLIENT_CLOSED, "client_closed")   /* the client ended it */                                                      \
    X(DESKTOP_CLOSED, "desktop_closed") /* the desktop ended it */                                                     \
    X(DESKTOP_DOWN, "desktop_down")     /* the desktop could not be reached or did not answer */                       \
    X(CERT_MISMATCH, "cert_mismatch")   /* the desktop's certificate is not the pinned one */                          \
    X(TLS_FAILED, "tls_failed")         /* a handshake failed or timed out */                                          \
    X(PROTOCOL, "protocol")             /* a side broke RDP's connection sequence */                                   \
    X(IDLE, "idle")                     /* no byte for longer than the grant allows */                                 \
    X(LIMIT, "limit")                   /* longer than the grant allows */                                             \
    X(COMMANDED, "commanded")           /* the broker said so */                                                       \
    X(STOPPING, "stopping")             /* the gateway stops */                                                        \
    X(FAILED, "failed")                 /* the gateway had no memory, descriptor … for it */

enum gw_reason {
#define X(id, name) GW_REASON_##id,
    GW_REASON_TABLE(X)
#undef X
        GW_REASON_COUNT
};
const char *gw_reason_name(enum gw_reason reason);

struct gw_redeem {
    char ticket[GW_TICKET_SIZE];
    enum gw_door door;
    char address[GW_ADDRESS_SIZE]; /* of the client */
    char gateway[GW_NAME_SIZE];    /* the worker's name */
    char instance[ID_SIZE];
};

struct gw_grant {
    char connection[ID_SIZE]; /* made by the broker for this redemption */
    char session[ID_SIZE];
    char address[GW_ADDRESS_SIZE]; /* of the desktop */
    uint16_t port;
    enum gw_security security;
    char cert_sha256[65]; /* lower-case hexadecimal of the certificate's DER; never empty when security is tls */
    int64_t idle_s;       /* end it after that long without a byte; 0 = never */
    int64_t limit_s;      /* end it after that long in all; 0 = never */
};

struct gw_hello {
    char instance[ID_SIZE];
    size_t count;
    char (*connections)[ID_SIZE]; /* owned; all that this worker carries now */
};

struct gw_command {
    char connection[ID_SIZE]; /* to be dropped */
    char reason[GW_TEXT_SIZE];
};

struct gw_hello_answer {
    size_t count;
    struct gw_command *drop; /* owned */
};

struct gw_closed {
    char gateway[GW_NAME_SIZE];
    char instance[ID_SIZE];
    int64_t bytes_up;    /* client → desktop */
    int64_t bytes_down;  /* desktop → client */
    int64_t duration_ms; /* since the grant */
    enum gw_reason reason;
};

int gw_redeem_encode(const struct gw_redeem *m, struct buf *out);
int gw_redeem_decode(const char *data, size_t len, struct gw_redeem *ret, struct error *reterr);
int gw_grant_encode(const struct gw_grant *m, struct buf *out);
int gw_grant_decode(const char *data, size_t len, struct gw_grant *ret, struct error *reterr);
int gw_hello_encode(const struct gw_hello *m, struct buf *out);
/* Free the result with gw_hello_done. */
int gw_hello_decode(const char *data, size_t len, struct gw_hello *ret, struct error *reterr);
void gw_hello_done(struct gw_hello *m);
int gw_hello_answer_encode(const struct gw_hello_answer *m, struct buf *out);
/* Free the result with gw_hello_answer_done. */
int gw_hello_answer_decode(const char *data, size_t len, struct gw_hello_answer *ret, struct error *reterr);
void gw_hello_answer_done(struct gw_hello_answer *m);
int gw_command_encode(const struct gw_command *m, struct buf *out);
int gw_command_decode(const char *data, size_t len, struct gw_command *ret, struct error *reterr);
int gw_closed_encode(const struct gw_closed *m, struct buf *out);
int gw_closed_decode(const char *data, size_t len, struct gw_closed *ret, struct error *reterr);

#endif
