#include "broker/session_json.h"

#include "broker/eta.h"
#include "broker/vault.h"
#include "broker/when.h"

#include <stdio.h>
#include <string.h>

static json_t *number_or_null(int64_t number, bool known)
{
    return known ? json_integer(number) : json_null();
}

json_t *session_json_row(const struct session_view *view)
{
    const struct store_session *row = &view->row;
    return json_pack("{ss ss ss ss ss ss sI so ss so so so so so so ss}", "id", row->id, "pool", row->pool, "username",
                     row->person, "display_name", row->display, "state", sm_name(&session_sm, row->state), "desktop",
                     row->desktop_name, "position", (json_int_t)view->place, "eta_s",
                     number_or_null(view->eta_s, view->eta_s != ETA_UNKNOWN), "intent", row->intent, "created_at",
                     when_json(row->created_at), "assigned_at", when_json(row->assigned_at), "logged_on_at",
                     when_json(row->logged_on_at), "state_since", when_json(row->state_at), "deadline_at",
                     when_json(row->deadline), "ended_at", when_json(row->ended_at), "end_reason", row->end_reason);
}

static json_t *doors_json(const struct broker_conf *conf, const char *ticket)
{
    json_t *door = json_pack("{ss ss sI}", "kind", "rdp", "host", conf->rdp_host, "port", (json_int_t)conf->rdp_port);
    if (door != NULL && ticket != NULL)
        json_object_set_new(door, "token", json_string(ticket));
    return json_pack("[o]", door);
}

static json_t *credentials_json(const struct vault_answer *account)
{
    if (account->state != VAULT_READY)
        return json_null();
    return json_pack("{ss ss ss}", "username", account->credentials->username, "password",
                     secret_bytes(account->credentials->password), "domain", account->credentials->domain);
}

/* One sentence about what the person waits for; "" when for nothing. */
static void say_wait(const struct session_view *view, const struct vault_answer *account, char *ret, size_t size)
{
    ret[0] = '\0';
    if (view->row.state == SESSION_ENDED)
        snprintf(ret, size, "The session has ended.");
    else if (strcmp(view->row.intent, SESSION_INTENT_LOGOFF) == 0)
        snprintf(ret, size, "The session is being logged off.");
    else if (view->row.desktop[0] == '\0' && view->eta_s > 0)
        snprintf(ret, size, "You are number %lld in the queue; about %lld s to go.", (long long)view->place,
                 (long long)view->eta_s);
    else if (view->row.desktop[0] == '\0')
        snprintf(ret, size, "You are number %lld in the queue.", (long long)view->place);
    else if (account->state == VAULT_ASKING)
        snprintf(ret, size, "Your account in the desktop is being made.");
    else if (account->state == VAULT_FAILED)
        snprintf(ret, size, "%s", account->sentence);
}

json_t *session_json_own(struct broker *broker, const struct session_view *view, const char *ticket, bool *ret_ready)
{
    struct vault_answer account = vault_look(broker->vault, view);
    bool over = view->row.state == SESSION_ENDED || strcmp(view->row.intent, SESSION_INTENT_LOGOFF) == 0;
    bool ready = !over && view->row.desktop[0] != '\0' && (!view->passworded || account.state == VAULT_READY);
    char message[256];
    say_wait(view, &account, message, sizeof(message));
    json_t *doc = session_json_row(view);
    if (ret_ready != NULL)
        *ret_ready = ready;
    if (doc == NULL)
        return NULL;
    json_object_set_new(doc, "ready", json_boolean(ready));
    json_object_set_new(doc, "message", json_string(message));
    json_object_set_new(doc, "doors", over ? json_array() : doors_json(&broker->conf, ticket));
    json_object_set_new(doc, "credentials", credentials_json(&account));
    if (ticket != NULL)
        json_object_set_new(doc, "ticket", json_string(ticket));
    return doc;
}
