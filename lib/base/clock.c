#include "lib/base/clock.h"

#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

static _Atomic int64_t fake_wall = -1;
static _Atomic int64_t fake_mono = -1;

static int64_t read_ns(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t clock_wall_ms(void)
{
    int64_t fake = atomic_load(&fake_wall);
    return fake >= 0 ? fake : read_ns(CLOCK_REALTIME) / 1000000;
}

int64_t clock_mono_ms(void)
{
    int64_t fake = atomic_load(&fake_mono);
    return fake >= 0 ? fake : read_ns(CLOCK_MONOTONIC) / 1000000;
}

int64_t clock_mono_ns(void)
{
    return read_ns(CLOCK_MONOTONIC);
}

void clock_text(int64_t wall_ms, char ret_text[CLOCK_TEXT_SIZE])
{
    time_t s = (time_t)(wall_ms / 1000);
    struct tm tm = {0};
    char date[24] = "";
    gmtime_r(&s, &tm);
    strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(ret_text, CLOCK_TEXT_SIZE, "%s.%03dZ", date, (int)(wall_ms % 1000));
}

void clock_fake_set(int64_t wall_ms, int64_t mono_ms)
{
    atomic_store(&fake_wall, wall_ms);
    atomic_store(&fake_mono, mono_ms);
}

void clock_fake_advance(int64_t ms)
{
    atomic_fetch_add(&fake_wall, ms);
    atomic_fetch_add(&fake_mono, ms);
}
