/* A TCP connection with a deadline, for libldap to take over: its own connect waits once per address. Worker threads.
 */
#ifndef CARREL_AUTH_DIRSOCKET_H
#define CARREL_AUTH_DIRSOCKET_H

#include "lib/base/err.h"

#include <stdint.h>
#include <sys/time.h>

/* Connects to the first address of `host` that accepts, sharing the time until `deadline_ms` (clock_mono_ms()) among
 * its addresses. ret_fd: a blocking, close-on-exec socket with keep-alive; caller closes. Errors: ERR_TIMEOUT,
 * ERR_UNREACHABLE. */
int dirsocket_connect(const char *host, const char *port, int64_t deadline_ms, int *ret_fd, struct error *reterr);

/* No single read or write waits longer than `left`. */
void dirsocket_set_timeout(int fd, const struct timeval *left);

void dirsocket_close(int fd);

#endif
