/* The engine table: what SQLite and PostgreSQL each do for lib/store. Internal to lib/store and its tests.
 *
 * A connection is used by one thread at a time; store_tx.c keeps the pool of them and, on an engine with one writer,
 * the writer's queue. Tests wrap a table (copy it, replace a function) to count, delay or break transactions.
 *
 * SQL is written once for both engines: parameters are $1, $2 …; text in braces stands for what differs:
 *   {lock} FOR UPDATE   {skip} FOR UPDATE SKIP LOCKED   {share} FOR SHARE   (nothing on SQLite: its writer is alone)
 *   {serial} an integer column that numbers its rows   {text} text compared by bytes */
#ifndef CARREL_STORE_STORE_OPS_H
#define CARREL_STORE_STORE_OPS_H

#include "lib/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum store_access { STORE_READ, STORE_WRITE };

/* Parameters of one statement, at most. */
#define STORE_ARGS_MAX 40

struct store_arg {
    bool is_text;     /* the type of the parameter, also of NULL */
    const char *text; /* NULL with is_text = SQL NULL; borrowed */
    int64_t number;
};

/* One row of a result, valid inside the row function. Columns count from 0. */
struct store_row {
    void *result; /* the engine's */
    int index;
    int64_t (*number)(const struct store_row *row, int column);
    const char *(*text)(const struct store_row *row, int column); /* never NULL */
};

/* Called for each row; a negative value ends the statement and becomes its result. Must not use the connection. */
typedef int store_row_fn(const struct store_row *row, void *arg, struct error *reterr);

struct store_ops;

/* Engines embed this as their first member. */
struct store_conn {
    const struct store_ops *ops;
    struct store_conn *next;
    bool broken;    /* set by the engine: close it, it is of no use any more */
    bool transient; /* set by the engine: the transaction failed for a reason that goes away when it is done again */
};

struct store_ops {
    const char *name;
    bool single_writer; /* one write transaction at a time: writes of a process are queued and committed in groups */
    /* Open one connection. `uri`: the whole of store_options.uri. ret_conn: close(). */
    int (*connect)(const char *uri, enum store_access access, uint32_t busy_ms, struct store_conn **ret_conn,
                   struct error *reterr);
    void (*close)(struct store_conn *conn);
    int (*begin)(struct store_conn *conn, struct error *reterr); /* a write transaction */
    int (*commit)(struct store_conn *conn, struct error *reterr);
    void (*rollback)(struct store_conn *conn); /* fine without a transaction */
    bool (*in_transaction)(struct store_conn *conn);
    /* A part of a transaction that can be undone alone. */
    int (*save)(struct store_conn *conn, struct error *reterr);
    int (*save_keep)(struct store_conn *conn, struct error *reterr);
    int (*save_undo)(struct store_conn *conn, struct error *reterr);
    /* Run one statement (prepared, kept). row and ret_changes may be NULL. Errors: ERR_EXISTS (a unique index refuses),
     * ERR_STORE, ERR_STORE_DOWN, ERR_NO_SPACE, ERR_NOMEM, and what `row` returned. */
    int (*query)(struct store_conn *conn, const char *sql, const struct store_arg *args, size_t count,
                 store_row_fn *row, void *arg, int64_t *ret_changes, struct error *reterr);
    /* Run several statements without parameters (migrations), braces included. */
    int (*script)(struct store_conn *conn, const char *sql, struct error *reterr);
    /* Hold off other processes' migrations until the transaction ends. */
    int (*lock_schema)(struct store_conn *conn, struct error *reterr);
};

extern const struct store_ops engine_sqlite_ops;
extern const struct store_ops engine_pg_ops;

#endif
