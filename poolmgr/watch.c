#include "poolmgr/watch.h"

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/text.h"
#include "poolmgr/reconcile.h"
#include "poolmgr/sessions.h"

#include <stdio.h>
#include <string.h>

#define GUEST_RETRY_MS      1000  /* doubled with each failure … */
#define GUEST_RETRY_MOST_MS 30000 /* … up to this */
#define MISBEHAVED_MS       60000

struct channel_job {
    struct host_job job;
    struct manager *manager;
    char id[ID_SIZE]; /* the desktop's */
    char domain[VIRT_NAME_SIZE];
    struct guest_link *link;
    struct virt_channel *channel;
    int code;
    struct error error;
};

static void on_up(void *arg, const struct guest_identity *identity);
static void on_logon(void *arg, const char *user);
static void on_logoff(void *arg, const char *user);
static void on_lost(void *arg, const char *why, bool misbehaved);

static const struct guest_link_events events = {.up = on_up, .logon = on_logon, .logoff = on_logoff, .lost = on_lost};

/* ---- what the guest says */

/* A certificate once pinned is not replaced by the guest's word: whoever has taken over the guest would gain by it. */
static bool accept_cert(struct fleet_desktop *d, const char *sha256)
{
    const char *pinned = d->row.cert_sha256;

    if (d->row.state == DESKTOP_BOOTING && !d->row.ready_at)
        return true;
    if (!pinned[0] || !strcmp(pinned, sha256))
        return true;
    log_event(EV_GUEST_CERT_CHANGED, LOG_STR("desktop", d->row.name), LOG_STR("pinned", pinned),
              LOG_STR("shown", sha256));
    return false;
}

static void on_sessions(void *arg, int code, const struct guest_message *answer, const struct error *e)
{
    struct fleet_desktop *d = arg;

    (void)e;
    d->guest_listed = code == 0;
    if (!code && answer->has_sessions)
        sessions_listed(d->manager, d, answer);
}

static void on_up(void *arg, const struct guest_identity *identity)
{
    struct fleet_desktop *d = arg;
    bool was = d->guest_up;

    if (identity->rdp_cert_sha256[0] && identity->rdp_listening && accept_cert(d, identity->rdp_cert_sha256)) {
        d->guest_up = true;
        d->guest_failures = 0;
        d->probe_ms = 0;
        snprintf(d->cert_sha256, sizeof d->cert_sha256, "%s", identity->rdp_cert_sha256);
    }
    if (d->guest_up && !was)
        log_event(EV_GUEST_UP, LOG_STR("desktop", d->row.name), LOG_STR("hostname", identity->hostname),
                  LOG_STR("os", identity->os), LOG_STR("helper", identity->helper_version));
    if (d->row.state == DESKTOP_READY) {
        struct guest_request request = {.cmd = GUEST_CMD_SESSIONS};
        guest_link_ask(d->guest, &request, (uint32_t)d->manager->conf->guest_answer, on_sessions, d, NULL);
    }
    reconcile_desktop(d->manager, d);
}

static void on_logon(void *arg, const char *user)
{
    struct fleet_desktop *d = arg;

    sessions_logon(d->manager, d, user);
}

static void on_logoff(void *arg, const char *user)
{
    struct fleet_desktop *d = arg;

    sessions_logoff(d->manager, d, user);
}

static void rest_guest(struct fleet_desktop *d, bool misbehaved)
{
    uint32_t doublings = d->guest_failures < 5 ? d->guest_failures : 5;
    uint32_t wait = (uint32_t)GUEST_RETRY_MS << doublings;

    if (wait > GUEST_RETRY_MOST_MS)
        wait = GUEST_RETRY_MOST_MS;
    d->guest_failures++;
    d->guest_retry_ms = clock_mono_ms() + (misbehaved ? MISBEHAVED_MS : (int64_t)wait);
}

static void on_lost(void *arg, const char *why, bool misbehaved)
{
    struct fleet_desktop *d = arg;

    if (misbehaved) {
        d->manager->counters.guests_refused++;
        log_event(EV_GUEST_REFUSED, LOG_STR("desktop", d->row.name), LOG_STR("why", why));
    }
    rest_guest(d, misbehaved);
    /* Not closed here: the link itself is calling. */
    d->guest_lost = true;
}

/* ---- opening and closing the channel */

static void run_open(struct host_job *base)
{
    struct channel_job *job = CONTAINER_OF(base, struct channel_job, job);

    job->code = virt_channel_open(base->virt, job->domain, VIRT_CHANNEL_CARREL, &guest_link_channel_handlers, job->link,
                                  &job->channel, &job->error);
}

static void run_close(struct host_job *base)
{
    struct channel_job *job = CONTAINER_OF(base, struct channel_job, job);

    virt_channel_close(TAKE_PTR(job->channel));
}

static void finish_close(struct host_job *base, int status)
{
    struct channel_job *job = CONTAINER_OF(base, struct channel_job, job);

    (void)status;
    virt_channel_close(job->channel); /* NULL unless the job was cancelled */
    guest_link_free(job->link);
    free(job);
}

/* Close on a worker thread of the host; here, when it takes no jobs any more. */
static void close_link(struct fleet_host *host, struct guest_link *link, struct virt_channel *channel)
{
    struct channel_job *job = channel && host ? MEM_NEW(struct channel_job) : NULL;

    if (job) {
        job->job.run = run_close;
        job->job.finish = finish_close;
        job->link = link;
        job->channel = channel;
        if (!host_link_submit(host->link, &job->job))
            return;
        free(job);
    }
    virt_channel_close(channel);
    guest_link_free(link);
}

static void finish_open(struct host_job *base, int status)
{
    struct channel_job *job = CONTAINER_OF(base, struct channel_job, job);
    struct manager *m = job->manager;
    struct fleet_desktop *d = fleet_find_desktop(&m->fleet, job->id);
    struct fleet_host *host = NULL;

    /* A busy desktop is not dropped, so it is there. */
    d->busy = false;
    host = fleet_find_host(&m->fleet, d->row.host);
    if (!status && !job->code && host && host_link_is_up(host->link) && !d->dropped) {
        d->guest = job->link;
        guest_link_opened(job->link, job->channel);
    } else {
        rest_guest(d, false);
        guest_link_detach(job->link);
        close_link(host, job->link, job->channel);
    }
    free(job);
    reconcile_desktop(m, d);
}

static void begin_open(struct manager *m, struct fleet_desktop *d, struct fleet_host *host)
{
    struct channel_job *job = MEM_NEW(struct channel_job);
    struct guest_link *link = job ? guest_link_new(m->loop, &events, d) : NULL;

    if (!link || desktop_work_domain(&m->env, d->row.name, job->domain, NULL)) {
        guest_link_free(link);
        free(job);
        return;
    }
    job->job.run = run_open;
    job->job.finish = finish_open;
    job->manager = m;
    job->link = link;
    snprintf(job->id, sizeof job->id, "%s", d->row.id);
    if (host_link_submit(host->link, &job->job)) {
        guest_link_free(link);
        free(job);
        return;
    }
    d->busy = true;
}

struct guest_link *watch_detach(struct fleet_desktop *d, struct virt_channel **ret_channel)
{
    struct guest_link *link = TAKE_PTR(d->guest);

    *ret_channel = link ? guest_link_detach(link) : NULL;
    d->guest_listed = d->guest_lost = false;
    return link;
}

void watch_stop(struct manager *m, struct fleet_desktop *d)
{
    struct virt_channel *channel;
    struct guest_link *link = watch_detach(d, &channel);

    if (link)
        close_link(fleet_find_host(&m->fleet, d->row.host), link, channel);
}

void watch_reset(struct fleet_desktop *d)
{
    d->guest_up = d->rdp_answers = false;
    d->guest_failures = 0;
    d->guest_retry_ms = d->probe_ms = 0;
    if (d->probe)
        rdp_probe_cancel(TAKE_PTR(d->probe));
}

/* ---- the probe */

static void on_probed(int code, enum rdp_probe_security security, void *arg)
{
    struct fleet_desktop *d = arg;

    (void)security;
    d->probe = NULL;
    d->rdp_answers = code == 0;
    d->probe_ms = clock_mono_ms() + d->manager->conf->probe;
    reconcile_desktop(d->manager, d);
}

static void probe(struct manager *m, struct fleet_desktop *d)
{
    if (d->probe || d->rdp_answers || !d->row.address[0] || clock_mono_ms() < d->probe_ms)
        return;
    if (rdp_probe_start(loop_uv(m->loop), d->row.address, (uint16_t)d->row.rdp_port, (uint32_t)m->conf->probe_answer,
                        on_probed, d, &d->probe, NULL))
        d->probe_ms = clock_mono_ms() + m->conf->probe;
}

void watch_desktop(struct manager *m, struct fleet_desktop *d)
{
    struct fleet_host *host = fleet_find_host(&m->fleet, d->row.host);

    if (d->guest_lost)
        watch_stop(m, d);
    if (!host || !host_link_is_up(host->link) || d->domain != LIFECYCLE_DOMAIN_RUNNING)
        return;
    if (!d->guest && !d->busy && clock_mono_ms() >= d->guest_retry_ms)
        begin_open(m, d, host);
    /* The helper says when the port listens: before that, a probe would only be refused. */
    if (d->row.state == DESKTOP_BOOTING && d->guest_up)
        probe(m, d);
}
