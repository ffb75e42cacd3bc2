/* People's accounts in the desktop: entries in passwd, shadow and group, and a home from /etc/skel.
 *
 * Runs in carrel-guest, as root, one thread. The files are edited directly: starting useradd and chpasswd costs some
 * 300 ms where the guest is emulated. Each file is replaced whole by rename, under the lock that shadow's tools take.
 * Invariant: accounts below uid 1000 are never touched. `root` is "" in a desktop and a directory in tests. */
#ifndef CARREL_GUEST_ACCOUNTS_H
#define CARREL_GUEST_ACCOUNTS_H

#include "lib/base/err.h"

#include <sys/types.h>

/* Make what is missing of the account and set its password. All names are valid by lib/proto/guest.h.
 * Errors: ERR_DENIED (a system account has that name), ERR_IO, ERR_NO_SPACE, ERR_TOO_BIG (no free uid, or a file over 1
 * MiB), ERR_BUSY (somebody else edits the accounts for longer than a second). */
int accounts_set(const char *root, const char *user, const char *password, const char *fullname, struct error *reterr);

/* Remove account and home. Whatever the person runs must be dead. An account that does not exist is success.
 * Errors: as above. */
int accounts_remove(const char *root, const char *user, struct error *reterr);

/* The uid of a person's account: ERR_NOT_FOUND, ERR_DENIED (a system account), ERR_IO. */
int accounts_uid(const char *root, const char *user, uid_t *ret_uid, struct error *reterr);

#endif
