/* A session's account in its desktop: POST /internal/v1/sessions/{id}/prepare. Messages: lib/proto/pm.h.
 *
 * carrel-poolmgr, loop thread. The password is made here, goes to the guest and to the broker, and is kept nowhere. */
#ifndef POOLMGR_PREPARE_H
#define POOLMGR_PREPARE_H

#include "lib/net/httpd.h"

/* httpd handler; arg: the manager. */
void prepare_handle(struct httpd_request *req, void *arg);

#endif
