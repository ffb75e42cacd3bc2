/* Growing byte buffer with a compulsory maximum. Not thread-safe; one owner.
 *
 * Invariants: len <= cap <= max. After any append, data[len] is a NUL that is not counted, so that text can be used as
 * a C string. */
#ifndef CARREL_BASE_BUF_H
#define CARREL_BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

struct buf {
    char *data;
    size_t len; /* bytes in use */
    size_t cap; /* bytes allocated, without the NUL */
    size_t max; /* never more than this many bytes */
};

/* `max`: the most bytes the buffer may ever hold. */
void buf_init(struct buf *b, size_t max);
/* Frees the memory; the buffer may be used again with the same maximum. */
void buf_done(struct buf *b);
/* Forgets the content, keeps the memory. */
void buf_reset(struct buf *b);
/* Each append returns 0, ERR_TOO_BIG (nothing is appended) or ERR_NOMEM. */
int buf_append(struct buf *b, const void *data, size_t len);
int buf_append_str(struct buf *b, const char *s);
int buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Room for `len` more bytes at the end: *ret_room; commit what was written with buf_commit. */
int buf_reserve(struct buf *b, size_t len, char **ret_room);
void buf_commit(struct buf *b, size_t len);
/* Drop `len` bytes from the front. */
void buf_consume(struct buf *b, size_t len);
/* The content as a C string; "" when empty. Valid until the next change. */
const char *buf_str(const struct buf *b);

#endif
