/* A site for the logon storm: a real slapd full of people, carrel-broker on SQLite, and as many ready desktops as
 * people.
 *
 * Bench program's one thread. The desktops are rows that nobody runs: what is measured is the way to a redeemed ticket,
 * not a guest. Their pool gives no account in the desktop, so that no pool manager is needed.
 */
#ifndef CARREL_BENCH_STORM_SITE_H
#define CARREL_BENCH_STORM_SITE_H

#include "lib/base/err.h"
#include "tests/fakes/slapd.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define STORM_POOL "storm"

struct storm_site {
    char dir[200]; /* under build/, on the disk that is measured: store, certificates, logs */
    char run[64];  /* under /tmp: sockets, whose paths must be whole and short */
    char store_uri[4400];
    char api_socket[96], internal_socket[96];
    struct slapd slapd;
    pid_t broker;
    size_t people;
    bool keep; /* leave the directories behind: something failed, and their logs tell what */
};

/* The n-th person's name and password, from 0. */
void storm_person(size_t n, char ret_name[32], char ret_password[48]);

/* Starts it all and waits until the broker answers. Errors: ERR_IO, ERR_TIMEOUT and those of the store; what was
 * started is ended then. */
int storm_site_start(struct storm_site *site, const char *broker_program, size_t people, struct error *reterr);
void storm_site_stop(struct storm_site *site);

/* Binds as one person after the other over `threads` kept StartTLS connections, `binds` in all. ret_rate: binds a
 * second. ERR_IO: the server refused one. */
int storm_bind_rate(const struct storm_site *site, unsigned threads, size_t binds, double *ret_rate,
                    struct error *reterr);

/* The broker's CPU seconds so far, and the most memory that it has had, in MiB. */
double storm_broker_cpu(const struct storm_site *site);
double storm_broker_memory(const struct storm_site *site);

#endif
