/* On which host a new desktop goes: pure, no I/O.
 *
 * carrel-poolmgr, any thread. placement_pick() looks at every host and takes the best that may carry one more desktop.
 * When none may, it says for the operator which host refused why, so that "degraded" always carries a cause. */
#ifndef POOLMGR_PLACEMENT_H
#define POOLMGR_PLACEMENT_H

#include <stddef.h>
#include <stdint.h>

/* A host as placement sees it. Strings are borrowed for the call. */
struct placement_host {
    const char *name;
    const char *labels;       /* words separated by spaces or commas, or NULL */
    uint8_t up;               /* connected and answering */
    uint8_t open;             /* administrator's state takes new desktops (active; neither draining nor maintenance) */
    uint64_t memory_mib;      /* of the host */
    uint64_t reserved_mib;    /* of all desktops placed on it, running or not, ours and those still on the way */
    uint64_t disk_free_bytes; /* in the storage directory; UINT64_MAX = not known */
    uint32_t desktops;        /* placed on it */
    uint32_t max_desktops;    /* 0 = no limit */
    uint32_t starting;        /* of those, not yet ready */
};

/* What the new desktop needs. */
struct placement_need {
    uint64_t memory_mib;
    uint64_t
        disk_bytes;    /* free space that has to be there beside the overlay, so that desktops do not stop on ENOSPC */
    const char *label; /* word that the host has to carry; NULL or "" = any */
};

enum placement_policy {
    PLACEMENT_SPREAD, /* most free memory first */
    PLACEMENT_PACK    /* least free memory that still suffices first */
};

enum placement_refusal {
    PLACEMENT_FITS,
    PLACEMENT_DOWN,     /* not connected */
    PLACEMENT_CLOSED,   /* draining or in maintenance */
    PLACEMENT_LABEL,    /* lacks the label */
    PLACEMENT_DESKTOPS, /* has max_desktops already */
    PLACEMENT_MEMORY,   /* too little memory free */
    PLACEMENT_DISK      /* too little disk free */
};

/* Whether `host` may carry one more. */
enum placement_refusal placement_check(const struct placement_host *host, const struct placement_need *need);

/* What `refusal` means, as the rest of a sentence that begins with the host's name ("is not connected"). Static. */
const char *placement_refusal_text(enum placement_refusal refusal);

/* Index of the host to take, or -1 when none may; then `ret_why` (never NULL, `size` bytes) holds one sentence that
 * names the hosts and their reasons, cut at the size. Ties: fewer starting, fewer desktops, then the name, so that the
 * same fleet always gives the same answer. */
int placement_pick(const struct placement_host *hosts, size_t count, const struct placement_need *need,
                   enum placement_policy policy, char *ret_why, size_t size);

#endif
