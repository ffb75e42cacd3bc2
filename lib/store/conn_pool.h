/* A bounded set of connections to the engine. Internal to lib/store. Any thread. */
#ifndef CARREL_STORE_CONN_POOL_H
#define CARREL_STORE_CONN_POOL_H

#include "lib/store/store_ops.h"

#include <pthread.h>

struct conn_pool {
    const struct store_ops *ops;
    const char *uri; /* borrowed for the pool's life */
    enum store_access access;
    uint32_t busy_ms;
    unsigned max;
    pthread_mutex_t lock;
    pthread_cond_t freed;
    struct store_conn *idle;
    unsigned count; /* open ones, in use or idle */
};

int conn_pool_init(struct conn_pool *pool, const struct store_ops *ops, const char *uri, enum store_access access,
                   uint32_t busy_ms, unsigned max, struct error *reterr);
/* Closes the idle connections; none may be in use. */
void conn_pool_done(struct conn_pool *pool);
/* An idle connection, or a fresh one, or one that somebody gives back within busy_ms. ret_fresh (may be NULL): it was
 * opened just now. Errors: ERR_STORE_DOWN (all in use for too long, or the server cannot be reached), ERR_STORE. */
int conn_pool_take(struct conn_pool *pool, struct store_conn **ret_conn, bool *ret_fresh, struct error *reterr);
/* Give it back; a broken one is closed, and with it all idle ones, which the same loss has hit. */
void conn_pool_give(struct conn_pool *pool, struct store_conn *take_conn);

#endif
