#include "lib/store/store_tx.h"

#include "lib/base/clock.h"
#include "lib/store/writer.h"

#include <unistd.h>

/* A transaction that lost a deadlock or a serialisation race is done again so often. */
#define TRIES 8

static int run_once(struct store *store, struct store_conn *conn, store_tx_fn *fn, void *arg, struct error *reterr)
{
    struct store_tx tx = {store, conn};
    int rc = store->ops->begin(conn, reterr);
    if (rc == 0)
        rc = fn(&tx, arg, reterr);
    if (rc == 0)
        rc = store->ops->commit(conn, reterr);
    if (rc != 0)
        store->ops->rollback(conn);
    return rc;
}

/* Longer and longer, and never two in step. */
static void back_off(int attempt)
{
    uint16_t noise;
    id_random(&noise, sizeof(noise));
    usleep((useconds_t)(500 << attempt) + noise % 2000);
}

int store_tx_run(struct store *store, struct store_conn *conn, store_tx_fn *fn, void *arg, struct error *reterr)
{
    int rc = 0;
    for (int attempt = 0; attempt < TRIES; attempt++) {
        if (attempt > 0) {
            back_off(attempt);
            __atomic_add_fetch(&store->stats.retries, 1, __ATOMIC_RELAXED);
        }
        conn->transient = false;
        rc = run_once(store, conn, fn, arg, reterr);
        if (rc == 0 || !conn->transient || conn->broken)
            break;
    }
    if (rc == 0) {
        __atomic_add_fetch(&store->stats.commits, 1, __ATOMIC_RELAXED);
        __atomic_add_fetch(&store->stats.operations, 1, __ATOMIC_RELAXED);
    }
    return rc;
}

struct call {
    store_tx_fn *fn;
    void *arg;
    bool write;
};

static int run_call(struct store *store, struct store_conn *conn, const struct call *call, struct error *reterr)
{
    struct store_tx tx = {store, conn};
    return call->write ? store_tx_run(store, conn, call->fn, call->arg, reterr) : call->fn(&tx, call->arg, reterr);
}

/* A connection that lay idle may have died with its server, which is found out only by using it: then the call is
 * made once more on a fresh one. `transient` says that nothing can have been committed. */
static int run_pooled(struct store *store, const struct call *call, struct error *reterr)
{
    for (;;) {
        struct store_conn *conn = NULL;
        bool fresh = false;
        int rc = conn_pool_take(&store->conns, &conn, &fresh, reterr);
        if (rc != 0)
            return rc;
        rc = run_call(store, conn, call, reterr);
        bool again = rc != 0 && conn->broken && !fresh && (conn->transient || !call->write);
        conn_pool_give(&store->conns, conn);
        if (!again)
            return rc;
        __atomic_add_fetch(&store->stats.retries, 1, __ATOMIC_RELAXED);
    }
}

int store_tx_write(struct store *store, store_tx_fn *fn, void *arg, struct error *reterr)
{
    if (store->writer != NULL)
        return writer_run(store->writer, fn, arg, reterr);
    const struct call call = {fn, arg, true};
    return run_pooled(store, &call, reterr);
}

int store_tx_read(struct store *store, store_tx_fn *fn, void *arg, struct error *reterr)
{
    const struct call call = {fn, arg, false};
    return run_pooled(store, &call, reterr);
}
