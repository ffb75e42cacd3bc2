#include "lib/store/store_gateway.h"

#include "lib/store/disconnect.h"
#include "lib/store/sql.h"

#include <string.h>

#define GATEWAY struct store_gateway
static const struct sql_column columns[] = {
    SQL_COLUMN(TEXT, GATEWAY, name),   SQL_COLUMN(TEXT, GATEWAY, instance),  SQL_COLUMN(TEXT, GATEWAY, address),
    SQL_COLUMN(INT, GATEWAY, seen_at), SQL_COLUMN(INT, GATEWAY, started_at),
};
static const struct sql_table table = SQL_TABLE("gateways", columns, GATEWAY, NULL);

/* More open connections than any gateway holds. */
#define OPEN_MAX 1000000

struct ids {
    char (*ids)[ID_SIZE];
    size_t count, cap;
};

static int add_id(struct ids *ids, const char *id)
{
    int rc = mem_grow(&ids->ids, &ids->cap, ids->count + 1, ID_SIZE, OPEN_MAX);
    if (rc == 0)
        strncpy(ids->ids[ids->count++], id, ID_SIZE - 1);
    return rc;
}

struct hello {
    const struct store_gateway_hello *hello;
    char (*live)[ID_SIZE]; /* sorted */
    bool *seen;            /* the store has it open; one per live id */
    struct ids lost;       /* open in the store, not live */
    struct ids closed;     /* sessions that became disconnected */
};

static int compare(const void *a, const void *b)
{
    return strncmp(a, b, ID_SIZE);
}

static int look_at(const struct store_row *row, void *arg, struct error *reterr)
{
    struct hello *h = arg;
    char id[ID_SIZE] = "";
    strncpy(id, row->text(row, 0), ID_SIZE - 1);
    char(*found)[ID_SIZE] =
        h->hello->live_count == 0 ? NULL : bsearch(id, h->live, h->hello->live_count, ID_SIZE, compare);
    if (found != NULL) {
        h->seen[found - h->live] = true;
        return 0;
    }
    bool settled = row->number(row, 1) + STORE_GATEWAY_SETTLE_MS <= h->hello->now_ms;
    if (!settled && strcmp(row->text(row, 2), h->hello->instance) == 0)
        return 0;
    return add_id(&h->lost, id) == 0 ? 0 : err_set(reterr, ERR_NOMEM, "out of memory");
}

static int write_gateway(struct store_tx *tx, const struct store_gateway_hello *hello, struct error *reterr)
{
    return sql_exec(tx,
                    "INSERT INTO gateways (name, instance, address, seen_at, started_at) VALUES ($1, $2, $3, $4, $4) "
                    "ON CONFLICT (name) DO UPDATE SET started_at = CASE WHEN gateways.instance = excluded.instance "
                    "THEN gateways.started_at ELSE excluded.started_at END, instance = excluded.instance, "
                    "address = excluded.address, seen_at = excluded.seen_at",
                    SQL_ARGS(SQL_TEXT(hello->name), SQL_TEXT(hello->instance),
                             SQL_TEXT(hello->address != NULL ? hello->address : ""), SQL_INT(hello->now_ms)),
                    NULL, reterr);
}

static int close_lost(struct store_tx *tx, struct hello *h, struct error *reterr)
{
    for (size_t i = 0; i < h->lost.count; i++) {
        struct store_connection_close close = {
            .id = h->lost.ids[i], .reason = "gateway lost it", .now_ms = h->hello->now_ms};
        struct store_connection_closed closed;
        int rc = disconnect_connection(tx, &close, &closed, reterr);
        if (rc == 0 && closed.disconnected && add_id(&h->closed, closed.session) != 0)
            rc = err_set(reterr, ERR_NOMEM, "out of memory");
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int hello(struct store_tx *tx, void *arg, struct error *reterr)
{
    struct hello *h = arg;
    h->lost.count = h->closed.count = 0;
    if (h->seen != NULL)
        memset(h->seen, 0, h->hello->live_count * sizeof(*h->seen));
    int rc = write_gateway(tx, h->hello, reterr);
    if (rc == 0)
        rc = sql_query(
            tx, "SELECT id, opened_at, instance FROM connections WHERE gateway = $1 AND state = 'open' ORDER BY id",
            SQL_ARGS(SQL_TEXT(h->hello->name)), look_at, h, reterr);
    return rc != 0 ? rc : close_lost(tx, h, reterr);
}

static int sort_live(struct hello *h, struct error *reterr)
{
    size_t n = h->hello->live_count;
    if (n == 0)
        return 0;
    h->live = mem_zalloc(n, ID_SIZE);
    h->seen = MEM_ARRAY(bool, n);
    if (h->live == NULL || h->seen == NULL)
        return err_set(reterr, ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < n; i++)
        strncpy(h->live[i], h->hello->live[i], ID_SIZE - 1);
    qsort(h->live, n, ID_SIZE, compare);
    return 0;
}

/* The live ids that the store does not have open, moved to the front of h->live. */
static size_t keep_unseen(struct hello *h)
{
    size_t kept = 0;
    for (size_t i = 0; i < h->hello->live_count; i++) {
        if (!h->seen[i])
            memmove(h->live[kept++], h->live[i], ID_SIZE);
    }
    return kept;
}

static void hello_done(struct hello *h)
{
    free(h->live);
    free(h->seen);
    free(h->lost.ids);
    free(h->closed.ids);
}

int store_gateway_hello(struct store *store, const struct store_gateway_hello *gateway_hello,
                        char (**ret_drop)[ID_SIZE], size_t *ret_drop_count, char (**ret_closed)[ID_SIZE],
                        size_t *ret_closed_count, struct error *reterr)
{
    struct hello h CLEANUP(hello_done) = {.hello = gateway_hello};
    int rc = sql_fits("the gateway's name", gateway_hello->name, STORE_NAME_SIZE, reterr);
    if (rc == 0)
        rc = sql_fits("the gateway's instance", gateway_hello->instance, STORE_NAME_SIZE, reterr);
    if (rc == 0)
        rc = sql_fits("the gateway's address", gateway_hello->address, STORE_ADDRESS_SIZE, reterr);
    if (rc == 0)
        rc = sort_live(&h, reterr);
    if (rc == 0)
        rc = store_tx_write(store, hello, &h, reterr);
    if (rc != 0)
        return rc;
    *ret_drop_count = keep_unseen(&h);
    *ret_drop = TAKE_PTR(h.live);
    *ret_closed_count = h.closed.count;
    *ret_closed = TAKE_PTR(h.closed.ids);
    return 0;
}

int store_gateway_seen(struct store *store, const char *name, int64_t now_ms, struct error *reterr)
{
    int64_t changes = 0;
    int rc = sql_store_exec(store, 0, "UPDATE gateways SET seen_at = $2 WHERE name = $1",
                            SQL_ARGS(SQL_TEXT(name), SQL_INT(now_ms)), &changes, reterr);
    return rc == 0 && changes == 0 ? err_set(reterr, ERR_NOT_FOUND, "gateway %s never said hello", name) : rc;
}

int store_gateway_get(struct store *store, const char *name, struct store_gateway *ret_gateway, struct error *reterr)
{
    return sql_store_get(store, &table, "WHERE name = $1", SQL_ARGS(SQL_TEXT(name)), ret_gateway, reterr);
}

int store_gateway_list(struct store *store, struct store_gateway **ret_rows, size_t *ret_count, struct error *reterr)
{
    return sql_store_list(store, &table, "ORDER BY name LIMIT $1", SQL_ARGS(SQL_INT(STORE_PAGE_MAX)), ret_rows,
                          ret_count, reterr);
}
