/* A byte stream over a socket, plain or TLS, on the loop: what httpd and the doors read and write.
 *
 * Loop's thread. The owner asks for events and then reads and writes without blocking; nothing is buffered here, so
 * backpressure is the owner's choice of interest. The TLS handshake happens inside the first reads and writes.
 * Invariants: the descriptor is non-blocking and closed exactly once, by stream_free; the callback is never called
 * after stream_free, and stream_free may be called inside it. */
#ifndef CARREL_NET_STREAM_H
#define CARREL_NET_STREAM_H

#include "lib/base/err.h"
#include "lib/net/loop.h"
#include "lib/net/tls.h"

#include <stdbool.h>
#include <stddef.h>

struct stream;

enum stream_event {
    STREAM_READABLE = 1, /* call stream_read */
    STREAM_WRITABLE = 2, /* call stream_write */
    STREAM_HANGUP = 4,   /* the peer closed its sending half or the connection broke; told once, while not reading */
};

/* take_fd: a connected socket, owned by the stream from entry, closed on failure too.
 * tls: NULL = plain; a context of tls_server_ctx (the stream is the server) or tls_client_ctx.
 * hostname: client only: name for SNI and for verification, or NULL.
 * Errors: ERR_NOMEM, ERR_IO, ERR_TLS. */
int stream_new(struct loop *loop, int take_fd, SSL_CTX *tls, bool server, const char *hostname,
               struct stream **ret_stream, struct error *reterr);
/* Says TLS goodbye when that is possible without waiting, closes. NULL is fine. */
void stream_free(struct stream *s);

/* Whom to call. To be changed at any time: a door takes a stream over from httpd this way. */
void stream_set_handler(struct stream *s, void (*on_event)(struct stream *s, unsigned events, void *arg), void *arg);
/* Which events to report. STREAM_HANGUP is reported when nothing is to be read; asking for nothing stays silent. */
void stream_watch(struct stream *s, unsigned events);

/* Both: 0 with *ret_n > 0; ERR_AGAIN (wait for an event); ERR_CLOSED (read: orderly end); ERR_IO, ERR_TLS.
 * After ERR_AGAIN call stream_watch again (TLS may wait for the other direction now). A reader that stops before
 * ERR_AGAIN gets STREAM_READABLE again. */
int stream_read(struct stream *s, void *data, size_t size, size_t *ret_n, struct error *reterr);
int stream_write(struct stream *s, const void *data, size_t len, size_t *ret_n, struct error *reterr);

/* No more output: TLS goodbye, then the sending half is shut. Reading goes on. */
void stream_shutdown(struct stream *s);

int stream_fd(const struct stream *s);
bool stream_is_tls(const struct stream *s);
/* NULL when plain. */
SSL *stream_ssl(struct stream *s);

#endif
