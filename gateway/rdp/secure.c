#include "gateway/rdp/secure.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>

int secure_begin(struct loop *loop, struct stream **stream, SSL_CTX *tls, bool server, struct error *reterr)
{
    struct stream *secured = NULL;
    int fd = fcntl(stream_fd(*stream), F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return err_set_errno(reterr, ERR_IO, errno, "cannot begin TLS");
    int r = stream_new(loop, fd, tls, server, NULL, &secured, reterr);
    if (r < 0)
        return r;
    stream_free(*stream); /* closes its own descriptor; the connection lives on in the other */
    *stream = secured;
    return 0;
}

int secure_step(struct stream *stream, struct error *reterr)
{
    SSL *ssl = stream_ssl(stream);
    ERR_clear_error();
    int r = SSL_do_handshake(ssl);
    if (r == 1) {
        stream_watch(stream, 0);
        return 0;
    }
    switch (SSL_get_error(ssl, r)) {
    case SSL_ERROR_WANT_READ:
        stream_watch(stream, STREAM_READABLE);
        return ERR_AGAIN;
    case SSL_ERROR_WANT_WRITE:
        stream_watch(stream, STREAM_WRITABLE);
        return ERR_AGAIN;
    case SSL_ERROR_SYSCALL:
        ERR_clear_error();
        return err_set(reterr, ERR_CLOSED, "it closed the connection during the TLS handshake");
    default:
        return tls_error(reterr, "the TLS handshake failed");
    }
}
