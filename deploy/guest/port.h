/* The guest's end of the virtio-serial port org.carrel.guest.0. Runs in carrel-guest, one thread, never blocks.
 *
 * The kernel says POLLHUP while nobody on the host has the channel open, and that state cannot be waited for: while it
 * lasts the port is looked at every PORT_RETRY_MS. What is not read by the host within PORT_QUEUE_MAX bytes is given
 * up: `overflow` then says that an "up" is due. */
#ifndef CARREL_GUEST_PORT_H
#define CARREL_GUEST_PORT_H

#include "lib/proto/guest.h"

#include <poll.h>

#define PORT_RETRY_MS  250
#define PORT_QUEUE_MAX 65536

struct port {
    const char *path;
    int fd;         /* -1 while it cannot be opened */
    bool connected; /* the host has the channel open */
    bool overflow;
    struct guest_lines in;
    struct buf out;
};

void port_init(struct port *p, const char *path);
void port_done(struct port *p);

/* Open the port if needed and see whether the host is there. Returns true when it has just come. */
bool port_check(struct port *p);
/* What to poll; fd -1 when there is nothing to wait for (call port_check after PORT_RETRY_MS). */
struct pollfd port_pollfd(const struct port *p);
/* Write what is queued. */
void port_flush(struct port *p);
/* Read what is there into p->in, calling `line` for each line (r < 0: ERR_TOO_BIG, no line). */
void port_read(struct port *p, void (*line)(void *arg, int r, const char *line, size_t len), void *arg);
/* Queue a message; dropped with `overflow` set when the queue is full, silently while the host is away. */
void port_send(struct port *p, const struct guest_message *m);

#endif
