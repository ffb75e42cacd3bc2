#include "lib/base/mem.h"

#include "lib/base/err.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static __thread long fail_after = -1;

void mem_fail_after(long n)
{
    fail_after = n;
}

static int must_fail(void)
{
    if (fail_after < 0)
        return 0;
    return fail_after-- == 0;
}

void *mem_zalloc(size_t n, size_t size)
{
    return must_fail() ? NULL : calloc(n, size);
}

int mem_grow(void *ptr, size_t *cap, size_t need, size_t size, size_t max)
{
    if (need > max)
        return ERR_TOO_BIG;
    if (need <= *cap)
        return 0;
    size_t want = *cap < 8 ? 8 : *cap + *cap / 2;
    if (want < need)
        want = need;
    if (want > max)
        want = max;
    if (want > SIZE_MAX / size || must_fail())
        return ERR_NOMEM;
    void *grown = realloc(*(void **)ptr, want * size);
    if (grown == NULL)
        return ERR_NOMEM;
    memset((char *)grown + *cap * size, 0, (want - *cap) * size);
    *(void **)ptr = grown;
    *cap = want;
    return 0;
}

char *mem_strdup(const char *s)
{
    return must_fail() ? NULL : strdup(s);
}

char *mem_strndup(const char *s, size_t n)
{
    return must_fail() ? NULL : strndup(s, n);
}

char *mem_printf(const char *fmt, ...)
{
    if (must_fail())
        return NULL;
    char *text = NULL;
    va_list ap;
    va_start(ap, fmt);
    int n = vasprintf(&text, fmt, ap);
    va_end(ap);
    return n < 0 ? NULL : text;
}
