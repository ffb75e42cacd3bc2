/* The RDP port of a simulated desktop: confirms an X.224 connection request ([MS-RDPBCGR] 2.2.1.1, 2.2.1.2) and then
 * says no more; enough for a readiness probe. Everything runs in the simulation's event thread. */
#include "lib/virt/fake_host.h"
#include "lib/virt/fake_loop.h"
#include "lib/virt/name.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

#define REQUEST_MAX 512

/* Standard RDP security, or TLS when the request offers it (a negotiation response has 8 more bytes). */
static const unsigned char confirm_plain[] = {3, 0, 0, 11, 6, 0xd0, 0, 0, 0x12, 0x34, 0};
static const unsigned char confirm_tls[] = {3, 0, 0, 19, 14, 0xd0, 0, 0, 0x12, 0x34, 0, 2, 0, 8, 0, 1, 0, 0, 0};

static void end(int fd)
{
    fake_loop_unwatch(fd);
    close(fd);
}

static bool offers_tls(const unsigned char *request, size_t len)
{
    const unsigned char *neg = request + len - 8;
    return len >= 19 && neg[0] == 1 && neg[2] == 8 && (neg[4] & 1) != 0;
}

static void talk(int fd, void *arg)
{
    (void)arg;
    unsigned char request[REQUEST_MAX];
    ssize_t n = recv(fd, request, sizeof(request), MSG_DONTWAIT);
    bool asks = n >= 11 && request[0] == 3 && (request[5] & 0xf0) == 0xe0;
    if (!asks) {
        end(fd);
        return;
    }
    bool tls = offers_tls(request, (size_t)n);
    const unsigned char *answer = tls ? confirm_tls : confirm_plain;
    if (send(fd, answer, tls ? sizeof(confirm_tls) : sizeof(confirm_plain), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        end(fd);
}

static void welcome(int fd, void *arg)
{
    (void)arg;
    int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (peer >= 0)
        fake_loop_watch(peer, NULL, talk, NULL);
}

void fake_rdp_listen(struct fake_domain *domain)
{
    uint32_t address = fake_net_address(domain->host, domain->network, domain->mac);
    if (domain->host->rdp == 0 || address >> 24 != 127)
        return;
    struct sockaddr_in where = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)domain->host->rdp_port), .sin_addr.s_addr = htonl(address)};
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        bind(fd, (struct sockaddr *)&where, sizeof(where)) < 0 || listen(fd, 16) < 0) {
        close(fd);
        return;
    }
    domain->rdp_fd = fd;
    fake_loop_watch(fd, NULL, welcome, NULL);
}

static void end_listener(void *arg)
{
    end(*(int *)arg);
}

/* The event thread closes it, since it may be accepting just now. */
void fake_rdp_close(struct fake_domain *domain)
{
    int *fd = domain->rdp_fd >= 0 ? MEM_NEW(int) : NULL;
    if (fd == NULL)
        return;
    *fd = TAKE_FD(domain->rdp_fd);
    fake_loop_add(0, NULL, end_listener, fd);
}
