#include "poolmgr/daemon.h"

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/store/store_lease.h"
#include "linkedclone/overlay.h"
#include "poolmgr/internal_api.h"
#include "poolmgr/reconcile.h"
#include "poolmgr/watch.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define STORE_QUEUE  20000
#define IMPORT_QUEUE 4

static void on_leading(void *arg, bool leads)
{
    reconcile_leading(arg, leads);
}

static void on_stop(int signum, void *arg)
{
    struct manager *m = arg;

    (void)signum;
    m->stopping = true;
    loop_stop(m->loop);
}

static void on_reload(int signum, void *arg)
{
    (void)signum;
    reconcile_soon(arg);
}

static int make_storage_dir(const char *dir, struct error *reterr)
{
    char images[STORE_PATH_SIZE];

    snprintf(images, sizeof images, "%s/images", dir);
    if ((mkdir(dir, 0755) && errno != EEXIST) || (mkdir(images, 0755) && errno != EEXIST))
        return err_set_errno(reterr, ERR_IO, errno, "storage_dir %s cannot be made", dir);
    return 0;
}

/* Who owns overlays: the account that runs QEMU. */
static int find_owner(struct daemon *d, struct error *reterr)
{
    struct work_env *env = &d->manager.env;
    const struct poolmgr_conf *c = &d->conf;
    char text[256];

    env->uid = (uid_t)-1;
    env->gid = (gid_t)-1;
    if (!c->image_user[0])
        return 0;
    snprintf(text, sizeof text, "%s%s%s", c->image_user, c->image_group[0] ? ":" : "", c->image_group);
    return overlay_owner_parse(text, &env->uid, &env->gid, reterr);
}

static int open_store(struct daemon *d, struct error *reterr)
{
    const struct store_options options = {.uri = d->conf.store,
                                          .migrate = true,
                                          .connections =
                                              (unsigned)d->conf.store_threads + (unsigned)d->conf.host_calls};

    int r = store_open(&options, &d->manager.env.store, reterr);
    if (r)
        err_prefix(reterr, "store");
    return r;
}

static int make_pools(struct daemon *d, struct error *reterr)
{
    struct manager *m = &d->manager;
    const struct workpool_options store_pool = {
        .name = "store", .threads = (unsigned)d->conf.store_threads, .queue_max = STORE_QUEUE};
    const struct workpool_options import_pool = {.name = "import", .threads = 1, .queue_max = IMPORT_QUEUE};

    int r = workpool_new(m->loop, &store_pool, &m->store_pool, reterr);
    return r ? r : workpool_new(m->loop, &import_pool, &m->import_pool, reterr);
}

static int make_parts(struct daemon *d, struct error *reterr)
{
    struct manager *m = &d->manager;

    m->env.overlays = overlay_cache_new(d->conf.storage_dir);
    const struct leader_options options = {.loop = m->loop,
                                           .pool = m->store_pool,
                                           .store = m->env.store,
                                           .holder = d->holder,
                                           .lease_ms = (uint32_t)d->conf.lease,
                                           .changed = on_leading,
                                           .arg = m};
    m->leader = leader_new(&options);
    if (!m->env.overlays || !m->leader || reconcile_start(m))
        return err_set(reterr, ERR_NOMEM, "out of memory");
    return internal_api_start(m, &d->httpd, reterr);
}

int daemon_start(struct daemon *d, struct error *reterr)
{
    struct manager *m = &d->manager;

    m->conf = m->env.conf = &d->conf;
    m->env.holder = d->holder;
    m->disk_free = UINT64_MAX;
    int r = leader_holder(d->conf.instance, d->holder, reterr);
    if (!r)
        r = make_storage_dir(d->conf.storage_dir, reterr);
    if (!r)
        r = find_owner(d, reterr);
    if (!r)
        r = loop_new(&m->loop, reterr);
    if (!r)
        r = open_store(d, reterr);
    if (!r)
        r = make_pools(d, reterr);
    if (!r)
        r = make_parts(d, reterr);
    const int stops[] = {SIGTERM, SIGINT};
    for (size_t i = 0; i < ARRAY_LEN(stops) && !r; i++)
        r = loop_on_signal(m->loop, stops[i], on_stop, m, reterr);
    return r ? r : loop_on_signal(m->loop, SIGHUP, on_reload, m, reterr);
}

static bool hosts_are_idle(const struct manager *m)
{
    for (const struct fleet_host *h = m->fleet.hosts; h; h = h->next)
        if (!host_link_is_idle(h->link))
            return false;
    return true;
}

static void on_nap(void *arg)
{
    (void)arg;
}

/* Leave the hosts; desktops stay as they are. Whether every call came back in time. */
static bool leave_hosts(struct manager *m)
{
    int64_t deadline = clock_mono_ms() + m->conf->stop;
    struct loop_timer *nap = loop_timer_new(m->loop, on_nap, NULL);

    for (struct fleet_desktop *d = m->fleet.desktops; d; d = d->next) {
        watch_reset(d);
        watch_stop(m, d);
    }
    for (struct fleet_host *h = m->fleet.hosts; h; h = h->next)
        host_link_stop(h->link);
    if (nap)
        loop_timer_start(nap, 50, 50);
    while (!hosts_are_idle(m) && clock_mono_ms() < deadline) {
        for (struct fleet_host *h = m->fleet.hosts; h; h = h->next)
            host_link_tick(h->link);
        loop_run_once(m->loop, nap != NULL);
    }
    loop_timer_free(nap);
    return hosts_are_idle(m);
}

bool daemon_stop(struct daemon *d)
{
    struct manager *m = &d->manager;

    m->stopping = true;
    atomic_store(&m->cancel_import, true);
    if (m->leader)
        leader_stop(m->leader);
    httpd_free(d->httpd);
    if (m->loop && !leave_hosts(m)) {
        /* A call hangs in a hypervisor: rows say what was begun, the next start goes on from there. */
        store_lease_release(m->env.store, STORE_LEASE_POOLMGR, d->holder, NULL);
        return false;
    }
    reconcile_stop(m);
    workpool_free(m->store_pool);
    workpool_free(m->import_pool);
    fleet_clear(&m->fleet);
    leader_free(m->leader);
    if (m->env.store)
        store_lease_release(m->env.store, STORE_LEASE_POOLMGR, d->holder, NULL);
    overlay_cache_free(m->env.overlays);
    store_close(m->env.store);
    loop_free(m->loop);
    return true;
}
