/* Inside httpd only: the structures that its files share, and the connection's state machine. Loop's thread.
 *
 * A connection serves one request at a time: HEAD → BODY → HANDLER → (FLUSH) → HEAD …, at its end LINGER. While a
 * handler works nothing is read, so a client that sends ahead fills only its own socket. The connection is destroyed by
 * the outermost conn_run; whoever finds it dead below that only marks it. */
#ifndef CARREL_NET_HTTPD_CONN_H
#define CARREL_NET_HTTPD_CONN_H

#include "lib/base/buf.h"
#include "lib/net/http_head.h"
#include "lib/net/http_route.h"
#include "lib/net/httpd.h"

enum conn_phase {
    CONN_HEAD,    /* reading a request's head, or idle */
    CONN_BODY,    /* reading its body */
    CONN_HANDLER, /* the answer is owed or under way */
    CONN_FLUSH,   /* answered; sending the rest */
    CONN_LINGER,  /* our half is shut; reading away what the client still sends, so that it sees the answer */
};

enum answer_state { ANSWER_OWED, ANSWER_STREAMING, ANSWER_DONE };

struct conn {
    struct conn *next, *prev;
    struct httpd *httpd;
    struct stream *stream;
    struct httpd_peer peer;
    enum conn_phase phase;
    struct buf in;  /* bytes behind what was consumed; at most a head and what came with it */
    struct buf out; /* bytes for the client */
    struct httpd_request *req;
    int64_t deadline_ms;       /* of the phase; 0 = none */
    int64_t write_deadline_ms; /* the client must have taken something by then; 0 = nothing waits */
    int64_t spoken_ms;         /* last output, for keepalive comments */
    uint64_t served;           /* requests so far */
    unsigned running;          /* depth of conn_run */
    struct loop_task again;    /* when it did its share for now */
    bool dead;
    bool buried;      /* freed as soon as nobody walks along the list */
    bool close_after; /* this answer is the last */
};

struct httpd_request {
    struct conn *conn; /* NULL = gone */
    struct loop *loop;
    struct loop_task gone_task;
    bool handed; /* a handler has it and owes the answer */
    const struct httpd_route *route;
    void *arg;
    enum answer_state answer;
    char *text; /* the head's memory */
    struct http_head head;
    struct http_params params;
    struct buf body;
    struct buf headers; /* extra lines of the answer */
    struct buf scratch; /* decoded query values */
    struct httpd_peer peer;
    bool is_head;   /* HEAD: no body in the answer */
    bool chunked;   /* the streamed answer is chunked */
    bool sse;       /* keepalive comments */
    bool cut_short; /* no keep-alive after this answer */
    void (*gone_fn)(struct httpd_request *req, void *arg);
    void *gone_arg;
    void (*drain_fn)(struct httpd_request *req, void *arg);
    void *drain_arg;
};

struct httpd_listener {
    struct httpd_listener *next;
    struct httpd *httpd;
    uv_poll_t poll;
    int fd;
    char *unix_path; /* removed at the end; NULL for TCP */
    struct tls_server *tls;
    bool paused; /* there was no free place or descriptor */
};

struct httpd {
    struct loop *loop;
    struct httpd_options options;
    struct httpd_limits limits;
    struct httpd_listener *listeners;
    struct conn *conns;
    unsigned conn_count;
    struct loop_timer *sweep;
    bool draining;
    bool walking; /* along conns: they are not freed meanwhile */
};

/* Takes the socket. Errors as httpd_adopt. */
int conn_new(struct httpd *httpd, int take_fd, struct tls_server *tls, const struct httpd_peer *peer,
             struct error *reterr);
void conn_free(struct conn *conn);
/* Goes on as far as possible; may destroy the connection. */
void conn_run(struct conn *conn);
/* Marks it dead and runs it. */
void conn_kill(struct conn *conn);
/* Deadlines, keepalive comments. May destroy the connection. */
void conn_tick(struct conn *conn, int64_t now_ms);

/* ---- httpd_answer.c */
struct httpd_request *request_new(struct conn *conn, const char *head_text, size_t head_len);
void request_free(struct httpd_request *req);
/* The connection is no more: tells the handler once. May free the request. */
void request_lost(struct httpd_request *req);
/* A refusal by the server itself, before any handler; the connection ends with it when `close`. */
void request_refuse(struct httpd_request *req, int status, const char *detail, bool close);

#endif
