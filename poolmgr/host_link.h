/* One virtualisation host: its connection, its bounded worker pool, what it lists, its events.
 *
 * carrel-poolmgr, loop thread; calls to the host run on the host's own pool of `host_calls` threads, so that a hung
 * host holds up only itself. A broken connection is closed once the last job on it has ended and opened again with
 * backoff. Invariant: a job sees a connection that stays open until the job's end; at most one listing is under way. */
#ifndef POOLMGR_HOST_LINK_H
#define POOLMGR_HOST_LINK_H

#include "lib/net/loop.h"
#include "lib/net/workpool.h"
#include "lib/store/store_host.h"
#include "lib/virt/virt.h"
#include "poolmgr/backoff.h"

struct host_link;

struct host_link_events {
    /* It connected or went away, or is given up or was so: look at host_link_is_up and host_link_is_failed. */
    void (*changed)(void *arg, struct host_link *host);
    /* Something happened to a domain of ours. */
    void (*event)(void *arg, struct host_link *host, const struct virt_event *event);
    /* All domains with our prefix. began: the clock of host_link_clock when the listing began; what was touched later
     * than that is newer than the list. */
    void (*listed)(void *arg, struct host_link *host, const struct virt_domain *domains, size_t count, uint64_t began);
};

struct host_link_options {
    struct loop *loop;
    const struct host_link_events *events; /* borrowed */
    void *arg;
    const char *prefix; /* of domains; borrowed */
    unsigned calls;     /* at the same time */
    uint32_t failed_ms; /* silent for so long: given up */
    uint32_t list_ms;   /* between two listings */
    uint64_t *clock;    /* counts touches of desktops; read when a listing begins */
};

/* A piece of work on the host. Embed it. */
struct host_job {
    struct workpool_job job;                          /* private */
    struct host_link *host;                           /* private */
    struct virt *virt;                                /* for run() */
    void (*run)(struct host_job *job);                /* worker thread */
    void (*finish)(struct host_job *job, int status); /* loop; status as of workpool_job.done. May free the job */
};

/* row->name and row->uri name the host. ERR_NOMEM, ERR_IO. */
int host_link_new(const struct host_link_options *options, const struct store_host *row, struct host_link **ret_host,
                  struct error *reterr);
/* Begins to connect when due, lists when due, notices a broken connection. To be called about every second. */
void host_link_tick(struct host_link *host);
/* List now (or as soon as the listing under way has ended). */
void host_link_list_soon(struct host_link *host);
/* Errors: ERR_HOST_DOWN, ERR_BUSY (the queue is full); finish() is not called then. */
int host_link_submit(struct host_link *host, struct host_job *job);

void host_link_set_row(struct host_link *host, const struct store_host *row);
const struct store_host *host_link_row(const struct host_link *host);
bool host_link_is_up(const struct host_link *host);
/* Its first connection is being made: whether it answers is not known yet. */
bool host_link_is_connecting(const struct host_link *host);
/* It has not answered for failed_ms. */
bool host_link_is_failed(const struct host_link *host);
/* Why it is not up; "" when it is. */
const char *host_link_error(const struct host_link *host);
/* Facts; zero until it was up once. */
const struct virt_host_info *host_link_info(const struct host_link *host);
unsigned host_link_running(const struct host_link *host);

/* Begin the end: no new jobs, the connection is closed behind the last one. */
void host_link_stop(struct host_link *host);
/* Nothing runs any more: host_link_free will not wait. */
bool host_link_is_idle(const struct host_link *host);
/* Waits for calls under way. NULL is fine. */
void host_link_free(struct host_link *host);

#endif
