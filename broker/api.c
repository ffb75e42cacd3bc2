#include "broker/api.h"

#include "broker/admin.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/text.h"

#include <errno.h>
#include <grp.h>
#include <string.h>

struct api_side {
    struct broker *broker;
    bool local;
};

static struct api_side people_side, local_side;

struct job {
    struct workpool_job base;
    struct httpd_request *req;
    struct call call;
    enum role role; /* needed */
    bool root_here; /* asked by root over the local socket, without a token */
    call_fn *fn;
    void (*then)(struct httpd_request *req, struct call *call, void *arg);
    void *arg;
};

const struct api_endpoint api_endpoints[] = {
#define E(method, pattern, role, pool, max_body, fn) {#method, pattern, ROLE_##role, fn},
#include "broker/endpoints.def"
#undef E
};
const size_t api_endpoint_count = ARRAY_LEN(api_endpoints);

/* Query parameters that endpoints know; others are ignored. */
static const char *const query_names[] = {"pool", "open", "state", "after", "limit", "user", "group"};

static bool copy_params(struct call *call, const struct httpd_request *req, const char *pattern)
{
    for (const char *p = strchr(pattern, '{'); p != NULL; p = strchr(p + 1, '{')) {
        size_t len = strcspn(p + 1, "}");
        if (call->param_count == CALL_PARAMS_MAX || len >= sizeof(call->params[0].name))
            return false;
        char *name = call->params[call->param_count].name;
        memcpy(name, p + 1, len);
        name[len] = '\0';
        const char *value = httpd_param(req, name);
        if (value == NULL || strlen(value) >= sizeof(call->params[0].value))
            return false;
        strcpy(call->params[call->param_count++].value, value); // NOLINT: length checked in the line above
    }
    return true;
}

static int copy_query(struct call *call, struct httpd_request *req)
{
    call->query = json_object();
    for (size_t i = 0; i < ARRAY_LEN(query_names); i++) {
        const char *value = httpd_query_param(req, query_names[i]);
        if (value != NULL)
            json_object_set_new(call->query, query_names[i], json_string(value));
    }
    return call->query != NULL ? 0 : ERR_NOMEM;
}

/* The person's address: the gateway passes it on; on other sockets it is the peer's own. */
static void copy_address(struct call *call, const struct httpd_request *req, bool local)
{
    const char *passed = httpd_header(req, "x-forwarded-for");
    const struct httpd_peer *peer = httpd_peer(req);
    const char *address = !peer->is_unix ? peer->address : local || passed == NULL ? "local" : passed;
    snprintf(call->address, sizeof(call->address), "%s", address);
}

static int copy_request(struct job *job, struct httpd_request *req, bool local, const char *pattern,
                        struct error *reterr)
{
    struct call *call = &job->call;
    call->now_ms = clock_wall_ms();
    if (!copy_params(call, req, pattern))
        return err_set(reterr, ERR_NOT_FOUND, "there is nothing of that name");
    if (copy_query(call, req) < 0)
        return ERR_NOMEM;
    copy_address(call, req, local);
    const char *token = httpd_bearer(req);
    if (token != NULL && text_copy(call->token, sizeof(call->token), token) < 0)
        return err_set(reterr, ERR_INVALID, "that is not a login token");
    job->root_here = local && token == NULL && httpd_peer(req)->is_unix && httpd_peer(req)->uid == 0;
    size_t len = 0;
    const char *body = httpd_body(req, &len);
    return len > 0 ? doc_parse(body, len, &call->body, reterr) : 0;
}

static void job_free(struct job *job)
{
    store_login_done(&job->call.login);
    json_decref(job->call.body);
    json_decref(job->call.query);
    json_decref(job->call.json);
    if (job->call.text != NULL)
        secret_wipe(job->call.text, strlen(job->call.text));
    free(job->call.text);
    secret_wipe(job->call.token, sizeof(job->call.token));
    free(job);
}

static void log_in_caller(struct job *job)
{
    struct call *call = &job->call;
    if (job->root_here) {
        call->is_local_root = true;
        call->role = ROLE_ADMIN;
        snprintf(call->username, sizeof(call->username), "root");
        return;
    }
    if (call->token[0] == '\0')
        return;
    char hash[ID_HASH_SIZE];
    struct error e = {0};
    id_hash(call->token, strlen(call->token), hash);
    int r = store_login_get(call->broker->store, hash, call->now_ms, &call->login, &e);
    if (r == 0) {
        call->role = role_of_words(call->login.roles);
        snprintf(call->username, sizeof(call->username), "%s", call->login.username);
    } else if (r != ERR_NOT_FOUND) {
        call_refuse_err(call, r, &e);
    }
}

static void on_worker(struct workpool_job *base, void *thread_data)
{
    (void)thread_data;
    struct job *job = CONTAINER_OF(base, struct job, base);
    struct call *call = &job->call;
    log_in_caller(job);
    if (call->status != 0)
        return;
    if (job->role > ROLE_ANYONE && call->role == ROLE_ANYONE) {
        call_refuse(call, 401, "login_required", "Log in first: the login is missing, has ended or has expired.");
        return;
    }
    if (call->role < job->role) {
        log_event(EV_ROLE_REFUSED, LOG_STR("user", call->username), LOG_STR("needs", role_name(job->role)),
                  LOG_STR("address", call->address));
        call_refuse(call, 403, "role_needed", "That needs the role \"%s\".", role_name(job->role));
        return;
    }
    job->fn(call);
}

static void send_problem(struct httpd_request *req, const struct call *call)
{
    const struct problem *p = &call->problem;
    if (p->status == 401)
        httpd_set_header(req, "WWW-Authenticate", "Bearer");
    if (p->status == 503)
        httpd_set_header(req, "Retry-After", "2");
    httpd_problem(req, p->status, p->code, p->title, p->detail);
}

void api_finish(struct httpd_request *req, struct call *call)
{
    httpd_set_header(req, "Cache-Control", "no-store");
    if (call->problem.status != 0) {
        send_problem(req, call);
    } else if (call->text != NULL) {
        char disposition[160];
        snprintf(disposition, sizeof(disposition), "attachment; filename=\"%s\"", call->filename);
        httpd_set_header(req, "Content-Disposition", disposition);
        httpd_respond(req, call->status, call->content_type, call->text, strlen(call->text));
    } else if (call->json != NULL) {
        httpd_json(req, call->status, TAKE_PTR(call->json));
    } else if (call->status != 0 && call->status != 500) {
        httpd_respond(req, call->status, NULL, NULL, 0);
    } else {
        httpd_problem(req, 500, "internal", NULL, "Something went wrong here; the operator's log says what.");
    }
}

static void on_done(struct workpool_job *base, int status)
{
    struct job *job = CONTAINER_OF(base, struct job, base);
    if (status < 0 && job->call.status == 0)
        call_refuse_err(&job->call, ERR_TIMEOUT, NULL);
    if (job->then != NULL)
        job->then(job->req, &job->call, job->arg);
    else
        api_finish(job->req, &job->call);
    job_free(job);
}

static int submit(struct workpool *pool, struct job *take_job, struct httpd_request *req)
{
    take_job->base.work = on_worker;
    take_job->base.done = on_done;
    take_job->base.deadline_ms = clock_mono_ms() + 15000;
    int r = workpool_submit(pool, &take_job->base);
    if (r < 0) {
        httpd_set_header(req, "Retry-After", "2");
        httpd_problem(req, 503, "busy", NULL, "Too many requests are waiting. Try again in a moment.");
        job_free(take_job);
    }
    return r;
}

static struct job *job_new(struct httpd_request *req, struct broker *broker, bool local, const char *pattern)
{
    struct job *job = MEM_NEW(struct job);
    if (job == NULL) {
        httpd_problem_err(req, ERR_NOMEM, NULL);
        return NULL;
    }
    struct error e = {0};
    job->req = req;
    job->call.broker = broker;
    int r = copy_request(job, req, local, pattern, &e);
    if (r == 0)
        return job;
    httpd_problem_err(req, r, &e);
    job_free(job);
    return NULL;
}

static void dispatch(struct httpd_request *req, const struct api_side *side, const struct api_endpoint *endpoint,
                     struct workpool *pool)
{
    struct job *job = job_new(req, side->broker, side->local, endpoint->pattern);
    if (job == NULL)
        return;
    job->role = endpoint->role;
    job->fn = endpoint->fn;
    submit(pool, job, req);
}

int api_run(struct httpd_request *req, struct broker *broker, bool local, enum role role, const char *pattern,
            call_fn *fn, void (*then)(struct httpd_request *req, struct call *call, void *arg), void *arg)
{
    struct job *job = job_new(req, broker, local, pattern);
    if (job == NULL)
        return ERR_INVALID;
    job->role = role;
    job->fn = fn;
    job->then = then;
    job->arg = arg;
    return submit(broker->store_pool, job, req);
}

enum {
#define E(method, pattern, role, pool, max_body, fn) INDEX_##fn,
#include "broker/endpoints.def"
#undef E
};

#define E(method, pattern, role, pool, max_body, fn)                                                                   \
    static void handle_##fn(struct httpd_request *req, void *arg)                                                      \
    {                                                                                                                  \
        const struct api_side *side = arg;                                                                             \
        dispatch(req, side, &api_endpoints[INDEX_##fn], side->broker->pool##_pool);                                    \
    }
#include "broker/endpoints.def"
#undef E

static void handle_health(struct httpd_request *req, void *arg)
{
    (void)arg;
    httpd_respond(req, 200, "text/plain", "ok\n", 3);
}

static void check_ready(struct call *call)
{
    struct error e = {0};
    int r = store_ping(call->broker->store, &e);
    if (r == 0)
        r = call->broker->directory->ops->ready(call->broker->directory, &e);
    if (r < 0)
        call_refuse(call, 503, "not_ready", "%s.", err_message(&e));
    else
        call_reply(call, 200, json_pack("{s:b}", "ready", 1));
}

static void handle_ready(struct httpd_request *req, void *arg)
{
    const struct api_side *side = arg;
    api_run(req, side->broker, side->local, ROLE_ANYONE, "/readyz", check_ready, NULL, NULL);
}

static const struct httpd_route routes[] = {
#define E(method, pattern, role, pool, max_body, fn) {#method, pattern, handle_##fn, max_body},
#include "broker/endpoints.def"
#undef E
    {"GET", "/healthz", handle_health, 0},
    {"GET", "/readyz", handle_ready, 0},
};

static int listen_on(struct broker *broker, struct api_side *side, const char *path, struct httpd **ret,
                     struct error *reterr)
{
    const struct httpd_options options = {.routes = routes,
                                          .route_count = ARRAY_LEN(routes),
                                          .arg = side,
                                          .limits = {.max_connections = 8192, .idle_ms = 75000}};
    gid_t gid = (gid_t)-1;
    if (broker->conf.group[0] != '\0') {
        const struct group *group = getgrnam(broker->conf.group);
        if (group == NULL)
            return err_set(reterr, ERR_CONFIG, "there is no group \"%s\" on this machine", broker->conf.group);
        gid = group->gr_gid;
    }
    int r = httpd_new(broker->loop, &options, ret, reterr);
    if (r < 0)
        return r;
    return httpd_listen_unix(*ret, path, gid == (gid_t)-1 ? 0600 : 0660, (uid_t)-1, gid, NULL, reterr);
}

int api_start(struct broker *broker, struct error *reterr)
{
    people_side = (struct api_side){broker, false};
    local_side = (struct api_side){broker, true};
    int r = listen_on(broker, &people_side, broker->conf.api_socket, &broker->api, reterr);
    if (r < 0)
        return r;
    return listen_on(broker, &local_side, broker->conf.local_socket, &broker->local, reterr);
}
