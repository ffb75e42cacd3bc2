/* POST /login: the directory's workers check the password, then a store worker writes the login. */
#include "broker/login_api.h"

#include "broker/login.h"
#include "broker/when.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"

#include <string.h>

#define USERNAME_MAX 4096 /* longer ones are not even looked at; the directory's rules are stricter */

struct attempt {
    struct workpool_job job;
    struct call *call;
    const char *username; /* borrowed from call->doc */
    struct secret *password;
    struct person *person;
    int64_t deadline_ms;
    int rc;
};

static void attempt_free(struct attempt *attempt)
{
    secret_free(attempt->password);
    person_free(attempt->person);
    free(attempt);
}

static void refuse(struct attempt *attempt, int rc)
{
    struct call *call = attempt->call;
    static const struct {
        int err, status;
        const char *code, *detail;
    } table[] = {
        {ERR_BAD_CREDENTIALS, 401, "bad_credentials", "The user name or the password is wrong."},
        {ERR_ACCOUNT_DISABLED, 403, "account_disabled", "This account is disabled."},
        {ERR_ACCOUNT_LOCKED, 403, "account_locked", "This account is locked after too many wrong passwords."},
        {ERR_ACCOUNT_EXPIRED, 403, "account_expired", "This account has expired."},
        {ERR_PASSWORD_EXPIRED, 403, "password_expired", "This password has expired. It has to be changed first."},
        {ERR_DIRECTORY_DOWN, 503, "directory_down", "The directory does not answer. Nobody can log in for the moment."},
        {ERR_BUSY, 503, "busy", "Too many people are logging in at once. Try again in a moment."},
        {ERR_TIMEOUT, 503, "busy", "Too many people are logging in at once. Try again in a moment."},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (table[i].err == rc)
            call_refuse(call, table[i].status, table[i].code, "%s", table[i].detail);
    char name[160] = "";
    snprintf(name, sizeof(name), "%.*s", 128, attempt->username);
    log_event(EV_LOGIN_REFUSED, LOG_STR("user", name), LOG_STR("address", call->address),
              LOG_STR("code", call->problem.status != 0 ? call->problem.code : err_name(rc)), LOG_ERR(&call->error));
    attempt_free(attempt);
    call_finish(call, rc);
}

/* A store worker. */
static void write_work(struct workpool_job *job, void *thread_data)
{
    (void)thread_data;
    struct attempt *attempt = CONTAINER_OF(job, struct attempt, job);
    struct call *call = attempt->call;
    const struct broker_conf *conf = &call->broker->conf;
    struct login_terms terms = {.admin_groups = conf->admin_groups,
                                .address = call->address,
                                .now_ms = clock_wall_ms(),
                                .idle_ms = conf->login_idle,
                                .lifetime_ms = conf->login_lifetime};
    char token[LOGIN_TOKEN_SIZE];
    bool cut = false;
    attempt->rc = login_make(attempt->person, &terms, &call->login, token, &cut, &call->error);
    if (attempt->rc == 0)
        attempt->rc = store_login_add(call->broker->store, &call->login, &call->error);
    if (attempt->rc != 0)
        return;
    if (cut)
        log_event(EV_LOGIN_GROUPS_CUT, LOG_STR("user", call->login.username),
                  LOG_INT("groups", attempt->person->n_groups));
    json_t *roles = json_array();
    if (strstr(call->login.roles, "user") != NULL)
        json_array_append_new(roles, json_string("user"));
    if (strstr(call->login.roles, "admin") != NULL)
        json_array_append_new(roles, json_string("admin"));
    call->answer = json_pack("{ss ss ss so so}", "token", token, "username", call->login.username, "display_name",
                             call->login.display, "roles", roles, "expires_at", when_json(call->login.expires_at));
    secret_wipe(token, sizeof(token));
}

static void written(struct workpool_job *job, int status)
{
    struct attempt *attempt = CONTAINER_OF(job, struct attempt, job);
    struct call *call = attempt->call;
    int rc = status != 0 ? status : attempt->rc;
    if (rc == 0 && call->answer == NULL)
        rc = ERR_NOMEM;
    if (rc == 0)
        log_event(EV_LOGIN, LOG_STR("user", call->login.username), LOG_STR("address", call->address),
                  LOG_STR("roles", call->login.roles), LOG_INT("groups", attempt->person->n_groups));
    attempt_free(attempt);
    call_finish(call, rc);
}

/* A worker of the directory. */
static void ask_work(struct workpool_job *job, void *thread_data)
{
    (void)thread_data;
    struct attempt *attempt = CONTAINER_OF(job, struct attempt, job);
    struct auth *auth = attempt->call->broker->auth;
    attempt->rc = auth->ops->authenticate(auth, attempt->username, strlen(attempt->username), attempt->password,
                                          attempt->deadline_ms, &attempt->person, &attempt->call->error);
}

static void asked(struct workpool_job *job, int status)
{
    struct attempt *attempt = CONTAINER_OF(job, struct attempt, job);
    int rc = status != 0 ? status : attempt->rc;
    if (rc == 0) {
        attempt->job = (struct workpool_job){.work = write_work, .done = written};
        rc = workpool_submit(attempt->call->broker->store_work, &attempt->job);
        if (rc == 0)
            return;
    }
    refuse(attempt, rc);
}

bool login_start(struct call *call)
{
    const char *username = NULL, *password = NULL;
    const json_t *doc = call_doc(call);
    int rc = doc_text(doc, "username", DOC_REQUIRED, 0, USERNAME_MAX, &username, &call->error);
    if (rc == 0)
        rc = doc_text(doc, "password", DOC_REQUIRED, 0, SECRET_MAX - 1, &password, &call->error);
    struct attempt *attempt = rc == 0 ? MEM_NEW(struct attempt) : NULL;
    if (attempt != NULL)
        attempt->password = secret_from_str(password);
    secret_wipe((void *)(uintptr_t)call->body, call->body_len);
    if (attempt == NULL || attempt->password == NULL) {
        free(attempt);
        call_finish(call, rc != 0 ? rc : ERR_NOMEM);
        return true;
    }
    attempt->call = call;
    attempt->username = username;
    attempt->deadline_ms = clock_mono_ms() + call->broker->conf.login_timeout;
    attempt->job = (struct workpool_job){.work = ask_work, .done = asked, .deadline_ms = attempt->deadline_ms};
    rc = workpool_submit(call->broker->directory_work, &attempt->job);
    if (rc != 0)
        refuse(attempt, rc);
    return true;
}

int login_end_work(struct call *call, struct error *reterr)
{
    int rc = store_login_end(call->broker->store, call->token_hash, reterr);
    if (rc == 0)
        log_event(EV_LOGOUT, LOG_STR("user", call->login.username));
    return rc;
}
