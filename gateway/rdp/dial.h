/* Connect to a numeric address without blocking. Any thread. */
#ifndef CARREL_GATEWAY_RDP_DIAL_H
#define CARREL_GATEWAY_RDP_DIAL_H

#include "lib/base/err.h"

#include <stdint.h>

/* A TCP socket on its way to address:port, close-on-exec, non-blocking, without Nagle's delay. Writable when it is
 * decided; then dial_result. The caller owns *ret_fd. Errors: ERR_INVALID (not numeric), ERR_IO, ERR_UNREACHABLE. */
int dial_start(const char *address, uint16_t port, int *ret_fd, struct error *reterr);
/* 0 = connected; ERR_UNREACHABLE says why not. */
int dial_result(int fd, struct error *reterr);

#endif
