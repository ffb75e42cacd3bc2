#include "lib/store/migrate.h"

#include "lib/store/sql.h"

#include <string.h>

struct job {
    const struct migration *list;
    size_t count;
    bool apply;
};

struct applied {
    int version; /* rows seen so far */
    const struct job *job;
};

static int check_row(const struct store_row *row, void *arg, struct error *reterr)
{
    struct applied *a = arg;
    int64_t version = row->number(row, 0);
    char hash[ID_HASH_SIZE];
    if (version > (int64_t)a->job->count)
        return err_set(reterr, ERR_SCHEMA,
                       "the store's schema is version %lld, this program knows %zu: it needs a newer release",
                       (long long)version, a->job->count);
    if (version != a->version + 1)
        return err_set(reterr, ERR_SCHEMA, "migration %d is missing in the store", a->version + 1);
    const char *sql = a->job->list[version - 1].sql;
    id_hash(sql, strlen(sql), hash);
    if (strcmp(hash, row->text(row, 1)) != 0)
        return err_set(reterr, ERR_SCHEMA, "migration %lld was applied with another text than this program's",
                       (long long)version);
    a->version = (int)version;
    return 0;
}

static int apply_one(struct store_tx *tx, const struct migration *m, struct error *reterr)
{
    char hash[ID_HASH_SIZE];
    id_hash(m->sql, strlen(m->sql), hash);
    int rc = tx->store->ops->script(tx->conn, m->sql, reterr);
    if (rc != 0)
        err_prefix(reterr, "migration %d", m->version);
    if (rc == 0)
        rc = sql_exec(tx, "INSERT INTO migrations (version, sha256) VALUES ($1, $2)",
                      SQL_ARGS(SQL_INT(m->version), SQL_TEXT(hash)), NULL, reterr);
    return rc;
}

static int migrate(struct store_tx *tx, void *arg, struct error *reterr)
{
    const struct job *job = arg;
    struct applied applied = {0, job};
    int rc = tx->store->ops->lock_schema(tx->conn, reterr);
    if (rc == 0)
        rc = tx->store->ops->script(tx->conn,
                                    "CREATE TABLE IF NOT EXISTS migrations "
                                    "(version BIGINT NOT NULL PRIMARY KEY, sha256 {text} NOT NULL)",
                                    reterr);
    if (rc == 0)
        rc = sql_query(tx, "SELECT version, sha256 FROM migrations ORDER BY version", NULL, 0, check_row, &applied,
                       reterr);
    if (rc == 0 && applied.version < (int)job->count && !job->apply)
        return err_set(reterr, ERR_SCHEMA, "the store's schema is version %d, this program needs %zu", applied.version,
                       job->count);
    for (size_t i = (size_t)applied.version; rc == 0 && i < job->count; i++)
        rc = apply_one(tx, &job->list[i], reterr);
    return rc;
}

int migrate_run(struct store *store, struct store_conn *conn, const struct migration *list, size_t count, bool apply,
                struct error *reterr)
{
    struct job job = {list, count, apply};
    return store_tx_run(store, conn, migrate, &job, reterr);
}

int migrate_version(struct store_tx *tx, int *ret_version, struct error *reterr)
{
    int64_t version = 0;
    int rc = sql_number(tx, "SELECT COALESCE(MAX(version), 0) FROM migrations", NULL, 0, &version, reterr);
    if (rc == 0)
        *ret_version = (int)version;
    return rc;
}
