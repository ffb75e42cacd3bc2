#include "lib/net/httpd_conn.h"

#include "lib/base/clock.h"
#include "lib/base/mem.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINGER_MS 2000
/* Most that one connection may do before others get their turn. */
#define STEPS_PER_RUN 32
/* Answers are ours and bounded by whoever makes them; this only stops a runaway. */
#define OUT_MAX (64U << 20)

static void set_deadline(struct conn *conn, unsigned ms)
{
    conn->deadline_ms = clock_mono_ms() + ms;
}

void conn_free(struct conn *conn)
{
    struct httpd *httpd = conn->httpd;
    conn->buried = true;
    loop_unpost(httpd->loop, &conn->again);
    stream_free(TAKE_PTR(conn->stream));
    if (conn->req != NULL)
        request_lost(TAKE_PTR(conn->req)); /* may end other connections, too */
    if (httpd->walking)
        return; /* whoever walks along the list frees it */
    if (conn->prev != NULL)
        conn->prev->next = conn->next;
    else
        httpd->conns = conn->next;
    if (conn->next != NULL)
        conn->next->prev = conn->prev;
    httpd->conn_count--;
    if (httpd->options.on_closed != NULL)
        httpd->options.on_closed(&conn->peer, httpd->options.arg);
    buf_done(&conn->in);
    buf_done(&conn->out);
    free(conn);
}

static void run_again(struct loop_task *task)
{
    conn_run(CONTAINER_OF(task, struct conn, again));
}

static void on_event(struct stream *stream, unsigned events, void *arg)
{
    struct conn *conn = arg;
    (void)stream;
    if ((events & STREAM_HANGUP) && conn->phase == CONN_HANDLER)
        conn->dead = true;
    conn_run(conn);
}

int conn_new(struct httpd *httpd, int take_fd, struct tls_server *tls, const struct httpd_peer *peer,
             struct error *reterr)
{
    struct conn *conn = MEM_NEW(struct conn);
    if (conn == NULL) {
        close(take_fd);
        return err_set(reterr, ERR_NOMEM, "no memory for a connection");
    }
    int r =
        stream_new(httpd->loop, take_fd, tls != NULL ? tls_server_ctx(tls) : NULL, true, NULL, &conn->stream, reterr);
    if (r < 0) {
        free(conn);
        return r;
    }
    conn->httpd = httpd;
    conn->peer = *peer;
    conn->again.run = run_again;
    buf_init(&conn->in, httpd->limits.max_head);
    buf_init(&conn->out, OUT_MAX);
    set_deadline(conn, httpd->limits.head_ms);
    conn->next = httpd->conns;
    if (conn->next != NULL)
        conn->next->prev = conn;
    httpd->conns = conn;
    httpd->conn_count++;
    stream_set_handler(conn->stream, on_event, conn);
    stream_watch(conn->stream, STREAM_READABLE);
    return 0;
}

/* ---- reading */

/* One read into `b`, at most `room` bytes. 0, ERR_AGAIN, or another error (then the connection is dead). */
static int read_into(struct conn *conn, struct buf *b, size_t room)
{
    char *at;
    size_t n = 0;
    int r = buf_reserve(b, room, &at);
    if (r == 0)
        r = stream_read(conn->stream, at, room, &n, NULL);
    if (r == 0)
        buf_commit(b, n);
    else if (r != ERR_AGAIN)
        conn->dead = true;
    return r;
}

static void route(struct httpd_request *req)
{
    const struct httpd *httpd = req->conn->httpd;
    char allow[128] = "";
    for (size_t i = 0; i < httpd->options.route_count; i++) {
        const struct httpd_route *at = &httpd->options.routes[i];
        if (http_route_match(at->pattern, req->head.path, &req->params) < 0)
            continue;
        if (strcmp(at->method, "*") == 0 || strcmp(at->method, req->head.method) == 0 ||
            (req->is_head && strcmp(at->method, "GET") == 0)) {
            req->route = at;
            return;
        }
        size_t len = strlen(allow);
        if (!http_list_has(allow, at->method))
            snprintf(allow + len, sizeof(allow) - len, "%s%s", len > 0 ? ", " : "", at->method);
    }
    if (allow[0] == '\0') {
        request_refuse(req, 404, "There is nothing under this address.", false);
        return;
    }
    httpd_set_header(req, "Allow", allow);
    request_refuse(req, 405, "This method is not possible here.", false);
}

/* Unknown methods may belong to a protocol of another door. Returns true when the connection is no longer ours. */
static bool offer_raw(struct conn *conn, size_t skip)
{
    struct httpd *httpd = conn->httpd;
    if (httpd->options.on_raw == NULL)
        return false;
    struct stream *stream = conn->stream;
    stream_watch(stream, 0);
    stream_set_handler(stream, NULL, NULL);
    if (httpd->options.on_raw(stream, conn->in.data + skip, conn->in.len - skip, &conn->peer, httpd->options.arg)) {
        conn->stream = NULL;
        conn->dead = true;
        return true;
    }
    stream_set_handler(stream, on_event, conn);
    return false;
}

static void begin_body(struct conn *conn, struct httpd_request *req)
{
    int64_t length = req->head.content_length > 0 ? req->head.content_length : 0;
    if ((uint64_t)length > req->route->max_body) {
        request_refuse(req, 413, "The body is larger than this address takes.", true);
        return;
    }
    buf_init(&req->body, (size_t)length);
    size_t here = conn->in.len < (size_t)length ? conn->in.len : (size_t)length;
    if (buf_append(&req->body, conn->in.data, here) < 0) {
        request_refuse(req, 503, "There is no memory for this request.", true);
        return;
    }
    buf_consume(&conn->in, here);
    conn->phase = CONN_BODY;
    set_deadline(conn, conn->httpd->limits.body_ms);
    if (req->body.len < (size_t)length && req->head.expect_continue && req->head.minor == 1)
        buf_append_str(&conn->out, "HTTP/1.1 100 Continue\r\n\r\n");
}

/* A whole head of `len` bytes stands at conn->in.data + skip. */
static void take_head(struct conn *conn, size_t skip, size_t len)
{
    const char *why = NULL;
    struct httpd_request *req = request_new(conn, conn->in.data + skip, len);
    if (req == NULL) {
        conn->dead = true;
        return;
    }
    int status = http_head_parse(req->text, len, &req->head, &why);
    bool known = status == 0 && http_method_known(req->head.method);
    if (status == 0 && !known && offer_raw(conn, skip)) {
        request_free(req);
        return;
    }
    conn->req = req;
    conn->phase = CONN_HANDLER;
    conn->deadline_ms = 0;
    conn->served++;
    buf_consume(&conn->in, skip + len);
    if (status != 0) {
        request_refuse(req, status, why, true);
        return;
    }
    conn->close_after = !req->head.keep_alive;
    req->is_head = strcmp(req->head.method, "HEAD") == 0;
    if (!known)
        request_refuse(req, 501, "This method is not known here.", true);
    else if (http_path_check(req->head.path) < 0)
        request_refuse(req, 400, "The path is not valid.", true);
    else
        route(req);
    if (conn->req == req && req->answer == ANSWER_OWED)
        begin_body(conn, req);
}

static void refuse_head(struct conn *conn, int status, const char *detail)
{
    struct httpd_request *req = request_new(conn, "", 0);
    if (req == NULL) {
        conn->dead = true;
        return;
    }
    conn->req = req;
    conn->phase = CONN_HANDLER;
    conn->deadline_ms = 0;
    request_refuse(req, status, detail, true);
}

/* Each step returns true when there may be more to do at once. */
static bool step_head(struct conn *conn)
{
    size_t skip = 0;
    if (conn->in.len > 0) {
        size_t len = http_head_end(conn->in.data, conn->in.len, &skip);
        if (len > 0) {
            take_head(conn, skip, len);
            return true;
        }
        if (conn->in.len >= conn->in.max) {
            refuse_head(conn, 431, "The request line and headers are larger than is taken here.");
            return true;
        }
    }
    bool idle = conn->in.len == 0;
    size_t room = conn->in.max - conn->in.len;
    int r = read_into(conn, &conn->in, room < 4096 ? room : 4096);
    if (r == 0 && idle)
        set_deadline(conn, conn->httpd->limits.head_ms);
    return r == 0;
}

static bool step_body(struct conn *conn)
{
    struct httpd_request *req = conn->req;
    size_t missing = req->body.max - req->body.len;
    if (missing > 0)
        return read_into(conn, &req->body, missing < 65536 ? missing : 65536) == 0;
    conn->phase = CONN_HANDLER;
    conn->deadline_ms = 0;
    req->handed = true;
    req->route->handler(req, req->arg); /* may answer at once, or leave */
    return true;
}

/* ---- writing */

/* 0 = all is sent; ERR_AGAIN; else the connection is dead. */
static int flush(struct conn *conn)
{
    while (conn->out.len > 0) {
        size_t n = 0;
        int r = stream_write(conn->stream, conn->out.data, conn->out.len, &n, NULL);
        if (r == ERR_AGAIN) {
            if (conn->write_deadline_ms == 0)
                conn->write_deadline_ms = clock_mono_ms() + conn->httpd->limits.write_ms;
            return r;
        }
        if (r < 0) {
            conn->dead = true;
            return r;
        }
        buf_consume(&conn->out, n);
        conn->write_deadline_ms = 0;
        conn->spoken_ms = clock_mono_ms();
    }
    conn->write_deadline_ms = 0;
    return 0;
}

static bool step_handler(struct conn *conn)
{
    struct httpd_request *req = conn->req;
    if (req == NULL || req->drain_fn == NULL || req->answer != ANSWER_STREAMING)
        return false;
    void (*fn)(struct httpd_request *, void *) = req->drain_fn;
    size_t before = conn->out.len;
    req->drain_fn = NULL;
    fn(req, req->drain_arg); /* may write more, or end */
    return conn->phase != CONN_HANDLER || conn->out.len != before;
}

/* Everything of an answer is sent. */
static bool step_flushed(struct conn *conn)
{
    if (conn->close_after || conn->httpd->draining) {
        conn->phase = CONN_LINGER;
        set_deadline(conn, LINGER_MS);
        stream_shutdown(conn->stream);
        return true;
    }
    conn->phase = CONN_HEAD;
    buf_done(&conn->out);
    if (conn->in.len == 0)
        buf_done(&conn->in); /* an idle connection holds no buffers */
    set_deadline(conn, conn->in.len > 0 ? conn->httpd->limits.head_ms : conn->httpd->limits.idle_ms);
    return true;
}

/* Closing at once while input is unread would reset the connection and tear the answer out of the client's hands. */
static bool step_linger(struct conn *conn)
{
    buf_reset(&conn->in);
    return read_into(conn, &conn->in, 4096) == 0;
}

static bool step(struct conn *conn)
{
    if (flush(conn) < 0)
        return false;
    switch (conn->phase) {
    case CONN_HEAD:
        return step_head(conn);
    case CONN_BODY:
        return step_body(conn);
    case CONN_HANDLER:
        return step_handler(conn);
    case CONN_FLUSH:
        return step_flushed(conn);
    case CONN_LINGER:
        return step_linger(conn);
    }
    return false;
}

static void watch(struct conn *conn)
{
    unsigned events = 0;
    if (conn->out.len > 0)
        events |= STREAM_WRITABLE;
    else if (conn->phase != CONN_HANDLER)
        events |= STREAM_READABLE;
    if (conn->phase == CONN_HANDLER)
        events |= STREAM_HANGUP;
    stream_watch(conn->stream, events);
}

void conn_run(struct conn *conn)
{
    if (conn->running > 0 || conn->buried)
        return; /* the outer one goes on */
    conn->running++;
    int left = STEPS_PER_RUN;
    while (!conn->dead && left > 0 && step(conn))
        left--;
    conn->running--;
    if (conn->dead) {
        conn_free(conn);
        return;
    }
    watch(conn);
    if (left == 0)
        loop_post(conn->httpd->loop, &conn->again);
}

void conn_kill(struct conn *conn)
{
    conn->dead = true;
    conn_run(conn);
}

void conn_tick(struct conn *conn, int64_t now_ms)
{
    bool stalled = conn->write_deadline_ms != 0 && now_ms >= conn->write_deadline_ms;
    bool late = conn->deadline_ms != 0 && now_ms >= conn->deadline_ms;
    if (stalled) {
        conn->dead = true;
    } else if (late && conn->phase == CONN_HEAD && conn->in.len > 0) {
        refuse_head(conn, 408, "The request did not arrive in time.");
    } else if (late && conn->phase == CONN_BODY) {
        conn->phase = CONN_HANDLER;
        conn->deadline_ms = 0;
        request_refuse(conn->req, 408, "The body did not arrive in time.", true);
    } else if (late) {
        conn->dead = true;
    } else if (conn->req != NULL && conn->req->sse && conn->out.len == 0 && conn->phase == CONN_HANDLER &&
               now_ms - conn->spoken_ms >= conn->httpd->limits.sse_keepalive_ms) {
        httpd_write(conn->req, ":\n\n", 3);
        return; /* that ran the connection */
    } else {
        return;
    }
    conn_run(conn);
}
