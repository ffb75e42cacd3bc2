/* Connected sockets and TLS peers for tests of what relays between them. */
#ifndef CARREL_TESTS_PAIR_H
#define CARREL_TESTS_PAIR_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>

/* Two ends of a TCP connection over loopback, both non-blocking. Abort on failure. */
void pair_tcp(int *ret_outer, int *ret_inner);
/* The same with a blocking outer end. */
void pair_tcp_blocking(int *ret_outer, int *ret_inner);

/* Contexts with a certificate of their own; the client one verifies nothing. */
struct pair_tls {
    SSL_CTX *server, *client;
};
void pair_tls_init(struct pair_tls *tls);
void pair_tls_done(struct pair_tls *tls);

/* A thread that shakes hands on `take_fd`, sends `bytes` random bytes while it receives until the other side says
 * goodbye, says goodbye itself when it has sent all, and closes. */
struct pair_peer;
struct pair_peer *pair_peer_start(struct pair_tls *tls, int take_fd, bool server, size_t bytes);
/* Waits for both and frees them: whether each received exactly what the other sent, and an orderly end. */
bool pair_peer_join(struct pair_peer *a, struct pair_peer *b);

#endif
