#include "gateway/rdp/dial.h"

#include "lib/base/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

static int parse(const char *address, uint16_t port, struct sockaddr_storage *ret, socklen_t *ret_len)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;
    memset(ret, 0, sizeof(*ret));
    if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        *ret_len = sizeof(*v4);
        return 0;
    }
    if (inet_pton(AF_INET6, address, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        *ret_len = sizeof(*v6);
        return 0;
    }
    return ERR_INVALID;
}

int dial_start(const char *address, uint16_t port, int *ret_fd, struct error *reterr)
{
    struct sockaddr_storage to;
    socklen_t len = 0;
    const int on = 1;
    if (parse(address, port, &to, &len) < 0)
        return err_set(reterr, ERR_INVALID, "the desktop's address is not numeric");
    int fd CLEANUP_CLOSE = socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_set_errno(reterr, ERR_IO, errno, "no socket for a desktop");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    if (connect(fd, (struct sockaddr *)&to, len) < 0 && errno != EINPROGRESS)
        return err_set_errno(reterr, ERR_UNREACHABLE, errno, "the desktop at %s port %u", address, port);
    *ret_fd = TAKE_FD(fd);
    return 0;
}

int dial_result(int fd, struct error *reterr)
{
    int why = 0;
    socklen_t len = sizeof(why);
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &len) < 0)
        why = errno;
    if (why != 0)
        return err_set_lib(reterr, ERR_UNREACHABLE, why, "the desktop does not answer: %s", strerror(why));
    return 0;
}
