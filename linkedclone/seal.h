/* Sealed files: never written again. Worker threads only. */
#ifndef CARREL_LINKEDCLONE_SEAL_H
#define CARREL_LINKEDCLONE_SEAL_H

#include "lib/base/err.h"
#include "lib/base/id.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Bytes done of `total`. */
typedef void seal_progress_fn(void *arg, uint64_t done, uint64_t total);

/* Give an open file its owner and mode 0444, turn fs-verity on where the file system has it (*ret_verity), and make it
 * durable. The descriptor must be read-only and no other may be open for writing. ERR_IO, ERR_DENIED. */
int seal_file(int fd, uid_t uid, gid_t gid, bool *ret_verity, struct error *reterr);

/* Whether the file (of any descriptor, O_PATH too) is sealed: no write bit, or fs-verity, or the immutable flag. */
int seal_check(int fd, bool *ret_sealed, struct error *reterr);

/* SHA-256 of a whole file. progress and cancel may be NULL. ERR_IO, ERR_CANCELLED. */
int seal_hash(int fd, seal_progress_fn *progress, void *arg, const atomic_bool *cancel, char ret_hex[ID_HASH_SIZE],
              struct error *reterr);

#endif
