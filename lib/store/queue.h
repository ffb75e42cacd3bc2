/* The fair queue of a pool: which waiting session gets which free desktop. Internal to lib/store.
 *
 * Each assignment is one INSERT … SELECT … RETURNING that takes the desktop first and then the head of the queue. On
 * PostgreSQL desktops that others hold are skipped, but the head is waited for: so whoever holds the head already holds
 * a desktop for it, and nobody behind it can be served before it. */
#ifndef CARREL_STORE_QUEUE_H
#define CARREL_STORE_QUEUE_H

#include "lib/store/store_assignment.h"
#include "lib/store/store_tx.h"

struct queue_serve {
    const char *pool;
    const char *until; /* stop once this session was served; NULL = go on */
    size_t max;        /* assignments at most */
    bool wait;         /* wait for desktops that others hold instead of skipping them */
    int64_t now_ms;
    struct store_assignment *made; /* `max` rows; NULL = not wanted */
    size_t count;                  /* made */
    bool reached;                  /* `until` was served */
};

/* Serve the queue inside a transaction. */
int queue_serve(struct store_tx *tx, struct queue_serve *serve, struct error *reterr);
/* Whether a free desktop and a waiting session of `pool` are there side by side (committed, on this connection's view).
 */
int queue_has_match(struct store_tx *tx, const char *pool, bool *ret_match, struct error *reterr);
/* Place of a session in its pool's queue: 0 = it does not wait. ERR_NOT_FOUND. */
int queue_place(struct store_tx *tx, const char *session, uint32_t *ret_place, struct error *reterr);

#endif
