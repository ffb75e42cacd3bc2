/* From a directory's user name to the account's name inside a desktop: pure.
 *
 * carrel-poolmgr, any thread. The result is always a valid name for useradd(8) (a letter, then letters, digits, '_' or
 * '-', at most 32 characters), is never an account that a guest's packages own (root, xrdp, …), is the same for the
 * same person each time, and differs for different persons: whatever folding loses comes back as a hash of the whole
 * name. Directory names differ by more than the case of ASCII letters, so folding case alone loses nothing. */
#ifndef POOLMGR_ACCOUNT_NAME_H
#define POOLMGR_ACCOUNT_NAME_H

#include "lib/base/err.h"

#define ACCOUNT_NAME_SIZE  33  /* with the NUL */
#define ACCOUNT_PERSON_MAX 256 /* bytes of a directory name */

/* `person`: UTF-8, 1 to ACCOUNT_PERSON_MAX bytes without control characters.
 * Errors: ERR_INVALID (empty, too long, not UTF-8, control characters); `ret_name` is untouched then. */
int account_name(const char *person, char ret_name[ACCOUNT_NAME_SIZE], struct error *reterr);

#endif
