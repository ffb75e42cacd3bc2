/* Entitlements of people and groups to pools: rows and the question who may what. Any worker thread.
 *
 * Subjects are compared without regard to ASCII case, as directories do. */
#ifndef CARREL_STORE_STORE_ENTITLEMENT_H
#define CARREL_STORE_STORE_ENTITLEMENT_H

#include "lib/store/store_pool.h"

#define STORE_ENTITLEMENT_USER  "user"
#define STORE_ENTITLEMENT_GROUP "group"

struct store_entitlement {
    char pool[STORE_NAME_SIZE];
    char kind[STORE_WORD_SIZE];
    char subject[STORE_SUBJECT_SIZE]; /* lower-case ASCII */
    int64_t created_at;
};

/* subject is stored in lower case. ERR_EXISTS; ERR_NOT_FOUND: no such pool; ERR_INVALID: kind is neither word, or "".
 */
int store_entitlement_add(struct store *store, const char *pool, const char *kind, const char *subject, int64_t now_ms,
                          struct error *reterr);
int store_entitlement_remove(struct store *store, const char *pool, const char *kind, const char *subject,
                             struct error *reterr);
/* By pool, kind, subject; `pool` NULL = all; at most STORE_PAGE_MAX. *ret_rows: free(). */
int store_entitlement_list(struct store *store, const char *pool, struct store_entitlement **ret_rows,
                           size_t *ret_count, struct error *reterr);
/* Whether a person with these groups may use `pool`. 0 or ERR_NOT_ENTITLED; ERR_NOT_FOUND: no such pool.
 * ret_row (may be NULL): the row that permits it. */
int store_entitlement_check(struct store *store, const char *pool, const char *person, const char *const *groups,
                            size_t group_count, struct store_entitlement *ret_row, struct error *reterr);
/* The pools that a person with these groups may use, by name. *ret_pools: free(). */
int store_entitlement_pools(struct store *store, const char *person, const char *const *groups, size_t group_count,
                            struct store_pool **ret_pools, size_t *ret_count, struct error *reterr);

#endif
