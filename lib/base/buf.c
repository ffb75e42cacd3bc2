#include "lib/base/buf.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void buf_init(struct buf *b, size_t max)
{
    *b = (struct buf){.max = max};
}

void buf_done(struct buf *b)
{
    free(b->data);
    *b = (struct buf){.max = b->max};
}

void buf_reset(struct buf *b)
{
    b->len = 0;
    if (b->data != NULL)
        b->data[0] = '\0';
}

int buf_reserve(struct buf *b, size_t len, char **ret_room)
{
    if (len > b->max - b->len)
        return ERR_TOO_BIG;
    size_t cap = b->cap == 0 ? 0 : b->cap + 1;
    int r = mem_grow(&b->data, &cap, b->len + len + 1, 1, b->max + 1);
    if (r < 0)
        return r;
    b->cap = cap - 1;
    *ret_room = b->data + b->len;
    return 0;
}

void buf_commit(struct buf *b, size_t len)
{
    assert(len <= b->cap - b->len);
    b->len += len;
    b->data[b->len] = '\0';
}

int buf_append(struct buf *b, const void *data, size_t len)
{
    char *room;
    int r = buf_reserve(b, len, &room);
    if (r < 0)
        return r;
    if (len > 0)
        memcpy(room, data, len);
    buf_commit(b, len);
    return 0;
}

int buf_append_str(struct buf *b, const char *s)
{
    return buf_append(b, s, strlen(s));
}

int buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0)
        return ERR_INVALID;
    char *room;
    int r = buf_reserve(b, (size_t)n, &room);
    if (r < 0)
        return r;
    va_start(ap, fmt);
    vsnprintf(room, (size_t)n + 1, fmt, ap);
    va_end(ap);
    buf_commit(b, (size_t)n);
    return 0;
}

void buf_consume(struct buf *b, size_t len)
{
    assert(len <= b->len);
    if (len == 0)
        return;
    memmove(b->data, b->data + len, b->len - len);
    b->len -= len;
    b->data[b->len] = '\0';
}

const char *buf_str(const struct buf *b)
{
    return b->data == NULL ? "" : b->data;
}
