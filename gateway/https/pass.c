#include "gateway/https/pass.h"

#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/text.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define CONNECT_MS 2000
/* Nothing from the broker for so long; its event streams speak every 15 s. */
#define IDLE_MS   60000
#define LINES_MAX 16

/* One request on its way. */
struct passage {
    struct passage *next, *prev;
    struct pass *pass;
    struct httpd_request *req;
    struct httpc_exchange *exchange;
    bool begun; /* the answer's head has gone to the client */
};

struct pass {
    struct httpc *httpc;
    char *broker_socket;
    struct passage *passages;
    bool down; /* said so in the log */
};

static const char *const request_headers[] = {"Accept",   "Accept-Language", "Authorization", "Content-Type",
                                              "If-Match", "If-None-Match",   "Last-Event-ID", "User-Agent"};
/* Of the answer: hop by hop (RFC 9110 section 7.6.1), or written by httpd itself. */
static const char *const own_headers[] = {"Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Connection",
                                          "TE",         "Trailer",    "Transfer-Encoding",  "Upgrade",
                                          "Server",     "Date",       "Content-Length",     "Content-Type"};

int pass_new(struct loop *loop, const char *broker_socket, unsigned max_connections, struct pass **ret_pass,
             struct error *reterr)
{
    struct pass *pass = MEM_NEW(struct pass);
    if (pass == NULL || (pass->broker_socket = mem_strdup(broker_socket)) == NULL) {
        free(pass);
        return err_set(reterr, ERR_NOMEM, "no memory for the way to the broker");
    }
    int r = httpc_new(loop, max_connections, &pass->httpc, reterr);
    if (r < 0) {
        free(pass->broker_socket);
        free(pass);
        return r;
    }
    *ret_pass = pass;
    return 0;
}

static void passage_free(struct passage *p)
{
    if (p->prev != NULL)
        p->prev->next = p->next;
    else
        p->pass->passages = p->next;
    if (p->next != NULL)
        p->next->prev = p->prev;
    free(p);
}

void pass_free(struct pass *pass)
{
    if (pass == NULL)
        return;
    while (pass->passages != NULL) {
        struct passage *p = pass->passages;
        httpc_cancel(p->exchange);
        httpd_end(p->req, false);
        passage_free(p);
    }
    httpc_free(pass->httpc);
    free(pass->broker_socket);
    free(pass);
}

static void client_gone(struct httpd_request *req, void *arg)
{
    struct passage *p = arg;
    httpc_cancel(p->exchange);
    httpd_end(req, false);
    passage_free(p);
}

static bool is_own(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(own_headers); i++)
        if (strcasecmp(own_headers[i], name) == 0)
            return true;
    return false;
}

static void head_came(const struct httpc_response *response, void *arg)
{
    struct passage *p = arg;
    const char *name, *value;
    int64_t length = -1;
    for (size_t i = 0; httpc_header_at(response, i, &name, &value); i++)
        if (!is_own(name))
            httpd_set_header(p->req, name, value);
    const char *said = httpc_header(response, "content-length");
    if (said != NULL)
        text_to_int(said, 0, INT64_MAX, &length);
    if (response->status == 204 || response->status == 304)
        length = 0;
    p->begun = true;
    httpd_begin(p->req, response->status, response->content_type[0] != '\0' ? response->content_type : NULL, length);
}

static void drained(struct httpd_request *req, void *arg)
{
    struct passage *p = arg;
    (void)req;
    httpc_resume(p->exchange);
}

static int data_came(const void *data, size_t len, void *arg)
{
    struct passage *p = arg;
    int r = httpd_write(p->req, data, len);
    if (r == ERR_BUSY)
        httpd_on_drain(p->req, drained, p);
    return r;
}

static void tell_state(struct pass *pass, int err, const struct error *e)
{
    bool down = err == ERR_UNREACHABLE;
    if (down && !pass->down)
        log_event(EV_HTTPS_BROKER_DOWN, LOG_STR("socket", pass->broker_socket), LOG_ERR(e));
    else if (err == 0 && pass->down)
        log_event(EV_HTTPS_BROKER_BACK, LOG_STR("socket", pass->broker_socket));
    else
        return;
    pass->down = down;
}

static void refuse(struct httpd_request *req, int err)
{
    if (err == ERR_TIMEOUT) {
        httpd_problem(req, 504, "broker_slow", NULL, "The broker did not answer in time; please try again.");
        return;
    }
    httpd_set_header(req, "Retry-After", "2");
    httpd_problem(req, 503, "broker_down", NULL, "The broker cannot be reached at the moment; please try again soon.");
}

static void answer_done(int err, const struct error *e, const struct httpc_response *response, void *arg)
{
    struct passage *p = arg;
    (void)response;
    tell_state(p->pass, err, e);
    httpd_on_gone(p->req, NULL, NULL);
    if (p->begun)
        httpd_end(p->req, err == 0);
    else
        refuse(p->req, err);
    passage_free(p);
}

/* Texts of the header lines that go on; freed by the caller. */
static size_t make_lines(const struct httpd_request *req, char *lines[LINES_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(request_headers); i++) {
        const char *value = httpd_header(req, request_headers[i]);
        bool body_type = strcmp(request_headers[i], "Content-Type") == 0;
        if (value != NULL && !body_type && (lines[n] = mem_printf("%s: %s", request_headers[i], value)) != NULL)
            n++;
    }
    const struct httpd_peer *peer = httpd_peer(req);
    lines[n] = mem_printf("X-Forwarded-For: %s", peer->is_unix ? "unix" : peer->address);
    n += lines[n] != NULL;
    lines[n] = mem_printf("X-Forwarded-Proto: %s", peer->tls ? "https" : "http");
    return n + (lines[n] != NULL);
}

static int start(struct passage *p, struct error *reterr)
{
    struct httpd_request *req = p->req;
    char *lines[LINES_MAX] = {0};
    size_t count = make_lines(req, lines);
    const char *query = httpd_query(req);
    char *path CLEANUP_FREE = mem_printf("%s%s%s", httpd_path(req), query[0] != '\0' ? "?" : "", query);
    size_t body_len;
    const char *body = httpd_body(req, &body_len);
    struct httpc_request request = {
        .target = {.base_url = "http://broker", .unix_path = p->pass->broker_socket},
        .method = httpd_method(req),
        .path = path,
        .headers = (const char *const *)lines,
        .content_type = httpd_header(req, "content-type"),
        .body = body_len > 0 ? body : NULL,
        .body_len = body_len,
        .connect_ms = CONNECT_MS,
        .idle_ms = IDLE_MS,
    };
    struct httpc_handlers handlers = {.done = answer_done, .head = head_came, .data = data_came, .arg = p};
    bool marked = count > 0 && lines[count - 1] != NULL && strncmp(lines[count - 1], "X-Forwarded-Proto", 17) == 0;
    int r = path != NULL && marked ? httpc_start(p->pass->httpc, &request, &handlers, &p->exchange, reterr)
                                   : err_set(reterr, ERR_NOMEM, "no memory for a request");
    for (size_t i = 0; i < count; i++)
        free(lines[i]);
    return r;
}

void pass_request(struct pass *pass, struct httpd_request *req)
{
    struct error e = {0};
    struct passage *p = MEM_NEW(struct passage);
    if (p == NULL) {
        httpd_problem_err(req, ERR_NOMEM, NULL);
        return;
    }
    p->pass = pass;
    p->req = req;
    p->next = pass->passages;
    if (p->next != NULL)
        p->next->prev = p;
    pass->passages = p;
    int r = start(p, &e);
    if (r < 0) {
        passage_free(p);
        httpd_problem_err(req, r, &e);
        return;
    }
    httpd_on_gone(req, client_gone, p);
}
