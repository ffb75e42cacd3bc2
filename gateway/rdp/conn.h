/* One client at the RDP port, from its first byte to its end. Worker's loop thread.
 *
 *   reading → redeeming → dialling → confirming → securing → relaying → over
 *         └──────────┴───────────┴──────────┴──── refusing ──────────┘
 * Reading: preconnection PDU (skipped) and Connection Request. Redeeming: the broker says where to. Confirming: the
 * request goes on without its token line, the desktop's answer decides: it chose TLS and the broker gave a pin →
 * securing (the gateway's certificate towards the client, the pinned one towards the desktop), else the bytes are
 * relayed raw. Each state has a deadline (rdp_conn_sm). The client names nothing but a ticket; the ticket is in no log
 * line. */
#ifndef CARREL_GATEWAY_RDP_CONN_H
#define CARREL_GATEWAY_RDP_CONN_H

#include "gateway/link/link.h"
#include "gateway/relay/stock.h"
#include "lib/base/sm.h"
#include "lib/net/tls.h"

enum rdp_conn_state {
    RDP_READING,
    RDP_REDEEMING,
    RDP_DIALLING,
    RDP_CONFIRMING,
    RDP_SECURING,
    RDP_RELAYING,
    RDP_REFUSING,
    RDP_OVER,
    RDP_STATE_COUNT
};

extern const struct sm rdp_conn_sm;

struct rdp_conn;

/* What all connections of a worker share; borrowed as long as any lives. */
struct rdp_conn_shared {
    struct loop *loop;
    struct link *link;
    struct stock *stock;
    struct tls_server *tls;    /* the gateway's certificate */
    struct tls_client *dialer; /* towards desktops; pins are checked here, not by its verification */
    /* A connection is over and may be freed now. */
    void (*on_over)(struct rdp_conn *conn, void *arg);
    void *arg;
};

/* take_fd: a client's connection, owned from entry. address: the client's, copied.
 * Errors: ERR_NOMEM, ERR_IO. on_over is never called before it returns. */
int rdp_conn_new(const struct rdp_conn_shared *shared, int take_fd, const char *address, struct rdp_conn **ret_conn,
                 struct error *reterr);
/* Ends it for `reason`, without a word to the client when its session had not begun; on_over is called soon. */
void rdp_conn_end(struct rdp_conn *conn, enum gw_reason reason);
/* Inside or after on_over. NULL is fine. */
void rdp_conn_free(struct rdp_conn *conn);
/* Owner's list. */
struct rdp_conn **rdp_conn_next(struct rdp_conn *conn);
struct rdp_conn **rdp_conn_prev(struct rdp_conn *conn);

#endif
