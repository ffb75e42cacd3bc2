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

struct listener {
    struct listener *next;
    struct https *https;
    uv_poll_t poll;
    int fd;
};

struct https {
    struct https_options options;
    struct httpd *httpd;
    struct pass *pass;
    struct pages *pages;
    struct peer_limit *peers;
    unsigned max_connections;
    struct listener *listeners;
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

static void can_accept(uv_poll_t *poll, int status, int events);

/* A readable socket that nobody accepts from would spin the loop. */
static void pause_accepting(struct https *https)
{
    for (struct listener *l = https->listeners; l != NULL; l = l->next)
        uv_poll_stop(&l->poll);
    loop_timer_start(https->retry, RETRY_MS, 0);
}

static void accept_again(void *arg)
{
    struct https *https = arg;
    if (httpd_connections(https->httpd) < https->max_connections)
        https->told_full = false;
    for (struct listener *l = https->listeners; l != NULL; l = l->next)
        uv_poll_start(&l->poll, UV_READABLE, can_accept);
}

static bool is_full(struct https *https)
{
    if (httpd_connections(https->httpd) < https->max_connections)
        return false;
    if (!https->told_full)
        log_event(EV_HTTPS_FULL, LOG_INT("connections", https->max_connections));
    https->told_full = true;
    return true;
}

static void can_accept(uv_poll_t *poll, int status, int events)
{
    struct listener *l = poll->data;
    (void)events;
    for (int i = 0; status == 0 && i < ACCEPTS_PER_EVENT; i++) {
        union address a = {0};
        socklen_t len = sizeof(a);
        bool full = is_full(l->https);
        int fd = full ? -1 : accept4(l->fd, &a.any, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            take_connection(l->https, fd, &a);
            continue;
        }
        if (!full && (errno == ECONNABORTED || errno == EINTR))
            continue;
        if (!full && errno != EAGAIN)
            log_event(EV_HTTPS_ACCEPT_FAILED, LOG_STR("error", strerror(errno)));
        if (full || errno != EAGAIN)
            pause_accepting(l->https);
        return;
    }
}

static void listener_closed(uv_handle_t *handle)
{
    struct listener *l = handle->data;
    close(l->fd);
    free(l);
}

static void stop_listening(struct https *https)
{
    while (https->listeners != NULL) {
        struct listener *l = https->listeners;
        https->listeners = l->next;
        uv_close((uv_handle_t *)&l->poll, listener_closed);
    }
}

int https_listen(struct https *https, int take_fd, struct error *reterr)
{
    struct listener *l = MEM_NEW(struct listener);
    int r = l != NULL ? uv_poll_init(loop_uv(https->options.loop), &l->poll, take_fd) : UV_ENOMEM;
    if (r < 0) {
        free(l);
        close(take_fd);
        return err_set_lib(reterr, ERR_IO, r, "cannot watch the HTTPS socket: %s", uv_strerror(r));
    }
    l->poll.data = l;
    l->https = https;
    l->fd = take_fd;
    l->next = https->listeners;
    https->listeners = l;
    uv_poll_start(&l->poll, UV_READABLE, can_accept);
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
    struct error e = {0};
    /* The API is what people cannot do without: a door without pages is better than none. */
    if (pages_load(o->web_dir, &https->pages, &e) < 0)
        log_event(EV_HTTPS_NO_PAGES, LOG_STR("web_dir", o->web_dir), LOG_ERR(&e));
    int r = pass_new(o->loop, o->broker_socket, https->max_connections, &https->pass, reterr);
    if (r == 0)
        r = httpd_new(o->loop, &server, &https->httpd, reterr);
    return r;
}

int https_new(const struct https_options *options, struct https **ret_https, struct error *reterr)
{
    struct https *https = MEM_NEW(struct https);
    if (https == NULL)
        return err_set(reterr, ERR_NOMEM, "no memory for the HTTPS door");
    https->options = *options;
    https->max_connections = options->max_connections != 0 ? options->max_connections : CONNECTIONS_DEFAULT;
    int r = make_parts(https, reterr);
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
