/* The steps of one desktop, done: store, files and hypervisor. The rules that choose them are in lifecycle.h.
 *
 * carrel-poolmgr, worker threads (the host's pool, or the store's for steps without a host). One step per desktop at a
 * time. Each step writes the row's transition before it touches the world and may be repeated after a crash at any
 * point: what is there already is taken over. Nothing is logged here: the outcome says it all. */
#ifndef POOLMGR_DESKTOP_WORK_H
#define POOLMGR_DESKTOP_WORK_H

#include "lib/store/store_desktop.h"
#include "lib/store/store_image.h"
#include "lib/store/store_pool.h"
#include "lib/virt/virt.h"
#include "poolmgr/lifecycle.h"
#include "poolmgr/work_env.h"

/* What a step works on; copied into the job. */
struct desktop_order {
    struct lifecycle_step step;
    struct store_desktop row;
    struct store_pool pool;
    struct store_image image;
    char host[STORE_NAME_SIZE];     /* LIFECYCLE_PLACE: where to */
    char cert_sha256[ID_HASH_SIZE]; /* LIFECYCLE_HAND_OUT: to be pinned */
    bool kvm;                       /* the host's KVM works */
    int64_t gen;
};

struct desktop_outcome {
    int code; /* 0, or why the step failed */
    struct error error;
    enum lifecycle_verdict verdict; /* of a failure */
    uint32_t wait_ms;               /* after a failure: not again before */
    bool gone;                      /* the row is no more */
    bool known;                     /* `row` is what the store holds now */
    struct store_desktop row;
    size_t handed_out; /* LIFECYCLE_HAND_OUT: people of the queue who got a desktop */
};

/* Carry out order->step. virt: the host's connection; NULL for PLACE, HAND_OUT, MOVE and FORGET. */
void desktop_work_run(const struct work_env *env, struct virt *virt, const struct desktop_order *order,
                      struct desktop_outcome *ret);

/* Paths and names of a desktop; ERR_TOO_BIG when they do not fit. */
int desktop_work_overlay_path(const struct work_env *env, const char *desktop, char ret[STORE_PATH_SIZE],
                              struct error *reterr);
int desktop_work_domain(const struct work_env *env, const char *desktop, char ret[VIRT_NAME_SIZE],
                        struct error *reterr);

#endif
