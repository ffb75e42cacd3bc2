#include "auth/breaker.h"

bool breaker_allows(const struct breaker *breaker)
{
    return !breaker->open;
}

bool breaker_failed(struct breaker *breaker, int64_t now_ms)
{
    bool opened = !breaker->open;
    int64_t wait = BREAKER_PROBE_MIN_MS;
    for (uint32_t i = 0; i < breaker->failures && wait < BREAKER_PROBE_MAX_MS; i++)
        wait *= 2;
    if (wait > BREAKER_PROBE_MAX_MS)
        wait = BREAKER_PROBE_MAX_MS;
    breaker->open = true;
    if (breaker->failures < UINT32_MAX)
        breaker->failures++;
    breaker->probe_at_ms = now_ms + wait;
    return opened;
}

bool breaker_worked(struct breaker *breaker)
{
    bool closed = breaker->open;
    *breaker = (struct breaker){0};
    return closed;
}

bool breaker_probe_due(const struct breaker *breaker, int64_t now_ms)
{
    return breaker->open && now_ms >= breaker->probe_at_ms;
}
