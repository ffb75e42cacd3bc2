#include "tests/store/fixture.h"

#include "tests/store/pg_server.h"

#include <libpq-fe.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned databases;

int fixture_start(void **state)
{
    (void)state;
    pg_server_start();
    return 0;
}

int fixture_stop(void **state)
{
    (void)state;
    pg_server_stop();
    return 0;
}

struct store *fixture_open(const struct fixture *f)
{
    struct error e = {0};
    struct store *store = NULL;
    const struct store_options options = {.uri = f->uri, .migrate = true, .connections = 8, .busy_ms = 20000};
    if (store_open(&options, &store, &e) != 0)
        fail_msg("store_open: %s", err_message(&e));
    return store;
}

int fixture_sqlite(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    const char *tmp = getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp";
    assert_non_null(f);
    snprintf(f->folder, sizeof(f->folder), "%.80s/carrel-store-XXXXXX", tmp);
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->uri, sizeof(f->uri), "sqlite:%s/store.db", f->folder);
    f->store = fixture_open(f);
    *state = f;
    return 0;
}

static void admin(const char *sql)
{
    char conninfo[256];
    snprintf(conninfo, sizeof(conninfo), "host=%s user=postgres dbname=postgres", pg_server_folder());
    PGconn *pg = PQconnectdb(conninfo);
    PGresult *result = PQexec(pg, sql);
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(pg));
    PQclear(result);
    PQfinish(pg);
}

int fixture_pg(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    char sql[64];
    assert_non_null(f);
    f->pg = true;
    snprintf(sql, sizeof(sql), "CREATE DATABASE t%u", ++databases);
    admin(sql);
    snprintf(f->uri, sizeof(f->uri), "postgresql:///t%u?host=%s&user=postgres", databases, pg_server_folder());
    f->store = fixture_open(f);
    *state = f;
    return 0;
}

int fixture_done(void **state)
{
    struct fixture *f = *state;
    char command[192];
    store_close(f->store);
    if (!f->pg) {
        snprintf(command, sizeof(command), "rm -rf '%s'", f->folder);
        assert_int_equal(system(command), 0);
    }
    free(f);
    return 0;
}
