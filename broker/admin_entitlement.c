/* Entitlements: who may use which pool. */
#include "broker/admin.h"
#include "broker/when.h"
#include "lib/base/log.h"
#include "lib/store/store_entitlement.h"

#include <string.h>

struct wish {
    const char *pool;
    const char *kind;
    const char *subject;
};

static json_t *entitlement_json(const struct store_entitlement *e)
{
    return json_pack("{s:s, s:s, s:s, s:o}", "pool", e->pool, "kind", e->kind, "name", e->subject, "created_at",
                     when_json(e->created_at));
}

void admin_entitlement_list(struct call *call)
{
    struct store_entitlement *rows CLEANUP_FREE = NULL;
    struct error e = {0};
    size_t count = 0;
    int r = store_entitlement_list(call->broker->store, call_query(call, "pool"), &rows, &count, &e);
    if (r < 0) {
        call_refuse_err(call, r, &e);
        return;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, entitlement_json(&rows[i]));
    call_reply(call, 200, json_pack("{s:o}", "entitlements", list));
}

static int check_wish(struct wish *wish, const char *user, const char *group, struct error *e)
{
    if (wish->pool == NULL || (user == NULL) == (group == NULL))
        return err_set(e, ERR_INVALID, "name the pool and either a group or a user");
    wish->kind = group != NULL ? STORE_ENTITLEMENT_GROUP : STORE_ENTITLEMENT_USER;
    wish->subject = group != NULL ? group : user;
    if (wish->subject[0] == '\0')
        return err_set(e, ERR_INVALID, "the name of the %s is empty", wish->kind);
    return 0;
}

void admin_entitlement_add(struct call *call)
{
    static const char *const names[] = {"pool", "group", "user", NULL};
    struct wish wish = {0};
    const char *user = NULL, *group = NULL;
    struct error e = {0};
    if (!call_body_only(call, names))
        return;
    int r = doc_text(call->body, "pool", DOC_REQUIRED, 1, STORE_NAME_SIZE - 1, &wish.pool, &e);
    if (r == 0)
        r = doc_text(call->body, "group", DOC_OPTIONAL, 1, STORE_SUBJECT_SIZE - 1, &group, &e);
    if (r == 0)
        r = doc_text(call->body, "user", DOC_OPTIONAL, 1, STORE_SUBJECT_SIZE - 1, &user, &e);
    if (r == 0)
        r = check_wish(&wish, user, group, &e);
    if (r == 0)
        r = store_entitlement_add(call->broker->store, wish.pool, wish.kind, wish.subject, call->now_ms, &e);
    if (r < 0) {
        call_refuse_err(call, r, &e);
        return;
    }
    log_event(EV_ADMIN_ACT, LOG_STR("user", call->username), LOG_STR("act", "entitlement add"),
              LOG_STR("object", wish.pool), LOG_STR("kind", wish.kind), LOG_STR("subject", wish.subject));
    call_reply(call, 201,
               json_pack("{s:s, s:s, s:s, s:o}", "pool", wish.pool, "kind", wish.kind, "name", wish.subject,
                         "created_at", when_json(call->now_ms)));
}

void admin_entitlement_remove(struct call *call)
{
    struct wish wish = {.pool = call_query(call, "pool")};
    struct error e = {0};
    int r = check_wish(&wish, call_query(call, "user"), call_query(call, "group"), &e);
    if (r == 0)
        r = store_entitlement_remove(call->broker->store, wish.pool, wish.kind, wish.subject, &e);
    if (r < 0) {
        call_refuse_err(call, r, &e);
        return;
    }
    log_event(EV_ADMIN_ACT, LOG_STR("user", call->username), LOG_STR("act", "entitlement remove"),
              LOG_STR("object", wish.pool), LOG_STR("kind", wish.kind), LOG_STR("subject", wish.subject));
    call_reply_empty(call, 204);
}
