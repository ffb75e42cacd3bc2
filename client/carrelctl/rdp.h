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
 * system's. ret_status: its exit status, 128 + N when signal N ended it. ERR_IO, ERR_NOMEM. */
int rdp_run(const char *client, const struct buf *args, const char *ca, int *ret_status, struct error *reterr);

/* Whether an exit status of xfreerdp means that the session had been open (0 to 12: how it ended) rather than that it
 * never was. */
bool rdp_was_open(int status);

#endif
