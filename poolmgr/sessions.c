#include "poolmgr/sessions.h"

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/model/pool.h"
#include "poolmgr/reconcile.h"

#include <stdio.h>
#include <string.h>

#define JOBS_MOST        256   /* under way at the same time; the next pass goes on */
#define LOGOFF_MS        5000  /* for the guest to end the person's programs in good order */
#define LISTED_SETTLE_MS 10000 /* who logged on so shortly ago may not be in the guest's list yet */

enum task {
    TASK_END,    /* `session` ends for `reason` */
    TASK_LOGON,  /* whoever has account `user` in `desktop` has logged on */
    TASK_LOGOFF, /* … has logged off: ends */
    TASK_LISTED  /* those of `desktop` who were logged on and are not in `present` have logged off */
};

struct session_job {
    struct workpool_job job;
    struct manager *manager;
    enum task task;
    char session[ID_SIZE];
    char desktop[ID_SIZE];
    char user[GUEST_USER_SIZE];
    const char *reason;
    int64_t if_deadline;
    int64_t gen;
    struct guest_message *present; /* TASK_LISTED; owned */
    unsigned ended;
    int code;
    struct error error;
};

/* ---- worker thread */

static int end_session(struct session_job *job, const char *id, const char *reason, int64_t if_deadline)
{
    struct store_session_end end;

    int r = store_session_end(job->manager->env.store, job->gen, id, reason, if_deadline, clock_wall_ms(), &end,
                              &job->error);
    if (r == ERR_CONFLICT || r == ERR_NOT_FOUND)
        return 0; /* ended by somebody else, or the person came back */
    if (r)
        return r;
    job->ended++;
    log_event(EV_SESSION_ENDED, LOG_STR("session", id), LOG_STR("reason", reason), LOG_STR("pool", end.pool),
              LOG_STR("desktop", end.desktop));
    return 0;
}

static bool is_present(const struct guest_message *present, const char *user)
{
    for (size_t i = 0; i < present->n_sessions; i++)
        if (!strcmp(present->sessions[i].user, user))
            return true;
    return false;
}

static int treat(struct session_job *job, const struct store_session *s)
{
    bool theirs = s->guest_user[0] && !strcmp(s->guest_user, job->user);

    switch (job->task) {
    case TASK_LOGON:
        return theirs ? store_session_logged_on(job->manager->env.store, s->id, clock_wall_ms(), &job->error) : 0;
    case TASK_LOGOFF:
        return theirs ? end_session(job, s->id, SESSION_END_LOGOFF, 0) : 0;
    case TASK_LISTED:
        if (s->logged_on_at && clock_wall_ms() - s->logged_on_at > LISTED_SETTLE_MS &&
            !is_present(job->present, s->guest_user))
            return end_session(job, s->id, SESSION_END_LOGOFF, 0);
        if (!s->logged_on_at && s->guest_user[0] && is_present(job->present, s->guest_user))
            return store_session_logged_on(job->manager->env.store, s->id, clock_wall_ms(), &job->error);
        return 0;
    case TASK_END:
        break;
    }
    return 0;
}

static void work(struct workpool_job *base, void *thread_data)
{
    struct session_job *job = CONTAINER_OF(base, struct session_job, job);
    struct store_session *sessions CLEANUP_FREE = NULL;
    const struct store_session_filter filter = {.desktop = job->desktop, .open_only = true};
    size_t count = 0;

    (void)thread_data;
    if (job->task == TASK_END) {
        job->code = end_session(job, job->session, job->reason, job->if_deadline);
        return;
    }
    job->code = store_session_list(job->manager->env.store, &filter, NULL, &sessions, &count, &job->error);
    for (size_t i = 0; i < count && !job->code; i++)
        job->code = treat(job, &sessions[i]);
}

/* ---- loop thread */

static void done(struct workpool_job *base, int status)
{
    struct session_job *job = CONTAINER_OF(base, struct session_job, job);
    struct manager *m = job->manager;

    m->session_jobs--;
    m->counters.sessions_ended += job->ended;
    if (!status && job->code == ERR_FENCED)
        leader_fenced(m->leader);
    if (!status && job->ended)
        reconcile_soon(m);
    free(job->present);
    free(job);
}

/* NULL: too many are under way, or memory is out; the level stays and the next pass comes back to it. */
static struct session_job *new_job(struct manager *m, enum task task)
{
    struct session_job *job = m->session_jobs < JOBS_MOST && leader_gen(m->leader) ? MEM_NEW(struct session_job) : NULL;

    if (!job)
        return NULL;
    job->manager = m;
    job->task = task;
    job->gen = leader_gen(m->leader);
    job->job.work = work;
    job->job.done = done;
    return job;
}

static void submit(struct manager *m, struct session_job *job)
{
    if (workpool_submit(m->store_pool, &job->job)) {
        free(job->present);
        free(job);
        return;
    }
    m->session_jobs++;
}

static void end_later(struct manager *m, const char *session, const char *reason, int64_t if_deadline)
{
    struct session_job *job = new_job(m, TASK_END);

    if (!job)
        return;
    snprintf(job->session, sizeof job->session, "%s", session);
    job->reason = reason;
    job->if_deadline = if_deadline;
    submit(m, job);
}

static void of_user(struct manager *m, struct fleet_desktop *d, const char *user, enum task task)
{
    struct session_job *job = new_job(m, task);

    if (!job)
        return;
    snprintf(job->desktop, sizeof job->desktop, "%s", d->row.id);
    snprintf(job->user, sizeof job->user, "%s", user);
    submit(m, job);
}

void sessions_logon(struct manager *m, struct fleet_desktop *d, const char *user)
{
    of_user(m, d, user, TASK_LOGON);
}

void sessions_logoff(struct manager *m, struct fleet_desktop *d, const char *user)
{
    of_user(m, d, user, TASK_LOGOFF);
}

void sessions_listed(struct manager *m, struct fleet_desktop *d, const struct guest_message *answer)
{
    struct session_job *job = new_job(m, TASK_LISTED);

    if (!job)
        return;
    job->present = MEM_NEW(struct guest_message);
    if (!job->present) {
        free(job);
        return;
    }
    *job->present = *answer;
    snprintf(job->desktop, sizeof job->desktop, "%s", d->row.id);
    submit(m, job);
}

/* ---- a logoff that somebody asked for */

struct logoff {
    struct manager *manager;
    char session[ID_SIZE];
};

static void on_logged_off(void *arg, int code, const struct guest_message *answer, const struct error *e)
{
    struct logoff *logoff = arg;

    /* Whatever the guest says: the session ends, and a floating desktop with it. */
    (void)code;
    (void)answer;
    (void)e;
    end_later(logoff->manager, logoff->session, SESSION_END_LOGOFF, 0);
    free(logoff);
}

static void log_off(struct manager *m, const struct store_session *s)
{
    struct fleet_desktop *d = s->desktop[0] ? fleet_find_desktop(&m->fleet, s->desktop) : NULL;
    struct guest_request request = {.cmd = GUEST_CMD_LOGOFF};
    struct logoff *logoff = d && d->guest && s->guest_user[0] ? MEM_NEW(struct logoff) : NULL;

    if (logoff) {
        if (!strcmp(d->logging_off, s->id)) { /* asked already in an earlier pass */
            free(logoff);
            return;
        }
        logoff->manager = m;
        snprintf(logoff->session, sizeof logoff->session, "%s", s->id);
        snprintf(request.user, sizeof request.user, "%.*s", GUEST_USER_SIZE - 1, s->guest_user);
        if (!guest_link_ask(d->guest, &request, LOGOFF_MS, on_logged_off, logoff, NULL)) {
            snprintf(d->logging_off, sizeof d->logging_off, "%s", s->id);
            return;
        }
        free(logoff);
    }
    end_later(m, s->id, SESSION_END_LOGOFF, 0);
}

static void sweep_one(struct manager *m, const struct store_session *s, int64_t now)
{
    const struct fleet_pool *pool = fleet_find_pool(&m->fleet, s->pool);

    if (!strcmp(s->intent, SESSION_INTENT_LOGOFF))
        log_off(m, s);
    else if (pool && !strcmp(pool->row.state, POOL_STATE_DELETING))
        end_later(m, s->id, SESSION_END_POOL_CLOSED, 0);
    else if (s->deadline && s->deadline <= now)
        end_later(m, s->id, s->state == SESSION_DISCONNECTED ? SESSION_END_GRACE : SESSION_END_NEVER_CAME, s->deadline);
}

void sessions_sweep(struct manager *m, const struct rows *rows)
{
    int64_t now = clock_wall_ms();

    for (size_t i = 0; i < rows->session_count; i++)
        sweep_one(m, &rows->sessions[i], now);
}
