/* All rows that the pool manager works on, read in one go.
 *
 * carrel-poolmgr: rows_read() on a worker thread of the store, the rest anywhere; one owner at a time. The lists are
 * not one transaction: each is consistent in itself, and each step compares and swaps its own row anyway. */
#ifndef POOLMGR_ROWS_H
#define POOLMGR_ROWS_H

#include "lib/store/store_desktop.h"
#include "lib/store/store_host.h"
#include "lib/store/store_image.h"
#include "lib/store/store_pool.h"
#include "lib/store/store_session.h"

struct rows {
    struct store_host *hosts;
    size_t host_count;
    struct store_image *images;
    size_t image_count;
    struct store_pool *pools;
    size_t pool_count;
    struct store_desktop *desktops; /* by id */
    size_t desktop_count;
    struct store_session *sessions; /* open ones, by their place in line */
    size_t session_count;
};

/* ret: ended with rows_done(); untouched on failure. Errors: the store's, ERR_TOO_BIG (more than ROWS_MAX of a kind).
 */
int rows_read(struct store *store, struct rows *ret, struct error *reterr);
void rows_done(struct rows *rows);

#define ROWS_MAX 100000

#endif
