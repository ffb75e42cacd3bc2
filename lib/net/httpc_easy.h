/* Inside httpc only: one transfer's libcurl handle and what it collects. The thread of whoever drives the handle. */
#ifndef CARREL_NET_HTTPC_EASY_H
#define CARREL_NET_HTTPC_EASY_H

#include "lib/base/buf.h"
#include "lib/net/httpc.h"
#include "lib/net/tls.h"

#include <curl/curl.h>

struct httpc_headers {
    struct buf text; /* name NUL value NUL … */
    size_t count;
};

struct easy {
    CURL *curl;
    struct curl_slist *lines;
    char *body;
    char *pin, *ca_file, *cert_file, *key_file;
    char message[CURL_ERROR_SIZE];
    struct httpc_headers headers;
    struct buf kept; /* the answer's body */
    bool too_big;    /* it did not fit */
    bool head_done;  /* the final head is complete */
    int status;
    /* The final head is complete; may be NULL. */
    void (*on_head)(struct easy *easy);
    /* NULL = keep the body. As httpc_handlers.data. */
    int (*on_data)(struct easy *easy, const void *data, size_t len);
    bool stopped;     /* on_data wanted no more */
    unsigned idle_ms; /* nothing moves for so long: give up; 0 = never */
    bool idle;        /* given up for that */
    curl_off_t moved; /* bytes both ways when something moved last, and when that was */
    int64_t moved_ms;
};

/* Copies what the transfer needs. `easy` is zeroed by the caller; easy_done also after failure. */
int easy_init(struct easy *easy, const struct httpc_request *request, bool streaming, struct error *reterr);
void easy_done(struct easy *easy);
/* The outcome of a transfer as enum err, with its sentence. */
int easy_outcome(const struct easy *easy, CURLcode code, struct error *reterr);
/* Borrowed from `easy`. */
void easy_response(struct easy *easy, struct httpc_response *ret_response);

#endif
