#include "gateway/link/link.h"

#include "gateway/link/link_parts.h"
#include "lib/base/id.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/sm.h"
#include "lib/base/text.h"

#include <stdio.h>
#include <string.h>

#define CONNECTIONS_MAX 32    /* to the broker's socket at once */
#define STREAM_IDLE_MS  60000 /* the broker says something every 15 s */
#define HELLO_MS        20000
#define EVENT_MAX       4096
#define INBOX_MAX       (1 << 20)

static const struct sm_state states[LINK_STATE_COUNT] = {
    [LINK_WAITING] = {"waiting", SM_TO(LINK_CONNECTING), 0},
    [LINK_CONNECTING] = {"connecting", SM_TO(LINK_GREETING) | SM_TO(LINK_WAITING), 0},
    [LINK_GREETING] = {"greeting", SM_TO(LINK_UP) | SM_TO(LINK_WAITING), HELLO_MS},
    [LINK_UP] = {"up", SM_TO(LINK_WAITING), 0},
};
static const struct sm link_sm = {"broker-link", states, LINK_STATE_COUNT};

static void move(struct link *link, enum link_state to)
{
    sm_move(&link_sm, link->name, &link->state, to, NULL);
}

struct httpc_request link_request(const struct link *link, const char *method, const char *path)
{
    return (struct httpc_request){.target = {.base_url = "http://localhost", .unix_path = link->options.broker},
                                  .method = method,
                                  .path = path,
                                  .connect_ms = 3000,
                                  .total_ms = 10000};
}

/* ---- breaking and trying again */

static void stop_exchanges(struct link *link)
{
    if (link->stream != NULL)
        httpc_cancel(link->stream);
    if (link->hello != NULL)
        httpc_cancel(link->hello);
    link->stream = link->hello = NULL;
    link->stream_stands = false;
    buf_done(&link->inbox);
    loop_unpost(link->options.loop, &link->heard);
}

static void broken(struct link *link, const struct error *e)
{
    stop_exchanges(link);
    if (!link->told_down)
        log_event(EV_GATEWAY_BROKER_DOWN, LOG_STR("worker", link->name), LOG_ERR(e));
    link->told_down = true;
    move(link, LINK_WAITING);
    /* A quarter more or less at random, so that workers do not come back in step. */
    unsigned char random = 0;
    id_random(&random, 1);
    loop_timer_start(link->retry, link->backoff_ms * (192u + random / 2u) / 256u, 0);
    link->backoff_ms = link->backoff_ms * 2 > LINK_BACKOFF_MAX_MS ? LINK_BACKOFF_MAX_MS : link->backoff_ms * 2;
    link_redeem_parked(link);
}

static void broken_because(struct link *link, int code, const char *why)
{
    struct error e = {0};
    err_set(&e, code, "%s", why);
    broken(link, &e);
}

/* ---- commands */

static void obey(struct link *link, const struct gw_command *command)
{
    for (struct link_lease *lease = link->leases; lease != NULL; lease = lease->next) {
        if (strcmp(lease->connection, command->connection) == 0) {
            lease->drop(lease, command->reason);
            return;
        }
    }
}

static int on_event(const char *event, const char *id, const char *data, void *arg)
{
    struct link *link = arg;
    struct gw_command command;
    struct error e = {0};
    (void)id;
    if (strcmp(event, "disconnect") != 0)
        return 0; /* a newer broker's */
    if (gw_command_decode(data, strlen(data), &command, &e) < 0)
        log_event(EV_GATEWAY_BROKER_ODD, LOG_STR("worker", link->name), LOG_ERR(&e));
    else
        obey(link, &command);
    return 0;
}

/* ---- hello */

static void hello_answered(int err, const struct error *e, const struct httpc_response *response, void *arg)
{
    struct link *link = arg;
    struct gw_hello_answer answer CLEANUP(gw_hello_answer_done) = {0};
    struct error odd = {0};
    link->hello = NULL;
    if (err < 0) {
        broken(link, e);
        return;
    }
    if (response->status != 200) {
        err_set(&odd, ERR_PROTOCOL, "the broker answers a hello with status %d", response->status);
        broken(link, &odd);
        return;
    }
    if (gw_hello_answer_decode(response->body, response->body_len, &answer, &odd) < 0) {
        broken(link, &odd);
        return;
    }
    move(link, LINK_UP);
    link->backoff_ms = LINK_BACKOFF_MIN_MS;
    link->told_down = false;
    log_event(EV_GATEWAY_BROKER_UP, LOG_STR("worker", link->name), LOG_STR("instance", link->instance),
              LOG_INT("connections", link->lease_count), LOG_INT("drop", answer.count));
    for (size_t i = 0; i < answer.count; i++)
        obey(link, &answer.drop[i]);
    link_redeem_parked(link);
    link_report_kick(link);
}

static int encode_hello(const struct link *link, struct buf *out)
{
    struct gw_hello hello CLEANUP(gw_hello_done) = {.count = 0};
    text_copy(hello.instance, sizeof(hello.instance), link->instance);
    hello.connections = mem_zalloc(link->lease_count + 1, ID_SIZE);
    if (hello.connections == NULL)
        return ERR_NOMEM;
    for (const struct link_lease *lease = link->leases; lease != NULL; lease = lease->next)
        strcpy(hello.connections[hello.count++], lease->connection);
    return gw_hello_encode(&hello, out);
}

static void greet(struct link *link)
{
    struct buf body CLEANUP(buf_done);
    struct error e = {0};
    char path[128];
    snprintf(path, sizeof(path), "/internal/v1/gateways/%s/hello", link->name);
    buf_init(&body, GW_MESSAGE_MAX);
    int r = encode_hello(link, &body);
    if (r == 0) {
        struct httpc_request request = link_request(link, "POST", path);
        const struct httpc_handlers handlers = {.done = hello_answered, .arg = link};
        request.body = body.data;
        request.body_len = body.len;
        request.max_body = GW_MESSAGE_MAX;
        request.total_ms = HELLO_MS;
        r = httpc_start(link->httpc, &request, &handlers, &link->hello, &e);
    }
    if (r < 0)
        broken(link, &e);
}

bool link_is_greeting(const struct link *link)
{
    return link->state == LINK_GREETING;
}

void link_quiet(struct link *link)
{
    if (link->state == LINK_GREETING && link->hello == NULL)
        greet(link);
}

/* ---- the command stream */

static void heard(struct loop_task *task)
{
    struct link *link = CONTAINER_OF(task, struct link, heard);
    struct error e = {0};
    if (link->state == LINK_CONNECTING && link->stream_stands) {
        move(link, LINK_GREETING);
        if (link->asking == NULL)
            greet(link);
    }
    if (link->inbox.len == 0)
        return;
    int r = sse_feed(link->sse, link->inbox.data, link->inbox.len, on_event, link);
    buf_reset(&link->inbox);
    if (r < 0) {
        err_set(&e, r, "the command stream is not understood");
        broken(link, &e);
    }
}

static void stream_head(const struct httpc_response *response, void *arg)
{
    struct link *link = arg;
    link->stream_stands = response->status == 200; /* else stream_done says it */
    loop_post(link->options.loop, &link->heard);
}

static int stream_data(const void *data, size_t len, void *arg)
{
    struct link *link = arg;
    loop_post(link->options.loop, &link->heard);
    return link->stream_stands ? buf_append(&link->inbox, data, len) : 0;
}

static void stream_done(int err, const struct error *e, const struct httpc_response *response, void *arg)
{
    struct link *link = arg;
    struct error odd = {0};
    link->stream = NULL;
    if (err < 0) {
        broken(link, e);
        return;
    }
    if (response->status == 200)
        err_set(&odd, ERR_CLOSED, "the broker ended the command stream");
    else
        err_set(&odd, ERR_PROTOCOL, "the broker answers the request for commands with status %d", response->status);
    broken(link, &odd);
}

static void connect_stream(void *arg)
{
    struct link *link = arg;
    struct error e = {0};
    char path[192];
    snprintf(path, sizeof(path), "/internal/v1/gateways/%s/commands?instance=%s", link->name, link->instance);
    struct httpc_request request = link_request(link, "GET", path);
    request.total_ms = 0;
    request.idle_ms = STREAM_IDLE_MS;
    const struct httpc_handlers handlers = {.done = stream_done, .head = stream_head, .data = stream_data, .arg = link};
    move(link, LINK_CONNECTING);
    sse_free(link->sse);
    link->sse = sse_new(EVENT_MAX);
    if (link->sse == NULL)
        broken_because(link, ERR_NOMEM, "no memory for the command stream");
    else if (httpc_start(link->httpc, &request, &handlers, &link->stream, &e) < 0)
        broken(link, &e);
}

/* ---- leases */

void link_lease_add(struct link *link, struct link_lease *lease)
{
    lease->prev = NULL;
    lease->next = link->leases;
    if (link->leases != NULL)
        link->leases->prev = lease;
    link->leases = lease;
    link->lease_count++;
}

void link_lease_remove(struct link *link, struct link_lease *lease)
{
    if (lease->prev != NULL)
        lease->prev->next = lease->next;
    else
        link->leases = lease->next;
    if (lease->next != NULL)
        lease->next->prev = lease->prev;
    lease->next = lease->prev = NULL;
    link->lease_count--;
}

/* ---- birth and death */

static void kick_reports(void *arg)
{
    link_report_kick(arg);
}

int link_new(const struct link_options *options, struct link **ret_link, struct error *reterr)
{
    struct link *link = MEM_NEW(struct link);
    if (link == NULL)
        return err_set(reterr, ERR_NOMEM, "no memory for the link to the broker");
    link->options = *options;
    link->backoff_ms = link->report_backoff_ms = LINK_BACKOFF_MIN_MS;
    link->reports_end = &link->reports;
    link->heard.run = heard;
    buf_init(&link->inbox, INBOX_MAX);
    id_new("i", link->instance);
    link->retry = loop_timer_new(options->loop, connect_stream, link);
    link->report_retry = loop_timer_new(options->loop, kick_reports, link);
    int r = text_copy(link->name, sizeof(link->name), options->name);
    if (r < 0 || link->retry == NULL || link->report_retry == NULL)
        r = err_set(reterr, r < 0 ? r : ERR_NOMEM, "no memory for the link to the broker");
    else
        r = httpc_new(options->loop, CONNECTIONS_MAX, &link->httpc, reterr);
    if (r < 0) {
        link_free(link);
        return r;
    }
    loop_timer_start(link->retry, 0, 0);
    *ret_link = link;
    return 0;
}

void link_free(struct link *link)
{
    if (link == NULL)
        return;
    stop_exchanges(link);
    link_report_free(link);
    link_redeem_free(link);
    httpc_free(link->httpc);
    sse_free(link->sse);
    loop_timer_free(link->retry);
    loop_timer_free(link->report_retry);
    free(link);
}

const char *link_name(const struct link *link)
{
    return link->name;
}

const char *link_instance(const struct link *link)
{
    return link->instance;
}

bool link_is_up(const struct link *link)
{
    return link->state == LINK_UP;
}
