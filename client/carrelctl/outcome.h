/* How a command ended, in the words and the exit status that a person or a script gets. Pure; any thread.
 *
 * Invariant: `text` may hold what a server said; it goes to a terminal only through outcome_print(), which cleans it.
 */
#ifndef CARREL_CARRELCTL_OUTCOME_H
#define CARREL_CARRELCTL_OUTCOME_H

#include "lib/base/err.h"
#include "lib/proto/problem.h"

#include <stdio.h>

/* Exit statuses, promised to scripts. */
enum outcome {
    OUTCOME_OK = 0,
    OUTCOME_REFUSED = 1,     /* the site said no, or the work failed */
    OUTCOME_USAGE = 2,       /* the command line is wrong */
    OUTCOME_UNREACHABLE = 3, /* no site answers there, or what answers is none */
    OUTCOME_INTERRUPTED = 130,
};

struct failure {
    enum outcome outcome;
    int status;     /* HTTP, 0 when there was no answer */
    char code[40];  /* of the problem document, or "" */
    char text[512]; /* one sentence */
    char hint[256]; /* what to do, or "" */
};

/* Each fills `f` and returns its outcome. */
int outcome_fail(struct failure *f, enum outcome outcome, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* A refusal with a problem document; the hint follows from its code. */
int outcome_problem(struct failure *f, const struct problem *problem);
/* A call that got no answer, or one that cannot be used (codes of httpc_call and doc_parse). where: the URL or socket.
 */
int outcome_no_answer(struct failure *f, int err, const struct error *e, const char *where);

/* What to do, unless the failure has a better hint already. */
void outcome_hint(struct failure *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* "carrelctl: text" and, when there is one, the hint on a second line. */
void outcome_print(const struct failure *f, FILE *out);

#endif
