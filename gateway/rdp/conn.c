#include "gateway/rdp/conn.h"

#include "gateway/rdp/dial.h"
#include "gateway/rdp/refusal.h"
#include "gateway/rdp/secure.h"
#include "gateway/relay/relay.h"
#include "lib/base/clock.h"
#include "lib/base/id.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/secret.h"
#include "lib/base/text.h"
#include "lib/proto/mcs.h"
#include "lib/proto/x224.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define ENDS (SM_TO(RDP_REFUSING) | SM_TO(RDP_OVER))

static const struct sm_state states[RDP_STATE_COUNT] = {
    [RDP_READING] = {"reading", SM_TO(RDP_REDEEMING) | ENDS, 10000},
    [RDP_REDEEMING] = {"redeeming", SM_TO(RDP_DIALLING) | ENDS, 15000},
    [RDP_DIALLING] = {"dialling", SM_TO(RDP_CONFIRMING) | ENDS, 8000},
    [RDP_CONFIRMING] = {"confirming", SM_TO(RDP_SECURING) | SM_TO(RDP_RELAYING) | ENDS, 10000},
    [RDP_SECURING] = {"securing", SM_TO(RDP_RELAYING) | ENDS, 15000},
    [RDP_RELAYING] = {"relaying", SM_TO(RDP_OVER), 0},
    [RDP_REFUSING] = {"refusing", SM_TO(RDP_OVER), 0}, /* gateway/rdp/refusal has its own */
    [RDP_OVER] = {"over", 0, 0},
};
const struct sm rdp_conn_sm = {"rdp-connection", states, RDP_STATE_COUNT};

struct rdp_conn {
    const struct rdp_conn_shared *shared;
    struct rdp_conn *next, *prev;
    char id[ID_SIZE]; /* ours until the broker names it */
    char address[GW_ADDRESS_SIZE];
    int state;
    struct loop_timer *timer;
    struct loop_task over_task;
    struct stream *client, *desktop;
    bool client_secured, desktop_secured;
    bool granted; /* the broker counts it: it has to hear of its end */
    struct gw_grant grant;
    int64_t granted_at; /* clock_mono_ms() */
    struct link_redemption *redemption;
    struct link_lease lease;
    struct relay *relay;
    struct refusal *refusal;
    struct x224_request request;
    size_t have;
    uint8_t data[X224_PRECONN_MAX]; /* the packet that is being read */
};

static void move(struct rdp_conn *conn, enum rdp_conn_state to)
{
    sm_move(&rdp_conn_sm, conn->id, &conn->state, to, NULL);
    uint32_t deadline = states[to].deadline_ms;
    if (deadline > 0)
        loop_timer_start(conn->timer, deadline, 0);
    else
        loop_timer_stop(conn->timer);
}

struct rdp_conn **rdp_conn_next(struct rdp_conn *conn)
{
    return &conn->next;
}

struct rdp_conn **rdp_conn_prev(struct rdp_conn *conn)
{
    return &conn->prev;
}

void rdp_conn_free(struct rdp_conn *conn)
{
    if (conn == NULL)
        return;
    link_redemption_cancel(conn->redemption);
    relay_free(conn->relay);
    refusal_free(conn->refusal);
    stream_free(conn->client);
    stream_free(conn->desktop);
    loop_timer_free(conn->timer);
    loop_unpost(conn->shared->loop, &conn->over_task);
    secret_wipe(conn, sizeof(*conn));
    free(conn);
}

static void tell_over(struct loop_task *task)
{
    struct rdp_conn *conn = CONTAINER_OF(task, struct rdp_conn, over_task);
    conn->shared->on_over(conn, conn->shared->arg);
}

/* The broker hears of the end as soon as it is known, whatever the client still has to be told. */
static void report_end(struct rdp_conn *conn, enum gw_reason reason)
{
    struct gw_closed closed = {.reason = reason};
    uint64_t up = 0, down = 0;
    if (!conn->granted)
        return;
    conn->granted = false;
    if (conn->relay != NULL)
        relay_bytes(conn->relay, &up, &down);
    closed.bytes_up = (int64_t)up;
    closed.bytes_down = (int64_t)down;
    closed.duration_ms = clock_mono_ms() - conn->granted_at;
    link_lease_remove(conn->shared->link, &conn->lease);
    link_report(conn->shared->link, conn->grant.connection, &closed);
    log_event(EV_RDP_ENDED, LOG_STR("session", conn->grant.session), LOG_STR("connection", conn->grant.connection),
              LOG_STR("reason", gw_reason_name(reason)), LOG_INT("bytes_up", closed.bytes_up),
              LOG_INT("bytes_down", closed.bytes_down), LOG_INT("duration_ms", closed.duration_ms));
}

/* Everything goes but the memory, which the owner frees from on_over. */
static void finish(struct rdp_conn *conn, enum gw_reason reason)
{
    if (conn->state == RDP_OVER)
        return;
    report_end(conn, reason);
    move(conn, RDP_OVER);
    link_redemption_cancel(conn->redemption);
    conn->redemption = NULL;
    stream_free(conn->client);
    stream_free(conn->desktop);
    conn->client = conn->desktop = NULL;
    loop_post(conn->shared->loop, &conn->over_task);
}

static void relay_over(struct relay *relay, enum gw_reason reason, void *arg)
{
    (void)relay;
    finish(arg, reason);
}

void rdp_conn_end(struct rdp_conn *conn, enum gw_reason reason)
{
    if (conn->state == RDP_RELAYING)
        relay_end(conn->relay, reason);
    else
        finish(conn, reason);
}

static void dropped(struct link_lease *lease, const char *reason)
{
    struct rdp_conn *conn = CONTAINER_OF(lease, struct rdp_conn, lease);
    (void)reason; /* the broker has it in its own history */
    rdp_conn_end(conn, GW_REASON_COMMANDED);
}

static void refusal_over(struct refusal *refusal, void *arg)
{
    (void)refusal;
    finish(arg, GW_REASON_FAILED);
}

/* Say `errinfo` to the client. `reason`: what the broker hears if it had granted. */
static void refuse(struct rdp_conn *conn, uint32_t errinfo, enum gw_reason reason)
{
    const struct refusal_options options = {.loop = conn->shared->loop,
                                            .tls = tls_server_ctx(conn->shared->tls),
                                            .protocols = conn->request.protocols,
                                            .errinfo = errinfo,
                                            .on_end = refusal_over,
                                            .arg = conn};
    report_end(conn, reason);
    stream_free(conn->desktop);
    conn->desktop = NULL;
    move(conn, RDP_REFUSING);
    if (refusal_new(&options, TAKE_PTR(conn->client), &conn->refusal, NULL) < 0)
        finish(conn, reason);
}

/* The desktop could not be had. */
static void fail(struct rdp_conn *conn, uint32_t errinfo, enum gw_reason reason, const struct error *e)
{
    log_event(EV_RDP_FAILED, LOG_STR("session", conn->grant.session), LOG_STR("connection", conn->id),
              LOG_STR("address", conn->address), LOG_STR("reason", gw_reason_name(reason)), LOG_ERR(e));
    refuse(conn, errinfo, reason);
}

/* Write a first packet whole: it always fits a fresh socket's buffer. */
static int write_whole(struct stream *stream, const uint8_t *data, size_t len, struct error *reterr)
{
    size_t n = 0;
    int r = stream_write(stream, data, len, &n, reterr);
    if (r == 0 && n == len)
        return 0;
    return err_set(reterr, ERR_IO, "it does not take its first packet");
}

/* Reads exactly up to `need`: what is behind belongs to TLS. 0 = there; ERR_AGAIN; else failed. */
static int read_up_to(struct stream *stream, struct rdp_conn *conn, size_t need, struct error *reterr)
{
    while (conn->have < need) {
        size_t n = 0;
        int r = stream_read(stream, conn->data + conn->have, need - conn->have, &n, reterr);
        if (r == ERR_CLOSED)
            return err_set(reterr, r, "it closed the connection");
        if (r < 0)
            return r;
        conn->have += n;
    }
    return 0;
}

/* ---- relaying */

static void relay(struct rdp_conn *conn)
{
    const struct relay_options options = {.loop = conn->shared->loop,
                                          .stock = conn->shared->stock,
                                          .id = conn->id,
                                          .idle_s = conn->grant.idle_s,
                                          .limit_s = conn->grant.limit_s,
                                          .on_end = relay_over,
                                          .arg = conn};
    log_event(EV_RDP_CONNECTED, LOG_STR("session", conn->grant.session), LOG_STR("connection", conn->id),
              LOG_STR("address", conn->address), LOG_STR("desktop", conn->grant.address),
              LOG_STR("security", conn->client_secured ? "tls" : "raw"));
    move(conn, RDP_RELAYING);
    if (relay_new(&options, TAKE_PTR(conn->client), TAKE_PTR(conn->desktop), &conn->relay, NULL) < 0)
        finish(conn, GW_REASON_FAILED);
}

/* ---- securing */

static void secure_client(struct stream *s, unsigned events, void *arg);
static void secure_desktop(struct stream *s, unsigned events, void *arg);

static void relay_when_secured(struct rdp_conn *conn)
{
    if (conn->client_secured && conn->desktop_secured)
        relay(conn);
}

static void secure_client(struct stream *s, unsigned events, void *arg)
{
    struct rdp_conn *conn = arg;
    struct error e = {0};
    (void)s;
    (void)events;
    int r = secure_step(conn->client, &e);
    if (r == ERR_AGAIN)
        return;
    if (r < 0) { /* nobody is left to be told */
        log_event(EV_RDP_FAILED, LOG_STR("session", conn->grant.session), LOG_STR("connection", conn->id),
                  LOG_STR("address", conn->address), LOG_STR("side", "client"), LOG_ERR(&e));
        finish(conn, GW_REASON_TLS_FAILED);
        return;
    }
    conn->client_secured = true;
    relay_when_secured(conn);
}

static void secure_desktop(struct stream *s, unsigned events, void *arg)
{
    struct rdp_conn *conn = arg;
    struct error e = {0};
    (void)s;
    (void)events;
    int r = secure_step(conn->desktop, &e);
    if (r == ERR_AGAIN)
        return;
    if (r == 0)
        r = tls_check_pin(stream_ssl(conn->desktop), conn->grant.cert_sha256, &e);
    if (r == 0) {
        conn->desktop_secured = true;
        relay_when_secured(conn);
        return;
    }
    fail(conn, MCS_ERRINFO_CB_NOT_FOUND, r == ERR_CERT_MISMATCH ? GW_REASON_CERT_MISMATCH : GW_REASON_TLS_FAILED, &e);
}

/* The desktop chose TLS: both handshakes run side by side. */
static void secure(struct rdp_conn *conn, size_t confirm_len)
{
    struct error e = {0};
    struct loop *loop = conn->shared->loop;
    move(conn, RDP_SECURING);
    int r = secure_begin(loop, &conn->desktop, tls_client_ctx(conn->shared->dialer), false, &e);
    if (r == 0) {
        /* The pin is the trust; a desktop's certificate has no chain. */
        SSL_set_verify(stream_ssl(conn->desktop), SSL_VERIFY_NONE, NULL);
        r = write_whole(conn->client, conn->data, confirm_len, &e);
    }
    if (r == 0)
        r = secure_begin(loop, &conn->client, tls_server_ctx(conn->shared->tls), true, &e);
    if (r < 0) {
        log_event(EV_RDP_FAILED, LOG_STR("session", conn->grant.session), LOG_STR("connection", conn->id), LOG_ERR(&e));
        finish(conn, GW_REASON_FAILED);
        return;
    }
    stream_set_handler(conn->client, secure_client, conn);
    stream_set_handler(conn->desktop, secure_desktop, conn);
    stream_watch(conn->client, STREAM_READABLE);
    secure_desktop(conn->desktop, 0, conn); /* the client speaks first: send its hello */
}

/* ---- confirming */

static void confirmed(struct rdp_conn *conn, const struct x224_confirm *confirm)
{
    struct error e = {0};
    if (conn->grant.security == GW_SECURITY_TLS && confirm->answer == X224_ANSWER_SELECTED &&
        confirm->value == X224_PROTOCOL_SSL) {
        secure(conn, confirm->length);
        return;
    }
    if (write_whole(conn->client, conn->data, confirm->length, &e) < 0) {
        finish(conn, GW_REASON_CLIENT_CLOSED);
        return;
    }
    relay(conn);
}

static int read_confirm(struct rdp_conn *conn, struct x224_confirm *ret, struct error *reterr)
{
    int r = 0;
    size_t need = 0;
    do {
        r = x224_need(conn->data, conn->have, X224_CONFIRM_MAX, &need, reterr);
        if (r == 0)
            r = read_up_to(conn->desktop, conn, need, reterr);
        if (r == 0)
            r = x224_confirm_parse(conn->data, conn->have, ret, reterr);
    } while (r == ERR_AGAIN && conn->have == need);
    return r;
}

static void on_confirming(struct stream *s, unsigned events, void *arg)
{
    struct rdp_conn *conn = arg;
    struct x224_confirm confirm;
    struct error e = {0};
    (void)s;
    (void)events;
    int r = read_confirm(conn, &confirm, &e);
    if (r == 0)
        confirmed(conn, &confirm);
    else if (r != ERR_AGAIN)
        fail(conn, MCS_ERRINFO_CB_BOOT_TIMEOUT, r == ERR_PROTOCOL ? GW_REASON_PROTOCOL : GW_REASON_DESKTOP_DOWN, &e);
}

/* ---- dialling */

static void on_dialled(struct stream *s, unsigned events, void *arg)
{
    struct rdp_conn *conn = arg;
    struct error e = {0};
    uint8_t request[X224_REQUEST_MAX];
    (void)events;
    int r = dial_result(stream_fd(s), &e);
    if (r == 0)
        r = write_whole(s, request, x224_request_strip(conn->data, &conn->request, request), &e);
    if (r < 0) {
        fail(conn, MCS_ERRINFO_CB_BOOT_TIMEOUT, GW_REASON_DESKTOP_DOWN, &e);
        return;
    }
    conn->have = 0;
    secret_wipe(conn->data, sizeof(conn->data)); /* the token's line was in it */
    move(conn, RDP_CONFIRMING);
    stream_set_handler(s, on_confirming, conn);
    stream_watch(s, STREAM_READABLE);
}

static void dial(struct rdp_conn *conn)
{
    struct error e = {0};
    int fd = -1;
    move(conn, RDP_DIALLING);
    int r = dial_start(conn->grant.address, conn->grant.port, &fd, &e);
    if (r == 0)
        r = stream_new(conn->shared->loop, fd, NULL, false, NULL, &conn->desktop, &e);
    if (r < 0) {
        fail(conn, MCS_ERRINFO_CB_BOOT_TIMEOUT, GW_REASON_DESKTOP_DOWN, &e);
        return;
    }
    stream_set_handler(conn->desktop, on_dialled, conn);
    stream_watch(conn->desktop, STREAM_WRITABLE);
}

/* ---- redeeming */

static void turn_away(struct rdp_conn *conn, uint32_t errinfo, const char *code, const char *detail)
{
    log_event(EV_RDP_REFUSED, LOG_STR("address", conn->address), LOG_STR("reason", code), LOG_STR("detail", detail));
    refuse(conn, errinfo, GW_REASON_FAILED);
}

static void redeemed(int err, const struct error *e, const struct gw_grant *grant, const struct problem *refusal,
                     void *arg)
{
    struct rdp_conn *conn = arg;
    conn->redemption = NULL;
    if (refusal != NULL) {
        bool later = strcmp(refusal->code, GW_DESKTOP_NOT_READY) == 0;
        turn_away(conn, later ? MCS_ERRINFO_CB_BOOT_TIMEOUT : MCS_ERRINFO_DENIED, refusal->code, refusal->detail);
        return;
    }
    if (err < 0) {
        turn_away(conn, MCS_ERRINFO_CB_CANCELLED, "broker_down", err_message(e));
        return;
    }
    conn->grant = *grant;
    conn->granted = true;
    conn->granted_at = clock_mono_ms();
    text_copy(conn->id, sizeof(conn->id), grant->connection);
    text_copy(conn->lease.connection, sizeof(conn->lease.connection), grant->connection);
    conn->lease.drop = dropped;
    link_lease_add(conn->shared->link, &conn->lease);
    dial(conn);
}

/* A client says nothing between its request and our answer; one that hangs up shall not cost a desktop a visit. */
static void on_waiting(struct stream *s, unsigned events, void *arg)
{
    (void)s;
    if (events & STREAM_HANGUP)
        finish(arg, GW_REASON_CLIENT_CLOSED);
}

static void redeem(struct rdp_conn *conn)
{
    struct error e = {0};
    move(conn, RDP_REDEEMING);
    stream_set_handler(conn->client, on_waiting, conn);
    stream_watch(conn->client, STREAM_HANGUP);
    int r = link_redeem(conn->shared->link, conn->request.token, GW_DOOR_RDP, conn->address, redeemed, conn,
                        &conn->redemption, &e);
    secret_wipe(conn->request.token, sizeof(conn->request.token));
    if (r < 0)
        turn_away(conn, MCS_ERRINFO_CB_CANCELLED, "busy", err_message(&e));
}

/* ---- reading */

static int skip_preconnection(struct rdp_conn *conn, struct error *reterr)
{
    struct x224_preconn preconn;
    size_t need = 0;
    int r = x224_preconn_need(conn->data, conn->have, &need, reterr);
    if (r == 0)
        r = read_up_to(conn->client, conn, need, reterr);
    if (r == 0)
        r = x224_preconn_parse(conn->data, conn->have, &preconn, reterr);
    if (r == 0)
        conn->have = 0; /* no desktop of ours knows what to do with it */
    return r;
}

static int read_request(struct rdp_conn *conn, struct error *reterr)
{
    size_t need = 0;
    int r = x224_need(conn->data, conn->have, X224_REQUEST_MAX, &need, reterr);
    if (r == 0)
        r = read_up_to(conn->client, conn, need, reterr);
    return r < 0 ? r : x224_request_parse(conn->data, conn->have, &conn->request, reterr);
}

/* 0 = the request is there. */
static int read_first_packets(struct rdp_conn *conn, struct error *reterr)
{
    for (;;) {
        int r = read_up_to(conn->client, conn, 1, reterr);
        if (r < 0)
            return r;
        size_t had = conn->have;
        switch (x224_first(conn->data, conn->have)) {
        case X224_FIRST_REQUEST:
            r = read_request(conn, reterr);
            break;
        case X224_FIRST_PRECONN:
            r = skip_preconnection(conn, reterr);
            if (r == 0)
                continue;
            break;
        case X224_FIRST_UNKNOWN:
        default:
            return err_set(reterr, ERR_PROTOCOL, "its first byte is not RDP's");
        }
        if (r != ERR_AGAIN || conn->have == had)
            return r;
    }
}

static void on_reading(struct stream *s, unsigned events, void *arg)
{
    struct rdp_conn *conn = arg;
    struct error e = {0};
    (void)s;
    (void)events;
    int r = read_first_packets(conn, &e);
    if (r == ERR_AGAIN)
        return;
    if (r < 0) {
        log_event(EV_RDP_NOT_RDP, LOG_STR("address", conn->address), LOG_ERR(&e));
        finish(conn, GW_REASON_PROTOCOL);
        return;
    }
    if (conn->request.token[0] == '\0')
        turn_away(conn, MCS_ERRINFO_DENIED, "no_ticket", "the client showed no ticket");
    else
        redeem(conn);
}

/* ---- deadlines and birth */

static void too_late(void *arg)
{
    struct rdp_conn *conn = arg;
    struct error e = {0};
    switch (conn->state) {
    case RDP_REDEEMING:
        link_redemption_cancel(conn->redemption);
        conn->redemption = NULL;
        turn_away(conn, MCS_ERRINFO_CB_CANCELLED, "broker_down", "the broker did not answer in time");
        break;
    case RDP_DIALLING:
    case RDP_CONFIRMING:
        err_set(&e, ERR_TIMEOUT, "the desktop did not answer in time (%s)", sm_name(&rdp_conn_sm, conn->state));
        fail(conn, MCS_ERRINFO_CB_BOOT_TIMEOUT, GW_REASON_DESKTOP_DOWN, &e);
        break;
    case RDP_SECURING:
        err_set(&e, ERR_TIMEOUT, "no TLS in time with the %s", conn->desktop_secured ? "client" : "desktop");
        fail(conn, MCS_ERRINFO_CB_BOOT_TIMEOUT, GW_REASON_TLS_FAILED, &e);
        break;
    case RDP_READING:
        log_event(EV_RDP_NOT_RDP, LOG_STR("address", conn->address), LOG_STR("error", "no whole request in time"));
        finish(conn, GW_REASON_PROTOCOL);
        break;
    default:
        finish(conn, GW_REASON_FAILED);
        break;
    }
}

int rdp_conn_new(const struct rdp_conn_shared *shared, int take_fd, const char *address, struct rdp_conn **ret_conn,
                 struct error *reterr)
{
    int fd CLEANUP_CLOSE = take_fd;
    struct rdp_conn *conn = MEM_NEW(struct rdp_conn);
    if (conn == NULL)
        return err_set(reterr, ERR_NOMEM, "no memory for a client");
    conn->shared = shared;
    conn->over_task.run = tell_over;
    conn->timer = loop_timer_new(shared->loop, too_late, conn);
    int r = conn->timer == NULL ? err_set(reterr, ERR_NOMEM, "no memory for a client")
                                : stream_new(shared->loop, TAKE_FD(fd), NULL, true, NULL, &conn->client, reterr);
    if (r < 0) {
        rdp_conn_free(conn);
        return r;
    }
    id_new("r", conn->id);
    text_copy(conn->address, sizeof(conn->address), address);
    loop_timer_start(conn->timer, states[RDP_READING].deadline_ms, 0);
    stream_set_handler(conn->client, on_reading, conn);
    stream_watch(conn->client, STREAM_READABLE);
    *ret_conn = conn;
    return 0;
}
