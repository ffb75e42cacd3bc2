#include "lib/store/store_ticket.h"

#include "lib/base/text.h"
#include "lib/model/desktop.h"
#include "lib/model/session.h"
#include "lib/store/sql.h"
#include "lib/store/store_connection.h"
#include "lib/store/store_desktop.h"
#include "lib/store/store_pool.h"
#include "lib/store/store_session.h"
#include "lib/store/tables.h"

#include <string.h>

struct ticket {
    char hash[ID_HASH_SIZE];
    char session[ID_SIZE];
    char door[STORE_WORD_SIZE];
    char address[STORE_ADDRESS_SIZE];
    int state;
    int64_t created_at, expires_at, redeemed_at;
    char connection[ID_SIZE];
};

#define TICKET struct ticket
static const struct sql_column columns[] = {
    SQL_COLUMN(TEXT, TICKET, hash),      SQL_COLUMN(TEXT, TICKET, session),    SQL_COLUMN(TEXT, TICKET, door),
    SQL_COLUMN(TEXT, TICKET, address),   SQL_COLUMN(STATE, TICKET, state),     SQL_COLUMN(INT, TICKET, created_at),
    SQL_COLUMN(INT, TICKET, expires_at), SQL_COLUMN(INT, TICKET, redeemed_at), SQL_COLUMN(TEXT, TICKET, connection),
};
static const struct sql_table table = SQL_TABLE("tickets", columns, TICKET, &ticket_sm);

const char *store_ticket_refusal_word(enum store_ticket_refusal why)
{
    static const char *const words[] = {
#define X(name, word, sentence) word,
        STORE_TICKET_REFUSALS(X)
#undef X
    };
    return (size_t)why < ARRAY_LEN(words) ? words[why] : "unknown";
}

const char *store_ticket_refusal_text(enum store_ticket_refusal why)
{
    static const char *const sentences[] = {
#define X(name, word, sentence) sentence,
        STORE_TICKET_REFUSALS(X)
#undef X
    };
    return (size_t)why < ARRAY_LEN(sentences) ? sentences[why] : "";
}

static int mint(struct store_tx *tx, void *arg, struct error *reterr)
{
    const struct ticket *t = arg;
    char state[STORE_WORD_SIZE];
    int rc = sql_text(tx, "SELECT state FROM sessions WHERE id = $1 {share}", SQL_ARGS(SQL_TEXT(t->session)), state,
                      sizeof(state), reterr);
    if (rc == ERR_NOT_FOUND)
        return err_set(reterr, rc, "there is no session %s", t->session);
    if (rc == 0 && strcmp(state, sm_name(&session_sm, SESSION_ENDED)) == 0)
        return err_set(reterr, ERR_CONFLICT, "session %s has ended", t->session);
    if (rc == 0)
        rc = sql_insert(tx, &table, t, reterr);
    return rc == ERR_EXISTS ? err_set(reterr, rc, "that ticket was used before") : rc;
}

int store_ticket_mint(struct store *store, const struct store_ticket_mint *m, struct error *reterr)
{
    struct ticket t = {.state = TICKET_NEW,
                       .created_at = m->now_ms,
                       .expires_at = m->now_ms + (m->ttl_ms > 0 ? m->ttl_ms : TICKET_OPEN_MS)};
    if (text_copy(t.hash, sizeof(t.hash), m->hash) != 0 || text_copy(t.session, sizeof(t.session), m->session) != 0 ||
        text_copy(t.door, sizeof(t.door), m->door) != 0 ||
        text_copy(t.address, sizeof(t.address), m->address != NULL ? m->address : "") != 0)
        return err_set(reterr, ERR_TOO_BIG, "a part of the ticket is too long");
    return store_tx_write(store, mint, &t, reterr);
}

/* All rows that decide about one redemption. */
struct redeem {
    const struct store_ticket_use *use;
    struct ticket ticket;
    struct store_session session;
    struct store_desktop desktop;
    struct store_pool pool;
    enum store_ticket_refusal why;
    struct store_ticket_grant grant;
};

/* The session's row is locked first: its end, its other redemptions and its connection's end do the same. */
static int read_rows(struct store_tx *tx, struct redeem *r, struct error *reterr)
{
    char session[ID_SIZE];
    int rc = sql_text(tx, "SELECT session FROM tickets WHERE hash = $1", SQL_ARGS(SQL_TEXT(r->use->hash)), session,
                      sizeof(session), reterr);
    if (rc == ERR_NOT_FOUND) {
        r->why = STORE_TICKET_UNKNOWN;
        return 0;
    }
    if (rc == 0)
        rc = sql_get(tx, &tables_session, "WHERE id = $1 {lock}", SQL_ARGS(SQL_TEXT(session)), &r->session, reterr);
    if (rc == 0)
        rc = sql_get(tx, &table, "WHERE hash = $1 {lock}", SQL_ARGS(SQL_TEXT(r->use->hash)), &r->ticket, reterr);
    if (rc == 0 && r->session.desktop[0] != '\0')
        rc = sql_get(tx, &tables_desktop, "WHERE id = $1", SQL_ARGS(SQL_TEXT(r->session.desktop)), &r->desktop, reterr);
    if (rc == 0)
        rc = sql_get(tx, &tables_pool, "WHERE name = $1", SQL_ARGS(SQL_TEXT(r->session.pool)), &r->pool, reterr);
    /* A desktop or a pool that is gone under its session: the reconciler ends the session. */
    if (rc == ERR_NOT_FOUND) {
        r->why = r->session.state == SESSION_ENDED ? STORE_TICKET_ENDED : STORE_TICKET_NOT_READY;
        return 0;
    }
    return rc;
}

static enum store_ticket_refusal judge(const struct redeem *r)
{
    const struct ticket *t = &r->ticket;
    if (r->session.state == SESSION_ENDED || strcmp(r->session.intent, SESSION_INTENT_LOGOFF) == 0)
        return STORE_TICKET_ENDED;
    if (t->state == TICKET_VOID)
        return STORE_TICKET_SUPERSEDED;
    if (t->state == TICKET_NEW && r->use->now_ms > t->expires_at)
        return STORE_TICKET_EXPIRED;
    if (strcmp(t->door, r->use->door) != 0)
        return STORE_TICKET_WRONG_DOOR;
    if (t->address[0] != '\0' && strcmp(t->address, r->use->address) != 0)
        return STORE_TICKET_WRONG_ADDRESS;
    if (r->session.desktop[0] == '\0' || r->desktop.state != DESKTOP_READY || r->desktop.address[0] == '\0' ||
        r->desktop.rdp_port == 0)
        return STORE_TICKET_NOT_READY;
    return STORE_TICKET_NONE;
}

static int replace_old(struct store_tx *tx, struct redeem *r, struct error *reterr)
{
    if (r->session.connection[0] == '\0')
        return 0;
    struct store_ticket_grant *g = &r->grant;
    int64_t changes = 0;
    int rc = sql_exec(tx,
                      "UPDATE connections SET state = 'replaced', closed_at = $2, reason = 'replaced' "
                      "WHERE id = $1 AND state = 'open'",
                      SQL_ARGS(SQL_TEXT(r->session.connection), SQL_INT(r->use->now_ms)), &changes, reterr);
    if (rc != 0 || changes == 0)
        return rc;
    text_copy(g->replaced, sizeof(g->replaced), r->session.connection);
    return sql_text(tx, "SELECT gateway FROM connections WHERE id = $1", SQL_ARGS(SQL_TEXT(g->replaced)),
                    g->replaced_gateway, sizeof(g->replaced_gateway), reterr);
}

static int lease(struct store_tx *tx, const struct redeem *r, struct error *reterr)
{
    int rc = sql_exec(
        tx, "UPDATE tickets SET state = 'leased', connection = $2, redeemed_at = $3, address = $4 WHERE hash = $1",
        SQL_ARGS(SQL_TEXT(r->use->hash), SQL_TEXT(r->grant.connection), SQL_INT(r->use->now_ms),
                 SQL_TEXT(r->use->address)),
        NULL, reterr);
    if (rc != 0 || r->grant.again)
        return rc;
    return sql_exec(tx, "UPDATE tickets SET state = 'void' WHERE session = $2 AND state = 'leased' AND hash <> $1",
                    SQL_ARGS(SQL_TEXT(r->use->hash), SQL_TEXT(r->session.id)), NULL, reterr);
}

static int connect_session(struct store_tx *tx, const struct redeem *r, struct error *reterr)
{
    struct store_connection c = {.state = CONNECTION_OPEN, .opened_at = r->use->now_ms};
    if (text_copy(c.gateway, sizeof(c.gateway), r->use->gateway) != 0 ||
        text_copy(c.instance, sizeof(c.instance), r->use->instance) != 0 ||
        text_copy(c.worker, sizeof(c.worker), r->use->worker) != 0 ||
        text_copy(c.address, sizeof(c.address), r->use->address) != 0)
        return err_set(reterr, ERR_TOO_BIG, "the gateway's name, instance, worker or the client's address is too long");
    text_copy(c.id, sizeof(c.id), r->grant.connection);
    text_copy(c.session, sizeof(c.session), r->session.id);
    text_copy(c.door, sizeof(c.door), r->ticket.door);
    int rc = sql_insert(tx, &tables_connection, &c, reterr);
    if (rc != 0)
        return rc;
    return sql_exec(tx,
                    "UPDATE sessions SET connection = $2, deadline = 0, "
                    "state_at = CASE WHEN state = 'connected' THEN state_at ELSE $3 END, state = 'connected', "
                    "intent = '' WHERE id = $1",
                    SQL_ARGS(SQL_TEXT(r->session.id), SQL_TEXT(c.id), SQL_INT(r->use->now_ms)), NULL, reterr);
}

static void fill_grant(struct redeem *r)
{
    struct store_ticket_grant *g = &r->grant;
    const struct store_desktop *d = &r->desktop;
    *g = (struct store_ticket_grant){.port = d->rdp_port, .idle_s = r->pool.idle_s};
    g->again = r->ticket.state == TICKET_LEASED;
    id_new("c", g->connection);
    memcpy(g->session, r->session.id, sizeof(g->session));
    memcpy(g->person, r->session.person, sizeof(g->person));
    memcpy(g->pool, r->session.pool, sizeof(g->pool));
    memcpy(g->guest_user, r->session.guest_user, sizeof(g->guest_user));
    memcpy(g->desktop, d->id, sizeof(g->desktop));
    memcpy(g->desktop_name, d->name, sizeof(g->desktop_name));
    memcpy(g->address, d->address, sizeof(g->address));
    memcpy(g->cert_sha256, d->cert_sha256, sizeof(g->cert_sha256));
    memcpy(g->security, r->pool.security, sizeof(g->security));
}

static int redeem(struct store_tx *tx, void *arg, struct error *reterr)
{
    struct redeem *r = arg;
    r->why = STORE_TICKET_NONE;
    r->session = (struct store_session){.seq = 0};
    int rc = read_rows(tx, r, reterr);
    if (rc == 0 && r->why == STORE_TICKET_NONE)
        r->why = judge(r);
    if (rc == 0 && r->why != STORE_TICKET_NONE)
        return err_set(reterr, ERR_TICKET_REFUSED, "%s", store_ticket_refusal_text(r->why));
    if (rc != 0)
        return rc;
    fill_grant(r);
    rc = replace_old(tx, r, reterr);
    if (rc == 0)
        rc = lease(tx, r, reterr);
    return rc != 0 ? rc : connect_session(tx, r, reterr);
}

int store_ticket_redeem(struct store *store, const struct store_ticket_use *use, struct store_ticket_grant *ret_grant,
                        enum store_ticket_refusal *ret_why, struct error *reterr)
{
    struct redeem *r CLEANUP_FREE = MEM_NEW(struct redeem);
    if (r == NULL)
        return err_set(reterr, ERR_NOMEM, "out of memory");
    r->use = use;
    int rc = store_tx_write(store, redeem, r, reterr);
    if (rc == 0) {
        *ret_grant = r->grant;
        *ret_why = STORE_TICKET_NONE;
    } else if (rc == ERR_TICKET_REFUSED) {
        *ret_why = r->why;
        memcpy(ret_grant->session, r->session.id, sizeof(ret_grant->session));
    }
    return rc;
}

int store_ticket_void(struct store *store, const char *hash, struct error *reterr)
{
    return sql_store_exec(store, 0, "UPDATE tickets SET state = 'void' WHERE hash = $1", SQL_ARGS(SQL_TEXT(hash)), NULL,
                          reterr);
}

int store_ticket_sweep(struct store *store, int64_t before_ms, unsigned limit, size_t *ret_count, struct error *reterr)
{
    int64_t changes = 0;
    int rc = sql_store_exec(store, 0,
                            "DELETE FROM tickets WHERE hash IN (SELECT hash FROM tickets WHERE state <> 'leased' AND "
                            "expires_at < $1 LIMIT $2)",
                            SQL_ARGS(SQL_INT(before_ms), SQL_INT(limit)), &changes, reterr);
    if (rc == 0 && ret_count != NULL)
        *ret_count = (size_t)changes;
    return rc;
}
