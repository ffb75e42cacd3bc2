/* What belongs to no desktop: domains with our prefix and overlays that the store does not know, parts of crashed work.
 *
 * carrel-poolmgr, loop thread; the work runs on the host's pool and on the store's. Invariant: a candidate is found
 * first and its row is looked for afterwards. Since a row is written before anything is made of it and goes after
 * everything else, what has no row then is a stray. Nothing is removed when the lead may end soon. */
#ifndef POOLMGR_STRAYS_H
#define POOLMGR_STRAYS_H

#include "poolmgr/manager.h"

/* Overlays and leftovers in storage_dir: at the beginning of leading and every few minutes. */
void strays_look(struct manager *m);
/* `domain` is on `host`, and no desktop of that host is known by its name. */
void strays_domain(struct manager *m, struct fleet_host *host, const char *domain);

/* Whether `file` (a name without folder) can be a desktop's overlay; ret_desktop: its desktop's name. Pure. */
bool strays_overlay_name(const char *file, char ret_desktop[STORE_NAME_SIZE]);

#endif
