#include "poolmgr/step.h"

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "poolmgr/pools.h"
#include "poolmgr/reconcile.h"
#include "poolmgr/watch.h"

#include <stdio.h>
#include <string.h>

struct step_job {
    struct host_job host_job; /* one of these two */
    struct workpool_job store_job;
    struct manager *manager;
    struct fleet_desktop *desktop; /* busy, so it stays */
    struct guest_link *link;       /* of a desktop that is taken down: closed first */
    struct virt_channel *channel;
    struct desktop_order order;
    struct desktop_outcome outcome;
    int64_t began_ns;
};

static const char *const action_names[] = {
    [LIFECYCLE_WAIT] = "wait",   [LIFECYCLE_PLACE] = "place",   [LIFECYCLE_MAKE] = "make",
    [LIFECYCLE_START] = "start", [LIFECYCLE_WATCH] = "watch",   [LIFECYCLE_HAND_OUT] = "hand_out",
    [LIFECYCLE_MOVE] = "move",   [LIFECYCLE_REMOVE] = "remove", [LIFECYCLE_FORGET] = "forget",
};

static void log_failure(const struct step_job *job)
{
    const struct desktop_outcome *o = &job->outcome;
    const char *state = sm_name(&desktop_sm, job->order.row.state);

    if (o->code == ERR_CONFLICT || o->code == ERR_FENCED)
        log_event(EV_DESKTOP_STEP, LOG_STR("desktop", job->order.row.name), LOG_STR("state", state),
                  LOG_STR("overtaken", err_message(&o->error)));
    else
        log_event(o->verdict == LIFECYCLE_GIVE_UP ? EV_DESKTOP_FAILED : EV_DESKTOP_STEP_FAILED,
                  LOG_STR("desktop", job->order.row.name), LOG_STR("state", state),
                  LOG_STR("host", job->order.row.host), LOG_ERR(&o->error),
                  LOG_INT("attempt", job->order.row.attempts + 1), LOG_STR("do", lifecycle_advice(o->code)));
}

static void judge_failure(struct manager *m, struct fleet_desktop *d, const struct step_job *job)
{
    const struct desktop_outcome *o = &job->outcome;
    struct fleet_pool *pool = fleet_find_pool(&m->fleet, d->row.pool);

    m->counters.step_failures[job->order.step.action]++;
    log_failure(job);
    if (o->code == ERR_FENCED)
        leader_fenced(m->leader);
    if (o->code == ERR_CONFLICT || o->code == ERR_FENCED)
        return;
    d->retry_ms = clock_wall_ms() + o->wait_ms;
    if (o->verdict == LIFECYCLE_GIVE_UP)
        m->counters.failed++;
    if (pool && job->order.step.action != LIFECYCLE_REMOVE &&
        (o->verdict == LIFECYCLE_GIVE_UP || o->code == ERR_NO_SPACE))
        pools_failed(m, pool, err_message(&o->error));
}

static void log_ready(struct manager *m, const struct fleet_desktop *d, const struct step_job *job)
{
    int64_t took = d->row.state_at - d->row.created_at;
    struct fleet_pool *pool = fleet_find_pool(&m->fleet, d->row.pool);

    if (!job->order.row.ready_at) {
        m->counters.ready++;
        m->counters.ready_ms += (uint64_t)(took > 0 ? took : 0);
    }
    log_event(EV_DESKTOP_READY, LOG_STR("desktop", d->row.name), LOG_STR("host", d->row.host),
              LOG_STR("address", d->row.address), LOG_INT("after_ms", took),
              LOG_INT("handed_out", job->outcome.handed_out));
    if (pool)
        pools_worked(pool);
}

static void judge_move(struct manager *m, struct fleet_desktop *d, const struct step_job *job)
{
    const char *cause = job->order.step.cause;
    struct fleet_pool *pool = fleet_find_pool(&m->fleet, d->row.pool);

    if (job->order.step.to == DESKTOP_ERROR) {
        m->counters.failed++;
        log_event(EV_DESKTOP_FAILED, LOG_STR("desktop", d->row.name),
                  LOG_STR("state", sm_name(&desktop_sm, job->order.row.state)), LOG_STR("host", d->row.host),
                  LOG_STR("error", cause), LOG_STR("do", lifecycle_advice(ERR_TIMEOUT)));
        /* One that worked and broke later says nothing about the pool's image. */
        if (pool && !job->order.row.ready_at)
            pools_failed(m, pool, cause);
    }
    if (job->order.row.state == DESKTOP_UNKNOWN && job->order.step.to == DESKTOP_BOOTING)
        log_event(EV_DESKTOP_BACK, LOG_STR("desktop", d->row.name), LOG_STR("host", d->row.host));
}

static void judge_success(struct manager *m, struct fleet_desktop *d, const struct step_job *job)
{
    d->retry_ms = 0;
    switch (job->order.step.action) {
    case LIFECYCLE_MAKE:
        d->domain = LIFECYCLE_DOMAIN_OFF;
        break;
    case LIFECYCLE_START:
        d->domain = LIFECYCLE_DOMAIN_RUNNING;
        watch_reset(d);
        break;
    case LIFECYCLE_HAND_OUT:
        log_ready(m, d, job);
        break;
    case LIFECYCLE_MOVE:
        judge_move(m, d, job);
        if (job->order.step.to == DESKTOP_BOOTING)
            watch_reset(d);
        break;
    case LIFECYCLE_REMOVE:
    case LIFECYCLE_FORGET:
        log_event(EV_DESKTOP_GONE, LOG_STR("desktop", d->row.name), LOG_STR("host", d->row.host));
        break;
    case LIFECYCLE_PLACE:
    case LIFECYCLE_WAIT:
    case LIFECYCLE_WATCH:
        break;
    }
}

static void finish(struct step_job *job, int status)
{
    struct manager *m = job->manager;
    struct fleet_desktop *d = job->desktop;
    const struct desktop_outcome *o = &job->outcome;
    enum lifecycle_action action = job->order.step.action;

    d->busy = false;
    virt_channel_close(TAKE_PTR(job->channel)); /* NULL unless the job was cancelled */
    guest_link_free(TAKE_PTR(job->link));
    fleet_touch(&m->fleet, d);
    if (!status) {
        m->counters.steps[action]++;
        m->counters.step_ns[action] += (uint64_t)(clock_mono_ns() - job->began_ns);
        if (o->known)
            d->row = o->row;
        if (o->code)
            judge_failure(m, d, job);
        else
            judge_success(m, d, job);
        d->dropped = d->dropped || o->gone;
        log_event(EV_DESKTOP_STEP, LOG_STR("desktop", job->order.row.name), LOG_STR("step", action_names[action]),
                  LOG_STR("state", o->known ? sm_name(&desktop_sm, o->row.state) : "gone"), LOG_INT("code", o->code),
                  LOG_INT("us", (clock_mono_ns() - job->began_ns) / 1000));
    }
    bool counts_change = d->dropped || d->row.state == DESKTOP_ERROR || d->row.state == DESKTOP_DELETING ||
                         d->row.state == DESKTOP_READY || o->code == ERR_CONFLICT;
    free(job);
    reconcile_desktop(m, d);
    if (counts_change)
        reconcile_soon(m);
}

static void run_on_host(struct host_job *base)
{
    struct step_job *job = CONTAINER_OF(base, struct step_job, host_job);

    virt_channel_close(TAKE_PTR(job->channel));
    desktop_work_run(&job->manager->env, base->virt, &job->order, &job->outcome);
}

static void finish_on_host(struct host_job *base, int status)
{
    finish(CONTAINER_OF(base, struct step_job, host_job), status);
}

static void run_on_store(struct workpool_job *base, void *thread_data)
{
    struct step_job *job = CONTAINER_OF(base, struct step_job, store_job);

    (void)thread_data;
    desktop_work_run(&job->manager->env, NULL, &job->order, &job->outcome);
}

static void finish_on_store(struct workpool_job *base, int status)
{
    finish(CONTAINER_OF(base, struct step_job, store_job), status);
}

static void fill_order(struct manager *m, struct fleet_desktop *d, const struct lifecycle_step *step,
                       struct fleet_host *host, const char *place, struct desktop_order *order)
{
    const struct fleet_pool *pool = fleet_find_pool(&m->fleet, d->row.pool);
    const struct store_image *image = fleet_find_image(&m->fleet, d->row.image, d->row.image_version);

    order->step = *step;
    order->row = d->row;
    order->gen = leader_gen(m->leader);
    if (pool)
        order->pool = pool->row;
    if (image)
        order->image = *image;
    order->kvm = host && host_link_info(host->link)->kvm_works;
    snprintf(order->host, sizeof order->host, "%s", place ? place : "");
    snprintf(order->cert_sha256, sizeof order->cert_sha256, "%s", d->cert_sha256);
}

int step_begin(struct manager *m, struct fleet_desktop *d, const struct lifecycle_step *step, struct fleet_host *host,
               const char *place)
{
    struct step_job *job = MEM_NEW(struct step_job);

    if (!job)
        return ERR_NOMEM;
    job->manager = m;
    job->desktop = d;
    job->began_ns = clock_mono_ns();
    fill_order(m, d, step, host, place, &job->order);
    job->host_job.run = run_on_host;
    job->host_job.finish = finish_on_host;
    job->store_job.work = run_on_store;
    job->store_job.done = finish_on_store;
    if (host && step->action == LIFECYCLE_REMOVE) {
        watch_reset(d);
        job->link = watch_detach(d, &job->channel);
    }
    int r = host ? host_link_submit(host->link, &job->host_job) : workpool_submit(m->store_pool, &job->store_job);
    if (r) {
        virt_channel_close(job->channel);
        guest_link_free(job->link);
        free(job);
        return r;
    }
    d->busy = true;
    return 0;
}
