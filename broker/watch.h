/* Event streams of people who wait for their session. One look at the store serves all of them: every `times.watch`
 * while there is anybody, and at once after a change of our own. Loop's thread. Invariants: at most one look is under
 * way; a stream is answered to its end exactly once; with nobody watching the store is left alone. */
#ifndef CARREL_BROKER_WATCH_H
#define CARREL_BROKER_WATCH_H

#include "broker/broker.h"
#include "broker/session.h"

int watch_new(struct broker *broker, struct watch **ret, struct error *reterr);
/* Ends all streams. */
void watch_free(struct watch *watch);

/* Begins the stream with an event "session" of `view`. take_req: owned when this returns 0. ERR_BUSY: watchers_max;
 * ERR_NOMEM. */
int watch_add(struct watch *watch, struct httpd_request *take_req, const struct session_view *view);

/* Something changed: look now. */
void watch_poke(struct watch *watch);

#endif
