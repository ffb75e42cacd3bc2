/* What every piece of work on a worker thread needs: set up once at start, read-only afterwards, shared by all threads.
 */
#ifndef POOLMGR_WORK_ENV_H
#define POOLMGR_WORK_ENV_H

#include "lib/store/store.h"
#include "poolmgr/conf.h"
#include "poolmgr/overlay_cache.h"

#include <sys/types.h>

struct work_env {
    struct store *store;
    const struct poolmgr_conf *conf;
    struct overlay_cache *overlays;
    const char *holder; /* this process in the leader lease and as owner of transitions */
    uid_t uid;          /* owner of overlays; (uid_t)-1 = unchanged */
    gid_t gid;
};

#endif
