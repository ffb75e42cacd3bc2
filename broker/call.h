/* One request to the API on its way through the broker.
 *
 * The loop's thread copies the request, hands the call to a worker thread, and sends what the endpoint left in it. An
 * endpoint is a function that blocks: it owns the call while it runs, reads it with the functions below and ends with
 * exactly one call_reply… or call_refuse…; without one the peer gets 500. */
#ifndef CARREL_BROKER_CALL_H
#define CARREL_BROKER_CALL_H

#include "broker/broker.h"
#include "broker/role.h"
#include "lib/proto/doc.h"
#include "lib/proto/problem.h"
#include "lib/store/store_login.h"

#define CALL_PARAMS_MAX 4

struct call {
    struct broker *broker;
    int64_t now_ms;                   /* wall clock when the request had arrived */
    char address[STORE_ADDRESS_SIZE]; /* of the person; from the gateway's X-Forwarded-For on the API socket */
    enum role role;                   /* what this caller may do */
    bool is_local_root;               /* root on the local socket, without a login */
    char username[STORE_SUBJECT_SIZE];
    struct store_login login; /* zeroed for local root and for ROLE_ANYONE */
    json_t *body;             /* an object, or NULL when there was none */

    /* private */
    struct {
        char name[16];
        char value[128];
    } params[CALL_PARAMS_MAX];
    size_t param_count;
    json_t *query; /* name → text */
    char token[128];
    int status; /* 0 = no answer yet */
    json_t *json;
    char *text;
    char content_type[64];
    char filename[96];
    struct problem problem;
};

typedef void call_fn(struct call *call);

/* Decoded {name} of the path, or ?name= of the query (NULL when absent). */
const char *call_param(const struct call *call, const char *name);
const char *call_query(const struct call *call, const char *name);

/* take_json: its reference is the call's. */
void call_reply(struct call *call, int status, json_t *take_json);
void call_reply_empty(struct call *call, int status);
/* A text of another type, offered as a file of that name. take_text: free()d. */
void call_reply_file(struct call *call, const char *content_type, const char *filename, char *take_text);
/* A problem document with a sentence for the person. */
void call_refuse(struct call *call, int status, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* The same out of an error of the store or of a check: status and code follow from it. One log line for what is the
 * operator's business (store down, disk full). */
void call_refuse_err(struct call *call, int code, const struct error *e);

/* The body has no member that is not in the NULL-ended list, and there is a body. False: refused already. */
bool call_body_only(struct call *call, const char *const *names);

#endif
