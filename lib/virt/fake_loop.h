/* The event thread of simulated hosts: runs tasks at their time and watches descriptors. One per process, started by
 * the first task and never stopped (a simulation lives as long as its process).
 *
 * Tasks due at the same millisecond run in the order in which they were added, so a simulation without delays is
 * deterministic. Tasks and watchers have an owner; fake_loop_cancel ends all of one owner's. */
#ifndef CARREL_VIRT_FAKE_LOOP_H
#define CARREL_VIRT_FAKE_LOOP_H

#include <stdint.h>

typedef void fake_task_fn(void *arg);

/* Run fn(arg) in the event thread after delay_ms. take_arg (may be NULL) is freed with free() afterwards, or when the
 * task is cancelled. Any thread. */
void fake_loop_add(uint32_t delay_ms, const void *owner, fake_task_fn *fn, void *take_arg);

/* Call fn(arg) in the event thread whenever `fd` can be read, until fake_loop_unwatch. The descriptor stays the
 * caller's. Any thread. */
void fake_loop_watch(int fd, const void *owner, void (*fn)(int fd, void *arg), void *arg);
/* From the event thread, or when no callback for fd can be running. */
void fake_loop_unwatch(int fd);

/* Forget the tasks and watchers of `owner`, and wait for one that is running unless called from it. */
void fake_loop_cancel(const void *owner);

#endif
