/* Pools: rows. Any worker thread. Words: lib/model/pool.h. */
#ifndef CARREL_STORE_STORE_POOL_H
#define CARREL_STORE_STORE_POOL_H

#include "lib/model/desktop.h"
#include "lib/store/store.h"

struct store_pool {
    char name[STORE_NAME_SIZE]; /* also the stem of its desktops' names */
    char description[STORE_TEXT_SIZE];
    char kind[STORE_WORD_SIZE]; /* POOL_KIND_… */
    char image[STORE_NAME_SIZE];
    int64_t image_version;
    char network[STORE_NAME_SIZE]; /* libvirt network */
    char host[STORE_NAME_SIZE];    /* "" = any */
    int64_t memory_mib;
    int64_t vcpus;
    int64_t size_min;                  /* desktops that exist, taken or not */
    int64_t size_max;                  /* never more */
    int64_t spare;                     /* ready and free beyond the taken ones, within size_max */
    char credentials[STORE_WORD_SIZE]; /* POOL_CREDENTIALS_… */
    char security[STORE_WORD_SIZE];    /* POOL_SECURITY_… */
    int64_t grace_s;                   /* how long a disconnected session is kept */
    int64_t idle_s;                    /* a connection without traffic is closed after; 0 = never */
    bool bind_address;                 /* tickets are bound to the client's address */
    char state[STORE_WORD_SIZE];       /* POOL_STATE_… */
    int64_t boot_ms;                   /* moving average from request to ready; 0 = not known */
    int64_t revision;                  /* grows with every update; compare-and-swap of store_pool_update */
    int64_t created_at;
    int64_t updated_at;
};

struct store_pool_counts {
    int64_t desktops[DESKTOP_STATE_COUNT]; /* by state */
    int64_t ready_free;                    /* ready, without an open assignment */
    int64_t taken;                         /* with an open assignment */
    int64_t waiting;                       /* sessions in the queue */
    int64_t sessions;                      /* open ones, waiting included */
};

/* Add; revision, created_at, updated_at and a "" state ("open") are filled in. ERR_EXISTS; ERR_NOT_FOUND: no such image
 * version or host. */
int store_pool_add(struct store *store, struct store_pool *pool, int64_t now_ms, struct error *reterr);
int store_pool_get(struct store *store, const char *name, struct store_pool *ret_pool, struct error *reterr);
/* By name, at most STORE_PAGE_MAX. *ret_pools: free(). */
int store_pool_list(struct store *store, struct store_pool **ret_pools, size_t *ret_count, struct error *reterr);
/* Write all fields but name, kind, boot_ms and created_at, if the row still has pool->revision; revision and
 * updated_at are filled in. ERR_CONFLICT: it changed meanwhile; ERR_NOT_FOUND. */
int store_pool_update(struct store *store, struct store_pool *pool, int64_t now_ms, struct error *reterr);
/* Mix one measured boot into the average (one eighth of its weight; the first sets it). */
int store_pool_booted(struct store *store, int64_t gen, const char *name, int64_t boot_ms, struct error *reterr);
int store_pool_counts(struct store *store, const char *name, struct store_pool_counts *ret_counts,
                      struct error *reterr);
/* Delete the row with its entitlements. ERR_CONFLICT: desktops or open sessions are left. */
int store_pool_remove(struct store *store, int64_t gen, const char *name, struct error *reterr);

#endif
