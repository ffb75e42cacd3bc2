#include "gateway/https/https.h"

#include "gateway/https/pages.h"
#include "gateway/https/pass.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/net/peer_limit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define CONNECTIONS_DEFAULT 4096
#define PER_ADDRESS_DEFAULT 256
#define BODY_MAX            (1U << 20)
#define ACCEPTS_PER_EVENT   64
#define RETRY_MS            250

struct https {
    struct https_options options;
    struct httpd *httpd;
    struct pass *pass;
    struct pages *pages;
    struct peer_limit *peers;
    unsigned max_connections;
    uv_poll_t *listener; /* NULL = draining; its data is this */
    struct loop_timer *retry;
    bool told_full;
};

/* No script, style or connection from anywhere else; nobody frames it; nothing of it is guessed at. */
static const char security_headers[] =
    "Strict-Transport-Security: max-age=31536000\r\n"
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src "
    "'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "X-Frame-Options: DENY\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "Cross-Origin-Opener-Policy: same-origin\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n"
    "Permissions-Policy: camera=(), geolocation=(), microphone=(), payment=(), usb=()\r\n";

static void on_health(struct httpd_request *req, void *arg)
{
    (void)arg;
    httpd_respond(req, 200, "text/plain; charset=utf-8", "ok\n", 3);
}

static void on_api(struct httpd_request *req, void *arg)
{
    struct https *https = arg;
    pass_request(https->pass, req);
}

static void on_admin(struct httpd_request *req, void *arg)
{
    struct https *https = arg;
    if (https->options.admin_api)
        pass_request(https->pass, req);
    else
        httpd_problem(req, 403, "admin_not_here", NULL, "The administration is not offered at this gateway.");
}

static void on_index(struct httpd_request *req, void *arg)
{
    struct https *https = arg;
    pages_request(https->pages, "index.html", req);
}

static void on_page(struct httpd_request *req, void *arg)
{
    struct https *https = arg;
    pages_request(https->pages, httpd_param(req, "name"), req);
}

static const struct httpd_route routes[] = {
    {"GET", "/", on_index, 0},
    {"GET", "/web/{name}", on_page, 0},
    {"GET", "/healthz", on_health, 0},
    {"GET", "/readyz", on_api, 0},
    {"*", "/api/v1/admin", on_admin, BODY_MAX},
    {"*", "/api/v1/admin/*", on_admin, BODY_MAX},
    {"*", "/api/v1/*", on_api, BODY_MAX},
};

/* ---- accepting */

static void on_closed(const struct httpd_peer *peer, void *arg)
{
    struct https *https = arg;
    peer_limit_give(https->peers, peer->address);
}

static bool on_raw(struct stream *stream, const void *first, size_t len, const struct httpd_peer *peer, void *arg)
{
    struct https *https = arg;
    return https->options.on_raw != NULL && https->options.on_raw(stream, first, len, peer, https->options.on_raw_arg);
}

union address {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
};

static void read_address(const union address *a, struct httpd_peer *peer)
{
    *peer = (struct httpd_peer){.pid = -1, .uid = (uid_t)-1, .gid = (gid_t)-1};
    const unsigned char *v6 = a->in6.sin6_addr.s6_addr;
    if (a->any.sa_family == AF_INET)
        inet_ntop(AF_INET, &a->in.sin_addr, peer->address, sizeof(peer->address));
    else if (a->any.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&a->in6.sin6_addr))
        inet_ntop(AF_INET, v6 + 12, peer->address, sizeof(peer->address));
    else if (a->any.sa_family == AF_INET6)
        inet_ntop(AF_INET6, v6, peer->address, sizeof(peer->address));
    peer->port = ntohs(a->any.sa_family == AF_INET6 ? a->in6.sin6_port : a->in.sin_port);
}

static void take_connection(struct https *https, int take_fd, const union address *a)
{
    struct httpd_peer peer;
    bool first = false;
    int fd CLEANUP_CLOSE = take_fd;
    read_address(a, &peer);
    if (peer_limit_take(https->peers, peer.address, &first) < 0) {
        if (first)
            log_event(EV_HTTPS_ADDRESS_FULL, LOG_STR("address", peer.address));
        return;
    }
    if (httpd_adopt(https->httpd, TAKE_FD(fd), https->options.tls, &peer, NULL) < 0)
        peer_limit_give(https->peers, peer.address);
}

/* A readable socket that nobody accepts from would spin the loop. */
static void pause_accepting(struct https *https)
{
    uv_poll_stop(https->listener);
    loop_timer_start(https->retry, RETRY_MS, 0);
}

static void can_accept(uv_poll_t *poll, int status, int events)
{
    struct https *https = poll->data;
    (void)events;
    for (int i = 0; status == 0 && i < ACCEPTS_PER_EVENT; i++) {
        if (httpd_connections(https->httpd) >= https->max_connections) {
            if (!https->told_full)
                log_event(EV_HTTPS_FULL, LOG_INT("connections", https->max_connections));
            https->told_full = true;
            pause_accepting(https);
            return;
        }
        union address a = {0};
        socklen_t len = sizeof(a);
        uv_os_fd_t listen_fd = -1;
        uv_fileno((uv_handle_t *)poll, &listen_fd);
        int fd = accept4(listen_fd, &a.any, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0 && (errno == ECONNABORTED || errno == EINTR))
            continue;
        if (fd < 0 && errno != EAGAIN) {
            log_event(EV_HTTPS_ACCEPT_FAILED, LOG_STR("error", strerror(errno)));
            pause_accepting(https);
        }
        if (fd < 0)
            return;
        take_connection(https, fd, &a);
    }
}

static void accept_again(void *arg)
{
    struct https *https = arg;
    if (https->listener == NULL)
        return;
    if (httpd_connections(https->httpd) < https->max_connections)
        https->told_full = false;
    uv_poll_start(https->listener, UV_READABLE, can_accept);
}

static void listener_closed(uv_handle_t *handle)
{
    uv_os_fd_t fd = (uv_os_fd_t)(intptr_t)handle->data;
    close(fd);
    free(handle);
}

static void stop_listening(struct https *https)
{
    if (https->listener == NULL)
        return;
    uv_os_fd_t fd = -1;
    uv_fileno((uv_handle_t *)https->listener, &fd);
    https->listener->data = (void *)(intptr_t)fd;
    uv_close((uv_handle_t *)TAKE_PTR(https->listener), listener_closed);
}

static int listen_on(struct https *https, int take_fd, struct error *reterr)
{
    uv_poll_t *poll = MEM_NEW(uv_poll_t);
    int r = poll != NULL ? uv_poll_init(loop_uv(https->options.loop), poll, take_fd) : UV_ENOMEM;
    if (r < 0) {
        free(poll);
        close(take_fd);
        return err_set_lib(reterr, ERR_IO, r, "cannot watch the HTTPS socket: %s", uv_strerror(r));
    }
    poll->data = https;
    https->listener = poll;
    uv_poll_start(poll, UV_READABLE, can_accept);
    return 0;
}

/* ---- life */

static int make_parts(struct https *https, struct error *reterr)
{
    const struct https_options *o = &https->options;
    unsigned each = o->max_per_address != 0 ? o->max_per_address : PER_ADDRESS_DEFAULT;
    https->peers = peer_limit_new(each, https->max_connections);
    https->retry = loop_timer_new(o->loop, accept_again, https);
    if (https->peers == NULL || https->retry == NULL)
        return err_set(reterr, ERR_NOMEM, "no memory for the HTTPS door");
    struct httpd_options server = {.routes = routes,
                                   .route_count = ARRAY_LEN(routes),
                                   .arg = https,
                                   .limits = {.max_connections = https->max_connections},
                                   .extra_headers = security_headers,
                                   .on_raw = on_raw,
                                   .on_closed = on_closed};
    int r = pages_load(o->web_dir, &https->pages, reterr);
    if (r == 0)
        r = pass_new(o->loop, o->broker_socket, https->max_connections, &https->pass, reterr);
    if (r == 0)
        r = httpd_new(o->loop, &server, &https->httpd, reterr);
    return r;
}

int https_start(const struct https_options *options, int take_listen_fd, struct https **ret_https, struct error *reterr)
{
    int fd CLEANUP_CLOSE = take_listen_fd;
    struct https *https = MEM_NEW(struct https);
    if (https == NULL)
        return err_set(reterr, ERR_NOMEM, "no memory for the HTTPS door");
    https->options = *options;
    https->max_connections = options->max_connections != 0 ? options->max_connections : CONNECTIONS_DEFAULT;
    int r = make_parts(https, reterr);
    if (r == 0)
        r = listen_on(https, TAKE_FD(fd), reterr);
    if (r < 0) {
        https_free(https);
        return r;
    }
    *ret_https = https;
    return 0;
}

void https_drain(struct https *https)
{
    stop_listening(https);
    httpd_drain(https->httpd);
}

unsigned https_connections(const struct https *https)
{
    return httpd_connections(https->httpd);
}

void https_free(struct https *https)
{
    if (https == NULL)
        return;
    stop_listening(https);
    httpd_free(https->httpd);
    pass_free(https->pass);
    pages_free(https->pages);
    peer_limit_free(https->peers);
    loop_timer_free(https->retry);
    free(https);
}
