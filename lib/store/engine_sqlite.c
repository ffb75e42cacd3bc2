/* SQLite: one file, many readers and one writer, over any number of processes on one machine.
 *
 * WAL with synchronous=FULL: what was committed survives a power cut. A lock held by another process is waited for with
 * short random sleeps until the busy deadline; SQLite's own schedule of up to 100 ms a sleep starves one of two busy
 * writers (docs/decisions/0020). */
#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/base/text.h"
#include "lib/store/dialect.h"
#include "lib/store/stmt_cache.h"
#include "lib/store/store_ops.h"

#include <sqlite3.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define URI_PREFIX "sqlite:"

struct sqlite_stmt {
    sqlite3_stmt *handle;
    int index[STORE_ARGS_MAX]; /* SQLite's number of $1, $2 … ; 0 = it does not occur */
};

struct sqlite_conn {
    struct store_conn base;
    sqlite3 *db;
    struct stmt_cache cache;
    int64_t busy_ms;
    int64_t busy_until; /* monotonic; set when a wait begins */
};

static const struct dialect_word words[] = {
    {"lock", ""},     {"skip", ""}, {"share", ""}, {"serial", "INTEGER PRIMARY KEY AUTOINCREMENT"},
    {"text", "TEXT"}, {NULL, NULL},
};

static struct sqlite_conn *of(struct store_conn *conn)
{
    return CONTAINER_OF(conn, struct sqlite_conn, base);
}

static int code_of(int lib_code)
{
    switch (lib_code & 0xff) {
    case SQLITE_CONSTRAINT:
        return lib_code == SQLITE_CONSTRAINT_UNIQUE || lib_code == SQLITE_CONSTRAINT_PRIMARYKEY ? ERR_EXISTS
                                                                                                : ERR_STORE;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return ERR_STORE_DOWN;
    case SQLITE_FULL:
        return ERR_NO_SPACE;
    case SQLITE_NOMEM:
        return ERR_NOMEM;
    default:
        return ERR_STORE;
    }
}

static int fail(struct sqlite_conn *c, struct error *reterr, const char *what)
{
    int lib_code = sqlite3_extended_errcode(c->db);
    int code = code_of(lib_code);
    if (code == ERR_STORE_DOWN)
        return err_set_lib(reterr, code, lib_code, "%s: the database stayed locked by another process for %lld ms",
                           what, (long long)c->busy_ms);
    return err_set_lib(reterr, code, lib_code, "%s: %s", what, sqlite3_errmsg(c->db));
}

/* Between 0.2 and 1 ms, so that two who wait do not wake in step. */
static void nap(void)
{
    unsigned jitter;
    sqlite3_randomness(sizeof(jitter), &jitter);
    usleep(200 + jitter % 800);
}

static int on_busy(void *arg, int tries)
{
    struct sqlite_conn *c = arg;
    int64_t now = clock_mono_ns() / 1000000;
    if (tries == 0)
        c->busy_until = now + c->busy_ms;
    if (now >= c->busy_until)
        return 0;
    nap();
    return 1;
}

static void drop_stmt(void *stmt, void *arg)
{
    (void)arg;
    struct sqlite_stmt *s = stmt;
    sqlite3_finalize(s->handle);
    free(s);
}

static int prepare(struct sqlite_conn *c, const char *sql, struct sqlite_stmt **ret_stmt, struct error *reterr)
{
    struct sqlite_stmt *known = stmt_cache_find(&c->cache, sql);
    if (known != NULL) {
        *ret_stmt = known;
        return 0;
    }
    char *text CLEANUP_FREE = NULL;
    int rc = dialect_expand(words, sql, &text, reterr);
    if (rc != 0)
        return rc;
    struct sqlite_stmt *s = MEM_NEW(struct sqlite_stmt);
    if (s == NULL)
        return err_set(reterr, ERR_NOMEM, "out of memory");
    if (sqlite3_prepare_v3(c->db, text, -1, SQLITE_PREPARE_PERSISTENT, &s->handle, NULL) != SQLITE_OK) {
        free(s);
        return fail(c, reterr, "preparing a statement");
    }
    for (int i = 0; i < STORE_ARGS_MAX; i++) {
        char name[8];
        snprintf(name, sizeof(name), "$%d", i + 1);
        s->index[i] = sqlite3_bind_parameter_index(s->handle, name);
    }
    if (stmt_cache_add(&c->cache, sql, s) != 0)
        return err_set(reterr, ERR_NOMEM, "out of memory");
    *ret_stmt = s;
    return 0;
}

static int bind(struct sqlite_conn *c, struct sqlite_stmt *s, const struct store_arg *args, size_t count,
                struct error *reterr)
{
    for (size_t i = 0; i < count; i++) {
        int rc = SQLITE_OK;
        if (s->index[i] == 0)
            continue;
        if (!args[i].is_text)
            rc = sqlite3_bind_int64(s->handle, s->index[i], args[i].number);
        else if (args[i].text == NULL)
            rc = sqlite3_bind_null(s->handle, s->index[i]);
        else
            rc = sqlite3_bind_text(s->handle, s->index[i], args[i].text, -1, SQLITE_STATIC);
        if (rc != SQLITE_OK)
            return fail(c, reterr, "binding a parameter");
    }
    return 0;
}

static int64_t row_number(const struct store_row *row, int column)
{
    return sqlite3_column_int64(row->result, column);
}

static const char *row_text(const struct store_row *row, int column)
{
    const char *text = (const char *)sqlite3_column_text(row->result, column);
    return text != NULL ? text : "";
}

static int step_all(struct sqlite_conn *c, struct sqlite_stmt *s, store_row_fn *row, void *arg, struct error *reterr)
{
    struct store_row r = {.result = s->handle, .number = row_number, .text = row_text};
    for (;;) {
        int lib_code = sqlite3_step(s->handle);
        if (lib_code == SQLITE_DONE)
            return 0;
        if (lib_code != SQLITE_ROW)
            return fail(c, reterr, "a statement failed");
        int rc = row != NULL ? row(&r, arg, reterr) : 0;
        if (rc < 0)
            return rc;
        r.index++;
    }
}

static int sqlite_query(struct store_conn *conn, const char *sql, const struct store_arg *args, size_t count,
                        store_row_fn *row, void *arg, int64_t *ret_changes, struct error *reterr)
{
    struct sqlite_conn *c = of(conn);
    struct sqlite_stmt *s = NULL;
    if (count > STORE_ARGS_MAX)
        return err_set(reterr, ERR_INTERNAL, "too many parameters");
    int rc = prepare(c, sql, &s, reterr);
    if (rc != 0 || s == NULL)
        return rc;
    rc = bind(c, s, args, count, reterr);
    if (rc == 0)
        rc = step_all(c, s, row, arg, reterr);
    if (rc == 0 && ret_changes != NULL)
        *ret_changes = sqlite3_changes64(c->db);
    sqlite3_reset(s->handle);
    sqlite3_clear_bindings(s->handle);
    return rc;
}

static int sqlite_script(struct store_conn *conn, const char *sql, struct error *reterr)
{
    struct sqlite_conn *c = of(conn);
    char *text CLEANUP_FREE = NULL;
    int rc = dialect_expand(words, sql, &text, reterr);
    if (rc == 0 && sqlite3_exec(c->db, text, NULL, NULL, NULL) != SQLITE_OK)
        rc = fail(c, reterr, "a script failed");
    return rc;
}

static int run_plain(struct store_conn *conn, const char *sql, struct error *reterr)
{
    return sqlite_query(conn, sql, NULL, 0, NULL, NULL, NULL, reterr);
}

static int sqlite_begin(struct store_conn *conn, struct error *reterr)
{
    return run_plain(conn, "BEGIN IMMEDIATE", reterr);
}

static int sqlite_commit(struct store_conn *conn, struct error *reterr)
{
    return run_plain(conn, "COMMIT", reterr);
}

static bool sqlite_in_transaction(struct store_conn *conn)
{
    return sqlite3_get_autocommit(of(conn)->db) == 0;
}

static void sqlite_rollback(struct store_conn *conn)
{
    if (sqlite_in_transaction(conn))
        (void)run_plain(conn, "ROLLBACK", NULL);
}

static int sqlite_save(struct store_conn *conn, struct error *reterr)
{
    return run_plain(conn, "SAVEPOINT one", reterr);
}

static int sqlite_save_keep(struct store_conn *conn, struct error *reterr)
{
    return run_plain(conn, "RELEASE one", reterr);
}

static int sqlite_save_undo(struct store_conn *conn, struct error *reterr)
{
    int rc = run_plain(conn, "ROLLBACK TO one", reterr);
    return rc != 0 ? rc : run_plain(conn, "RELEASE one", reterr);
}

/* BEGIN IMMEDIATE holds off every other writer already. */
static int sqlite_lock_schema(struct store_conn *conn, struct error *reterr)
{
    (void)conn;
    (void)reterr;
    return 0;
}

static void sqlite_close(struct store_conn *conn)
{
    if (conn == NULL)
        return;
    struct sqlite_conn *c = of(conn);
    stmt_cache_done(&c->cache);
    sqlite3_close(c->db);
    free(c);
}

/* The file holds tokens' hashes and people's names: nobody else may read it. */
static int create_private(const char *path, struct error *reterr)
{
    int fd CLEANUP_CLOSE = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set_errno(reterr, ERR_STORE, errno, "the database file %s cannot be opened for writing", path);
    return 0;
}

/* The change to WAL does not wait when two programs meet a fresh file (SQLite fears a deadlock), so it is tried again.
 */
static int set_up(struct sqlite_conn *c, const char *pragmas, const char *path, struct error *reterr)
{
    int64_t until = clock_mono_ns() / 1000000 + c->busy_ms;
    int lib_code;
    while (((lib_code = sqlite3_exec(c->db, pragmas, NULL, NULL, NULL)) & 0xff) == SQLITE_BUSY) {
        if (clock_mono_ns() / 1000000 >= until)
            break;
        nap();
    }
    return lib_code == SQLITE_OK ? 0 : fail(c, reterr, path);
}

static int open_file(struct sqlite_conn *c, const char *path, enum store_access access, struct error *reterr)
{
    if (access == STORE_WRITE) {
        int rc = create_private(path, reterr);
        if (rc != 0)
            return rc;
    }
    if (sqlite3_open_v2(path, &c->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
        int rc =
            err_set(reterr, ERR_STORE, "opening %s: %s", path, c->db != NULL ? sqlite3_errmsg(c->db) : "out of memory");
        return rc;
    }
    sqlite3_extended_result_codes(c->db, 1);
    sqlite3_busy_handler(c->db, on_busy, c);
    const char *setup = access == STORE_WRITE
                            ? "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA temp_store=MEMORY; "
                              "PRAGMA cache_size=-16384"
                            : "PRAGMA query_only=ON; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-2048";
    return set_up(c, setup, path, reterr);
}

static int sqlite_connect(const char *uri, enum store_access access, uint32_t busy_ms, struct store_conn **ret_conn,
                          struct error *reterr)
{
    if (strncmp(uri, URI_PREFIX, strlen(URI_PREFIX)) != 0 || uri[strlen(URI_PREFIX)] != '/')
        return err_set(reterr, ERR_CONFIG, "a store URI for SQLite is sqlite:/path/file");
    struct sqlite_conn *c = MEM_NEW(struct sqlite_conn);
    if (c == NULL)
        return err_set(reterr, ERR_NOMEM, "out of memory");
    c->base.ops = &engine_sqlite_ops;
    c->busy_ms = busy_ms;
    stmt_cache_init(&c->cache, drop_stmt, NULL);
    int rc = open_file(c, uri + strlen(URI_PREFIX), access, reterr);
    if (rc != 0) {
        sqlite_close(&c->base);
        return rc;
    }
    *ret_conn = &c->base;
    return 0;
}

const struct store_ops engine_sqlite_ops = {
    .name = "sqlite",
    .single_writer = true,
    .connect = sqlite_connect,
    .close = sqlite_close,
    .begin = sqlite_begin,
    .commit = sqlite_commit,
    .rollback = sqlite_rollback,
    .in_transaction = sqlite_in_transaction,
    .save = sqlite_save,
    .save_keep = sqlite_save_keep,
    .save_undo = sqlite_save_undo,
    .query = sqlite_query,
    .script = sqlite_script,
    .lock_schema = sqlite_lock_schema,
};
