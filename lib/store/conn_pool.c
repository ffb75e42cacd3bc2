#include "lib/store/conn_pool.h"

#include "lib/base/mem.h"

#include <errno.h>
#include <time.h>

int conn_pool_init(struct conn_pool *pool, const struct store_ops *ops, const char *uri, enum store_access access,
                   uint32_t busy_ms, unsigned max, struct error *reterr)
{
    *pool = (struct conn_pool){.ops = ops, .uri = uri, .access = access, .busy_ms = busy_ms, .max = max};
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    int failed = pthread_mutex_init(&pool->lock, NULL) != 0 || pthread_cond_init(&pool->freed, &attr) != 0;
    pthread_condattr_destroy(&attr);
    return failed ? err_set(reterr, ERR_NOMEM, "out of memory") : 0;
}

static void close_all(const struct store_ops *ops, struct store_conn *list)
{
    while (list != NULL) {
        struct store_conn *conn = list;
        list = conn->next;
        ops->close(conn);
    }
}

void conn_pool_done(struct conn_pool *pool)
{
    close_all(pool->ops, pool->idle);
    pool->idle = NULL;
    pthread_cond_destroy(&pool->freed);
    pthread_mutex_destroy(&pool->lock);
}

static struct timespec deadline_after(uint32_t ms)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += (long)(ms % 1000) * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

/* An idle connection, or NULL with the right to open one. Called and returns with the lock held. */
static int wait_for_turn(struct conn_pool *pool, struct store_conn **ret_conn, struct error *reterr)
{
    struct timespec until = deadline_after(pool->busy_ms);
    while (pool->idle == NULL && pool->count >= pool->max) {
        if (pthread_cond_timedwait(&pool->freed, &pool->lock, &until) == ETIMEDOUT)
            return err_set(reterr, ERR_STORE_DOWN, "all %u connections to the store were in use for %u ms", pool->max,
                           pool->busy_ms);
    }
    *ret_conn = pool->idle;
    if (pool->idle != NULL)
        pool->idle = pool->idle->next;
    else
        pool->count++;
    return 0;
}

int conn_pool_take(struct conn_pool *pool, struct store_conn **ret_conn, bool *ret_fresh, struct error *reterr)
{
    struct store_conn *conn = NULL;
    pthread_mutex_lock(&pool->lock);
    int rc = wait_for_turn(pool, &conn, reterr);
    pthread_mutex_unlock(&pool->lock);
    if (rc != 0)
        return rc;
    bool fresh = conn == NULL;
    if (fresh)
        rc = pool->ops->connect(pool->uri, pool->access, pool->busy_ms, &conn, reterr);
    if (rc != 0) {
        pthread_mutex_lock(&pool->lock);
        pool->count--;
        pthread_cond_signal(&pool->freed);
        pthread_mutex_unlock(&pool->lock);
        return rc;
    }
    conn->next = NULL;
    conn->transient = false;
    *ret_conn = conn;
    if (ret_fresh != NULL)
        *ret_fresh = fresh;
    return 0;
}

void conn_pool_give(struct conn_pool *pool, struct store_conn *take_conn)
{
    struct store_conn *doomed = NULL;
    pthread_mutex_lock(&pool->lock);
    if (take_conn->broken) {
        take_conn->next = pool->idle;
        doomed = take_conn;
        pool->idle = NULL;
        for (struct store_conn *c = doomed; c != NULL; c = c->next)
            pool->count--;
        pthread_cond_broadcast(&pool->freed);
    } else {
        take_conn->next = pool->idle;
        pool->idle = take_conn;
        pthread_cond_signal(&pool->freed);
    }
    pthread_mutex_unlock(&pool->lock);
    close_all(pool->ops, doomed);
}
