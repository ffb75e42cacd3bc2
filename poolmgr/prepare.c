#include "poolmgr/prepare.h"

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/text.h"
#include "lib/proto/pm.h"
#include "lib/store/store_session.h"
#include "poolmgr/account_name.h"
#include "poolmgr/manager.h"

#include <stdio.h>
#include <string.h>

#define PASSWORD_BYTES 17 /* 136 bits, 28 characters that every keyboard has */

/* One call, from the request to its answer. */
struct prepare {
    struct workpool_job job;
    struct manager *manager;
    struct httpd_request *req;
    struct pm_prepare body;
    char session[ID_SIZE];
    struct store_session row;
    char user[ACCOUNT_NAME_SIZE];
    struct secret *password;
    int64_t began_ns;
    int code;
    struct error error;
};

static void prepare_free(struct prepare *p)
{
    secret_free(p->password);
    free(p);
}

static void refuse(struct prepare *p, int status, const char *code, const char *detail)
{
    p->manager->counters.prepare_failures++;
    log_event(EV_SESSION_PREPARE_FAILED, LOG_STR("session", p->session), LOG_STR("desktop", p->row.desktop_name),
              LOG_STR("code", code), LOG_STR("error", detail));
    httpd_problem(p->req, status, code, NULL, detail);
    prepare_free(p);
}

/* What a failed store call means for the caller. */
static void refuse_store(struct prepare *p)
{
    if (p->code == ERR_NOT_FOUND || p->code == ERR_CONFLICT)
        refuse(p, 404, PM_NO_SESSION, err_message(&p->error));
    else
        refuse(p, 503, PM_NOT_LEADER, err_message(&p->error));
}

static int submit(struct prepare *p, void (*work)(struct workpool_job *, void *),
                  void (*done)(struct workpool_job *, int))
{
    p->job = (struct workpool_job){.work = work, .done = done};
    return workpool_submit(p->manager->store_pool, &p->job);
}

/* ---- third: the account is there */

static void work_note(struct workpool_job *base, void *thread_data)
{
    struct prepare *p = CONTAINER_OF(base, struct prepare, job);

    (void)thread_data;
    p->code =
        store_session_prepared(p->manager->env.store, p->session, p->row.desktop, p->user, clock_wall_ms(), &p->error);
}

static void answer(struct prepare *p)
{
    struct pm_credentials credentials = {.password = p->password};

    snprintf(credentials.username, sizeof credentials.username, "%s", p->user);
    char *text = pm_credentials_write(&credentials);
    if (!text) {
        refuse(p, 502, PM_GUEST_FAILED, "out of memory");
        return;
    }
    p->manager->counters.prepared++;
    p->manager->counters.prepare_ns += (uint64_t)(clock_mono_ns() - p->began_ns);
    log_event(EV_SESSION_PREPARED, LOG_STR("session", p->session), LOG_STR("desktop", p->row.desktop_name),
              LOG_STR("account", p->user), LOG_INT("ms", (clock_mono_ns() - p->began_ns) / 1000000));
    httpd_respond(p->req, 200, "application/json", text, strlen(text));
    secret_wipe(text, strlen(text));
    free(text);
    prepare_free(p);
}

static void done_note(struct workpool_job *base, int status)
{
    struct prepare *p = CONTAINER_OF(base, struct prepare, job);

    if (status)
        refuse(p, 503, PM_NOT_LEADER, err_text(status));
    else if (p->code)
        refuse_store(p);
    else
        answer(p);
}

/* ---- second: the guest makes it */

static void on_account(void *arg, int code, const struct guest_message *message, const struct error *e)
{
    struct prepare *p = arg;

    (void)message;
    if (code)
        refuse(p, 502, PM_GUEST_FAILED, err_message(e));
    else if (submit(p, work_note, done_note))
        refuse(p, 503, PM_NOT_LEADER, "too much is waiting for the store already");
}

static int ask_guest(struct prepare *p, struct fleet_desktop *d)
{
    struct guest_request request = {.cmd = GUEST_CMD_ACCOUNT};

    snprintf(request.user, sizeof request.user, "%s", p->user);
    snprintf(request.password, sizeof request.password, "%s", secret_bytes(p->password));
    snprintf(request.fullname, sizeof request.fullname, "%.128s", p->body.fullname);
    int r = guest_link_ask(d->guest, &request, (uint32_t)p->manager->conf->guest_answer, on_account, p, &p->error);
    guest_request_wipe(&request);
    return r;
}

static void go_on(struct prepare *p)
{
    struct fleet_desktop *d = fleet_find_desktop(&p->manager->fleet, p->row.desktop);

    if (!d || d->row.state != DESKTOP_READY || !d->guest || !guest_link_is_open(d->guest)) {
        refuse(p, 409, PM_DESKTOP_NOT_READY, "The session's desktop is not reachable yet; ask again.");
        return;
    }
    p->password = secret_random_text(PASSWORD_BYTES);
    if (!p->password || account_name(p->row.person, p->user, &p->error) || ask_guest(p, d))
        refuse(p, 502, PM_GUEST_FAILED, err_message(&p->error));
}

/* ---- first: which desktop? */

static void work_read(struct workpool_job *base, void *thread_data)
{
    struct prepare *p = CONTAINER_OF(base, struct prepare, job);

    (void)thread_data;
    p->code = store_session_get(p->manager->env.store, p->session, &p->row, &p->error);
}

static void done_read(struct workpool_job *base, int status)
{
    struct prepare *p = CONTAINER_OF(base, struct prepare, job);

    if (status)
        refuse(p, 503, PM_NOT_LEADER, err_text(status));
    else if (p->code)
        refuse_store(p);
    else if (p->row.state == SESSION_ENDED || !p->row.desktop[0])
        refuse(p, 404, PM_NO_SESSION, "The session has ended or has no desktop yet.");
    else
        go_on(p);
}

void prepare_handle(struct httpd_request *req, void *arg)
{
    struct manager *m = arg;
    struct prepare *p = MEM_NEW(struct prepare);
    const char *id = httpd_param(req, "id");
    size_t len;
    const char *body = httpd_body(req, &len);

    if (!p) {
        httpd_problem_err(req, ERR_NOMEM, NULL);
        return;
    }
    p->manager = m;
    p->req = req;
    p->began_ns = clock_mono_ns();
    if (!id || text_copy(p->session, sizeof p->session, id))
        refuse(p, 404, PM_NO_SESSION, "There is no such session.");
    else if (pm_prepare_read(body, len, &p->body, &p->error))
        refuse(p, 400, "bad_request", err_message(&p->error));
    else if (!leader_gen(m->leader))
        refuse(p, 503, PM_NOT_LEADER, "Another pool manager leads.");
    else if (submit(p, work_read, done_read))
        refuse(p, 503, PM_NOT_LEADER, "too much is waiting for the store already");
}
