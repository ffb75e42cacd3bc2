#include "lib/net/http_route.h"

#include "lib/base/err.h"
#include "lib/base/text.h"

#include <stdbool.h>
#include <string.h>

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

long http_decode(const char *s, size_t len, int plus, char *ret, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        char c = s[i];
        if (c == '%') {
            int high = len - i > 2 ? hex_digit(s[i + 1]) : -1;
            int low = len - i > 2 ? hex_digit(s[i + 2]) : -1;
            if (high < 0 || low < 0)
                return ERR_INVALID;
            c = (char)(high * 16 + low);
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        if (c == '\0')
            return ERR_INVALID;
        if (n + 1 >= size)
            return ERR_TOO_BIG;
        ret[n++] = c;
    }
    if (n >= size)
        return ERR_TOO_BIG;
    ret[n] = '\0';
    return (long)n;
}

/* One segment as it stands in a path. */
static int check_segment(const char *s, size_t len)
{
    char decoded[HTTP_PARAMS_TEXT];
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)s[i] <= ' ' || (unsigned char)s[i] >= 0x7f || strchr("\"#<>\\^`{|}", s[i]) != NULL)
            return ERR_INVALID;
    long n = http_decode(s, len, 0, decoded, sizeof(decoded));
    if (n < 0 || memchr(decoded, '/', (size_t)n) != NULL || !text_is_utf8(decoded, (size_t)n))
        return ERR_INVALID;
    for (long i = 0; i < n; i++)
        if ((unsigned char)decoded[i] < ' ' || decoded[i] == 0x7f)
            return ERR_INVALID;
    return strcmp(decoded, ".") == 0 || strcmp(decoded, "..") == 0 ? ERR_INVALID : 0;
}

int http_path_check(const char *path)
{
    if (*path != '/')
        return ERR_INVALID;
    for (const char *at = path; *at == '/';) {
        at++;
        size_t len = strcspn(at, "/");
        if (len == 0 && at[len] == '/')
            return ERR_INVALID;
        if (check_segment(at, len) < 0)
            return ERR_INVALID;
        at += len;
    }
    return 0;
}

int http_pattern_check(const char *pattern)
{
    size_t names = 0;
    if (*pattern != '/')
        return ERR_INVALID;
    for (const char *at = pattern; *at == '/';) {
        at++;
        size_t len = strcspn(at, "/");
        if (memchr(at, '*', len) != NULL && (len != 1 || at[1] != '\0'))
            return ERR_INVALID;
        if (*at == '{' && (len < 3 || at[len - 1] != '}'))
            return ERR_INVALID;
        if ((*at == '{' || *at == '*') && ++names > HTTP_PARAMS_MAX)
            return ERR_INVALID;
        at += len;
    }
    return 0;
}

static int add_param(struct http_params *params, const char *name, size_t name_len, const char *s, size_t len)
{
    if (params->count == HTTP_PARAMS_MAX)
        return ERR_TOO_BIG;
    char *room = params->text + params->used;
    long n = http_decode(s, len, 0, room, sizeof(params->text) - params->used);
    if (n < 0)
        return (int)n;
    params->items[params->count].name = name;
    params->items[params->count].name_len = name_len;
    params->items[params->count].value = room;
    params->count++;
    params->used += (size_t)n + 1;
    return 0;
}

/* One literal segment; the path's may be percent-encoded. */
static bool same_segment(const char *pattern, size_t pattern_len, const char *s, size_t len)
{
    char decoded[HTTP_PARAMS_TEXT];
    long n = http_decode(s, len, 0, decoded, sizeof(decoded));
    return n >= 0 && (size_t)n == pattern_len && memcmp(decoded, pattern, pattern_len) == 0;
}

int http_route_match(const char *pattern, const char *path, struct http_params *ret_params)
{
    ret_params->count = ret_params->used = 0;
    while (*pattern == '/' && *path == '/') {
        pattern++;
        path++;
        if (strcmp(pattern, "*") == 0)
            return add_param(ret_params, "*", 1, path, strlen(path));
        size_t pattern_len = strcspn(pattern, "/");
        size_t len = strcspn(path, "/");
        if (*pattern == '{') {
            int r = len > 0 ? add_param(ret_params, pattern + 1, pattern_len - 2, path, len) : ERR_NOT_FOUND;
            if (r < 0)
                return r;
        } else if (!same_segment(pattern, pattern_len, path, len)) {
            return ERR_NOT_FOUND;
        }
        pattern += pattern_len;
        path += len;
    }
    return *pattern == '\0' && *path == '\0' ? 0 : ERR_NOT_FOUND;
}

const char *http_param(const struct http_params *params, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < params->count; i++)
        if (params->items[i].name_len == len && memcmp(params->items[i].name, name, len) == 0)
            return params->items[i].value;
    return NULL;
}

int http_query_get(const char *query, const char *name, char *ret, size_t size)
{
    size_t name_len = strlen(name);
    for (const char *at = query; *at != '\0';) {
        size_t len = strcspn(at, "&");
        if (len > name_len && at[name_len] == '=' && memcmp(at, name, name_len) == 0) {
            long n = http_decode(at + name_len + 1, len - name_len - 1, 1, ret, size);
            return n < 0 ? (int)n : 0;
        }
        at += len;
        at += *at == '&';
    }
    return ERR_NOT_FOUND;
}
