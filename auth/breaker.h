/* Circuit breaker of one directory server. Pure: the caller passes the time. Not thread safe: the caller holds its
 * lock. closed: logins use the server. open: logins pass it by; a background probe asks it again at `probe_at_ms`.
 * Invariant: only a probe that succeeded closes an open breaker, so that no login ever pays for finding out. */
#ifndef CARREL_AUTH_BREAKER_H
#define CARREL_AUTH_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#define BREAKER_PROBE_MIN_MS 500
#define BREAKER_PROBE_MAX_MS 5000

struct breaker {
    bool open;
    uint32_t failures;   /* in a row; 0 while closed */
    int64_t probe_at_ms; /* monotonic; meaningful while open */
};

/* True when a login may use the server. */
bool breaker_allows(const struct breaker *breaker);

/* The server failed (did not answer in time, refused, broke off). True when this opened the breaker, false when it was
 * open already. The next probe follows after 0.5 s, doubling to 5 s. */
bool breaker_failed(struct breaker *breaker, int64_t now_ms);

/* The server answered. True when this closed an open breaker. */
bool breaker_worked(struct breaker *breaker);

/* True when the background probe is due. */
bool breaker_probe_due(const struct breaker *breaker, int64_t now_ms);

#endif
