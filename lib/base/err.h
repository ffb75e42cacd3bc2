/* Error codes and their carrier. Any thread, any process.
 *
 * Functions return 0 or a negative `enum err`. Who decides the outcome logs it, once; libraries only fill a
 * `struct error`. The texts are written for an operator. */
#ifndef CARREL_BASE_ERR_H
#define CARREL_BASE_ERR_H

#include <stddef.h>

/* X(NAME, value, "text for the operator") */
#define ERR_TABLE(X)                                                                                                   \
    X(NOMEM, 1, "out of memory")                                                                                       \
    X(INVALID, 2, "the request is not valid")                                                                          \
    X(TOO_BIG, 3, "larger than the limit allows")                                                                      \
    X(NOT_FOUND, 4, "no such object")                                                                                  \
    X(EXISTS, 5, "an object of that name exists already")                                                              \
    X(CONFLICT, 6, "the object changed meanwhile")                                                                     \
    X(ILLEGAL_MOVE, 7, "the object's state does not allow that")                                                       \
    X(TIMEOUT, 8, "the deadline passed")                                                                               \
    X(BUSY, 9, "too much is waiting already")                                                                          \
    X(CANCELLED, 10, "cancelled")                                                                                      \
    X(IO, 11, "reading or writing failed")                                                                             \
    X(NO_SPACE, 12, "no space is left")                                                                                \
    X(DENIED, 13, "not permitted")                                                                                     \
    X(UNREACHABLE, 14, "the other side cannot be reached")                                                             \
    X(PROTOCOL, 15, "the other side breaks the protocol")                                                              \
    X(CLOSED, 16, "the connection is closed")                                                                          \
    X(AGAIN, 17, "more input is needed")                                                                               \
    X(CONFIG, 18, "the configuration is not valid")                                                                    \
    X(STORE, 19, "the store failed")                                                                                   \
    X(STORE_DOWN, 20, "the store cannot be reached")                                                                   \
    X(SCHEMA, 21, "the store's schema does not fit this program")                                                      \
    X(FENCED, 22, "another process has become the leader")                                                             \
    X(QUEUED, 23, "no desktop is free; a place in the queue was given")                                                \
    X(NOT_ENTITLED, 24, "not entitled to this pool")                                                                   \
    X(POOL_CLOSED, 25, "the pool is closed")                                                                           \
    X(BAD_CREDENTIALS, 26, "the user name or the password is wrong")                                                   \
    X(ACCOUNT_DISABLED, 27, "the account is disabled")                                                                 \
    X(ACCOUNT_LOCKED, 28, "the account is locked")                                                                     \
    X(ACCOUNT_EXPIRED, 29, "the account has expired")                                                                  \
    X(PASSWORD_EXPIRED, 30, "the password has expired")                                                                \
    X(DIRECTORY_DOWN, 31, "no directory server answers")                                                               \
    X(HOST_DOWN, 32, "the host cannot be reached")                                                                     \
    X(VIRT, 33, "the hypervisor refused or failed")                                                                    \
    X(IMAGE, 34, "the image is not usable")                                                                            \
    X(SEALED, 35, "the file is sealed or has linked clones; it must not be written to")                                \
    X(GUEST, 36, "the desktop's guest helper refused or failed")                                                       \
    X(TLS, 37, "TLS failed")                                                                                           \
    X(CERT_MISMATCH, 38, "the certificate is not the pinned one")                                                      \
    X(TICKET_REFUSED, 39, "the ticket is not valid")                                                                   \
    X(UNSUPPORTED, 40, "not supported here")                                                                           \
    X(INTERNAL, 41, "internal error")

enum err {
#define X(name, value, text) ERR_##name = -(value),
    ERR_TABLE(X)
#undef X
};

/* Details of a failure. Owned by the caller, who zero-initialises it (`struct error e = {0}`). */
struct error {
    int code;       /* enum err, 0 when nothing was set */
    long lib_code;  /* code of the library that failed (errno, LDAP result, SQLite code …), 0 if none */
    char text[320]; /* one sentence without a final full stop; bounded, valid UTF-8 as far as its parts were */
};

/* The symbolic name ("NOT_FOUND") and the operator's text of a code. Never NULL; "UNKNOWN" for other values. */
const char *err_name(int code);
const char *err_text(int code);

/* Fill `reterr` (may be NULL) and return `code`, so that `return err_set(reterr, ERR_IO, "…")` reads well. */
int err_set(struct error *reterr, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The same with the library's own code. */
int err_set_lib(struct error *reterr, int code, long lib_code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* The same for a failed system call: appends strerror(errno_value); ENOSPC/EDQUOT become ERR_NO_SPACE, EACCES/EPERM
 * ERR_DENIED, ENOMEM ERR_NOMEM, everything else `code`. Returns the resulting code. */
int err_set_errno(struct error *reterr, int code, int errno_value, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* Put "prefix: " before the text already there. */
void err_prefix(struct error *reterr, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The best sentence there is: its text, else the text of its code. */
const char *err_message(const struct error *e);

#endif
