/* The gateway's HTTPS door: pages, the API passed through to the broker, health. A worker's loop thread.
 *
 * Accepts itself (limits per address), hands connections to lib/net/httpd. Everything under /api/v1/ goes to the
 * broker's API socket (gateway/https/pass.h); /api/v1/admin only when `admin_api`; /internal never exists here.
 * docs/decisions/0041. */
#ifndef CARREL_GATEWAY_HTTPS_HTTPS_H
#define CARREL_GATEWAY_HTTPS_HTTPS_H

#include "lib/base/err.h"
#include "lib/net/httpd.h"
#include "lib/net/loop.h"
#include "lib/net/tls.h"

#include <stdbool.h>

struct https;

/* Borrowed texts and objects must outlive the door. */
struct https_options {
    struct loop *loop;
    struct tls_server *tls;    /* NULL = plain HTTP (tests, a TLS-terminating balancer) */
    const char *broker_socket; /* the broker's API */
    const char *web_dir;       /* files to serve; read at start */
    bool admin_api;            /* pass /api/v1/admin through, too */
    unsigned max_connections;  /* of this worker; 0 = 4096 */
    unsigned max_per_address;  /* of this worker; 0 = 256 */
    /* RD Gateway's door: see httpd_options.on_raw. May be NULL. */
    bool (*on_raw)(struct stream *stream, const void *first, size_t len, const struct httpd_peer *peer, void *arg);
    void *on_raw_arg;
};

/* ret_https: free with https_free. A web_dir that cannot be read is logged; the API is served without pages.
 * Errors: ERR_NOMEM, ERR_IO. */
int https_new(const struct https_options *options, struct https **ret_https, struct error *reterr);
/* take_fd: a listening socket, non-blocking; owned from entry, closed on failure too. Errors: ERR_NOMEM, ERR_IO. */
int https_listen(struct https *https, int take_fd, struct error *reterr);
/* No new connections (listening sockets are closed), idle ones end, answers under way are finished. */
void https_drain(struct https *https);
unsigned https_connections(const struct https *https);
/* Cuts what is left. NULL is fine. */
void https_free(struct https *https);

#endif
