/* Problem documents (RFC 9457, application/problem+json): every refusal of every HTTP interface of ours. Pure; any
 * thread. Invariants: `code` is stable and lower_case, for programs; `detail` is one sentence for the person who asked.
 */
#ifndef CARREL_PROTO_PROBLEM_H
#define CARREL_PROTO_PROBLEM_H

#include "lib/base/err.h"

#include <stddef.h>

#define PROBLEM_TYPE "application/problem+json"

struct problem {
    int status;       /* HTTP */
    char code[40];    /* "bad_credentials" */
    char title[64];   /* the status in words */
    char detail[400]; /* a sentence with its full stop */
};

/* Fills in all of it; the title follows from the status. Returns `problem`. */
struct problem *problem_set(struct problem *problem, int status, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* {"type","title","status","code","detail"} as text; caller frees. NULL when memory is out. */
char *problem_write(const struct problem *problem);

/* Reads a body that came with `status`. One that is no problem document gives code "http_<status>" and a sentence of
 * ours, never text of the peer. */
void problem_read(struct problem *ret, int status, const char *body, size_t len);

#endif
