#include "poolmgr/host_link.h"

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define QUEUE_MAX      20000 /* jobs waiting: each desktop has at most one */
#define EVENTS_MAX     4096  /* not yet taken by the loop; beyond, a listing finds out */
#define RETRY_FIRST_MS 1000
#define RETRY_MOST_MS  30000

/* A connection. Lives from the opening job until the closing one; the job on its way holds it, then the host does. */
struct conn {
    struct host_link *host;
    struct virt *virt;
    struct loop_task task;
    pthread_mutex_t lock; /* of what follows */
    struct virt_event *events;
    size_t count, cap;
    bool lost;
    bool overflow;
};

enum phase { PHASE_DOWN, PHASE_OPENING, PHASE_UP, PHASE_LEAVING, PHASE_CLOSING };

struct host_link {
    struct host_link_options o;
    struct store_host row;
    struct workpool *pool;
    struct conn *conn;
    enum phase phase;
    unsigned jobs; /* on the connection, accepted and not finished */
    struct backoff backoff;
    struct virt_host_info info;
    int64_t down_since_ms;
    int64_t list_at_ms;
    bool listing, list_again;
    bool failed, told_down;
    bool stopped;
};

struct open_job {
    struct workpool_job job;
    struct host_link *host;
    struct conn *conn;
    struct virt_host_info info;
    int code;
    struct error error;
};

struct list_job {
    struct host_job job;
    struct virt_domain *domains;
    size_t count;
    uint64_t began;
    int code;
    struct error error;
};

static void leave(struct host_link *host, const char *why);
static void close_if_idle(struct host_link *host);

/* ---- the connection's events */

static void on_event(void *arg, const struct virt_event *event)
{
    struct conn *conn = arg;

    pthread_mutex_lock(&conn->lock);
    if (event->kind == VIRT_EVENT_LOST)
        conn->lost = true;
    else if (mem_grow(&conn->events, &conn->cap, conn->count + 1, sizeof *conn->events, EVENTS_MAX))
        conn->overflow = true;
    else
        conn->events[conn->count++] = *event;
    pthread_mutex_unlock(&conn->lock);
    loop_post(conn->host->o.loop, &conn->task);
}

static void on_task(struct loop_task *task)
{
    struct conn *conn = CONTAINER_OF(task, struct conn, task);
    struct host_link *host = conn->host;

    pthread_mutex_lock(&conn->lock);
    struct virt_event *events CLEANUP_FREE = TAKE_PTR(conn->events);
    size_t count = conn->count;
    bool lost = conn->lost, overflow = conn->overflow;
    conn->count = conn->cap = 0;
    conn->overflow = false;
    pthread_mutex_unlock(&conn->lock);
    if (host->phase != PHASE_UP || host->conn != conn)
        return; /* the listing after the opening tells it all */
    for (size_t i = 0; i < count; i++)
        if (!strncmp(events[i].domain, host->o.prefix, strlen(host->o.prefix)))
            host->o.events->event(host->o.arg, host, &events[i]);
    if (overflow)
        host_link_list_soon(host);
    if (lost)
        leave(host, "the connection broke");
}

static void conn_free(struct conn *conn)
{
    loop_unpost(conn->host->o.loop, &conn->task);
    pthread_mutex_destroy(&conn->lock);
    free(conn->events);
    free(conn);
}

/* ---- opening and closing */

static void set_down(struct host_link *host, const char *why)
{
    int64_t now = clock_mono_ms();

    host->phase = PHASE_DOWN;
    backoff_failed(&host->backoff, now, why);
    if (!host->down_since_ms)
        host->down_since_ms = now;
    if (!host->told_down && !host->stopped)
        log_event(EV_HOST_DOWN, LOG_STR("host", host->row.name), LOG_STR("uri", host->row.uri), LOG_STR("error", why));
    host->told_down = true;
}

static void work_open(struct workpool_job *base, void *thread_data)
{
    struct open_job *job = CONTAINER_OF(base, struct open_job, job);

    (void)thread_data;
    job->code = virt_open(job->host->row.uri, on_event, job->conn, &job->conn->virt, &job->error);
    if (!job->code)
        job->code = virt_host_info(job->conn->virt, &job->info, &job->error);
    if (job->code) {
        virt_close(job->conn->virt);
        job->conn->virt = NULL;
    }
}

static bool conn_is_lost(struct conn *conn)
{
    pthread_mutex_lock(&conn->lock);
    bool lost = conn->lost;
    pthread_mutex_unlock(&conn->lock);
    return lost;
}

static void on_opened(struct host_link *host, struct open_job *job)
{
    host->conn = TAKE_PTR(job->conn);
    host->phase = PHASE_UP;
    host->info = job->info;
    host->down_since_ms = 0;
    host->failed = host->told_down = false;
    host->list_at_ms = 0;
    backoff_worked(&host->backoff);
    log_event(EV_HOST_UP, LOG_STR("host", host->row.name), LOG_STR("driver", job->info.driver),
              LOG_INT("memory_mib", job->info.memory_mib), LOG_STR("kvm", job->info.kvm_works ? "yes" : "no"));
    host->o.events->changed(host->o.arg, host);
    if (conn_is_lost(host->conn))
        leave(host, "the connection broke");
    else if (host->stopped)
        leave(host, "this program stops");
    else
        host_link_list_soon(host);
}

static void done_open(struct workpool_job *base, int status)
{
    struct open_job *job = CONTAINER_OF(base, struct open_job, job);
    struct host_link *host = job->host;

    if (!status && !job->code) {
        on_opened(host, job);
    } else {
        set_down(host, status ? err_text(status) : err_message(&job->error));
        if (!host->stopped)
            host->o.events->changed(host->o.arg, host);
        conn_free(job->conn);
    }
    free(job);
}

static void begin_open(struct host_link *host)
{
    struct open_job *job = MEM_NEW(struct open_job);
    struct conn *conn = MEM_NEW(struct conn);

    if (!job || !conn) {
        free(job);
        free(conn);
        return;
    }
    conn->host = job->host = host;
    conn->task.run = on_task;
    pthread_mutex_init(&conn->lock, NULL);
    job->conn = conn;
    job->job.work = work_open;
    job->job.done = done_open;
    if (workpool_submit(host->pool, &job->job)) {
        conn_free(conn);
        free(job);
        return;
    }
    host->phase = PHASE_OPENING;
}

static void work_close(struct workpool_job *base, void *thread_data)
{
    struct open_job *job = CONTAINER_OF(base, struct open_job, job);

    (void)thread_data;
    virt_close(job->conn->virt);
    job->conn->virt = NULL;
}

static void done_close(struct workpool_job *base, int status)
{
    struct open_job *job = CONTAINER_OF(base, struct open_job, job);
    struct host_link *host = job->host;

    if (status)
        virt_close(job->conn->virt); /* the pool ended before the job began; nothing else runs now */
    conn_free(job->conn);
    host->phase = PHASE_DOWN;
    free(job);
}

static void close_if_idle(struct host_link *host)
{
    if (host->phase != PHASE_LEAVING || host->jobs)
        return;
    struct open_job *job = MEM_NEW(struct open_job);
    if (!job)
        return; /* the next tick tries again */
    job->host = host;
    job->conn = host->conn;
    job->job.work = work_close;
    job->job.done = done_close;
    if (workpool_submit(host->pool, &job->job)) {
        free(job);
        return;
    }
    host->conn = NULL;
    host->phase = PHASE_CLOSING;
}

/* The connection is of no use any more: its owner closes channels, jobs under way end, then it is closed. */
static void leave(struct host_link *host, const char *why)
{
    if (host->phase != PHASE_UP)
        return;
    set_down(host, why);
    host->phase = PHASE_LEAVING;
    host->o.events->changed(host->o.arg, host);
    close_if_idle(host);
}

/* ---- jobs */

static void work_job(struct workpool_job *base, void *thread_data)
{
    struct host_job *job = CONTAINER_OF(base, struct host_job, job);

    (void)thread_data;
    job->run(job);
}

static void done_job(struct workpool_job *base, int status)
{
    struct host_job *job = CONTAINER_OF(base, struct host_job, job);
    struct host_link *host = job->host;

    job->finish(job, status);
    host->jobs--;
    close_if_idle(host);
}

/* Jobs that close something of the connection are still taken while it is being left. */
int host_link_submit(struct host_link *host, struct host_job *job)
{
    if (!host->conn || (host->phase != PHASE_UP && host->phase != PHASE_LEAVING))
        return ERR_HOST_DOWN;
    job->host = host;
    job->virt = host->conn->virt;
    job->job.work = work_job;
    job->job.done = done_job;
    int r = workpool_submit(host->pool, &job->job);
    if (!r)
        host->jobs++;
    return r;
}

static void run_list(struct host_job *base)
{
    struct list_job *job = CONTAINER_OF(base, struct list_job, job);

    job->code = virt_domain_list(base->virt, base->host->o.prefix, &job->domains, &job->count, &job->error);
}

static void finish_list(struct host_job *base, int status)
{
    struct list_job *job = CONTAINER_OF(base, struct list_job, job);
    struct host_link *host = base->host;

    host->listing = false;
    if (!status && !job->code && host->phase == PHASE_UP)
        host->o.events->listed(host->o.arg, host, job->domains, job->count, job->began);
    else if (!status && job->code && !virt_alive(base->virt))
        leave(host, err_message(&job->error));
    if (host->list_again)
        host_link_list_soon(host);
    free(job->domains);
    free(job);
}

void host_link_list_soon(struct host_link *host)
{
    if (host->phase != PHASE_UP || host->stopped)
        return;
    host->list_again = host->listing;
    if (host->listing)
        return;
    struct list_job *job = MEM_NEW(struct list_job);
    if (!job)
        return;
    job->job.run = run_list;
    job->job.finish = finish_list;
    job->began = *host->o.clock;
    if (host_link_submit(host, &job->job)) {
        free(job);
        return;
    }
    host->listing = true;
    host->list_at_ms = clock_mono_ms() + host->o.list_ms;
}

/* ---- the rest */

int host_link_new(const struct host_link_options *options, const struct store_host *row, struct host_link **ret_host,
                  struct error *reterr)
{
    struct host_link *host CLEANUP_FREE = MEM_NEW(struct host_link);
    const struct workpool_options pool = {.name = "host", .threads = options->calls, .queue_max = QUEUE_MAX};

    if (!host)
        return err_set(reterr, ERR_NOMEM, "no memory for host %s", row->name);
    host->o = *options;
    host->row = *row;
    backoff_init(&host->backoff, RETRY_FIRST_MS, RETRY_MOST_MS, 1);
    int r = workpool_new(options->loop, &pool, &host->pool, reterr);
    if (!r)
        *ret_host = TAKE_PTR(host);
    return r;
}

static void judge_silence(struct host_link *host)
{
    if (host->failed || !host->down_since_ms || clock_mono_ms() - host->down_since_ms < host->o.failed_ms)
        return;
    host->failed = true;
    log_event(EV_HOST_FAILED, LOG_STR("host", host->row.name), LOG_STR("error", host->backoff.cause),
              LOG_STR("do", "see whether libvirtd runs on the host and its URI is right"));
    host->o.events->changed(host->o.arg, host);
}

void host_link_tick(struct host_link *host)
{
    int64_t now = clock_mono_ms();

    if (host->phase == PHASE_UP && !virt_alive(host->conn->virt))
        leave(host, "the connection broke");
    close_if_idle(host);
    if (host->stopped)
        return;
    if (host->phase == PHASE_DOWN && backoff_due(&host->backoff, now))
        begin_open(host);
    if (!host->down_since_ms && host->phase != PHASE_UP)
        host->down_since_ms = now; /* never up until now */
    judge_silence(host);
    if (host->phase == PHASE_UP && !host->listing && now >= host->list_at_ms)
        host_link_list_soon(host);
}

void host_link_set_row(struct host_link *host, const struct store_host *row)
{
    /* Another URI holds from the next connection on. */
    bool moved = strcmp(host->row.uri, row->uri) != 0;

    if (host->phase == PHASE_OPENING)
        return; /* the opening job reads the URI */
    host->row = *row;
    if (moved)
        leave(host, "its URI was changed");
}

const struct store_host *host_link_row(const struct host_link *host)
{
    return &host->row;
}

bool host_link_is_up(const struct host_link *host)
{
    return host->phase == PHASE_UP;
}

bool host_link_is_connecting(const struct host_link *host)
{
    return host->phase == PHASE_OPENING && !host->backoff.failures;
}

bool host_link_is_failed(const struct host_link *host)
{
    return host->failed;
}

const char *host_link_error(const struct host_link *host)
{
    return host->phase == PHASE_UP ? "" : host->backoff.cause;
}

const struct virt_host_info *host_link_info(const struct host_link *host)
{
    return &host->info;
}

unsigned host_link_running(const struct host_link *host)
{
    return host->jobs;
}

void host_link_stop(struct host_link *host)
{
    host->stopped = true;
    leave(host, "this program stops");
}

bool host_link_is_idle(const struct host_link *host)
{
    return host->phase == PHASE_DOWN;
}

void host_link_free(struct host_link *host)
{
    if (!host)
        return;
    host->stopped = true;
    leave(host, "this program stops");
    workpool_free(host->pool);
    if (host->conn) { /* jobs that were cancelled kept it open */
        virt_close(host->conn->virt);
        conn_free(host->conn);
    }
    free(host);
}
