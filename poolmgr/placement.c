#include "poolmgr/placement.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static bool carries_label(const char *labels, const char *label)
{
    size_t length = strlen(label);

    for (const char *p = labels ? labels : ""; *p;) {
        size_t word = strcspn(p, " ,");
        if (word == length && !memcmp(p, label, length))
            return true;
        p += word;
        p += strspn(p, " ,");
    }
    return false;
}

static uint64_t memory_free(const struct placement_host *host)
{
    return host->memory_mib > host->reserved_mib ? host->memory_mib - host->reserved_mib : 0;
}

enum placement_refusal placement_check(const struct placement_host *host, const struct placement_need *need)
{
    if (!host->open)
        return PLACEMENT_CLOSED;
    if (!host->up)
        return PLACEMENT_DOWN;
    if (need->label && *need->label && !carries_label(host->labels, need->label))
        return PLACEMENT_LABEL;
    if (host->max_desktops && host->desktops >= host->max_desktops)
        return PLACEMENT_DESKTOPS;
    if (memory_free(host) < need->memory_mib)
        return PLACEMENT_MEMORY;
    if (host->disk_free_bytes < need->disk_bytes)
        return PLACEMENT_DISK;
    return PLACEMENT_FITS;
}

const char *placement_refusal_text(enum placement_refusal refusal)
{
    switch (refusal) {
    case PLACEMENT_FITS:
        return "has room";
    case PLACEMENT_DOWN:
        return "is not connected";
    case PLACEMENT_CLOSED:
        return "takes no new desktops (draining or in maintenance)";
    case PLACEMENT_LABEL:
        return "lacks the pool's label";
    case PLACEMENT_DESKTOPS:
        return "has as many desktops as it may";
    case PLACEMENT_MEMORY:
        return "has too little memory free";
    case PLACEMENT_DISK:
        return "has too little disk space free";
    }
    return "cannot be judged";
}

/* Whether `a` is a better place than `b`; both fit. */
static bool better(const struct placement_host *a, const struct placement_host *b, enum placement_policy policy)
{
    uint64_t free_a = memory_free(a), free_b = memory_free(b);

    if (free_a != free_b)
        return policy == PLACEMENT_SPREAD ? free_a > free_b : free_a < free_b;
    if (a->starting != b->starting)
        return a->starting < b->starting;
    if (a->desktops != b->desktops)
        return a->desktops < b->desktops;
    return strcmp(a->name, b->name) < 0;
}

static void explain(const struct placement_host *hosts, size_t count, const struct placement_need *need, char *ret_why,
                    size_t size)
{
    size_t used = 0;

    if (!count)
        snprintf(ret_why, size, "there is no host");
    for (size_t i = 0; i < count && used < size; i++) {
        int n = snprintf(ret_why + used, size - used, "%s%s %s", i ? "; " : "", hosts[i].name,
                         placement_refusal_text(placement_check(&hosts[i], need)));
        if (n < 0)
            return;
        used += (size_t)n;
    }
}

int placement_pick(const struct placement_host *hosts, size_t count, const struct placement_need *need,
                   enum placement_policy policy, char *ret_why, size_t size)
{
    int best = -1;

    for (size_t i = 0; i < count; i++)
        if (placement_check(&hosts[i], need) == PLACEMENT_FITS && (best < 0 || better(&hosts[i], &hosts[best], policy)))
            best = (int)i;
    if (best < 0)
        explain(hosts, count, need, ret_why, size);
    return best;
}
