/* Pools: their size, their queue, and what keeps them from their desktops.
 *
 * carrel-poolmgr, loop thread. Rules: sizing.h. A pool that fails to get desktops is degraded: it says why, and is
 * tried with one canary at a time. */
#ifndef POOLMGR_POOLS_H
#define POOLMGR_POOLS_H

#include "poolmgr/manager.h"
#include "poolmgr/rows.h"

/* Take over the rows of a pass. */
void pools_merge(struct manager *m, const struct rows *rows);
/* Count, plan, and begin what the plan says. */
void pools_size(struct manager *m, const struct rows *rows);
/* A desktop could not be made or did not come up. */
void pools_failed(struct manager *m, struct fleet_pool *pool, const char *cause);
/* A desktop is ready. */
void pools_worked(struct fleet_pool *pool);
/* It waits for its desktops because of `why`; told once until it works again. */
void pools_degraded(struct manager *m, struct fleet_pool *pool, const char *why);

#endif
