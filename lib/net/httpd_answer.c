#include "lib/net/httpd_conn.h"

#include "lib/base/clock.h"
#include "lib/base/mem.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define HEADERS_MAX  16384
#define HEAD_OUT_MAX (HEADERS_MAX + 4096)

struct httpd_request *request_new(struct conn *conn, const char *head_text, size_t head_len)
{
    struct httpd_request *req = MEM_NEW(struct httpd_request);
    if (req == NULL)
        return NULL;
    req->text = mem_strndup(head_text, head_len);
    if (req->text == NULL) {
        free(req);
        return NULL;
    }
    req->conn = conn;
    req->loop = conn->httpd->loop;
    req->arg = conn->httpd->options.arg;
    req->peer = conn->peer;
    req->head.minor = 1;
    req->head.content_length = -1;
    buf_init(&req->body, 0);
    buf_init(&req->headers, HEADERS_MAX);
    buf_init(&req->scratch, HEADERS_MAX);
    return req;
}

void request_free(struct httpd_request *req)
{
    if (req->conn == NULL)
        loop_unpost(req->loop, &req->gone_task);
    free(req->text);
    buf_done(&req->body);
    buf_done(&req->headers);
    buf_done(&req->scratch);
    free(req);
}

static void tell_gone(struct loop_task *task)
{
    struct httpd_request *req = CONTAINER_OF(task, struct httpd_request, gone_task);
    void (*fn)(struct httpd_request *, void *) = req->gone_fn;
    req->gone_fn = NULL;
    if (fn != NULL)
        fn(req, req->gone_arg); /* may answer, which frees it */
}

void request_lost(struct httpd_request *req)
{
    req->conn = NULL;
    if (!req->handed) {
        request_free(req);
        return;
    }
    /* Later: who is just writing to this request must find it still there. */
    req->gone_task.run = tell_gone;
    loop_post(req->loop, &req->gone_task);
}

/* The answer is complete: the connection goes on without the request. */
static void finish(struct httpd_request *req)
{
    struct conn *conn = req->conn;
    if (conn != NULL) {
        conn->req = NULL;
        conn->phase = CONN_FLUSH;
        conn->close_after = conn->close_after || req->cut_short;
    }
    request_free(req);
    if (conn != NULL)
        conn_run(conn);
}

static bool has_header(const struct httpd_request *req, const char *name)
{
    size_t len = strlen(name);
    for (const char *line = buf_str(&req->headers); *line != '\0'; line = strchr(line, '\n') + 1)
        if (strncasecmp(line, name, len) == 0 && line[len] == ':')
            return true;
    return false;
}

/* Appends the head of the answer to the connection's output. content_length -1 = none is said. */
static int write_head(struct httpd_request *req, int status, const char *content_type, int64_t content_length)
{
    struct conn *conn = req->conn;
    const char *extra = conn->httpd->options.extra_headers;
    struct buf head CLEANUP(buf_done);
    buf_init(&head, HEAD_OUT_MAX);
    bool close = req->cut_short || conn->close_after || conn->httpd->draining;
    int r = buf_printf(&head, "HTTP/1.1 %d %s\r\n", status, http_reason(status));
    if (r == 0 && content_type != NULL)
        r = buf_printf(&head, "Content-Type: %s\r\n", content_type);
    if (r == 0 && content_length >= 0 && status != 204 && status != 304)
        r = buf_printf(&head, "Content-Length: %lld\r\n", (long long)content_length);
    if (r == 0 && req->chunked)
        r = buf_append_str(&head, "Transfer-Encoding: chunked\r\n");
    if (r == 0 && close)
        r = buf_append_str(&head, "Connection: close\r\n");
    else if (r == 0 && req->head.minor == 0)
        r = buf_append_str(&head, "Connection: keep-alive\r\n");
    if (r == 0 && !has_header(req, "cache-control"))
        r = buf_append_str(&head, "Cache-Control: no-store\r\n");
    if (r == 0 && extra != NULL)
        r = buf_append_str(&head, extra);
    if (r == 0)
        r = buf_append(&head, req->headers.data, req->headers.len);
    if (r == 0)
        r = buf_append_str(&head, "\r\n");
    if (r == 0)
        r = buf_append(&conn->out, head.data, head.len);
    conn->spoken_ms = clock_mono_ms();
    return r;
}

static bool clean_text(const char *s)
{
    for (; *s != '\0'; s++)
        if ((unsigned char)*s < ' ' || *s == 0x7f)
            return false;
    return true;
}

void httpd_set_header(struct httpd_request *req, const char *name, const char *value)
{
    if (clean_text(name) && clean_text(value))
        buf_printf(&req->headers, "%s: %s\r\n", name, value);
}

void httpd_respond(struct httpd_request *req, int status, const char *content_type, const void *body, size_t len)
{
    struct conn *conn = req->conn;
    req->answer = ANSWER_DONE;
    if (conn != NULL) {
        int r = write_head(req, status, content_type, (int64_t)len);
        if (r == 0 && !req->is_head && len > 0)
            r = buf_append(&conn->out, body, len);
        conn->dead = conn->dead || r < 0;
    }
    finish(req);
}

void httpd_json(struct httpd_request *req, int status, json_t *take_json)
{
    char *text CLEANUP_FREE = take_json != NULL ? json_dumps(take_json, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    json_decref(take_json);
    if (text != NULL)
        httpd_respond(req, status, "application/json", text, strlen(text));
    else
        httpd_problem(req, 500, "internal", NULL, "The answer could not be written.");
}

void httpd_problem(struct httpd_request *req, int status, const char *code, const char *title, const char *detail)
{
    json_t *doc =
        json_pack("{ss ss si ss ss}", "type", "about:blank", "title", title != NULL ? title : http_reason(status),
                  "status", status, "code", code, "detail", detail);
    char *text CLEANUP_FREE = doc != NULL ? json_dumps(doc, JSON_COMPACT) : NULL;
    json_decref(doc);
    httpd_respond(req, status, "application/problem+json", text, text != NULL ? strlen(text) : 0);
}

void request_refuse(struct httpd_request *req, int status, const char *detail, bool close)
{
    static const struct {
        int status;
        const char *code;
    } codes[] = {
        {400, "bad_request"},     {404, "not_found"},      {405, "method_not_allowed"}, {408, "request_timeout"},
        {411, "length_required"}, {413, "body_too_large"}, {431, "header_too_large"},   {501, "method_unknown"},
        {503, "overloaded"},      {505, "version"},
    };
    const char *code = "refused";
    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        if (codes[i].status == status)
            code = codes[i].code;
    /* A body that nobody will read cannot be skipped over. */
    req->cut_short = close || req->head.content_length > 0;
    httpd_problem(req, status, code, NULL, detail);
}

static const struct {
    int err;
    int status;
    const char *code;
    bool hide; /* the sentence is for the operator only */
} error_answers[] = {
    {ERR_INVALID, 400, "invalid", false},
    {ERR_TOO_BIG, 413, "too_big", false},
    {ERR_NOT_FOUND, 404, "not_found", false},
    {ERR_EXISTS, 409, "exists", false},
    {ERR_CONFLICT, 409, "conflict", false},
    {ERR_ILLEGAL_MOVE, 409, "illegal_move", false},
    {ERR_TIMEOUT, 504, "timeout", false},
    {ERR_BUSY, 503, "busy", false},
    {ERR_CANCELLED, 503, "cancelled", false},
    {ERR_DENIED, 403, "denied", false},
    {ERR_NO_SPACE, 507, "no_space", false},
    {ERR_UNREACHABLE, 503, "unreachable", true},
    {ERR_STORE_DOWN, 503, "store_down", true},
    {ERR_NOT_ENTITLED, 403, "not_entitled", false},
    {ERR_POOL_CLOSED, 409, "pool_closed", false},
    {ERR_BAD_CREDENTIALS, 401, "bad_credentials", false},
    {ERR_ACCOUNT_DISABLED, 401, "account_disabled", false},
    {ERR_ACCOUNT_LOCKED, 401, "account_locked", false},
    {ERR_ACCOUNT_EXPIRED, 401, "account_expired", false},
    {ERR_PASSWORD_EXPIRED, 401, "password_expired", false},
    {ERR_DIRECTORY_DOWN, 503, "directory_down", true},
    {ERR_HOST_DOWN, 503, "host_down", false},
    {ERR_IMAGE, 409, "image", false},
    {ERR_SEALED, 409, "sealed", false},
    {ERR_GUEST, 502, "guest", false},
    {ERR_VIRT, 502, "virt", false},
    {ERR_TICKET_REFUSED, 403, "ticket_refused", false},
    {ERR_UNSUPPORTED, 501, "unsupported", false},
};

void httpd_problem_err(struct httpd_request *req, int code, const struct error *e)
{
    char detail[400];
    for (size_t i = 0; i < ARRAY_LEN(error_answers); i++) {
        if (error_answers[i].err != code)
            continue;
        bool own = e != NULL && e->text[0] != '\0' && !error_answers[i].hide;
        snprintf(detail, sizeof(detail), "%s.", own ? e->text : err_text(code));
        if (detail[0] >= 'a' && detail[0] <= 'z')
            detail[0] = (char)(detail[0] - 'a' + 'A');
        httpd_problem(req, error_answers[i].status, error_answers[i].code, NULL, detail);
        return;
    }
    httpd_problem(req, 500, "internal", NULL, "The request failed; the log of the service says why.");
}

/* ---- streams */

int httpd_begin(struct httpd_request *req, int status, const char *content_type, int64_t content_length)
{
    struct conn *conn = req->conn;
    req->answer = ANSWER_STREAMING;
    if (conn == NULL)
        return ERR_CLOSED;
    if (content_length < 0) {
        req->chunked = req->head.minor == 1;
        req->cut_short = req->cut_short || !req->chunked;
    }
    int r = write_head(req, status, content_type, content_length);
    if (r < 0)
        return r;
    conn_run(conn);
    return req->conn != NULL ? 0 : ERR_CLOSED;
}

static int append_chunk(struct httpd_request *req, const void *data, size_t len)
{
    struct buf *out = &req->conn->out;
    if (!req->chunked)
        return buf_append(out, data, len);
    char size_line[24];
    int n = snprintf(size_line, sizeof(size_line), "%zx\r\n", len);
    size_t before = out->len;
    int r = buf_append(out, size_line, (size_t)n);
    if (r == 0)
        r = buf_append(out, data, len);
    if (r == 0)
        r = buf_append(out, "\r\n", 2);
    if (r < 0)
        out->len = before;
    return r;
}

int httpd_write(struct httpd_request *req, const void *data, size_t len)
{
    struct conn *conn = req->conn;
    if (conn == NULL)
        return ERR_CLOSED;
    if (len == 0 || req->is_head)
        return 0;
    if (req->drain_fn != NULL)
        return ERR_BUSY;
    if (conn->out.len > 0 && conn->out.len + len > conn->httpd->limits.max_pending)
        return ERR_BUSY;
    int r = append_chunk(req, data, len);
    if (r < 0)
        return r;
    conn_run(conn); /* may find out that the client has gone */
    return 0;
}

void httpd_on_drain(struct httpd_request *req, void (*fn)(struct httpd_request *req, void *arg), void *arg)
{
    req->drain_fn = fn;
    req->drain_arg = arg;
}

size_t httpd_pending(const struct httpd_request *req)
{
    return req->conn != NULL ? req->conn->out.len : 0;
}

void httpd_end(struct httpd_request *req, bool ok)
{
    struct conn *conn = req->conn;
    req->answer = ANSWER_DONE;
    if (conn != NULL && !ok)
        conn->dead = true;
    else if (conn != NULL && req->chunked && !req->is_head && buf_append(&conn->out, "0\r\n\r\n", 5) < 0)
        conn->dead = true;
    finish(req);
}

int httpd_sse_begin(struct httpd_request *req)
{
    req->sse = true;
    httpd_set_header(req, "X-Accel-Buffering", "no");
    return httpd_begin(req, 200, "text/event-stream", -1);
}

static int append_lines(struct buf *b, const char *data)
{
    int r = 0;
    for (const char *line = data; r == 0;) {
        size_t len = strcspn(line, "\r\n");
        r = buf_printf(b, "data: %.*s\n", (int)len, line);
        line += len;
        if (*line == '\0')
            break;
        line += line[0] == '\r' && line[1] == '\n' ? 2 : 1;
    }
    return r;
}

int httpd_sse_send(struct httpd_request *req, const char *event, const char *id, const char *data)
{
    if (req->conn == NULL)
        return ERR_CLOSED;
    struct buf text CLEANUP(buf_done);
    buf_init(&text, req->conn->httpd->limits.max_pending);
    int r = 0;
    if (event != NULL && clean_text(event))
        r = buf_printf(&text, "event: %s\n", event);
    if (r == 0 && id != NULL && clean_text(id))
        r = buf_printf(&text, "id: %s\n", id);
    if (r == 0)
        r = append_lines(&text, data);
    if (r == 0)
        r = buf_append(&text, "\n", 1);
    if (r == 0)
        r = httpd_write(req, text.data, text.len);
    if (r == ERR_BUSY) { /* events cannot be left out: it has to come again and read the state anew */
        conn_kill(req->conn);
        return ERR_CLOSED;
    }
    return r == 0 && req->conn == NULL ? ERR_CLOSED : r;
}

void httpd_sse_end(struct httpd_request *req)
{
    httpd_end(req, true);
}
