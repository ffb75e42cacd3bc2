/* How many desktops a pool should have: pure arithmetic, no I/O, no clock.
 *
 * carrel-poolmgr, any thread. The reconciler counts a pool's desktops, calls sizing_plan() and makes or removes that
 * many. The rule has one aim: people who wait get a desktop first, then `spare` ones stand ready, never fewer than
 * `min` and never more than `max` exist. A desktop that belongs to a person is never removed by sizing. Invariants of a
 * plan: at most one of `make` and `remove` is non-zero; exist + make <= max (unless exist > max already); remove <=
 * free desktops nobody waits for. */
#ifndef POOLMGR_SIZING_H
#define POOLMGR_SIZING_H

#include <stdint.h>

/* The administrator's wishes. A `min` above `max` counts as `max`. */
struct sizing_limits {
    uint32_t min;   /* desktops that exist even when nobody works */
    uint32_t max;   /* desktops that may exist at any time, those being deleted included */
    uint32_t spare; /* desktops that stand ready beyond those in use */
};

/* What there is. Every desktop of the pool is counted in exactly one of the first six fields. */
struct sizing_counts {
    uint32_t coming;  /* nobody's yet, on the way: requested to booting */
    uint32_t ready;   /* nobody's, ready now */
    uint32_t used;    /* somebody's, whatever its state but deleting */
    uint32_t leaving; /* being deleted: holds memory and disk until it is gone, so it counts against max */
    uint32_t lost;    /* on a host declared failed: useless now. Counts for nothing, so that they are made elsewhere;
                         should they come back, the surplus is removed */
    uint32_t broken;  /* in error, to be deleted shortly; counts against max only */
    uint32_t waiting; /* people in the queue without a desktop */
};

enum sizing_reason {
    SIZING_FITS,    /* nothing to do */
    SIZING_BELOW,   /* fewer than wanted: make */
    SIZING_ABOVE,   /* more than wanted: remove */
    SIZING_AT_MAX,  /* more are wanted, max is reached: people wait for a logoff */
    SIZING_CLEARING /* more are wanted, room comes as soon as those leaving are gone */
};

struct sizing_plan {
    uint32_t make;
    uint32_t remove;
    enum sizing_reason reason;
};

/* The plan for one pool. Total function: any numbers give a sensible plan, sums saturate. */
struct sizing_plan sizing_plan(const struct sizing_limits *limits, const struct sizing_counts *counts);

/* One removable desktop, for choosing which go first. */
struct sizing_candidate {
    uint32_t progress;     /* how far it has come: 0 = requested … highest = ready */
    int64_t since_ms;      /* in its present state since (wall clock, ms) */
    uint32_t image_behind; /* 1 = made from another image version than the pool's present one */
    uint32_t index;        /* the caller's own */
};

/* qsort() order: first to be removed first. Outdated ones, then those least far on (least work lost), then the
 * youngest; ties by index, so that the order is total. */
int sizing_candidate_order(const void *a, const void *b);

#endif
