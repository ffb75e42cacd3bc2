/* Logins kept between commands: a directory with one file per URL, and the name of the last one used.
 *
 * carrelctl's one thread. Invariants: the directory is 0700 and each file 0600 and the caller's own; a file that others
 * could read or write is refused, not read. Files are replaced by rename, so a reader never sees half of one.
 */
#ifndef CARREL_CARRELCTL_KEEP_H
#define CARREL_CARRELCTL_KEEP_H

#include "lib/base/err.h"
#include "lib/base/secret.h"

#include <stdbool.h>
#include <stdint.h>

struct keep_login {
    char *url;
    char *ca; /* as given at login, or NULL */
    char *username;
    bool is_staff;      /* auditor, operator or administrator */
    int64_t expires_at; /* ms since the epoch; 0 = not known */
    struct secret *token;
};

void keep_done(struct keep_login *login);

/* The directory: `given`, else $CARREL_STATE, else $XDG_STATE_HOME/carrel, else ~/.local/state/carrel. Caller frees;
 * NULL: there is no home. */
char *keep_directory(const char *given);

/* Keeps a login and makes it the last one. Creates the directory. Errors: ERR_IO, ERR_DENIED, ERR_NO_SPACE, ERR_NOMEM.
 */
int keep_save(const char *directory, const struct keep_login *login, struct error *reterr);

/* The login of `url`, or with NULL the last one used. ERR_NOT_FOUND: there is none. ERR_DENIED: others can read the
 * file. ERR_INVALID: it is damaged. ret: zeroed before, ended with keep_done(). */
int keep_load(const char *directory, const char *url, struct keep_login *ret, struct error *reterr);

/* Forgets the login of `url`. 0 also when there was none. */
int keep_forget(const char *directory, const char *url, struct error *reterr);

#endif
