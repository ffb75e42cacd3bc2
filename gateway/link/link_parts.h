/* What the files of the link share; nobody else includes this.
 *
 * link.c: command stream, hello, leases. link_redeem.c: redemptions. link_report.c: ends that are reported.
 * A hello and a redemption never run at the same time: the broker closes what a hello does not name, and a grant that
 * is on its way is named by nobody. */
#ifndef CARREL_GATEWAY_LINK_LINK_PARTS_H
#define CARREL_GATEWAY_LINK_LINK_PARTS_H

#include "gateway/link/link.h"
#include "lib/net/sse.h"

#define LINK_BACKOFF_MIN_MS 250
#define LINK_BACKOFF_MAX_MS 5000

enum link_state {
    LINK_WAITING,    /* for the next attempt */
    LINK_CONNECTING, /* the command stream was asked for */
    LINK_GREETING,   /* the stream stands; the hello waits for redemptions, or is on its way */
    LINK_UP,
    LINK_STATE_COUNT
};

struct link_report;

struct link {
    struct link_options options;
    char name[GW_NAME_SIZE];
    char instance[ID_SIZE];
    struct httpc *httpc;
    int state;
    bool told_down; /* the log says that the broker is away */
    unsigned backoff_ms;
    struct loop_timer *retry;
    struct httpc_exchange *stream, *hello;
    struct sse *sse;
    bool stream_stands;     /* the broker said 200; looked at by `heard` */
    struct buf inbox;       /* of the stream, not read yet */
    struct loop_task heard; /* reads it: requests must not be started or ended inside the client's stream callbacks */
    struct link_lease *leases;
    size_t lease_count;

    struct link_redemption *asking; /* on their way */
    struct link_redemption *parked; /* until the hello is done; newest first */

    struct link_report *reports, **reports_end; /* oldest first; the first may be on its way */
    size_t report_count;
    struct httpc_exchange *reporting;
    unsigned report_backoff_ms;
    struct loop_timer *report_retry;
};

/* A request to the broker, without a body. */
struct httpc_request link_request(const struct link *link, const char *method, const char *path);
/* A hello is on its way or wants to be. */
bool link_is_greeting(const struct link *link);
/* The last redemption that was on its way has come back. */
void link_quiet(struct link *link);
/* The hello is over, in whatever way. */
void link_redeem_parked(struct link *link);
void link_redeem_free(struct link *link);
/* Try the reports again now. */
void link_report_kick(struct link *link);
void link_report_free(struct link *link);

#endif
