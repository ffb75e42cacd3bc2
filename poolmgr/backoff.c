#include "poolmgr/backoff.h"

#include <stdio.h>

void backoff_init(struct backoff *b, uint32_t first_ms, uint32_t most_ms, uint32_t limit)
{
    *b = (struct backoff){.first_ms = first_ms, .most_ms = most_ms, .limit = limit};
}

void backoff_failed(struct backoff *b, int64_t now_ms, const char *cause)
{
    uint64_t wait = b->first_ms;

    for (uint32_t i = 0; i < b->failures && wait < b->most_ms; i++)
        wait *= 2;
    if (wait > b->most_ms)
        wait = b->most_ms;
    if (b->failures < UINT32_MAX)
        b->failures++;
    b->next_ms = now_ms + (int64_t)wait;
    snprintf(b->cause, sizeof b->cause, "%s", cause);
}

bool backoff_worked(struct backoff *b)
{
    bool was = backoff_degraded(b);

    b->failures = 0;
    b->next_ms = 0;
    b->cause[0] = '\0';
    return was;
}

bool backoff_due(const struct backoff *b, int64_t now_ms)
{
    return now_ms >= b->next_ms;
}

bool backoff_degraded(const struct backoff *b)
{
    return b->failures && b->failures >= b->limit;
}

uint32_t backoff_grant(const struct backoff *b, int64_t now_ms, uint32_t wanted)
{
    if (!backoff_due(b, now_ms))
        return 0;
    return b->failures && wanted > 1 ? 1 : wanted;
}
