/* The worker's link to the broker: redeems tickets, reports ends, takes commands. Worker's loop thread.
 *
 * It says hello with all live leases, then holds the command stream; when that breaks it tries again with backoff, for
 * ever: relays live on without a broker. Ends that could not be reported wait in a bounded queue; when that overflows
 * the oldest is dropped, which the next hello heals (the broker closes what a hello does not name).
 * docs/decisions/0048. */
#ifndef CARREL_GATEWAY_LINK_LINK_H
#define CARREL_GATEWAY_LINK_LINK_H

#include "lib/base/err.h"
#include "lib/net/httpc.h"
#include "lib/net/loop.h"
#include "lib/proto/gw.h"
#include "lib/proto/problem.h"

#include <stdbool.h>

struct link;
struct link_redemption;

struct link_options {
    struct loop *loop;
    const char *broker; /* path of the broker's internal unix socket; borrowed as long as the link lives */
    const char *name;   /* of this worker, as gw.h says; copied */
    unsigned queue_max; /* reports that wait */
};

/* A live connection of this worker. Embed it; the owner fills connection and drop, the rest is private. */
struct link_lease {
    char connection[ID_SIZE];
    /* The broker ends it. The owner has to remove the lease, now or soon. */
    void (*drop)(struct link_lease *lease, const char *reason);
    struct link_lease *next, *prev;
};

/* ret_link: free with link_free. Nothing is sent before the loop runs. Errors: ERR_NOMEM, ERR_IO. */
int link_new(const struct link_options *options, struct link **ret_link, struct error *reterr);
/* All leases have been removed. Reports that wait are given up: the next hello of this worker heals it. */
void link_free(struct link *link);

const char *link_name(const struct link *link);
const char *link_instance(const struct link *link);
/* The command stream stands. */
bool link_is_up(const struct link *link);
/* Reports that are on their way or wait. */
size_t link_waiting(const struct link *link);

/* Ask the broker what `ticket` opens. Exactly one answer, later: a grant; or a refusal (err ERR_TICKET_REFUSED); or
 * neither (err: ERR_UNREACHABLE, ERR_TIMEOUT, ERR_PROTOCOL …: the broker did not answer sensibly).
 * Errors (no answer will come): ERR_NOMEM, ERR_TOO_BIG. */
typedef void link_answer(int err, const struct error *e, const struct gw_grant *grant, const struct problem *refusal,
                         void *arg);
int link_redeem(struct link *link, const char *ticket, enum gw_door door, const char *address, link_answer *answer,
                void *arg, struct link_redemption **ret_redemption, struct error *reterr);
/* No answer will come. The broker may have granted all the same: the next hello heals it. NULL is fine. */
void link_redemption_cancel(struct link_redemption *redemption);

void link_lease_add(struct link *link, struct link_lease *lease);
void link_lease_remove(struct link *link, struct link_lease *lease);

/* Report the end of a connection; gateway and instance are filled in here. */
void link_report(struct link *link, const char *connection, const struct gw_closed *closed);

#endif
