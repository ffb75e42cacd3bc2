#include "lib/store/store_connection.h"

#include "lib/store/disconnect.h"
#include "lib/store/sql.h"
#include "lib/store/tables.h"

int store_connection_get(struct store *store, const char *id, struct store_connection *ret_connection,
                         struct error *reterr)
{
    return sql_store_get(store, &tables_connection, "WHERE id = $1", SQL_ARGS(SQL_TEXT(id)), ret_connection, reterr);
}

int store_connection_list(struct store *store, const struct store_connection_filter *filter,
                          const struct store_page *page, struct store_connection **ret_rows, size_t *ret_count,
                          struct error *reterr)
{
    struct sql_where where;
    sql_where_init(&where);
    if (filter != NULL) {
        if (filter->session != NULL)
            sql_where_add(&where, "session = ?", SQL_TEXT(filter->session));
        if (filter->gateway != NULL)
            sql_where_add(&where, "gateway = ?", SQL_TEXT(filter->gateway));
        if (filter->open_only)
            sql_where_text(&where, "AND state = 'open'");
    }
    if (page != NULL && page->after != NULL)
        sql_where_add(&where, "id > ?", SQL_TEXT(page->after));
    sql_where_page(&where, "id", page);
    return sql_store_list(store, &tables_connection, where.text, where.args, where.count, ret_rows, ret_count, reterr);
}

struct end {
    const struct store_connection_close *close;
    struct store_connection_closed closed;
};

static int end(struct store_tx *tx, void *arg, struct error *reterr)
{
    struct end *e = arg;
    return disconnect_connection(tx, e->close, &e->closed, reterr);
}

int store_connection_close(struct store *store, const struct store_connection_close *close,
                           struct store_connection_closed *ret_closed, struct error *reterr)
{
    struct end e = {.close = close};
    int rc = sql_fits("the reason", close->reason, STORE_TEXT_SIZE, reterr);
    if (rc == 0)
        rc = store_tx_write(store, end, &e, reterr);
    if (rc == 0)
        *ret_closed = e.closed;
    return rc;
}
