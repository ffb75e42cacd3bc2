/* A session as the API shows it. Loop's thread: it looks into the vault. */
#ifndef CARREL_BROKER_SESSION_JSON_H
#define CARREL_BROKER_SESSION_JSON_H

#include "broker/broker.h"
#include "broker/session.h"

#include <jansson.h>

/* For its own person: with doors, and the account in the desktop once it is there. ticket: NULL = none was made.
 * ret_ready (may be NULL): a client can connect now. NULL when memory is out. */
json_t *session_json_own(struct broker *broker, const struct session_view *view, const char *ticket, bool *ret_ready);

/* For administrators: without doors and account. Any thread. */
json_t *session_json_row(const struct session_view *view);

#endif
