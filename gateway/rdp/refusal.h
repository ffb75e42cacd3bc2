/* Tell an RDP client in its own protocol why it is refused, then hang up. Worker's loop thread.
 *
 * A client shows a reason only behind its Client Info: so TLS is begun under the gateway's certificate, the connection
 * sequence is answered with fixed packets (lib/proto/mcs), and a Set Error Info PDU and an MCS disconnect end it. A
 * client without TLS gets a negotiation failure. Nothing that the client sends is kept. docs/decisions/0046. */
#ifndef CARREL_GATEWAY_RDP_REFUSAL_H
#define CARREL_GATEWAY_RDP_REFUSAL_H

#include "lib/net/stream.h"

#include <stdint.h>

struct refusal;

struct refusal_options {
    struct loop *loop;
    SSL_CTX *tls;       /* the gateway's, server side */
    uint32_t protocols; /* of the Connection Request */
    uint32_t errinfo;   /* MCS_ERRINFO_… */
    /* Once, when everything is over and the client's connection closed; never inside refusal_new. May free it. */
    void (*on_end)(struct refusal *refusal, void *arg);
    void *arg;
};

/* take_client: owned from entry, on failure too. A plain stream: the Connection Request has been read and not been
 * answered. A TLS stream: answered, and the handshake is done. Errors: ERR_NOMEM. */
int refusal_new(const struct refusal_options *options, struct stream *take_client, struct refusal **ret_refusal,
                struct error *reterr);
/* Without on_end. NULL is fine. */
void refusal_free(struct refusal *refusal);

#endif
