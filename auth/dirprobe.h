/* Asks the servers of a directory in the background, so that no login has to find out who is down or back. One thread
 * of its own, joined by dirprobe_free(). Logs a server's going and coming, once each. Invariant: only a probe that
 * succeeded makes a failed server usable again. */
#ifndef CARREL_AUTH_DIRPROBE_H
#define CARREL_AUTH_DIRPROBE_H

#include "auth/dirserver.h"

struct dirprobe;

/* servers: borrowed, must outlive the probe. base: any entry that searching may start at. Errors: ERR_NOMEM. */
int dirprobe_start(struct dirserver *const *servers, size_t count, const char *base, int64_t probe_ms,
                   struct dirprobe **ret, struct error *reterr);
void dirprobe_free(struct dirprobe *probe);

/* A login found the server working, or not. Any thread. */
void dirprobe_worked(struct dirserver *server);
void dirprobe_failed(struct dirprobe *probe, struct dirserver *server, const struct error *why);

#endif
