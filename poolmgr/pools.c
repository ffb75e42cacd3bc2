#include "poolmgr/pools.h"

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/model/pool.h"
#include "lib/store/store_assignment.h"
#include "poolmgr/reconcile.h"
#include "poolmgr/step.h"

#include <stdio.h>
#include <string.h>

#define ADD_MOST 100 /* rows in one job, so that other pools get their turn */

/* What a pool wants from the store; on a thread of the store's pool. */
struct pool_job {
    struct workpool_job job;
    struct manager *manager;
    char pool[STORE_NAME_SIZE];
    uint32_t add; /* desktops */
    bool fill;    /* serve the queue */
    bool remove;  /* the row: nothing is left of it */
    bool note;    /* write `reason` */
    char reason[BACKOFF_CAUSE_SIZE];
    int64_t gen;
    uint32_t added;
    int code;
    struct error error;
};

/* ---- degraded and healthy */

void pools_degraded(struct manager *m, struct fleet_pool *pool, const char *why)
{
    (void)m;
    pool->note = pool->note || strcmp(pool->reason, why) != 0;
    snprintf(pool->reason, sizeof pool->reason, "%s", why);
    if (!pool->told)
        log_event(EV_POOL_DEGRADED, LOG_STR("pool", pool->row.name), LOG_STR("why", why));
    pool->told = true;
}

void pools_failed(struct manager *m, struct fleet_pool *pool, const char *cause)
{
    backoff_failed(&pool->backoff, clock_mono_ms(), cause);
    if (backoff_degraded(&pool->backoff))
        pools_degraded(m, pool, cause);
}

void pools_worked(struct fleet_pool *pool)
{
    backoff_worked(&pool->backoff);
    if (pool->told)
        log_event(EV_POOL_HEALED, LOG_STR("pool", pool->row.name));
    pool->told = false;
    pool->note = pool->note || pool->reason[0];
    pool->reason[0] = '\0';
}

/* ---- jobs */

static int write_note(const struct pool_job *job, struct error *reterr)
{
    char name[sizeof POOL_NOTE_SETTING + STORE_NAME_SIZE];

    snprintf(name, sizeof name, POOL_NOTE_SETTING "%s", job->pool);
    return store_setting_set(job->manager->env.store, name, job->reason, reterr);
}

static void work_pool(struct workpool_job *base, void *thread_data)
{
    struct pool_job *job = CONTAINER_OF(base, struct pool_job, job);
    const struct work_env *env = &job->manager->env;

    (void)thread_data;
    if (job->fill)
        job->code = store_assignment_fill(env->store, job->pool, clock_wall_ms(), NULL, NULL, &job->error);
    while (!job->code && job->added < job->add) {
        struct store_desktop row;
        job->code = store_desktop_add(env->store, job->gen, job->pool, env->holder, clock_wall_ms(), &row, &job->error);
        job->added += !job->code;
    }
    if (!job->code && job->note)
        job->code = write_note(job, &job->error);
    if (!job->code && job->remove)
        job->code = store_pool_remove(env->store, job->gen, job->pool, &job->error);
}

static void done_pool(struct workpool_job *base, int status)
{
    struct pool_job *job = CONTAINER_OF(base, struct pool_job, job);
    struct manager *m = job->manager;
    struct fleet_pool *pool = fleet_find_pool(&m->fleet, job->pool);

    if (pool)
        pool->working = false;
    if (!status && job->code == ERR_FENCED)
        leader_fenced(m->leader);
    else if (!status && job->code && job->code != ERR_BUSY && job->code != ERR_CONFLICT && pool)
        pools_failed(m, pool, err_message(&job->error));
    if (!status && job->added)
        reconcile_soon(m);
    free(job);
}

static void begin_job(struct manager *m, struct fleet_pool *pool, uint32_t add, bool fill, bool remove)
{
    struct pool_job *job = pool->working ? NULL : MEM_NEW(struct pool_job);

    if (!job)
        return;
    job->manager = m;
    job->add = add < ADD_MOST ? add : ADD_MOST;
    job->fill = fill;
    job->remove = remove;
    job->gen = leader_gen(m->leader);
    job->note = pool->note || remove;
    snprintf(job->reason, sizeof job->reason, "%s", remove ? "" : pool->reason);
    snprintf(job->pool, sizeof job->pool, "%s", pool->row.name);
    job->job.work = work_pool;
    job->job.done = done_pool;
    if (workpool_submit(m->store_pool, &job->job)) {
        free(job);
        return;
    }
    pool->working = true;
    pool->note = false;
}

/* ---- sizing */

static void count_desktop(struct manager *m, const struct fleet_desktop *d)
{
    struct fleet_pool *pool = fleet_find_pool(&m->fleet, d->row.pool);
    const struct fleet_host *host = d->row.host[0] ? fleet_find_host(&m->fleet, d->row.host) : NULL;
    enum desktop_state state = (enum desktop_state)d->row.state;

    if (!pool || d->dropped)
        return;
    bool lost = d->row.host[0] && (!host || host_link_is_failed(host->link));
    if (lost || state == DESKTOP_UNKNOWN || state == DESKTOP_MAINTENANCE)
        pool->counts.lost++;
    else if (state == DESKTOP_DELETING || state == DESKTOP_GONE)
        pool->counts.leaving++;
    else if (d->row.assignment[0])
        pool->counts.used++;
    else if (state == DESKTOP_ERROR)
        pool->counts.broken++;
    else if (state == DESKTOP_READY)
        pool->counts.ready++;
    else
        pool->counts.coming++;
}

static void count(struct manager *m, const struct rows *rows)
{
    for (struct fleet_pool *p = m->fleet.pools; p; p = p->next)
        p->counts = (struct sizing_counts){0};
    for (const struct fleet_desktop *d = m->fleet.desktops; d; d = d->next)
        count_desktop(m, d);
    for (size_t i = 0; i < rows->session_count; i++) {
        struct fleet_pool *pool = fleet_find_pool(&m->fleet, rows->sessions[i].pool);
        if (pool && !rows->sessions[i].desktop[0])
            pool->counts.waiting++;
    }
}

static struct sizing_limits limits_of(const struct fleet_pool *pool)
{
    if (!strcmp(pool->row.state, POOL_STATE_DELETING))
        return (struct sizing_limits){0};
    return (struct sizing_limits){(uint32_t)pool->row.size_min, (uint32_t)pool->row.size_max,
                                  (uint32_t)pool->row.spare};
}

static bool image_is_usable(struct manager *m, struct fleet_pool *pool)
{
    char why[BACKOFF_CAUSE_SIZE];
    const struct store_image *image = fleet_find_image(&m->fleet, pool->row.image, pool->row.image_version);

    if (image && (!strcmp(image->state, IMAGE_STATE_PUBLISHED) || !strcmp(image->state, IMAGE_STATE_RETIRED)))
        return true;
    snprintf(why, sizeof why, "image %s@%lld is %s: publish it with `carrelctl image publish`", pool->row.image,
             (long long)pool->row.image_version, image ? image->state : "not there");
    pools_degraded(m, pool, why);
    return false;
}

static void grow(struct manager *m, struct fleet_pool *pool)
{
    uint32_t wanted = pool->plan.make;

    if (pool->working || !image_is_usable(m, pool))
        return;
    /* While there were failures, one canary at a time: those that come are canaries already. */
    if (pool->backoff.failures && pool->counts.coming)
        return;
    uint32_t granted = backoff_grant(&pool->backoff, clock_mono_ms(), wanted);
    if (!granted)
        return;
    log_event(EV_POOL_GROWS, LOG_STR("pool", pool->row.name), LOG_INT("by", granted), LOG_INT("wanted", wanted),
              LOG_INT("used", pool->counts.used), LOG_INT("ready", pool->counts.ready),
              LOG_INT("waiting", pool->counts.waiting));
    begin_job(m, pool, granted, false, false);
}

static bool is_removable(const struct fleet_desktop *d, const struct fleet_pool *pool)
{
    enum desktop_state state = (enum desktop_state)d->row.state;

    return !strcmp(d->row.pool, pool->row.name) && !d->busy && !d->dropped && !d->row.assignment[0] &&
           state <= DESKTOP_READY;
}

static void take_first(struct manager *m, struct fleet_desktop **from, struct sizing_candidate *candidates, size_t n,
                       uint32_t remove)
{
    static const struct lifecycle_step step = {LIFECYCLE_MOVE, DESKTOP_DELETING, "the pool has more than it needs"};

    qsort(candidates, n, sizeof *candidates, sizing_candidate_order);
    for (size_t i = 0; i < n && i < remove; i++)
        step_begin(m, from[candidates[i].index], &step, NULL, NULL);
}

static void shrink(struct manager *m, struct fleet_pool *pool)
{
    size_t most = m->fleet.desktop_count, n = 0;
    struct fleet_desktop **from CLEANUP_FREE = MEM_ARRAY(struct fleet_desktop *, most);
    struct sizing_candidate *candidates CLEANUP_FREE = MEM_ARRAY(struct sizing_candidate, most);

    if (!from || !candidates)
        return;
    for (struct fleet_desktop *d = m->fleet.desktops; d; d = d->next) {
        if (!is_removable(d, pool))
            continue;
        candidates[n] = (struct sizing_candidate){
            .progress = lifecycle_progress((enum desktop_state)d->row.state),
            .since_ms = d->row.state_at,
            .image_behind =
                d->row.image_version != pool->row.image_version || strcmp(d->row.image, pool->row.image) != 0,
            .index = (uint32_t)n,
        };
        from[n++] = d;
    }
    log_event(EV_POOL_SHRINKS, LOG_STR("pool", pool->row.name), LOG_INT("by", pool->plan.remove),
              LOG_INT("ready", pool->counts.ready), LOG_INT("coming", pool->counts.coming));
    take_first(m, from, candidates, n, pool->plan.remove);
}

static bool is_empty(const struct fleet_pool *pool)
{
    const struct sizing_counts *c = &pool->counts;

    return !c->coming && !c->ready && !c->used && !c->leaving && !c->lost && !c->broken && !c->waiting;
}

static void size(struct manager *m, struct fleet_pool *pool)
{
    const struct sizing_limits limits = limits_of(pool);

    if (!strcmp(pool->row.kind, POOL_KIND_MANUAL))
        return;
    pool->plan = sizing_plan(&limits, &pool->counts);
    if (!strcmp(pool->row.state, POOL_STATE_DELETING) && is_empty(pool))
        begin_job(m, pool, 0, false, true);
    else if (pool->counts.waiting && pool->counts.ready)
        begin_job(m, pool, 0, true, false);
    if (pool->plan.make)
        grow(m, pool);
    else if (pool->plan.remove)
        shrink(m, pool);
    if (pool->note)
        begin_job(m, pool, 0, false, false);
}

void pools_size(struct manager *m, const struct rows *rows)
{
    count(m, rows);
    for (struct fleet_pool *p = m->fleet.pools; p; p = p->next)
        size(m, p);
}

void pools_merge(struct manager *m, const struct rows *rows)
{
    for (struct fleet_pool *p = m->fleet.pools; p; p = p->next)
        p->seen = false;
    for (size_t i = 0; i < rows->pool_count; i++) {
        struct fleet_pool *p = fleet_find_pool(&m->fleet, rows->pools[i].name);
        if (!p && !(p = fleet_add_pool(&m->fleet, &rows->pools[i])))
            continue;
        /* Changed by a person: whatever failed before may be mended. */
        if (p->row.revision != rows->pools[i].revision)
            backoff_worked(&p->backoff);
        p->row = rows->pools[i];
        p->seen = true;
    }
    for (struct fleet_pool *p = m->fleet.pools, *next; p; p = next) {
        next = p->next;
        if (!p->seen && !p->working)
            fleet_remove_pool(&m->fleet, p);
    }
}
