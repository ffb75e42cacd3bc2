/* Ends of connections inside transactions of several entities. Internal to lib/store. */
#ifndef CARREL_STORE_DISCONNECT_H
#define CARREL_STORE_DISCONNECT_H

#include "lib/store/store_connection.h"
#include "lib/store/store_tx.h"

/* See store_connection_close. */
int disconnect_connection(struct store_tx *tx, const struct store_connection_close *close,
                          struct store_connection_closed *ret_closed, struct error *reterr);

#endif
