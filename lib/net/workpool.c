#include "lib/net/workpool.h"

#include "lib/base/clock.h"
#include "lib/base/mem.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>

#define THREADS_MAX 64
/* How often waiting jobs are looked at for a deadline that passed while all threads hang. */
#define EXPIRY_MS 100

struct job_list {
    struct workpool_job *first, *last;
};

struct workpool {
    struct loop *loop;
    struct workpool_options options;
    char name[16];
    pthread_t threads[THREADS_MAX];
    unsigned thread_count;
    struct loop_task deliver;
    struct loop_timer *expiry;

    pthread_mutex_t lock; /* all below */
    pthread_cond_t more;
    struct job_list waiting, finished;
    unsigned waiting_count, running_count;
    bool closing;
};

static void list_add(struct job_list *list, struct workpool_job *job)
{
    job->next = NULL;
    if (list->last != NULL)
        list->last->next = job;
    else
        list->first = job;
    list->last = job;
}

static struct workpool_job *list_take(struct job_list *list)
{
    struct workpool_job *job = list->first;
    if (job != NULL) {
        list->first = job->next;
        if (list->first == NULL)
            list->last = NULL;
        job->next = NULL;
    }
    return job;
}

static bool expired(const struct workpool_job *job, int64_t now_ms)
{
    return job->deadline_ms != 0 && job->deadline_ms <= now_ms;
}

/* The next job to run; NULL when the pool closes. Called and returns with the lock held. */
static struct workpool_job *next_job(struct workpool *pool)
{
    for (;;) {
        struct workpool_job *job = list_take(&pool->waiting);
        if (job == NULL) {
            if (pool->closing)
                return NULL;
            pthread_cond_wait(&pool->more, &pool->lock);
            continue;
        }
        pool->waiting_count--;
        if (!expired(job, clock_mono_ms()))
            return job;
        job->status = ERR_TIMEOUT;
        list_add(&pool->finished, job);
        loop_post(pool->loop, &pool->deliver);
    }
}

static void *thread_main(void *arg)
{
    struct workpool *pool = arg;
    const struct workpool_options *o = &pool->options;
    pthread_setname_np(pthread_self(), pool->name);
    void *thread_data = o->thread_start != NULL ? o->thread_start(o->arg) : NULL;

    pthread_mutex_lock(&pool->lock);
    for (struct workpool_job *job; (job = next_job(pool)) != NULL;) {
        pool->running_count++;
        pthread_mutex_unlock(&pool->lock);
        job->work(job, thread_data);
        pthread_mutex_lock(&pool->lock);
        pool->running_count--;
        job->status = 0;
        list_add(&pool->finished, job);
        loop_post(pool->loop, &pool->deliver);
    }
    pthread_mutex_unlock(&pool->lock);

    if (o->thread_end != NULL)
        o->thread_end(thread_data, o->arg);
    return NULL;
}

static void deliver_finished(struct workpool *pool)
{
    for (;;) {
        pthread_mutex_lock(&pool->lock);
        struct workpool_job *job = list_take(&pool->finished);
        pthread_mutex_unlock(&pool->lock);
        if (job == NULL)
            return;
        job->done(job, job->status);
    }
}

static void deliver_task(struct loop_task *task)
{
    deliver_finished(CONTAINER_OF(task, struct workpool, deliver));
}

/* Move waiting jobs whose deadline has passed (or all) to the finished ones. */
static void expire_waiting(struct workpool *pool, bool all, int status)
{
    int64_t now_ms = clock_mono_ms();
    struct job_list keep = {0};
    pthread_mutex_lock(&pool->lock);
    for (struct workpool_job *job; (job = list_take(&pool->waiting)) != NULL;) {
        if (!all && !expired(job, now_ms)) {
            list_add(&keep, job);
            continue;
        }
        pool->waiting_count--;
        job->status = status;
        list_add(&pool->finished, job);
    }
    pool->waiting = keep;
    pthread_mutex_unlock(&pool->lock);
}

static void expiry_tick(void *arg)
{
    struct workpool *pool = arg;
    expire_waiting(pool, false, ERR_TIMEOUT);
    unsigned waiting, running;
    workpool_load(pool, &waiting, &running);
    if (waiting == 0)
        loop_timer_stop(pool->expiry);
    deliver_finished(pool);
}

static int start_threads(struct workpool *pool, struct error *reterr)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int r = 0;
    while (pool->thread_count < pool->options.threads && r == 0) {
        r = pthread_create(&pool->threads[pool->thread_count], NULL, thread_main, pool);
        if (r == 0)
            pool->thread_count++;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return r == 0 ? 0 : err_set_errno(reterr, ERR_IO, r, "cannot start a thread of pool %s", pool->name);
}

int workpool_new(struct loop *loop, const struct workpool_options *options, struct workpool **ret_pool,
                 struct error *reterr)
{
    if (options->threads < 1 || options->threads > THREADS_MAX || options->queue_max < 1)
        return err_set(reterr, ERR_INVALID, "a pool has 1 to %d threads and a queue of at least 1", THREADS_MAX);
    struct workpool *pool = MEM_NEW(struct workpool);
    if (pool == NULL)
        return err_set(reterr, ERR_NOMEM, "no memory for a thread pool");
    pool->loop = loop;
    pool->options = *options;
    snprintf(pool->name, sizeof(pool->name), "%s", options->name != NULL ? options->name : "pool");
    pool->deliver.run = deliver_task;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->more, NULL);
    pool->expiry = loop_timer_new(loop, expiry_tick, pool);
    int r = pool->expiry != NULL ? start_threads(pool, reterr) : err_set(reterr, ERR_NOMEM, "no memory for a timer");
    if (r < 0) {
        workpool_free(pool);
        return r;
    }
    *ret_pool = pool;
    return 0;
}

int workpool_submit(struct workpool *pool, struct workpool_job *job)
{
    int r = 0;
    pthread_mutex_lock(&pool->lock);
    if (pool->closing) {
        r = ERR_CLOSED;
    } else if (pool->waiting_count >= pool->options.queue_max) {
        r = ERR_BUSY;
    } else {
        list_add(&pool->waiting, job);
        pool->waiting_count++;
        pthread_cond_signal(&pool->more);
    }
    pthread_mutex_unlock(&pool->lock);
    if (r == 0 && job->deadline_ms != 0 && !loop_timer_running(pool->expiry))
        loop_timer_start(pool->expiry, EXPIRY_MS, EXPIRY_MS);
    return r;
}

void workpool_load(struct workpool *pool, unsigned *ret_waiting, unsigned *ret_running)
{
    pthread_mutex_lock(&pool->lock);
    *ret_waiting = pool->waiting_count;
    *ret_running = pool->running_count;
    pthread_mutex_unlock(&pool->lock);
}

void workpool_free(struct workpool *pool)
{
    if (pool == NULL)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->closing = true;
    pthread_mutex_unlock(&pool->lock);
    expire_waiting(pool, true, ERR_CANCELLED);
    pthread_mutex_lock(&pool->lock);
    pthread_cond_broadcast(&pool->more);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->thread_count; i++)
        pthread_join(pool->threads[i], NULL);
    loop_unpost(pool->loop, &pool->deliver);
    deliver_finished(pool);
    loop_timer_free(pool->expiry);
    pthread_cond_destroy(&pool->more);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}
