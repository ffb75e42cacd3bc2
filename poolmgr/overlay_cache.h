/* One overlay template per golden image file, made at first use and shared by all worker threads.
 *
 * carrel-poolmgr, worker threads; every function may be called by several at once. The cache owns the templates until
 * overlay_cache_free; a template whose base changed on disk is never handed out again (ERR_IMAGE). */
#ifndef POOLMGR_OVERLAY_CACHE_H
#define POOLMGR_OVERLAY_CACHE_H

#include "lib/base/err.h"
#include "linkedclone/overlay.h"

struct overlay_cache;

/* work_dir: folder of the overlays; copied. NULL when memory is out. */
struct overlay_cache *overlay_cache_new(const char *work_dir);
/* No thread may use it or a template of it any more. NULL is fine. */
void overlay_cache_free(struct overlay_cache *cache);
DEFINE_CLEANUP(struct overlay_cache, overlay_cache_free)

/* The template for `base`. ret_template: borrowed from the cache. While one thread makes a template, others that want
 * one wait. Errors: those of overlay_template_new and overlay_template_check; ERR_NOMEM. */
int overlay_cache_get(struct overlay_cache *cache, const struct overlay_base *base,
                      const struct overlay_template **ret_template, struct error *reterr);

#endif
