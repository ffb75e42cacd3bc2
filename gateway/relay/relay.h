/* A relay: two streams whose bytes are passed to each other until one of them ends. Worker's loop thread.
 *
 * It is started behind the connection sequence of a door and knows nothing of RDP. Backpressure both ways, half-close
 * passed on, idle and absolute limits, bytes counted. An end by either side, a limit or relay_end leads to exactly one
 * on_end; from then on nothing is borrowed and both streams are closed. States: relay_sm. */
#ifndef CARREL_GATEWAY_RELAY_RELAY_H
#define CARREL_GATEWAY_RELAY_RELAY_H

#include "gateway/relay/stock.h"
#include "lib/base/sm.h"
#include "lib/net/stream.h"
#include "lib/proto/gw.h"

#include <stdint.h>

enum relay_state {
    RELAY_OPEN,
    RELAY_CLIENT_ENDED,  /* the client sends no more; the desktop may still */
    RELAY_DESKTOP_ENDED, /* the desktop sends no more; the client may still */
    RELAY_OVER,
    RELAY_STATE_COUNT
};

extern const struct sm relay_sm;

struct relay;

struct relay_options {
    struct loop *loop;
    struct stock *stock;
    const char *id;  /* the connection's, for the log; copied */
    int64_t idle_s;  /* 0 = none */
    int64_t limit_s; /* from now; 0 = none */
    /* Once. May free the relay. */
    void (*on_end)(struct relay *relay, enum gw_reason reason, void *arg);
    void *arg;
};

/* Both streams belong to the relay from entry, on failure too. The first bytes are moved before it returns, the
 * desktop's before the client's; on_end is never called before it returns.
 * Errors: ERR_NOMEM. */
int relay_new(const struct relay_options *options, struct stream *take_client, struct stream *take_desktop,
              struct relay **ret_relay, struct error *reterr);
/* Without on_end. Allowed inside on_end. NULL is fine. */
void relay_free(struct relay *relay);
/* End it for `reason`; on_end is called before this returns. Nothing when it is over. */
void relay_end(struct relay *relay, enum gw_reason reason);
/* Delivered so far: up = to the desktop, down = to the client. */
void relay_bytes(const struct relay *relay, uint64_t *ret_up, uint64_t *ret_down);

#endif
