/* What a login is: the person's groups and roles kept with a token. Pure; any thread. Rows: lib/store/store_login.h. */
#ifndef CARREL_BROKER_LOGIN_H
#define CARREL_BROKER_LOGIN_H

#include "auth/person.h"
#include "lib/base/err.h"
#include "lib/store/store_login.h"

#include <jansson.h>

#define LOGIN_TOKEN_SIZE 56 /* 256 bits as base32 with the NUL */

struct login_terms {
    const char *admin_groups;
    const char *address; /* whence */
    int64_t now_ms, idle_ms, lifetime_ms;
};

/* A new token and the row that goes with it. ret_login: store_login_done(). ret_token: to be told once, then wiped.
 * Groups stand in it by name and by DN, as far as STORE_LOGIN_GROUPS_MAX allows; *ret_cut says whether some were left
 * out. Errors: ERR_NOMEM, ERR_TOO_BIG (a name that no row holds). */
int login_make(const struct person *person, const struct login_terms *terms, struct store_login *ret_login,
               char ret_token[LOGIN_TOKEN_SIZE], bool *ret_cut, struct error *reterr);

/* The groups of a login, for store_entitlement_check(). The texts are borrowed from *ret_doc, which the caller releases
 * with json_decref(); the array with free(). Errors: ERR_NOMEM, ERR_STORE (the row is damaged). */

int login_groups(const struct store_login *login, json_t **ret_doc, const char ***ret_groups, size_t *ret_count,
                 struct error *reterr);

#endif
