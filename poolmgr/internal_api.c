#include "poolmgr/internal_api.h"

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/proto/pm.h"
#include "poolmgr/prepare.h"
#include "poolmgr/reconcile.h"
#include "poolmgr/status.h"

#include <string.h>
#include <unistd.h>

#define METRICS_MAX (1 << 20)
#define SOCKET_MODE 0660
#define STALE_PART  4 /* passes that may be missed before /readyz says no */

/* Whether the caller may speak; answers when not. */
static bool admit(struct httpd_request *req)
{
    const struct httpd_peer *peer = httpd_peer(req);

    if (peer->is_unix && (peer->uid == 0 || peer->uid == geteuid()))
        return true;
    log_event(EV_INTERNAL_REFUSED, LOG_INT("uid", peer->uid), LOG_INT("pid", peer->pid),
              LOG_STR("path", httpd_path(req)));
    httpd_problem(req, 403, "denied", NULL, "Only root and the pool manager's own user may call this.");
    return false;
}

static void on_wake(struct httpd_request *req, void *arg)
{
    if (!admit(req))
        return;
    reconcile_soon(arg);
    httpd_respond(req, 204, NULL, NULL, 0);
}

static void on_prepare(struct httpd_request *req, void *arg)
{
    if (admit(req))
        prepare_handle(req, arg);
}

static void on_status(struct httpd_request *req, void *arg)
{
    if (admit(req))
        httpd_json(req, 200, status_json(arg));
}

static void on_healthz(struct httpd_request *req, void *arg)
{
    (void)arg;
    httpd_respond(req, 200, "text/plain", "ok\n", 3);
}

static void on_readyz(struct httpd_request *req, void *arg)
{
    const struct manager *m = arg;
    bool fresh = m->pass_ok_ms && clock_mono_ms() - m->pass_ok_ms < STALE_PART * m->conf->pass + 1000;

    if (m->pass_failing)
        httpd_problem(req, 503, "store_down", NULL, "The store cannot be read.");
    else if (leader_gen(m->leader) && !fresh)
        httpd_problem(req, 503, "not_ready", NULL, "The first pass has not ended yet.");
    else
        httpd_respond(req, 200, "text/plain", leader_gen(m->leader) ? "leads\n" : "standby\n",
                      leader_gen(m->leader) ? 6 : 8);
}

static void on_metrics(struct httpd_request *req, void *arg)
{
    struct buf out;

    buf_init(&out, METRICS_MAX);
    int r = status_metrics(arg, &out);
    if (r)
        httpd_problem_err(req, r, NULL);
    else
        httpd_respond(req, 200, "text/plain; version=0.0.4", out.data, out.len);
    buf_done(&out);
}

static const struct httpd_route routes[] = {
    {"POST", PM_WAKE_PATH, on_wake, PM_BODY_MAX},
    {"POST", "/internal/v1/sessions/{id}/prepare", on_prepare, PM_BODY_MAX},
    {"GET", "/internal/v1/status", on_status, 0},
    {"GET", "/status", on_status, 0},
    {"GET", "/healthz", on_healthz, 0},
    {"GET", "/readyz", on_readyz, 0},
    {"GET", "/metrics", on_metrics, 0},
};

int internal_api_start(struct manager *m, struct httpd **ret_httpd, struct error *reterr)
{
    struct httpd *httpd = NULL;
    const struct httpd_options options = {.routes = routes, .route_count = ARRAY_LEN(routes), .arg = m};

    int r = httpd_new(m->loop, &options, &httpd, reterr);
    if (!r)
        r = httpd_listen_unix(httpd, m->conf->internal_socket, SOCKET_MODE, (uid_t)-1, (gid_t)-1, NULL, reterr);
    if (r)
        httpd_free(httpd);
    else
        *ret_httpd = httpd;
    return r;
}
