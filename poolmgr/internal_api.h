/* /internal/v1 of the pool manager on its unix socket: wake, prepare, status, health, metrics.
 *
 * carrel-poolmgr, loop thread. Only root and the program's own user may speak (mode 0660 and peer credentials). */
#ifndef POOLMGR_INTERNAL_API_H
#define POOLMGR_INTERNAL_API_H

#include "lib/net/httpd.h"
#include "poolmgr/manager.h"

/* ret_httpd: httpd_free. Errors: those of httpd_listen_unix. */
int internal_api_start(struct manager *m, struct httpd **ret_httpd, struct error *reterr);

#endif
