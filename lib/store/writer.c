#include "lib/store/writer.h"

#include "lib/base/clock.h"

/* A group is committed after this even if more waits, so that other processes get their turn. */
#define GROUP_NS INT64_C(20000000)

struct request {
    struct request *next;
    store_tx_fn *fn;
    void *arg;
    int rc;
    struct error error;
    bool done;
    pthread_cond_t finished;
};

struct writer {
    struct store *store;
    struct store_conn *conn;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct request *first, **last;
    size_t waiting;
    bool stop;
};

static size_t take_group(struct writer *w, struct request *group[STORE_TX_GROUP_MAX])
{
    size_t n = 0;
    pthread_mutex_lock(&w->lock);
    while (w->first == NULL && !w->stop)
        pthread_cond_wait(&w->work, &w->lock);
    while (w->first != NULL && n < STORE_TX_GROUP_MAX) {
        group[n++] = w->first;
        w->first = w->first->next;
    }
    if (w->first == NULL)
        w->last = &w->first;
    w->waiting -= n;
    pthread_mutex_unlock(&w->lock);
    return n;
}

static void finish(struct writer *w, struct request *const *group, size_t n)
{
    pthread_mutex_lock(&w->lock);
    for (size_t i = 0; i < n; i++) {
        group[i]->done = true;
        pthread_cond_signal(&group[i]->finished);
    }
    pthread_mutex_unlock(&w->lock);
}

/* One operation inside the open transaction. Negative: the transaction is lost. */
static int run_saved(struct writer *w, struct request *r)
{
    const struct store_ops *ops = w->store->ops;
    struct store_tx tx = {w->store, w->conn};
    r->error = (struct error){0};
    int rc = ops->save(w->conn, &r->error);
    if (rc != 0)
        return rc;
    r->rc = r->fn(&tx, r->arg, &r->error);
    if (!ops->in_transaction(w->conn))
        return ERR_STORE;
    return r->rc == 0 ? ops->save_keep(w->conn, &r->error) : ops->save_undo(w->conn, NULL);
}

static size_t fail_all(struct request *const *group, size_t n, int rc, const struct error *error)
{
    for (size_t i = 0; i < n; i++) {
        group[i]->rc = rc;
        group[i]->error = *error;
    }
    return n;
}

/* The whole group in one transaction. Returns how many operations are settled; 0 when the transaction was lost. */
static size_t run_group(struct writer *w, struct request *const *group, size_t n)
{
    const struct store_ops *ops = w->store->ops;
    int64_t until = clock_mono_ns() + GROUP_NS;
    struct error error = {0};
    size_t i = 0;
    int rc = ops->begin(w->conn, &error);
    if (rc != 0)
        return fail_all(group, n, rc, &error);
    while (rc == 0 && i < n && (i == 0 || clock_mono_ns() < until))
        rc = run_saved(w, group[i++]);
    if (rc == 0)
        rc = ops->commit(w->conn, NULL);
    if (rc != 0) {
        ops->rollback(w->conn);
        return 0;
    }
    __atomic_add_fetch(&w->store->stats.commits, 1, __ATOMIC_RELAXED);
    __atomic_add_fetch(&w->store->stats.operations, i, __ATOMIC_RELAXED);
    return i;
}

static void run_alone(struct writer *w, struct request *r)
{
    r->error = (struct error){0};
    r->rc = store_tx_run(w->store, w->conn, r->fn, r->arg, &r->error);
}

static void serve(struct writer *w, struct request *const *group, size_t n)
{
    size_t done = 0;
    while (done < n) {
        size_t now = n - done > 1 ? run_group(w, group + done, n - done) : 0;
        if (now == 0) {
            now = n - done;
            for (size_t i = 0; i < now; i++)
                run_alone(w, group[done + i]);
        }
        finish(w, group + done, now);
        done += now;
    }
}

static void *thread_main(void *arg)
{
    struct writer *w = arg;
    struct request *group[STORE_TX_GROUP_MAX];
    size_t n;
    while ((n = take_group(w, group)) > 0)
        serve(w, group, n);
    return NULL;
}

int writer_start(struct store *store, struct store_conn *take_conn, struct writer **ret_writer, struct error *reterr)
{
    struct writer *w = MEM_NEW(struct writer);
    if (w == NULL) {
        store->ops->close(take_conn);
        return err_set(reterr, ERR_NOMEM, "out of memory");
    }
    w->store = store;
    w->conn = take_conn;
    w->last = &w->first;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->work, NULL);
    if (pthread_create(&w->thread, NULL, thread_main, w) != 0) {
        store->ops->close(take_conn);
        free(w);
        return err_set(reterr, ERR_NOMEM, "the writer thread cannot be started");
    }
    *ret_writer = w;
    return 0;
}

void writer_stop(struct writer *writer)
{
    if (writer == NULL)
        return;
    pthread_mutex_lock(&writer->lock);
    writer->stop = true;
    pthread_cond_signal(&writer->work);
    pthread_mutex_unlock(&writer->lock);
    pthread_join(writer->thread, NULL);
    writer->store->ops->close(writer->conn);
    pthread_cond_destroy(&writer->work);
    pthread_mutex_destroy(&writer->lock);
    free(writer);
}

int writer_run(struct writer *writer, store_tx_fn *fn, void *arg, struct error *reterr)
{
    struct request r = {.fn = fn, .arg = arg};
    pthread_cond_init(&r.finished, NULL);
    pthread_mutex_lock(&writer->lock);
    bool full = writer->waiting >= STORE_TX_QUEUE_MAX;
    if (!full) {
        *writer->last = &r;
        // cppcheck-suppress autoVariables ; r stays until the writer has set r.done
        writer->last = &r.next;
        writer->waiting++;
        pthread_cond_signal(&writer->work);
        while (!r.done)
            pthread_cond_wait(&r.finished, &writer->lock);
    }
    pthread_mutex_unlock(&writer->lock);
    pthread_cond_destroy(&r.finished);
    if (full)
        return err_set(reterr, ERR_BUSY, "%d operations wait for the store already", STORE_TX_QUEUE_MAX);
    if (r.rc != 0 && reterr != NULL)
        *reterr = r.error;
    return r.rc;
}
