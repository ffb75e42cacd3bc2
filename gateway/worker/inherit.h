/* What a worker inherits from the supervisor over exec: its number and descriptors. One environment variable; both
 * sides use these functions, so its form is nobody else's business. */
#ifndef CARREL_GATEWAY_WORKER_INHERIT_H
#define CARREL_GATEWAY_WORKER_INHERIT_H

#include "lib/base/err.h"

#include <stddef.h>

#define INHERIT_VARIABLE  "CARREL_GATEWAY_WORKER"
#define INHERIT_FDS_MAX   8
#define INHERIT_TEXT_SIZE 512

struct inherit {
    int worker;     /* from 0 */
    int supervisor; /* process id */
    int tickets;    /* descriptor of a file with the TLS ticket keys */
    size_t rdp_count, https_count;
    int rdp[INHERIT_FDS_MAX], https[INHERIT_FDS_MAX]; /* listening sockets */
};

/* "NAME=value" for an environment. */
void inherit_write(const struct inherit *inherit, char ret_text[INHERIT_TEXT_SIZE]);
/* The value. ERR_INVALID when it is not one. Puts close-on-exec on every descriptor. */
int inherit_read(const char *value, struct inherit *ret, struct error *reterr);

#endif
