/* What the loop knows: pools, hosts and desktops, with what was seen of them beyond their rows.
 *
 * carrel-poolmgr, loop thread only. The store is the truth: everything here is read again in each pass or seen again
 * after a restart. Objects are found by id or name in a hash; their addresses stay until they are dropped.
 * Invariants: a busy desktop is not dropped and its row is changed only by its job's end; `touched` of a desktop is the
 * value of fleet.clock when it was last changed by a job, so that rows and listings read before that are known to be
 * older. */
#ifndef POOLMGR_FLEET_H
#define POOLMGR_FLEET_H

#include "lib/store/store_desktop.h"
#include "lib/store/store_image.h"
#include "lib/store/store_pool.h"
#include "poolmgr/backoff.h"
#include "poolmgr/guest_link.h"
#include "poolmgr/host_link.h"
#include "poolmgr/lifecycle.h"
#include "poolmgr/rdp_probe.h"
#include "poolmgr/sizing.h"

#define FLEET_BUCKETS 4096

struct manager;

struct fleet_desktop {
    struct fleet_desktop *next; /* in the list of all, oldest first */
    struct fleet_desktop *next_id, *next_name;
    struct manager *manager;
    struct store_desktop row;
    uint64_t touched;
    bool busy;    /* a job about it is under way */
    bool seen;    /* in the rows of the present pass */
    bool dropped; /* the row is gone; freed when not busy */
    enum lifecycle_domain domain;
    int64_t retry_ms; /* wall clock: a failed step rests until then */

    struct guest_link *guest; /* NULL = no channel */
    int64_t guest_retry_ms;   /* monotonic: the channel is not opened before */
    uint32_t guest_failures;
    bool guest_lost;           /* its channel is to be closed */
    bool guest_up;             /* it told who it is, since it was started */
    char logging_off[ID_SIZE]; /* the session whose logoff the guest was asked for; "" = none */
    bool guest_listed;         /* its sessions were asked for since the channel was opened */
    char cert_sha256[ID_HASH_SIZE];
    bool rdp_answers;
    struct rdp_probe *probe; /* NULL = none under way */
    int64_t probe_ms;        /* monotonic: not before */
};

struct fleet_pool {
    struct fleet_pool *next;
    struct store_pool row;
    struct backoff backoff;
    bool working; /* a job that adds desktops or serves the queue is under way */
    bool seen;
    bool told;                   /* that it is degraded */
    bool note;                   /* `reason` changed since it was written to the store */
    struct sizing_counts counts; /* by the last pass */
    struct sizing_plan plan;
    char reason[BACKOFF_CAUSE_SIZE]; /* why it does not get its desktops; "" = it does */
};

struct fleet_host {
    struct fleet_host *next;
    struct host_link *link;
    bool seen;
    bool listed;         /* since it came up */
    bool reporting;      /* a job that writes its state is under way */
    bool report;         /* its state is to be written */
    int64_t reported_ms; /* monotonic */
    /* fleet_tally: */
    uint32_t desktops;     /* placed on it */
    uint32_t starting;     /* of those, starting or booting */
    uint64_t reserved_mib; /* memory of all placed on it */
};

struct fleet {
    uint64_t clock; /* counts touches */
    struct fleet_desktop *desktops;
    size_t desktop_count;
    struct fleet_desktop *by_id[FLEET_BUCKETS], *by_name[FLEET_BUCKETS];
    struct fleet_pool *pools;
    struct fleet_host *hosts;
    struct store_image *images; /* of the last pass; owned */
    size_t image_count;
};

struct fleet_desktop *fleet_find_desktop(const struct fleet *fleet, const char *id);
/* By the desktop's name ("office-001"). */
struct fleet_desktop *fleet_find_named(const struct fleet *fleet, const char *name);
struct fleet_pool *fleet_find_pool(const struct fleet *fleet, const char *name);
struct fleet_host *fleet_find_host(const struct fleet *fleet, const char *name);

/* NULL when memory is out. */
struct fleet_desktop *fleet_add_desktop(struct fleet *fleet, struct manager *manager, const struct store_desktop *row);
struct fleet_pool *fleet_add_pool(struct fleet *fleet, const struct store_pool *row);
/* take_link is owned by the fleet from entry. */
struct fleet_host *fleet_add_host(struct fleet *fleet, struct host_link *take_link);
/* Takes it out of the lists and frees it. Its guest link and probe must be gone. */
void fleet_remove_desktop(struct fleet *fleet, struct fleet_desktop *desktop);
void fleet_remove_pool(struct fleet *fleet, struct fleet_pool *pool);
/* Waits for calls under way on it. */
void fleet_remove_host(struct fleet *fleet, struct fleet_host *host);

/* Put the list of desktops in the order of their creation, so that who came first is served first. */
void fleet_sort(struct fleet *fleet);
void fleet_touch(struct fleet *fleet, struct fleet_desktop *desktop);
/* Count what each host carries. Holds until the next desktop moves. */
void fleet_tally(struct fleet *fleet);
/* NULL when there is no such version. */
const struct store_image *fleet_find_image(const struct fleet *fleet, const char *name, int64_t version);
/* Forget everything. Nothing may be busy, have a channel or a probe. Waits for calls under way on hosts. */
void fleet_clear(struct fleet *fleet);

#endif
