/* HTTP/1.1 server on the loop: API of the daemons and the gateway's HTTPS door. Loop's thread.
 *
 * A handler gets a complete request (head and bounded body) and OWES EXACTLY ONE ANSWER: httpd_respond, httpd_json,
 * httpd_problem or, for streams, httpd_begin … httpd_end / httpd_sse_begin … httpd_sse_end. It may answer at once or
 * keep the request and answer later from the loop's thread (for example in a workpool job's done()). The request stays
 * valid until that answer even when the client has gone meanwhile, or the server was freed: answering then does nothing
 * but free it. httpd_on_gone tells early. After the answering call the request must not be touched.
 *
 * Refused before a handler runs, as RFC 9457 problem documents: 400, 404, 405, 408, 411, 413, 431, 501, 503, 505.
 * Pure parts: lib/net/http_head (request head), lib/net/http_route (paths, patterns). docs/decisions/0040. */
#ifndef CARREL_NET_HTTPD_H
#define CARREL_NET_HTTPD_H

#include "lib/base/err.h"
#include "lib/net/loop.h"
#include "lib/net/stream.h"
#include "lib/net/tls.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct httpd;
struct httpd_listener;
struct httpd_request;

struct httpd_route {
    const char *method;  /* "GET" …; "*" = any */
    const char *pattern; /* "/api/v1/pools/{name}/connect"; a last segment "*" matches any rest, an empty one too */
    void (*handler)(struct httpd_request *req, void *arg); /* arg: httpd_options.arg */
    size_t max_body;                                       /* bytes; 0 = a body is refused with 413 */
};

/* Who is at the other end. */
struct httpd_peer {
    bool is_unix;
    pid_t pid; /* unix: SO_PEERCRED at accept; else -1, and uid and gid are (uid_t)-1 */
    uid_t uid;
    gid_t gid;
    char address[64]; /* TCP: numeric address without port; unix: "" */
    uint16_t port;
    bool tls;
};

struct httpd_limits {          /* 0 = the value in brackets */
    size_t max_head;           /* request line and headers, bytes [16 KiB] */
    unsigned max_connections;  /* of this server, all listeners [1024] */
    unsigned head_ms;          /* from the first byte to the end of the head [10 s]; also the TLS handshake */
    unsigned body_ms;          /* from the head to the end of the body [30 s] */
    unsigned idle_ms;          /* between requests [60 s] */
    unsigned write_ms;         /* output waits and the client takes nothing [30 s] */
    size_t max_pending;        /* bytes that a stream may have waiting for its client [256 KiB] */
    unsigned sse_keepalive_ms; /* comment lines on a silent event stream [15 s] */
};

struct httpd_options {
    const struct httpd_route *routes; /* borrowed as long as the server lives */
    size_t route_count;
    void *arg;
    struct httpd_limits limits;
    const char *extra_headers; /* complete lines "Name: value\r\n…" on every answer, or NULL; borrowed */
    /* A request whose method is none of HTTP's ("RDG_OUT_DATA"): the connection with its first bytes, the TLS handshake
     * done. Returns true when it took the stream (it then owns it), false for the usual 501. NULL = always 501. */
    bool (*on_raw)(struct stream *stream, const void *first, size_t len, const struct httpd_peer *peer, void *arg);
    /* A connection (accepted here or adopted) has ended or was taken over; for per-address counts. May be NULL. */
    void (*on_closed)(const struct httpd_peer *peer, void *arg);
};

/* ret_httpd: free with httpd_free. Errors: ERR_INVALID (a bad pattern), ERR_NOMEM. */
int httpd_new(struct loop *loop, const struct httpd_options *options, struct httpd **ret_httpd, struct error *reterr);
/* Closes listeners and connections; not from inside its own callbacks. Requests that handlers still hold stay valid
 * until they are answered. */
void httpd_free(struct httpd *httpd);
/* No new connections, idle ones are closed, answers under way end with Connection: close. */
void httpd_drain(struct httpd *httpd);
unsigned httpd_connections(const struct httpd *httpd);

/* A unix socket with exactly this mode and owner (uid/gid -1 = leave). A stale socket of a dead process is removed; a
 * file that is no socket, or a socket on which somebody answers, is ERR_EXISTS. Removed again by httpd_free.
 * ret_listener may be NULL. Errors: ERR_EXISTS, ERR_DENIED, ERR_INVALID (path too long), ERR_IO. */
int httpd_listen_unix(struct httpd *httpd, const char *path, mode_t mode, uid_t uid, gid_t gid,
                      struct httpd_listener **ret_listener, struct error *reterr);
/* address: numeric, "" = all; port 0 = any (see httpd_listener_port). tls: NULL = plain; borrowed. */
int httpd_listen_tcp(struct httpd *httpd, const char *address, uint16_t port, struct tls_server *tls,
                     struct httpd_listener **ret_listener, struct error *reterr);
/* A listening socket made elsewhere; owned by the server from entry. */
int httpd_listen_fd(struct httpd *httpd, int take_fd, struct tls_server *tls, struct httpd_listener **ret_listener,
                    struct error *reterr);
uint16_t httpd_listener_port(const struct httpd_listener *listener);
/* Stop accepting; connections stay. */
void httpd_listener_close(struct httpd_listener *listener);
/* A connection accepted elsewhere; owned by the server from entry, closed on failure. peer: NULL = ask the socket.
 * Errors: ERR_BUSY (max_connections), ERR_NOMEM, ERR_IO, ERR_TLS. */
int httpd_adopt(struct httpd *httpd, int take_fd, struct tls_server *tls, const struct httpd_peer *peer,
                struct error *reterr);

/* ---- the request; all texts are borrowed from it */
const char *httpd_method(const struct httpd_request *req);
const char *httpd_path(const struct httpd_request *req);  /* as sent, without the query, still percent-encoded */
const char *httpd_query(const struct httpd_request *req); /* as sent, without '?'; "" when there is none */
/* Decoded value of {name} of the pattern; "*" gives the decoded rest. NULL when the pattern has no such name. */
const char *httpd_param(const struct httpd_request *req, const char *name);
/* Decoded value of the first `name=` in the query, or NULL. */
const char *httpd_query_param(struct httpd_request *req, const char *name);
/* Value of a header, any case; NULL when absent; the first when sent twice. */
const char *httpd_header(const struct httpd_request *req, const char *name);
/* Walk over all headers: index from 0; false past the end. */
bool httpd_header_at(const struct httpd_request *req, size_t index, const char **ret_name, const char **ret_value);
/* The whole body; NUL-terminated behind its end. Never NULL. */
const char *httpd_body(const struct httpd_request *req, size_t *ret_len);
/* The body as a JSON object. ERR_INVALID (text says where). *ret_json: caller drops its reference. */
int httpd_body_json(const struct httpd_request *req, json_t **ret_json, struct error *reterr);
const struct httpd_peer *httpd_peer(const struct httpd_request *req);
/* Root of this machine, on a unix socket, for itself: a request that a gateway passed through (it then carries
 * X-Forwarded-For) never is, whatever user the gateway runs as. docs/decisions/0041. */
bool httpd_from_local_root(const struct httpd_request *req);
/* The token of "Authorization: Bearer TOKEN", or NULL. */
const char *httpd_bearer(const struct httpd_request *req);

/* The client left, or the server was freed: nobody will read the answer (which is still owed). */
bool httpd_gone(const struct httpd_request *req);
/* Call `fn` once when that happens; NULL = forget. It may answer the request itself. */
void httpd_on_gone(struct httpd_request *req, void (*fn)(struct httpd_request *req, void *arg), void *arg);

/* ---- the answer */
/* A header of the coming answer. Values with CR or LF and failed allocations drop the header. */
void httpd_set_header(struct httpd_request *req, const char *name, const char *value);
/* content_type NULL with len 0 = no body (204, 304). */
void httpd_respond(struct httpd_request *req, int status, const char *content_type, const void *body, size_t len);
/* take_json: its reference is dropped. NULL (out of memory) = 500. */
void httpd_json(struct httpd_request *req, int status, json_t *take_json);
/* RFC 9457: type "about:blank", title, status, detail, code. title NULL = the status's reason phrase. */
void httpd_problem(struct httpd_request *req, int status, const char *code, const char *title, const char *detail);
/* The same out of an error: status and code follow from it (NOT_FOUND → 404 "not_found" …), detail is its sentence.
 * ERR_INTERNAL, ERR_NOMEM, ERR_IO and ERR_STORE tell a client only that it failed. */
void httpd_problem_err(struct httpd_request *req, int code, const struct error *e);

/* A body of unknown length: begin, any number of writes, end. content_length -1 = unknown (chunked).
 * httpd_write: ERR_CLOSED (the client has gone; end is still owed), ERR_BUSY (more than limits.max_pending waits,
 * nothing was taken: go on in on_drain), ERR_NOMEM. */
int httpd_begin(struct httpd_request *req, int status, const char *content_type, int64_t content_length);
int httpd_write(struct httpd_request *req, const void *data, size_t len);
/* Called once, when what waits has been sent, so that a source paused by ERR_BUSY can go on. */
void httpd_on_drain(struct httpd_request *req, void (*fn)(struct httpd_request *req, void *arg), void *arg);
size_t httpd_pending(const struct httpd_request *req);
/* ok false: the body is not complete; the connection is cut so that the client notices. */
void httpd_end(struct httpd_request *req, bool ok);

/* Server-sent events. send: event may be NULL; data may have several lines. A client that lets more than
 * limits.max_pending wait is cut off (ERR_CLOSED; httpd_sse_end is still owed). */
int httpd_sse_begin(struct httpd_request *req);
int httpd_sse_send(struct httpd_request *req, const char *event, const char *id, const char *data);
void httpd_sse_end(struct httpd_request *req);

/* Take the connection out of HTTP (WebSocket upgrade): the caller owns the stream and answers on it; req is freed.
 * `ret_early` gets the bytes that arrived behind the head (caller frees). NULL when the client has gone. */
struct stream *httpd_take_stream(struct httpd_request *req, char **ret_early, size_t *ret_early_len);

#endif
