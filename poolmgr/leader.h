/* Who leads: keeps this process's lease in the store, or waits for another's to end.
 *
 * carrel-poolmgr, loop thread; the store's calls run on the worker pool. While leading, leader_gen() is the generation
 * that every write carries. A leader that cannot renew in time stops leading by its own clock before the lease ends, so
 * two never lead at once; a write that is still under way is refused by the store (ERR_FENCED). A lease held by a
 * process of this machine that is dead is released at once, so that a restart after kill -9 does not wait for it to run
 * out. */
#ifndef POOLMGR_LEADER_H
#define POOLMGR_LEADER_H

#include "lib/base/err.h"
#include "lib/net/loop.h"
#include "lib/net/workpool.h"
#include "lib/store/store.h"

struct leader;

struct leader_options {
    struct loop *loop;
    struct workpool *pool; /* of the store */
    struct store *store;
    const char *holder; /* borrowed; leader_holder() */
    uint32_t lease_ms;
    /* Leading begins (true) or ends (false). */
    void (*changed)(void *arg, bool leads);
    void *arg;
};

/* NULL when memory is out. */
struct leader *leader_new(const struct leader_options *options);
void leader_start(struct leader *leader);
/* Ends leading now: for a write that was refused because another one leads. */
void leader_fenced(struct leader *leader);
/* 0 = does not lead. */
int64_t leader_gen(const struct leader *leader);
/* The lease will still be ours for this many ms; 0 when not leading. */
uint32_t leader_left_ms(const struct leader *leader);
/* Who leads, as far as is known; "" = nobody or not known. */
const char *leader_who(const struct leader *leader);
/* Stop renewing and forget the lead; the lease itself is given back with store_lease_release by the caller. */
void leader_stop(struct leader *leader);
/* After the worker pool has ended. NULL is fine. */
void leader_free(struct leader *leader);

/* The name of this process in leases: `instance` (or the machine's name), boot, process, its start. */
int leader_holder(const char *instance, char ret[STORE_SUBJECT_SIZE], struct error *reterr);
/* Whether `holder` is a process of this machine, boot and process namespace that no longer runs. */
bool leader_holder_is_dead(const char *holder);

#endif
