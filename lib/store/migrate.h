/* The numbered migrations and their application. Internal to lib/store.
 *
 * Each migration's text is part of the program and its SHA-256 stands in the store once it was applied; a text that
 * was changed afterwards is noticed. Several programs may start at once: one of them migrates. */
#ifndef CARREL_STORE_MIGRATE_H
#define CARREL_STORE_MIGRATE_H

#include "lib/store/store_tx.h"

struct migration {
    int version; /* from 1, without gaps */
    const char *sql;
};

/* The program's own migrations. */
extern const struct migration migrate_all[];
extern const size_t migrate_count;

/* Check the store's schema against `list`, and apply what is missing if `apply`. One transaction for all of it.
 * Errors: ERR_SCHEMA (newer than the list, older without `apply`, changed text), and those of the engine. */
int migrate_run(struct store *store, struct store_conn *conn, const struct migration *list, size_t count, bool apply,
                struct error *reterr);
/* The newest applied migration, 0 = none. */
int migrate_version(struct store_tx *tx, int *ret_version, struct error *reterr);

#endif
