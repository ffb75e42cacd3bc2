/* The store: what the site knows, on SQLite (one machine) or PostgreSQL (several brokers).
 *
 * Linked into carrel-broker and carrel-poolmgr. Every call blocks: worker threads only, never an event loop. A
 * `struct store` may be used by any number of threads at once.
 *
 * This header opens and closes it; each entity has a header of its own (store_pool.h, store_desktop.h …) with the
 * operations on it. No SQL stands outside lib/store.
 *
 * Invariants
 *  - Every operation is one transaction. When a call returns 0 its writes are on disk; after a failure none is. One
 *    exception: ERR_STORE_DOWN because PostgreSQL's server was lost in the commit itself leaves it open (the text says
 *    so); read again.
 *    After kill -9 at any instant the next open finds a consistent store.
 *  - A transition is a compare-and-swap on the state it leaves, checked against lib/model's table.
 *  - Times are milliseconds since the Unix epoch and are given by the caller (`now_ms`), 0 = never. The store reads no
 *    clock for them.
 *  - Text is valid UTF-8 and fits the row's array, else ERR_INVALID / ERR_TOO_BIG. "" stands for "none"; no column is
 * NULL for callers.
 *  - `gen` is the writer's generation from store_lease.h; 0 = not fenced (brokers writing intents). With gen > 0 the
 *    write fails with ERR_FENCED once another holder has taken the lease.
 *
 * Errors of every call, besides those it names: ERR_STORE (the engine failed: cause in reterr), ERR_STORE_DOWN (cannot
 * be reached, or locked by others past the busy deadline; trying later is sensible), ERR_NO_SPACE (disk full),
 * ERR_NOMEM. The store never logs. */
#ifndef CARREL_STORE_STORE_H
#define CARREL_STORE_STORE_H

#include "lib/base/err.h"
#include "lib/base/id.h"
#include "lib/base/mem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Sizes of text in rows, NUL included. */
#define STORE_WORD_SIZE    24   /* a state, a kind, a door */
#define STORE_NAME_SIZE    64   /* names of objects */
#define STORE_SUBJECT_SIZE 256  /* a person or a group of the directory, a display name */
#define STORE_DN_SIZE      1024 /* a distinguished name */
#define STORE_PATH_SIZE    1024 /* a file, a URI, a command line */
#define STORE_TEXT_SIZE    512  /* a sentence */
#define STORE_ADDRESS_SIZE 64   /* a numeric network address or a short host name */

/* Rows a list returns at most, also when more are asked for. */
#define STORE_PAGE_MAX 1000

struct store;
struct store_ops;

struct store_options {
    const char *uri;             /* "sqlite:/path/file" or "postgresql://…" (libpq's form) */
    bool migrate;                /* bring an older schema up to date; else ERR_SCHEMA for one */
    unsigned connections;        /* most connections at once (readers on SQLite); 0 = 8 */
    uint32_t busy_ms;            /* how long to wait for a lock, a free connection or the server; 0 = 5000 */
    const struct store_ops *ops; /* tests: an engine table to use instead of the URI's (lib/store/store_ops.h) */
};

/* Where a list goes on. Lists are in the order of their key (each header says which). */
struct store_page {
    const char *after; /* key of the last row seen; NULL or "" = from the start */
    unsigned limit;    /* rows wanted; 0 or more than STORE_PAGE_MAX = STORE_PAGE_MAX */
};

/* Open, and bring the schema up to date if asked. An SQLite file is created with mode 0600 (its folder must exist).
 * ret_store: free with store_close. Errors: ERR_CONFIG (the URI is neither), ERR_SCHEMA (newer than this program,
 * older without `migrate`, or a migration whose text was changed), ERR_STORE_DOWN, ERR_DENIED. */
int store_open(const struct store_options *options, struct store **ret_store, struct error *reterr);

/* Waits for operations under way, then closes. NULL is fine. No other thread may be inside or enter a call. */
void store_close(struct store *store);
DEFINE_CLEANUP(struct store, store_close)

/* "sqlite" or "postgresql". */
const char *store_engine(const struct store *store);
/* Whether the store answers now (for /readyz). */
int store_ping(struct store *store, struct error *reterr);
/* Number of the newest migration in the store. */
int store_schema_version(struct store *store, int *ret_version, struct error *reterr);

/* Settings of the site: small texts by name. value: at most 4000 bytes. store_setting_get gives a fresh string (caller
 * frees) or ERR_NOT_FOUND. */
int store_setting_get(struct store *store, const char *name, char **ret_value, struct error *reterr);
int store_setting_set(struct store *store, const char *name, const char *value, struct error *reterr);

/* For metrics and tests: how many write transactions were committed, and how many operations they carried. */
struct store_stats {
    uint64_t commits;
    uint64_t operations;
    uint64_t retries; /* transactions done again after a deadlock, a serialisation failure or a lost server */
};
void store_stats(struct store *store, struct store_stats *ret_stats);

#endif
