#include "broker/endpoint.h"

#include "broker/admin_api.h"
#include "broker/call.h"
#include "broker/door_api.h"
#include "broker/health_api.h"
#include "broker/login_api.h"
#include "broker/session_api.h"
#include "lib/base/mem.h"

#define ENDPOINT(name, method, pattern, need, max_body, work, after, summary) ENDPOINT_##name,
enum {
#include "broker/endpoints.def"
};
#undef ENDPOINT

#define ENDPOINT(name, method, pattern, need, max_body, work, after, summary)                                          \
    {#name, #method, pattern, need, max_body, work, after, summary},
const struct endpoint endpoints[] = {
#include "broker/endpoints.def"
};
#undef ENDPOINT
const size_t n_endpoints = ARRAY_LEN(endpoints);

/* httpd tells a handler nothing about its route, so each endpoint has a handler of its own. */
#define ENDPOINT(name, method, pattern, need, max_body, work, after, summary)                                          \
    static void on_##name(struct httpd_request *req, void *arg)                                                        \
    {                                                                                                                  \
        call_start(arg, &endpoints[ENDPOINT_##name], req);                                                             \
    }
#include "broker/endpoints.def"
#undef ENDPOINT

#define ENDPOINT(name, method, pattern, need, max_body, work, after, summary) {#method, pattern, on_##name, max_body},
static const struct httpd_route routes[] = {
#include "broker/endpoints.def"
};
#undef ENDPOINT

const struct httpd_route *endpoint_routes(bool for_gateways, size_t *ret_count)
{
    /* The gateways' endpoints come last in the table. */
    *ret_count = ARRAY_LEN(routes);
    while (!for_gateways && *ret_count > 0 && endpoints[*ret_count - 1].need == NEED_GATEWAY)
        (*ret_count)--;
    return routes;
}
