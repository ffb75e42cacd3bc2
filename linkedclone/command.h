/* Running qemu-img: arguments as they are, no shell, output bounded. Worker threads only; blocks. */
#ifndef CARREL_LINKEDCLONE_COMMAND_H
#define CARREL_LINKEDCLONE_COMMAND_H

#include "lib/base/buf.h"
#include "lib/base/err.h"

#include <stdatomic.h>
#include <stdint.h>

struct command {
    const char *const *argv;   /* argv[0] is looked for in PATH; NULL-ended */
    uint32_t deadline_ms;      /* it is killed then; 0 = none */
    const atomic_bool *cancel; /* it is killed when this becomes true; may be NULL */
    /* Pieces of its standard output as they come; may be NULL. */
    void (*output)(void *arg, const char *data, size_t len);
    void *arg;
};

/* Run it to its end; it dies with us if we are killed. Its standard error, up to 200 bytes, comes into reterr.
 * Errors: ERR_UNSUPPORTED (no such program), ERR_IMAGE (it ended with another status than 0), ERR_NO_SPACE (it said
 * so), ERR_TIMEOUT, ERR_CANCELLED, ERR_IO. */
int command_run(const struct command *command, struct error *reterr);

#endif
