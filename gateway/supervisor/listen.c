#include "gateway/supervisor/listen.h"

#include "lib/base/mem.h"
#include "lib/base/options.h"
#include "lib/base/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define BACKLOG 1024

struct place {
    char text[128]; /* as configured, for messages */
    struct sockaddr_storage address;
    socklen_t len;
    uint16_t port;
};

/* Splits "host:port", "[host]:port" or ":port". */
static int split(const char *text, char host[64], uint16_t *ret_port)
{
    const char *colon = strrchr(text, ':');
    int64_t port = 0;
    if (colon == NULL || text_to_int(colon + 1, 1, 65535, &port) < 0)
        return ERR_CONFIG;
    size_t len = (size_t)(colon - text);
    if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
        text++;
        len -= 2;
    }
    if (len >= 64)
        return ERR_CONFIG;
    memcpy(host, text, len);
    host[len] = '\0';
    *ret_port = (uint16_t)port;
    return 0;
}

/* Kernels can be booted without. */
static bool has_ipv6(void)
{
    int fd CLEANUP_CLOSE = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return fd >= 0;
}

static int parse(const char *what, const char *text, struct place *ret, struct error *reterr)
{
    struct place p = {.len = 0};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&p.address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&p.address;
    char host[64];
    int r = split(text, host, &p.port);
    bool everywhere = r == 0 && (host[0] == '\0' || strcmp(host, "*") == 0);
    if (r == 0 && everywhere && !has_ipv6())
        snprintf(host, sizeof(host), "0.0.0.0");
    else if (everywhere)
        snprintf(host, sizeof(host), "::");
    if (r == 0 && inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(p.port);
        p.len = sizeof(*v6);
    } else if (r == 0 && inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(p.port);
        p.len = sizeof(*v4);
    } else {
        return err_set(reterr, ERR_CONFIG, "[listen] %s: \"%s\" is not an address and port", what, text);
    }
    snprintf(p.text, sizeof(p.text), "%s", text);
    *ret = p;
    return 0;
}

static int bind_failed(const char *what, const struct place *place, int why, struct error *reterr)
{
    if (why == EADDRINUSE)
        return err_set_lib(reterr, ERR_EXISTS, why,
                           "[listen] %s: port %u (%s) is taken by another program; `ss -ltnp 'sport = :%u'` names it",
                           what, place->port, place->text, place->port);
    if (why == EADDRNOTAVAIL)
        return err_set_lib(reterr, ERR_CONFIG, why, "[listen] %s: this machine has no address \"%s\"", what,
                           place->text);
    return err_set_errno(reterr, ERR_IO, why, "[listen] %s: cannot open %s", what, place->text);
}

static int open_one(const char *what, const struct place *place, bool shared, int *ret_fd, struct error *reterr)
{
    const int on = 1, off = 0;
    int fd CLEANUP_CLOSE = socket(place->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_set_errno(reterr, ERR_IO, errno, "[listen] %s: no socket", what);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (place->address.ss_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY,
                   IN6_IS_ADDR_UNSPECIFIED(&((const struct sockaddr_in6 *)&place->address)->sin6_addr) ? &off : &on,
                   sizeof(on));
    if (shared && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) < 0)
        return err_set_errno(reterr, ERR_IO, errno, "[listen] %s: the port cannot be shared", what);
    if (bind(fd, (const struct sockaddr *)&place->address, place->len) < 0 || listen(fd, BACKLOG) < 0)
        return bind_failed(what, place, errno, reterr);
    *ret_fd = TAKE_FD(fd);
    return 0;
}

static int open_place(const char *what, const struct place *place, size_t index, struct listen_set *set,
                      struct error *reterr)
{
    int probe = -1;
    int r = open_one(what, place, false, &probe, reterr);
    if (r < 0)
        return r;
    close(probe);
    for (size_t w = 0; w < set->workers && r == 0; w++)
        r = open_one(what, place, true, &set->fds[w * set->addresses + index], reterr);
    return r;
}

static int parse_all(const char *what, const char *list, struct place places[LISTEN_ADDRESSES_MAX], size_t *ret_count,
                     struct error *reterr)
{
    char word[128];
    size_t n = 0;
    while (options_list_next(&list, word, sizeof(word))) {
        if (n == LISTEN_ADDRESSES_MAX)
            return err_set(reterr, ERR_TOO_BIG, "[listen] %s: more than %d addresses", what, LISTEN_ADDRESSES_MAX);
        int r = parse(what, word, &places[n++], reterr);
        if (r < 0)
            return r;
    }
    *ret_count = n;
    return 0;
}

int listen_open(const char *what, const char *list, size_t workers, struct listen_set *ret, struct error *reterr)
{
    struct place places[LISTEN_ADDRESSES_MAX];
    struct listen_set set = {.workers = workers};
    int r = parse_all(what, list, places, &set.addresses, reterr);
    if (r < 0)
        return r;
    set.fds = MEM_ARRAY(int, set.addresses *workers + 1);
    if (set.fds == NULL)
        return err_set(reterr, ERR_NOMEM, "no memory for listening sockets");
    for (size_t i = 0; i < set.addresses * workers; i++)
        set.fds[i] = -1;
    for (size_t i = 0; i < set.addresses && r == 0; i++)
        r = open_place(what, &places[i], i, &set, reterr);
    if (r < 0) {
        listen_close(&set);
        return r;
    }
    *ret = set;
    return 0;
}

void listen_close(struct listen_set *set)
{
    for (size_t i = 0; set->fds != NULL && i < set->addresses * set->workers; i++)
        if (set->fds[i] >= 0)
            close(set->fds[i]);
    free(set->fds);
    *set = (struct listen_set){0};
}

const int *listen_of(const struct listen_set *set, size_t worker)
{
    return set->fds + worker * set->addresses;
}
