/* Statements and rows for the entities of the store. Internal to lib/store.
 *
 * A table description lists the columns of one struct; reading, inserting and listing follow from it. All functions
 * return 0 or a negative `enum err`. */
#ifndef CARREL_STORE_SQL_H
#define CARREL_STORE_SQL_H

#include "lib/base/sm.h"
#include "lib/store/store_tx.h"

enum sql_kind {
    SQL_KIND_TEXT,   /* char array */
    SQL_KIND_OWNED,  /* char *, on the heap */
    SQL_KIND_INT,    /* int64_t */
    SQL_KIND_BOOL,   /* bool */
    SQL_KIND_STATE,  /* int, the table's state machine; its name in the store */
    SQL_KIND_SERIAL, /* int64_t, numbered by the engine */
};

struct sql_column {
    const char *name;
    enum sql_kind kind;
    size_t offset, size;
};

struct sql_table {
    const char *name;
    const struct sql_column *columns;
    size_t count;
    size_t row_size;
    const struct sm *sm; /* of the SQL_KIND_STATE column */
};

#define SQL_COLUMN(kind_, type, field)                                                                                 \
    {                                                                                                                  \
#field, SQL_KIND_##kind_, offsetof(type, field), sizeof(((type *)0)->field)                                    \
    }
#define SQL_COLUMN_AS(kind_, type, field, name_)                                                                       \
    {                                                                                                                  \
        name_, SQL_KIND_##kind_, offsetof(type, field), sizeof(((type *)0)->field)                                     \
    }
#define SQL_TABLE(name_, columns_, type, sm_)                                                                          \
    {                                                                                                                  \
        name_, columns_, ARRAY_LEN(columns_), sizeof(type), sm_                                                        \
    }

/* Parameters: SQL_ARGS(SQL_TEXT(id), SQL_INT(now)); SQL_TEXT(NULL) is SQL's NULL. */
#define SQL_TEXT(value) ((struct store_arg){.is_text = true, .text = (value)})
#define SQL_INT(value)  ((struct store_arg){.number = (value)})
#define SQL_ARGS(...)                                                                                                  \
    (const struct store_arg[]){__VA_ARGS__}, sizeof((const struct store_arg[]){__VA_ARGS__}) / sizeof(struct store_arg)

/* Run a statement; ret_changes (may be NULL): rows it changed. Text parameters are checked to be UTF-8. */
int sql_exec(struct store_tx *tx, const char *sql, const struct store_arg *args, size_t count, int64_t *ret_changes,
             struct error *reterr);
int sql_query(struct store_tx *tx, const char *sql, const struct store_arg *args, size_t count, store_row_fn *row,
              void *arg, struct error *reterr);
/* The first column of the first row as a number; ERR_NOT_FOUND without a row. */
int sql_number(struct store_tx *tx, const char *sql, const struct store_arg *args, size_t count, int64_t *ret_number,
               struct error *reterr);
/* The first column of the first row as text (ERR_NOT_FOUND without a row). */
int sql_text(struct store_tx *tx, const char *sql, const struct store_arg *args, size_t count, char *ret_text,
             size_t size, struct error *reterr);

/* One row: `tail` is what follows SELECT columns FROM table ("WHERE id = $1"). ERR_NOT_FOUND without a row; the text of
 * that error names the table. ret_row: zeroed by the caller if it has SQL_KIND_OWNED columns; untouched on failure. */
int sql_get(struct store_tx *tx, const struct sql_table *table, const char *tail, const struct store_arg *args,
            size_t count, void *ret_row, struct error *reterr);
/* All rows, at most STORE_PAGE_MAX. ret_rows: address of a pointer to the table's struct; free(). */
int sql_list(struct store_tx *tx, const struct sql_table *table, const char *tail, const struct store_arg *args,
             size_t count, void *ret_rows, size_t *ret_count, struct error *reterr);
/* Insert the row's columns, SQL_KIND_SERIAL left out. ERR_EXISTS: a unique index refuses. */
int sql_insert(struct store_tx *tx, const struct sql_table *table, const void *row, struct error *reterr);

/* The same as whole operations of their own: one row, all rows, one statement that writes (gen: see sql_fence). */
int sql_store_get(struct store *store, const struct sql_table *table, const char *tail, const struct store_arg *args,
                  size_t count, void *ret_row, struct error *reterr);
int sql_store_list(struct store *store, const struct sql_table *table, const char *tail, const struct store_arg *args,
                   size_t count, void *ret_rows, size_t *ret_count, struct error *reterr);
int sql_store_exec(struct store *store, int64_t gen, const char *sql, const struct store_arg *args, size_t count,
                   int64_t *ret_changes, struct error *reterr);

/* A condition put together from parts, for lists with filters. */
struct sql_where {
    char text[512];
    size_t len;
    struct store_arg args[12];
    size_t count;
};
void sql_where_init(struct sql_where *where);
/* Add "AND " condition; a '?' in it stands for the parameter. */
void sql_where_add(struct sql_where *where, const char *condition, struct store_arg arg);
void sql_where_text(struct sql_where *where, const char *condition);
/* "AND state IN ('a','b')" for the SM_TO() bits; 0 adds nothing. */
void sql_where_states(struct sql_where *where, const struct sm *sm, uint32_t states);
/* "ORDER BY order LIMIT n". */
void sql_where_page(struct sql_where *where, const char *order, const struct store_page *page);

/* ERR_TOO_BIG with a sentence when `text` (NULL = "") does not fit `size` with its NUL. */
int sql_fits(const char *what, const char *text, size_t size, struct error *reterr);

/* The writer's generation is still the poolmgr lease's (0 = not checked); holds the lease's row until the transaction
 * ends. ERR_FENCED. */
int sql_fence(struct store_tx *tx, int64_t gen, struct error *reterr);

#endif
