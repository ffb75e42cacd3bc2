#include "lib/net/httpd_conn.h"

#include "lib/base/mem.h"

#include <string.h>
#include <strings.h>

const char *httpd_method(const struct httpd_request *req)
{
    return req->head.method;
}

const char *httpd_path(const struct httpd_request *req)
{
    return req->head.path;
}

const char *httpd_query(const struct httpd_request *req)
{
    return req->head.query;
}

const char *httpd_param(const struct httpd_request *req, const char *name)
{
    return http_param(&req->params, name);
}

const char *httpd_query_param(struct httpd_request *req, const char *name)
{
    /* Decoded values lie one behind the other in scratch, which is reserved once so that they never move. */
    char *at;
    if (req->scratch.cap == 0 && buf_reserve(&req->scratch, req->scratch.max, &at) < 0)
        return NULL;
    size_t most = strlen(req->head.query) + 1;
    if (buf_reserve(&req->scratch, most, &at) < 0)
        return NULL;
    if (http_query_get(req->head.query, name, at, most) < 0)
        return NULL;
    buf_commit(&req->scratch, strlen(at) + 1);
    return at;
}

const char *httpd_header(const struct httpd_request *req, const char *name)
{
    return http_head_field(&req->head, name);
}

bool httpd_header_at(const struct httpd_request *req, size_t index, const char **ret_name, const char **ret_value)
{
    if (index >= req->head.field_count)
        return false;
    *ret_name = req->head.fields[index].name;
    *ret_value = req->head.fields[index].value;
    return true;
}

const char *httpd_body(const struct httpd_request *req, size_t *ret_len)
{
    *ret_len = req->body.len;
    return buf_str(&req->body);
}

int httpd_body_json(const struct httpd_request *req, json_t **ret_json, struct error *reterr)
{
    json_error_t why;
    json_t *json = json_loadb(buf_str(&req->body), req->body.len, JSON_REJECT_DUPLICATES, &why);
    if (json == NULL)
        return err_set(reterr, ERR_INVALID, "the body is not valid JSON: line %d: %s", why.line, why.text);
    if (!json_is_object(json)) {
        json_decref(json);
        return err_set(reterr, ERR_INVALID, "the body is not a JSON object");
    }
    *ret_json = json;
    return 0;
}

const struct httpd_peer *httpd_peer(const struct httpd_request *req)
{
    return &req->peer;
}

bool httpd_from_local_root(const struct httpd_request *req)
{
    return req->peer.is_unix && req->peer.uid == 0 && httpd_header(req, "x-forwarded-for") == NULL &&
           httpd_header(req, "forwarded") == NULL;
}

const char *httpd_bearer(const struct httpd_request *req)
{
    const char *value = httpd_header(req, "authorization");
    if (value == NULL || strncasecmp(value, "Bearer ", 7) != 0)
        return NULL;
    value += 7;
    value += strspn(value, " ");
    return *value != '\0' ? value : NULL;
}

bool httpd_gone(const struct httpd_request *req)
{
    return req->conn == NULL;
}

void httpd_on_gone(struct httpd_request *req, void (*fn)(struct httpd_request *req, void *arg), void *arg)
{
    req->gone_fn = fn;
    req->gone_arg = arg;
}

struct stream *httpd_take_stream(struct httpd_request *req, char **ret_early, size_t *ret_early_len)
{
    struct conn *conn = req->conn;
    struct stream *stream = NULL;
    if (conn != NULL) {
        stream = TAKE_PTR(conn->stream);
        stream_watch(stream, 0);
        stream_set_handler(stream, NULL, NULL);
        *ret_early_len = conn->in.len;
        *ret_early = TAKE_PTR(conn->in.data);
        conn->in.len = conn->in.cap = 0;
        conn->req = NULL;
        conn->dead = true;
    }
    request_free(req);
    if (conn != NULL)
        conn_run(conn);
    return stream;
}
