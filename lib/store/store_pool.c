#include "lib/store/store_pool.h"

#include "lib/base/text.h"
#include "lib/model/pool.h"
#include "lib/store/sql.h"
#include "lib/store/tables.h"

#include <string.h>

/* What a pool names has to be there. */
static int check_references(struct store_tx *tx, const struct store_pool *pool, struct error *reterr)
{
    int64_t found = 0;
    if (pool->image[0] != '\0') {
        int rc = sql_number(tx, "SELECT COUNT(*) FROM images WHERE name = $1 AND version = $2",
                            SQL_ARGS(SQL_TEXT(pool->image), SQL_INT(pool->image_version)), &found, reterr);
        if (rc != 0)
            return rc;
        if (found == 0)
            return err_set(reterr, ERR_NOT_FOUND, "there is no image %s@%lld", pool->image,
                           (long long)pool->image_version);
    }
    if (pool->host[0] != '\0') {
        int rc = sql_number(tx, "SELECT COUNT(*) FROM hosts WHERE name = $1", SQL_ARGS(SQL_TEXT(pool->host)), &found,
                            reterr);
        if (rc != 0)
            return rc;
        if (found == 0)
            return err_set(reterr, ERR_NOT_FOUND, "there is no host %s", pool->host);
    }
    return 0;
}

static int add(struct store_tx *tx, void *arg, struct error *reterr)
{
    const struct store_pool *pool = arg;
    int rc = check_references(tx, pool, reterr);
    if (rc == 0)
        rc = sql_insert(tx, &tables_pool, pool, reterr);
    return rc == ERR_EXISTS ? err_set(reterr, rc, "there is a pool %s already", pool->name) : rc;
}

int store_pool_add(struct store *store, struct store_pool *pool, int64_t now_ms, struct error *reterr)
{
    struct store_pool row = *pool;
    row.revision = 1;
    row.created_at = row.updated_at = now_ms;
    if (row.state[0] == '\0')
        text_copy(row.state, sizeof(row.state), POOL_STATE_OPEN);
    int rc = store_tx_write(store, add, &row, reterr);
    if (rc == 0)
        *pool = row;
    return rc;
}

int store_pool_get(struct store *store, const char *name, struct store_pool *ret_pool, struct error *reterr)
{
    int rc = sql_store_get(store, &tables_pool, "WHERE name = $1", SQL_ARGS(SQL_TEXT(name)), ret_pool, reterr);
    return rc == ERR_NOT_FOUND ? err_set(reterr, rc, "there is no pool %s", name) : rc;
}

int store_pool_list(struct store *store, struct store_pool **ret_pools, size_t *ret_count, struct error *reterr)
{
    return sql_store_list(store, &tables_pool, "ORDER BY name LIMIT $1", SQL_ARGS(SQL_INT(STORE_PAGE_MAX)), ret_pools,
                          ret_count, reterr);
}

static int update(struct store_tx *tx, void *arg, struct error *reterr)
{
    const struct store_pool *p = arg;
    int64_t changes = 0, found = 0;
    int rc = check_references(tx, p, reterr);
    if (rc == 0)
        rc =
            sql_exec(tx,
                     "UPDATE pools SET description = $3, image = $4, image_version = $5, network = $6, host = $7, "
                     "memory_mib = $8, vcpus = $9, size_min = $10, size_max = $11, spare = $12, credentials = $13, "
                     "security = $14, grace_s = $15, idle_s = $16, bind_address = $17, state = $18, updated_at = $19, "
                     "revision = revision + 1 WHERE name = $1 AND revision = $2",
                     SQL_ARGS(SQL_TEXT(p->name), SQL_INT(p->revision), SQL_TEXT(p->description), SQL_TEXT(p->image),
                              SQL_INT(p->image_version), SQL_TEXT(p->network), SQL_TEXT(p->host),
                              SQL_INT(p->memory_mib), SQL_INT(p->vcpus), SQL_INT(p->size_min), SQL_INT(p->size_max),
                              SQL_INT(p->spare), SQL_TEXT(p->credentials), SQL_TEXT(p->security), SQL_INT(p->grace_s),
                              SQL_INT(p->idle_s), SQL_INT(p->bind_address), SQL_TEXT(p->state), SQL_INT(p->updated_at)),
                     &changes, reterr);
    if (rc != 0 || changes > 0)
        return rc;
    rc = sql_number(tx, "SELECT revision FROM pools WHERE name = $1", SQL_ARGS(SQL_TEXT(p->name)), &found, reterr);
    if (rc == ERR_NOT_FOUND)
        return err_set(reterr, rc, "there is no pool %s", p->name);
    return rc != 0 ? rc : err_set(reterr, ERR_CONFLICT, "pool %s was changed by somebody else meanwhile", p->name);
}

int store_pool_update(struct store *store, struct store_pool *pool, int64_t now_ms, struct error *reterr)
{
    struct store_pool row = *pool;
    row.updated_at = now_ms;
    int rc = store_tx_write(store, update, &row, reterr);
    if (rc == 0) {
        pool->updated_at = now_ms;
        pool->revision++;
    }
    return rc;
}

int store_pool_booted(struct store *store, int64_t gen, const char *name, int64_t boot_ms, struct error *reterr)
{
    int64_t changes = 0;
    int rc = sql_store_exec(store, gen,
                            "UPDATE pools SET boot_ms = CASE WHEN boot_ms = 0 THEN $2 "
                            "ELSE (boot_ms * 7 + $2) / 8 END WHERE name = $1",
                            SQL_ARGS(SQL_TEXT(name), SQL_INT(boot_ms)), &changes, reterr);
    return rc == 0 && changes == 0 ? err_set(reterr, ERR_NOT_FOUND, "there is no pool %s", name) : rc;
}

struct counts {
    const char *name;
    struct store_pool_counts counts;
};

static int count_state(const struct store_row *row, void *arg, struct error *reterr)
{
    struct store_pool_counts *c = arg;
    int state;
    int rc = sm_parse(&desktop_sm, row->text(row, 0), &state, reterr);
    if (rc != 0)
        return err_set(reterr, ERR_STORE, "a desktop in the store has an unknown state");
    c->desktops[state] = row->number(row, 1);
    c->taken += row->number(row, 2);
    if (state == DESKTOP_READY)
        c->ready_free = row->number(row, 1) - row->number(row, 2);
    return 0;
}

static int count_sessions(const struct store_row *row, void *arg, struct error *reterr)
{
    (void)reterr;
    struct store_pool_counts *c = arg;
    c->sessions = row->number(row, 0);
    c->waiting = row->number(row, 1);
    return 0;
}

static int count_all(struct store_tx *tx, void *arg, struct error *reterr)
{
    struct counts *c = arg;
    memset(&c->counts, 0, sizeof(c->counts));
    int64_t found = 0;
    int rc = sql_number(tx, "SELECT COUNT(*) FROM pools WHERE name = $1", SQL_ARGS(SQL_TEXT(c->name)), &found, reterr);
    if (rc == 0 && found == 0)
        return err_set(reterr, ERR_NOT_FOUND, "there is no pool %s", c->name);
    if (rc == 0)
        rc = sql_query(tx,
                       "SELECT state, COUNT(*), SUM(CASE WHEN assignment <> '' THEN 1 ELSE 0 END) FROM desktops "
                       "WHERE pool = $1 GROUP BY state",
                       SQL_ARGS(SQL_TEXT(c->name)), count_state, &c->counts, reterr);
    if (rc == 0)
        rc = sql_query(tx,
                       "SELECT COUNT(*), COALESCE(SUM(CASE WHEN desktop = '' THEN 1 ELSE 0 END), 0) FROM sessions "
                       "WHERE pool = $1 AND state <> 'ended'",
                       SQL_ARGS(SQL_TEXT(c->name)), count_sessions, &c->counts, reterr);
    return rc;
}

int store_pool_counts(struct store *store, const char *name, struct store_pool_counts *ret_counts, struct error *reterr)
{
    struct counts c = {.name = name};
    int rc = store_tx_read(store, count_all, &c, reterr);
    if (rc == 0)
        *ret_counts = c.counts;
    return rc;
}

struct removal {
    int64_t gen;
    const char *name;
};

static int remove_row(struct store_tx *tx, void *arg, struct error *reterr)
{
    const struct removal *r = arg;
    int64_t left = 0, changes = 0;
    int rc = sql_fence(tx, r->gen, reterr);
    if (rc == 0)
        rc = sql_number(tx,
                        "SELECT (SELECT COUNT(*) FROM desktops WHERE pool = $1) + "
                        "(SELECT COUNT(*) FROM sessions WHERE pool = $1 AND state <> 'ended')",
                        SQL_ARGS(SQL_TEXT(r->name)), &left, reterr);
    if (rc == 0 && left > 0)
        return err_set(reterr, ERR_CONFLICT, "pool %s still has desktops or open sessions", r->name);
    if (rc == 0)
        rc = sql_exec(tx, "DELETE FROM entitlements WHERE pool = $1", SQL_ARGS(SQL_TEXT(r->name)), NULL, reterr);
    if (rc == 0)
        rc = sql_exec(tx, "DELETE FROM pools WHERE name = $1", SQL_ARGS(SQL_TEXT(r->name)), &changes, reterr);
    return rc == 0 && changes == 0 ? err_set(reterr, ERR_NOT_FOUND, "there is no pool %s", r->name) : rc;
}

int store_pool_remove(struct store *store, int64_t gen, const char *name, struct error *reterr)
{
    struct removal r = {gen, name};
    return store_tx_write(store, remove_row, &r, reterr);
}
