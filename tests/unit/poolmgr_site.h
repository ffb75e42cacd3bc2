/* A site for tests of the pool manager: a folder with a store, a small golden image and a socket, and the pool manager
 * itself, run on its own loop in this process on simulated hosts. */
#ifndef TESTS_UNIT_POOLMGR_SITE_H
#define TESTS_UNIT_POOLMGR_SITE_H

#include "lib/store/store_assignment.h"
#include "lib/store/store_session.h"
#include "lib/virt/fake.h"
#include "poolmgr/daemon.h"

struct site {
    char dir[64];
    char uri[160]; /* of the store */
    struct store *store;
    struct daemon *daemon; /* NULL = not running */
};

/* A fresh folder with a store that knows image "base"@1, published, and host "h1" with this URI. */
void site_open(struct site *site, const char *host_uri);
void site_close(struct site *site);
/* Another host. */
void site_add_host(struct site *site, const char *name, const char *uri);
/* A floating pool of image base@1. */
void site_add_pool(struct site *site, const char *name, int64_t min, int64_t max, int64_t spare);
/* Change min, max, spare of a pool. */
void site_scale(struct site *site, const char *name, int64_t min, int64_t max, int64_t spare);

void site_start(struct site *site);
/* As SIGTERM would. */
void site_stop(struct site *site);
/* Run the loop until `done` says so; false after a minute. */
bool site_run_until(struct site *site, bool (*done)(struct site *site, void *arg), void *arg);
/* Run it for a while. */
void site_run(struct site *site, int64_t ms);

/* Desktops of `pool` in state `state` (-1 = any), and of those only the free ones if asked. */
size_t site_count(struct site *site, const char *pool, int state, bool free_only);
bool site_has(struct site *site, const char *pool, int state, size_t count);
/* A person asks for a desktop. */
void site_connect(struct site *site, const char *pool, const char *person, struct store_session *ret_session);
/* Overlays in the storage folder. */
size_t site_overlays(struct site *site);

/* The judge: every row has its file and the other way round. Reads folders and rows itself. */
void site_judge(struct site *site);

#endif
