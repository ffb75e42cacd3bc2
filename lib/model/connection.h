/* The connection: one client at one door, opened by redeeming a ticket (its lease). Pure rules; any thread.
 *
 * Invariant (kept by the store): at most one open connection per session; a new one replaces the old. */
#ifndef CARREL_MODEL_CONNECTION_H
#define CARREL_MODEL_CONNECTION_H

#include "lib/base/sm.h"

enum connection_state {
    CONNECTION_OPEN,
    CONNECTION_CLOSED,   /* either side went away, or it was disconnected */
    CONNECTION_REPLACED, /* the same person came again; the gateway still has to drop this one */
    CONNECTION_STATE_COUNT
};

extern const struct sm connection_sm;

enum ticket_state {
    TICKET_NEW,    /* minted, may be redeemed until it expires */
    TICKET_LEASED, /* redeemed: valid for its session's connection while the session lives */
    TICKET_VOID,   /* superseded, or its session ended */
    TICKET_STATE_COUNT
};

extern const struct sm ticket_sm;

/* A ticket not redeemed within this time is void. ARCHITECTURE, Tickets. */
#define TICKET_OPEN_MS 60000

#endif
