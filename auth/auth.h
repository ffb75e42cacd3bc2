/* How a person proves who they are, whatever the directory. Used by the broker, on worker threads only: every call may
 * block until its deadline. An implementation fills in a struct auth; everything above it sees only this. Invariant: an
 * answer never tells an unknown person from a wrong password. */
#ifndef CARREL_AUTH_AUTH_H
#define CARREL_AUTH_AUTH_H

#include "auth/person.h"
#include "lib/base/err.h"
#include "lib/base/secret.h"

#include <stddef.h>
#include <stdint.h>

struct auth;

struct auth_ops {
    /* Checks the password and returns who it is, with all groups.
     * username: what was typed, `username_len` bytes, hostile. deadline_ms: clock_mono_ms() at which to give up.
     * ret_person: caller frees; untouched on failure.
     * Errors: ERR_BAD_CREDENTIALS (unknown person, wrong or empty password, a name that no directory holds),
     * ERR_ACCOUNT_DISABLED, ERR_ACCOUNT_LOCKED, ERR_ACCOUNT_EXPIRED, ERR_PASSWORD_EXPIRED (the password was right or
     * the directory says so by itself), ERR_DIRECTORY_DOWN (nobody answered in time), ERR_NOMEM. `reterr` is for the
     * operator. */
    int (*authenticate)(struct auth *auth, const char *username, size_t username_len, const struct secret *password,
                        int64_t deadline_ms, struct person **ret_person, struct error *reterr);
    /* 0 when at least one server is believed to answer, else ERR_DIRECTORY_DOWN. Never blocks, any thread. */
    int (*ready)(struct auth *auth, struct error *reterr);
    void (*free)(struct auth *auth);
};

/* Embedded as the first member of an implementation. */
struct auth {
    const struct auth_ops *ops;
};

static inline void auth_free(struct auth *auth)
{
    if (auth)
        auth->ops->free(auth);
}

#endif
