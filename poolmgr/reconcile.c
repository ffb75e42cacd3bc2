#include "poolmgr/reconcile.h"

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/model/pool.h"
#include "poolmgr/hosts.h"
#include "poolmgr/imports.h"
#include "poolmgr/placement.h"
#include "poolmgr/pools.h"
#include "poolmgr/rows.h"
#include "poolmgr/sessions.h"
#include "poolmgr/step.h"
#include "poolmgr/strays.h"
#include "poolmgr/watch.h"

#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#define PASS_GAP_MS     50   /* between two passes, however much happens */
#define PLACE_RETRY_MS  2000 /* no host had room */
#define PLACEMENT_HOSTS 512

struct pass_job {
    struct workpool_job job;
    struct manager *manager;
    struct rows rows;
    uint64_t disk_free;
    uint64_t began; /* fleet.clock */
    int64_t gen;
    int code;
    struct error error;
};

/* ---- one desktop */

static bool may_start(struct manager *m, struct fleet_host *host)
{
    return host && host->starting < (uint32_t)m->conf->starts_per_host;
}

static struct lifecycle_view look_at(struct manager *m, const struct fleet_desktop *d, struct fleet_host *host)
{
    const struct fleet_pool *pool = fleet_find_pool(&m->fleet, d->row.pool);

    return (struct lifecycle_view){
        .state = (enum desktop_state)d->row.state,
        .now_ms = clock_wall_ms(),
        .deadline_ms = d->row.deadline,
        .attempts = (uint32_t)d->row.attempts,
        .retry_ms = d->retry_ms,
        .placed = d->row.host[0] != '\0',
        .host_up = host && host_link_is_up(host->link),
        .host_failed = !host || host_link_is_failed(host->link),
        .may_start = may_start(m, host),
        .used = d->row.assignment[0] != '\0',
        .floating = !pool || !strcmp(pool->row.kind, POOL_KIND_FLOATING),
        .guest_up = d->guest_up,
        .rdp_answers = d->rdp_answers,
        .domain = d->domain,
    };
}

static size_t list_hosts(struct manager *m, const char *only, struct placement_host *ret, struct fleet_host **ret_from)
{
    size_t count = 0;

    for (struct fleet_host *h = m->fleet.hosts; h && count < PLACEMENT_HOSTS; h = h->next) {
        const struct store_host *row = host_link_row(h->link);
        if (*only && strcmp(only, row->name) != 0)
            continue;
        ret[count] = (struct placement_host){
            .name = row->name,
            .labels = row->labels,
            .up = host_link_is_up(h->link),
            .open = !strcmp(row->state, HOST_STATE_ACTIVE) || !strcmp(row->state, HOST_STATE_FAILED),
            .memory_mib = row->memory_mib ? (uint64_t)row->memory_mib : host_link_info(h->link)->memory_mib,
            .reserved_mib = h->reserved_mib,
            .disk_free_bytes = m->disk_free,
            .desktops = h->desktops,
            .max_desktops = (uint32_t)row->max_desktops,
            .starting = h->starting,
        };
        ret_from[count++] = h;
    }
    return count;
}

/* A look at a host's KVM takes seconds: until then nothing can be said. */
static bool one_is_connecting(const struct manager *m)
{
    for (const struct fleet_host *h = m->fleet.hosts; h; h = h->next)
        if (host_link_is_connecting(h->link))
            return true;
    return false;
}

static void place(struct manager *m, struct fleet_desktop *d, const struct lifecycle_step *step)
{
    static struct placement_host hosts[PLACEMENT_HOSTS];
    static struct fleet_host *from[PLACEMENT_HOSTS];
    struct fleet_pool *pool = fleet_find_pool(&m->fleet, d->row.pool);
    char why[BACKOFF_CAUSE_SIZE];

    if (!pool)
        return;
    const struct placement_need need = {.memory_mib = (uint64_t)pool->row.memory_mib,
                                        .disk_bytes = (uint64_t)m->conf->disk_reserve};
    size_t count = list_hosts(m, pool->row.host, hosts, from);
    int pick = placement_pick(hosts, count, &need, PLACEMENT_SPREAD, why, sizeof why);
    if (pick < 0) {
        d->retry_ms = clock_wall_ms() + PLACE_RETRY_MS;
        if (!one_is_connecting(m))
            pools_degraded(m, pool, why);
        return;
    }
    if (step_begin(m, d, step, NULL, hosts[pick].name))
        return;
    from[pick]->desktops++;
    from[pick]->reserved_mib += need.memory_mib;
}

static void step_one(struct manager *m, struct fleet_desktop *d)
{
    struct fleet_host *host = fleet_find_host(&m->fleet, d->row.host);
    const struct lifecycle_view view = look_at(m, d, host);
    const struct lifecycle_step step = lifecycle_next(&view);

    switch (step.action) {
    case LIFECYCLE_WAIT:
        break;
    case LIFECYCLE_WATCH:
        watch_desktop(m, d);
        break;
    case LIFECYCLE_PLACE:
        place(m, d, &step);
        break;
    case LIFECYCLE_START:
        if (!step_begin(m, d, &step, host, NULL) && d->row.state == DESKTOP_DEFINED)
            host->starting++;
        break;
    case LIFECYCLE_MAKE:
        if (!m->clean)
            break; /* what crashed clonings left is being removed: a clone under way looks the same */
        step_begin(m, d, &step, host, NULL);
        break;
    case LIFECYCLE_REMOVE:
        step_begin(m, d, &step, host, NULL);
        break;
    case LIFECYCLE_HAND_OUT:
    case LIFECYCLE_MOVE:
    case LIFECYCLE_FORGET:
        step_begin(m, d, &step, NULL, NULL);
        break;
    }
}

void reconcile_desktop(struct manager *m, struct fleet_desktop *d)
{
    if (!leader_gen(m->leader) || d->busy || d->dropped || m->stopping)
        return;
    if (d->row.state == DESKTOP_REQUESTED || d->row.state == DESKTOP_DEFINED)
        fleet_tally(&m->fleet);
    step_one(m, d);
}

/* ---- a pass */

static void merge_desktop(struct manager *m, const struct store_desktop *row, uint64_t began)
{
    struct fleet_desktop *d = fleet_find_desktop(&m->fleet, row->id);

    if (!d && !(d = fleet_add_desktop(&m->fleet, m, row)))
        return;
    d->seen = true;
    if (!d->busy && d->touched <= began)
        d->row = *row;
}

static void drop_desktop(struct manager *m, struct fleet_desktop *d)
{
    watch_reset(d);
    watch_stop(m, d);
    fleet_remove_desktop(&m->fleet, d);
}

static void merge_desktops(struct manager *m, const struct rows *rows, uint64_t began)
{
    for (struct fleet_desktop *d = m->fleet.desktops; d; d = d->next)
        d->seen = false;
    for (size_t i = 0; i < rows->desktop_count; i++)
        merge_desktop(m, &rows->desktops[i], began);
    for (struct fleet_desktop *d = m->fleet.desktops, *next; d; d = next) {
        next = d->next;
        if (!d->seen && !d->busy && d->touched <= began)
            d->dropped = true;
        if (d->dropped && !d->busy)
            drop_desktop(m, d);
    }
    fleet_sort(&m->fleet);
}

static void merge(struct manager *m, struct pass_job *job)
{
    m->disk_free = job->disk_free;
    free(m->fleet.images);
    m->fleet.images = TAKE_PTR(job->rows.images);
    m->fleet.image_count = job->rows.image_count;
    hosts_merge(m, &job->rows);
    pools_merge(m, &job->rows);
    merge_desktops(m, &job->rows, job->began);
}

static void look_at_all(struct manager *m, struct pass_job *job)
{
    merge(m, job);
    imports_look(m);
    sessions_sweep(m, &job->rows);
    pools_size(m, &job->rows);
    strays_look(m);
    fleet_tally(&m->fleet);
    for (struct fleet_desktop *d = m->fleet.desktops; d; d = d->next)
        if (!d->busy && !d->dropped)
            step_one(m, d);
}

static uint64_t free_space(const char *dir)
{
    struct statvfs v;

    if (statvfs(dir, &v))
        return UINT64_MAX; /* what fails then says why */
    return (uint64_t)v.f_bavail * v.f_frsize;
}

static void work_pass(struct workpool_job *base, void *thread_data)
{
    struct pass_job *job = CONTAINER_OF(base, struct pass_job, job);

    (void)thread_data;
    job->disk_free = free_space(job->manager->conf->storage_dir);
    job->code = rows_read(job->manager->env.store, &job->rows, &job->error);
}

static void end_pass(struct manager *m, struct pass_job *job)
{
    if (job->code) {
        if (!m->pass_failing)
            log_event(EV_PASS_FAILED, LOG_STR("what", "rows"), LOG_ERR(&job->error),
                      LOG_STR("do", lifecycle_advice(job->code)));
        m->pass_failing = true;
        return;
    }
    m->pass_failing = false;
    m->counters.passes++;
    m->pass_ok_ms = clock_mono_ms();
    look_at_all(m, job);
}

static void done_pass(struct workpool_job *base, int status)
{
    struct pass_job *job = CONTAINER_OF(base, struct pass_job, job);
    struct manager *m = job->manager;

    m->pass_running = false;
    if (!status && !m->stopping && job->gen == leader_gen(m->leader))
        end_pass(m, job);
    rows_done(&job->rows);
    free(job);
    if (m->stopping || !leader_gen(m->leader))
        return;
    bool again = m->pass_again;
    m->pass_again = false;
    if (again)
        reconcile_soon(m);
    else
        loop_timer_start(m->pass_timer, (uint64_t)m->conf->pass, 0);
}

static void begin_pass(void *arg)
{
    struct manager *m = arg;
    struct pass_job *job = leader_gen(m->leader) && !m->stopping ? MEM_NEW(struct pass_job) : NULL;

    if (!job)
        return;
    job->manager = m;
    job->began = m->fleet.clock;
    job->gen = leader_gen(m->leader);
    job->job.work = work_pass;
    job->job.done = done_pass;
    if (workpool_submit(m->store_pool, &job->job)) {
        free(job);
        loop_timer_start(m->pass_timer, PASS_GAP_MS, 0);
        return;
    }
    m->pass_running = true;
    m->pass_began_ms = clock_mono_ms();
}

void reconcile_soon(struct manager *m)
{
    if (m->stopping || !leader_gen(m->leader))
        return;
    if (m->pass_running) {
        m->pass_again = true;
        return;
    }
    int64_t wait = m->pass_began_ms + PASS_GAP_MS - clock_mono_ms();
    loop_timer_start(m->pass_timer, wait > 0 ? (uint64_t)wait : 0, 0);
}

static void on_tick(void *arg)
{
    reconcile_tick(arg);
}

int reconcile_start(struct manager *m)
{
    m->pass_timer = loop_timer_new(m->loop, begin_pass, m);
    m->tick = loop_timer_new(m->loop, on_tick, m);
    if (!m->pass_timer || !m->tick)
        return ERR_NOMEM;
    loop_timer_start(m->tick, RECONCILE_TICK_MS, RECONCILE_TICK_MS);
    return 0;
}

void reconcile_stop(struct manager *m)
{
    loop_timer_free(TAKE_PTR(m->pass_timer));
    loop_timer_free(TAKE_PTR(m->tick));
}

void reconcile_tick(struct manager *m)
{
    if (!leader_gen(m->leader) || m->stopping)
        return;
    hosts_tick(m);
    for (struct fleet_desktop *d = m->fleet.desktops; d; d = d->next) {
        bool watched = d->row.state == DESKTOP_BOOTING || d->row.state == DESKTOP_READY;
        if (watched && !d->busy && !d->dropped && (!d->guest || d->guest_lost || d->row.state == DESKTOP_BOOTING))
            reconcile_desktop(m, d);
    }
}

void reconcile_leading(struct manager *m, bool leads)
{
    if (leads) {
        m->swept_files = false;
        reconcile_soon(m);
        return;
    }
    loop_timer_stop(m->pass_timer);
    for (struct fleet_desktop *d = m->fleet.desktops; d; d = d->next) {
        watch_reset(d);
        watch_stop(m, d); /* the next leader opens its own */
    }
}
