#include "lib/store/store_host.h"

#include "lib/base/text.h"
#include "lib/model/pool.h"
#include "lib/store/sql.h"

#define HOST struct store_host
static const struct sql_column columns[] = {
    SQL_COLUMN(TEXT, HOST, name),        SQL_COLUMN(TEXT, HOST, uri),       SQL_COLUMN(TEXT, HOST, state),
    SQL_COLUMN(TEXT, HOST, labels),      SQL_COLUMN(INT, HOST, memory_mib), SQL_COLUMN(INT, HOST, vcpus),
    SQL_COLUMN(INT, HOST, max_desktops), SQL_COLUMN(INT, HOST, seen_at),    SQL_COLUMN(TEXT, HOST, error),
    SQL_COLUMN(INT, HOST, created_at),
};
static const struct sql_table table = SQL_TABLE("hosts", columns, HOST, NULL);

static int add(struct store_tx *tx, void *arg, struct error *reterr)
{
    const struct store_host *host = arg;
    int rc = sql_insert(tx, &table, host, reterr);
    return rc == ERR_EXISTS ? err_set(reterr, rc, "there is a host %s already", host->name) : rc;
}

int store_host_add(struct store *store, struct store_host *host, int64_t now_ms, struct error *reterr)
{
    struct store_host row = *host;
    text_copy(row.state, sizeof(row.state), HOST_STATE_ACTIVE);
    row.created_at = now_ms;
    int rc = store_tx_write(store, add, &row, reterr);
    if (rc == 0)
        *host = row;
    return rc;
}

int store_host_get(struct store *store, const char *name, struct store_host *ret_host, struct error *reterr)
{
    return sql_store_get(store, &table, "WHERE name = $1", SQL_ARGS(SQL_TEXT(name)), ret_host, reterr);
}

int store_host_list(struct store *store, struct store_host **ret_hosts, size_t *ret_count, struct error *reterr)
{
    return sql_store_list(store, &table, "ORDER BY name LIMIT $1", SQL_ARGS(SQL_INT(STORE_PAGE_MAX)), ret_hosts,
                          ret_count, reterr);
}

struct change {
    int64_t gen;
    const char *name, *from, *to, *error;
    int64_t memory_mib, vcpus, seen_at;
};

static int no_change(struct store_tx *tx, const struct change *c, struct error *reterr)
{
    char state[STORE_WORD_SIZE];
    int rc = sql_text(tx, "SELECT state FROM hosts WHERE name = $1", SQL_ARGS(SQL_TEXT(c->name)), state, sizeof(state),
                      reterr);
    if (rc == ERR_NOT_FOUND)
        return err_set(reterr, rc, "there is no host %s", c->name);
    return rc != 0 ? rc : err_set(reterr, ERR_CONFLICT, "host %s is %s", c->name, state);
}

static int move(struct store_tx *tx, void *arg, struct error *reterr)
{
    const struct change *c = arg;
    int64_t changes = 0;
    int rc = sql_fence(tx, c->gen, reterr);
    if (rc == 0)
        rc = sql_exec(tx, "UPDATE hosts SET state = $3 WHERE name = $1 AND state = $2",
                      SQL_ARGS(SQL_TEXT(c->name), SQL_TEXT(c->from), SQL_TEXT(c->to)), &changes, reterr);
    return rc == 0 && changes == 0 ? no_change(tx, c, reterr) : rc;
}

int store_host_move(struct store *store, int64_t gen, const char *name, const char *from, const char *to,
                    struct error *reterr)
{
    struct change c = {.gen = gen, .name = name, .from = from, .to = to};
    int rc = sql_fits("the host's state", to, STORE_WORD_SIZE, reterr);
    return rc != 0 ? rc : store_tx_write(store, move, &c, reterr);
}

static int report(struct store_tx *tx, void *arg, struct error *reterr)
{
    const struct change *c = arg;
    int64_t changes = 0;
    int rc = sql_fence(tx, c->gen, reterr);
    if (rc == 0)
        rc = sql_exec(tx,
                      "UPDATE hosts SET memory_mib = CASE WHEN $2 = 0 THEN memory_mib ELSE $2 END, "
                      "vcpus = CASE WHEN $3 = 0 THEN vcpus ELSE $3 END, "
                      "seen_at = CASE WHEN $4 = 0 THEN seen_at ELSE $4 END, error = COALESCE($5, error) "
                      "WHERE name = $1",
                      SQL_ARGS(SQL_TEXT(c->name), SQL_INT(c->memory_mib), SQL_INT(c->vcpus), SQL_INT(c->seen_at),
                               SQL_TEXT(c->error)),
                      &changes, reterr);
    return rc == 0 && changes == 0 ? no_change(tx, c, reterr) : rc;
}

int store_host_report(struct store *store, int64_t gen, const char *name, int64_t memory_mib, int64_t vcpus,
                      int64_t seen_at, const char *error, struct error *reterr)
{
    struct change c = {
        .gen = gen, .name = name, .memory_mib = memory_mib, .vcpus = vcpus, .seen_at = seen_at, .error = error};
    int rc = sql_fits("the host's error", error, STORE_TEXT_SIZE, reterr);
    return rc != 0 ? rc : store_tx_write(store, report, &c, reterr);
}

static int remove_row(struct store_tx *tx, void *arg, struct error *reterr)
{
    const struct change *c = arg;
    int64_t changes = 0;
    int rc = sql_fence(tx, c->gen, reterr);
    if (rc == 0)
        rc = sql_exec(tx,
                      "DELETE FROM hosts WHERE name = $1 AND NOT EXISTS (SELECT 1 FROM desktops WHERE host = $1) "
                      "AND NOT EXISTS (SELECT 1 FROM pools WHERE host = $1)",
                      SQL_ARGS(SQL_TEXT(c->name)), &changes, reterr);
    if (rc != 0 || changes > 0)
        return rc;
    rc = no_change(tx, c, reterr);
    return rc == ERR_CONFLICT ? err_set(reterr, rc, "host %s still has desktops, or a pool names it", c->name) : rc;
}

int store_host_remove(struct store *store, int64_t gen, const char *name, struct error *reterr)
{
    struct change c = {.gen = gen, .name = name};
    return store_tx_write(store, remove_row, &c, reterr);
}
