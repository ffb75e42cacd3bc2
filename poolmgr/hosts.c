#include "poolmgr/hosts.h"

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/model/pool.h"
#include "poolmgr/reconcile.h"
#include "poolmgr/strays.h"
#include "poolmgr/watch.h"

#include <stdio.h>
#include <string.h>

#define REPORT_MS 30000 /* seen_at is brought up to date */

struct report_job {
    struct workpool_job job;
    struct manager *manager;
    char host[STORE_NAME_SIZE];
    char from[STORE_WORD_SIZE], to[STORE_WORD_SIZE]; /* state; "" = stays */
    char error[STORE_TEXT_SIZE];
    int64_t memory_mib, vcpus, seen_at;
    int64_t gen;
    int code;
};

static void on_changed(void *arg, struct host_link *link);
static void on_event(void *arg, struct host_link *link, const struct virt_event *event);
static void on_listed(void *arg, struct host_link *link, const struct virt_domain *domains, size_t count,
                      uint64_t began);

static const struct host_link_events events = {.changed = on_changed, .event = on_event, .listed = on_listed};

/* ---- reports to the store */

static void work_report(struct workpool_job *base, void *thread_data)
{
    struct report_job *job = CONTAINER_OF(base, struct report_job, job);
    struct store *store = job->manager->env.store;

    (void)thread_data;
    job->code =
        store_host_report(store, job->gen, job->host, job->memory_mib, job->vcpus, job->seen_at, job->error, NULL);
    if (!job->code && job->to[0])
        store_host_move(store, job->gen, job->host, job->from, job->to, NULL);
}

static void done_report(struct workpool_job *base, int status)
{
    struct report_job *job = CONTAINER_OF(base, struct report_job, job);
    struct fleet_host *host = fleet_find_host(&job->manager->fleet, job->host);

    if (host) {
        host->reporting = false;
        host->report = host->report || status || job->code;
    }
    free(job);
}

static void fill_report(const struct fleet_host *host, struct report_job *job)
{
    const struct store_host *row = host_link_row(host->link);
    const struct virt_host_info *info = host_link_info(host->link);
    bool up = host_link_is_up(host->link), failed = host_link_is_failed(host->link);

    snprintf(job->host, sizeof job->host, "%s", row->name);
    snprintf(job->error, sizeof job->error, "%s", host_link_error(host->link));
    if (up) {
        job->seen_at = clock_wall_ms();
        job->memory_mib = row->memory_mib ? 0 : (int64_t)info->memory_mib;
        job->vcpus = row->vcpus ? 0 : (int64_t)info->cpus;
    }
    const char *from = failed ? HOST_STATE_ACTIVE : HOST_STATE_FAILED;
    if (failed != !strcmp(row->state, HOST_STATE_FAILED) && !strcmp(row->state, from)) {
        snprintf(job->from, sizeof job->from, "%s", from);
        snprintf(job->to, sizeof job->to, "%s", failed ? HOST_STATE_FAILED : HOST_STATE_ACTIVE);
    }
}

static void report(struct manager *m, struct fleet_host *host)
{
    struct report_job *job = MEM_NEW(struct report_job);

    if (!job)
        return;
    job->manager = m;
    job->gen = leader_gen(m->leader);
    fill_report(host, job);
    job->job.work = work_report;
    job->job.done = done_report;
    if (workpool_submit(m->store_pool, &job->job)) {
        free(job);
        return;
    }
    host->reporting = true;
    host->report = false;
    host->reported_ms = clock_mono_ms();
}

/* ---- what a host tells */

static bool is_on(const struct fleet_desktop *d, struct host_link *link)
{
    return !strcmp(d->row.host, host_link_row(link)->name);
}

static void on_changed(void *arg, struct host_link *link)
{
    struct manager *m = arg;
    struct fleet_host *host = fleet_find_host(&m->fleet, host_link_row(link)->name);

    if (host) {
        host->report = true;
        host->listed = false;
    }
    for (struct fleet_desktop *d = m->fleet.desktops; d && host_link_is_up(link); d = d->next)
        if (d->row.state == DESKTOP_REQUESTED)
            d->retry_ms = 0; /* there may be room now */
    if (!host_link_is_up(link)) {
        for (struct fleet_desktop *d = m->fleet.desktops; d; d = d->next) {
            if (!is_on(d, link))
                continue;
            d->domain = LIFECYCLE_DOMAIN_UNSEEN;
            watch_stop(m, d);
        }
    }
    reconcile_soon(m);
}

/* What follows from an event; -1 = nothing. */
static int domain_after(enum virt_event_kind kind)
{
    switch (kind) {
    case VIRT_EVENT_STARTED:
    case VIRT_EVENT_RESUMED:
        return LIFECYCLE_DOMAIN_RUNNING;
    case VIRT_EVENT_STOPPED:
        return LIFECYCLE_DOMAIN_OFF;
    case VIRT_EVENT_CRASHED:
        return LIFECYCLE_DOMAIN_CRASHED;
    case VIRT_EVENT_PAUSED:
        return LIFECYCLE_DOMAIN_PAUSED;
    case VIRT_EVENT_UNDEFINED:
        return LIFECYCLE_DOMAIN_ABSENT;
    case VIRT_EVENT_DEFINED:
    case VIRT_EVENT_AGENT_UP:
    case VIRT_EVENT_AGENT_DOWN:
    case VIRT_EVENT_LOST:
        break;
    }
    return -1;
}

static void on_event(void *arg, struct host_link *link, const struct virt_event *event)
{
    struct manager *m = arg;
    struct fleet_desktop *d = fleet_find_named(&m->fleet, event->domain + strlen(m->conf->domain_prefix));
    int domain = domain_after(event->kind);

    /* A busy desktop's own job knows better; should it not, the next listing tells. */
    if (!d || domain < 0 || !is_on(d, link) || d->busy)
        return;
    d->domain = (enum lifecycle_domain)domain;
    reconcile_desktop(m, d);
}

static enum lifecycle_domain domain_of(enum virt_domain_state state)
{
    switch (state) {
    case VIRT_DOMAIN_STOPPED:
        return LIFECYCLE_DOMAIN_OFF;
    case VIRT_DOMAIN_RUNNING:
        return LIFECYCLE_DOMAIN_RUNNING;
    case VIRT_DOMAIN_PAUSED:
        return LIFECYCLE_DOMAIN_PAUSED;
    case VIRT_DOMAIN_CRASHED:
        return LIFECYCLE_DOMAIN_CRASHED;
    case VIRT_DOMAIN_UNKNOWN:
        break;
    }
    return LIFECYCLE_DOMAIN_UNSEEN;
}

static int by_name(const void *key, const void *domain)
{
    return strcmp(key, ((const struct virt_domain *)domain)->name);
}

static void take_listed(struct manager *m, struct host_link *link, const struct virt_domain *domains, size_t count,
                        uint64_t began)
{
    char name[VIRT_NAME_SIZE];

    for (struct fleet_desktop *d = m->fleet.desktops; d; d = d->next) {
        if (!is_on(d, link) || d->busy || d->touched > began || desktop_work_domain(&m->env, d->row.name, name, NULL))
            continue;
        const struct virt_domain *found = bsearch(name, domains, count, sizeof *domains, by_name);
        d->domain = found ? domain_of(found->state) : LIFECYCLE_DOMAIN_ABSENT;
        reconcile_desktop(m, d);
    }
}

static void on_listed(void *arg, struct host_link *link, const struct virt_domain *domains, size_t count,
                      uint64_t began)
{
    struct manager *m = arg;
    struct fleet_host *host = fleet_find_host(&m->fleet, host_link_row(link)->name);
    size_t prefix = strlen(m->conf->domain_prefix);

    if (!host || !leader_gen(m->leader))
        return;
    host->listed = true;
    take_listed(m, link, domains, count, began);
    for (size_t i = 0; i < count; i++) {
        const struct fleet_desktop *d = fleet_find_named(&m->fleet, domains[i].name + prefix);
        if (!d || !is_on(d, link))
            strays_domain(m, host, domains[i].name);
    }
}

/* ---- rows */

static void add_host(struct manager *m, const struct store_host *row)
{
    struct error e = {0};
    struct host_link *link = NULL;
    const struct host_link_options options = {
        .loop = m->loop,
        .events = &events,
        .arg = m,
        .prefix = m->conf->domain_prefix,
        .calls = (unsigned)m->conf->host_calls,
        .failed_ms = (uint32_t)m->conf->host_failed,
        .list_ms = (uint32_t)m->conf->pass,
        .clock = &m->fleet.clock,
    };

    if (host_link_new(&options, row, &link, &e)) {
        log_event(EV_HOST_DOWN, LOG_STR("host", row->name), LOG_ERR(&e));
        return;
    }
    struct fleet_host *host = fleet_add_host(&m->fleet, link);
    if (!host)
        return;
    host->seen = true;
    host_link_tick(link);
}

void hosts_merge(struct manager *m, const struct rows *rows)
{
    for (struct fleet_host *h = m->fleet.hosts; h; h = h->next)
        h->seen = false;
    for (size_t i = 0; i < rows->host_count; i++) {
        struct fleet_host *h = fleet_find_host(&m->fleet, rows->hosts[i].name);
        if (h) {
            host_link_set_row(h->link, &rows->hosts[i]);
            h->seen = true;
        } else {
            add_host(m, &rows->hosts[i]);
        }
    }
    for (struct fleet_host *h = m->fleet.hosts, *next; h; h = next) {
        next = h->next;
        if (h->seen)
            continue;
        host_link_stop(h->link);
        if (host_link_is_idle(h->link) && !h->reporting)
            fleet_remove_host(&m->fleet, h);
    }
}

void hosts_tick(struct manager *m)
{
    int64_t now = clock_mono_ms();

    for (struct fleet_host *h = m->fleet.hosts; h; h = h->next) {
        host_link_tick(h->link);
        bool stale = host_link_is_up(h->link) && now - h->reported_ms >= REPORT_MS;
        if (h->seen && !h->reporting && (h->report || stale))
            report(m, h);
    }
}
