/* Folders on disk: what makes files appear and vanish whole. Worker threads only (calls wait for the disk). */
#ifndef CARREL_LINKEDCLONE_FOLDER_H
#define CARREL_LINKEDCLONE_FOLDER_H

#include "lib/base/err.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#define FOLDER_NAME_SIZE (NAME_MAX + 1)

/* Split an absolute path into its folder and last name, which borrow from `storage` of PATH_MAX bytes. ERR_INVALID when
 * it is not absolute, too long, or ends in "/", "." or "..". */
int folder_split(const char *path, char *storage, const char **ret_dir, const char **ret_name, struct error *reterr);
/* Open a folder. ERR_NOT_FOUND, ERR_DENIED, ERR_IO. */
int folder_open(const char *dir, int *ret_fd, struct error *reterr);
/* Make names in it durable. */
int folder_sync(int dir_fd, struct error *reterr);
/* The temporary name ".NAMESUFFIX" beside `name`. ERR_TOO_BIG. */
int folder_temporary(const char *name, const char *suffix, char ret[FOLDER_NAME_SIZE], struct error *reterr);
/* Whether `name` is one of folder_temporary's. */
bool folder_is_temporary(const char *name, const char *suffix);
/* Delete the files in the folder `name`, which has no folders in it, and the folder. None there is success. */
int folder_remove(int parent_fd, const char *name, struct error *reterr);
/* Call fn for each name in `dir` (not "." and ".."); its negative result ends it. */
int folder_each(const char *dir, int (*fn)(int dir_fd, const char *name, void *arg, struct error *reterr), void *arg,
                struct error *reterr);

#endif
