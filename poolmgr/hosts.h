/* The hosts of the fleet: rows to connections, and what connections tell to desktops and rows.
 *
 * carrel-poolmgr, loop thread. */
#ifndef POOLMGR_HOSTS_H
#define POOLMGR_HOSTS_H

#include "poolmgr/manager.h"
#include "poolmgr/rows.h"

/* Take over the rows of a pass: connects to new hosts, leaves those that are gone. */
void hosts_merge(struct manager *m, const struct rows *rows);
void hosts_tick(struct manager *m);

#endif
