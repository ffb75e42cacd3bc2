/* TLS to a directory server, put under libldap as a layer of its socket buffer. libldap's own TLS (GnuTLS in Debian)
 * spins without a deadline while a server is silent in the handshake, takes "localhost" for the machine's host name and
 * says nothing of why a certificate was refused; docs/decisions/0051. Worker threads; a layer belongs to its
 * connection. Invariants: TLS 1.2 or newer; chain and name verified; every read and write ends at the deadline set
 * last. */
#ifndef CARREL_AUTH_DIRTLS_H
#define CARREL_AUTH_DIRTLS_H

#include "lib/base/err.h"

#include <lber.h>
#include <openssl/ssl.h>
#include <stdint.h>

/* ca_file: PEM; "" = the system's. ret: SSL_CTX_free(). Errors: ERR_CONFIG (names the file), ERR_NOMEM. */
int dirtls_context(const char *ca_file, SSL_CTX **ret, struct error *reterr);

/* The deadline of a connection's reads and writes, clock_mono_ms(). Embedded in the connection, shared with the layer.
 */
struct dirtls {
    SSL *ssl; /* NULL until dirtls_install() succeeded */
    int fd;
    int64_t deadline_ms;
};

/* Shakes hands over `fd` as a client of `host` and puts the layer into `buffer`. Ended by the buffer's own closing.
 * Errors: ERR_TIMEOUT, ERR_UNREACHABLE, ERR_TLS (with the reason), ERR_NOMEM. */
int dirtls_install(struct dirtls *tls, SSL_CTX *context, const char *host, int fd, Sockbuf *buffer,
                   struct error *reterr);

#endif
