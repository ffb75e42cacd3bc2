/* The site that commands go to: its API over HTTPS with a login token, or the broker's local socket.
 *
 * carrelctl's one thread; calls block. Invariants: a token is sent only to the URL that it was given by, and only over
 * TLS or to a loopback address; answers are bounded and are JSON objects.
 */
#ifndef CARREL_CARRELCTL_SITE_H
#define CARREL_CARRELCTL_SITE_H

#include "client/carrelctl/outcome.h"
#include "lib/base/secret.h"

#include <jansson.h>
#include <stdbool.h>

#define SITE_ANSWER_MAX (8 << 20) /* bytes of an answer */

struct site {
    char *url;            /* "https://host:port" without a slash at the end; NULL: the socket is used */
    char *ca;             /* PEM file, or NULL: the system's */
    char *socket;         /* path, or NULL */
    struct secret *token; /* NULL: not logged in, or over the socket */
    unsigned timeout_ms;  /* for one answer */
};

void site_done(struct site *site);

/* Where it is, for sentences: the URL or the socket's path. */
const char *site_where(const struct site *site);

/* Copies a URL into the site. OUTCOME_USAGE: it is none, has a path or a user, or is http:// to another machine. */
int site_set_url(struct site *site, const char *url, struct failure *f);

/* One request. path: with its query, encoded. body: NULL = none. ret: new reference to the answer, NULL for an empty
 * one; untouched on failure. Returns OUTCOME_OK, OUTCOME_REFUSED or OUTCOME_UNREACHABLE with `f` filled. */
int site_call(const struct site *site, const char *method, const char *path, const json_t *body, json_t **ret,
              struct failure *f);

/* Listens to an event stream and gives each event's document to `on_event` until that returns false (OUTCOME_OK), the
 * stream ends (OUTCOME_OK) or `seconds` have passed. A stream that cannot be had is an ordinary failure. */
int site_listen(const struct site *site, const char *path, unsigned seconds,
                bool (*on_event)(const char *event, const json_t *doc, void *arg), void *arg, struct failure *f);

/* `text` percent-encoded for one segment of a path or a value of a query (RFC 3986). Caller frees; NULL: out of memory.
 */
char *site_encode(const char *text);

#endif
