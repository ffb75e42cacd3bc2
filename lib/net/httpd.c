#include "lib/net/httpd.h"

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/net/httpd_conn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG           512
#define SWEEP_MS          250
#define ACCEPTS_PER_EVENT 64

static void set_limits(struct httpd_limits *l)
{
    l->max_head = l->max_head != 0 ? l->max_head : 16384;
    l->max_connections = l->max_connections != 0 ? l->max_connections : 1024;
    l->head_ms = l->head_ms != 0 ? l->head_ms : 10000;
    l->body_ms = l->body_ms != 0 ? l->body_ms : 30000;
    l->idle_ms = l->idle_ms != 0 ? l->idle_ms : 60000;
    l->write_ms = l->write_ms != 0 ? l->write_ms : 30000;
    l->max_pending = l->max_pending != 0 ? l->max_pending : 256U << 10;
    l->sse_keepalive_ms = l->sse_keepalive_ms != 0 ? l->sse_keepalive_ms : 15000;
}

static void can_accept(uv_poll_t *poll, int status, int events);

static void bury(struct httpd *httpd)
{
    for (struct conn *conn = httpd->conns; conn != NULL;) {
        struct conn *next = conn->next;
        if (conn->buried)
            conn_free(conn);
        conn = next;
    }
}

static void resume_listeners(struct httpd *httpd)
{
    for (struct httpd_listener *l = httpd->listeners; l != NULL; l = l->next) {
        if (l->paused && httpd->conn_count < httpd->limits.max_connections) {
            l->paused = false;
            uv_poll_start(&l->poll, UV_READABLE, can_accept);
        }
    }
}

static void sweep(void *arg)
{
    struct httpd *httpd = arg;
    int64_t now_ms = clock_mono_ms();
    httpd->walking = true;
    for (struct conn *conn = httpd->conns; conn != NULL; conn = conn->next)
        if (!conn->buried)
            conn_tick(conn, now_ms);
    httpd->walking = false;
    bury(httpd);
    resume_listeners(httpd);
}

int httpd_new(struct loop *loop, const struct httpd_options *options, struct httpd **ret_httpd, struct error *reterr)
{
    for (size_t i = 0; i < options->route_count; i++)
        if (http_pattern_check(options->routes[i].pattern) < 0)
            return err_set(reterr, ERR_INVALID, "the route %s is not valid", options->routes[i].pattern);
    struct httpd *httpd = MEM_NEW(struct httpd);
    if (httpd == NULL)
        return err_set(reterr, ERR_NOMEM, "no memory for an HTTP server");
    httpd->loop = loop;
    httpd->options = *options;
    httpd->limits = options->limits;
    set_limits(&httpd->limits);
    httpd->sweep = loop_timer_new(loop, sweep, httpd);
    if (httpd->sweep == NULL) {
        free(httpd);
        return err_set(reterr, ERR_NOMEM, "no memory for an HTTP server");
    }
    loop_timer_start(httpd->sweep, SWEEP_MS, SWEEP_MS);
    *ret_httpd = httpd;
    return 0;
}

void httpd_free(struct httpd *httpd)
{
    if (httpd == NULL)
        return;
    while (httpd->listeners != NULL)
        httpd_listener_close(httpd->listeners);
    while (httpd->conns != NULL)
        conn_kill(httpd->conns);
    loop_timer_free(httpd->sweep);
    free(httpd);
}

void httpd_drain(struct httpd *httpd)
{
    httpd->draining = true;
    while (httpd->listeners != NULL)
        httpd_listener_close(httpd->listeners);
    httpd->walking = true;
    for (struct conn *conn = httpd->conns; conn != NULL; conn = conn->next)
        if (!conn->buried && conn->phase == CONN_HEAD && conn->in.len == 0)
            conn_kill(conn);
    httpd->walking = false;
    bury(httpd);
}

unsigned httpd_connections(const struct httpd *httpd)
{
    return httpd->conn_count;
}

/* ---- who is there */

static void read_peer(int fd, struct httpd_peer *peer)
{
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_un un;
        struct sockaddr_storage room;
    } a = {0};
    socklen_t len = sizeof(a);
    *peer = (struct httpd_peer){.pid = -1, .uid = (uid_t)-1, .gid = (gid_t)-1};
    if (getpeername(fd, &a.any, &len) < 0)
        return;
    if (a.any.sa_family == AF_UNIX) {
        struct ucred who;
        len = sizeof(who);
        peer->is_unix = true;
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0) {
            peer->pid = who.pid;
            peer->uid = who.uid;
            peer->gid = who.gid;
        }
    } else if (a.any.sa_family == AF_INET) {
        inet_ntop(AF_INET, &a.in.sin_addr, peer->address, sizeof(peer->address));
        peer->port = ntohs(a.in.sin_port);
    } else if (a.any.sa_family == AF_INET6) {
        bool mapped = IN6_IS_ADDR_V4MAPPED(&a.in6.sin6_addr);
        const void *bytes = mapped ? (const void *)&a.in6.sin6_addr.s6_addr[12] : (const void *)&a.in6.sin6_addr;
        inet_ntop(mapped ? AF_INET : AF_INET6, bytes, peer->address, sizeof(peer->address));
        peer->port = ntohs(a.in6.sin6_port);
    }
}

int httpd_adopt(struct httpd *httpd, int take_fd, struct tls_server *tls, const struct httpd_peer *peer,
                struct error *reterr)
{
    struct httpd_peer who;
    if (httpd->draining || httpd->conn_count >= httpd->limits.max_connections) {
        close(take_fd);
        return err_set(reterr, ERR_BUSY, "%u connections are open already", httpd->conn_count);
    }
    if (peer != NULL)
        who = *peer;
    else
        read_peer(take_fd, &who);
    who.tls = tls != NULL;
    if (!who.is_unix) {
        int on = 1;
        setsockopt(take_fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    }
    return conn_new(httpd, take_fd, tls, &who, reterr);
}

/* ---- listeners */

/* A readable socket that nobody accepts from would spin the loop. */
static void pause_listener(struct httpd_listener *listener)
{
    uv_poll_stop(&listener->poll);
    listener->paused = true;
}

static void can_accept(uv_poll_t *poll, int status, int events)
{
    struct httpd_listener *listener = poll->data;
    (void)events;
    for (int i = 0; status == 0 && i < ACCEPTS_PER_EVENT; i++) {
        /* No free place, no free descriptor: the kernel's backlog holds them until a sweep finds one. */
        if (listener->httpd->conn_count >= listener->httpd->limits.max_connections) {
            pause_listener(listener);
            return;
        }
        int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0 && (errno == ECONNABORTED || errno == EINTR))
            continue;
        if (fd < 0 && errno != EAGAIN)
            pause_listener(listener);
        if (fd < 0)
            return;
        httpd_adopt(listener->httpd, fd, listener->tls, NULL, NULL);
    }
}

static void listener_closed(uv_handle_t *handle)
{
    struct httpd_listener *listener = handle->data;
    close(listener->fd);
    free(listener->unix_path);
    free(listener);
}

void httpd_listener_close(struct httpd_listener *listener)
{
    for (struct httpd_listener **at = &listener->httpd->listeners; *at != NULL; at = &(*at)->next) {
        if (*at == listener) {
            *at = listener->next;
            break;
        }
    }
    if (listener->unix_path != NULL)
        unlink(listener->unix_path);
    uv_close((uv_handle_t *)&listener->poll, listener_closed);
}

int httpd_listen_fd(struct httpd *httpd, int take_fd, struct tls_server *tls, struct httpd_listener **ret_listener,
                    struct error *reterr)
{
    struct httpd_listener *listener = MEM_NEW(struct httpd_listener);
    if (listener == NULL) {
        close(take_fd);
        return err_set(reterr, ERR_NOMEM, "no memory for a listener");
    }
    int r = uv_poll_init(loop_uv(httpd->loop), &listener->poll, take_fd);
    if (r < 0) {
        close(take_fd);
        free(listener);
        return err_set_lib(reterr, ERR_IO, r, "cannot watch a listening socket: %s", uv_strerror(r));
    }
    listener->poll.data = listener;
    listener->httpd = httpd;
    listener->fd = take_fd;
    listener->tls = tls;
    listener->next = httpd->listeners;
    httpd->listeners = listener;
    uv_poll_start(&listener->poll, UV_READABLE, can_accept);
    if (ret_listener != NULL)
        *ret_listener = listener;
    return 0;
}

uint16_t httpd_listener_port(const struct httpd_listener *listener)
{
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } a = {0};
    socklen_t len = sizeof(a);
    if (getsockname(listener->fd, &a.any, &len) < 0)
        return 0;
    return ntohs(a.any.sa_family == AF_INET6 ? a.in6.sin6_port : a.in.sin_port);
}

int httpd_listen_tcp(struct httpd *httpd, const char *address, uint16_t port, struct tls_server *tls,
                     struct httpd_listener **ret_listener, struct error *reterr)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = in6addr_any};
    bool v4 = inet_pton(AF_INET, address, &in.sin_addr) == 1;
    if (!v4 && address[0] != '\0' && inet_pton(AF_INET6, address, &in6.sin6_addr) != 1)
        return err_set(reterr, ERR_INVALID, "%s is not a numeric address", address);
    int fd CLEANUP_CLOSE = socket(v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_set_errno(reterr, ERR_IO, errno, "cannot make a socket");
    int on = 1;
    int only_v6 = address[0] != '\0';
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (!v4)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only_v6, sizeof(only_v6));
    const struct sockaddr *a = v4 ? (const struct sockaddr *)&in : (const struct sockaddr *)&in6;
    if (bind(fd, a, v4 ? sizeof(in) : sizeof(in6)) < 0 || listen(fd, BACKLOG) < 0) {
        int code = errno == EADDRINUSE ? ERR_EXISTS : ERR_IO;
        return err_set_errno(reterr, code, errno, "cannot listen on %s port %u",
                             v4 || only_v6 ? address : "any address", port);
    }
    return httpd_listen_fd(httpd, TAKE_FD(fd), tls, ret_listener, reterr);
}

/* Makes room for a socket at `path`: only a socket on which nobody answers is removed. */
static int clear_stale(const struct sockaddr_un *a, struct error *reterr)
{
    struct stat st;
    if (lstat(a->sun_path, &st) < 0)
        return errno == ENOENT ? 0 : err_set_errno(reterr, ERR_IO, errno, "cannot look at %s", a->sun_path);
    if (!S_ISSOCK(st.st_mode))
        return err_set(reterr, ERR_EXISTS, "%s exists and is no socket", a->sun_path);
    int probe CLEANUP_CLOSE = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (probe < 0)
        return err_set_errno(reterr, ERR_IO, errno, "cannot make a socket");
    if (connect(probe, (const struct sockaddr *)a, sizeof(*a)) == 0 || errno != ECONNREFUSED)
        return err_set(reterr, ERR_EXISTS, "another process serves %s", a->sun_path);
    if (unlink(a->sun_path) < 0 && errno != ENOENT)
        return err_set_errno(reterr, ERR_IO, errno, "cannot remove the stale socket %s", a->sun_path);
    return 0;
}

int httpd_listen_unix(struct httpd *httpd, const char *path, mode_t mode, uid_t uid, gid_t gid,
                      struct httpd_listener **ret_listener, struct error *reterr)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(a.sun_path))
        return err_set(reterr, ERR_INVALID, "the socket path %s is too long", path);
    strcpy(a.sun_path, path);
    char *own_path CLEANUP_FREE = mem_strdup(path);
    int fd CLEANUP_CLOSE = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || own_path == NULL)
        return err_set_errno(reterr, ERR_IO, errno, "cannot make a socket");
    int r = clear_stale(&a, reterr);
    if (r < 0)
        return r;
    /* Nobody can connect before listen(), so mode and owner are right from the first moment on. */
    if (bind(fd, (const struct sockaddr *)&a, sizeof(a)) < 0)
        return err_set_errno(reterr, ERR_IO, errno, "cannot make the socket %s", path);
    if (((uid != (uid_t)-1 || gid != (gid_t)-1) && lchown(path, uid, gid) < 0) || chmod(path, mode) < 0 ||
        listen(fd, BACKLOG) < 0) {
        r = err_set_errno(reterr, ERR_IO, errno, "cannot set up the socket %s", path);
        unlink(path);
        return r;
    }
    struct httpd_listener *listener;
    r = httpd_listen_fd(httpd, TAKE_FD(fd), NULL, &listener, reterr);
    if (r < 0) {
        unlink(path);
        return r;
    }
    listener->unix_path = TAKE_PTR(own_path);
    if (ret_listener != NULL)
        *ret_listener = listener;
    return 0;
}
