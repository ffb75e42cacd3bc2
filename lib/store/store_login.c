#include "lib/store/store_login.h"

#include "lib/store/sql.h"

#define LOGIN struct store_login
static const struct sql_column columns[] = {
    SQL_COLUMN(TEXT, LOGIN, hash),      SQL_COLUMN(TEXT, LOGIN, username),
    SQL_COLUMN(TEXT, LOGIN, display),   SQL_COLUMN(TEXT, LOGIN, dn),
    SQL_COLUMN(TEXT, LOGIN, roles),     SQL_COLUMN_AS(OWNED, LOGIN, groups, "member_of"),
    SQL_COLUMN(TEXT, LOGIN, address),   SQL_COLUMN(INT, LOGIN, created_at),
    SQL_COLUMN(INT, LOGIN, seen_at),    SQL_COLUMN(INT, LOGIN, idle_ms),
    SQL_COLUMN(INT, LOGIN, expires_at),
};
static const struct sql_table table = SQL_TABLE("logins", columns, LOGIN, NULL);

#define OVER "(expires_at <= $1 OR (idle_ms > 0 AND seen_at + idle_ms <= $1))"

void store_login_done(struct store_login *login)
{
    free(login->groups);
    login->groups = NULL;
}

struct add {
    const struct store_login *login;
};

static int add(struct store_tx *tx, void *arg, struct error *reterr)
{
    const struct add *a = arg;
    int rc = sql_insert(tx, &table, a->login, reterr);
    return rc == ERR_EXISTS ? err_set(reterr, rc, "that login is there already") : rc;
}

int store_login_add(struct store *store, const struct store_login *login, struct error *reterr)
{
    struct add a = {login};
    int rc = sql_fits("the list of groups", login->groups, STORE_LOGIN_GROUPS_MAX, reterr);
    return rc != 0 ? rc : store_tx_write(store, add, &a, reterr);
}

static bool is_over(const struct store_login *login, int64_t now_ms)
{
    return login->expires_at <= now_ms || (login->idle_ms > 0 && login->seen_at + login->idle_ms <= now_ms);
}

int store_login_get(struct store *store, const char *hash, int64_t now_ms, struct store_login *ret_login,
                    struct error *reterr)
{
    struct store_login login CLEANUP(store_login_done) = {.groups = NULL};
    int rc = sql_store_get(store, &table, "WHERE hash = $1", SQL_ARGS(SQL_TEXT(hash)), &login, reterr);
    if (rc == 0 && is_over(&login, now_ms))
        rc = ERR_NOT_FOUND;
    if (rc == ERR_NOT_FOUND)
        return err_set(reterr, rc, "the login is over");
    if (rc == 0 && login.seen_at + STORE_LOGIN_TOUCH_MS <= now_ms) {
        rc = sql_store_exec(store, 0, "UPDATE logins SET seen_at = $2 WHERE hash = $1 AND seen_at < $2",
                            SQL_ARGS(SQL_TEXT(hash), SQL_INT(now_ms)), NULL, reterr);
        login.seen_at = now_ms;
    }
    if (rc != 0)
        return rc;
    *ret_login = login;
    login.groups = NULL;
    return 0;
}

int store_login_end(struct store *store, const char *hash, struct error *reterr)
{
    return sql_store_exec(store, 0, "DELETE FROM logins WHERE hash = $1", SQL_ARGS(SQL_TEXT(hash)), NULL, reterr);
}

int store_login_end_person(struct store *store, const char *username, size_t *ret_count, struct error *reterr)
{
    int64_t changes = 0;
    int rc = sql_store_exec(store, 0, "DELETE FROM logins WHERE username = $1", SQL_ARGS(SQL_TEXT(username)), &changes,
                            reterr);
    if (rc == 0 && ret_count != NULL)
        *ret_count = (size_t)changes;
    return rc;
}

int store_login_sweep(struct store *store, int64_t now_ms, unsigned limit, size_t *ret_count, struct error *reterr)
{
    int64_t changes = 0;
    int rc =
        sql_store_exec(store, 0, "DELETE FROM logins WHERE hash IN (SELECT hash FROM logins WHERE " OVER " LIMIT $2)",
                       SQL_ARGS(SQL_INT(now_ms), SQL_INT(limit)), &changes, reterr);
    if (rc == 0 && ret_count != NULL)
        *ret_count = (size_t)changes;
    return rc;
}
