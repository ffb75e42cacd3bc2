#include "lib/base/text.h"

#include "lib/base/err.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int text_copy(char *dst, size_t size, const char *src)
{
    size_t len = strlen(src);
    if (len >= size) {
        if (size > 0)
            dst[0] = '\0';
        return ERR_TOO_BIG;
    }
    memcpy(dst, src, len + 1);
    return 0;
}

/* Length of the valid UTF-8 sequence at s, 0 when there is none. */
static size_t utf8_sequence(const unsigned char *s, size_t len)
{
    if (s[0] < 0x80)
        return s[0] == 0 ? 0 : 1;
    size_t n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    if (s[0] < 0xc2 || s[0] > 0xf4 || n > len)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
        (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    return n;
}

bool text_is_utf8(const char *s, size_t len)
{
    const unsigned char *p = (const unsigned char *)s;
    while (len > 0) {
        size_t n = utf8_sequence(p, len);
        if (n == 0)
            return false;
        p += n;
        len -= n;
    }
    return true;
}

bool text_is_name(const char *s, size_t max)
{
    size_t len = strlen(s);
    if (len == 0 || len > max || s[0] < 'a' || s[0] > 'z' || s[len - 1] == '-')
        return false;
    return strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

int text_to_int(const char *s, int64_t min, int64_t max, int64_t *ret)
{
    if ((s[0] < '0' || s[0] > '9') && s[0] != '-')
        return ERR_INVALID;
    char *end = NULL;
    errno = 0;
    long long value = strtoll(s, &end, 10);
    if (errno != 0 || end == s || *end != '\0' || value < min || value > max)
        return ERR_INVALID;
    *ret = value;
    return 0;
}

static bool is_plain(const unsigned char *s, size_t n)
{
    return n > 1 || (n == 1 && s[0] >= 0x20 && s[0] != 0x7f && s[0] != '"' && s[0] != '\\');
}

const char *text_quote(const char *s, size_t len, size_t limit, char *ret, size_t size)
{
    const unsigned char *p = (const unsigned char *)s;
    size_t out = 0, i = 0, stop = len > limit ? limit : len;
    while (i < stop && out + 8 < size) {
        size_t n = utf8_sequence(p + i, len - i);
        if (n == 2 && p[i] == 0xc2 && p[i + 1] < 0xa0)
            n = 0; /* C1 controls steer terminals too */
        if (is_plain(p + i, n)) {
            memcpy(ret + out, p + i, n);
            out += n;
            i += n;
        } else {
            out += (size_t)snprintf(ret + out, size - out, "\\x%02x", p[i]);
            i++;
        }
    }
    if (i < len && out + 4 < size) {
        memcpy(ret + out, "…", 3);
        out += 3;
    }
    ret[out] = '\0';
    return ret;
}

void text_lower(char *s)
{
    for (; *s != '\0'; s++)
        if (*s >= 'A' && *s <= 'Z')
            *s = (char)(*s + 'a' - 'A');
}

void text_hex(const void *data, size_t len, char *ret)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *p = data;
    for (size_t i = 0; i < len; i++) {
        ret[2 * i] = digits[p[i] >> 4];
        ret[2 * i + 1] = digits[p[i] & 15];
    }
    ret[2 * len] = '\0';
}
