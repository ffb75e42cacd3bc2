/* Copy and remove directory trees without following anything that their owner may have put there.
 * Runs in carrel-guest, as root, one thread. Symbolic links are neither followed nor copied; other file systems are not
 * entered. At most TREE_DEPTH_MAX levels. */
#ifndef CARREL_GUEST_TREE_H
#define CARREL_GUEST_TREE_H

#include "lib/base/err.h"

#include <sys/types.h>

#define TREE_DEPTH_MAX 64

/* Copy directories and regular files of `from` into the new directory `to` (mode 0700), owned by uid and gid.
 * A missing `from` makes an empty directory. Errors: ERR_IO, ERR_NO_SPACE, ERR_EXISTS. */
int tree_copy(const char *from, const char *to, uid_t uid, gid_t gid, struct error *reterr);

/* Remove `path` and what is below. Not existing is success. Errors: ERR_IO, ERR_TOO_BIG (too deep). */
int tree_remove(const char *path, struct error *reterr);

#endif
