/* The whole pool manager in one object: started, run on its loop, stopped. main() and the tests use it alike.
 *
 * carrel-poolmgr, loop thread. Stopping leaves all desktops as they are and gives the lead back. */
#ifndef POOLMGR_DAEMON_H
#define POOLMGR_DAEMON_H

#include "lib/net/httpd.h"
#include "poolmgr/manager.h"

struct daemon {
    struct poolmgr_conf conf; /* filled by the caller, checked, unchanged while it runs */
    struct manager manager;
    struct httpd *httpd;
    char holder[STORE_SUBJECT_SIZE];
};

/* Open the store, listen, take part in the election of the leader; loop_run(d->manager.loop) then does the work until
 * SIGTERM or SIGINT. *d: zeroed but for conf. Errors: of the store, the socket, the folders; daemon_stop is owed even
 * then. */
int daemon_start(struct daemon *d, struct error *reterr);
/* Ends everything within conf.stop. False when a call still hangs in a hypervisor: then the caller has to end the
 * process at once (_exit), nothing was freed. */
bool daemon_stop(struct daemon *d);

#endif
