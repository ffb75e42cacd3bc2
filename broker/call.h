/* One call of the API on its way: who calls, the checked body, one visit to a store worker, the answer. Loop's thread
 * but for `work` of the endpoint, which has the call to itself on a worker. Invariants: every request is answered once;
 * a refusal is a problem document and one log line; no endpoint runs before its `need` is met. */
#ifndef CARREL_BROKER_CALL_H
#define CARREL_BROKER_CALL_H

#include "broker/broker.h"
#include "broker/endpoint.h"
#include "lib/proto/doc.h"
#include "lib/proto/problem.h"
#include "lib/store/store_login.h"

/* Query and path parameters that endpoints know. */
enum call_param {
    CALL_NAME,
    CALL_ID,
    CALL_IMAGE,
    CALL_WORKER,
    CALL_POOL,
    CALL_GROUP,
    CALL_USER,
    CALL_AFTER,
    CALL_LIMIT,
    CALL_OPEN,
    CALL_INSTANCE,
    CALL_PARAM_COUNT
};

struct call {
    struct workpool_job job;
    struct broker *broker;
    const struct endpoint *endpoint;
    struct httpd_request *req; /* NULL once it is answered or handed on */
    struct caller caller;
    struct store_login login; /* when caller.logged_in */
    char token_hash[ID_HASH_SIZE];
    char address[STORE_ADDRESS_SIZE]; /* whence, as far as it can be believed; may be "" */
    char *params[CALL_PARAM_COUNT];   /* NULL = not given */
    const char *body;                 /* as it came; borrowed from req */
    size_t body_len;
    json_t *doc;            /* the body, but for gateways' calls; NULL = none */
    int status;             /* of the answer; 200 unless set */
    json_t *answer;         /* NULL = 204 */
    struct problem problem; /* status 0 = none */
    struct error error;
    int rc;
    void *state; /* of the endpoint, from work to after */
    void (*state_free)(void *state);
};

/* An endpoint's handler. */
void call_start(struct broker_door *door, const struct endpoint *endpoint, struct httpd_request *req);

/* "" instead of NULL. */
const char *call_param(const struct call *call, enum call_param param);
/* The whole number of a parameter; `fallback` when it is missing. ERR_INVALID with a sentence. */
int call_number(const struct call *call, enum call_param param, int64_t min, int64_t max, int64_t fallback,
                int64_t *ret, struct error *reterr);
/* The body; an empty object when there was none. Borrowed. */
const json_t *call_doc(struct call *call);
/* The caller's name: of the login, or "root". */
const char *call_who(const struct call *call);

/* Refuse with a status, a stable code and a sentence. Returns ERR_DENIED, for `return call_refuse(...)`. */
int call_refuse(struct call *call, int status, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Ends a call by what it has: problem, error of `rc`, answer. Frees it. */
void call_finish(struct call *call, int rc);
/* Frees it without an answer: the request was handed on. */
void call_free(struct call *call);

/* A problem for an error that no rule of an endpoint has put into words. */
void call_problem_of(int rc, const struct error *why, struct problem *ret);

#endif
