/* The end of a session, with everything that belongs to it, in one transaction; and of its rows, later. */
#include "lib/base/text.h"
#include "lib/model/pool.h"
#include "lib/store/sql.h"
#include "lib/store/store_assignment.h"
#include "lib/store/store_desktop.h"
#include "lib/store/store_session.h"
#include "lib/store/tables.h"

#include <string.h>

struct ending {
    int64_t gen, if_deadline, now_ms;
    const char *id, *reason;
    struct store_session_end result;
};

static int check(const struct ending *e, const struct store_session *s, struct error *reterr)
{
    if (s->state == SESSION_ENDED)
        return err_set(reterr, ERR_CONFLICT, "session %s has ended already", s->id);
    if (e->if_deadline > 0 && s->deadline != e->if_deadline)
        return err_set(reterr, ERR_CONFLICT, "session %s goes on: its deadline has changed", s->id);
    return 0;
}

static int close_connection(struct store_tx *tx, struct ending *e, const struct store_session *s, struct error *reterr)
{
    if (s->connection[0] == '\0')
        return 0;
    text_copy(e->result.connection, sizeof(e->result.connection), s->connection);
    int rc = sql_exec(
        tx, "UPDATE connections SET state = 'closed', closed_at = $2, reason = $3 WHERE id = $1 AND state = 'open'",
        SQL_ARGS(SQL_TEXT(s->connection), SQL_INT(e->now_ms), SQL_TEXT(e->reason)), NULL, reterr);
    return rc != 0 ? rc
                   : sql_text(tx, "SELECT gateway FROM connections WHERE id = $1", SQL_ARGS(SQL_TEXT(s->connection)),
                              e->result.gateway, sizeof(e->result.gateway), reterr);
}

static int write_end(struct store_tx *tx, const struct ending *e, struct error *reterr)
{
    int rc =
        sql_exec(tx,
                 "UPDATE sessions SET state = 'ended', state_at = $2, ended_at = $2, end_reason = $3, deadline = 0, "
                 "intent = '', connection = '' WHERE id = $1",
                 SQL_ARGS(SQL_TEXT(e->id), SQL_INT(e->now_ms), SQL_TEXT(e->reason)), NULL, reterr);
    return rc != 0 ? rc
                   : sql_exec(tx, "UPDATE tickets SET state = 'void' WHERE session = $1 AND state <> 'void'",
                              SQL_ARGS(SQL_TEXT(e->id)), NULL, reterr);
}

/* A floating desktop has a person's traces on it: it is never given to anybody else. */
static int give_up_desktop(struct store_tx *tx, const struct ending *e, const struct store_session *s,
                           struct error *reterr)
{
    struct store_desktop d;
    int rc = sql_get(tx, &tables_desktop, "WHERE id = $1 {lock}", SQL_ARGS(SQL_TEXT(s->desktop)), &d, reterr);
    if (rc == ERR_NOT_FOUND)
        return 0;
    if (rc == 0)
        rc = sql_exec(tx, "UPDATE desktops SET assignment = '' WHERE id = $1 AND assignment = $2",
                      SQL_ARGS(SQL_TEXT(d.id), SQL_TEXT(s->assignment)), NULL, reterr);
    if (rc != 0 || !sm_allowed(&desktop_sm, d.state, DESKTOP_DELETING))
        return rc;
    return sql_exec(
        tx, "UPDATE desktops SET state = 'deleting', owner = '', deadline = $2, state_at = $3 WHERE id = $1",
        SQL_ARGS(SQL_TEXT(d.id), SQL_INT(sm_deadline(&desktop_sm, DESKTOP_DELETING, e->now_ms)), SQL_INT(e->now_ms)),
        NULL, reterr);
}

static int release(struct store_tx *tx, const struct ending *e, const struct store_session *s, struct error *reterr)
{
    int64_t changes = 0;
    if (s->assignment[0] == '\0')
        return 0;
    int rc = sql_exec(tx,
                      "UPDATE assignments SET state = 'released', released_at = $2 "
                      "WHERE id = $1 AND state = 'open' AND kind = '" POOL_KIND_FLOATING "'",
                      SQL_ARGS(SQL_TEXT(s->assignment), SQL_INT(e->now_ms)), &changes, reterr);
    return rc == 0 && changes > 0 ? give_up_desktop(tx, e, s, reterr) : rc;
}

static int end(struct store_tx *tx, void *arg, struct error *reterr)
{
    struct ending *e = arg;
    struct store_session s;
    memset(&e->result, 0, sizeof(e->result));
    int rc = sql_fence(tx, e->gen, reterr);
    if (rc == 0)
        rc = sql_get(tx, &tables_session, "WHERE id = $1 {lock}", SQL_ARGS(SQL_TEXT(e->id)), &s, reterr);
    if (rc == 0)
        rc = check(e, &s, reterr);
    if (rc == 0)
        rc = close_connection(tx, e, &s, reterr);
    if (rc == 0)
        rc = write_end(tx, e, reterr);
    if (rc == 0)
        rc = release(tx, e, &s, reterr);
    if (rc != 0)
        return rc;
    memcpy(e->result.pool, s.pool, sizeof(s.pool));
    memcpy(e->result.desktop, s.desktop, sizeof(s.desktop));
    memcpy(e->result.guest_user, s.guest_user, sizeof(s.guest_user));
    return 0;
}

int store_session_end(struct store *store, int64_t gen, const char *id, const char *reason, int64_t if_deadline,
                      int64_t now_ms, struct store_session_end *ret_end, struct error *reterr)
{
    struct ending e = {.gen = gen, .if_deadline = if_deadline, .now_ms = now_ms, .id = id, .reason = reason};
    int rc = sql_fits("the reason", reason, STORE_WORD_SIZE, reterr);
    if (rc == 0)
        rc = store_tx_write(store, end, &e, reterr);
    if (rc == 0)
        *ret_end = e.result;
    return rc;
}

struct sweep {
    int64_t before_ms;
    unsigned limit;
    size_t count;
};

static int forget(struct store_tx *tx, const char *session, struct error *reterr)
{
    static const char *const statements[] = {
        "DELETE FROM connections WHERE session = $1",
        "DELETE FROM tickets WHERE session = $1",
        "DELETE FROM assignments WHERE session = $1 AND state = 'released'",
        "DELETE FROM sessions WHERE id = $1",
    };
    int rc = 0;
    for (size_t i = 0; i < ARRAY_LEN(statements) && rc == 0; i++)
        rc = sql_exec(tx, statements[i], SQL_ARGS(SQL_TEXT(session)), NULL, reterr);
    return rc;
}

static int sweep(struct store_tx *tx, void *arg, struct error *reterr)
{
    struct sweep *s = arg;
    struct store_session *rows CLEANUP_FREE = NULL;
    int rc = sql_list(tx, &tables_session, "WHERE state = 'ended' AND ended_at < $1 ORDER BY ended_at LIMIT $2",
                      SQL_ARGS(SQL_INT(s->before_ms), SQL_INT(s->limit)), &rows, &s->count, reterr);
    for (size_t i = 0; rc == 0 && i < s->count; i++)
        rc = forget(tx, rows[i].id, reterr);
    return rc;
}

int store_session_sweep(struct store *store, int64_t before_ms, unsigned limit, size_t *ret_count, struct error *reterr)
{
    struct sweep s = {.before_ms = before_ms, .limit = limit};
    int rc = store_tx_write(store, sweep, &s, reterr);
    if (rc == 0 && ret_count != NULL)
        *ret_count = s.count;
    return rc;
}
