/* What to do next with one desktop: pure rules over lib/model's table, no I/O.
 *
 * carrel-poolmgr, any thread. The reconciler fills a `struct lifecycle_view` from the row, the host's listing and what
 * it heard from the guest; lifecycle_next() has one handler per state and answers with a step. Every step is
 * idempotent: doing it again after a crash finds what is there already and goes on. A step that touches the world is
 * preceded by the row's transition (`to`), so the row always says at least as much as was done. Invariants: `to` is the
 * present state or one that desktop_sm allows after it; the same view gives the same step. */
#ifndef POOLMGR_LIFECYCLE_H
#define POOLMGR_LIFECYCLE_H

#include "lib/model/desktop.h"

#include <stdbool.h>
#include <stdint.h>

/* The desktop's domain as its host lists it. */
enum lifecycle_domain {
    LIFECYCLE_DOMAIN_UNSEEN, /* not listed since we know the host: nothing may be concluded */
    LIFECYCLE_DOMAIN_ABSENT,
    LIFECYCLE_DOMAIN_OFF,
    LIFECYCLE_DOMAIN_RUNNING,
    LIFECYCLE_DOMAIN_PAUSED, /* stopped by its hypervisor, after an I/O error for instance */
    LIFECYCLE_DOMAIN_CRASHED
};

struct lifecycle_view {
    enum desktop_state state;
    int64_t now_ms;      /* wall clock */
    int64_t deadline_ms; /* of the state, wall clock; 0 = none */
    uint32_t attempts;   /* of the present step that failed */
    int64_t retry_ms;    /* a failed step is not repeated before this time; 0 = at once */
    bool placed;         /* the row names a host */
    bool host_up;        /* it answers */
    bool host_failed;    /* it has not answered for so long that it is given up */
    bool may_start;      /* the host has a free place among those starting at the same time */
    bool used;           /* somebody has it (open assignment) */
    bool floating;       /* the pool's kind: nothing on it is anybody's for good */
    bool guest_up;       /* its guest helper has said `up` with a certificate's fingerprint since it was started */
    bool rdp_answers;    /* an RDP negotiation was answered since it was started */
    enum lifecycle_domain domain;
};

enum lifecycle_action {
    LIFECYCLE_WAIT,     /* nothing to do until something changes */
    LIFECYCLE_PLACE,    /* pick a host, write it with `to` (cloning) */
    LIFECYCLE_MAKE,     /* make overlay, address reservation and domain; then the row becomes defined */
    LIFECYCLE_START,    /* write `to` (starting), start the domain; then the row becomes booting */
    LIFECYCLE_WATCH,    /* keep the guest channel open and probe its RDP port */
    LIFECYCLE_HAND_OUT, /* write `to` (ready) and give it to who waits, in one transaction */
    LIFECYCLE_MOVE,     /* only write `to`, with `cause` */
    LIFECYCLE_REMOVE,   /* take down domain, reservation and overlay; then the row goes */
    LIFECYCLE_FORGET    /* the row goes: nothing else is left */
};

struct lifecycle_step {
    enum lifecycle_action action;
    enum desktop_state to; /* the state to write before acting; the present one when nothing is to be written */
    const char *cause;     /* one sentence for the row and the log when `to` is error, unknown or deleting; else NULL */
};

struct lifecycle_step lifecycle_next(const struct lifecycle_view *view);

/* How often a step is tried before the desktop is given up. */
#define LIFECYCLE_ATTEMPTS 3

enum lifecycle_verdict {
    LIFECYCLE_RETRY,    /* after *ret_wait_ms, counted as an attempt */
    LIFECYCLE_POSTPONE, /* after *ret_wait_ms, not counted: it is not the desktop's fault */
    LIFECYCLE_GIVE_UP   /* the desktop goes to error and is replaced */
};

/* What follows when the world refused a step with `code` (enum err), after `attempts` earlier failures of it.
 * Taking down is never given up. ret_wait_ms: always set. */
enum lifecycle_verdict lifecycle_failed(enum desktop_state state, uint32_t attempts, int code, uint32_t *ret_wait_ms);

/* What an operator can do about a failure with `code`; a clause for the log line ("free space in storage_dir …"). */
const char *lifecycle_advice(int code);

/* How far a desktop has come, for choosing whom to remove: 0 (requested) … 5 (ready). */
uint32_t lifecycle_progress(enum desktop_state state);

#endif
