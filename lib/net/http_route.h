/* Paths, patterns and query strings of requests. Pure; any thread; fuzzed with http_head. */
#ifndef CARREL_NET_HTTP_ROUTE_H
#define CARREL_NET_HTTP_ROUTE_H

#include <stddef.h>

#define HTTP_PARAMS_MAX  8
#define HTTP_PARAMS_TEXT 1024

struct http_params {
    struct {
        const char *name; /* within the pattern, `name_len` bytes */
        size_t name_len;
        const char *value; /* decoded, within `text` */
    } items[HTTP_PARAMS_MAX];
    size_t count;
    size_t used;
    char text[HTTP_PARAMS_TEXT];
};

/* ERR_INVALID: `path` does not begin with '/', has a bad or forbidden escape (%00, %2F, no UTF-8), an empty segment in
 * the middle, "." or "..", or characters that no path has. Such paths are refused before any routing, so that nobody
 * behind us reads them differently. */
int http_path_check(const char *path);

/* Does `path` (checked) fit `pattern`? Segments: literal, {name}, or a last "*" for any rest (its name is "*").
 * 0; ERR_NOT_FOUND; ERR_TOO_BIG (the decoded values do not fit). ret_params: only valid after 0. */
int http_route_match(const char *pattern, const char *path, struct http_params *ret_params);
/* ERR_INVALID: no leading '/', "*" not last, an unclosed or unnamed {…}, more than HTTP_PARAMS_MAX. */
int http_pattern_check(const char *pattern);
/* Decoded value or NULL. */
const char *http_param(const struct http_params *params, const char *name);

/* Decodes `%XX` (and '+' as a blank when `plus`) of `len` bytes into `ret`. Returns the length without the NUL, or
 * ERR_INVALID, ERR_TOO_BIG. */
long http_decode(const char *s, size_t len, int plus, char *ret, size_t size);
/* First `name=` of the query, decoded. 0, ERR_NOT_FOUND, ERR_INVALID, ERR_TOO_BIG. */
int http_query_get(const char *query, const char *name, char *ret, size_t size);

#endif
