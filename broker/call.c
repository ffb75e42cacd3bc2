#include "broker/call.h"

#include "lib/base/log.h"

#include <stdarg.h>
#include <string.h>

const char *call_param(const struct call *call, const char *name)
{
    for (size_t i = 0; i < call->param_count; i++)
        if (strcmp(call->params[i].name, name) == 0)
            return call->params[i].value;
    return NULL;
}

const char *call_query(const struct call *call, const char *name)
{
    return json_string_value(json_object_get(call->query, name));
}

void call_reply(struct call *call, int status, json_t *take_json)
{
    json_decref(call->json);
    call->json = take_json;
    call->status = take_json != NULL ? status : 500;
}

void call_reply_empty(struct call *call, int status)
{
    call->status = status;
}

void call_reply_file(struct call *call, const char *content_type, const char *filename, char *take_text)
{
    if (take_text == NULL) {
        call_refuse_err(call, ERR_NOMEM, NULL);
        return;
    }
    free(call->text);
    call->text = take_text;
    call->status = 200;
    snprintf(call->content_type, sizeof(call->content_type), "%s", content_type);
    snprintf(call->filename, sizeof(call->filename), "%s", filename);
}

void call_refuse(struct call *call, int status, const char *code, const char *fmt, ...)
{
    char sentence[sizeof(call->problem.detail)];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(sentence, sizeof(sentence), fmt, ap);
    va_end(ap);
    problem_set(&call->problem, status, code, "%s", sentence);
    call->status = status;
}

/* What an error means to an API client. `own_words`: the sentence is about the request and may be told. */
static const struct {
    int err;
    int status;
    const char *code;
    bool own_words;
    const char *sentence;
} meanings[] = {
    {ERR_INVALID, 400, "invalid", true, "The request is not valid."},
    {ERR_TOO_BIG, 400, "too_big", true, "A value is too long."},
    {ERR_CONFIG, 400, "invalid", true, "The request is not valid."},
    {ERR_NOT_FOUND, 404, "not_found", true, "There is no such object."},
    {ERR_EXISTS, 409, "exists", true, "An object of that name exists already."},
    {ERR_CONFLICT, 409, "conflict", true, "It changed meanwhile. Look again and repeat."},
    {ERR_ILLEGAL_MOVE, 409, "conflict", true, "Its state does not allow that."},
    {ERR_DENIED, 403, "denied", true, "Not permitted."},
    {ERR_NOT_ENTITLED, 403, "not_entitled", true, "You are not entitled to this pool."},
    {ERR_POOL_CLOSED, 409, "pool_closed", true, "This pool is closed for new sessions."},
    {ERR_BUSY, 503, "busy", true, "Too many requests are waiting. Try again in a moment."},
    {ERR_TIMEOUT, 503, "timeout", false, "That took too long. Try again in a moment."},
    {ERR_STORE_DOWN, 503, "store_down", false, "The service cannot reach its database. Try again in a moment."},
    {ERR_NO_SPACE, 503, "no_space", false, "The service has no disk space left. Tell your administrator."},
};

void call_refuse_err(struct call *call, int code, const struct error *e)
{
    for (size_t i = 0; i < ARRAY_LEN(meanings); i++) {
        if (meanings[i].err != code)
            continue;
        const char *own = meanings[i].own_words && e != NULL && e->text[0] != '\0' ? e->text : NULL;
        if (!meanings[i].own_words)
            log_event(EV_API_FAILED, LOG_STR("user", call->username), LOG_STR("code", meanings[i].code),
                      LOG_STR("error", e != NULL ? err_message(e) : err_text(code)));
        if (own != NULL)
            call_refuse(call, meanings[i].status, meanings[i].code, "%c%s%s",
                        own[0] >= 'a' && own[0] <= 'z' ? own[0] - 'a' + 'A' : own[0], own + 1,
                        own[strlen(own) - 1] == '.' ? "" : ".");
        else
            call_refuse(call, meanings[i].status, meanings[i].code, "%s", meanings[i].sentence);
        return;
    }
    log_event(EV_API_FAILED, LOG_STR("user", call->username), LOG_STR("code", err_name(code)),
              LOG_STR("error", e != NULL ? err_message(e) : err_text(code)));
    call_refuse(call, 500, "internal", "Something went wrong here; the operator's log says what.");
}

bool call_body_only(struct call *call, const char *const *names)
{
    struct error e = {0};
    if (call->body == NULL) {
        call_refuse(call, 400, "invalid", "The request needs a JSON object.");
        return false;
    }
    int r = doc_only(call->body, names, &e);
    if (r < 0)
        call_refuse_err(call, r, &e);
    return r == 0;
}
