/* The process's event loop: libuv plus signals, timers and work posted from other threads.
 *
 * Any daemon. One loop per process; every function belongs to the loop's thread unless it says otherwise. libuv's
 * own thread pool is never used (blocking libraries run on lib/net/workpool). */
#ifndef CARREL_NET_LOOP_H
#define CARREL_NET_LOOP_H

#include "lib/base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct loop;
struct loop_timer;

/* A piece of work handed to the loop by loop_post. Embed it; zero-initialise it; it must live until `run` is called. */
struct loop_task {
    void (*run)(struct loop_task *task);
    struct loop_task *next; /* private */
    bool queued;            /* private */
};

/* Ignores SIGPIPE for the whole process: a peer that goes away is an error of write(2), not a signal.
 * ret_loop: free with loop_free. Errors: ERR_NOMEM, ERR_IO. */
int loop_new(struct loop **ret_loop, struct error *reterr);
/* Drops what was posted but not run, closes its own handles, lets pending close callbacks run. Everything that was
 * built on the loop (httpd, httpc, workpool, timers) must have been freed before. NULL is fine. */
void loop_free(struct loop *loop);
uv_loop_t *loop_uv(struct loop *loop);

/* Runs until loop_stop. */
void loop_run(struct loop *loop);
/* Runs callbacks that are due and returns; waits for the next one when `wait`. For tests and for shutting down. */
void loop_run_once(struct loop *loop, bool wait);
/* loop_run returns after the callbacks of this round. */
void loop_stop(struct loop *loop);

/* Calls `task->run` on the loop's thread. Any thread. Posting a task that is queued already does nothing. Tasks run in
 * the order in which they were posted. */
void loop_post(struct loop *loop, struct loop_task *task);
/* Takes back what was posted and has not run yet; false when it was not posted. Loop's thread. */
bool loop_unpost(struct loop *loop, struct loop_task *task);

/* From now on `fn` is called on the loop's thread (not in a signal handler) whenever `signum` arrives. At most 8
 * signals; again for the same signal = replace. Errors: ERR_TOO_BIG, ERR_IO. */
int loop_on_signal(struct loop *loop, int signum, void (*fn)(int signum, void *arg), void *arg, struct error *reterr);

/* A timer, not started. NULL when out of memory. */
struct loop_timer *loop_timer_new(struct loop *loop, void (*fn)(void *arg), void *arg);
/* Call `fn` in `delay_ms`, then every `repeat_ms` (0 = once). A running timer starts anew. */
void loop_timer_start(struct loop_timer *timer, uint64_t delay_ms, uint64_t repeat_ms);
void loop_timer_stop(struct loop_timer *timer);
bool loop_timer_running(const struct loop_timer *timer);
/* Also from inside its own callback. NULL is fine. */
void loop_timer_free(struct loop_timer *timer);

#endif
