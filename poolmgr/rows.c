#include "poolmgr/rows.h"

#include "lib/base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void rows_done(struct rows *rows)
{
    free(rows->hosts);
    free(rows->images);
    free(rows->pools);
    free(rows->desktops);
    free(rows->sessions);
    *rows = (struct rows){0};
}

/* Append `count` rows of `size` bytes to *all. */
static int append(void *all, size_t *all_count, size_t *cap, const void *more, size_t count, size_t size)
{
    int r = mem_grow(all, cap, *all_count + count, size, ROWS_MAX);

    if (r)
        return r;
    if (count)
        memcpy(*(char **)all + *all_count * size, more, count * size);
    *all_count += count;
    return 0;
}

static int read_desktops(struct store *store, struct rows *ret, struct error *reterr)
{
    const struct store_desktop_filter filter = {0};
    struct store_page page = {0};
    size_t cap = 0, count = STORE_PAGE_MAX;

    while (count == STORE_PAGE_MAX) {
        struct store_desktop *some CLEANUP_FREE = NULL;
        if (ret->desktop_count)
            page.after = ret->desktops[ret->desktop_count - 1].id;
        int r = store_desktop_list(store, &filter, &page, &some, &count, reterr);
        if (!r)
            r = append(&ret->desktops, &ret->desktop_count, &cap, some, count, sizeof *some);
        if (r)
            return r;
    }
    return 0;
}

static int read_sessions(struct store *store, struct rows *ret, struct error *reterr)
{
    const struct store_session_filter filter = {.open_only = true};
    struct store_page page = {0};
    char after[24];
    size_t cap = 0, count = STORE_PAGE_MAX;

    while (count == STORE_PAGE_MAX) {
        struct store_session *some CLEANUP_FREE = NULL;
        if (ret->session_count) {
            snprintf(after, sizeof after, "%" PRId64, ret->sessions[ret->session_count - 1].seq);
            page.after = after;
        }
        int r = store_session_list(store, &filter, &page, &some, &count, reterr);
        if (!r)
            r = append(&ret->sessions, &ret->session_count, &cap, some, count, sizeof *some);
        if (r)
            return r;
    }
    return 0;
}

int rows_read(struct store *store, struct rows *ret, struct error *reterr)
{
    struct rows rows CLEANUP(rows_done) = {0};

    int r = store_host_list(store, &rows.hosts, &rows.host_count, reterr);
    if (!r)
        r = store_image_list(store, NULL, &rows.images, &rows.image_count, reterr);
    if (!r)
        r = store_pool_list(store, &rows.pools, &rows.pool_count, reterr);
    /* Sessions before desktops: one that got a desktop meanwhile then finds it in the list. */
    if (!r)
        r = read_sessions(store, &rows, reterr);
    if (!r)
        r = read_desktops(store, &rows, reterr);
    if (r)
        return r;
    *ret = rows;
    rows = (struct rows){0};
    return 0;
}
