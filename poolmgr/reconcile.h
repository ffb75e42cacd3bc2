/* The reconciler: from rows, listings and events to the next step of each desktop. docs/decisions/0060.
 *
 * carrel-poolmgr, loop thread. Level-triggered: a pass reads all rows and looks at everything; events only make a pass
 * or the step of one desktop come earlier. Nothing is done unless this process leads. */
#ifndef POOLMGR_RECONCILE_H
#define POOLMGR_RECONCILE_H

#include "poolmgr/manager.h"

#define RECONCILE_TICK_MS 250

/* Makes the timers. ERR_NOMEM. */
int reconcile_start(struct manager *m);
void reconcile_stop(struct manager *m);
/* Begin a pass now, or right behind the one under way. */
void reconcile_soon(struct manager *m);
/* What is due: a pass, hosts, running desktops. Called a few times a second. */
void reconcile_tick(struct manager *m);
/* The next step of one desktop, if it has one now. */
void reconcile_desktop(struct manager *m, struct fleet_desktop *d);
/* Leading began or ended. At the end everything that was known is forgotten; the world is not touched. */
void reconcile_leading(struct manager *m, bool leads);

#endif
