/* Leader lease with a fencing generation. Any worker thread.
 *
 * Invariant: the generation grows whenever the holder changes and never repeats. A write that carries an older
 * generation than the lease's fails with ERR_FENCED, whatever its author believes about the time. Clocks of machines
 * may differ by less than ttl_ms without harm; more only makes leaders change too often. */
#ifndef CARREL_STORE_STORE_LEASE_H
#define CARREL_STORE_STORE_LEASE_H

#include "lib/store/store.h"

/* The lease that `gen` of every operation is checked against. */
#define STORE_LEASE_POOLMGR "poolmgr"

struct store_lease {
    char name[STORE_NAME_SIZE];
    char holder[STORE_SUBJECT_SIZE]; /* one process of one machine, never reused: host, pid and random text */
    int64_t generation;
    int64_t expires_at;
};

/* Take the lease, or renew one's own (the generation stays). ret_generation > 0.
 * Errors: ERR_CONFLICT (somebody else holds it and it has not expired; ret_generation untouched). */
int store_lease_take(struct store *store, const char *name, const char *holder, uint32_t ttl_ms, int64_t now_ms,
                     int64_t *ret_generation, struct error *reterr);
/* Give it up so that a standby need not wait. 0 also when it was not held. */
int store_lease_release(struct store *store, const char *name, const char *holder, struct error *reterr);
/* Who holds it. ERR_NOT_FOUND when it was never taken. */
int store_lease_get(struct store *store, const char *name, struct store_lease *ret_lease, struct error *reterr);

#endif
