/* How many connections each address has open. One loop's thread.
 *
 * IPv4 counts by address, IPv6 by its first 64 bits: one customer has all of those. The table is bounded: addresses
 * beyond `max_addresses` are refused rather than forgotten. */
#ifndef CARREL_NET_PEER_LIMIT_H
#define CARREL_NET_PEER_LIMIT_H

#include <stdbool.h>
#include <stddef.h>

struct peer_limit;

/* NULL when out of memory. */
struct peer_limit *peer_limit_new(unsigned max_each, size_t max_addresses);
void peer_limit_free(struct peer_limit *limit);

/* One more connection of `address` (numeric). 0; ERR_BUSY: it has max_each already, or the table is full; ERR_INVALID;
 * ERR_NOMEM. *ret_first_refusal (may be NULL): true for the first refusal since it had none open, for the log. */
int peer_limit_take(struct peer_limit *limit, const char *address, bool *ret_first_refusal);
/* One less. */
void peer_limit_give(struct peer_limit *limit, const char *address);
unsigned peer_limit_count(const struct peer_limit *limit, const char *address);

#endif
