#include "broker/session_api.h"

#include "broker/lines.h"
#include "broker/login.h"
#include "broker/rdpfile.h"
#include "broker/session.h"
#include "broker/session_json.h"
#include "broker/ticket.h"
#include "broker/vault.h"
#include "broker/watch.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/model/pool.h"
#include "lib/store/store_connection.h"
#include "lib/store/store_entitlement.h"
#include "lib/store/store_ticket.h"

#include <string.h>

/* What a session's call carries from the worker to the loop. */
struct session_call {
    struct session_view view;
    char ticket[TICKET_TEXT_SIZE];
    bool created;
    char cut[ID_SIZE]; /* the connection that was closed in the store and has to be dropped by its gateway */
    char gateway[STORE_NAME_SIZE];
};

struct session_list_state {
    struct session_view *views;
    size_t count;
};

static struct session_call *state_new(struct call *call)
{
    struct session_call *state = MEM_NEW(struct session_call);
    call->state = state;
    call->state_free = free;
    return state;
}

/* Every refusal about somebody's session that they may not see is the same one. */
static int not_found(struct call *call)
{
    return call_refuse(call, 404, "not_found", "You have no session \"%.40s\".", call_param(call, CALL_ID));
}

/* The person whose sessions count; NULL = everybody's, for administrators' endpoints. */
static const char *whose(const struct call *call)
{
    return call->endpoint->need == NEED_ADMIN ? NULL : call->login.username;
}

static int load(struct call *call, struct session_call **ret, struct error *reterr)
{
    struct session_call *state = state_new(call);
    if (state == NULL)
        return err_set(reterr, ERR_NOMEM, "out of memory");
    int rc = session_load(call->broker->store, call_param(call, CALL_ID), whose(call), &state->view, reterr);
    if (rc == ERR_NOT_FOUND)
        return not_found(call);
    *ret = state;
    return rc;
}

/* ---- pools */

static json_t *pool_json(const struct store_pool *pool, const struct store_session *sessions, size_t count)
{
    json_t *doc = json_pack("{ss ss ss ss}", "name", pool->name, "kind", pool->kind, "description", pool->description,
                            "state", pool->state);
    for (size_t i = 0; i < count && doc != NULL; i++)
        if (strcmp(sessions[i].pool, pool->name) == 0)
            json_object_set_new(doc, "session",
                                json_pack("{ss ss ss}", "id", sessions[i].id, "state",
                                          sm_name(&session_sm, sessions[i].state), "desktop",
                                          sessions[i].desktop_name));
    return doc;
}

static int list_pools(struct call *call, const char *const *groups, size_t n_groups, struct error *reterr)
{
    struct store_pool *pools CLEANUP_FREE = NULL;
    struct store_session *sessions CLEANUP_FREE = NULL;
    size_t n_pools = 0, n_sessions = 0;
    struct store_session_filter filter = {.person = call->login.username, .open_only = true};
    struct store *store = call->broker->store;
    int rc = store_entitlement_pools(store, call->login.username, groups, n_groups, &pools, &n_pools, reterr);
    if (rc == 0)
        rc = store_session_list(store, &filter, NULL, &sessions, &n_sessions, reterr);
    if (rc != 0)
        return rc;
    json_t *list = json_array();
    for (size_t i = 0; i < n_pools; i++)
        json_array_append_new(list, pool_json(&pools[i], sessions, n_sessions));
    call->answer = json_pack("{so}", "pools", list);
    return 0;
}

int session_pools_work(struct call *call, struct error *reterr)
{
    json_t *doc CLEANUP(doc_freep) = NULL;
    const char **groups CLEANUP_FREE = NULL;
    size_t count = 0;
    int rc = login_groups(&call->login, &doc, &groups, &count, reterr);
    return rc != 0 ? rc : list_pools(call, groups, count, reterr);
}

/* ---- connect */

static int check_entitled(struct call *call, struct error *reterr)
{
    json_t *doc CLEANUP(doc_freep) = NULL;
    const char **groups CLEANUP_FREE = NULL;
    size_t count = 0;
    const char *pool = call_param(call, CALL_NAME);
    int rc = login_groups(&call->login, &doc, &groups, &count, reterr);
    if (rc == 0)
        rc = store_entitlement_check(call->broker->store, pool, call->login.username, groups, count, NULL, reterr);
    /* A pool that is not there and one that is not for them look the same. */
    if (rc == ERR_NOT_ENTITLED || rc == ERR_NOT_FOUND || rc == ERR_INVALID || rc == ERR_TOO_BIG)
        return call_refuse(call, 403, "not_entitled", "You have no desktop in \"%.63s\".", pool);
    return rc;
}

static int mint(struct call *call, struct session_call *state, struct error *reterr)
{
    struct store_pool pool;
    char hash[ID_HASH_SIZE];
    int rc = store_pool_get(call->broker->store, state->view.row.pool, &pool, reterr);
    if (rc != 0)
        return rc;
    ticket_new(state->ticket, hash);
    struct store_ticket_mint mint = {.hash = hash,
                                     .session = state->view.row.id,
                                     .door = "rdp",
                                     .address = pool.bind_address ? call->address : NULL,
                                     .now_ms = clock_wall_ms()};
    rc = store_ticket_mint(call->broker->store, &mint, reterr);
    if (rc == ERR_CONFLICT)
        return call_refuse(call, 409, "session_ended", "The session has just ended. Ask again.");
    return rc;
}

static int check_door(struct call *call, struct error *reterr)
{
    static const char *const known[] = {"door", NULL};
    const char *door = "rdp";
    int rc = doc_only(call_doc(call), known, reterr);
    if (rc == 0)
        rc = doc_text(call_doc(call), "door", DOC_OPTIONAL, 1, 16, &door, reterr);
    if (rc == 0 && strcmp(door, "rdp") != 0)
        return call_refuse(call, 400, "no_such_door", "There is no such door here; \"rdp\" is one.");
    return rc;
}

static int open_session(struct call *call, struct session_call *state, struct error *reterr)
{
    struct store_session_want want = {.pool = call_param(call, CALL_NAME),
                                      .person = call->login.username,
                                      .display = call->login.display,
                                      .now_ms = clock_wall_ms()};
    uint32_t place = 0;
    int rc = store_session_open(call->broker->store, &want, &state->view.row, &place, &state->created, reterr);
    if (rc == ERR_POOL_CLOSED)
        return call_refuse(call, 403, "no_desktop", "\"%s\" is closed; nobody gets a new desktop there now.",
                           want.pool);
    if (rc == ERR_NOT_FOUND)
        return call_refuse(call, 403, "not_entitled", "You have no desktop in \"%.63s\".", want.pool);
    if (rc == 0 && strcmp(state->view.row.intent, SESSION_INTENT_LOGOFF) == 0)
        return call_refuse(call, 409, "session_ending",
                           "Your last session there is being logged off. Try again in a moment.");
    return rc;
}

int session_connect_work(struct call *call, struct error *reterr)
{
    struct session_call *state = state_new(call);
    if (state == NULL)
        return err_set(reterr, ERR_NOMEM, "out of memory");
    int rc = check_door(call, reterr);
    if (rc == 0)
        rc = check_entitled(call, reterr);
    if (rc == 0)
        rc = open_session(call, state, reterr);
    if (rc == 0)
        rc = session_complete(call->broker->store, &state->view, reterr);
    if (rc == 0)
        rc = mint(call, state, reterr);
    return rc;
}

bool session_connect_after(struct call *call)
{
    struct session_call *state = call->state;
    const struct store_session *row = &state->view.row;
    call->answer = session_json_own(call->broker, &state->view, state->ticket, NULL);
    log_event(EV_CONNECT, LOG_STR("session", row->id), LOG_STR("user", row->person), LOG_STR("pool", row->pool),
              LOG_STR("desktop", row->desktop_name), LOG_INT("place", state->view.place),
              LOG_INT("new", state->created), LOG_STR("address", call->address));
    if (state->created || state->view.place > 0)
        broker_wake_poolmgr(call->broker);
    watch_poke(call->broker->watch);
    return false;
}

/* ---- look */

static void list_free(void *arg)
{
    struct session_list_state *state = arg;
    free(state->views);
    free(state);
}

int session_list_work(struct call *call, struct error *reterr)
{
    struct store_session *rows CLEANUP_FREE = NULL;
    struct session_list_state *state = MEM_NEW(struct session_list_state);
    struct store_session_filter filter = {.person = call->login.username, .open_only = true};
    size_t count = 0;
    if (state == NULL)
        return err_set(reterr, ERR_NOMEM, "out of memory");
    call->state = state;
    call->state_free = list_free;
    int rc = store_session_list(call->broker->store, &filter, NULL, &rows, &count, reterr);
    if (rc == 0 && (state->views = MEM_ARRAY(struct session_view, count + 1)) == NULL)
        rc = err_set(reterr, ERR_NOMEM, "out of memory");
    for (; rc == 0 && state->count < count; state->count++) {
        state->views[state->count].row = rows[state->count];
        rc = session_complete(call->broker->store, &state->views[state->count], reterr);
    }
    return rc;
}

bool session_list_after(struct call *call)
{
    struct session_list_state *state = call->state;
    json_t *list = json_array();
    for (size_t i = 0; i < state->count; i++)
        json_array_append_new(list, session_json_own(call->broker, &state->views[i], NULL, NULL));
    call->answer = json_pack("{so}", "sessions", list);
    return false;
}

int session_get_work(struct call *call, struct error *reterr)
{
    struct session_call *state;
    return load(call, &state, reterr);
}

bool session_get_after(struct call *call)
{
    struct session_call *state = call->state;
    call->answer = session_json_own(call->broker, &state->view, NULL, NULL);
    return false;
}

bool session_events_after(struct call *call)
{
    struct session_call *state = call->state;
    if (watch_add(call->broker->watch, call->req, &state->view) != 0) {
        call_finish(call, ERR_BUSY);
        return true;
    }
    call->req = NULL;
    call_free(call);
    return true;
}

/* ---- the .rdp file */

int session_rdp_work(struct call *call, struct error *reterr)
{
    struct session_call *state;
    int rc = load(call, &state, reterr);
    if (rc != 0)
        return rc;
    if (state->view.row.state == SESSION_ENDED)
        return call_refuse(call, 409, "session_ended", "The session has ended. Ask for the desktop again.");
    return mint(call, state, reterr);
}

bool session_rdp_after(struct call *call)
{
    struct session_call *state = call->state;
    struct vault_answer account = vault_look(call->broker->vault, &state->view);
    struct rdpfile file = {.host = call->broker->conf.rdp_host,
                           .port = call->broker->conf.rdp_port,
                           .ticket = state->ticket,
                           .title = state->view.row.pool,
                           .username = account.state == VAULT_READY ? account.credentials->username : ""};
    char *text CLEANUP_FREE = rdpfile_write(&file), name[128];
    if (text == NULL) {
        call_finish(call, ERR_NOMEM);
        return true;
    }
    snprintf(name, sizeof(name), "attachment; filename=\"%s.rdp\"", state->view.row.pool);
    httpd_set_header(call->req, "Content-Disposition", name);
    httpd_respond(TAKE_PTR(call->req), 200, "application/x-rdp", text, strlen(text));
    call_free(call);
    return true;
}

/* ---- disconnect and log off */

/* Closed in the store first: whatever happens to the gateway, its next hello learns that it has to drop it. */
static int close_connection(struct call *call, struct session_call *state, const char *reason, struct error *reterr)
{
    struct store_connection connection;
    struct store_connection_closed closed;
    const char *id = state->view.row.connection;
    if (*id == '\0')
        return 0;
    int rc = store_connection_get(call->broker->store, id, &connection, reterr);
    if (rc != 0)
        return rc == ERR_NOT_FOUND ? 0 : rc;
    struct store_connection_close close = {.id = id, .reason = reason, .now_ms = clock_wall_ms()};
    rc = store_connection_close(call->broker->store, &close, &closed, reterr);
    if (rc != 0)
        return rc == ERR_NOT_FOUND ? 0 : rc;
    text_copy(state->cut, sizeof(state->cut), id);
    text_copy(state->gateway, sizeof(state->gateway), connection.gateway);
    return 0;
}

static int refuse_ended(struct call *call)
{
    return call_refuse(call, 409, "session_ended", "The session has ended already.");
}

static int reload(struct call *call, struct session_call *state, struct error *reterr)
{
    return session_load(call->broker->store, call_param(call, CALL_ID), NULL, &state->view, reterr);
}

int session_disconnect_work(struct call *call, struct error *reterr)
{
    struct session_call *state;
    int rc = load(call, &state, reterr);
    if (rc != 0)
        return rc;
    if (state->view.row.state == SESSION_ENDED)
        return refuse_ended(call);
    rc = close_connection(call, state,
                          whose(call) == NULL ? "an administrator disconnected it" : "disconnected by the API", reterr);
    return rc != 0 ? rc : reload(call, state, reterr);
}

/* Without a desktop there is nothing to log off from: it ends here. Else the pool manager logs the person off and ends
 * it; from now on no ticket opens it any more (store_ticket_redeem). */
int session_logoff_work(struct call *call, struct error *reterr)
{
    struct session_call *state;
    struct store_session_end end;
    struct store *store = call->broker->store;
    int rc = load(call, &state, reterr);
    if (rc != 0)
        return rc;
    const struct store_session *row = &state->view.row;
    const char *reason = whose(call) == NULL ? SESSION_END_ADMIN : SESSION_END_LOGOFF;
    if (row->state == SESSION_ENDED)
        return refuse_ended(call);
    if (row->desktop[0] == '\0')
        rc = store_session_end(store, 0, row->id, reason, 0, clock_wall_ms(), &end, reterr);
    else
        rc = store_session_ask(store, row->id, SESSION_INTENT_LOGOFF, reterr);
    if (rc == ERR_CONFLICT)
        return refuse_ended(call);
    if (rc == 0)
        rc = close_connection(call, state, "logged off", reterr);
    return rc != 0 ? rc : reload(call, state, reterr);
}

bool session_cut_after(struct call *call)
{
    struct session_call *state = call->state;
    const struct store_session *row = &state->view.row;
    bool logoff = strcmp(row->intent, SESSION_INTENT_LOGOFF) == 0 || row->state == SESSION_ENDED;
    log_event(logoff ? EV_SESSION_LOGOFF_ASKED : EV_SESSION_CUT, LOG_STR("session", row->id),
              LOG_STR("user", row->person), LOG_STR("by", call_who(call)), LOG_STR("connection", state->cut));
    if (state->cut[0] != '\0')
        lines_drop(call->broker->lines, state->gateway, state->cut, logoff ? "logged off" : "disconnected");
    if (logoff)
        broker_wake_poolmgr(call->broker);
    watch_poke(call->broker->watch);
    call->answer = call->endpoint->need == NEED_ADMIN ? session_json_row(&state->view)
                                                      : session_json_own(call->broker, &state->view, NULL, NULL);
    return false;
}
