/* HTTP client over libcurl: asynchronous on the loop (daemons), blocking (carrelctl, tests).
 *
 * Asynchronous functions belong to the loop's thread. Every request has deadlines and a bound on what it keeps.
 * No redirects are followed, no proxy is used, no cookies are kept. */
#ifndef CARREL_NET_HTTPC_H
#define CARREL_NET_HTTPC_H

#include "lib/base/err.h"
#include "lib/net/loop.h"

#include <stdbool.h>
#include <stddef.h>

struct httpc;
struct httpc_exchange;

/* Where to. Texts are borrowed for the call that gets them. */
struct httpc_target {
    const char *base_url;   /* "https://gateway:8443", "http://localhost"; without a slash at the end */
    const char *unix_path;  /* connect to this socket instead of the URL's host; NULL = TCP */
    const char *ca_file;    /* https: NULL = the system's */
    const char *pin_sha256; /* https: the server's certificate must be this one (hexadecimal); replaces the CA */
    const char *cert_file;  /* https: own certificate and key, or NULL */
    const char *key_file;
};

struct httpc_request {
    struct httpc_target target;
    const char *method;         /* NULL = GET */
    const char *path;           /* with the query, beginning with '/' */
    const char *const *headers; /* "Name: value" …, NULL at the end; may be NULL */
    const char *content_type;   /* of the body; NULL = application/json */
    const void *body;           /* copied; NULL = none */
    size_t body_len;
    size_t max_body;     /* of the answer that is kept, bytes; 0 = 1 MiB */
    unsigned connect_ms; /* 0 = 5 s */
    unsigned total_ms;   /* 0 = 30 s for whole answers, none for streams */
    unsigned idle_ms;    /* nothing arrives for so long; 0 = none. Second resolution */
};

/* The answer. `body` and the header values are borrowed for the callback (blocking: until httpc_response_done). */
struct httpc_response {
    int status;
    const char *content_type; /* "" when absent */
    const char *body;         /* NUL-terminated; "" for streams */
    size_t body_len;
    struct httpc_headers *headers;
};
/* Value of a header, any case; NULL when absent. */
const char *httpc_header(const struct httpc_response *response, const char *name);
bool httpc_header_at(const struct httpc_response *response, size_t index, const char **ret_name,
                     const char **ret_value);

struct httpc_handlers {
    /* Exactly once, last; not after httpc_cancel. err: 0 (any HTTP status is 0), ERR_UNREACHABLE, ERR_TIMEOUT, ERR_TLS,
     * ERR_CERT_MISMATCH, ERR_TOO_BIG, ERR_PROTOCOL, ERR_IO, ERR_NOMEM. response is NULL when there was none. */
    void (*done)(int err, const struct error *e, const struct httpc_response *response, void *arg);
    /* Streaming when `data` is set; then the body is not kept. head: once, before data; may be NULL. */
    void (*head)(const struct httpc_response *response, void *arg);
    /* 0 = taken; ERR_BUSY = not taken, pause (the same bytes come again after httpc_resume); other = give up. */
    int (*data)(const void *data, size_t len, void *arg);
    void *arg;
};

/* ret_httpc: free with httpc_free. Errors: ERR_NOMEM, ERR_IO. */
int httpc_new(struct loop *loop, unsigned max_connections, struct httpc **ret_httpc, struct error *reterr);
/* Cancels what runs (its done is called with ERR_CANCELLED). */
void httpc_free(struct httpc *httpc);

/* Starts a request; everything in `request` is copied. ret_exchange (may be NULL) is valid until done or cancel.
 * Handlers are never called before it returns. Not from inside head() and data(). Errors: ERR_NOMEM, ERR_INVALID. */
int httpc_start(struct httpc *httpc, const struct httpc_request *request, const struct httpc_handlers *handlers,
                struct httpc_exchange **ret_exchange, struct error *reterr);
/* No handler is called any more. Allowed inside handlers. */
void httpc_cancel(struct httpc_exchange *exchange);
/* After data() said ERR_BUSY. */
void httpc_resume(struct httpc_exchange *exchange);

/* ---- blocking; any thread that is not a loop's */
/* Errors as in done(). *ret_response: call httpc_response_done. Any HTTP status is success. */
int httpc_call(const struct httpc_request *request, struct httpc_response *ret_response, struct error *reterr);
void httpc_response_done(struct httpc_response *response);

/* One server-sent event. Return false to stop listening. */
struct httpc_event {
    const char *event; /* "message" when unnamed */
    const char *id;    /* "" when absent */
    const char *data;  /* lines joined by \n */
};
/* Blocks until the stream ends or `on_event` returns false (0 in both cases). An answer that is no event stream is
 * returned in *ret_response as by httpc_call; its status is 200 when events came. */
int httpc_call_events(const struct httpc_request *request, bool (*on_event)(const struct httpc_event *event, void *arg),
                      void *arg, struct httpc_response *ret_response, struct error *reterr);

#endif
