/* One connection to one directory server: TCP, TLS, bind, search, each with a deadline of its own. Worker threads; a
 * connection belongs to one thread at a time. Deadlines are clock_mono_ms(). Invariants: nothing but the StartTLS
 * request itself crosses an ldap:// connection in clear unless the configuration says so; TLS 1.2 or newer, certificate
 * and name verified; referrals are not chased. After ERR_TIMEOUT or ERR_UNREACHABLE only dirconn_free() is allowed. */
#ifndef CARREL_AUTH_DIRCONN_H
#define CARREL_AUTH_DIRCONN_H

#include "lib/base/err.h"
#include "lib/base/secret.h"

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dirconn_tls {
    DIRCONN_TLS_STARTTLS, /* ldap://, then StartTLS (RFC 4511 section 4.14) */
    DIRCONN_TLS_LDAPS,    /* TLS from the first byte */
    DIRCONN_TLS_NONE      /* clear; only where the administrator asked for it by name */
};

/* Where a server is. Borrowed by every connection, which must not outlive it. */
struct dirconn_target {
    char *uri;        /* as configured, for messages */
    char *host;       /* the name that the certificate must bear */
    char *port;       /* decimal */
    SSL_CTX *context; /* NULL when tls is NONE */
    enum dirconn_tls tls;
};

/* Parses "ldap://host[:port]" or "ldaps://host[:port]". starttls: what ldap:// means. ERR_CONFIG with a sentence,
 * ERR_NOMEM. */
int dirconn_target_init(struct dirconn_target *target, const char *uri, bool starttls, const char *ca_file,
                        struct error *reterr);
void dirconn_target_done(struct dirconn_target *target);

struct dirconn;

/* Connects and, by the target, secures. ret: caller frees.
 * Errors: ERR_TIMEOUT, ERR_UNREACHABLE, ERR_TLS (certificate, protocol, StartTLS refused), ERR_NOMEM. */
int dirconn_open(const struct dirconn_target *target, int64_t deadline_ms, struct dirconn **ret, struct error *reterr);
void dirconn_free(struct dirconn *conn);

/* A simple bind. The answer is a verdict on the account: what account_verdict() says. An empty password is an assertion
 * failure: callers refuse it (RFC 4513 section 5.1.2, an unauthenticated bind succeeds). Further errors: ERR_TIMEOUT,
 * ERR_UNREACHABLE. */
int dirconn_bind(struct dirconn *conn, const char *dn, const struct secret *password, int64_t deadline_ms,
                 struct error *reterr);

struct dirconn_query {
    const char *base;
    const char *filter;
    const char *const *attributes; /* NULL-ended */
    size_t limit;                  /* entries wanted at most; more is no error, they are cut off */
};

struct dirconn_entry;

/* Called for each entry; `entry` is valid during the call only. */
typedef void dirconn_row(void *arg, struct dirconn_entry *entry);

/* Subtree search in pages of 500 (RFC 2696) where the server knows them. Errors: ERR_TIMEOUT, ERR_UNREACHABLE,
 * ERR_DIRECTORY_DOWN (the server answered with an error; which is in reterr), ERR_NOMEM. A base that does not exist is
 * no error: nothing is found. */
int dirconn_search(struct dirconn *conn, const struct dirconn_query *query, int64_t deadline_ms, dirconn_row *row,
                   void *arg, struct error *reterr);

const char *dirconn_entry_dn(struct dirconn_entry *entry);
/* The n-th value of an attribute, 0 first; NULL when there is none, or it is not UTF-8 text without NUL. Valid during
 * the call only. */
const char *dirconn_entry_value(struct dirconn_entry *entry, const char *attribute, size_t n);

/* When the connection was last used, for the pool's bookkeeping. */
int64_t dirconn_used_ms(const struct dirconn *conn);

#endif
