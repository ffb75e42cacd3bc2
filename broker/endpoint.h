/* The one table of what the broker answers: endpoints.def. It gives the routes of both sockets, the roles, and the
 * OpenAPI check. Loop's thread unless said otherwise. */
#ifndef CARREL_BROKER_ENDPOINT_H
#define CARREL_BROKER_ENDPOINT_H

#include "broker/role.h"
#include "lib/net/httpd.h"

struct call;

struct endpoint {
    const char *name;
    const char *method, *pattern;
    enum need need;
    size_t max_body;
    /* A store worker: reads the call, sets call->answer (or refuses). NULL = nothing to do there. */
    int (*work)(struct call *call, struct error *reterr);
    /* After work succeeded: may add to the answer, or give it by itself (then true: call->req is NULL or kept
     * elsewhere). NULL = no more. */
    bool (*after)(struct call *call);
    const char *summary;
};

extern const struct endpoint endpoints[];
extern const size_t n_endpoints;

/* The routes of a socket, in an array that lives as long as the process. */
const struct httpd_route *endpoint_routes(bool for_gateways, size_t *ret_count);

#endif
