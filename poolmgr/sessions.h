/* Sessions that end: by deadline, by request, by what the desktop's guest helper saw.
 *
 * carrel-poolmgr, loop thread; the store's calls run on its pool. A guest is believed only about people of its own
 * desktop. The end of a floating session moves its desktop to "deleting" in the same transaction; the next pass takes
 * it down and makes another. */
#ifndef POOLMGR_SESSIONS_H
#define POOLMGR_SESSIONS_H

#include "poolmgr/manager.h"
#include "poolmgr/rows.h"

/* What the rows of a pass ask for: deadlines passed, logoffs wanted, pools that are deleted. */
void sessions_sweep(struct manager *m, const struct rows *rows);
/* The guest of `d` saw `user` (an account name in it) log on or off. */
void sessions_logon(struct manager *m, struct fleet_desktop *d, const char *user);
void sessions_logoff(struct manager *m, struct fleet_desktop *d, const char *user);
/* The guest's answer about who is logged on now, after its channel was opened: events may have been lost before. */
void sessions_listed(struct manager *m, struct fleet_desktop *d, const struct guest_message *answer);

#endif
