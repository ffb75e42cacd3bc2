/* Passes API requests through to the broker. A worker's loop thread.
 *
 * The request is complete before the broker hears of it, so a slow client holds no broker connection; the answer is
 * streamed with backpressure, event by event. Of the client's headers only those of a short list go on, X-Forwarded-For
 * is always ours: the broker tells by it that a request came from outside. */
#ifndef CARREL_GATEWAY_HTTPS_PASS_H
#define CARREL_GATEWAY_HTTPS_PASS_H

#include "lib/net/httpc.h"
#include "lib/net/httpd.h"

struct pass;

/* ret_pass: free with pass_free, after the httpd whose requests it has. Errors: ERR_NOMEM, ERR_IO. */
int pass_new(struct loop *loop, const char *broker_socket, unsigned max_connections, struct pass **ret_pass,
             struct error *reterr);
void pass_free(struct pass *pass);

/* Answers the request with what the broker says to it; 503 "broker_down" with Retry-After when it says nothing. */
void pass_request(struct pass *pass, struct httpd_request *req);

#endif
