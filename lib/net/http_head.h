/* The head of an HTTP/1.1 request (RFC 9112), parsed strictly. Pure; any thread; fuzzed (tests/fuzz/fuzz_http_head.c).
 *
 * Refused rather than guessed at: bare CR or LF, folded lines, blanks before a colon, control characters, two lengths,
 * a length together with a transfer coding: what two parsers understand differently smuggles requests. */
#ifndef CARREL_NET_HTTP_HEAD_H
#define CARREL_NET_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_FIELDS_MAX 64

struct http_field {
    const char *name, *value; /* NUL-terminated, within the parsed text; the value without outer blanks */
};

struct http_head {
    const char *method;
    const char *path;  /* origin form, still percent-encoded, without the query */
    const char *query; /* "" when there is none */
    int minor;         /* HTTP/1.<minor>: 0 or 1 */
    struct http_field fields[HTTP_FIELDS_MAX];
    size_t field_count;
    int64_t content_length; /* -1 = not said */
    bool keep_alive;        /* what version and Connection ask for */
    bool expect_continue;   /* the client waits for "100 Continue" */
};

/* Bytes up to and including the empty line that ends the head; 0 = not complete yet. Empty lines in front (RFC 9112
 * section 2.2) are counted in *ret_skip, not in the result. */
size_t http_head_end(const char *text, size_t len, size_t *ret_skip);

/* Cuts `text` (a complete head, `len` bytes with the empty line) into pieces by writing NULs into it.
 * Returns 0 or the HTTP status of the refusal: 400, 411 (transfer coding: send a length), 431 (too many fields),
 * 505. *ret_why: a sentence for the client. */
int http_head_parse(char *text, size_t len, struct http_head *ret_head, const char **ret_why);

/* Value of the first field of that name (any case), or NULL. */
const char *http_head_field(const struct http_head *head, const char *name);

/* One of the methods of RFC 9110 and 5789. */
bool http_method_known(const char *method);
/* "Not Found" …; "Unknown" for others. */
const char *http_reason(int status);
/* `list` (a comma-separated field value) has `token`, any case. */
bool http_list_has(const char *list, const char *token);

#endif
