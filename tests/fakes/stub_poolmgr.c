/* A pool manager without machines, for tests of the broker: desktops become ready at once, images are sealed at once,
 * what was asked for is done at once. It answers wake and prepare as lib/proto/pm.h says. Usage: stub_poolmgr STORE-URI
 * SOCKET [refuse-prepare N] */
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/model/pool.h"
#include "lib/net/httpd.h"
#include "lib/proto/pm.h"
#include "lib/store/store_assignment.h"
#include "lib/store/store_desktop.h"
#include "lib/store/store_image.h"
#include "lib/store/store_pool.h"
#include "lib/store/store_session.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define TICK_MS 100

static struct store *store;
static long refusals; /* prepare calls that still have to fail */

static void seal_images(void)
{
    struct store_image *rows CLEANUP_FREE = NULL;
    size_t count = 0;
    struct store_image_patch patch = STORE_IMAGE_KEEP;
    patch.progress = 100;
    patch.virtual_size = 1 << 30;
    if (store_image_list(store, IMAGE_STATE_IMPORTING, &rows, &count, NULL) != 0)
        return;
    for (size_t i = 0; i < count; i++)
        store_image_move(store, 0, rows[i].name, rows[i].version, IMAGE_STATE_IMPORTING, IMAGE_STATE_SEALED, &patch,
                         clock_wall_ms(), NULL);
}

static void move(const char *id, enum desktop_state from, enum desktop_state to,
                 const struct store_desktop_patch *patch)
{
    struct error why = {0};
    if (store_desktop_move(store, 0, id, from, to, NULL, -1, patch, clock_wall_ms(), &why) != 0)
        fprintf(stderr, "stub_poolmgr: %s: %s\n", id, err_message(&why));
}

static void make_desktop(const struct store_pool *pool)
{
    static const enum desktop_state steps[] = {DESKTOP_REQUESTED, DESKTOP_CLONING, DESKTOP_DEFINED,
                                               DESKTOP_STARTING,  DESKTOP_BOOTING, DESKTOP_READY};
    struct store_desktop desktop;
    struct store_desktop_patch patch = STORE_DESKTOP_KEEP;
    if (store_desktop_add(store, 0, pool->name, "stub", clock_wall_ms(), &desktop, NULL) != 0)
        return;
    patch.address = "127.0.0.1";
    patch.rdp_port = 3390;
    patch.cert_sha256 = "00000000000000000000000000000000000000000000000000000000000000aa";
    for (size_t i = 1; i < ARRAY_LEN(steps); i++)
        move(desktop.id, steps[i - 1], steps[i], steps[i] == DESKTOP_READY ? &patch : NULL);
    store_pool_booted(store, 0, pool->name, 20000, NULL);
}

static void clear_desktops(const struct store_pool *pool)
{
    struct store_desktop *rows CLEANUP_FREE = NULL;
    struct store_desktop_filter filter = {.pool = pool->name, .states = SM_TO(DESKTOP_DELETING)};
    size_t count = 0;
    if (store_desktop_list(store, &filter, NULL, &rows, &count, NULL) != 0)
        return;
    for (size_t i = 0; i < count; i++) {
        move(rows[i].id, DESKTOP_DELETING, DESKTOP_GONE, NULL);
        store_desktop_remove(store, 0, rows[i].id, NULL);
    }
}

static void serve_pool(const struct store_pool *pool)
{
    struct store_pool_counts counts;
    clear_desktops(pool);
    if (store_pool_counts(store, pool->name, &counts, NULL) != 0)
        return;
    int64_t there = counts.taken + counts.ready_free;
    for (; there < pool->size_min; there++)
        make_desktop(pool);
    store_assignment_fill(store, pool->name, clock_wall_ms(), NULL, NULL, NULL);
}

static void end_sessions(const struct store_session_filter *filter, const char *reason)
{
    struct store_session *rows CLEANUP_FREE = NULL;
    struct store_session_end end;
    size_t count = 0;
    if (store_session_list(store, filter, NULL, &rows, &count, NULL) != 0)
        return;
    for (size_t i = 0; i < count; i++)
        store_session_end(store, 0, rows[i].id, reason, filter->deadline_before != 0 ? rows[i].deadline : 0,
                          clock_wall_ms(), &end, NULL);
}

static void tick(void *arg)
{
    (void)arg;
    struct store_pool *pools CLEANUP_FREE = NULL;
    size_t count = 0;
    struct store_session_filter asked = {.open_only = true, .intent_only = true};
    struct store_session_filter late = {.open_only = true, .deadline_before = clock_wall_ms()};
    seal_images();
    end_sessions(&asked, SESSION_END_LOGOFF);
    end_sessions(&late, SESSION_END_GRACE);
    if (store_pool_list(store, &pools, &count, NULL) != 0)
        return;
    for (size_t i = 0; i < count; i++)
        serve_pool(&pools[i]);
}

static void on_wake(struct httpd_request *req, void *arg)
{
    (void)arg;
    tick(NULL);
    httpd_respond(req, 204, NULL, NULL, 0);
}

static void on_prepare(struct httpd_request *req, void *arg)
{
    (void)arg;
    char id[ID_SIZE];
    struct store_session session;
    struct pm_prepare prepare;
    size_t len = 0;
    const char *body = httpd_body(req, &len);
    if (!pm_prepare_path_match(httpd_path(req), id) || pm_prepare_read(body, len, &prepare, NULL) != 0 ||
        store_session_get(store, id, &session, NULL) != 0 || session.desktop[0] == '\0') {
        httpd_problem(req, 404, PM_NO_SESSION, NULL, "No such session.");
        return;
    }
    if (refusals > 0) {
        refusals--;
        httpd_problem(req, 502, PM_GUEST_FAILED, NULL, "The guest helper is silent.");
        return;
    }
    struct pm_credentials credentials = {.password = secret_random_text(10)};
    text_copy(credentials.username, sizeof(credentials.username), session.person);
    char *text CLEANUP_FREE = pm_credentials_write(&credentials);
    httpd_respond(req, 200, "application/json", text, strlen(text));
    pm_credentials_done(&credentials);
}

static const struct httpd_route routes[] = {
    {"POST", PM_WAKE_PATH, on_wake, PM_BODY_MAX},
    {"POST", "/internal/v1/sessions/{id}/prepare", on_prepare, PM_BODY_MAX},
};

static void on_signal(int signum, void *arg)
{
    (void)signum;
    loop_stop(arg);
}

int main(int argc, char **argv)
{
    struct store_options options = {.uri = argc > 2 ? argv[1] : "", .migrate = true};
    struct httpd_options served = {.routes = routes, .route_count = ARRAY_LEN(routes)};
    struct loop *loop = NULL;
    struct httpd *httpd = NULL;
    struct error why = {0};
    log_init("stub_poolmgr", STDERR_FILENO, LOG_LEVEL_INFO);
    if (argc == 5 && strcmp(argv[3], "refuse-prepare") == 0)
        refusals = atol(argv[4]);
    if (store_open(&options, &store, &why) != 0 || loop_new(&loop, &why) != 0 ||
        httpd_new(loop, &served, &httpd, &why) != 0 ||
        httpd_listen_unix(httpd, argv[2], 0600, (uid_t)-1, (gid_t)-1, NULL, &why) != 0 ||
        loop_on_signal(loop, SIGTERM, on_signal, loop, &why) != 0) {
        fprintf(stderr, "stub_poolmgr: %s\n", err_message(&why));
        return 1;
    }
    struct loop_timer *timer = loop_timer_new(loop, tick, NULL);
    loop_timer_start(timer, 0, TICK_MS);
    loop_run(loop);
    loop_timer_free(timer);
    httpd_free(httpd);
    loop_free(loop);
    store_close(store);
    return 0;
}
