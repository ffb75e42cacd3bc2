/* What a person sees of a session: the row with its place, its estimate and what its pool wants. Rules and the store
 * calls of a worker; session_api.c makes messages of it. */
#ifndef CARREL_BROKER_SESSION_H
#define CARREL_BROKER_SESSION_H

#include "lib/base/err.h"
#include "lib/store/store_pool.h"
#include "lib/store/store_session.h"

#include <stdbool.h>

struct session_view {
    struct store_session row;
    int64_t place;   /* in the queue; 0 = has a desktop, or has ended */
    int64_t eta_s;   /* ETA_UNKNOWN, or seconds until a desktop is ready */
    bool passworded; /* its pool's people get an account with a password of their own in the desktop */
};

/* Fills in what belongs to view->row, which the caller has set. Store worker. Errors: the store's. */
int session_complete(struct store *store, struct session_view *view, struct error *reterr);
/* By id. ERR_NOT_FOUND, also when `person` is given and it is not theirs: who may not see it learns nothing. */
int session_load(struct store *store, const char *id, const char *person, struct session_view *ret,
                 struct error *reterr);

/* Whether an account has to be made in the desktop before the person can use it, now. */
bool session_wants_account(const struct session_view *view);

#endif
