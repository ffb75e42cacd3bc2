#include "lib/store/store_lease.h"

#include "lib/store/sql.h"

static const struct sql_column columns[] = {
    SQL_COLUMN(TEXT, struct store_lease, name),
    SQL_COLUMN(TEXT, struct store_lease, holder),
    SQL_COLUMN(INT, struct store_lease, generation),
    SQL_COLUMN(INT, struct store_lease, expires_at),
};
static const struct sql_table table = SQL_TABLE("leases", columns, struct store_lease, NULL);

struct take {
    const char *name, *holder;
    int64_t now_ms, until;
    int64_t generation;
};

/* One statement decides: the row changes only when it is ours or has expired. */
static int take(struct store_tx *tx, void *arg, struct error *reterr)
{
    struct take *t = arg;
    int rc = sql_number(tx,
                        "INSERT INTO leases (name, holder, generation, expires_at) VALUES ($1, $2, 1, $3) "
                        "ON CONFLICT (name) DO UPDATE SET "
                        "generation = CASE WHEN leases.holder = excluded.holder THEN leases.generation "
                        "ELSE leases.generation + 1 END, "
                        "holder = excluded.holder, expires_at = excluded.expires_at "
                        "WHERE leases.holder = excluded.holder OR leases.expires_at <= $4 RETURNING generation",
                        SQL_ARGS(SQL_TEXT(t->name), SQL_TEXT(t->holder), SQL_INT(t->until), SQL_INT(t->now_ms)),
                        &t->generation, reterr);
    return rc == ERR_NOT_FOUND ? err_set(reterr, ERR_CONFLICT, "another process holds the lease %s", t->name) : rc;
}

int store_lease_take(struct store *store, const char *name, const char *holder, uint32_t ttl_ms, int64_t now_ms,
                     int64_t *ret_generation, struct error *reterr)
{
    struct take t = {.name = name, .holder = holder, .now_ms = now_ms, .until = now_ms + ttl_ms};
    int rc = sql_fits("the lease's holder", holder, STORE_SUBJECT_SIZE, reterr);
    if (rc == 0)
        rc = sql_fits("the lease's name", name, STORE_NAME_SIZE, reterr);
    if (rc == 0)
        rc = store_tx_write(store, take, &t, reterr);
    if (rc == 0)
        *ret_generation = t.generation;
    return rc;
}

/* The holder is forgotten too: who takes it next, the same process included, gets a new generation. */
int store_lease_release(struct store *store, const char *name, const char *holder, struct error *reterr)
{
    return sql_store_exec(store, 0, "UPDATE leases SET expires_at = 0, holder = '' WHERE name = $1 AND holder = $2",
                          SQL_ARGS(SQL_TEXT(name), SQL_TEXT(holder)), NULL, reterr);
}

int store_lease_get(struct store *store, const char *name, struct store_lease *ret_lease, struct error *reterr)
{
    return sql_store_get(store, &table, "WHERE name = $1", SQL_ARGS(SQL_TEXT(name)), ret_lease, reterr);
}
