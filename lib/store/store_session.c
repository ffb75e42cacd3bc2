#include "lib/store/store_session.h"

#include "lib/base/text.h"
#include "lib/model/pool.h"
#include "lib/store/queue.h"
#include "lib/store/sql.h"
#include "lib/store/tables.h"

#include <string.h>

#define OPEN_OF "WHERE pool = $1 AND person = $2 AND state <> 'ended'"

/* Desktops that one newcomer gives away before them: without backlog, one. */
#define SERVE_MAX 8

struct open {
    const struct store_session_want *want;
    struct store_session session;
    uint32_t place;
    bool created;
};

static int find_open(struct store_tx *tx, struct open *o, struct error *reterr)
{
    return sql_get(tx, &tables_session, OPEN_OF, SQL_ARGS(SQL_TEXT(o->want->pool), SQL_TEXT(o->want->person)),
                   &o->session, reterr);
}

/* ERR_EXISTS cannot come back: a row that another broker wrote at the same moment is left alone, and found next. */
static int insert(struct store_tx *tx, struct open *o, struct error *reterr)
{
    char id[ID_SIZE];
    int64_t changes = 0;
    const struct store_session_want *w = o->want;
    id_new("s", id);
    int rc = sql_exec(tx,
                      "INSERT INTO sessions (id, pool, person, display, state, desktop, desktop_name, assignment, "
                      "connection, intent, guest_user, created_at, assigned_at, ready_at, logged_on_at, state_at, "
                      "deadline, ended_at, end_reason) "
                      "SELECT $4, name, $2, $3, 'preparing', '', '', '', '', '', '', $5, 0, 0, 0, $5, $6, 0, '' "
                      "FROM pools WHERE name = $1 AND state = '" POOL_STATE_OPEN "' "
                      "ON CONFLICT (pool, person) WHERE state <> 'ended' DO NOTHING",
                      SQL_ARGS(SQL_TEXT(w->pool), SQL_TEXT(w->person), SQL_TEXT(w->display), SQL_TEXT(id),
                               SQL_INT(w->now_ms), SQL_INT(w->now_ms + STORE_SESSION_WAIT_MS)),
                      &changes, reterr);
    o->created = changes > 0;
    return rc;
}

static int check_pool(struct store_tx *tx, const char *pool, struct error *reterr)
{
    char state[STORE_WORD_SIZE];
    int rc =
        sql_text(tx, "SELECT state FROM pools WHERE name = $1", SQL_ARGS(SQL_TEXT(pool)), state, sizeof(state), reterr);
    if (rc == ERR_NOT_FOUND)
        return err_set(reterr, rc, "there is no pool %s", pool);
    if (rc == 0 && strcmp(state, POOL_STATE_OPEN) != 0)
        return err_set(reterr, ERR_POOL_CLOSED, "pool %s is closed", pool);
    return rc;
}

/* Who has a dedicated desktop goes to it and does not queue. */
static int go_to_dedicated(struct store_tx *tx, struct open *o, struct error *reterr)
{
    const struct store_session_want *w = o->want;
    struct store_assignment a;
    int rc = sql_get(tx, &tables_assignment, "WHERE pool = $1 AND person = $2 AND state = 'open'",
                     SQL_ARGS(SQL_TEXT(w->pool), SQL_TEXT(w->person)), &a, reterr);
    if (rc == ERR_NOT_FOUND)
        return 0;
    if (rc == 0)
        rc = sql_exec(tx,
                      "UPDATE sessions SET desktop = $2, assignment = $3, assigned_at = $4, deadline = $5, "
                      "desktop_name = (SELECT name FROM desktops WHERE id = $2) WHERE id = $1",
                      SQL_ARGS(SQL_TEXT(o->session.id), SQL_TEXT(a.desktop), SQL_TEXT(a.id), SQL_INT(w->now_ms),
                               SQL_INT(w->now_ms + STORE_SESSION_COME_MS)),
                      NULL, reterr);
    return rc != 0 ? rc : find_open(tx, o, reterr);
}

static int create(struct store_tx *tx, struct open *o, struct error *reterr)
{
    int rc = insert(tx, o, reterr);
    if (rc == 0 && !o->created)
        rc = check_pool(tx, o->want->pool, reterr);
    if (rc == 0)
        rc = find_open(tx, o, reterr);
    return rc == 0 && o->created ? go_to_dedicated(tx, o, reterr) : rc;
}

static int wait_longer(struct store_tx *tx, struct open *o, struct error *reterr)
{
    o->session.deadline = o->want->now_ms + STORE_SESSION_WAIT_MS;
    return sql_exec(tx, "UPDATE sessions SET deadline = $2 WHERE id = $1 AND desktop = '' AND state = 'preparing'",
                    SQL_ARGS(SQL_TEXT(o->session.id), SQL_INT(o->session.deadline)), NULL, reterr);
}

static int serve_queue(struct store_tx *tx, struct open *o, struct error *reterr)
{
    struct queue_serve s = {.pool = o->want->pool, .until = o->session.id, .max = SERVE_MAX, .now_ms = o->want->now_ms};
    int rc = queue_serve(tx, &s, reterr);
    return rc == 0 && s.reached ? find_open(tx, o, reterr) : rc;
}

static bool waits(const struct store_session *session)
{
    return session->state == SESSION_PREPARING && session->desktop[0] == '\0';
}

static int open_session(struct store_tx *tx, void *arg, struct error *reterr)
{
    struct open *o = arg;
    o->created = false;
    o->place = 0;
    int rc = find_open(tx, o, reterr);
    if (rc == ERR_NOT_FOUND)
        rc = create(tx, o, reterr);
    else if (rc == 0 && waits(&o->session))
        rc = wait_longer(tx, o, reterr);
    if (rc == 0 && waits(&o->session))
        rc = serve_queue(tx, o, reterr);
    if (rc == 0 && waits(&o->session))
        rc = queue_place(tx, o->session.id, &o->place, reterr);
    return rc;
}

/* After the commit: a desktop that became ready meanwhile saw no queue, and this transaction saw no desktop
 * (PostgreSQL). Whoever commits last sees both. */
static int serve_again(struct store *store, struct open *o, struct error *reterr)
{
    int rc = store_assignment_fill(store, o->want->pool, o->want->now_ms, NULL, NULL, reterr);
    if (rc == 0)
        rc = store_session_get(store, o->session.id, &o->session, reterr);
    return rc != 0 ? rc : store_session_place(store, o->session.id, &o->place, reterr);
}

int store_session_open(struct store *store, const struct store_session_want *want, struct store_session *ret_session,
                       uint32_t *ret_place, bool *ret_created, struct error *reterr)
{
    struct open o = {.want = want};
    int rc = sql_fits("the person's name", want->person, STORE_SUBJECT_SIZE, reterr);
    if (rc == 0)
        rc = sql_fits("the person's display name", want->display, STORE_SUBJECT_SIZE, reterr);
    if (rc == 0)
        rc = store_tx_write(store, open_session, &o, reterr);
    bool created = o.created;
    if (rc == 0 && waits(&o.session))
        rc = serve_again(store, &o, reterr);
    if (rc != 0)
        return rc;
    *ret_session = o.session;
    *ret_place = o.place;
    if (ret_created != NULL)
        *ret_created = created;
    return 0;
}

int store_session_get(struct store *store, const char *id, struct store_session *ret_session, struct error *reterr)
{
    return sql_store_get(store, &tables_session, "WHERE id = $1", SQL_ARGS(SQL_TEXT(id)), ret_session, reterr);
}

static void add_filter(struct sql_where *where, const struct store_session_filter *filter)
{
    if (filter->pool != NULL)
        sql_where_add(where, "pool = ?", SQL_TEXT(filter->pool));
    if (filter->person != NULL)
        sql_where_add(where, "person = ?", SQL_TEXT(filter->person));
    if (filter->desktop != NULL)
        sql_where_add(where, "desktop <> '' AND desktop = ?", SQL_TEXT(filter->desktop));
    sql_where_states(where, &session_sm, filter->states);
    if (filter->open_only || (filter->states != 0 && (filter->states & SM_TO(SESSION_ENDED)) == 0))
        sql_where_text(where, "AND state <> 'ended'");
    if (filter->waiting_only)
        sql_where_text(where, "AND state = 'preparing' AND desktop = ''");
    if (filter->intent_only)
        sql_where_text(where, "AND intent <> ''");
    if (filter->deadline_before > 0)
        sql_where_add(where, "deadline > 0 AND deadline <= ?", SQL_INT(filter->deadline_before));
}

/* Then the order is one that only the indexes without ended sessions offer: the history is not read. */
static bool is_live(const struct store_session_filter *filter)
{
    return filter != NULL &&
           (filter->open_only || filter->waiting_only || filter->intent_only || filter->deadline_before > 0 ||
            (filter->states != 0 && (filter->states & SM_TO(SESSION_ENDED)) == 0));
}

int store_session_list(struct store *store, const struct store_session_filter *filter, const struct store_page *page,
                       struct store_session **ret_sessions, size_t *ret_count, struct error *reterr)
{
    struct sql_where where;
    int64_t after = 0;
    bool live = is_live(filter);
    sql_where_init(&where);
    if (filter != NULL)
        add_filter(&where, filter);
    if (page != NULL && page->after != NULL && page->after[0] != '\0') {
        int rc = text_to_int(page->after, 0, INT64_MAX, &after);
        if (rc != 0)
            return err_set(reterr, rc, "the place to go on from is not a number");
        sql_where_add(&where, live ? "seq + 0 > ?" : "seq > ?", SQL_INT(after));
    }
    sql_where_page(&where, live ? "seq + 0" : "seq", page);
    return sql_store_list(store, &tables_session, where.text, where.args, where.count, ret_sessions, ret_count, reterr);
}

struct place {
    const char *id;
    uint32_t place;
};

static int read_place(struct store_tx *tx, void *arg, struct error *reterr)
{
    struct place *p = arg;
    int rc = queue_place(tx, p->id, &p->place, reterr);
    return rc == ERR_NOT_FOUND ? err_set(reterr, rc, "there is no session %s", p->id) : rc;
}

int store_session_place(struct store *store, const char *id, uint32_t *ret_place, struct error *reterr)
{
    struct place p = {.id = id};
    int rc = store_tx_read(store, read_place, &p, reterr);
    if (rc == 0)
        *ret_place = p.place;
    return rc;
}

/* One UPDATE on one open session; `condition` failed when no row changed. */
struct touch {
    int64_t gen;
    const char *sql;
    const char *id;
    const struct store_arg *args;
    size_t count;
    bool lenient; /* no change is fine while the session is there */
};

static int touch(struct store_tx *tx, void *arg, struct error *reterr)
{
    const struct touch *t = arg;
    struct store_session s;
    int64_t changes = 0;
    int rc = sql_fence(tx, t->gen, reterr);
    if (rc == 0)
        rc = sql_exec(tx, t->sql, t->args, t->count, &changes, reterr);
    if (rc != 0 || changes > 0)
        return rc;
    rc = sql_get(tx, &tables_session, "WHERE id = $1", SQL_ARGS(SQL_TEXT(t->id)), &s, reterr);
    if (rc != 0 || t->lenient)
        return rc;
    return err_set(reterr, ERR_CONFLICT, "session %s is %s", s.id, sm_name(&session_sm, s.state));
}

int store_session_prepared(struct store *store, const char *id, const char *desktop, const char *guest_user,
                           int64_t now_ms, struct error *reterr)
{
    const struct store_arg args[] = {SQL_TEXT(id), SQL_TEXT(desktop), SQL_TEXT(guest_user), SQL_INT(now_ms)};
    struct touch t = {.sql = "UPDATE sessions SET guest_user = $3, ready_at = CASE WHEN ready_at = 0 THEN $4 ELSE "
                             "ready_at END WHERE id = $1 AND desktop = $2 AND desktop <> '' AND state <> 'ended'",
                      .id = id,
                      .args = args,
                      .count = ARRAY_LEN(args)};
    int rc = sql_fits("the account's name", guest_user, STORE_NAME_SIZE, reterr);
    return rc != 0 ? rc : store_tx_write(store, touch, &t, reterr);
}

int store_session_logged_on(struct store *store, const char *id, int64_t now_ms, struct error *reterr)
{
    const struct store_arg args[] = {SQL_TEXT(id), SQL_INT(now_ms)};
    struct touch t = {.sql = "UPDATE sessions SET logged_on_at = $2 WHERE id = $1 AND logged_on_at = 0",
                      .id = id,
                      .args = args,
                      .count = ARRAY_LEN(args),
                      .lenient = true};
    return store_tx_write(store, touch, &t, reterr);
}

int store_session_ask(struct store *store, const char *id, const char *intent, struct error *reterr)
{
    const struct store_arg args[] = {SQL_TEXT(id), SQL_TEXT(intent)};
    struct touch t = {.sql = "UPDATE sessions SET intent = CASE WHEN intent = '" SESSION_INTENT_LOGOFF
                             "' THEN intent ELSE $2 END WHERE id = $1 AND state <> 'ended'",
                      .id = id,
                      .args = args,
                      .count = ARRAY_LEN(args)};
    if (strcmp(intent, SESSION_INTENT_DISCONNECT) != 0 && strcmp(intent, SESSION_INTENT_LOGOFF) != 0)
        return err_set(reterr, ERR_INVALID, "a session is asked to disconnect or to log off");
    return store_tx_write(store, touch, &t, reterr);
}

int store_session_asked_done(struct store *store, int64_t gen, const char *id, const char *intent, struct error *reterr)
{
    const struct store_arg args[] = {SQL_TEXT(id), SQL_TEXT(intent)};
    struct touch t = {.gen = gen,
                      .sql = "UPDATE sessions SET intent = '' WHERE id = $1 AND intent = $2",
                      .id = id,
                      .args = args,
                      .count = ARRAY_LEN(args),
                      .lenient = true};
    return store_tx_write(store, touch, &t, reterr);
}

int store_session_set_deadline(struct store *store, const char *id, int64_t deadline, struct error *reterr)
{
    const struct store_arg args[] = {SQL_TEXT(id), SQL_INT(deadline)};
    struct touch t = {.sql = "UPDATE sessions SET deadline = $2 WHERE id = $1 AND state <> 'ended'",
                      .id = id,
                      .args = args,
                      .count = ARRAY_LEN(args)};
    return store_tx_write(store, touch, &t, reterr);
}
