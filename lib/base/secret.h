/* Passwords and keys in memory: zeroed when freed, never printable, kept out of core dumps. Not thread-safe.
 *
 * The bytes lie in pages of their own that are excluded from core dumps (MADV_DONTDUMP) and from children
 * (MADV_WIPEONFORK). There is no function that formats a secret. */
#ifndef CARREL_BASE_SECRET_H
#define CARREL_BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#define SECRET_MAX 4096

struct secret;

/* Copy `len` bytes (≤ SECRET_MAX) into a new secret; NULL when out of memory or too long. The caller still has to
 * wipe its own copy (secret_wipe). */
struct secret *secret_new(const void *data, size_t len);
/* The same for a C string. */
struct secret *secret_from_str(const char *s);
/* `len` random bytes as lower-case base32 text (5 bits a character, RFC 4648 alphabet without padding). */
struct secret *secret_random_text(size_t random_bytes);
struct secret *secret_dup(const struct secret *s);
void secret_free(struct secret *s);
static inline void secret_freep(struct secret **s)
{
    secret_free(*s);
}
/* NUL-terminated bytes, borrowed until secret_free. Only for handing to a library or a peer. */
const char *secret_bytes(const struct secret *s);
size_t secret_len(const struct secret *s);
/* Constant-time comparison. */
bool secret_equal(const struct secret *a, const struct secret *b);

/* Zero memory in a way that the compiler keeps. */
void secret_wipe(void *p, size_t len);
/* Process start: no core dumps of this process and no ptrace by others of the same uid. */
void secret_harden_process(void);

#endif
