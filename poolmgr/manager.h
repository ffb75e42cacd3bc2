/* The pool manager as a whole: what its parts share. Embedded once, in main; loop thread only, except env. */
#ifndef POOLMGR_MANAGER_H
#define POOLMGR_MANAGER_H

#include "lib/net/loop.h"
#include "lib/net/workpool.h"
#include "poolmgr/conf.h"
#include "poolmgr/desktop_work.h"
#include "poolmgr/fleet.h"
#include "poolmgr/leader.h"
#include "poolmgr/work_env.h"

#include <stdatomic.h>

/* Counters for /metrics; they start at 0 with the process. */
struct counters {
    uint64_t passes;
    uint64_t steps[LIFECYCLE_FORGET + 1];
    uint64_t step_failures[LIFECYCLE_FORGET + 1];
    uint64_t step_ns[LIFECYCLE_FORGET + 1];
    uint64_t ready;    /* desktops that became ready for the first time */
    uint64_t ready_ms; /* sum of their times from request */
    uint64_t failed;   /* desktops that went to error */
    uint64_t strays;   /* domains and overlays removed */
    uint64_t prepared;
    uint64_t prepare_failures;
    uint64_t prepare_ns; /* sum over `prepared` */
    uint64_t sessions_ended;
    uint64_t guests_refused;
};

struct manager {
    const struct poolmgr_conf *conf;
    struct loop *loop;
    struct work_env env;
    struct workpool *store_pool;  /* short calls to the store */
    struct workpool *import_pool; /* imports of golden images: minutes */
    struct leader *leader;
    struct fleet fleet;
    struct loop_timer *tick;
    struct loop_timer *pass_timer;
    struct counters counters;
    bool pass_running;
    bool pass_again;       /* something happened since the running pass began */
    int64_t pass_began_ms; /* monotonic, the last one */
    int64_t pass_ok_ms;    /* when the last pass ended well; 0 = none yet */
    bool pass_failing;     /* its failure was told */
    uint64_t disk_free;    /* bytes in storage_dir; UINT64_MAX = not known */
    bool swept_files;      /* strays in storage_dir were looked for since leading */
    bool cleaning, clean; /* leftovers of crashed work are being, were removed: before the first work of this process */
    bool sweeping;        /* a look for strays is under way */
    int64_t swept_ms;     /* monotonic: when the last look ended */
    unsigned session_jobs; /* under way */
    bool importing;
    atomic_bool cancel_import;
    bool stopping;
};

#endif
