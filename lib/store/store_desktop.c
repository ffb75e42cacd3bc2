#include "lib/store/store_desktop.h"

#include "lib/base/text.h"
#include "lib/model/pool.h"
#include "lib/store/sql.h"
#include "lib/store/store_pool.h"
#include "lib/store/tables.h"

#include <stdio.h>
#include <string.h>

struct add {
    int64_t gen, now_ms;
    const char *pool, *owner;
    struct store_desktop row;
};

static int check_room(struct store_tx *tx, const struct store_pool *pool, struct error *reterr)
{
    struct sql_where where;
    char sql[sizeof(where.text) + 64];
    uint32_t coming = 0;
    int64_t count = 0;
    for (int s = 0; s < DESKTOP_STATE_COUNT; s++)
        coming |= desktop_is_coming((enum desktop_state)s) ? SM_TO(s) : 0;
    sql_where_init(&where);
    sql_where_add(&where, "pool = ?", SQL_TEXT(pool->name));
    sql_where_states(&where, &desktop_sm, coming);
    snprintf(sql, sizeof(sql), "SELECT COUNT(*) FROM desktops %s", where.text);
    int rc = sql_number(tx, sql, where.args, where.count, &count, reterr);
    if (rc == 0 && count >= pool->size_max)
        return err_set(reterr, ERR_BUSY, "pool %s has its %lld desktops already", pool->name,
                       (long long)pool->size_max);
    return rc;
}

/* The first free number at or after the pool's mark; the mark moves behind it. */
static int take_number(struct store_tx *tx, const char *pool, int64_t *ret_number, struct error *reterr)
{
    int64_t mark = 0, taken = 0;
    int rc = sql_number(tx, "SELECT first_free FROM pools WHERE name = $1", SQL_ARGS(SQL_TEXT(pool)), &mark, reterr);
    if (rc == 0)
        rc = sql_number(tx, "SELECT number FROM desktops WHERE pool = $1 AND number >= $2 ORDER BY number LIMIT 1",
                        SQL_ARGS(SQL_TEXT(pool), SQL_INT(mark)), &taken, reterr);
    if (rc == ERR_NOT_FOUND)
        rc = 0;
    if (rc == 0 && taken == mark)
        rc = sql_number(tx,
                        "SELECT d.number + 1 FROM desktops d WHERE d.pool = $1 AND d.number >= $2 AND NOT EXISTS "
                        "(SELECT 1 FROM desktops e WHERE e.pool = d.pool AND e.number = d.number + 1) "
                        "ORDER BY d.number LIMIT 1",
                        SQL_ARGS(SQL_TEXT(pool), SQL_INT(mark)), &mark, reterr);
    if (rc == 0)
        rc = sql_exec(tx, "UPDATE pools SET first_free = $2 WHERE name = $1",
                      SQL_ARGS(SQL_TEXT(pool), SQL_INT(mark + 1)), NULL, reterr);
    if (rc == 0)
        *ret_number = mark;
    return rc;
}

static int fill_row(struct store_tx *tx, struct add *a, const struct store_pool *pool, struct error *reterr)
{
    struct store_desktop *d = &a->row;
    memset(d, 0, sizeof(*d));
    int rc = take_number(tx, pool->name, &d->number, reterr);
    if (rc != 0)
        return rc;
    if (snprintf(d->name, sizeof(d->name), "%s-%03lld", pool->name, (long long)d->number) >= (int)sizeof(d->name))
        return err_set(reterr, ERR_TOO_BIG, "the name of pool %s is too long for names of desktops", pool->name);
    id_new("d", d->id);
    text_copy(d->pool, sizeof(d->pool), pool->name);
    text_copy(d->image, sizeof(d->image), pool->image);
    d->image_version = pool->image_version;
    d->state = DESKTOP_REQUESTED;
    d->deadline = sm_deadline(&desktop_sm, DESKTOP_REQUESTED, a->now_ms);
    d->state_at = d->created_at = a->now_ms;
    d->generation = a->gen;
    return text_copy(d->owner, sizeof(d->owner), a->owner != NULL ? a->owner : "");
}

/* The pool's row is held, so that two writers do not find the same number. */
static int add(struct store_tx *tx, void *arg, struct error *reterr)
{
    struct add *a = arg;
    struct store_pool pool;
    int rc = sql_fence(tx, a->gen, reterr);
    if (rc == 0)
        rc = sql_get(tx, &tables_pool, "WHERE name = $1 {lock}", SQL_ARGS(SQL_TEXT(a->pool)), &pool, reterr);
    if (rc == 0 && strcmp(pool.state, POOL_STATE_DELETING) == 0)
        return err_set(reterr, ERR_POOL_CLOSED, "pool %s is being deleted", a->pool);
    if (rc == 0)
        rc = check_room(tx, &pool, reterr);
    if (rc == 0)
        rc = fill_row(tx, a, &pool, reterr);
    return rc != 0 ? rc : sql_insert(tx, &tables_desktop, &a->row, reterr);
}

int store_desktop_add(struct store *store, int64_t gen, const char *pool, const char *owner, int64_t now_ms,
                      struct store_desktop *ret_desktop, struct error *reterr)
{
    struct add a = {.gen = gen, .now_ms = now_ms, .pool = pool, .owner = owner};
    int rc = sql_fits("the owner", owner, STORE_SUBJECT_SIZE, reterr);
    if (rc == 0)
        rc = store_tx_write(store, add, &a, reterr);
    if (rc == 0)
        *ret_desktop = a.row;
    return rc;
}

int store_desktop_get(struct store *store, const char *id, struct store_desktop *ret_desktop, struct error *reterr)
{
    return sql_store_get(store, &tables_desktop, "WHERE id = $1", SQL_ARGS(SQL_TEXT(id)), ret_desktop, reterr);
}

int store_desktop_get_named(struct store *store, const char *name, struct store_desktop *ret_desktop,
                            struct error *reterr)
{
    int rc = sql_store_get(store, &tables_desktop, "WHERE name = $1", SQL_ARGS(SQL_TEXT(name)), ret_desktop, reterr);
    return rc == ERR_NOT_FOUND ? err_set(reterr, rc, "there is no desktop %s", name) : rc;
}

int store_desktop_list(struct store *store, const struct store_desktop_filter *filter, const struct store_page *page,
                       struct store_desktop **ret_desktops, size_t *ret_count, struct error *reterr)
{
    struct sql_where where;
    sql_where_init(&where);
    if (filter != NULL) {
        if (filter->pool != NULL)
            sql_where_add(&where, "pool = ?", SQL_TEXT(filter->pool));
        if (filter->host != NULL)
            sql_where_add(&where, "host = ?", SQL_TEXT(filter->host));
        sql_where_states(&where, &desktop_sm, filter->states);
        if (filter->deadline_before > 0)
            sql_where_add(&where, "deadline > 0 AND deadline <= ?", SQL_INT(filter->deadline_before));
        if (filter->free_only)
            sql_where_text(&where, "AND assignment = ''");
    }
    if (page != NULL && page->after != NULL)
        sql_where_add(&where, "id > ?", SQL_TEXT(page->after));
    sql_where_page(&where, "id", page);
    return sql_store_list(store, &tables_desktop, where.text, where.args, where.count, ret_desktops, ret_count, reterr);
}

struct change {
    int64_t gen;
    const char *id;
    int from, to; /* to < 0 = stay */
    bool free_only;
    const char *owner;
    int64_t deadline;
    struct store_desktop_patch patch;
    int64_t now_ms;
};

static int no_change(struct store_tx *tx, const struct change *c, struct error *reterr)
{
    struct store_desktop d;
    int rc = sql_get(tx, &tables_desktop, "WHERE id = $1", SQL_ARGS(SQL_TEXT(c->id)), &d, reterr);
    if (rc != 0)
        return rc;
    if (d.state == c->from)
        return err_set(reterr, ERR_CONFLICT, "desktop %s is assigned to a person", d.name);
    return err_set(reterr, ERR_CONFLICT, "desktop %s is no longer %s but %s", d.name, sm_name(&desktop_sm, c->from),
                   sm_name(&desktop_sm, d.state));
}

static int write_change(struct store_tx *tx, const struct change *c, int64_t *ret_changes, struct error *reterr)
{
    const struct store_desktop_patch *p = &c->patch;
    const char *to = c->to >= 0 ? sm_name(&desktop_sm, c->to) : NULL;
    return sql_exec(tx,
                    "UPDATE desktops SET state = COALESCE($3, state), owner = COALESCE($4, owner), "
                    "deadline = CASE WHEN $5 = 0 THEN deadline WHEN $5 < 0 THEN 0 ELSE $5 END, "
                    "state_at = CASE WHEN $3 IS NULL THEN state_at ELSE $6 END, "
                    "ready_at = CASE WHEN $3 = 'ready' AND ready_at = 0 THEN $6 ELSE ready_at END, "
                    "generation = CASE WHEN $7 = 0 THEN generation ELSE $7 END, "
                    "host = COALESCE($8, host), uuid = COALESCE($9, uuid), mac = COALESCE($10, mac), "
                    "address = COALESCE($11, address), cert_sha256 = COALESCE($12, cert_sha256), "
                    "error = COALESCE($13, error), rdp_port = CASE WHEN $14 < 0 THEN rdp_port ELSE $14 END, "
                    "attempts = CASE WHEN $15 < 0 THEN attempts ELSE $15 END "
                    "WHERE id = $1 AND state = $2 AND ($16 = 0 OR assignment = '')",
                    SQL_ARGS(SQL_TEXT(c->id), SQL_TEXT(sm_name(&desktop_sm, c->from)), SQL_TEXT(to), SQL_TEXT(c->owner),
                             SQL_INT(c->deadline), SQL_INT(c->now_ms), SQL_INT(c->gen), SQL_TEXT(p->host),
                             SQL_TEXT(p->uuid), SQL_TEXT(p->mac), SQL_TEXT(p->address), SQL_TEXT(p->cert_sha256),
                             SQL_TEXT(p->error), SQL_INT(p->rdp_port), SQL_INT(p->attempts), SQL_INT(c->free_only)),
                    ret_changes, reterr);
}

static int change(struct store_tx *tx, void *arg, struct error *reterr)
{
    const struct change *c = arg;
    int64_t changes = 0;
    int rc = sql_fence(tx, c->gen, reterr);
    if (rc == 0)
        rc = write_change(tx, c, &changes, reterr);
    return rc == 0 && changes == 0 ? no_change(tx, c, reterr) : rc;
}

static int check_patch(const struct change *c, struct error *reterr)
{
    const struct store_desktop_patch *p = &c->patch;
    const struct {
        const char *what, *text;
        size_t size;
    } texts[] = {
        {"the owner", c->owner, STORE_SUBJECT_SIZE},
        {"the host", p->host, STORE_NAME_SIZE},
        {"the UUID", p->uuid, sizeof(((struct store_desktop *)0)->uuid)},
        {"the MAC address", p->mac, sizeof(((struct store_desktop *)0)->mac)},
        {"the address", p->address, STORE_ADDRESS_SIZE},
        {"the certificate's hash", p->cert_sha256, ID_HASH_SIZE},
        {"the desktop's error", p->error, STORE_TEXT_SIZE},
    };
    int rc = 0;
    for (size_t i = 0; i < ARRAY_LEN(texts) && rc == 0; i++)
        rc = sql_fits(texts[i].what, texts[i].text, texts[i].size, reterr);
    return rc;
}

static int run_change(struct store *store, struct change *c, const struct store_desktop_patch *patch,
                      struct error *reterr)
{
    c->patch = patch != NULL ? *patch : STORE_DESKTOP_KEEP;
    int rc = check_patch(c, reterr);
    return rc != 0 ? rc : store_tx_write(store, change, c, reterr);
}

static int run_move(struct store *store, struct change *c, const struct store_desktop_patch *patch,
                    struct error *reterr)
{
    if (!sm_allowed(&desktop_sm, c->from, c->to))
        return err_set(reterr, ERR_ILLEGAL_MOVE, "a desktop cannot go from %s to %s", sm_name(&desktop_sm, c->from),
                       sm_name(&desktop_sm, c->to));
    if (c->deadline == 0) {
        int64_t usual = sm_deadline(&desktop_sm, c->to, c->now_ms);
        c->deadline = usual > 0 ? usual : -1;
    }
    if (c->owner == NULL)
        c->owner = "";
    return run_change(store, c, patch, reterr);
}

int store_desktop_move(struct store *store, int64_t gen, const char *id, enum desktop_state from, enum desktop_state to,
                       const char *owner, int64_t deadline, const struct store_desktop_patch *patch, int64_t now_ms,
                       struct error *reterr)
{
    struct change c = {
        .gen = gen, .id = id, .from = (int)from, .to = (int)to, .owner = owner, .deadline = deadline, .now_ms = now_ms};
    return run_move(store, &c, patch, reterr);
}

int store_desktop_take_down(struct store *store, int64_t gen, const char *id, enum desktop_state from,
                            const char *owner, int64_t deadline, int64_t now_ms, struct error *reterr)
{
    struct change c = {.gen = gen,
                       .id = id,
                       .from = (int)from,
                       .to = DESKTOP_DELETING,
                       .free_only = true,
                       .owner = owner,
                       .deadline = deadline,
                       .now_ms = now_ms};
    return run_move(store, &c, NULL, reterr);
}

int store_desktop_note(struct store *store, int64_t gen, const char *id, enum desktop_state state, const char *owner,
                       int64_t deadline, const struct store_desktop_patch *patch, struct error *reterr)
{
    struct change c = {.gen = gen, .id = id, .from = (int)state, .to = -1, .owner = owner, .deadline = deadline};
    return run_change(store, &c, patch, reterr);
}

struct removal {
    int64_t gen;
    const char *id;
};

static int remove_row(struct store_tx *tx, void *arg, struct error *reterr)
{
    const struct removal *r = arg;
    struct store_desktop d;
    int rc = sql_fence(tx, r->gen, reterr);
    if (rc == 0)
        rc = sql_get(tx, &tables_desktop, "WHERE id = $1 {lock}", SQL_ARGS(SQL_TEXT(r->id)), &d, reterr);
    if (rc != 0)
        return rc;
    if (d.state != DESKTOP_GONE || d.assignment[0] != '\0')
        return err_set(reterr, ERR_CONFLICT, "desktop %s is %s%s", d.name, sm_name(&desktop_sm, d.state),
                       d.assignment[0] != '\0' ? " and assigned to a person" : "");
    rc = sql_exec(tx, "UPDATE pools SET first_free = $2 WHERE name = $1 AND first_free > $2",
                  SQL_ARGS(SQL_TEXT(d.pool), SQL_INT(d.number)), NULL, reterr);
    return rc != 0 ? rc : sql_exec(tx, "DELETE FROM desktops WHERE id = $1", SQL_ARGS(SQL_TEXT(r->id)), NULL, reterr);
}

int store_desktop_remove(struct store *store, int64_t gen, const char *id, struct error *reterr)
{
    struct removal r = {gen, id};
    return store_tx_write(store, remove_row, &r, reterr);
}
