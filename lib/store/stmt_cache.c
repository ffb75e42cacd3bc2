#include "lib/store/stmt_cache.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"

#include <string.h>

/* FNV-1a */
static uint64_t hash_of(const char *s)
{
    uint64_t h = UINT64_C(14695981039346656037);
    for (; *s != '\0'; s++)
        h = (h ^ (unsigned char)*s) * UINT64_C(1099511628211);
    return h;
}

void stmt_cache_init(struct stmt_cache *cache, void (*drop)(void *stmt, void *arg), void *arg)
{
    *cache = (struct stmt_cache){.drop = drop, .arg = arg};
}

void stmt_cache_done(struct stmt_cache *cache)
{
    for (size_t i = 0; i < STMT_CACHE_BUCKETS; i++) {
        while (cache->buckets[i] != NULL) {
            struct stmt_cache_entry *e = cache->buckets[i];
            cache->buckets[i] = e->next;
            cache->drop(e->stmt, cache->arg);
            free(e->sql);
            free(e);
        }
    }
    cache->count = 0;
}

void *stmt_cache_find(const struct stmt_cache *cache, const char *sql)
{
    uint64_t hash = hash_of(sql);
    for (struct stmt_cache_entry *e = cache->buckets[hash % STMT_CACHE_BUCKETS]; e != NULL; e = e->next) {
        if (e->hash == hash && strcmp(e->sql, sql) == 0)
            return e->stmt;
    }
    return NULL;
}

int stmt_cache_add(struct stmt_cache *cache, const char *sql, void *take_stmt)
{
    if (cache->count >= STMT_CACHE_MAX)
        stmt_cache_done(cache);
    struct stmt_cache_entry *e = MEM_NEW(struct stmt_cache_entry);
    char *copy = mem_strdup(sql);
    if (e == NULL || copy == NULL) {
        cache->drop(take_stmt, cache->arg);
        free(copy);
        free(e);
        return ERR_NOMEM;
    }
    e->hash = hash_of(sql);
    e->sql = copy;
    e->stmt = take_stmt;
    e->next = cache->buckets[e->hash % STMT_CACHE_BUCKETS];
    cache->buckets[e->hash % STMT_CACHE_BUCKETS] = e;
    cache->count++;
    return 0;
}
