/* Event streams: the same events whether they come at once or in pieces. The first byte is the length of a piece. */
/* fuzz also: lib/net/sse.c */
#include "lib/net/sse.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct tally {
    uint64_t sum;
    size_t count;
};

static void mix(struct tally *t, const char *s)
{
    for (; *s != '\0'; s++)
        t->sum = (t->sum ^ (uint8_t)*s) * 0x100000001b3ULL;
    t->sum = t->sum * 31 + 1;
}

static int on_event(const char *event, const char *id, const char *data, void *arg)
{
    struct tally *t = arg;
    mix(t, event);
    mix(t, id);
    mix(t, data);
    t->count++;
    return t->count > 10000;
}

static int feed(const uint8_t *data, size_t size, size_t piece, struct tally *t)
{
    struct sse *sse = sse_new(4096);
    int r = sse != NULL ? 0 : -1;
    for (size_t at = 0; at < size && r == 0; at += piece)
        r = sse_feed(sse, data + at, size - at < piece ? size - at : piece, on_event, t);
    sse_free(sse);
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct tally whole = {0};
    struct tally cut = {0};
    int a = feed(data + 1, size - 1, size - 1, &whole);
    int b = feed(data + 1, size - 1, (size_t)data[0] % 16 + 1, &cut);
    if (a == 0 && b == 0 && (whole.count != cut.count || whole.sum != cut.sum))
        abort();
    return 0;
}
