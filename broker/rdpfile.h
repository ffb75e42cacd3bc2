/* The .rdp file that opens a session through a gateway's RDP port. Pure; any thread.
 * Invariant: no text of a person or the directory can begin a line of its own. The desktop's password is never in it.
 */
#ifndef CARREL_BROKER_RDPFILE_H
#define CARREL_BROKER_RDPFILE_H

#include <stdint.h>

struct rdpfile {
    const char *host; /* of the door */
    int64_t port;
    const char *ticket;
    const char *title;    /* shown by the client */
    const char *username; /* of the desktop's account; "" = the client asks */
};

/* Caller frees. NULL when memory is out. */
char *rdpfile_write(const struct rdpfile *file);

#endif
