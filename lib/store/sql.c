#include "lib/store/sql.h"

#include "lib/base/buf.h"
#include "lib/base/text.h"
#include "lib/store/store_lease.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define SQL_TEXT_MAX 4096

static int check_args(const struct store_arg *args, size_t count, struct error *reterr)
{
    for (size_t i = 0; i < count; i++) {
        if (args[i].is_text && args[i].text != NULL && !text_is_utf8(args[i].text, strlen(args[i].text)))
            return err_set(reterr, ERR_INVALID, "a text for the store is not valid UTF-8");
    }
    return 0;
}

static int run(struct store_tx *tx, const char *sql, const struct store_arg *args, size_t count, store_row_fn *row,
               void *arg, int64_t *ret_changes, struct error *reterr)
{
    int rc = check_args(args, count, reterr);
    return rc != 0 ? rc : tx->store->ops->query(tx->conn, sql, args, count, row, arg, ret_changes, reterr);
}

int sql_exec(struct store_tx *tx, const char *sql, const struct store_arg *args, size_t count, int64_t *ret_changes,
             struct error *reterr)
{
    return run(tx, sql, args, count, NULL, NULL, ret_changes, reterr);
}

int sql_query(struct store_tx *tx, const char *sql, const struct store_arg *args, size_t count, store_row_fn *row,
              void *arg, struct error *reterr)
{
    return run(tx, sql, args, count, row, arg, NULL, reterr);
}

static int first_number(const struct store_row *row, void *arg, struct error *reterr)
{
    (void)reterr;
    int64_t **slot = arg;
    if (row->index == 0) {
        **slot = row->number(row, 0);
        *slot = NULL;
    }
    return 0;
}

int sql_number(struct store_tx *tx, const char *sql, const struct store_arg *args, size_t count, int64_t *ret_number,
               struct error *reterr)
{
    int64_t number = 0;
    int64_t *slot = &number;
    int rc = run(tx, sql, args, count, first_number, &slot, NULL, reterr);
    if (rc == 0 && slot != NULL)
        rc = err_set(reterr, ERR_NOT_FOUND, "no such object");
    if (rc == 0)
        *ret_number = number;
    return rc;
}

struct text_target {
    char *text;
    size_t size;
    bool found;
};

static int first_text(const struct store_row *row, void *arg, struct error *reterr)
{
    struct text_target *t = arg;
    if (row->index > 0)
        return 0;
    t->found = true;
    return text_copy(t->text, t->size, row->text(row, 0)) == 0
               ? 0
               : err_set(reterr, ERR_STORE, "a text in the store is longer than it may be");
}

int sql_text(struct store_tx *tx, const char *sql, const struct store_arg *args, size_t count, char *ret_text,
             size_t size, struct error *reterr)
{
    struct text_target target = {ret_text, size, false};
    int rc = run(tx, sql, args, count, first_text, &target, NULL, reterr);
    return rc == 0 && !target.found ? err_set(reterr, ERR_NOT_FOUND, "no such object") : rc;
}

static int read_column(const struct sql_table *table, const struct sql_column *column, const struct store_row *row,
                       int index, char *base, struct error *reterr)
{
    void *field = base + column->offset;
    switch (column->kind) {
    case SQL_KIND_TEXT:
        if (text_copy(field, column->size, row->text(row, index)) != 0)
            return err_set(reterr, ERR_STORE, "%s.%s in the store is longer than it may be", table->name, column->name);
        return 0;
    case SQL_KIND_OWNED:
        *(char **)field = mem_strdup(row->text(row, index));
        return *(char **)field != NULL ? 0 : err_set(reterr, ERR_NOMEM, "out of memory");
    case SQL_KIND_BOOL:
        *(bool *)field = row->number(row, index) != 0;
        return 0;
    case SQL_KIND_STATE:
        if (sm_parse(table->sm, row->text(row, index), field, NULL) != 0)
            return err_set(reterr, ERR_STORE, "%s.%s in the store is no state of a %s: %.40s", table->name,
                           column->name, table->sm->object, row->text(row, index));
        return 0;
    case SQL_KIND_INT:
    case SQL_KIND_SERIAL:
    default:
        *(int64_t *)field = row->number(row, index);
        return 0;
    }
}

static int read_row(const struct sql_table *table, const struct store_row *row, void *ret_row, struct error *reterr)
{
    int rc = 0;
    for (size_t i = 0; i < table->count && rc == 0; i++)
        rc = read_column(table, &table->columns[i], row, (int)i, ret_row, reterr);
    return rc;
}

struct target {
    const struct sql_table *table;
    char *rows;
    size_t count, cap, max;
};

static int read_next(const struct store_row *row, void *arg, struct error *reterr)
{
    struct target *t = arg;
    if (t->count == t->max)
        return 0;
    int rc = mem_grow(&t->rows, &t->cap, t->count + 1, t->table->row_size, t->max);
    if (rc != 0)
        return err_set(reterr, rc, "out of memory");
    char *next = t->rows + t->count * t->table->row_size;
    memset(next, 0, t->table->row_size);
    rc = read_row(t->table, row, next, reterr);
    if (rc == 0)
        t->count++;
    return rc;
}

static int select_text(const struct sql_table *table, const char *tail, struct buf *out, struct error *reterr)
{
    int rc = buf_append_str(out, "SELECT ");
    for (size_t i = 0; i < table->count && rc == 0; i++) {
        rc = i > 0 ? buf_append(out, ", ", 2) : 0;
        if (rc == 0)
            rc = buf_append_str(out, table->columns[i].name);
    }
    if (rc == 0)
        rc = buf_printf(out, " FROM %s %s", table->name, tail);
    return rc == 0 ? 0 : err_set(reterr, rc, "the SQL text is too long");
}

static int fetch(struct store_tx *tx, const struct sql_table *table, const char *tail, const struct store_arg *args,
                 size_t count, struct target *target, struct error *reterr)
{
    struct buf sql CLEANUP(buf_done);
    buf_init(&sql, SQL_TEXT_MAX);
    int rc = select_text(table, tail, &sql, reterr);
    return rc != 0 ? rc : run(tx, buf_str(&sql), args, count, read_next, target, NULL, reterr);
}

int sql_get(struct store_tx *tx, const struct sql_table *table, const char *tail, const struct store_arg *args,
            size_t count, void *ret_row, struct error *reterr)
{
    struct target target = {.table = table, .max = 1};
    int rc = fetch(tx, table, tail, args, count, &target, reterr);
    if (rc == 0 && target.count == 0)
        rc = err_set(reterr, ERR_NOT_FOUND, "there is no such %.*s", (int)strlen(table->name) - 1, table->name);
    if (rc == 0)
        memcpy(ret_row, target.rows, table->row_size);
    free(target.rows);
    return rc;
}

int sql_list(struct store_tx *tx, const struct sql_table *table, const char *tail, const struct store_arg *args,
             size_t count, void *ret_rows, size_t *ret_count, struct error *reterr)
{
    struct target target = {.table = table, .max = STORE_PAGE_MAX};
    int rc = fetch(tx, table, tail, args, count, &target, reterr);
    if (rc != 0) {
        free(target.rows);
        return rc;
    }
    *(char **)ret_rows = target.rows;
    *ret_count = target.count;
    return 0;
}

static struct store_arg arg_of(const struct sql_table *table, const struct sql_column *column, const char *base)
{
    const void *field = base + column->offset;
    switch (column->kind) {
    case SQL_KIND_TEXT:
        return SQL_TEXT(field);
    case SQL_KIND_OWNED:
        return SQL_TEXT(*(const char *const *)field != NULL ? *(const char *const *)field : "");
    case SQL_KIND_BOOL:
        return SQL_INT(*(const bool *)field);
    case SQL_KIND_STATE:
        return SQL_TEXT(sm_name(table->sm, *(const int *)field));
    case SQL_KIND_INT:
    case SQL_KIND_SERIAL:
    default:
        return SQL_INT(*(const int64_t *)field);
    }
}

int sql_insert(struct store_tx *tx, const struct sql_table *table, const void *row, struct error *reterr)
{
    struct store_arg args[STORE_ARGS_MAX];
    size_t n = 0;
    struct buf names CLEANUP(buf_done), values CLEANUP(buf_done);
    buf_init(&names, SQL_TEXT_MAX);
    buf_init(&values, SQL_TEXT_MAX);
    int rc = buf_printf(&names, "INSERT INTO %s (", table->name);
    for (size_t i = 0; i < table->count && rc == 0 && n < STORE_ARGS_MAX; i++) {
        if (table->columns[i].kind == SQL_KIND_SERIAL)
            continue;
        args[n++] = arg_of(table, &table->columns[i], row);
        rc = buf_printf(&names, "%s%s", n > 1 ? ", " : "", table->columns[i].name);
        if (rc == 0)
            rc = buf_printf(&values, "%s$%zu", n > 1 ? ", " : "", n);
    }
    if (rc == 0)
        rc = buf_printf(&names, ") VALUES (%s)", buf_str(&values));
    if (rc != 0)
        return err_set(reterr, rc, "the SQL text is too long");
    return run(tx, buf_str(&names), args, n, NULL, NULL, NULL, reterr);
}

struct statement {
    const struct sql_table *table;
    const char *text;
    const struct store_arg *args;
    size_t count;
    int64_t gen;
    void *row;
    size_t rows;
    int64_t changes;
};

static int get_alone(struct store_tx *tx, void *arg, struct error *reterr)
{
    const struct statement *s = arg;
    return sql_get(tx, s->table, s->text, s->args, s->count, s->row, reterr);
}

static int list_alone(struct store_tx *tx, void *arg, struct error *reterr)
{
    struct statement *s = arg;
    return sql_list(tx, s->table, s->text, s->args, s->count, s->row, &s->rows, reterr);
}

static int exec_alone(struct store_tx *tx, void *arg, struct error *reterr)
{
    struct statement *s = arg;
    int rc = sql_fence(tx, s->gen, reterr);
    return rc != 0 ? rc : sql_exec(tx, s->text, s->args, s->count, &s->changes, reterr);
}

int sql_store_get(struct store *store, const struct sql_table *table, const char *tail, const struct store_arg *args,
                  size_t count, void *ret_row, struct error *reterr)
{
    struct statement s = {.table = table, .text = tail, .args = args, .count = count, .row = ret_row};
    return store_tx_read(store, get_alone, &s, reterr);
}

int sql_store_list(struct store *store, const struct sql_table *table, const char *tail, const struct store_arg *args,
                   size_t count, void *ret_rows, size_t *ret_count, struct error *reterr)
{
    struct statement s = {.table = table, .text = tail, .args = args, .count = count, .row = ret_rows};
    int rc = store_tx_read(store, list_alone, &s, reterr);
    if (rc == 0)
        *ret_count = s.rows;
    return rc;
}

int sql_store_exec(struct store *store, int64_t gen, const char *sql, const struct store_arg *args, size_t count,
                   int64_t *ret_changes, struct error *reterr)
{
    struct statement s = {.text = sql, .args = args, .count = count, .gen = gen};
    int rc = store_tx_write(store, exec_alone, &s, reterr);
    if (rc == 0 && ret_changes != NULL)
        *ret_changes = s.changes;
    return rc;
}

void sql_where_init(struct sql_where *where)
{
    where->count = 0;
    where->len = 0;
    sql_where_text(where, "WHERE 1 = 1");
}

void sql_where_text(struct sql_where *where, const char *condition)
{
    size_t len = strlen(condition);
    assert(where->len + len + 2 < sizeof(where->text));
    memcpy(where->text + where->len, condition, len);
    where->len += len;
    where->text[where->len++] = ' ';
    where->text[where->len] = '\0';
}

void sql_where_add(struct sql_where *where, const char *condition, struct store_arg arg)
{
    char text[160];
    const char *mark = strchr(condition, '?');
    assert(mark != NULL && where->count < ARRAY_LEN(where->args));
    where->args[where->count++] = arg;
    snprintf(text, sizeof(text), "AND %.*s$%zu%s", (int)(mark - condition), condition, where->count, mark + 1);
    sql_where_text(where, text);
}

void sql_where_states(struct sql_where *where, const struct sm *sm, uint32_t states)
{
    if (states == 0)
        return;
    char text[320] = "AND state IN (";
    size_t len = strlen(text);
    const char *comma = "";
    for (int s = 0; s < (int)sm->count; s++) {
        if ((states & SM_TO(s)) == 0)
            continue;
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s'%s'", comma, sm_name(sm, s));
        assert(len < sizeof(text) - 1);
        comma = ",";
    }
    memcpy(text + len, ")", 2);
    sql_where_text(where, text);
}

void sql_where_page(struct sql_where *where, const char *order, const struct store_page *page)
{
    unsigned limit = page != NULL ? page->limit : 0;
    if (limit == 0 || limit > STORE_PAGE_MAX)
        limit = STORE_PAGE_MAX;
    char text[128];
    assert(where->count < ARRAY_LEN(where->args));
    where->args[where->count++] = SQL_INT(limit);
    snprintf(text, sizeof(text), "ORDER BY %s LIMIT $%zu", order, where->count);
    sql_where_text(where, text);
}

int sql_fits(const char *what, const char *text, size_t size, struct error *reterr)
{
    if (text == NULL || strlen(text) < size)
        return 0;
    return err_set(reterr, ERR_TOO_BIG, "%s is longer than %zu bytes", what, size - 1);
}

int sql_fence(struct store_tx *tx, int64_t gen, struct error *reterr)
{
    int64_t current = 0;
    if (gen == 0)
        return 0;
    int rc = sql_number(tx, "SELECT generation FROM leases WHERE name = '" STORE_LEASE_POOLMGR "' {share}", NULL, 0,
                        &current, reterr);
    if (rc != 0 && rc != ERR_NOT_FOUND)
        return rc;
    if (rc == ERR_NOT_FOUND || current != gen)
        return err_set(reterr, ERR_FENCED, "generation %lld is the leader now, this process has %lld",
                       (long long)current, (long long)gen);
    return 0;
}
