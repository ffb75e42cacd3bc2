/* When to try again after failures, and the cause to show meanwhile: pure.
 *
 * carrel-poolmgr; embedded in a host, a pool and an image job by whoever owns that object, used from the loop only.
 * After each failure in a row the wait doubles from `first_ms` up to `most_ms`. After `limit` failures in a row the
 * object counts as degraded: it is still tried at the longest wait, so that it heals by itself when the cause is gone.
 */
#ifndef POOLMGR_BACKOFF_H
#define POOLMGR_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

#define BACKOFF_CAUSE_SIZE 320

struct backoff {
    uint32_t first_ms;              /* wait after the first failure */
    uint32_t most_ms;               /* longest wait */
    uint32_t limit;                 /* failures in a row that make it degraded */
    uint32_t failures;              /* in a row */
    int64_t next_ms;                /* not before this time (monotonic ms); 0 = at once */
    char cause[BACKOFF_CAUSE_SIZE]; /* of the last failure; "" = healthy */
};

void backoff_init(struct backoff *b, uint32_t first_ms, uint32_t most_ms, uint32_t limit);
/* One more failure at `now_ms` (monotonic) for `cause`, one sentence, cut at the size. */
void backoff_failed(struct backoff *b, int64_t now_ms, const char *cause);
/* It worked. Whether it was degraded until now. */
bool backoff_worked(struct backoff *b);
/* Whether it may be tried at `now_ms`. */
bool backoff_due(const struct backoff *b, int64_t now_ms);
bool backoff_degraded(const struct backoff *b);
/* How many may be tried at once of `wanted`: all while healthy, one while there were failures (a canary), none when not
 * due. */
uint32_t backoff_grant(const struct backoff *b, int64_t now_ms, uint32_t wanted);

#endif
