#include "broker/call.h"

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/text.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    bool in_path;
} param_names[CALL_PARAM_COUNT] = {
    [CALL_NAME] = {"name", true},          [CALL_ID] = {"id", true},
    [CALL_IMAGE] = {"image", true},        [CALL_WORKER] = {"worker", true},
    [CALL_POOL] = {"pool", false},         [CALL_GROUP] = {"group", false},
    [CALL_USER] = {"user", false},         [CALL_AFTER] = {"after", false},
    [CALL_LIMIT] = {"limit", false},       [CALL_OPEN] = {"open", false},
    [CALL_INSTANCE] = {"instance", false},
};

void call_free(struct call *call)
{
    if (call == NULL)
        return;
    for (size_t i = 0; i < CALL_PARAM_COUNT; i++)
        free(call->params[i]);
    if (call->state != NULL && call->state_free != NULL)
        call->state_free(call->state);
    json_decref(call->doc);
    json_decref(call->answer);
    store_login_done(&call->login);
    free(call);
}

const char *call_param(const struct call *call, enum call_param param)
{
    return call->params[param] != NULL ? call->params[param] : "";
}

int call_number(const struct call *call, enum call_param param, int64_t min, int64_t max, int64_t fallback,
                int64_t *ret, struct error *reterr)
{
    *ret = fallback;
    if (call->params[param] == NULL)
        return 0;
    if (text_to_int(call->params[param], min, max, ret) == 0)
        return 0;
    return err_set(reterr, ERR_INVALID, "\"%s\" must be a whole number between %lld and %lld", param_names[param].name,
                   (long long)min, (long long)max);
}

const json_t *call_doc(struct call *call)
{
    if (call->doc == NULL)
        call->doc = json_object();
    return call->doc;
}

const char *call_who(const struct call *call)
{
    return call->caller.logged_in ? call->login.username : call->caller.is_root ? "root" : "";
}

int call_refuse(struct call *call, int status, const char *code, const char *fmt, ...)
{
    char detail[sizeof(call->problem.detail)];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(detail, sizeof(detail), fmt, ap);
    va_end(ap);
    problem_set(&call->problem, status, code, "%s", detail);
    return ERR_DENIED;
}

/* A sentence that an error carries: upper-case first letter and a full stop. */
static void sentence_of(const struct error *why, char *ret, size_t size)
{
    snprintf(ret, size - 1, "%s", err_message(why));
    size_t len = strlen(ret);
    if (ret[0] >= 'a' && ret[0] <= 'z')
        ret[0] = (char)(ret[0] - 'a' + 'A');
    if (len > 0 && ret[len - 1] != '.')
        memcpy(ret + len, ".", 2);
}

void call_problem_of(int rc, const struct error *why, struct problem *ret)
{
    static const struct {
        int err, status;
        const char *code, *detail; /* NULL = the error's own sentence */
    } table[] = {
        {ERR_INVALID, 400, "invalid", NULL},
        {ERR_TOO_BIG, 400, "too_big", NULL},
        {ERR_NOT_FOUND, 404, "not_found", "There is nothing of that name."},
        {ERR_EXISTS, 409, "exists", "There is one of that name already."},
        {ERR_CONFLICT, 409, "conflict", NULL},
        {ERR_ILLEGAL_MOVE, 409, "conflict", NULL},
        {ERR_BUSY, 503, "busy", "Too many people are asking at once. Try again in a moment."},
        {ERR_TIMEOUT, 503, "busy", "This took too long. Try again in a moment."},
        {ERR_CANCELLED, 503, "stopping", "The broker stops. Try again in a moment."},
        {ERR_STORE_DOWN, 503, "store_down", "The site's database does not answer. Try again in a moment."},
        {ERR_STORE, 503, "store_down", "The site's database failed. Try again in a moment."},
        {ERR_NO_SPACE, 503, "no_space", "The site's database has no space left."},
        {ERR_NOMEM, 503, "no_memory", "The broker has no memory for this. Try again in a moment."},
    };
    char detail[sizeof(ret->detail)];
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        if (table[i].err != rc)
            continue;
        sentence_of(why, detail, sizeof(detail));
        problem_set(ret, table[i].status, table[i].code, "%s", table[i].detail != NULL ? table[i].detail : detail);
        return;
    }
    problem_set(ret, 500, "internal", "The broker failed at this. The operator finds the reason in its log.");
}

static void log_problem(const struct call *call, int rc)
{
    const struct problem *p = &call->problem;
    const struct log_field fields[] = {
        LOG_STR("call", call->endpoint->name),
        LOG_INT("status", p->status),
        LOG_STR("code", p->code),
        LOG_STR("user", call_who(call)),
        LOG_STR("address", call->address),
        LOG_STR("id", call_param(call, CALL_ID)),
        LOG_STR("name", call_param(call, CALL_NAME)),
        LOG_STR("why", rc == ERR_DENIED || call->error.text[0] == '\0' ? p->detail : err_message(&call->error))};
    log_fields(p->status >= 500 ? EV_CALL_FAILED : EV_CALL_REFUSED, fields, ARRAY_LEN(fields));
}

static void answer_problem(struct call *call, int rc)
{
    if (call->problem.status == 0)
        call_problem_of(rc, &call->error, &call->problem);
    log_problem(call, rc);
    struct httpd_request *req = TAKE_PTR(call->req);
    if (call->problem.status == 401)
        httpd_set_header(req, "WWW-Authenticate", "Bearer realm=\"carrel\"");
    if (call->problem.status == 503)
        httpd_set_header(req, "Retry-After", "2");
    httpd_problem(req, call->problem.status, call->problem.code, call->problem.title, call->problem.detail);
}

void call_finish(struct call *call, int rc)
{
    if (call->req != NULL && (rc != 0 || call->problem.status != 0))
        answer_problem(call, rc);
    else if (call->req != NULL && call->answer == NULL)
        httpd_respond(TAKE_PTR(call->req), call->status != 0 ? call->status : 204, NULL, NULL, 0);
    else if (call->req != NULL)
        httpd_json(TAKE_PTR(call->req), call->status != 0 ? call->status : 200, TAKE_PTR(call->answer));
    call_free(call);
}

/* Whether the caller may; refuses in words. */
static int check_need(struct call *call)
{
    switch (role_may(call->endpoint->need, &call->caller)) {
    case VERDICT_YES:
        return 0;
    case VERDICT_LOG_IN:
        return call_refuse(call, 401, "login_required", "%s",
                           call->token_hash[0] != '\0' ? "This login has ended. Log in again." : "Log in first.");
    case VERDICT_NO_PERSON:
        return call_refuse(call, 403, "not_a_person",
                           "Root on this machine administrates, but has no desktops. Log in.");
    case VERDICT_FORBIDDEN:
    default:
        return call_refuse(call, 403, "forbidden", "Your role does not permit this.");
    }
}

static int identify(struct call *call)
{
    if (call->token_hash[0] == '\0')
        return 0;
    int rc = store_login_get(call->broker->store, call->token_hash, clock_wall_ms(), &call->login, &call->error);
    if (rc == ERR_NOT_FOUND)
        return 0;
    if (rc != 0)
        return rc;
    call->caller.logged_in = true;
    call->caller.is_root = false;
    call->caller.roles = role_read(call->login.roles);
    return 0;
}

static void work(struct workpool_job *job, void *thread_data)
{
    (void)thread_data;
    struct call *call = CONTAINER_OF(job, struct call, job);
    call->rc = identify(call);
    if (call->rc == 0)
        call->rc = check_need(call);
    if (call->rc == 0 && call->endpoint->work != NULL)
        call->rc = call->endpoint->work(call, &call->error);
}

static void conclude(struct call *call, int rc)
{
    if (rc == 0 && call->problem.status == 0 && call->endpoint->after != NULL && call->endpoint->after(call))
        return; /* it answers by itself, and frees the call */
    call_finish(call, rc);
}

static void done(struct workpool_job *job, int status)
{
    struct call *call = CONTAINER_OF(job, struct call, job);
    conclude(call, status != 0 ? status : call->rc);
}

static void copy_address(struct call *call, bool for_gateways)
{
    const struct httpd_peer *peer = httpd_peer(call->req);
    const char *forwarded = httpd_header(call->req, "X-Forwarded-For");
    struct in6_addr any;
    if (!for_gateways)
        forwarded = peer->address;
    if (forwarded != NULL && (inet_pton(AF_INET, forwarded, &any) == 1 || inet_pton(AF_INET6, forwarded, &any) == 1))
        text_copy(call->address, sizeof(call->address), forwarded);
}

static int copy_params(struct call *call)
{
    for (size_t i = 0; i < CALL_PARAM_COUNT; i++) {
        const char *value = param_names[i].in_path ? httpd_param(call->req, param_names[i].name)
                                                   : httpd_query_param(call->req, param_names[i].name);
        if (value == NULL)
            continue;
        if (!text_is_utf8(value, strlen(value)) || strlen(value) >= STORE_DN_SIZE)
            return err_set(&call->error, ERR_INVALID, "\"%s\" is too long or not UTF-8", param_names[i].name);
        call->params[i] = mem_strdup(value);
        if (call->params[i] == NULL)
            return err_set(&call->error, ERR_NOMEM, "out of memory");
    }
    return 0;
}

static int copy_body(struct call *call)
{
    call->body = httpd_body(call->req, &call->body_len);
    if (call->body_len == 0 || call->endpoint->need == NEED_GATEWAY)
        return 0; /* lib/proto/gw.h decodes theirs */
    return doc_parse(call->body, call->body_len, &call->doc, &call->error);
}

/* Root counts on the local socket only, and not for what somebody passes on: a gateway started by root must not lend
 * its rights. */
static void copy_caller(struct call *call, bool for_gateways)
{
    const char *token = httpd_bearer(call->req);
    call->caller.on_gateway_socket = for_gateways;
    call->caller.is_root = !for_gateways && token == NULL && httpd_from_local_root(call->req);
    if (token != NULL)
        id_hash(token, strlen(token), call->token_hash);
}

void call_start(struct broker_door *door, const struct endpoint *endpoint, struct httpd_request *req)
{
    struct call *call = MEM_NEW(struct call);
    if (call == NULL) {
        httpd_problem(req, 503, "no_memory", NULL, "The broker has no memory for this. Try again in a moment.");
        return;
    }
    call->broker = door->broker;
    call->endpoint = endpoint;
    call->req = req;
    copy_caller(call, door->for_gateways);
    copy_address(call, door->for_gateways);
    int rc = copy_params(call);
    if (rc == 0)
        rc = copy_body(call);
    /* Nothing to look up: no worker is asked, so that this is answered while the store is down. */
    if (rc != 0 || (endpoint->work == NULL && endpoint->need != NEED_PERSON && endpoint->need != NEED_ADMIN)) {
        rc = rc != 0 ? rc : check_need(call);
        conclude(call, rc);
        return;
    }
    call->job = (struct workpool_job){.work = work, .done = done, .deadline_ms = clock_mono_ms() + 10000};
    rc = workpool_submit(call->broker->store_work, &call->job);
    if (rc != 0)
        call_finish(call, rc);
}
