#include "gateway/https/pages.h"

#include "lib/base/buf.h"
#include "lib/base/id.h"
#include "lib/base/mem.h"
#include "lib/base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX  (4U << 20)
#define FILES_MAX 256

struct page {
    char name[128];
    const char *type;
    struct buf data;
    char etag[ID_HASH_SIZE + 2];
};

struct pages {
    struct page *items;
    size_t count, cap;
};

static const struct {
    const char *ending;
    const char *type;
} types[] = {
    {".html", "text/html; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".woff2", "font/woff2"},
    {".txt", "text/plain; charset=utf-8"},
};

static const char *type_of(const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        size_t n = strlen(types[i].ending);
        if (len > n && strcmp(name + len - n, types[i].ending) == 0)
            return types[i].type;
    }
    return NULL;
}

static int read_file(int dir_fd, const char *name, struct buf *data, struct error *reterr)
{
    int fd CLEANUP_CLOSE = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return err_set_errno(reterr, ERR_IO, errno, "cannot open the page %s", name);
    for (;;) {
        char piece[16384];
        ssize_t n = read(fd, piece, sizeof(piece));
        if (n == 0)
            return 0;
        if (n < 0)
            return err_set_errno(reterr, ERR_IO, errno, "cannot read the page %s", name);
        if (buf_append(data, piece, (size_t)n) < 0)
            return err_set(reterr, ERR_TOO_BIG, "the page %s is larger than %u bytes", name, FILE_MAX);
    }
}

static int add_page(struct pages *pages, int dir_fd, const char *name, struct error *reterr)
{
    char hash[ID_HASH_SIZE];
    if (strlen(name) >= sizeof(pages->items->name))
        return err_set(reterr, ERR_TOO_BIG, "the file name %s is too long", name);
    int r = mem_grow(&pages->items, &pages->cap, pages->count + 1, sizeof(struct page), FILES_MAX);
    if (r < 0)
        return err_set(reterr, r, "the folder has more than %d files", FILES_MAX);
    struct page *page = &pages->items[pages->count];
    memset(page, 0, sizeof(*page));
    buf_init(&page->data, FILE_MAX);
    pages->count++;
    text_copy(page->name, sizeof(page->name), name);
    page->type = type_of(name);
    r = read_file(dir_fd, name, &page->data, reterr);
    if (r < 0)
        return r;
    id_hash(buf_str(&page->data), page->data.len, hash);
    snprintf(page->etag, sizeof(page->etag), "\"%.32s\"", hash);
    return 0;
}

static const struct page *find(const struct pages *pages, const char *name)
{
    if (pages == NULL)
        return NULL;
    for (size_t i = 0; i < pages->count; i++)
        if (strcmp(pages->items[i].name, name) == 0)
            return &pages->items[i];
    return NULL;
}

int pages_load(const char *dir, struct pages **ret_pages, struct error *reterr)
{
    DIR *d = opendir(dir);
    if (d == NULL)
        return err_set_errno(reterr, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "cannot read the folder %s", dir);
    struct pages *pages = MEM_NEW(struct pages);
    int r = pages != NULL ? 0 : err_set(reterr, ERR_NOMEM, "no memory for the pages");
    for (struct dirent *at; r == 0 && (at = readdir(d)) != NULL;)
        if (type_of(at->d_name) != NULL)
            r = add_page(pages, dirfd(d), at->d_name, reterr);
    closedir(d);
    if (r == 0 && find(pages, "index.html") == NULL)
        r = err_set(reterr, ERR_NOT_FOUND, "the folder %s has no index.html", dir);
    if (r < 0) {
        pages_free(pages);
        return r;
    }
    *ret_pages = pages;
    return 0;
}

void pages_free(struct pages *pages)
{
    if (pages == NULL)
        return;
    for (size_t i = 0; i < pages->count; i++)
        buf_done(&pages->items[i].data);
    free(pages->items);
    free(pages);
}

void pages_request(const struct pages *pages, const char *name, struct httpd_request *req)
{
    const struct page *page = find(pages, name);
    if (page == NULL) {
        httpd_problem(req, 404, "not_found", NULL, "There is nothing under this address.");
        return;
    }
    httpd_set_header(req, "Cache-Control", "no-cache");
    httpd_set_header(req, "ETag", page->etag);
    const char *has = httpd_header(req, "if-none-match");
    if (has != NULL && strcmp(has, page->etag) == 0)
        httpd_respond(req, 304, NULL, NULL, 0);
    else
        httpd_respond(req, 200, page->type, page->data.data, page->data.len);
}
