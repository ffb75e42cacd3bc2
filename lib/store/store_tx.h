/* Transactions of the store. Internal to lib/store. Any worker thread.
 *
 * An operation is a function that runs inside one write transaction. It may be run more than once (after a deadlock, or
 * alone after the group it was committed with failed), so it sets its results from scratch each time and touches
 * nothing outside `arg` and the store. Its results count only when store_tx_write returns 0.
 *
 * On an engine with one writer, operations of all threads queue for one writer thread, which commits them in groups,
 * each inside a savepoint: one that fails is undone alone. */
#ifndef CARREL_STORE_STORE_TX_H
#define CARREL_STORE_STORE_TX_H

#include "lib/store/conn_pool.h"
#include "lib/store/store.h"

struct store_tx {
    struct store *store;
    struct store_conn *conn;
};

typedef int store_tx_fn(struct store_tx *tx, void *arg, struct error *reterr);

/* Operations waiting for the writer, at most; more get ERR_BUSY. */
#define STORE_TX_QUEUE_MAX 4096
/* Operations committed together, at most. */
#define STORE_TX_GROUP_MAX 64

struct writer;

struct store {
    const struct store_ops *ops;
    char *uri;
    uint32_t busy_ms;
    struct conn_pool conns;   /* readers on an engine with one writer, else all */
    struct writer *writer;    /* NULL without a single writer */
    struct store_stats stats; /* atomic access */
};

/* Run `fn` in a write transaction; it is committed when this returns 0. */
int store_tx_write(struct store *store, store_tx_fn *fn, void *arg, struct error *reterr);
/* Run `fn` on a connection for reading, outside a transaction: each statement sees a state of its own. */
int store_tx_read(struct store *store, store_tx_fn *fn, void *arg, struct error *reterr);
/* Run `fn` in a write transaction on `conn`, which the caller owns. */
int store_tx_run(struct store *store, struct store_conn *conn, store_tx_fn *fn, void *arg, struct error *reterr);

#endif
