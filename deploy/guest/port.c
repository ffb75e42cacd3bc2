#include "deploy/guest/port.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

void port_init(struct port *p, const char *path)
{
    *p = (struct port){.path = path, .fd = -1};
    guest_lines_init(&p->in);
    buf_init(&p->out, PORT_QUEUE_MAX);
}

void port_done(struct port *p)
{
    if (p->fd >= 0)
        close(p->fd);
    guest_lines_done(&p->in);
    buf_done(&p->out);
}

static void port_lost(struct port *p)
{
    p->connected = false;
    p->overflow = false;
    guest_lines_reset(&p->in);
    buf_reset(&p->out);
}

bool port_check(struct port *p)
{
    if (p->fd < 0)
        p->fd = open(p->path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (p->fd < 0 || p->connected)
        return false;
    struct pollfd f = {.fd = p->fd, .events = POLLIN | POLLOUT};
    if (poll(&f, 1, 0) < 0 || (f.revents & (POLLHUP | POLLERR)) != 0)
        return false;
    port_lost(p);
    p->connected = true;
    return true;
}

struct pollfd port_pollfd(const struct port *p)
{
    short events = (short)(p->out.len > 0 ? POLLIN | POLLOUT : POLLIN);
    return (struct pollfd){.fd = p->connected ? p->fd : -1, .events = events};
}

void port_flush(struct port *p)
{
    while (p->connected && p->out.len > 0) {
        ssize_t n = write(p->fd, p->out.data, p->out.len);
        if (n > 0) {
            buf_consume(&p->out, (size_t)n);
            continue;
        }
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno != EAGAIN)
            port_lost(p);
        return;
    }
}

static bool port_feed(struct port *p, const char *data, size_t len,
                      void (*line)(void *arg, int r, const char *line, size_t len), void *arg)
{
    while (len > 0) {
        long used = guest_lines_feed(&p->in, data, len);
        if (used < 0)
            return false;
        data += used;
        len -= (size_t)used;
        for (;;) {
            const char *text = NULL;
            size_t text_len = 0;
            int r = guest_lines_next(&p->in, &text, &text_len);
            if (r == ERR_AGAIN)
                break;
            line(arg, r, text, text_len);
        }
    }
    return true;
}

void port_read(struct port *p, void (*line)(void *arg, int r, const char *line, size_t len), void *arg)
{
    char chunk[4096];
    ssize_t n = read(p->fd, chunk, sizeof(chunk));
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0 || !port_feed(p, chunk, (size_t)n, line, arg))
        port_lost(p); /* 0: nobody on the host has the channel open */
    explicit_bzero(chunk, sizeof(chunk));
}

void port_send(struct port *p, const struct guest_message *m)
{
    if (!p->connected || p->overflow)
        return;
    if (guest_message_encode(m, &p->out) < 0) {
        buf_reset(&p->out);
        p->overflow = true;
        return;
    }
    port_flush(p);
}
