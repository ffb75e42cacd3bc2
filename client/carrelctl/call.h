/* From an invocation to its request: path, query and body as the command table says. Pure but for call_body() making
 * paths absolute. */
#ifndef CARREL_CARRELCTL_CALL_H
#define CARREL_CARRELCTL_CALL_H

#include "client/carrelctl/ctl.h"

/* The path with its arguments and query filled in. own: the person's path where the command has one. Caller frees;
 * NULL: out of memory. */
char *call_path(const struct invocation *inv, bool own);

/* The body: what the table sends in it. New reference; NULL when nothing is. ERR_INVALID: a file's name cannot be made
 * absolute. */
int call_body(const struct invocation *inv, json_t **ret, struct error *reterr);

/* Whether the person's own things are meant rather than the site's. */
bool call_is_own(const struct ctl *ctl);

/* The request of ctl's invocation; the answer is not shown. */
int call_send(struct ctl *ctl, json_t **ret);

/* Shows an answer as the command's table says. */
int call_show(struct ctl *ctl, const struct column *columns, const char *list, const json_t *answer);

#endif
