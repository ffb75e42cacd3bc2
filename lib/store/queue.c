#include "lib/store/queue.h"

#include "lib/base/text.h"
#include "lib/model/pool.h"
#include "lib/store/sql.h"
#include "lib/store/store_session.h"

#include <string.h>

#define FREE    "pool = $2 AND state = 'ready' AND assignment = ''"
#define WAITING "state = 'preparing' AND desktop = ''"

/* LIMIT 1 at each level keeps PostgreSQL from pulling the levels together and locking more than one row of each. */
#define ASSIGN(how)                                                                                                    \
    "INSERT INTO assignments (id, pool, person, desktop, session, kind, state, opened_at, released_at) "               \
    "SELECT $1, x.pool, s.person, x.desktop, s.id, p.kind, 'open', $3, 0 FROM "                                        \
    "(SELECT d.pool AS pool, d.id AS desktop, (SELECT q.id FROM sessions q WHERE q.pool = d.pool AND q.state = "       \
    "'preparing' AND q.desktop = '' ORDER BY q.seq + 0 LIMIT 1 {lock}) AS session FROM "                               \
    "(SELECT id, pool FROM desktops WHERE " FREE " ORDER BY ready_at, id LIMIT 1 " how ") d LIMIT 1) x "               \
    "JOIN sessions s ON s.id = x.session JOIN pools p ON p.name = x.pool "                                             \
    "RETURNING id, pool, person, desktop, session, kind"

static int read_assignment(const struct store_row *row, void *arg, struct error *reterr)
{
    struct store_assignment *a = arg;
    if (text_copy(a->id, sizeof(a->id), row->text(row, 0)) != 0 ||
        text_copy(a->pool, sizeof(a->pool), row->text(row, 1)) != 0 ||
        text_copy(a->person, sizeof(a->person), row->text(row, 2)) != 0 ||
        text_copy(a->desktop, sizeof(a->desktop), row->text(row, 3)) != 0 ||
        text_copy(a->session, sizeof(a->session), row->text(row, 4)) != 0 ||
        text_copy(a->kind, sizeof(a->kind), row->text(row, 5)) != 0)
        return err_set(reterr, ERR_STORE, "an assignment in the store has a text that is longer than it may be");
    return 0;
}

/* Give one desktop to the head. ret->id stays "" when there is none or nobody waits. */
static int assign_one(struct store_tx *tx, const struct queue_serve *s, struct store_assignment *ret,
                      struct error *reterr)
{
    char id[ID_SIZE];
    id_new("a", id);
    *ret = (struct store_assignment){.state = ASSIGNMENT_OPEN, .opened_at = s->now_ms};
    int rc = sql_query(tx, s->wait ? ASSIGN("{lock}") : ASSIGN("{skip}"),
                       SQL_ARGS(SQL_TEXT(id), SQL_TEXT(s->pool), SQL_INT(s->now_ms)), read_assignment, ret, reterr);
    if (rc != 0 || ret->id[0] == '\0')
        return rc;
    rc = sql_exec(tx, "UPDATE desktops SET assignment = $1 WHERE id = $2",
                  SQL_ARGS(SQL_TEXT(id), SQL_TEXT(ret->desktop)), NULL, reterr);
    if (rc != 0)
        return rc;
    return sql_exec(tx,
                    "UPDATE sessions SET desktop = $2, assignment = $1, assigned_at = $4, deadline = $5, "
                    "desktop_name = (SELECT name FROM desktops WHERE id = $2) WHERE id = $3",
                    SQL_ARGS(SQL_TEXT(id), SQL_TEXT(ret->desktop), SQL_TEXT(ret->session), SQL_INT(s->now_ms),
                             SQL_INT(s->now_ms + STORE_SESSION_COME_MS)),
                    NULL, reterr);
}

int queue_serve(struct store_tx *tx, struct queue_serve *serve, struct error *reterr)
{
    serve->count = 0;
    serve->reached = false;
    while (serve->count < serve->max && !serve->reached) {
        struct store_assignment made;
        int rc = assign_one(tx, serve, &made, reterr);
        if (rc != 0)
            return rc;
        if (made.id[0] == '\0')
            return 0;
        if (serve->made != NULL)
            serve->made[serve->count] = made;
        serve->count++;
        serve->reached = serve->until != NULL && strcmp(serve->until, made.session) == 0;
    }
    return 0;
}

int queue_has_match(struct store_tx *tx, const char *pool, bool *ret_match, struct error *reterr)
{
    int64_t match = 0;
    int rc = sql_number(tx,
                        "SELECT CASE WHEN EXISTS (SELECT 1 FROM sessions WHERE pool = $2 AND " WAITING
                        ") AND EXISTS (SELECT 1 FROM desktops WHERE " FREE ") THEN 1 ELSE 0 END",
                        SQL_ARGS(SQL_INT(0), SQL_TEXT(pool)), &match, reterr);
    if (rc == 0)
        *ret_match = match != 0;
    return rc;
}

int queue_place(struct store_tx *tx, const char *session, uint32_t *ret_place, struct error *reterr)
{
    int64_t place = 0;
    int rc =
        sql_number(tx,
                   "SELECT CASE WHEN s.state = 'preparing' AND s.desktop = '' THEN (SELECT COUNT(*) FROM sessions q "
                   "WHERE q.pool = s.pool AND q.state = 'preparing' AND q.desktop = '' AND q.seq + 0 <= s.seq) "
                   "ELSE 0 END FROM sessions s WHERE s.id = $1",
                   SQL_ARGS(SQL_TEXT(session)), &place, reterr);
    if (rc == 0)
        *ret_place = (uint32_t)place;
    return rc;
}
