#include "auth/dirsocket.h"

#include "lib/base/clock.h"
#include "lib/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

void dirsocket_close(int fd)
{
    close(fd);
}

void dirsocket_set_timeout(int fd, const struct timeval *left)
{
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, left, sizeof *left);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, left, sizeof *left);
}

/* 0, or the errno of the attempt. */
static int finish_connect(int fd, int64_t deadline_ms)
{
    struct pollfd wait = {.fd = fd, .events = POLLOUT};
    int error = 0;
    socklen_t len = sizeof error;
    for (;;) {
        int64_t left = deadline_ms - clock_mono_ms();
        int rc = left > 0 ? poll(&wait, 1, (int)left) : 0;
        if (rc == 0)
            return ETIMEDOUT;
        if (rc < 0 && errno != EINTR)
            return errno;
        if (rc > 0)
            break;
    }
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 ? error : errno;
}

static int try_address(const struct addrinfo *address, int64_t deadline_ms, int *ret_fd)
{
    int fd CLEANUP_CLOSE = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int on = 1, error = 0;
    if (fd < 0)
        return errno;
    if (connect(fd, address->ai_addr, address->ai_addrlen) != 0)
        error = errno == EINPROGRESS ? finish_connect(fd, deadline_ms) : errno;
    if (error != 0)
        return error;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    if (fcntl(fd, F_SETFL, 0) != 0)
        return errno;
    *ret_fd = TAKE_FD(fd);
    return 0;
}

static void addresses_free(struct addrinfo **list)
{
    if (*list)
        freeaddrinfo(*list);
}

int dirsocket_connect(const char *host, const char *port, int64_t deadline_ms, int *ret_fd, struct error *reterr)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *list CLEANUP(addresses_free) = NULL;
    int rc = getaddrinfo(host, port, &hints, &list);
    if (rc != 0)
        return err_set_lib(reterr, ERR_UNREACHABLE, rc, "the name cannot be resolved: %s", gai_strerror(rc));
    int64_t count = 0;
    for (const struct addrinfo *a = list; a; a = a->ai_next)
        count++;
    int error = ETIMEDOUT;
    for (const struct addrinfo *a = list; a; a = a->ai_next, count--) {
        int64_t now = clock_mono_ms();
        if (now >= deadline_ms)
            break;
        error = try_address(a, now + (deadline_ms - now) / count, ret_fd);
        if (error == 0)
            return 0;
    }
    return err_set_errno(reterr, error == ETIMEDOUT ? ERR_TIMEOUT : ERR_UNREACHABLE, error, "no connection");
}
