/* Tickets and their redemption. Any worker thread. Machine: ticket_sm in lib/model/connection.h.
 *
 * A ticket is known here only by its hash (id_hash of its text). Redeemed once it is the lease of its session's
 * connection: redeeming it again replaces that connection and never adds one. The first redemption binds it to the
 * client's address: what was overheard on the way is worth nothing elsewhere. */
#ifndef CARREL_STORE_STORE_TICKET_H
#define CARREL_STORE_STORE_TICKET_H

#include "lib/model/connection.h"
#include "lib/store/store.h"

struct store_ticket_mint {
    const char *hash; /* id_hash() of the ticket's text */
    const char *session;
    const char *door;    /* "rdp" */
    const char *address; /* only from there; NULL or "" = from anywhere */
    int64_t now_ms;
    int64_t ttl_ms; /* 0 = TICKET_OPEN_MS */
};

/* ERR_CONFLICT: the session has ended; ERR_NOT_FOUND: there is none; ERR_EXISTS: that hash was used before. */
int store_ticket_mint(struct store *store, const struct store_ticket_mint *mint, struct error *reterr);

struct store_ticket_use {
    const char *hash;
    const char *door;
    const char *address; /* the client's */
    const char *gateway;
    const char *instance; /* of the gateway process */
    const char *worker;
    int64_t now_ms;
};

/* Why a ticket was refused; X(NAME, word, sentence for the person). */
#define STORE_TICKET_REFUSALS(X)                                                                                       \
    X(NONE, "none", "")                                                                                                \
    X(UNKNOWN, "unknown", "This ticket does not exist.")                                                               \
    X(EXPIRED, "expired", "This ticket was not used in time. Ask for the desktop again.")                              \
    X(WRONG_DOOR, "wrong-door", "This ticket was made for another kind of connection.")                                \
    X(WRONG_ADDRESS, "wrong-address", "This ticket was made for another computer.")                                    \
    X(ENDED, "ended", "The session has ended. Ask for the desktop again.")                                             \
    X(SUPERSEDED, "superseded", "The session was taken over with a newer ticket.")                                     \
    X(NOT_READY, "not-ready", "The desktop is not ready yet. Try again in a moment.")

enum store_ticket_refusal {
#define X(name, word, sentence) STORE_TICKET_##name,
    STORE_TICKET_REFUSALS(X)
#undef X
};
/* "wrong-door", and the sentence for the person. Never NULL. */
const char *store_ticket_refusal_word(enum store_ticket_refusal why);
const char *store_ticket_refusal_text(enum store_ticket_refusal why);

/* Everything a gateway and the audit need to know. */
struct store_ticket_grant {
    char connection[ID_SIZE]; /* new and open */
    char session[ID_SIZE];
    char person[STORE_SUBJECT_SIZE];
    char pool[STORE_NAME_SIZE];
    char desktop[ID_SIZE];
    char desktop_name[STORE_NAME_SIZE];
    char guest_user[STORE_NAME_SIZE];
    char address[STORE_ADDRESS_SIZE]; /* of the desktop */
    int64_t port;
    char security[STORE_WORD_SIZE]; /* POOL_SECURITY_… */
    char cert_sha256[ID_HASH_SIZE];
    int64_t idle_s;
    bool again;             /* the ticket had been redeemed before (automatic reconnection) */
    char replaced[ID_SIZE]; /* open connection that this one replaces; its gateway has to drop it; "" = none */
    char replaced_gateway[STORE_NAME_SIZE];
};

/* Redeem: a new open connection, the session connected (from preparing or disconnected, deadline cleared), the open
 * connection before it replaced. The first redemption of a ticket voids the session's other leased tickets (take-over).
 * Errors: ERR_TICKET_REFUSED (*ret_why says why; the session's id, if it is known, in ret_grant->session and nothing
 * else). */
int store_ticket_redeem(struct store *store, const struct store_ticket_use *use, struct store_ticket_grant *ret_grant,
                        enum store_ticket_refusal *ret_why, struct error *reterr);
/* Void a ticket (logout, take-over). 0 also when it is not there. */
int store_ticket_void(struct store *store, const char *hash, struct error *reterr);
/* Forget up to `limit` tickets that were void or expired before `before_ms`. ret_count may be NULL. */
int store_ticket_sweep(struct store *store, int64_t before_ms, unsigned limit, size_t *ret_count, struct error *reterr);

#endif
