/* Listening sockets of the supervisor: for each address one per worker (SO_REUSEPORT). At start, supervisor only. */
#ifndef CARREL_GATEWAY_SUPERVISOR_LISTEN_H
#define CARREL_GATEWAY_SUPERVISOR_LISTEN_H

#include "lib/base/err.h"

#include <stddef.h>

#define LISTEN_ADDRESSES_MAX 8

struct listen_set {
    size_t addresses;
    size_t workers;
    int *fds; /* addresses × workers: those of worker w begin at w * addresses; close-on-exec */
};

/* Opens what `list` names (see [listen] in the options). Ports are opened once without sharing first, so that a second
 * gateway, or any other program, on the same port is noticed.
 * Errors: ERR_CONFIG (not an address), ERR_EXISTS (the port is taken; says which and how to find by whom), ERR_DENIED,
 * ERR_TOO_BIG, ERR_NOMEM, ERR_IO. Nothing stays open on failure. */
int listen_open(const char *what, const char *list, size_t workers, struct listen_set *ret, struct error *reterr);
void listen_close(struct listen_set *set);
/* The descriptors of one worker. */
const int *listen_of(const struct listen_set *set, size_t worker);

#endif
