/* The session: one person's use of one desktop of a pool, over any number of connections. Pure rules; any thread. */
#ifndef CARREL_MODEL_SESSION_H
#define CARREL_MODEL_SESSION_H

#include "lib/base/sm.h"

enum session_state {
    SESSION_PREPARING,    /* waits for a desktop (its place in the queue), for its account, or for its first client */
    SESSION_CONNECTED,    /* one open connection */
    SESSION_DISCONNECTED, /* the person's programs run on; kept for the pool's grace time */
    SESSION_ENDED,
    SESSION_STATE_COUNT
};

extern const struct sm session_sm;

/* Why a session ended, as it stands in the store and in the API. */
#define SESSION_END_LOGOFF       "logoff"       /* the person logged off inside the desktop or by the API */
#define SESSION_END_GRACE        "grace-over"   /* disconnected for longer than the pool allows */
#define SESSION_END_NEVER_CAME   "never-came"   /* prepared, but no client came in time */
#define SESSION_END_ADMIN        "admin"        /* an administrator ended it */
#define SESSION_END_DESKTOP_LOST "desktop-lost" /* its desktop failed or vanished */
#define SESSION_END_POOL_CLOSED  "pool-closed"

/* What somebody asked for; carried out by the leading poolmgr. */
#define SESSION_INTENT_NONE       ""
#define SESSION_INTENT_DISCONNECT "disconnect"
#define SESSION_INTENT_LOGOFF     "logoff"

#endif
