/* Connections: rows and their end. Any worker thread. Machine: lib/model/connection.h. They are opened by
 * store_ticket_redeem.
 *
 * Invariant (also enforced by a unique index): at most one open connection per session. */
#ifndef CARREL_STORE_STORE_CONNECTION_H
#define CARREL_STORE_STORE_CONNECTION_H

#include "lib/model/connection.h"
#include "lib/store/store.h"

struct store_connection {
    char id[ID_SIZE];
    char session[ID_SIZE];
    char door[STORE_WORD_SIZE];
    char gateway[STORE_NAME_SIZE];
    char instance[STORE_NAME_SIZE]; /* of the gateway process */
    char worker[STORE_NAME_SIZE];
    char address[STORE_ADDRESS_SIZE]; /* the client's */
    int state;                        /* enum connection_state */
    int64_t opened_at;
    int64_t closed_at;
    int64_t bytes_up;   /* client → desktop */
    int64_t bytes_down; /* desktop → client */
    char reason[STORE_TEXT_SIZE];
};

struct store_connection_filter {
    const char *session; /* NULL = any */
    const char *gateway; /* NULL = any */
    bool open_only;
};

struct store_connection_close {
    const char *id;
    int64_t bytes_up, bytes_down;
    const char *reason;
    int64_t now_ms;
};

struct store_connection_closed {
    char session[ID_SIZE];
    bool disconnected;        /* it was the session's open one: the session is disconnected now */
    int64_t session_deadline; /* then: when its grace is over */
};

int store_connection_get(struct store *store, const char *id, struct store_connection *ret_connection,
                         struct error *reterr);
/* In the order of ids. *ret_rows: free(). */
int store_connection_list(struct store *store, const struct store_connection_filter *filter,
                          const struct store_page *page, struct store_connection **ret_rows, size_t *ret_count,
                          struct error *reterr);
/* A gateway reports the end. The session of an open connection becomes disconnected with deadline now + the pool's
 * grace; a replaced one only gets its figures. Telling the end of a closed one again is fine: only missing figures are
 * added. ERR_NOT_FOUND. */
int store_connection_close(struct store *store, const struct store_connection_close *close,
                           struct store_connection_closed *ret_closed, struct error *reterr);

#endif
