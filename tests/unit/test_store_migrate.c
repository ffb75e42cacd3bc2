/* lib/store: migrations, and the text layer below the entities. */
#include "lib/store/dialect.h"
#include "lib/store/migrate.h"
#include "lib/store/sql.h"
#include "lib/store/stmt_cache.h"
#include "tests/store/rows.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct script {
    const char *sql;
};

static int run_sql(struct store_tx *tx, void *arg, struct error *reterr)
{
    return sql_exec(tx, ((struct script *)arg)->sql, NULL, 0, NULL, reterr);
}

static void change(struct store *store, const char *sql)
{
    struct script s = {sql};
    assert_ok(store_tx_write(store, run_sql, &s, ERR));
}

static int open_again(const struct fixture *f, bool migrate, struct error *reterr)
{
    struct store *store = NULL;
    const struct store_options options = {.uri = f->uri, .migrate = migrate};
    int rc = store_open(&options, &store, reterr);
    store_close(store);
    return rc;
}

static void a_newer_schema_is_refused(void **state)
{
    struct fixture *f = *state;
    struct error e = {0};
    int version = 0;
    assert_ok(store_schema_version(f->store, &version, ERR));
    assert_int_equal(version, migrate_count);
    assert_int_equal(open_again(f, false, &e), 0);
    change(f->store, "INSERT INTO migrations (version, sha256) VALUES (99, 'x')");
    assert_int_equal(open_again(f, true, &e), ERR_SCHEMA);
    assert_non_null(strstr(e.text, "version 99"));
    assert_non_null(strstr(e.text, "newer release"));
}

static void a_migration_that_was_changed_is_noticed(void **state)
{
    struct fixture *f = *state;
    struct error e = {0};
    change(f->store, "UPDATE migrations SET sha256 = 'other' WHERE version = 1");
    assert_int_equal(open_again(f, true, &e), ERR_SCHEMA);
    assert_non_null(strstr(e.text, "another text"));
}

static void an_older_schema_needs_leave_to_be_migrated(void **state)
{
    struct fixture *f = *state;
    struct error e = {0};
    change(f->store, "DELETE FROM migrations");
    assert_int_equal(open_again(f, false, &e), ERR_SCHEMA);
    assert_non_null(strstr(e.text, "this program needs"));
}

static int migrate_with(struct fixture *f, const struct migration *list, size_t count, struct error *reterr)
{
    struct store_conn *conn = NULL;
    int rc = conn_pool_take(&f->store->conns, &conn, NULL, reterr);
    if (rc != 0)
        return rc;
    if (!f->pg) /* the pool's are readers */
        conn_pool_give(&f->store->conns, conn);
    if (!f->pg)
        rc = f->store->ops->connect(f->uri, STORE_WRITE, 1000, &conn, reterr);
    if (rc == 0)
        rc = migrate_run(f->store, conn, list, count, true, reterr);
    if (f->pg)
        conn_pool_give(&f->store->conns, conn);
    else
        f->store->ops->close(conn);
    return rc;
}

static void migrations_go_in_together_or_not_at_all(void **state)
{
    struct fixture *f = *state;
    struct error e = {0};
    struct migration bad[16];
    char failed[32];
    const int last = (int)migrate_count;
    assert_true(migrate_count + 2 <= ARRAY_LEN(bad));
    memcpy(bad, migrate_all, migrate_count * sizeof(bad[0]));
    bad[last] = (struct migration){last + 1, "CREATE TABLE extra (a BIGINT); CREATE TABLE more (b {text});"};
    bad[last + 1] = (struct migration){last + 2, "CREATE TABLE oops (a BIGINT, a BIGINT);"};
    assert_true(migrate_with(f, bad, migrate_count + 2, &e) < 0);
    snprintf(failed, sizeof(failed), "migration %d:", last + 2);
    assert_non_null(strstr(e.text, failed));
    assert_int_equal(open_again(f, false, &e), 0);
    assert_ok(migrate_with(f, bad, migrate_count + 1, ERR));
    change(f->store, "INSERT INTO more (b) VALUES ('x')");
    int version = 0;
    assert_ok(store_schema_version(f->store, &version, ERR));
    assert_int_equal(version, last + 1);
}

static void many_programs_start_on_an_empty_store_at_once(void **state)
{
    struct fixture *f = *state;
    pid_t pids[5];
    struct store_options options = {.uri = f->uri, .migrate = true, .busy_ms = 20000};
    /* An empty store: everything that the fixture made goes again. */
    if (f->pg) {
        change(f->store, "DROP SCHEMA public CASCADE");
        change(f->store, "CREATE SCHEMA public");
    }
    store_close(f->store);
    f->store = NULL;
    if (!f->pg)
        assert_int_equal(unlink(f->uri + strlen("sqlite:")), 0);
    for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
        pids[i] = fork();
        if (pids[i] != 0)
            continue;
        struct store *store = NULL;
        struct error e = {0};
        int rc = store_open(&options, &store, &e);
        if (rc != 0)
            fprintf(stderr, "%s\n", err_message(&e));
        store_close(store);
        _exit(rc == 0 ? 0 : 1);
    }
    for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
        int status = -1;
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    options.migrate = false;
    assert_ok(store_open(&options, &f->store, ERR));
}

static void words_in_braces_are_replaced(void **state)
{
    (void)state;
    const struct dialect_word words[] = {{"lock", "FOR UPDATE"}, {"none", ""}, {NULL, NULL}};
    struct error e = {0};
    char *sql = NULL;
    assert_ok(dialect_expand(words, "SELECT 1 {lock}{none}!", &sql, ERR));
    assert_string_equal(sql, "SELECT 1 FOR UPDATE!");
    free(sql);
    assert_int_equal(dialect_expand(words, "a {lick} b", &sql, &e), ERR_INTERNAL);
    assert_int_equal(dialect_expand(words, "a {lock", &sql, &e), ERR_INTERNAL);
}

static void count_drop(void *stmt, void *arg)
{
    (void)stmt;
    ++*(int *)arg;
}

static void statements_are_kept_by_their_text_within_a_bound(void **state)
{
    (void)state;
    struct stmt_cache cache;
    int dropped = 0, stmt;
    char sql[32];
    stmt_cache_init(&cache, count_drop, &dropped);
    for (int i = 0; i <= STMT_CACHE_MAX; i++) {
        snprintf(sql, sizeof(sql), "SELECT %d", i);
        assert_null(stmt_cache_find(&cache, sql));
        assert_int_equal(stmt_cache_add(&cache, sql, &stmt), 0);
        assert_ptr_equal(stmt_cache_find(&cache, sql), &stmt);
    }
    assert_int_equal(dropped, STMT_CACHE_MAX);
    assert_int_equal(cache.count, 1);
    stmt_cache_done(&cache);
    assert_int_equal(dropped, STMT_CACHE_MAX + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_BOTH(a_newer_schema_is_refused),
        FIXTURE_BOTH(a_migration_that_was_changed_is_noticed),
        FIXTURE_BOTH(an_older_schema_needs_leave_to_be_migrated),
        FIXTURE_BOTH(migrations_go_in_together_or_not_at_all),
        FIXTURE_BOTH(many_programs_start_on_an_empty_store_at_once),
        cmocka_unit_test(words_in_braces_are_replaced),
        cmocka_unit_test(statements_are_kept_by_their_text_within_a_bound),
    };
    return cmocka_run_group_tests_name("store_migrate", tests, fixture_start, fixture_stop);
}
