#include "broker/door_api.h"

#include "broker/lines.h"
#include "broker/watch.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/model/pool.h"
#include "lib/proto/gw.h"
#include "lib/store/store_connection.h"
#include "lib/store/store_gateway.h"
#include "lib/store/store_ticket.h"

#include <string.h>

struct redeem_state {
    struct gw_redeem asked;
    struct store_ticket_grant grant;
};

struct closed_state {
    struct gw_closed told;
    struct store_connection_closed closed;
};

struct hello_state {
    struct gw_hello told;
    char (*drop)[ID_SIZE];
    char (*closed)[ID_SIZE];
    size_t n_drop, n_closed;
};

static void *state_of(struct call *call, size_t size, void (*state_free)(void *))
{
    call->state = mem_zalloc(1, size);
    call->state_free = state_free;
    return call->state;
}

/* Answers with the text of lib/proto/gw. */
static bool respond(struct call *call, int rc, const struct buf *text)
{
    if (rc != 0) {
        call_finish(call, rc);
        return true;
    }
    httpd_respond(TAKE_PTR(call->req), 200, "application/json", text->data, text->len);
    call_free(call);
    return true;
}

/* ---- tickets */

static int refuse_ticket(struct call *call, const struct redeem_state *state, enum store_ticket_refusal why)
{
    bool later = why == STORE_TICKET_NOT_READY;
    log_event(EV_TICKET_REFUSED, LOG_STR("why", store_ticket_refusal_word(why)),
              LOG_STR("session", state->grant.session), LOG_STR("address", state->asked.address),
              LOG_STR("worker", state->asked.gateway));
    return call_refuse(call, later ? 409 : 403, later ? GW_DESKTOP_NOT_READY : GW_TICKET_REFUSED, "%s",
                       store_ticket_refusal_text(why));
}

/* An invented ticket costs what a real one costs: it is hashed and looked up, whatever its form. */
int door_redeem_work(struct call *call, struct error *reterr)
{
    struct redeem_state *state = state_of(call, sizeof(*state), free);
    enum store_ticket_refusal why = STORE_TICKET_NONE;
    char hash[ID_HASH_SIZE];
    if (state == NULL)
        return err_set(reterr, ERR_NOMEM, "out of memory");
    int rc = gw_redeem_decode(call->body, call->body_len, &state->asked, reterr);
    if (rc != 0)
        return rc;
    id_hash(state->asked.ticket, strlen(state->asked.ticket), hash);
    struct store_ticket_use use = {
        .hash = hash,
        .door = gw_door_name(state->asked.door),
        .address = state->asked.address,
        .gateway = state->asked.gateway,
        .instance = state->asked.instance,
        .worker = state->asked.gateway,
        .now_ms = clock_wall_ms(),
    };
    rc = store_ticket_redeem(call->broker->store, &use, &state->grant, &why, reterr);
    return rc == ERR_TICKET_REFUSED ? refuse_ticket(call, state, why) : rc;
}

static void log_redeemed(const struct redeem_state *state)
{
    const struct store_ticket_grant *grant = &state->grant;
    log_event(EV_TICKET_REDEEMED, LOG_STR("session", grant->session), LOG_STR("connection", grant->connection),
              LOG_STR("user", grant->person), LOG_STR("pool", grant->pool), LOG_STR("desktop", grant->desktop_name),
              LOG_STR("address", state->asked.address), LOG_STR("worker", state->asked.gateway),
              LOG_INT("again", grant->again), LOG_STR("replaced", grant->replaced));
}

bool door_redeem_after(struct call *call)
{
    struct redeem_state *state = call->state;
    const struct store_ticket_grant *grant = &state->grant;
    struct buf text CLEANUP(buf_done);
    buf_init(&text, GW_MESSAGE_MAX);
    struct gw_grant out = {
        .port = (uint16_t)grant->port,
        .security = strcmp(grant->security, POOL_SECURITY_RAW) == 0 ? GW_SECURITY_RAW : GW_SECURITY_TLS,
        .idle_s = grant->idle_s,
    };
    text_copy(out.connection, sizeof(out.connection), grant->connection);
    text_copy(out.session, sizeof(out.session), grant->session);
    text_copy(out.address, sizeof(out.address), grant->address);
    text_copy(out.cert_sha256, sizeof(out.cert_sha256), grant->cert_sha256);
    log_redeemed(state);
    if (grant->replaced[0] != '\0')
        lines_drop(call->broker->lines, grant->replaced_gateway, grant->replaced,
                   "the session was opened from elsewhere");
    lines_carries(call->broker->lines, state->asked.gateway, grant->connection);
    watch_poke(call->broker->watch);
    return respond(call, gw_grant_encode(&out, &text), &text);
}

/* ---- ends of connections */

int door_closed_work(struct call *call, struct error *reterr)
{
    struct closed_state *state = state_of(call, sizeof(*state), free);
    if (state == NULL)
        return err_set(reterr, ERR_NOMEM, "out of memory");
    int rc = gw_closed_decode(call->body, call->body_len, &state->told, reterr);
    if (rc != 0)
        return rc;
    struct store_connection_close close = {
        .id = call_param(call, CALL_ID),
        .bytes_up = state->told.bytes_up,
        .bytes_down = state->told.bytes_down,
        .reason = gw_reason_name(state->told.reason),
        .now_ms = clock_wall_ms(),
    };
    return store_connection_close(call->broker->store, &close, &state->closed, reterr);
}

bool door_closed_after(struct call *call)
{
    const struct closed_state *state = call->state;
    log_event(EV_CONNECTION_CLOSED, LOG_STR("session", state->closed.session),
              LOG_STR("connection", call_param(call, CALL_ID)), LOG_STR("reason", gw_reason_name(state->told.reason)),
              LOG_INT("bytes_up", state->told.bytes_up), LOG_INT("bytes_down", state->told.bytes_down),
              LOG_INT("ms", state->told.duration_ms), LOG_INT("disconnected", state->closed.disconnected));
    lines_forget(call->broker->lines, call_param(call, CALL_ID));
    watch_poke(call->broker->watch);
    return false;
}

/* ---- hello and commands */

static void hello_free(void *arg)
{
    struct hello_state *state = arg;
    gw_hello_done(&state->told);
    free(state->drop);
    free(state->closed);
    free(state);
}

int door_hello_work(struct call *call, struct error *reterr)
{
    struct hello_state *state = state_of(call, sizeof(*state), hello_free);
    if (state == NULL)
        return err_set(reterr, ERR_NOMEM, "out of memory");
    int rc = gw_hello_decode(call->body, call->body_len, &state->told, reterr);
    if (rc != 0)
        return rc;
    const char **live CLEANUP_FREE = MEM_ARRAY(const char *, state->told.count + 1);
    if (live == NULL)
        return err_set(reterr, ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < state->told.count; i++)
        live[i] = state->told.connections[i];
    struct store_gateway_hello hello = {
        .name = call_param(call, CALL_WORKER),
        .instance = state->told.instance,
        .address = call->address,
        .live = live,
        .live_count = state->told.count,
        .now_ms = clock_wall_ms(),
    };
    return store_gateway_hello(call->broker->store, &hello, &state->drop, &state->n_drop, &state->closed,
                               &state->n_closed, reterr);
}

static bool is_dropped(const struct hello_state *state, const char *id)
{
    for (size_t i = 0; i < state->n_drop; i++)
        if (strcmp(state->drop[i], id) == 0)
            return true;
    return false;
}

static int encode_drops(const struct hello_state *state, struct buf *text)
{
    struct gw_hello_answer answer = {.count = state->n_drop, .drop = MEM_ARRAY(struct gw_command, state->n_drop + 1)};
    if (answer.drop == NULL)
        return ERR_NOMEM;
    for (size_t i = 0; i < state->n_drop; i++) {
        text_copy(answer.drop[i].connection, ID_SIZE, state->drop[i]);
        text_copy(answer.drop[i].reason, GW_TEXT_SIZE, "the session has ended or was opened from elsewhere");
    }
    int rc = gw_hello_answer_encode(&answer, text);
    gw_hello_answer_done(&answer);
    return rc;
}

bool door_hello_after(struct call *call)
{
    const struct hello_state *state = call->state;
    const char *worker = call_param(call, CALL_WORKER);
    struct buf text CLEANUP(buf_done);
    buf_init(&text, GW_MESSAGE_MAX);
    lines_forget_all(call->broker->lines, worker);
    for (size_t i = 0; i < state->told.count; i++)
        if (!is_dropped(state, state->told.connections[i]))
            lines_carries(call->broker->lines, worker, state->told.connections[i]);
    log_event(EV_GATEWAY_HELLO, LOG_STR("worker", worker), LOG_STR("instance", state->told.instance),
              LOG_INT("connections", state->told.count), LOG_INT("to_drop", state->n_drop),
              LOG_INT("lost", state->n_closed));
    if (state->n_closed > 0)
        watch_poke(call->broker->watch);
    return respond(call, encode_drops(state, &text), &text);
}

static bool worker_ok(const char *name)
{
    size_t len = strlen(name);
    return len > 0 && len < GW_NAME_SIZE &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") == len;
}

bool door_commands_after(struct call *call)
{
    const char *worker = call_param(call, CALL_WORKER);
    if (!worker_ok(worker)) {
        call_finish(call, call_refuse(call, 400, "invalid", "A worker's name has letters, digits, '.' and '-'."));
        return true;
    }
    lines_open(call->broker->lines, worker, TAKE_PTR(call->req));
    call_free(call);
    return true;
}
