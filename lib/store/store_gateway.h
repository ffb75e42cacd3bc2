/* Gateways as brokers know them. Any worker thread. */
#ifndef CARREL_STORE_STORE_GATEWAY_H
#define CARREL_STORE_STORE_GATEWAY_H

#include "lib/store/store.h"

struct store_gateway {
    char name[STORE_NAME_SIZE];
    char instance[STORE_NAME_SIZE]; /* of its running process; a new one after each start */
    char address[STORE_ADDRESS_SIZE];
    int64_t seen_at;
    int64_t started_at; /* when this instance said hello first */
};

struct store_gateway_hello {
    const char *name;
    const char *instance;
    const char *address;
    const char *const *live; /* ids of its connections */
    size_t live_count;
    int64_t now_ms;
};

/* A connection younger than this is not closed by a hello of the same instance that does not list it: it may have been
 * redeemed while the list was on its way. */
#define STORE_GATEWAY_SETTLE_MS 5000

/* A gateway (re)connected its command stream. Its open connections that it no longer has are closed and their sessions
 * disconnected, as by store_connection_close with reason "gateway lost it".
 * ret_drop: ids out of `live` that are not open in the store (closed, replaced, unknown): the gateway has to drop them;
 * ret_closed: ids of sessions that became disconnected. Arrays of ids: free(). */
int store_gateway_hello(struct store *store, const struct store_gateway_hello *hello, char (**ret_drop)[ID_SIZE],
                        size_t *ret_drop_count, char (**ret_closed)[ID_SIZE], size_t *ret_closed_count,
                        struct error *reterr);
/* It is still there. ERR_NOT_FOUND: it never said hello. */
int store_gateway_seen(struct store *store, const char *name, int64_t now_ms, struct error *reterr);
int store_gateway_get(struct store *store, const char *name, struct store_gateway *ret_gateway, struct error *reterr);
/* By name, at most STORE_PAGE_MAX. *ret_rows: free(). */
int store_gateway_list(struct store *store, struct store_gateway **ret_rows, size_t *ret_count, struct error *reterr);

#endif
