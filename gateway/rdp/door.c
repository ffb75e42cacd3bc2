#include "gateway/rdp/door.h"

#include "gateway/rdp/conn.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/net/stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPTS_A_ROUND 64
#define PAUSE_MS        200 /* when descriptors or memory are out */
#define STOCK_KEPT      64

struct rdp_door {
    struct rdp_door_options options;
    struct rdp_conn_shared shared;
    struct stream *listeners[RDP_LISTENERS_MAX]; /* only watched, never read */
    size_t listener_count;
    struct loop_timer *pause;
    struct rdp_conn *first;
    size_t count;
    bool full; /* told once, until there is room again */
};

static void watch_all(struct rdp_door *door, unsigned events)
{
    for (size_t i = 0; i < door->listener_count; i++)
        stream_watch(door->listeners[i], events);
}

static void resume(void *arg)
{
    watch_all(arg, STREAM_READABLE);
}

static void pause_accepting(struct rdp_door *door, const struct error *e)
{
    log_event(EV_GATEWAY_ACCEPT_FAILED, LOG_STR("port", "rdp"), LOG_ERR(e));
    watch_all(door, 0);
    loop_timer_start(door->pause, PAUSE_MS, 0);
}

static void unlink_conn(struct rdp_door *door, struct rdp_conn *conn)
{
    struct rdp_conn *next = *rdp_conn_next(conn), *prev = *rdp_conn_prev(conn);
    if (prev != NULL)
        *rdp_conn_next(prev) = next;
    else
        door->first = next;
    if (next != NULL)
        *rdp_conn_prev(next) = prev;
    door->count--;
    door->full = false;
}

static void conn_over(struct rdp_conn *conn, void *arg)
{
    unlink_conn(arg, conn);
    rdp_conn_free(conn);
}

static void address_text(const struct sockaddr_storage *from, char ret[GW_ADDRESS_SIZE])
{
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)from;
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)from;
    ret[0] = '\0';
    if (from->ss_family == AF_INET)
        inet_ntop(AF_INET, &v4->sin_addr, ret, GW_ADDRESS_SIZE);
    else if (from->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
        inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], ret, GW_ADDRESS_SIZE);
    else if (from->ss_family == AF_INET6)
        inet_ntop(AF_INET6, &v6->sin6_addr, ret, GW_ADDRESS_SIZE);
}

static void welcome(struct rdp_door *door, int take_fd, const struct sockaddr_storage *from)
{
    int fd CLEANUP_CLOSE = take_fd;
    const int on = 1;
    char address[GW_ADDRESS_SIZE];
    struct rdp_conn *conn = NULL;
    struct error e = {0};
    address_text(from, address);
    if (door->count >= door->options.max_connections) {
        if (!door->full)
            log_event(EV_RDP_FULL, LOG_STR("address", address), LOG_INT("connections", door->count));
        door->full = true;
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    if (rdp_conn_new(&door->shared, TAKE_FD(fd), address, &conn, &e) < 0) {
        pause_accepting(door, &e);
        return;
    }
    *rdp_conn_next(conn) = door->first;
    if (door->first != NULL)
        *rdp_conn_prev(door->first) = conn;
    door->first = conn;
    door->count++;
}

static void on_listener(struct stream *s, unsigned events, void *arg)
{
    struct rdp_door *door = arg;
    (void)events;
    for (int i = 0; i < ACCEPTS_A_ROUND; i++) {
        struct sockaddr_storage from = {0};
        socklen_t len = sizeof(from);
        struct error e = {0};
        int fd = accept4(stream_fd(s), (struct sockaddr *)&from, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            welcome(door, fd, &from);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            err_set_errno(&e, ERR_IO, errno, "accept");
            pause_accepting(door, &e);
        }
        return;
    }
}

static int make_parts(struct rdp_door *door, struct error *reterr)
{
    /* A pin that fits nothing: each connection is checked against its own (gateway/rdp/conn), and the system's
     * authorities, which say nothing about desktops, are not even loaded. */
    const struct tls_client_options options = {.pin_sha256 =
                                                   "0000000000000000000000000000000000000000000000000000000000000000"};
    door->shared.stock = stock_new(STOCK_KEPT);
    door->pause = loop_timer_new(door->options.loop, resume, door);
    if (door->shared.stock == NULL || door->pause == NULL)
        return err_set(reterr, ERR_NOMEM, "no memory for the RDP port");
    return tls_client_new(&options, &door->shared.dialer, reterr);
}

int rdp_door_new(const struct rdp_door_options *options, struct rdp_door **ret_door, struct error *reterr)
{
    struct rdp_door *door = MEM_NEW(struct rdp_door);
    if (door == NULL)
        return err_set(reterr, ERR_NOMEM, "no memory for the RDP port");
    door->options = *options;
    door->shared = (struct rdp_conn_shared){.loop = options->loop, .link = options->link, .tls = options->tls};
    door->shared.on_over = conn_over;
    door->shared.arg = door;
    int r = make_parts(door, reterr);
    if (r < 0) {
        rdp_door_free(door);
        return r;
    }
    *ret_door = door;
    return 0;
}

int rdp_door_listen(struct rdp_door *door, int take_fd, struct error *reterr)
{
    int fd CLEANUP_CLOSE = take_fd;
    struct stream *listener = NULL;
    if (door->listener_count == RDP_LISTENERS_MAX)
        return err_set(reterr, ERR_TOO_BIG, "more than %d addresses for the RDP port", RDP_LISTENERS_MAX);
    int r = stream_new(door->options.loop, TAKE_FD(fd), NULL, true, NULL, &listener, reterr);
    if (r < 0)
        return r;
    door->listeners[door->listener_count++] = listener;
    stream_set_handler(listener, on_listener, door);
    stream_watch(listener, STREAM_READABLE);
    return 0;
}

void rdp_door_stop(struct rdp_door *door)
{
    while (door->listener_count > 0)
        stream_free(door->listeners[--door->listener_count]);
    if (door->pause != NULL)
        loop_timer_stop(door->pause);
    for (struct rdp_conn *conn = door->first; conn != NULL; conn = *rdp_conn_next(conn))
        rdp_conn_end(conn, GW_REASON_STOPPING);
}

size_t rdp_door_connections(const struct rdp_door *door)
{
    return door->count;
}

void rdp_door_free(struct rdp_door *door)
{
    if (door == NULL)
        return;
    rdp_door_stop(door);
    while (door->first != NULL)
        conn_over(door->first, door);
    loop_timer_free(door->pause);
    tls_client_free(door->shared.dialer);
    stock_free(door->shared.stock);
    free(door);
}
