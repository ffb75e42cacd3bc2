#include "poolmgr/overlay_cache.h"

#include "lib/base/mem.h"

#include <pthread.h>
#include <string.h>

struct entry {
    struct entry *next;
    char *path;
    struct overlay_template *template;
};

struct overlay_cache {
    pthread_mutex_t lock;
    struct entry *entries;
    char *work_dir;
};

static void entry_free(struct entry *entry)
{
    overlay_template_free(entry->template);
    free(entry->path);
    free(entry);
}
DEFINE_CLEANUP(struct entry, entry_free)

struct overlay_cache *overlay_cache_new(const char *work_dir)
{
    struct overlay_cache *cache = MEM_NEW(struct overlay_cache);

    if (!cache)
        return NULL;
    pthread_mutex_init(&cache->lock, NULL);
    cache->work_dir = mem_strdup(work_dir);
    if (!cache->work_dir) {
        overlay_cache_free(cache);
        return NULL;
    }
    return cache;
}

void overlay_cache_free(struct overlay_cache *cache)
{
    if (!cache)
        return;
    while (cache->entries) {
        struct entry *entry = cache->entries;
        cache->entries = entry->next;
        entry_free(entry);
    }
    pthread_mutex_destroy(&cache->lock);
    free(cache->work_dir);
    free(cache);
}

static int add(struct overlay_cache *cache, const struct overlay_base *base, struct error *reterr)
{
    struct entry *entry CLEANUP(entry_freep) = MEM_NEW(struct entry);

    if (!entry || !(entry->path = mem_strdup(base->path)))
        return err_set(reterr, ERR_NOMEM, "no memory for an overlay template");
    int r = overlay_template_new(base, cache->work_dir, &entry->template, reterr);
    if (r)
        return r;
    entry->next = cache->entries;
    cache->entries = TAKE_PTR(entry);
    return 0;
}

static int get_locked(struct overlay_cache *cache, const struct overlay_base *base,
                      const struct overlay_template **ret_template, struct error *reterr)
{
    struct entry *entry = cache->entries;

    while (entry && strcmp(entry->path, base->path) != 0)
        entry = entry->next;
    if (!entry) {
        int r = add(cache, base, reterr);
        if (r)
            return r;
        entry = cache->entries;
    }
    int r = entry ? overlay_template_check(entry->template, reterr) : ERR_INTERNAL;
    if (!r)
        *ret_template = entry->template;
    return r;
}

int overlay_cache_get(struct overlay_cache *cache, const struct overlay_base *base,
                      const struct overlay_template **ret_template, struct error *reterr)
{
    pthread_mutex_lock(&cache->lock);
    int r = get_locked(cache, base, ret_template, reterr);
    pthread_mutex_unlock(&cache->lock);
    return r;
}
