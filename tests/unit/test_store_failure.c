/* lib/store when things go wrong: commits that fail, full disks, locks, a server that is away. */
#include "lib/model/pool.h"
#include "lib/store/sql.h"
#include "lib/store/store_ops.h"
#include "lib/store/store_tx.h"
#include "tests/store/pg_server.h"
#include "tests/store/rows.h"

#include <pthread.h>
#include <sched.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* An engine whose k-th commit fails, after it was counted. On PostgreSQL several threads come here at once. */
static struct {
    const struct store_ops *real;
    _Atomic int commits;
    _Atomic int fail_at;    /* this commit fails; 0 = none */
    _Atomic int fail_above; /* commits of transactions with more savepoints than this fail; 0 = none */
    _Atomic int saves;
    _Atomic int delay_us;
} fault;

static int faulty_begin(struct store_conn *conn, struct error *reterr)
{
    fault.saves = 0;
    return fault.real->begin(conn, reterr);
}

static int faulty_save(struct store_conn *conn, struct error *reterr)
{
    fault.saves++;
    return fault.real->save(conn, reterr);
}

static int faulty_commit(struct store_conn *conn, struct error *reterr)
{
    int number = ++fault.commits;
    usleep((useconds_t)fault.delay_us);
    if (number == fault.fail_at || (fault.fail_above > 0 && fault.saves > fault.fail_above))
        return err_set(reterr, ERR_STORE, "injected");
    return fault.real->commit(conn, reterr);
}

static struct store *open_faulty(struct fixture *f)
{
    static struct store_ops ops;
    struct store *store = NULL;
    fault.commits = fault.fail_at = fault.fail_above = fault.saves = fault.delay_us = 0;
    fault.real = f->pg ? &engine_pg_ops : &engine_sqlite_ops;
    ops = *fault.real;
    ops.begin = faulty_begin;
    ops.save = faulty_save;
    ops.commit = faulty_commit;
    const struct store_options options = {.uri = f->uri, .ops = &ops};
    assert_ok(store_open(&options, &store, ERR));
    fault.commits = 0;
    return store;
}

/* A life in write transactions; stops at the first error. */
static int live(struct store *store, const char *person, struct error *reterr)
{
    const struct store_session_want want = {"office", person, person, ROWS_NOW};
    struct store_session s;
    struct store_ticket_grant grant;
    enum store_ticket_refusal why;
    struct store_session_end end;
    uint32_t place;
    char hash[ID_HASH_SIZE];
    int rc = store_session_open(store, &want, &s, &place, NULL, reterr);
    if (rc != 0)
        return rc;
    id_hash(s.id, strlen(s.id), hash);
    const struct store_ticket_mint mint = {hash, s.id, "rdp", NULL, ROWS_NOW, 0};
    const struct store_ticket_use use = {hash, "rdp", "192.0.2.1", "g", "i", "w", ROWS_NOW};
    rc = store_ticket_mint(store, &mint, reterr);
    if (rc == 0)
        rc = store_ticket_redeem(store, &use, &grant, &why, reterr);
    if (rc == 0)
        rc = store_session_end(store, 0, s.id, SESSION_END_LOGOFF, 0, ROWS_NOW, &end, reterr);
    return rc;
}

static void a_commit_that_fails_leaves_nothing_and_may_be_repeated(void **state)
{
    struct fixture *f = *state;
    struct store_desktop d;
    int commits = 0, tried = 0;
    rows_pool(f->store, "office", POOL_KIND_FLOATING);
    for (int i = 0; i < 8; i++)
        rows_ready(f->store, "office", &d);
    struct store *store = open_faulty(f);
    assert_ok(live(store, "alice", ERR));
    commits = fault.commits;
    assert_int_equal(commits, 4);
    for (int k = 1; k <= commits; k++, tried++) {
        struct store_pool_counts before, after;
        struct error e = {0};
        char person[16];
        snprintf(person, sizeof(person), "p%d", k);
        assert_ok(store_pool_counts(store, "office", &before, ERR));
        fault.commits = 0;
        fault.fail_at = k;
        assert_int_equal(live(store, person, &e), ERR_STORE);
        assert_string_equal(e.text, "injected");
        fault.fail_at = 0;
        assert_ok(store_pool_counts(store, "office", &after, ERR));
        assert_int_equal(after.sessions - before.sessions, k > 1);
        assert_int_equal(after.taken - before.taken, k > 1);
        const struct store_session_want want = {"office", person, person, ROWS_NOW};
        struct store_session s;
        struct store_session_end end;
        uint32_t place;
        assert_ok(store_session_open(store, &want, &s, &place, NULL, ERR));
        assert_int_equal(place, 0);
        assert_ok(store_session_end(store, 0, s.id, SESSION_END_LOGOFF, 0, ROWS_NOW, &end, ERR));
    }
    assert_int_equal(tried, commits);
    store_close(store);
}

/* Writes a setting, and fails afterwards if it is an odd one. */
struct job {
    struct store *store;
    int number;
    int rc;
};

static int write_then_maybe_fail(struct store_tx *tx, void *arg, struct error *reterr)
{
    const struct job *job = arg;
    char name[16];
    snprintf(name, sizeof(name), "n%d", job->number);
    int rc =
        sql_exec(tx, "INSERT INTO settings (name, value) VALUES ($1, 'x')", SQL_ARGS(SQL_TEXT(name)), NULL, reterr);
    if (rc == 0 && job->number % 2 == 1)
        rc = err_set(reterr, ERR_CONFLICT, "number %d", job->number);
    return rc;
}

static void *do_job(void *arg)
{
    struct job *job = arg;
    struct error e = {0};
    char expected[32];
    snprintf(expected, sizeof(expected), "number %d", job->number);
    job->rc = store_tx_write(job->store, write_then_maybe_fail, job, &e);
    if (job->rc == ERR_CONFLICT && strcmp(e.text, expected) != 0)
        job->rc = ERR_INTERNAL;
    return NULL;
}

#define JOBS 40
static void run_jobs(struct store *store)
{
    static struct job jobs[JOBS];
    pthread_t threads[JOBS];
    for (int i = 0; i < JOBS; i++) {
        jobs[i] = (struct job){store, i, 1};
        assert_int_equal(pthread_create(&threads[i], NULL, do_job, &jobs[i]), 0);
    }
    for (int i = 0; i < JOBS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(jobs[i].rc, i % 2 == 1 ? ERR_CONFLICT : 0);
    }
    for (int i = 0; i < JOBS; i++) {
        char name[16], *value = NULL;
        snprintf(name, sizeof(name), "n%d", i);
        assert_int_equal(store_setting_get(store, name, &value, NULL), i % 2 == 1 ? ERR_NOT_FOUND : 0);
        free(value);
    }
}

static void an_operation_that_fails_takes_no_other_of_its_group_with_it(void **state)
{
    struct fixture *f = *state;
    struct store *store = open_faulty(f);
    struct store_stats stats;
    fault.delay_us = 20000;
    run_jobs(store);
    store_stats(store, &stats);
    if (!f->pg)
        assert_true(stats.commits < JOBS / 2);
    store_close(store);
}

static void a_group_that_cannot_be_committed_is_done_one_by_one(void **state)
{
    struct fixture *f = *state;
    struct store *store = open_faulty(f);
    fault.delay_us = 5000;
    fault.fail_above = 1;
    run_jobs(store);
    store_close(store);
}

static void a_lock_that_stays_is_reported_in_words(void **state)
{
    struct fixture *f = *state;
    struct store *store = NULL;
    struct error e = {0};
    sqlite3 *other = NULL;
    const struct store_options options = {.uri = f->uri, .busy_ms = 100};
    assert_ok(store_open(&options, &store, ERR));
    assert_int_equal(sqlite3_open(f->uri + strlen("sqlite:"), &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(store_setting_set(store, "a", "b", &e), ERR_STORE_DOWN);
    assert_non_null(strstr(e.text, "locked by another process"));
    assert_int_equal(store_setting_get(store, "a", &(char *){NULL}, NULL), ERR_NOT_FOUND);
    assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    assert_ok(store_setting_set(store, "a", "b", ERR));
    sqlite3_close(other);
    store_close(store);
}

static void the_file_is_for_its_owner_alone(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    assert_int_equal(stat(f->uri + strlen("sqlite:"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static int try_open(const char *uri, struct error *reterr)
{
    struct store *store = NULL;
    const struct store_options options = {.uri = uri, .migrate = true, .busy_ms = 500};
    int rc = store_open(&options, &store, reterr);
    store_close(store);
    return rc;
}

static void places_that_hold_no_store_are_named(void **state)
{
    struct fixture *f = *state;
    struct error e = {0};
    char uri[300];
    assert_int_equal(try_open("mysql://x", &e), ERR_CONFIG);
    assert_int_equal(try_open("sqlite:relative.db", &e), ERR_CONFIG);
    snprintf(uri, sizeof(uri), "sqlite:%s/nowhere/store.db", f->folder);
    assert_int_equal(try_open(uri, &e), ERR_STORE);
    assert_non_null(strstr(e.text, "No such file"));
    snprintf(uri, sizeof(uri), "sqlite:%s/text", f->folder);
    FILE *file = fopen(uri + strlen("sqlite:"), "w");
    assert_non_null(file);
    for (int i = 0; i < 1000; i++)
        fputs("this is no database\n", file);
    fclose(file);
    assert_int_equal(try_open(uri, &e), ERR_STORE);
    assert_non_null(strstr(e.text, "not a database"));
}

/* As a user who may not write; root may everywhere. Exit status 0 = refused with a sentence. */
static void open_as_stranger(const char *uri)
{
    struct error e = {0};
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
        _exit(2);
    int rc = try_open(uri, &e);
    _exit(rc == ERR_DENIED && strstr(e.text, "cannot be opened for writing") != NULL ? 0 : 1);
}

static void a_file_that_may_not_be_written_is_named(void **state)
{
    struct fixture *f = *state;
    int status = -1;
    assert_int_equal(chmod(f->folder, 0755), 0);
    assert_int_equal(chmod(f->uri + strlen("sqlite:"), 0400), 0);
    pid_t pid = fork();
    if (pid == 0)
        open_as_stranger(f->uri);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* On a disk of 1 MiB. Exit status 0 = the store said so, and still reads; 3 = such a disk cannot be made here. */
static void fill_disk(struct fixture *f)
{
    char disk[160], uri[300], name[16], value[4000];
    struct error e = {0};
    struct store *store = NULL;
    int rc = 0;
    snprintf(disk, sizeof(disk), "%s/disk", f->folder);
    if (mkdir(disk, 0700) != 0 || unshare(geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWNS | CLONE_NEWUSER) != 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 || mount("none", disk, "tmpfs", 0, "size=1m") != 0)
        _exit(3);
    snprintf(uri, sizeof(uri), "sqlite:%s/store.db", disk);
    const struct store_options options = {.uri = uri, .migrate = true, .busy_ms = 500};
    if (store_open(&options, &store, &e) != 0)
        _exit(4);
    memset(value, 'x', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    int written = 0;
    for (; written < 1000 && rc == 0; written++) {
        snprintf(name, sizeof(name), "n%d", written);
        rc = store_setting_set(store, name, value, &e);
    }
    char *got = NULL;
    bool reads = store_setting_get(store, "n0", &got, NULL) == 0 && strcmp(got, value) == 0;
    bool absent = store_setting_get(store, name, &got, NULL) == ERR_NOT_FOUND;
    _exit(rc == ERR_NO_SPACE && strstr(e.text, "full") != NULL && reads && absent && written > 10 ? 0 : 1);
}

static void a_full_disk_is_said_and_loses_nothing(void **state)
{
    struct fixture *f = *state;
    int status = -1;
    store_close(f->store);
    f->store = NULL;
    pid_t pid = fork();
    if (pid == 0)
        fill_disk(f);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void a_server_that_is_away_is_said_and_found_again(void **state)
{
    struct fixture *f = *state;
    struct error e = {0};
    assert_ok(store_setting_set(f->store, "a", "1", ERR));
    pg_server_restart();
    assert_ok(store_setting_set(f->store, "a", "2", ERR));
    pg_server_halt();
    assert_int_equal(store_setting_set(f->store, "a", "3", &e), ERR_STORE_DOWN);
    assert_int_equal(store_ping(f->store, &e), ERR_STORE_DOWN);
    assert_non_null(strstr(e.text, "cannot be reached"));
    assert_int_equal(try_open(f->uri, &e), ERR_STORE_DOWN);
    pg_server_restart();
    char *value = NULL;
    assert_ok(store_setting_get(f->store, "a", &value, ERR));
    assert_string_equal(value, "2");
    free(value);
}

static int hold(struct store_tx *tx, void *arg, struct error *reterr)
{
    struct store *store = tx->store;
    struct error *e = arg;
    char *value = NULL;
    int rc = store_setting_get(store, "a", &value, e);
    free(value);
    return rc == ERR_STORE_DOWN ? 0 : err_set(reterr, ERR_INTERNAL, "a second connection was opened");
}

/* From inside an operation, where no other call may be made otherwise. */
static void connections_are_bounded(void **state)
{
    struct fixture *f = *state;
    struct store *store = NULL;
    struct error e = {0};
    const struct store_options options = {.uri = f->uri, .connections = 1, .busy_ms = 50};
    assert_ok(store_open(&options, &store, ERR));
    assert_ok(store_tx_read(store, hold, &e, ERR));
    assert_non_null(strstr(e.text, "all 1 connections"));
    assert_ok(store_ping(store, ERR));
    store_close(store);
}

/* Takes two rows in opposite orders, so that the server has to break the tie. */
struct crossing {
    struct store *store;
    const char *first, *second;
    pthread_barrier_t *met;
    bool waited;
    int rc;
};

static int take_both(struct store_tx *tx, void *arg, struct error *reterr)
{
    struct crossing *c = arg;
    const char *sql = "UPDATE settings SET value = value || 'x' WHERE name = $1";
    int rc = sql_exec(tx, sql, SQL_ARGS(SQL_TEXT(c->first)), NULL, reterr);
    if (!c->waited) {
        c->waited = true;
        pthread_barrier_wait(c->met);
    }
    return rc != 0 ? rc : sql_exec(tx, sql, SQL_ARGS(SQL_TEXT(c->second)), NULL, reterr);
}

static void *cross(void *arg)
{
    struct crossing *c = arg;
    c->rc = store_tx_write(c->store, take_both, c, NULL);
    return NULL;
}

static void a_deadlock_is_resolved_by_doing_it_again(void **state)
{
    struct fixture *f = *state;
    pthread_barrier_t met;
    pthread_t threads[2];
    struct store_stats stats;
    struct crossing c[2] = {{f->store, "a", "b", &met, false, 1}, {f->store, "b", "a", &met, false, 1}};
    assert_ok(store_setting_set(f->store, "a", "", ERR));
    assert_ok(store_setting_set(f->store, "b", "", ERR));
    pthread_barrier_init(&met, NULL, 2);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, cross, &c[i]), 0);
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(c[i].rc, 0);
    }
    pthread_barrier_destroy(&met);
    char *value = NULL;
    assert_ok(store_setting_get(f->store, "a", &value, ERR));
    assert_string_equal(value, "xx");
    free(value);
    store_stats(f->store, &stats);
    assert_true(stats.retries >= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_BOTH(a_commit_that_fails_leaves_nothing_and_may_be_repeated),
        FIXTURE_BOTH(an_operation_that_fails_takes_no_other_of_its_group_with_it),
        FIXTURE_BOTH(connections_are_bounded),
        FIXTURE_SQLITE(a_group_that_cannot_be_committed_is_done_one_by_one),
        FIXTURE_SQLITE(a_lock_that_stays_is_reported_in_words),
        FIXTURE_SQLITE(the_file_is_for_its_owner_alone),
        FIXTURE_SQLITE(places_that_hold_no_store_are_named),
        FIXTURE_SQLITE(a_file_that_may_not_be_written_is_named),
        FIXTURE_SQLITE(a_full_disk_is_said_and_loses_nothing),
        FIXTURE_PG(a_server_that_is_away_is_said_and_found_again),
        FIXTURE_PG(a_deadlock_is_resolved_by_doing_it_again),
    };
    return cmocka_run_group_tests_name("store_failure", tests, fixture_start, fixture_stop);
}
