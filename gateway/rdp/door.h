/* The RDP port of a worker: accepts clients and keeps account of their connections. Worker's loop thread. */
#ifndef CARREL_GATEWAY_RDP_DOOR_H
#define CARREL_GATEWAY_RDP_DOOR_H

#include "gateway/link/link.h"
#include "lib/net/loop.h"
#include "lib/net/tls.h"

#include <stddef.h>

struct rdp_door;

struct rdp_door_options {
    struct loop *loop;
    struct link *link;
    struct tls_server *tls; /* the gateway's certificate; borrowed as long as the door lives */
    unsigned max_connections;
};

#define RDP_LISTENERS_MAX 8

/* ret_door: free with rdp_door_free. Errors: ERR_NOMEM, ERR_IO, ERR_TLS. */
int rdp_door_new(const struct rdp_door_options *options, struct rdp_door **ret_door, struct error *reterr);
/* Accept clients from a listening, non-blocking socket; owned from entry. Errors: ERR_TOO_BIG, ERR_NOMEM, ERR_IO. */
int rdp_door_listen(struct rdp_door *door, int take_fd, struct error *reterr);
/* Accept nobody any more and end every connection; they are gone when the loop has run a little. */
void rdp_door_stop(struct rdp_door *door);
size_t rdp_door_connections(const struct rdp_door *door);
/* Every connection is cut off. NULL is fine. */
void rdp_door_free(struct rdp_door *door);

#endif
