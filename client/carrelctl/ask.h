/* Passwords from a person or a pipe, never from the command line. carrelctl's one thread. */
#ifndef CARREL_CARRELCTL_ASK_H
#define CARREL_CARRELCTL_ASK_H

#include "lib/base/err.h"
#include "lib/base/secret.h"

/* Asks on the controlling terminal with the echo off; the terminal is put back also when a signal ends the program.
 * ERR_NOT_FOUND: there is no terminal. ERR_CANCELLED: end of file. ERR_INVALID: empty. ret: secret_free(). */
int ask_password(const char *prompt, struct secret **ret, struct error *reterr);

/* The first line of `fd`, without its line end. ERR_INVALID: empty or longer than a password may be; ERR_IO. */
int ask_password_from(int fd, struct secret **ret, struct error *reterr);

#endif
