/* How long somebody in a pool's queue will wait. Pure; any thread. */
#ifndef CARREL_BROKER_ETA_H
#define CARREL_BROKER_ETA_H

#include <stdint.h>

#define ETA_UNKNOWN (-1)

struct eta {
    int64_t place;   /* in the queue, from 1; 0 = has a desktop already */
    int64_t boot_ms; /* the pool's average from request to ready; 0 = never measured */
    int64_t coming;  /* desktops on their way to ready */
    int64_t room;    /* desktops that the pool may still add */
};

/* Whole seconds until a desktop is ready, or ETA_UNKNOWN: nothing was measured yet, or the pool is full and somebody
 * has to leave first. Desktops come in rounds of as many as are on their way together; within the first round half of
 * the time has passed on average. */
int64_t eta_seconds(const struct eta *eta);

#endif
