#include "tests/unit/pair.h"

#include "lib/base/id.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void need(bool ok)
{
    if (!ok)
        abort();
}

void pair_tcp_blocking(int *ret_outer, int *ret_inner)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    need(bind(listener, (struct sockaddr *)&address, len) == 0 && listen(listener, 1) == 0);
    need(getsockname(listener, (struct sockaddr *)&address, &len) == 0);
    *ret_outer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    need(connect(*ret_outer, (struct sockaddr *)&address, len) == 0);
    *ret_inner = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    need(*ret_inner >= 0);
    close(listener);
}

void pair_tcp(int *ret_outer, int *ret_inner)
{
    pair_tcp_blocking(ret_outer, ret_inner);
    need(fcntl(*ret_outer, F_SETFL, O_NONBLOCK) == 0);
}

void pair_tls_init(struct pair_tls *tls)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    need(key != NULL && cert != NULL);
    X509_gmtime_adj(X509_getm_notBefore(cert), -60);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC, (const unsigned char *)"pair", -1, -1,
                               0);
    X509_set_issuer_name(cert, X509_get_subject_name(cert));
    need(X509_sign(cert, key, EVP_sha256()) > 0);
    tls->server = SSL_CTX_new(TLS_server_method());
    tls->client = SSL_CTX_new(TLS_client_method());
    need(SSL_CTX_use_certificate(tls->server, cert) == 1 && SSL_CTX_use_PrivateKey(tls->server, key) == 1);
    SSL_CTX_set_mode(tls->server, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_mode(tls->client, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    X509_free(cert);
    EVP_PKEY_free(key);
}

void pair_tls_done(struct pair_tls *tls)
{
    SSL_CTX_free(tls->server);
    SSL_CTX_free(tls->client);
}

struct pair_peer {
    pthread_t thread;
    SSL *ssl;
    int fd;
    bool server;
    size_t bytes, sent, received;
    uint8_t *out, *in;
    bool orderly;
};

static void wait_on(struct pair_peer *peer, int error)
{
    struct pollfd p = {peer->fd, error == SSL_ERROR_WANT_WRITE ? POLLOUT : POLLIN, 0};
    poll(&p, 1, 20);
}

/* Non-blocking and in turns, so that neither direction can block the other. */
static void converse(struct pair_peer *peer)
{
    bool told_end = false;
    for (int turns = 0; turns < 200000 && !peer->orderly; turns++) {
        int r = 1;
        if (peer->sent < peer->bytes) {
            size_t piece = peer->bytes - peer->sent < 30011 ? peer->bytes - peer->sent : 30011;
            r = SSL_write(peer->ssl, peer->out + peer->sent, (int)piece);
            peer->sent += r > 0 ? (size_t)r : 0;
        } else if (!told_end && peer->server) { /* the client ends when the server has */
            SSL_shutdown(peer->ssl);
            told_end = true;
        }
        int n = SSL_read(peer->ssl, peer->in + peer->received, (int)(peer->bytes + 1 - peer->received));
        if (n > 0) {
            peer->received += (size_t)n;
            continue;
        }
        int error = SSL_get_error(peer->ssl, n);
        if (error == SSL_ERROR_ZERO_RETURN)
            peer->orderly = true;
        else if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
            return;
        else if (r <= 0 || peer->sent == peer->bytes)
            wait_on(peer, error);
    }
    if (!told_end)
        SSL_shutdown(peer->ssl);
}

static void *run(void *arg)
{
    struct pair_peer *peer = arg;
    if ((peer->server ? SSL_accept(peer->ssl) : SSL_connect(peer->ssl)) == 1) {
        fcntl(peer->fd, F_SETFL, O_NONBLOCK);
        converse(peer);
    }
    SSL_free(peer->ssl);
    close(peer->fd);
    return NULL;
}

struct pair_peer *pair_peer_start(struct pair_tls *tls, int take_fd, bool server, size_t bytes)
{
    struct pair_peer *peer = calloc(1, sizeof(*peer));
    need(peer != NULL);
    peer->fd = take_fd;
    peer->server = server;
    peer->bytes = bytes;
    peer->out = malloc(bytes);
    peer->in = malloc(bytes + 1);
    peer->ssl = SSL_new(server ? tls->server : tls->client);
    need(peer->out != NULL && peer->in != NULL && peer->ssl != NULL && SSL_set_fd(peer->ssl, take_fd) == 1);
    id_random(peer->out, bytes);
    need(pthread_create(&peer->thread, NULL, run, peer) == 0);
    return peer;
}

static bool got_all(const struct pair_peer *to, const struct pair_peer *from)
{
    return to->orderly && to->received == from->bytes && memcmp(to->in, from->out, from->bytes) == 0;
}

static void discard(struct pair_peer *peer)
{
    free(peer->out);
    free(peer->in);
    free(peer);
}

bool pair_peer_join(struct pair_peer *a, struct pair_peer *b)
{
    pthread_join(a->thread, NULL);
    pthread_join(b->thread, NULL);
    bool ok = got_all(a, b) && got_all(b, a);
    discard(a);
    discard(b);
    return ok;
}
