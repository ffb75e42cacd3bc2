#include "lib/net/sse.h"

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/mem.h"

#include <stdbool.h>
#include <string.h>

struct sse {
    struct buf line, data;
    char event[64];
    char id[64];
    bool after_cr; /* an LF that follows belongs to the line end before */
};

struct sse *sse_new(size_t max)
{
    struct sse *sse = MEM_NEW(struct sse);
    if (sse == NULL)
        return NULL;
    buf_init(&sse->line, max);
    buf_init(&sse->data, max);
    return sse;
}

void sse_free(struct sse *sse)
{
    if (sse == NULL)
        return;
    buf_done(&sse->line);
    buf_done(&sse->data);
    free(sse);
}

/* Names and ids that do not fit are of no use cut: they become empty. */
static void set_short(char *to, size_t size, const char *value, size_t len)
{
    if (len >= size)
        len = 0;
    memcpy(to, value, len);
    to[len] = '\0';
}

static int take_field(struct sse *sse, const char *line, size_t len)
{
    const char *colon = memchr(line, ':', len);
    size_t name_len = colon != NULL ? (size_t)(colon - line) : len;
    const char *value = colon != NULL ? colon + 1 : line + len;
    size_t value_len = (size_t)(line + len - value);
    if (value_len > 0 && value[0] == ' ') {
        value++;
        value_len--;
    }
    if (name_len == 4 && memcmp(line, "data", 4) == 0) {
        int r = buf_append(&sse->data, value, value_len);
        return r == 0 ? buf_append(&sse->data, "\n", 1) : r;
    }
    if (name_len == 5 && memcmp(line, "event", 5) == 0)
        set_short(sse->event, sizeof(sse->event), value, value_len);
    else if (name_len == 2 && memcmp(line, "id", 2) == 0)
        set_short(sse->id, sizeof(sse->id), value, value_len);
    return 0;
}

static int end_line(struct sse *sse, int (*on_event)(const char *, const char *, const char *, void *), void *arg)
{
    int r = 0;
    if (sse->line.len > 0) {
        r = take_field(sse, sse->line.data, sse->line.len);
    } else {
        if (sse->data.len > 0) {
            sse->data.data[--sse->data.len] = '\0';
            r = on_event(sse->event[0] != '\0' ? sse->event : "message", sse->id, buf_str(&sse->data), arg);
        }
        buf_reset(&sse->data);
        sse->event[0] = '\0';
    }
    buf_reset(&sse->line);
    return r;
}

int sse_feed(struct sse *sse, const void *data, size_t len,
             int (*on_event)(const char *event, const char *id, const char *data, void *arg), void *arg)
{
    const char *at = data;
    const char *end = at + len;
    int r = 0;
    while (at < end && r == 0) {
        if (sse->after_cr && *at == '\n') {
            sse->after_cr = false;
            at++;
            continue;
        }
        sse->after_cr = false;
        const char *stop = at;
        while (stop < end && *stop != '\n' && *stop != '\r')
            stop++;
        r = buf_append(&sse->line, at, (size_t)(stop - at));
        at = stop;
        if (r == 0 && at < end) {
            sse->after_cr = *at++ == '\r';
            r = end_line(sse, on_event, arg);
        }
    }
    return r;
}
