#include "lib/store/disconnect.h"

#include "lib/store/sql.h"
#include "lib/store/store_session.h"
#include "lib/store/tables.h"

#include <string.h>

static int write_end(struct store_tx *tx, const struct store_connection_close *c, struct error *reterr)
{
    return sql_exec(
        tx,
        "UPDATE connections SET state = 'closed', closed_at = CASE WHEN closed_at = 0 THEN $2 ELSE closed_at "
        "END, bytes_up = CASE WHEN bytes_up > $3 THEN bytes_up ELSE $3 END, "
        "bytes_down = CASE WHEN bytes_down > $4 THEN bytes_down ELSE $4 END, "
        "reason = CASE WHEN reason = '' THEN $5 ELSE reason END WHERE id = $1",
        SQL_ARGS(SQL_TEXT(c->id), SQL_INT(c->now_ms), SQL_INT(c->bytes_up), SQL_INT(c->bytes_down),
                 SQL_TEXT(c->reason != NULL ? c->reason : "")),
        NULL, reterr);
}

static int leave_session(struct store_tx *tx, const struct store_session *session, int64_t now_ms,
                         int64_t *ret_deadline, struct error *reterr)
{
    int64_t grace_s = 0;
    int rc = sql_number(tx, "SELECT grace_s FROM pools WHERE name = $1", SQL_ARGS(SQL_TEXT(session->pool)), &grace_s,
                        reterr);
    if (rc != 0 && rc != ERR_NOT_FOUND)
        return rc;
    *ret_deadline = now_ms + grace_s * 1000;
    return sql_exec(tx,
                    "UPDATE sessions SET state = 'disconnected', connection = '', deadline = $2, state_at = $3 "
                    "WHERE id = $1",
                    SQL_ARGS(SQL_TEXT(session->id), SQL_INT(*ret_deadline), SQL_INT(now_ms)), NULL, reterr);
}

int disconnect_connection(struct store_tx *tx, const struct store_connection_close *close,
                          struct store_connection_closed *ret_closed, struct error *reterr)
{
    struct store_connection_closed closed = {.disconnected = false};
    struct store_session session;
    int rc = sql_text(tx, "SELECT session FROM connections WHERE id = $1", SQL_ARGS(SQL_TEXT(close->id)),
                      closed.session, sizeof(closed.session), reterr);
    if (rc == ERR_NOT_FOUND)
        return err_set(reterr, rc, "there is no connection %s", close->id);
    if (rc == 0)
        rc = sql_get(tx, &tables_session, "WHERE id = $1 {lock}", SQL_ARGS(SQL_TEXT(closed.session)), &session, reterr);
    if (rc == 0)
        rc = write_end(tx, close, reterr);
    if (rc == 0 && session.state == SESSION_CONNECTED && strcmp(session.connection, close->id) == 0) {
        rc = leave_session(tx, &session, close->now_ms, &closed.session_deadline, reterr);
        closed.disconnected = true;
    }
    if (rc == 0)
        *ret_closed = closed;
    return rc;
}
