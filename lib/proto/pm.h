/* What broker and poolmgr say to each other: HTTP on the poolmgr's socket, the broker calls. Pure; any thread.
 *
 *   POST /internal/v1/wake                        → 204. Intents in the store changed: look now, not at the next tick.
 * A hint: losing one only costs time. The broker never waits for it. POST /internal/v1/sessions/{id}/prepare
 * {"v":1,"fullname":"Alice Example"} → 200 {"v":1,"username":"alice","password":"...","domain":""}  the person's
 * account stands in the session's desktop → problem document (lib/proto/problem.h) otherwise: 404 "no_session"      no
 * open session of that id, or no desktop assigned to it 409 "desktop_not_ready"  ask again 502 "guest_failed"    the
 * guest helper refused or is silent; ask again 503 "not_leader"      another poolmgr leads, or the store is down; ask
 * again
 *
 * prepare is idempotent: each call sets a new random password, the last one holds. A session that ends is written to
 * the store by the poolmgr (store_session_end); the broker sees it there within a second and drops what is still
 * connected. Invariant: the password is in no log line, and callers wipe the texts that hold it. */
#ifndef CARREL_PROTO_PM_H
#define CARREL_PROTO_PM_H

#include "lib/base/err.h"
#include "lib/base/id.h"
#include "lib/base/secret.h"

#include <stdbool.h>
#include <stddef.h>

#define PM_VERSION           1
#define PM_WAKE_PATH         "/internal/v1/wake"
#define PM_PATH_SIZE         128
#define PM_BODY_MAX          4096 /* bytes of any body either way */
#define PM_NO_SESSION        "no_session"
#define PM_DESKTOP_NOT_READY "desktop_not_ready"
#define PM_GUEST_FAILED      "guest_failed"
#define PM_NOT_LEADER        "not_leader"

/* The path of a session's prepare call. ERR_TOO_BIG cannot happen with an id of ID_SIZE. */
void pm_prepare_path(const char *session_id, char ret_path[PM_PATH_SIZE]);
/* True when `path` is one; ret_session then holds the session's id (only letters, digits and '-'). */
bool pm_prepare_path_match(const char *path, char ret_session[ID_SIZE]);

struct pm_prepare {
    char fullname[256]; /* shown in the desktop; may be empty */
};

/* Text for a body; caller frees. NULL when memory is out. */
char *pm_prepare_write(const struct pm_prepare *prepare);
/* ERR_INVALID with a sentence. */
int pm_prepare_read(const char *body, size_t len, struct pm_prepare *ret, struct error *reterr);

struct pm_credentials {
    char username[64];
    char domain[64]; /* empty: an account of the desktop itself */
    struct secret *password;
};

void pm_credentials_done(struct pm_credentials *credentials);
/* Text for a body; the caller wipes (secret_wipe) and frees it. NULL when memory is out. */
char *pm_credentials_write(const struct pm_credentials *credentials);
/* ret: untouched on failure, else ended with pm_credentials_done(). ERR_PROTOCOL with a sentence, ERR_NOMEM. */
int pm_credentials_read(const char *body, size_t len, struct pm_credentials *ret, struct error *reterr);

#endif
