/* The way to carrel-poolmgr: wake it when an intent lies in the store. Losing a wake-up only costs time: the pool
 * manager looks at the store every few seconds by itself. */
#ifndef CARREL_BROKER_POOLMGR_LINK_H
#define CARREL_BROKER_POOLMGR_LINK_H

#include "broker/broker.h"

/* Loop's thread. ret: poolmgr_link_free. */
int poolmgr_link_new(struct broker *broker, struct poolmgr_link **ret, struct error *reterr);
void poolmgr_link_free(struct poolmgr_link *link);

/* Any thread; returns at once. Wake-ups that come while one is on its way are one. */
void poolmgr_wake(struct poolmgr_link *link);

#endif
