/* The route table of /api/v1 and the way of a request through it: who calls, may they, run it on a worker thread, send
 * the answer. Loop's thread. The table is broker/endpoints.def; streams (server-sent events) are routed apart. */
#ifndef CARREL_BROKER_API_H
#define CARREL_BROKER_API_H

#include "broker/broker.h"
#include "broker/call.h"
#include "lib/net/httpd.h"

struct api_endpoint {
    const char *method;
    const char *pattern;
    enum role role;
    call_fn *fn;
};

/* For tests and for the description of the API. */
extern const struct api_endpoint api_endpoints[];
extern const size_t api_endpoint_count;

/* Make broker->api and broker->local and listen on their sockets. Errors: as httpd_new and httpd_listen_unix. */
int api_start(struct broker *broker, struct error *reterr);

/* Resolve who calls and run `fn` on the store's threads; for endpoints that are no plain answer. `then` runs on the
 * loop's thread with the call, and owns the request: it answers or keeps it. `fn` may refuse: api_finish sends that. */
int api_run(struct httpd_request *req, struct broker *broker, bool local, enum role role, const char *pattern,
            call_fn *fn, void (*then)(struct httpd_request *req, struct call *call, void *arg), void *arg);
/* Send what stands in the call and free neither. */
void api_finish(struct httpd_request *req, struct call *call);

#endif
