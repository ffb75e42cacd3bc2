/* A site that answers as a test has written down, over TLS, plainly or on a unix socket, and remembers what it was
 * asked.
 *
 * Its thread is its own; start, stop and reading the journal belong to the test's. It is no HTTP server: it reads a
 * request, finds the first entry that fits and sends its bytes, so that it can also send what no server would.
 */
#ifndef CARREL_FAKES_FAKESITE_H
#define CARREL_FAKES_FAKESITE_H

#include <stdbool.h>
#include <stddef.h>

struct fakesite_entry {
    const char *method;
    const char *path; /* with its query */
    int status;
    const char *type; /* NULL: application/json */
    const char *body;
    unsigned times; /* how often it is used before the next fitting entry; 0 = always */
    size_t blanks;  /* so many blanks follow the body: a huge answer that is still JSON */
    bool cut;       /* promises more bytes than it sends */
    bool silent;    /* reads the request and never answers */
};

enum fakesite_kind { FAKESITE_PLAIN, FAKESITE_TLS, FAKESITE_UNIX };

struct fakesite;

/* directory: for certificates (ca.pem; cert.pem and key.pem of localhost) or the socket (site.sock). entries: borrowed.
 * Never NULL: a failure ends the test program. */
struct fakesite *fakesite_start(enum fakesite_kind kind, const char *directory, const struct fakesite_entry *entries,
                                size_t n);
void fakesite_stop(struct fakesite *site);

/* "https://localhost:PORT", "http://127.0.0.1:PORT"; of a unix socket its path. Borrowed. */
const char *fakesite_url(const struct fakesite *site);

/* Everything asked so far, request by request: head, blank line, body. Caller frees. */
char *fakesite_journal(struct fakesite *site);

#endif
