#include "lib/net/stream.h"

#include "lib/base/mem.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct stream {
    uv_poll_t poll;
    uv_idle_t again; /* runs while TLS holds bytes that the descriptor no longer announces */
    int handles;     /* of the two, not closed yet */
    int fd;
    SSL *ssl;
    bool server;
    bool closing;
    bool read_wants_write, write_wants_read; /* TLS: what the last attempt asked for */
    bool broken;                             /* no TLS goodbye any more */
    unsigned want;
    void (*on_event)(struct stream *s, unsigned events, void *arg);
    void *arg;
};

static void report(struct stream *s, unsigned events)
{
    if (!s->closing && s->on_event != NULL && events != 0)
        s->on_event(s, events, s->arg);
}

static void polled(uv_poll_t *poll, int status, int revents)
{
    struct stream *s = poll->data;
    if (status < 0) { /* libuv has stopped the watcher: let the reads and writes find out why */
        report(s, (s->want & (STREAM_READABLE | STREAM_WRITABLE)) | STREAM_HANGUP);
        return;
    }
    unsigned events = 0;
    if (revents & (UV_READABLE | UV_WRITABLE))
        events = s->want & (STREAM_READABLE | STREAM_WRITABLE);
    if (!s->ssl) {
        events &= (revents & UV_READABLE ? (unsigned)STREAM_READABLE : 0) |
                  (revents & UV_WRITABLE ? (unsigned)STREAM_WRITABLE : 0);
    }
    if ((revents & UV_DISCONNECT) && (s->want & STREAM_HANGUP))
        events |= STREAM_HANGUP;
    report(s, events);
}

static void has_more(uv_idle_t *again)
{
    struct stream *s = again->data;
    uv_idle_stop(again);
    report(s, s->want & STREAM_READABLE);
}

static void handle_closed(uv_handle_t *handle)
{
    struct stream *s = handle->data;
    if (--s->handles > 0)
        return;
    close(s->fd);
    free(s);
}

static int make_ssl(struct stream *s, SSL_CTX *tls, const char *hostname, struct error *reterr)
{
    s->ssl = SSL_new(tls);
    if (s->ssl == NULL || SSL_set_fd(s->ssl, s->fd) != 1)
        return tls_error(reterr, "cannot begin TLS");
    if (s->server) {
        SSL_set_accept_state(s->ssl);
        return 0;
    }
    SSL_set_connect_state(s->ssl);
    if (hostname != NULL && (SSL_set_tlsext_host_name(s->ssl, hostname) != 1 || SSL_set1_host(s->ssl, hostname) != 1))
        return tls_error(reterr, "cannot begin TLS");
    return 0;
}

int stream_new(struct loop *loop, int take_fd, SSL_CTX *tls, bool server, const char *hostname,
               struct stream **ret_stream, struct error *reterr)
{
    struct stream *s = MEM_NEW(struct stream);
    if (s == NULL) {
        close(take_fd);
        return err_set(reterr, ERR_NOMEM, "no memory for a connection");
    }
    s->fd = take_fd;
    s->server = server;
    int r = tls != NULL ? make_ssl(s, tls, hostname, reterr) : 0;
    int u = r == 0 ? uv_poll_init(loop_uv(loop), &s->poll, take_fd) : 0;
    if (u < 0)
        r = err_set_lib(reterr, ERR_IO, u, "cannot watch a connection: %s", uv_strerror(u));
    if (r < 0) {
        SSL_free(s->ssl);
        close(s->fd);
        free(s);
        return r;
    }
    uv_idle_init(loop_uv(loop), &s->again);
    s->handles = 2;
    s->poll.data = s->again.data = s;
    *ret_stream = s;
    return 0;
}

void stream_free(struct stream *s)
{
    if (s == NULL || s->closing)
        return;
    s->closing = true;
    if (s->ssl != NULL) {
        if (!s->broken && SSL_is_init_finished(s->ssl))
            SSL_shutdown(s->ssl);
        ERR_clear_error();
        SSL_free(s->ssl);
        s->ssl = NULL;
    }
    uv_close((uv_handle_t *)&s->poll, handle_closed);
    uv_close((uv_handle_t *)&s->again, handle_closed);
}

void stream_set_handler(struct stream *s, void (*on_event)(struct stream *s, unsigned events, void *arg), void *arg)
{
    s->on_event = on_event;
    s->arg = arg;
}

void stream_watch(struct stream *s, unsigned events)
{
    s->want = events;
    int poll = 0;
    /* A read may have completed the handshake whose next record a write was waiting for. */
    if (s->ssl != NULL && SSL_is_init_finished(s->ssl))
        s->write_wants_read = false;
    if (events & STREAM_READABLE)
        poll |= s->read_wants_write ? UV_WRITABLE : UV_READABLE;
    if (events & STREAM_WRITABLE)
        poll |= s->write_wants_read ? UV_READABLE : UV_WRITABLE;
    if (events & STREAM_HANGUP && !(events & STREAM_READABLE))
        poll |= UV_DISCONNECT;
    if (poll != 0)
        uv_poll_start(&s->poll, poll, polled);
    else
        uv_poll_stop(&s->poll);
    if ((events & STREAM_READABLE) && s->ssl != NULL && SSL_pending(s->ssl) > 0)
        uv_idle_start(&s->again, has_more);
    else
        uv_idle_stop(&s->again);
}

/* What a failed SSL_read or SSL_write means. */
static int ssl_outcome(struct stream *s, int r, bool reading, struct error *reterr)
{
    switch (SSL_get_error(s->ssl, r)) {
    case SSL_ERROR_WANT_READ:
        s->write_wants_read = !reading;
        return ERR_AGAIN;
    case SSL_ERROR_WANT_WRITE:
        s->read_wants_write = reading;
        return ERR_AGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return ERR_CLOSED;
    case SSL_ERROR_SYSCALL:
        s->broken = true;
        ERR_clear_error();
        return err_set_errno(reterr, ERR_IO, errno, "the TLS connection broke");
    default:
        s->broken = true;
        return tls_error(reterr, "TLS failed");
    }
}

static int plain_outcome(ssize_t n, size_t *ret_n, struct error *reterr)
{
    if (n > 0) {
        *ret_n = (size_t)n;
        return 0;
    }
    if (n == 0)
        return ERR_CLOSED;
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
        return ERR_AGAIN;
    return err_set_errno(reterr, ERR_IO, errno, "the connection broke");
}

int stream_read(struct stream *s, void *data, size_t size, size_t *ret_n, struct error *reterr)
{
    if (s->ssl == NULL)
        return plain_outcome(recv(s->fd, data, size, MSG_DONTWAIT), ret_n, reterr);
    s->read_wants_write = false;
    ERR_clear_error();
    int r = SSL_read(s->ssl, data, size > INT_MAX ? INT_MAX : (int)size);
    if (r <= 0)
        return ssl_outcome(s, r, true, reterr);
    *ret_n = (size_t)r;
    return 0;
}

int stream_write(struct stream *s, const void *data, size_t len, size_t *ret_n, struct error *reterr)
{
    if (s->ssl == NULL)
        return plain_outcome(send(s->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL), ret_n, reterr);
    s->write_wants_read = false;
    ERR_clear_error();
    int r = SSL_write(s->ssl, data, len > INT_MAX ? INT_MAX : (int)len);
    if (r <= 0)
        return ssl_outcome(s, r, false, reterr);
    *ret_n = (size_t)r;
    return 0;
}

void stream_shutdown(struct stream *s)
{
    if (s->ssl != NULL && !s->broken && SSL_is_init_finished(s->ssl))
        SSL_shutdown(s->ssl);
    ERR_clear_error();
    shutdown(s->fd, SHUT_WR);
    s->broken = true;
}

int stream_fd(const struct stream *s)
{
    return s->fd;
}

bool stream_is_tls(const struct stream *s)
{
    return s->ssl != NULL;
}

SSL *stream_ssl(struct stream *s)
{
    return s->ssl;
}
