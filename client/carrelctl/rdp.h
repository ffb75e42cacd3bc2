/* The RDP client that `connect` starts: FreeRDP 3's xfreerdp.
 *
 * carrelctl's one thread. Invariants: what is secret (ticket, password) reaches the client through a pipe
 * (`/args-from:fd:N`) and stands neither on a command line, in the environment nor in a file; a value from the site
 * never becomes an argument of its own; the gateway's certificate must verify (`/cert:deny`).
 */
#ifndef CARREL_CARRELCTL_RDP_H
#define CARREL_CARRELCTL_RDP_H

#include "lib/base/buf.h"
#include "lib/base/err.h"

#include <stdbool.h>
#include <stdio.h>

#define RDP_ARGS_MAX 32768 /* bytes; below a pipe's capacity, so that writing never waits for the client */

struct rdp_door {
    const char *host;
    int port;
    const char *token;    /* of the routing line */
    const char *title;    /* of the window; NULL = the client's */
    const char *username; /* NULL: the desktop asks */
    const char *password; /* NULL: the desktop asks */
    const char *domain;   /* NULL or "": none */
};

/* The arguments, one a line, as FreeRDP 3 reads them. extra: words of the person, after ours (the last one wins).
 * masked: secrets as asterisks. ret: initialised by the caller with RDP_ARGS_MAX; wiped by the caller. ERR_INVALID: a
 * value holds what no such value may (the sentence names which); ERR_TOO_BIG. */
int rdp_args(const struct rdp_door *door, char *const *extra, size_t n_extra, bool masked, struct buf *ret,
             struct error *reterr);

/* Finds the client: `wanted`, else xfreerdp3, else xfreerdp of version 3, along PATH. ret: caller frees.
 * ERR_NOT_FOUND: there is none; ERR_UNSUPPORTED: it is not of FreeRDP 3. */
int rdp_find(const char *wanted, char **ret, struct error *reterr);

/* Runs the client with these arguments and waits for its end. ca: the authorities that it trusts (PEM), NULL = the
 * system's. ret_status: its exit status, RDP_SIGNALLED + N when signal N ended it. ERR_IO, ERR_NOMEM. */
#define RDP_SIGNALLED 256
int rdp_run(const char *client, const struct buf *args, const char *ca, int *ret_status, struct error *reterr);

enum rdp_end {
    RDP_CLOSED, /* as it should end: window closed, logged off, idle, taken over */
    RDP_LOST,   /* the connection broke, or the client was killed; the session may have been open */
    RDP_FAILED, /* the session was never open */
};

/* What an exit status of xfreerdp 3 means. ret_why: half a sentence about RDP_FAILED, "" else. */
enum rdp_end rdp_end_of(int status, const char **ret_why);

#endif
