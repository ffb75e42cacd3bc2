/* What the pool manager tells about itself: status as JSON, metrics as Prometheus text.
 *
 * carrel-poolmgr, loop thread; reads the manager, changes nothing. */
#ifndef POOLMGR_STATUS_H
#define POOLMGR_STATUS_H

#include "lib/base/buf.h"
#include "poolmgr/manager.h"

#include <jansson.h>

/* {"leader":…,"generation":…,"hosts":[…],"pools":[…],"desktops":{…}}. NULL when memory is out. */
json_t *status_json(const struct manager *m);
/* Prometheus text format 0.0.4. ERR_NOMEM, ERR_TOO_BIG. */
int status_metrics(const struct manager *m, struct buf *out);

#endif
