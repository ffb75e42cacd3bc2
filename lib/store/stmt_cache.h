/* Prepared statements of one connection by their text. Internal to lib/store. One thread at a time.
 *
 * Bounded: when it is full, everything is forgotten (the number of different texts is small and fixed by the code). */
#ifndef CARREL_STORE_STMT_CACHE_H
#define CARREL_STORE_STMT_CACHE_H

#include <stddef.h>
#include <stdint.h>

#define STMT_CACHE_BUCKETS 128
#define STMT_CACHE_MAX     256

struct stmt_cache_entry {
    struct stmt_cache_entry *next;
    uint64_t hash;
    char *sql;
    void *stmt; /* the engine's */
};

struct stmt_cache {
    struct stmt_cache_entry *buckets[STMT_CACHE_BUCKETS];
    size_t count;
    void (*drop)(void *stmt, void *arg); /* frees one statement */
    void *arg;
};

void stmt_cache_init(struct stmt_cache *cache, void (*drop)(void *stmt, void *arg), void *arg);
/* Frees all statements; may be used again. */
void stmt_cache_done(struct stmt_cache *cache);
/* The statement of that text, or NULL. */
void *stmt_cache_find(const struct stmt_cache *cache, const char *sql);
/* Remember `take_stmt`; it is dropped on failure. 0 or ERR_NOMEM. */
int stmt_cache_add(struct stmt_cache *cache, const char *sql, void *take_stmt);

#endif
