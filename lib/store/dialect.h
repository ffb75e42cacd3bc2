/* SQL text for one engine: what stands in braces is replaced. Internal to lib/store. Pure; any thread. */
#ifndef CARREL_STORE_DIALECT_H
#define CARREL_STORE_DIALECT_H

#include "lib/base/err.h"

struct dialect_word {
    const char *word; /* "lock" for {lock} */
    const char *text;
};

/* `sql` with each {word} replaced by its text; a word that `words` (ended by a NULL word) lacks is an ERR_INTERNAL.
 * *ret_sql: free(). */
int dialect_expand(const struct dialect_word *words, const char *sql, char **ret_sql, struct error *reterr);

#endif
