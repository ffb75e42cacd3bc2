/* Desktops and sessions as an administrator or a helpdesk sees them. */
#include "broker/admin.h"
#include "broker/poolmgr_link.h"
#include "broker/when.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/model/desktop.h"
#include "lib/store/store_desktop.h"
#include "lib/store/store_session.h"

#include <string.h>

/* limit= and after= of the query. */
static int read_page(const struct call *call, struct store_page *page, struct error *e)
{
    int64_t limit = 0;
    const char *text = call_query(call, "limit");
    page->after = call_query(call, "after");
    if (text != NULL && text_to_int(text, 1, STORE_PAGE_MAX, &limit) < 0)
        return err_set(e, ERR_INVALID, "limit is a number from 1 to %d", STORE_PAGE_MAX);
    page->limit = (unsigned)limit;
    return 0;
}

/* The open session on a desktop; false when nobody has it. */
static bool session_on(struct call *call, const char *desktop, struct store_session *ret)
{
    const struct store_session_filter filter = {.desktop = desktop, .open_only = true};
    struct store_session *sessions CLEANUP_FREE = NULL;
    size_t count = 0;
    if (store_session_list(call->broker->store, &filter, NULL, &sessions, &count, NULL) < 0 || count == 0)
        return false;
    *ret = sessions[0];
    return true;
}

static json_t *desktop_json(struct call *call, const struct store_desktop *d)
{
    struct store_session session = {0};
    char image[STORE_NAME_SIZE + 24];
    bool taken = d->assignment[0] != '\0' && session_on(call, d->id, &session);
    snprintf(image, sizeof(image), "%s@%lld", d->image, (long long)d->image_version);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:I, s:s, s:s}", "id", d->id,
                     "name", d->name, "pool", d->pool, "state", sm_name(&desktop_sm, d->state), "username",
                     taken ? session.person : "", "session", taken ? session.id : "", "image", image, "host", d->host,
                     "address", d->address, "mac", d->mac, "state_since", when_json(d->state_at), "created_at",
                     when_json(d->created_at), "deadline_at", when_json(d->deadline), "attempts",
                     (json_int_t)d->attempts, "cert_sha256", d->cert_sha256, "error", d->error);
}

void admin_desktop_list(struct call *call)
{
    const struct store_desktop_filter filter = {.pool = call_query(call, "pool")};
    struct store_desktop *desktops CLEANUP_FREE = NULL;
    struct store_page page = {0};
    struct error e = {0};
    size_t count = 0;
    int r = read_page(call, &page, &e);
    if (r == 0)
        r = store_desktop_list(call->broker->store, &filter, &page, &desktops, &count, &e);
    if (r < 0) {
        call_refuse_err(call, r, &e);
        return;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, desktop_json(call, &desktops[i]));
    call_reply(call, 200, json_pack("{s:o}", "desktops", list));
}

void admin_desktop_show(struct call *call)
{
    struct store_desktop desktop = {0};
    struct error e = {0};
    int r = store_desktop_get_named(call->broker->store, call_param(call, "name"), &desktop, &e);
    if (r < 0)
        call_refuse_err(call, r, &e);
    else
        call_reply(call, 200, desktop_json(call, &desktop));
}

static json_t *session_json(struct call *call, const struct store_session *s)
{
    uint32_t place = 0;
    if (s->desktop[0] == '\0' && s->state != SESSION_ENDED)
        store_session_place(call->broker->store, s->id, &place, NULL);
    json_t *json = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "id", s->id, "pool", s->pool,
                             "username", s->person, "display_name", s->display, "state", sm_name(&session_sm, s->state),
                             "desktop", s->desktop_name, "connection", s->connection, "guest_user", s->guest_user,
                             "intent", s->intent, "end_reason", s->end_reason);
    if (json == NULL)
        return NULL;
    json_object_set_new(json, "position", place > 0 ? json_integer(place) : json_null());
    json_object_set_new(json, "created_at", when_json(s->created_at));
    json_object_set_new(json, "assigned_at", when_json(s->assigned_at));
    json_object_set_new(json, "ready_at", when_json(s->ready_at));
    json_object_set_new(json, "logged_on_at", when_json(s->logged_on_at));
    json_object_set_new(json, "deadline_at", when_json(s->deadline));
    json_object_set_new(json, "ended_at", when_json(s->ended_at));
    return json;
}

static bool is_on(const char *flag)
{
    return flag != NULL && (flag[0] == '\0' || strcmp(flag, "1") == 0 || strcmp(flag, "true") == 0);
}

void admin_session_list(struct call *call)
{
    const struct store_session_filter filter = {.pool = call_query(call, "pool"),
                                                .person = call_query(call, "user"),
                                                .open_only = is_on(call_query(call, "open"))};
    struct store_session *sessions CLEANUP_FREE = NULL;
    struct store_page page = {0};
    struct error e = {0};
    size_t count = 0;
    int r = read_page(call, &page, &e);
    if (r == 0)
        r = store_session_list(call->broker->store, &filter, &page, &sessions, &count, &e);
    if (r < 0) {
        call_refuse_err(call, r, &e);
        return;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, session_json(call, &sessions[i]));
    call_reply(call, 200, json_pack("{s:o}", "sessions", list));
}

void admin_session_show(struct call *call)
{
    struct store_session session = {0};
    struct error e = {0};
    int r = store_session_get(call->broker->store, call_param(call, "id"), &session, &e);
    if (r < 0)
        call_refuse_err(call, r, &e);
    else
        call_reply(call, 200, session_json(call, &session));
}

static void ask(struct call *call, const char *intent)
{
    struct store_session session = {0};
    struct error e = {0};
    const char *id = call_param(call, "id");
    int r = store_session_ask(call->broker->store, id, intent, &e);
    if (r == 0)
        r = store_session_get(call->broker->store, id, &session, &e);
    if (r < 0) {
        call_refuse_err(call, r, &e);
        return;
    }
    log_event(EV_ADMIN_ACT, LOG_STR("user", call->username), LOG_STR("act", intent), LOG_STR("session", id),
              LOG_STR("person", session.person));
    poolmgr_wake(call->broker->poolmgr);
    call_reply(call, 202, session_json(call, &session));
}

void admin_session_disconnect(struct call *call)
{
    ask(call, SESSION_INTENT_DISCONNECT);
}

void admin_session_logoff(struct call *call)
{
    ask(call, SESSION_INTENT_LOGOFF);
}
