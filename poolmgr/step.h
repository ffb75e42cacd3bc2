/* One step of one desktop as a job: submitted, carried out by desktop_work, judged.
 *
 * carrel-poolmgr, loop thread. The desktop is busy while its step is under way. Failures are logged here, once. */
#ifndef POOLMGR_STEP_H
#define POOLMGR_STEP_H

#include "poolmgr/manager.h"

/* Begin `step`; host NULL = it needs none and runs on the store's pool; place: LIFECYCLE_PLACE, where to.
 * The desktop must not be busy. ERR_BUSY, ERR_HOST_DOWN, ERR_NOMEM: nothing was begun; the next pass tries again. */
int step_begin(struct manager *m, struct fleet_desktop *d, const struct lifecycle_step *step, struct fleet_host *host,
               const char *place);

#endif
