#include "client/carrelctl/screen.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct range {
    uint32_t first, last;
};

static const struct range unsafe[] = {
    {0x00, 0x1f},     {0x7f, 0x9f},       {0xad, 0xad},     {0x061c, 0x061c},   {0x180e, 0x180e},
    {0x200b, 0x200f}, {0x2028, 0x202e},   {0x2060, 0x206f}, {0xfeff, 0xfeff},   {0xfff9, 0xfffb},
    {0xfffe, 0xffff}, {0xe0000, 0xe0fff}, {0xe000, 0xf8ff}, {0xf0000, 0xffffd}, {0x100000, 0x10fffd},
};

/* From Unicode 15 EastAsianWidth.txt (W and F) in blocks: a table may be off by a column for a rare sign, never unsafe.
 */
static const struct range wide[] = {
    {0x1100, 0x115f},   {0x231a, 0x231b},   {0x2329, 0x232a},   {0x23e9, 0x23ec},   {0x2e80, 0x303e},
    {0x3041, 0x33ff},   {0x3400, 0x4dbf},   {0x4e00, 0x9fff},   {0xa000, 0xa4cf},   {0xa960, 0xa97f},
    {0xac00, 0xd7a3},   {0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},
    {0x16fe0, 0x18aff}, {0x1b000, 0x1b2ff}, {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff},
    {0x1fa70, 0x1faff}, {0x20000, 0x3fffd},
};

static const struct range combining[] = {
    {0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd}, {0x0610, 0x061a}, {0x064b, 0x065f},
    {0x0900, 0x0902}, {0x093c, 0x093c}, {0x0941, 0x0948}, {0x0e31, 0x0e31}, {0x0e34, 0x0e3a},
    {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff}, {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f},
};

static bool within(uint32_t c, const struct range *r, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (c >= r[i].first && c <= r[i].last)
            return true;
    return false;
}

#define WITHIN(c, table) within((c), (table), sizeof(table) / sizeof((table)[0]))

/* Decodes one character of well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates, up to 10FFFF).
 * Returns its length in bytes, 0 when the bytes at `s` are none. */
static size_t decode(const char *s, uint32_t *ret)
{
    const unsigned char *p = (const unsigned char *)s;
    size_t len = p[0] < 0x80             ? 1
                 : (p[0] & 0xe0) == 0xc0 ? 2
                 : (p[0] & 0xf0) == 0xe0 ? 3
                 : (p[0] & 0xf8) == 0xf0 ? 4
                                         : 0;
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};

    if (len < 2) {
        *ret = p[0];
        return len;
    }
    uint32_t c = p[0] & (0x7fU >> len);
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (p[i] & 0x3fU);
    }
    if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return 0;
    *ret = c;
    return len;
}

char *screen_clean(const char *s)
{
    char *out = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&out, &size);

    if (!f)
        return NULL;
    while (s && *s) {
        uint32_t c = 0;
        size_t len = decode(s, &c);
        if (len == 0)
            fprintf(f, "\\x%02x", (unsigned char)*s);
        else if (WITHIN(c, unsafe))
            fprintf(f, c < 0x80 ? "\\x%02" PRIx32 : "\\u{%" PRIx32 "}", c);
        else
            fwrite(s, 1, len, f);
        s += len ? len : 1;
    }
    if (fclose(f) != 0) {
        free(out);
        return NULL;
    }
    return out;
}

size_t screen_width(const char *s)
{
    size_t width = 0;

    while (s && *s) {
        uint32_t c = 0;
        size_t len = decode(s, &c);
        if (len == 0)
            width++;
        else if (!WITHIN(c, combining))
            width += WITHIN(c, wide) ? 2 : 1;
        s += len ? len : 1;
    }
    return width;
}

char *screen_duration(int64_t ms, char *buf, size_t size)
{
    static const struct {
        int64_t seconds;
        char unit;
    } steps[] = {{365 * 86400, 'y'}, {2 * 86400, 'd'}, {2 * 3600, 'h'}, {2 * 60, 'm'}, {0, 's'}};
    static const int64_t unit_seconds[] = {365 * 86400, 86400, 3600, 60, 1};
    /* INT64_MIN has no positive twin. */
    int64_t seconds = (ms < 0 ? -(ms + 1) : ms) / 1000;

    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        if (seconds >= steps[i].seconds) {
            snprintf(buf, size, "%" PRId64 "%c", seconds / unit_seconds[i], steps[i].unit);
            break;
        }
    }
    return buf;
}

char *screen_bytes(int64_t bytes, char *buf, size_t size)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double n = (double)bytes;
    size_t u = 0;

    if (bytes < 0) {
        snprintf(buf, size, "-");
        return buf;
    }
    while (n >= 1024 && u + 1 < sizeof(units) / sizeof(units[0])) {
        n /= 1024;
        u++;
    }
    snprintf(buf, size, u > 0 && n < 10 ? "%.1f %s" : "%.0f %s", n, units[u]);
    return buf;
}
