/* A running desktop under watch: its guest channel is kept open, its RDP port is probed until it answers.
 *
 * carrel-poolmgr, loop thread. Opening and closing channels are jobs of the desktop's host and make the desktop busy.
 * Hears people log on and off, and tells the sessions' keeper (sessions.h). */
#ifndef POOLMGR_WATCH_H
#define POOLMGR_WATCH_H

#include "poolmgr/manager.h"

/* What is due now: open the channel, probe. */
void watch_desktop(struct manager *m, struct fleet_desktop *d);
/* Forget what was seen of it: it is not running any more or will be started anew. Ends a probe. */
void watch_reset(struct fleet_desktop *d);
/* Takes the channel away from the desktop. ret_channel has to be closed on a worker thread, then guest_link_free on the
 * link that is returned; both may be NULL. */
struct guest_link *watch_detach(struct fleet_desktop *d, struct virt_channel **ret_channel);
/* The same, with a job on the host that closes and frees. */
void watch_stop(struct manager *m, struct fleet_desktop *d);

#endif
