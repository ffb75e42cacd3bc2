#include "lib/store/store.h"

#include "lib/store/migrate.h"
#include "lib/store/sql.h"
#include "lib/store/writer.h"

#include <string.h>

#define CONNECTIONS   8
#define BUSY_MS       5000
#define SETTING_BYTES 4001

static const struct store_ops *ops_of(const char *uri)
{
    if (strncmp(uri, "sqlite:", 7) == 0)
        return &engine_sqlite_ops;
    if (strncmp(uri, "postgresql:", 11) == 0 || strncmp(uri, "postgres:", 9) == 0)
        return &engine_pg_ops;
    return NULL;
}

/* The first connection checks the schema; it becomes the writer's or the pool's first one. */
static int start(struct store *store, const struct store_options *options, struct error *reterr)
{
    struct store_conn *conn = NULL;
    int rc = store->ops->connect(store->uri, STORE_WRITE, store->busy_ms, &conn, reterr);
    if (rc != 0)
        return rc;
    rc = migrate_run(store, conn, migrate_all, migrate_count, options->migrate, reterr);
    if (rc != 0 || !store->ops->single_writer) {
        store->ops->close(conn);
        return rc;
    }
    return writer_start(store, conn, &store->writer, reterr);
}

int store_open(const struct store_options *options, struct store **ret_store, struct error *reterr)
{
    const char *uri = options->uri != NULL ? options->uri : "";
    const struct store_ops *ops = options->ops != NULL ? options->ops : ops_of(uri);
    if (ops == NULL)
        return err_set(reterr, ERR_CONFIG, "the store's URI is neither sqlite:/path/file nor postgresql://…: %.100s",
                       uri);
    struct store *store = MEM_NEW(struct store);
    char *copy = mem_strdup(uri);
    if (store == NULL || copy == NULL) {
        free(store);
        free(copy);
        return err_set(reterr, ERR_NOMEM, "out of memory");
    }
    store->ops = ops;
    store->uri = copy;
    store->busy_ms = options->busy_ms > 0 ? options->busy_ms : BUSY_MS;
    int rc = conn_pool_init(&store->conns, ops, store->uri, ops->single_writer ? STORE_READ : STORE_WRITE,
                            store->busy_ms, options->connections > 0 ? options->connections : CONNECTIONS, reterr);
    if (rc == 0)
        rc = start(store, options, reterr);
    if (rc != 0) {
        store_close(store);
        return rc;
    }
    *ret_store = store;
    return 0;
}

void store_close(struct store *store)
{
    if (store == NULL)
        return;
    writer_stop(store->writer);
    conn_pool_done(&store->conns);
    free(store->uri);
    free(store);
}

const char *store_engine(const struct store *store)
{
    return store->ops->name;
}

void store_stats(struct store *store, struct store_stats *ret_stats)
{
    ret_stats->commits = __atomic_load_n(&store->stats.commits, __ATOMIC_RELAXED);
    ret_stats->operations = __atomic_load_n(&store->stats.operations, __ATOMIC_RELAXED);
    ret_stats->retries = __atomic_load_n(&store->stats.retries, __ATOMIC_RELAXED);
}

static int read_version(struct store_tx *tx, void *arg, struct error *reterr)
{
    return migrate_version(tx, arg, reterr);
}

int store_schema_version(struct store *store, int *ret_version, struct error *reterr)
{
    return store_tx_read(store, read_version, ret_version, reterr);
}

int store_ping(struct store *store, struct error *reterr)
{
    int version = 0;
    return store_schema_version(store, &version, reterr);
}

struct setting {
    const char *name;
    char text[SETTING_BYTES];
};

static int read_setting(struct store_tx *tx, void *arg, struct error *reterr)
{
    struct setting *s = arg;
    return sql_text(tx, "SELECT value FROM settings WHERE name = $1", SQL_ARGS(SQL_TEXT(s->name)), s->text,
                    sizeof(s->text), reterr);
}

int store_setting_get(struct store *store, const char *name, char **ret_value, struct error *reterr)
{
    struct setting s = {.name = name};
    int rc = store_tx_read(store, read_setting, &s, reterr);
    if (rc != 0)
        return rc;
    char *copy = mem_strdup(s.text);
    if (copy == NULL)
        return err_set(reterr, ERR_NOMEM, "out of memory");
    *ret_value = copy;
    return 0;
}

int store_setting_set(struct store *store, const char *name, const char *value, struct error *reterr)
{
    int rc = sql_fits("the name of a setting", name, STORE_NAME_SIZE, reterr);
    if (rc == 0)
        rc = sql_fits("a setting", value, SETTING_BYTES, reterr);
    return rc != 0 ? rc
                   : sql_store_exec(store, 0,
                                    "INSERT INTO settings (name, value) VALUES ($1, $2) "
                                    "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                                    SQL_ARGS(SQL_TEXT(name), SQL_TEXT(value)), NULL, reterr);
}
