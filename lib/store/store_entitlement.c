#include "lib/store/store_entitlement.h"

#include "lib/base/text.h"
#include "lib/store/sql.h"
#include "lib/store/tables.h"

#include <string.h>
#include <strings.h>

#define ROW struct store_entitlement
static const struct sql_column columns[] = {
    SQL_COLUMN(TEXT, ROW, pool),
    SQL_COLUMN(TEXT, ROW, kind),
    SQL_COLUMN(TEXT, ROW, subject),
    SQL_COLUMN(INT, ROW, created_at),
};
static const struct sql_table table = SQL_TABLE("entitlements", columns, ROW, NULL);

static int fill_row(const char *pool, const char *kind, const char *subject, struct store_entitlement *ret_row,
                    struct error *reterr)
{
    if (strcmp(kind, STORE_ENTITLEMENT_USER) != 0 && strcmp(kind, STORE_ENTITLEMENT_GROUP) != 0)
        return err_set(reterr, ERR_INVALID, "an entitlement is for a user or a group");
    if (subject[0] == '\0')
        return err_set(reterr, ERR_INVALID, "an entitlement names a user or a group");
    if (text_copy(ret_row->pool, sizeof(ret_row->pool), pool) != 0 ||
        text_copy(ret_row->subject, sizeof(ret_row->subject), subject) != 0)
        return err_set(reterr, ERR_TOO_BIG, "the name is longer than %d bytes", STORE_SUBJECT_SIZE - 1);
    text_copy(ret_row->kind, sizeof(ret_row->kind), kind);
    text_lower(ret_row->subject);
    return 0;
}

static int pool_exists(struct store_tx *tx, const char *pool, struct error *reterr)
{
    int64_t found = 0;
    int rc = sql_number(tx, "SELECT COUNT(*) FROM pools WHERE name = $1", SQL_ARGS(SQL_TEXT(pool)), &found, reterr);
    return rc == 0 && found == 0 ? err_set(reterr, ERR_NOT_FOUND, "there is no pool %s", pool) : rc;
}

static int add(struct store_tx *tx, void *arg, struct error *reterr)
{
    const struct store_entitlement *row = arg;
    int rc = pool_exists(tx, row->pool, reterr);
    if (rc == 0)
        rc = sql_insert(tx, &table, row, reterr);
    return rc == ERR_EXISTS ? err_set(reterr, rc, "%s %s is entitled to %s already", row->kind, row->subject, row->pool)
                            : rc;
}

int store_entitlement_add(struct store *store, const char *pool, const char *kind, const char *subject, int64_t now_ms,
                          struct error *reterr)
{
    struct store_entitlement row = {.created_at = now_ms};
    int rc = fill_row(pool, kind, subject, &row, reterr);
    return rc != 0 ? rc : store_tx_write(store, add, &row, reterr);
}

int store_entitlement_remove(struct store *store, const char *pool, const char *kind, const char *subject,
                             struct error *reterr)
{
    struct store_entitlement row = {0};
    int64_t changes = 0;
    int rc = fill_row(pool, kind, subject, &row, reterr);
    if (rc == 0)
        rc = sql_store_exec(store, 0, "DELETE FROM entitlements WHERE pool = $1 AND kind = $2 AND subject = $3",
                            SQL_ARGS(SQL_TEXT(row.pool), SQL_TEXT(row.kind), SQL_TEXT(row.subject)), &changes, reterr);
    return rc == 0 && changes == 0
               ? err_set(reterr, ERR_NOT_FOUND, "%s %s is not entitled to %s", row.kind, row.subject, row.pool)
               : rc;
}

int store_entitlement_list(struct store *store, const char *pool, struct store_entitlement **ret_rows,
                           size_t *ret_count, struct error *reterr)
{
    struct sql_where where;
    sql_where_init(&where);
    if (pool != NULL)
        sql_where_add(&where, "pool = ?", SQL_TEXT(pool));
    sql_where_page(&where, "pool, kind, subject", NULL);
    return sql_store_list(store, &table, where.text, where.args, where.count, ret_rows, ret_count, reterr);
}

struct who {
    const char *person;
    const char *const *groups;
    size_t group_count;
};

static bool applies(const struct who *who, const char *kind, const char *subject)
{
    if (strcmp(kind, STORE_ENTITLEMENT_USER) == 0)
        return strcasecmp(subject, who->person) == 0;
    for (size_t i = 0; i < who->group_count; i++) {
        if (strcasecmp(subject, who->groups[i]) == 0)
            return true;
    }
    return false;
}

struct check {
    struct who who;
    const char *pool;
    bool found;
    struct store_entitlement row;
};

static int check_row(const struct store_row *row, void *arg, struct error *reterr)
{
    struct check *c = arg;
    if (c->found || !applies(&c->who, row->text(row, 0), row->text(row, 1)))
        return 0;
    c->found = true;
    c->row.created_at = row->number(row, 2);
    if (text_copy(c->row.pool, sizeof(c->row.pool), c->pool) != 0 ||
        text_copy(c->row.kind, sizeof(c->row.kind), row->text(row, 0)) != 0 ||
        text_copy(c->row.subject, sizeof(c->row.subject), row->text(row, 1)) != 0)
        return err_set(reterr, ERR_STORE, "an entitlement in the store is longer than it may be");
    return 0;
}

static int check(struct store_tx *tx, void *arg, struct error *reterr)
{
    struct check *c = arg;
    c->found = false;
    int rc =
        sql_query(tx, "SELECT kind, subject, created_at FROM entitlements WHERE pool = $1 ORDER BY kind DESC, subject",
                  SQL_ARGS(SQL_TEXT(c->pool)), check_row, c, reterr);
    if (rc != 0 || c->found)
        return rc;
    rc = pool_exists(tx, c->pool, reterr);
    return rc != 0 ? rc : err_set(reterr, ERR_NOT_ENTITLED, "%s is not entitled to %s", c->who.person, c->pool);
}

int store_entitlement_check(struct store *store, const char *pool, const char *person, const char *const *groups,
                            size_t group_count, struct store_entitlement *ret_row, struct error *reterr)
{
    struct check c = {.who = {person, groups, group_count}, .pool = pool};
    int rc = store_tx_read(store, check, &c, reterr);
    if (rc == 0 && ret_row != NULL)
        *ret_row = c.row;
    return rc;
}

struct pools {
    struct who who;
    struct store_pool *rows;
    size_t count;
    bool *may; /* one per row */
};

static int mark_row(const struct store_row *row, void *arg, struct error *reterr)
{
    (void)reterr;
    struct pools *p = arg;
    if (!applies(&p->who, row->text(row, 1), row->text(row, 2)))
        return 0;
    for (size_t i = 0; i < p->count; i++) {
        if (strcmp(p->rows[i].name, row->text(row, 0)) == 0)
            p->may[i] = true;
    }
    return 0;
}

static int pools(struct store_tx *tx, void *arg, struct error *reterr)
{
    struct pools *p = arg;
    int rc = sql_list(tx, &tables_pool, "ORDER BY name LIMIT $1", SQL_ARGS(SQL_INT(STORE_PAGE_MAX)), &p->rows,
                      &p->count, reterr);
    if (rc != 0 || p->count == 0)
        return rc;
    bool *may CLEANUP_FREE = MEM_ARRAY(bool, p->count);
    p->may = may;
    rc = may == NULL ? err_set(reterr, ERR_NOMEM, "out of memory")
                     : sql_query(tx, "SELECT pool, kind, subject FROM entitlements", NULL, 0, mark_row, p, reterr);
    size_t kept = 0;
    for (size_t i = 0; rc == 0 && i < p->count; i++) {
        if (may[i])
            p->rows[kept++] = p->rows[i];
    }
    p->count = kept;
    p->may = NULL;
    if (rc != 0) {
        free(p->rows);
        p->rows = NULL;
    }
    return rc;
}

int store_entitlement_pools(struct store *store, const char *person, const char *const *groups, size_t group_count,
                            struct store_pool **ret_pools, size_t *ret_count, struct error *reterr)
{
    struct pools p = {.who = {person, groups, group_count}};
    int rc = store_tx_read(store, pools, &p, reterr);
    if (rc == 0) {
        *ret_pools = p.rows;
        *ret_count = p.count;
    }
    return rc;
}
