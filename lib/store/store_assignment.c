#include "lib/store/store_assignment.h"

#include "lib/model/pool.h"
#include "lib/store/queue.h"
#include "lib/store/sql.h"
#include "lib/store/store_session.h"
#include "lib/store/tables.h"

#include <string.h>

/* Assignments of one transaction: short enough that others' writes do not wait. */
#define SERVE_MAX 64
/* How often a match seen after a pass is gone for again before it is left to whoever holds it. */
#define PASSES 8

static int serve(struct store_tx *tx, void *arg, struct error *reterr)
{
    return queue_serve(tx, arg, reterr);
}

struct look {
    const char *pool;
    bool match;
};

static int look(struct store_tx *tx, void *arg, struct error *reterr)
{
    struct look *l = arg;
    return queue_has_match(tx, l->pool, &l->match, reterr);
}

/* One pass after the other. An empty pass ends it, unless a desktop and a session stand side by side now: then others
 * held one of them while we looked, and the next pass waits for them instead of skipping. */
static int fill(struct store *store, const char *pool, int64_t now_ms, struct store_assignment *made, size_t *ret_count,
                struct error *reterr)
{
    size_t count = 0;
    bool wait = false;
    for (int empty = 0; empty < PASSES && count + SERVE_MAX <= STORE_PAGE_MAX;) {
        struct queue_serve s = {.pool = pool, .max = SERVE_MAX, .wait = wait, .now_ms = now_ms, .made = made + count};
        struct look l = {.pool = pool};
        int rc = store_tx_read(store, look, &l, reterr);
        if (rc == 0 && !l.match)
            break;
        if (rc == 0)
            rc = store_tx_write(store, serve, &s, reterr);
        if (rc != 0)
            return rc;
        count += s.count;
        wait = s.count == 0;
        empty += s.count == 0;
    }
    *ret_count = count;
    return 0;
}

int store_assignment_fill(struct store *store, const char *pool, int64_t now_ms, struct store_assignment **ret_made,
                          size_t *ret_count, struct error *reterr)
{
    size_t count = 0;
    struct store_assignment *made CLEANUP_FREE = MEM_ARRAY(struct store_assignment, STORE_PAGE_MAX);
    if (made == NULL)
        return err_set(reterr, ERR_NOMEM, "out of memory");
    int rc = fill(store, pool, now_ms, made, &count, reterr);
    if (rc != 0)
        return rc;
    if (ret_made != NULL) {
        *ret_made = TAKE_PTR(made);
        *ret_count = count;
    }
    return 0;
}

int store_assignment_get(struct store *store, const char *id, struct store_assignment *ret_assignment,
                         struct error *reterr)
{
    return sql_store_get(store, &tables_assignment, "WHERE id = $1", SQL_ARGS(SQL_TEXT(id)), ret_assignment, reterr);
}

int store_assignment_list(struct store *store, const struct store_assignment_filter *filter,
                          const struct store_page *page, struct store_assignment **ret_rows, size_t *ret_count,
                          struct error *reterr)
{
    struct sql_where where;
    sql_where_init(&where);
    if (filter != NULL) {
        if (filter->pool != NULL)
            sql_where_add(&where, "pool = ?", SQL_TEXT(filter->pool));
        if (filter->person != NULL)
            sql_where_add(&where, "person = ?", SQL_TEXT(filter->person));
        if (filter->desktop != NULL)
            sql_where_add(&where, "desktop = ?", SQL_TEXT(filter->desktop));
        if (filter->open_only)
            sql_where_text(&where, "AND state = 'open'");
    }
    if (page != NULL && page->after != NULL)
        sql_where_add(&where, "id > ?", SQL_TEXT(page->after));
    sql_where_page(&where, "id", page);
    return sql_store_list(store, &tables_assignment, where.text, where.args, where.count, ret_rows, ret_count, reterr);
}

struct release {
    int64_t gen, now_ms;
    const char *id;
};

static int unassign_session(struct store_tx *tx, const struct release *r, const char *desktop, struct error *reterr)
{
    return sql_exec(tx,
                    "UPDATE sessions SET desktop = '', desktop_name = '', assignment = '', assigned_at = 0, "
                    "ready_at = 0, guest_user = '', deadline = $3 "
                    "WHERE desktop = $2 AND desktop <> '' AND assignment = $1 AND state = 'preparing'",
                    SQL_ARGS(SQL_TEXT(r->id), SQL_TEXT(desktop), SQL_INT(r->now_ms + STORE_SESSION_WAIT_MS)), NULL,
                    reterr);
}

static int check_unused(struct store_tx *tx, const struct release *r, const char *desktop, struct error *reterr)
{
    int64_t used = 0;
    int rc = sql_number(tx,
                        "SELECT COUNT(*) FROM sessions WHERE desktop = $2 AND desktop <> '' AND assignment = $1 "
                        "AND state <> 'ended'",
                        SQL_ARGS(SQL_TEXT(r->id), SQL_TEXT(desktop)), &used, reterr);
    return rc == 0 && used > 0
               ? err_set(reterr, ERR_CONFLICT, "a session of assignment %s was connected already", r->id)
               : rc;
}

/* Sessions are locked before what belongs to them, everywhere, so that two transactions do not wait for each other. */
static int release(struct store_tx *tx, void *arg, struct error *reterr)
{
    const struct release *r = arg;
    struct store_assignment a;
    int64_t changes = 0;
    int rc = sql_fence(tx, r->gen, reterr);
    if (rc == 0)
        rc = sql_get(tx, &tables_assignment, "WHERE id = $1", SQL_ARGS(SQL_TEXT(r->id)), &a, reterr);
    if (rc == 0)
        rc = unassign_session(tx, r, a.desktop, reterr);
    if (rc == 0)
        rc = check_unused(tx, r, a.desktop, reterr);
    if (rc == 0)
        rc =
            sql_exec(tx, "UPDATE assignments SET state = 'released', released_at = $2 WHERE id = $1 AND state = 'open'",
                     SQL_ARGS(SQL_TEXT(r->id), SQL_INT(r->now_ms)), &changes, reterr);
    if (rc == 0 && changes == 0)
        return err_set(reterr, ERR_CONFLICT, "assignment %s is released", a.id);
    if (rc == 0)
        rc = sql_exec(tx, "UPDATE desktops SET assignment = '' WHERE id = $2 AND assignment = $1",
                      SQL_ARGS(SQL_TEXT(r->id), SQL_TEXT(a.desktop)), NULL, reterr);
    return rc;
}

int store_assignment_release(struct store *store, int64_t gen, const char *id, int64_t now_ms, struct error *reterr)
{
    struct release r = {gen, now_ms, id};
    return store_tx_write(store, release, &r, reterr);
}
