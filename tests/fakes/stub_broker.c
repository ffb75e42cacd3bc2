/* A broker that knows tickets only: for tests of the gateway, in the place of carrel-broker's internal socket.
 *
 * Usage: stub_broker SOCKET TICKETS
 * TICKETS is read anew at each redemption; a line is: TICKET ADDRESS PORT raw|tls PIN|- IDLE_S LIMIT_S [REFUSAL_CODE].
 * What happens is printed, a line each: grant, refuse, hello, stream, closed, drop. A ticket that is redeemed again
 * replaces its connection as the broker does. POST /test/drop?connection=ID commands a disconnect. */
#include "lib/base/id.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/text.h"
#include "lib/net/httpd.h"
#include "lib/proto/gw.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define OPEN_MAX    256
#define STREAMS_MAX 64

struct open_connection {
    char id[ID_SIZE];
    char ticket[GW_TICKET_SIZE];
    char worker[GW_NAME_SIZE];
};

struct command_stream {
    struct httpd_request *req;
    char worker[GW_NAME_SIZE];
};

static const char *tickets_file;
static struct open_connection opened[OPEN_MAX];
static struct command_stream streams[STREAMS_MAX];

static void command_drop(const char *connection, const char *reason)
{
    struct gw_command command = {0};
    struct buf text CLEANUP(buf_done);
    buf_init(&text, 4096);
    text_copy(command.connection, sizeof(command.connection), connection);
    text_copy(command.reason, sizeof(command.reason), reason);
    if (gw_command_encode(&command, &text) < 0)
        return;
    printf("drop %s\n", connection);
    for (size_t i = 0; i < STREAMS_MAX; i++)
        if (streams[i].req != NULL)
            httpd_sse_send(streams[i].req, "disconnect", NULL, buf_str(&text));
}

/* The line of a ticket; refusal is "-" when there is none. */
static bool find_ticket(const char *ticket, struct gw_grant *ret, char refusal[40])
{
    FILE *f = fopen(tickets_file, "r");
    char line[512], name[GW_TICKET_SIZE], security[8];
    bool found = false;
    while (f != NULL && !found && fgets(line, sizeof(line), f) != NULL) {
        unsigned port = 0;
        long long idle = 0, limit = 0;
        strcpy(refusal, "-");
        if (sscanf(line, "%127s %63s %u %7s %64s %lld %lld %39s", name, ret->address, &port, security, ret->cert_sha256,
                   &idle, &limit, refusal) < 7)
            continue;
        ret->port = (uint16_t)port;
        ret->idle_s = idle;
        ret->limit_s = limit;
        ret->security = strcmp(security, "tls") == 0 ? GW_SECURITY_TLS : GW_SECURITY_RAW;
        if (strcmp(ret->cert_sha256, "-") == 0)
            ret->cert_sha256[0] = '\0';
        found = strcmp(name, ticket) == 0;
    }
    if (f != NULL)
        fclose(f);
    return found;
}

static void note_open(const struct gw_redeem *redeem, const char *connection)
{
    struct open_connection *place = NULL;
    for (size_t i = 0; i < OPEN_MAX; i++) {
        if (opened[i].id[0] != '\0' && strcmp(opened[i].ticket, redeem->ticket) == 0) {
            command_drop(opened[i].id, "replaced");
            opened[i].id[0] = '\0';
        }
        if (opened[i].id[0] == '\0')
            place = &opened[i];
    }
    if (place == NULL)
        return;
    strcpy(place->id, connection);
    strcpy(place->ticket, redeem->ticket);
    strcpy(place->worker, redeem->gateway);
}

static void redeem(struct httpd_request *req, void *arg)
{
    struct gw_redeem m;
    struct gw_grant grant = {.session = "s-test"};
    struct error e = {0};
    struct buf out CLEANUP(buf_done);
    char refusal[40];
    size_t len = 0;
    const char *body = httpd_body(req, &len);
    (void)arg;
    buf_init(&out, 4096);
    if (gw_redeem_decode(body, len, &m, &e) < 0) {
        httpd_problem_err(req, ERR_INVALID, &e);
        return;
    }
    if (!find_ticket(m.ticket, &grant, refusal)) {
        printf("refuse %s %s\n", m.gateway, m.address);
        httpd_problem(req, 403, GW_TICKET_REFUSED, NULL, "This ticket opens nothing.");
        return;
    }
    if (strcmp(refusal, "-") != 0) {
        printf("refuse %s %s %s\n", m.gateway, m.address, refusal);
        httpd_problem(req, 409, refusal, NULL, "The desktop is not ready yet.");
        return;
    }
    id_new("c", grant.connection);
    note_open(&m, grant.connection);
    printf("grant %s %s %s %s\n", grant.connection, m.gateway, gw_door_name(m.door), m.address);
    gw_grant_encode(&grant, &out);
    httpd_respond(req, 200, "application/json", out.data, out.len);
}

static bool hello_names(const struct gw_hello *m, const char *id)
{
    for (size_t i = 0; i < m->count; i++)
        if (strcmp(m->connections[i], id) == 0)
            return true;
    return false;
}

static void hello(struct httpd_request *req, void *arg)
{
    struct gw_hello m CLEANUP(gw_hello_done) = {0};
    struct gw_hello_answer answer = {0};
    struct error e = {0};
    struct buf out CLEANUP(buf_done);
    size_t len = 0;
    const char *body = httpd_body(req, &len);
    const char *worker = httpd_param(req, "worker");
    (void)arg;
    buf_init(&out, GW_MESSAGE_MAX);
    if (gw_hello_decode(body, len, &m, &e) < 0) {
        httpd_problem_err(req, ERR_INVALID, &e);
        return;
    }
    printf("hello %s %zu\n", worker, m.count);
    for (size_t i = 0; i < OPEN_MAX; i++) {
        if (opened[i].id[0] != '\0' && strcmp(opened[i].worker, worker) == 0 && !hello_names(&m, opened[i].id)) {
            printf("lost %s\n", opened[i].id);
            opened[i].id[0] = '\0';
        }
    }
    gw_hello_answer_encode(&answer, &out);
    httpd_respond(req, 200, "application/json", out.data, out.len);
}

static void stream_gone(struct httpd_request *req, void *arg)
{
    struct command_stream *stream = arg;
    printf("stream-end %s\n", stream->worker);
    stream->req = NULL;
    httpd_sse_end(req);
}

static void commands(struct httpd_request *req, void *arg)
{
    (void)arg;
    for (size_t i = 0; i < STREAMS_MAX; i++) {
        if (streams[i].req != NULL)
            continue;
        streams[i].req = req;
        text_copy(streams[i].worker, sizeof(streams[i].worker), httpd_param(req, "worker"));
        printf("stream %s\n", streams[i].worker);
        httpd_sse_begin(req);
        httpd_on_gone(req, stream_gone, &streams[i]);
        return;
    }
    httpd_problem(req, 503, "busy", NULL, "Too many streams.");
}

static void closed(struct httpd_request *req, void *arg)
{
    struct gw_closed m;
    struct error e = {0};
    size_t len = 0;
    const char *body = httpd_body(req, &len);
    const char *id = httpd_param(req, "id");
    (void)arg;
    if (gw_closed_decode(body, len, &m, &e) < 0) {
        httpd_problem_err(req, ERR_INVALID, &e);
        return;
    }
    printf("closed %s %s up=%lld down=%lld\n", id, gw_reason_name(m.reason), (long long)m.bytes_up,
           (long long)m.bytes_down);
    for (size_t i = 0; i < OPEN_MAX; i++)
        if (strcmp(opened[i].id, id) == 0)
            opened[i].id[0] = '\0';
    httpd_respond(req, 204, NULL, NULL, 0);
}

static void drop(struct httpd_request *req, void *arg)
{
    const char *id = httpd_query_param(req, "connection");
    (void)arg;
    command_drop(id != NULL ? id : "", "a test said so");
    httpd_respond(req, 204, NULL, NULL, 0);
}

static const struct httpd_route routes[] = {
    {"POST", GW_REDEEM_PATH, redeem, 4096},
    {"POST", "/internal/v1/gateways/{worker}/hello", hello, GW_MESSAGE_MAX},
    {"GET", "/internal/v1/gateways/{worker}/commands", commands, 0},
    {"POST", "/internal/v1/connections/{id}/closed", closed, 4096},
    {"POST", "/test/drop", drop, 4096},
};

static void on_stop(int signum, void *arg)
{
    (void)signum;
    loop_stop(arg);
}

int main(int argc, char **argv)
{
    const struct httpd_options options = {
        .routes = routes, .route_count = ARRAY_LEN(routes), .limits = {.sse_keepalive_ms = 2000}};
    struct loop *loop = NULL;
    struct httpd *httpd = NULL;
    struct error e = {0};
    if (argc != 3)
        return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    log_init("stub-broker", 2, LOG_LEVEL_NOTICE);
    tickets_file = argv[2];
    int r = loop_new(&loop, &e);
    if (r == 0)
        r = loop_on_signal(loop, SIGTERM, on_stop, loop, &e);
    if (r == 0)
        r = httpd_new(loop, &options, &httpd, &e);
    if (r == 0)
        r = httpd_listen_unix(httpd, argv[1], 0600, (uid_t)-1, (gid_t)-1, NULL, &e);
    if (r < 0) {
        fprintf(stderr, "stub_broker: %s\n", err_message(&e));
        return 1;
    }
    puts("ready");
    loop_run(loop);
    httpd_free(httpd);
    loop_free(loop);
    return 0;
}
