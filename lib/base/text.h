/* Checks and conversions of text from peers and files. Pure; any thread. */
#ifndef CARREL_BASE_TEXT_H
#define CARREL_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Copy `src` into `dst` of `size` bytes; ERR_TOO_BIG (dst becomes "") when it does not fit whole. */
int text_copy(char *dst, size_t size, const char *src);
/* Valid UTF-8 (RFC 3629: no overlong forms, no surrogates), without NUL. */
bool text_is_utf8(const char *s, size_t len);
/* A name of an object: 1 to `max` of a-z 0-9 and inner '-', beginning with a letter. */
bool text_is_name(const char *s, size_t max);
/* Whole decimal number within [min, max]. ERR_INVALID otherwise; ret untouched. */
int text_to_int(const char *s, int64_t min, int64_t max, int64_t *ret);
/* Quote for a log line or a terminal: control characters, quotes, backslashes and invalid UTF-8 become \xNN; at most
 * `limit` input bytes, then "…". Always NUL-terminated. Returns ret. */
const char *text_quote(const char *s, size_t len, size_t limit, char *ret, size_t size);
/* Lower-case ASCII letters only, in place. */
void text_lower(char *s);
/* Lower-case hexadecimal of `len` bytes; `ret` has 2 * len + 1 bytes. */
void text_hex(const void *data, size_t len, char *ret);

#endif
