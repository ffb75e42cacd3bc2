/* A bounded pool of threads for libraries that block (libldap, libvirt, SQL). Any daemon.
 *
 * Several pools per process, one for each outside thing that can hang, so that a dead one stalls nobody else. Jobs are
 * submitted and finished on the loop's thread; work() runs on one of the pool's threads.
 * Invariants: done() is called exactly once for each job that workpool_submit accepted; jobs start in the order in
 * which they were submitted; the queue never holds more than `queue_max`. */
#ifndef CARREL_NET_WORKPOOL_H
#define CARREL_NET_WORKPOOL_H

#include "lib/base/err.h"
#include "lib/net/loop.h"

#include <stddef.h>
#include <stdint.h>

struct workpool;

/* Embed it in what the job needs; zero-initialise it. It must live until done() was called. */
struct workpool_job {
    /* A pool thread. `thread_data`: what thread_start returned. */
    void (*work)(struct workpool_job *job, void *thread_data);
    /* The loop's thread. status: 0 = work ran to its end; ERR_TIMEOUT = the deadline passed while the job waited, work
     * did not run; ERR_CANCELLED = the pool was freed first, work did not run. May free the job. */
    void (*done)(struct workpool_job *job, int status);
    int64_t
        deadline_ms; /* clock_mono_ms() after which the job shall not start; 0 = none. work() itself is not stopped */

    struct workpool_job *next; /* private */
    int status;                /* private */
};

struct workpool_options {
    const char *name;   /* of the threads, ≤ 15 characters; copied */
    unsigned threads;   /* 1 to 64 */
    unsigned queue_max; /* jobs waiting, running ones not counted; ≥ 1 */
    /* Optional, on the thread itself: what it needs all its life (a database connection). NULL is a valid result. */
    void *(*thread_start)(void *arg);
    void (*thread_end)(void *thread_data, void *arg);
    void *arg;
};

/* Starts the threads, with all signals blocked. ret_pool: free with workpool_free.
 * Errors: ERR_INVALID (bounds), ERR_NOMEM, ERR_IO (no thread). */
int workpool_new(struct loop *loop, const struct workpool_options *options, struct workpool **ret_pool,
                 struct error *reterr);
/* Loop's thread. Errors: ERR_BUSY (the queue is full), ERR_CLOSED (being freed); then done() is not called. */
int workpool_submit(struct workpool *pool, struct workpool_job *job);
/* Jobs waiting and jobs running. */
void workpool_load(struct workpool *pool, unsigned *ret_waiting, unsigned *ret_running);
/* Loop's thread. Cancels what waits, waits for what runs, joins the threads; every done() has been called when it
 * returns. NULL is fine. */
void workpool_free(struct workpool *pool);

#endif
