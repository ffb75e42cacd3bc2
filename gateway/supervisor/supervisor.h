/* The supervisor: opens the listening sockets, starts the workers as images of this program, starts dead ones again.
 *
 * It parses nothing that a client sends and relays nothing; it has no threads. Each worker has listening sockets of its
 * own (SO_REUSEPORT) that the supervisor keeps open too: clients that arrive while a worker is being started again
 * wait in its backlog. docs/decisions/0047. */
#ifndef CARREL_GATEWAY_SUPERVISOR_SUPERVISOR_H
#define CARREL_GATEWAY_SUPERVISOR_SUPERVISOR_H

#include "gateway/supervisor/conf.h"

/* Runs until SIGTERM or SIGINT; the workers are gone when it returns. SIGHUP: the workers read the certificate again.
 * argv: of this process; workers get the same. Returns the exit status. */
int supervisor_run(const struct gateway_conf *conf, char **argv);

#endif
