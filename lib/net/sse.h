/* Parser of a server-sent event stream (HTML living standard, section 9.2.6). Pure; one owner; fuzzed. */
#ifndef CARREL_NET_SSE_H
#define CARREL_NET_SSE_H

#include <stddef.h>

struct sse;

/* `max`: bytes of the longest line and of the longest event. NULL when out of memory. */
struct sse *sse_new(size_t max);
void sse_free(struct sse *sse);

/* Feed what arrived, however it is cut. on_event: event ("message" when unnamed), id ("" when none), data; all valid
 * during the call; not 0 = stop feeding, returned. Also ERR_TOO_BIG, ERR_NOMEM. */
int sse_feed(struct sse *sse, const void *data, size_t len,
             int (*on_event)(const char *event, const char *id, const char *data, void *arg), void *arg);

#endif
