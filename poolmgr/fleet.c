#include "poolmgr/fleet.h"

#include "lib/base/mem.h"

#include <stdlib.h>
#include <string.h>

#define BACKOFF_FIRST_MS 2000
#define BACKOFF_MOST_MS  60000
#define BACKOFF_LIMIT    2

/* FNV-1a. Keys are ours (random ids, checked names), so nobody can aim at one bucket. */
static size_t bucket(const char *key)
{
    uint32_t hash = 2166136261u;

    for (; *key; key++)
        hash = (hash ^ (unsigned char)*key) * 16777619u;
    return hash % FLEET_BUCKETS;
}

struct fleet_desktop *fleet_find_desktop(const struct fleet *fleet, const char *id)
{
    struct fleet_desktop *d = fleet->by_id[bucket(id)];

    while (d && strcmp(d->row.id, id) != 0)
        d = d->next_id;
    return d;
}

struct fleet_desktop *fleet_find_named(const struct fleet *fleet, const char *name)
{
    struct fleet_desktop *d = fleet->by_name[bucket(name)];

    while (d && strcmp(d->row.name, name) != 0)
        d = d->next_name;
    return d;
}

struct fleet_pool *fleet_find_pool(const struct fleet *fleet, const char *name)
{
    struct fleet_pool *p = fleet->pools;

    while (p && strcmp(p->row.name, name) != 0)
        p = p->next;
    return p;
}

struct fleet_host *fleet_find_host(const struct fleet *fleet, const char *name)
{
    struct fleet_host *h = fleet->hosts;

    while (h && strcmp(host_link_row(h->link)->name, name) != 0)
        h = h->next;
    return h;
}

struct fleet_desktop *fleet_add_desktop(struct fleet *fleet, struct manager *manager, const struct store_desktop *row)
{
    struct fleet_desktop *d = MEM_NEW(struct fleet_desktop);

    if (!d)
        return NULL;
    d->manager = manager;
    d->row = *row;
    struct fleet_desktop **ids = &fleet->by_id[bucket(row->id)], **names = &fleet->by_name[bucket(row->name)];
    d->next_id = *ids;
    *ids = d;
    d->next_name = *names;
    *names = d;
    d->next = fleet->desktops;
    fleet->desktops = d;
    fleet->desktop_count++;
    return d;
}

void fleet_remove_desktop(struct fleet *fleet, struct fleet_desktop *desktop)
{
    struct fleet_desktop **p = &fleet->desktops;

    while (*p != desktop)
        p = &(*p)->next;
    *p = desktop->next;
    for (p = &fleet->by_id[bucket(desktop->row.id)]; *p != desktop;)
        p = &(*p)->next_id;
    *p = desktop->next_id;
    for (p = &fleet->by_name[bucket(desktop->row.name)]; *p != desktop;)
        p = &(*p)->next_name;
    *p = desktop->next_name;
    fleet->desktop_count--;
    free(desktop);
}

struct fleet_pool *fleet_add_pool(struct fleet *fleet, const struct store_pool *row)
{
    struct fleet_pool *p = MEM_NEW(struct fleet_pool);

    if (!p)
        return NULL;
    p->row = *row;
    backoff_init(&p->backoff, BACKOFF_FIRST_MS, BACKOFF_MOST_MS, BACKOFF_LIMIT);
    p->next = fleet->pools;
    fleet->pools = p;
    return p;
}

void fleet_remove_pool(struct fleet *fleet, struct fleet_pool *pool)
{
    struct fleet_pool **p = &fleet->pools;

    while (*p != pool)
        p = &(*p)->next;
    *p = pool->next;
    free(pool);
}

struct fleet_host *fleet_add_host(struct fleet *fleet, struct host_link *take_link)
{
    struct fleet_host *h = MEM_NEW(struct fleet_host);

    if (!h) {
        host_link_free(take_link);
        return NULL;
    }
    h->link = take_link;
    h->next = fleet->hosts;
    fleet->hosts = h;
    return h;
}

void fleet_remove_host(struct fleet *fleet, struct fleet_host *host)
{
    struct fleet_host **p = &fleet->hosts;

    host_link_free(host->link);
    while (*p != host)
        p = &(*p)->next;
    *p = host->next;
    free(host);
}

static int by_age(const void *a, const void *b)
{
    const struct fleet_desktop *x = *(struct fleet_desktop *const *)a, *y = *(struct fleet_desktop *const *)b;

    if (x->row.created_at != y->row.created_at)
        return x->row.created_at < y->row.created_at ? -1 : 1;
    return strcmp(x->row.name, y->row.name);
}

void fleet_sort(struct fleet *fleet)
{
    struct fleet_desktop **all CLEANUP_FREE = MEM_ARRAY(struct fleet_desktop *, fleet->desktop_count + 1);
    size_t count = 0;

    if (!all)
        return; /* the order is a courtesy */
    for (struct fleet_desktop *d = fleet->desktops; d; d = d->next)
        all[count++] = d;
    qsort(all, count, sizeof(struct fleet_desktop *), by_age); // NOLINT(bugprone-sizeof-expression)
    for (size_t i = 0; i < count; i++)
        all[i]->next = all[i + 1];
    fleet->desktops = all[0];
}

void fleet_touch(struct fleet *fleet, struct fleet_desktop *desktop)
{
    desktop->touched = ++fleet->clock;
}

static void tally_desktop(struct fleet *fleet, const struct fleet_desktop *d)
{
    struct fleet_host *host = d->row.host[0] ? fleet_find_host(fleet, d->row.host) : NULL;
    const struct fleet_pool *pool = host ? fleet_find_pool(fleet, d->row.pool) : NULL;

    if (!host)
        return;
    host->desktops++;
    host->reserved_mib += pool ? (uint64_t)pool->row.memory_mib : 0;
    host->starting += d->row.state == DESKTOP_STARTING || d->row.state == DESKTOP_BOOTING ||
                      (d->row.state == DESKTOP_DEFINED && d->busy);
}

void fleet_tally(struct fleet *fleet)
{
    for (struct fleet_host *h = fleet->hosts; h; h = h->next) {
        h->desktops = h->starting = 0;
        h->reserved_mib = 0;
    }
    for (const struct fleet_desktop *d = fleet->desktops; d; d = d->next)
        tally_desktop(fleet, d);
}

const struct store_image *fleet_find_image(const struct fleet *fleet, const char *name, int64_t version)
{
    for (size_t i = 0; i < fleet->image_count; i++)
        if (fleet->images[i].version == version && !strcmp(fleet->images[i].name, name))
            return &fleet->images[i];
    return NULL;
}

void fleet_clear(struct fleet *fleet)
{
    while (fleet->hosts) /* first: their jobs' ends look at desktops */
        fleet_remove_host(fleet, fleet->hosts);
    while (fleet->desktops)
        fleet_remove_desktop(fleet, fleet->desktops);
    while (fleet->pools)
        fleet_remove_pool(fleet, fleet->pools);
    free(fleet->images);
    fleet->images = NULL;
    fleet->image_count = 0;
}
