/* A worker process: one loop that serves both doors of the gateway. Holds the TLS key; knows no directory, database or
 * hypervisor secret. */
#ifndef CARREL_GATEWAY_WORKER_WORKER_H
#define CARREL_GATEWAY_WORKER_WORKER_H

#include "gateway/supervisor/conf.h"
#include "gateway/worker/inherit.h"

/* Runs until SIGTERM. Returns the exit status. */
int worker_run(const struct gateway_conf *conf, const struct inherit *inherit);

#endif
