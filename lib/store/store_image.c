#include "lib/store/store_image.h"

#include "lib/base/text.h"
#include "lib/model/pool.h"
#include "lib/store/sql.h"

#define IMAGE struct store_image
static const struct sql_column columns[] = {
    SQL_COLUMN(TEXT, IMAGE, name),          SQL_COLUMN(INT, IMAGE, version),
    SQL_COLUMN(TEXT, IMAGE, state),         SQL_COLUMN(TEXT, IMAGE, source),
    SQL_COLUMN(TEXT, IMAGE, source_format), SQL_COLUMN(TEXT, IMAGE, path),
    SQL_COLUMN(TEXT, IMAGE, format),        SQL_COLUMN(INT, IMAGE, virtual_size),
    SQL_COLUMN(TEXT, IMAGE, sha256),        SQL_COLUMN(TEXT, IMAGE, os_kind),
    SQL_COLUMN(TEXT, IMAGE, prep),          SQL_COLUMN(TEXT, IMAGE, firmware),
    SQL_COLUMN(TEXT, IMAGE, kernel),        SQL_COLUMN(TEXT, IMAGE, initrd),
    SQL_COLUMN(TEXT, IMAGE, cmdline),       SQL_COLUMN(INT, IMAGE, min_memory_mib),
    SQL_COLUMN(INT, IMAGE, progress),       SQL_COLUMN(TEXT, IMAGE, error),
    SQL_COLUMN(INT, IMAGE, created_at),     SQL_COLUMN(INT, IMAGE, state_at),
    SQL_COLUMN(INT, IMAGE, published_at),
};
static const struct sql_table table = SQL_TABLE("images", columns, IMAGE, NULL);

struct add {
    const struct store_image *image;
    int64_t version;
    int64_t now_ms;
};

static int add(struct store_tx *tx, void *arg, struct error *reterr)
{
    struct add *a = arg;
    struct store_image row = *a->image;
    if (row.version == 0) {
        int rc = sql_number(tx, "SELECT COALESCE(MAX(version), 0) + 1 FROM images WHERE name = $1",
                            SQL_ARGS(SQL_TEXT(row.name)), &row.version, reterr);
        if (rc != 0)
            return rc;
    }
    text_copy(row.state, sizeof(row.state), IMAGE_STATE_IMPORTING);
    row.created_at = row.state_at = a->now_ms;
    a->version = row.version;
    int rc = sql_insert(tx, &table, &row, reterr);
    return rc == ERR_EXISTS ? err_set(reterr, rc, "there is an image %s@%lld already", row.name, (long long)row.version)
                            : rc;
}

int store_image_add(struct store *store, struct store_image *image, int64_t now_ms, struct error *reterr)
{
    struct add a = {.image = image, .now_ms = now_ms};
    int rc = store_tx_write(store, add, &a, reterr);
    if (rc != 0)
        return rc;
    image->version = a.version;
    text_copy(image->state, sizeof(image->state), IMAGE_STATE_IMPORTING);
    image->created_at = image->state_at = now_ms;
    return 0;
}

int store_image_get(struct store *store, const char *name, int64_t version, struct store_image *ret_image,
                    struct error *reterr)
{
    if (version > 0)
        return sql_store_get(store, &table, "WHERE name = $1 AND version = $2",
                             SQL_ARGS(SQL_TEXT(name), SQL_INT(version)), ret_image, reterr);
    return sql_store_get(store, &table,
                         "WHERE name = $1 AND state = '" IMAGE_STATE_PUBLISHED "' ORDER BY version DESC LIMIT 1",
                         SQL_ARGS(SQL_TEXT(name)), ret_image, reterr);
}

int store_image_list(struct store *store, const char *state, struct store_image **ret_images, size_t *ret_count,
                     struct error *reterr)
{
    struct sql_where where;
    sql_where_init(&where);
    if (state != NULL)
        sql_where_add(&where, "state = ?", SQL_TEXT(state));
    sql_where_page(&where, "name, version", NULL);
    return sql_store_list(store, &table, where.text, where.args, where.count, ret_images, ret_count, reterr);
}

struct change {
    const char *name;
    int64_t version;
    const char *from, *to; /* to NULL = note */
    const struct store_image_patch *patch;
    int64_t gen, now_ms;
};

static int no_change(struct store_tx *tx, const struct change *c, struct error *reterr)
{
    char state[STORE_WORD_SIZE];
    int rc = sql_text(tx, "SELECT state FROM images WHERE name = $1 AND version = $2",
                      SQL_ARGS(SQL_TEXT(c->name), SQL_INT(c->version)), state, sizeof(state), reterr);
    if (rc == ERR_NOT_FOUND)
        return err_set(reterr, rc, "there is no image %s@%lld", c->name, (long long)c->version);
    return rc != 0 ? rc : err_set(reterr, ERR_CONFLICT, "image %s@%lld is %s", c->name, (long long)c->version, state);
}

static int change(struct store_tx *tx, void *arg, struct error *reterr)
{
    const struct change *c = arg;
    const struct store_image_patch *p = c->patch;
    int64_t changes = 0;
    int rc = sql_fence(tx, c->gen, reterr);
    if (rc == 0)
        rc = sql_exec(tx,
                      "UPDATE images SET state = COALESCE($4, state), path = COALESCE($5, path), "
                      "format = COALESCE($6, format), sha256 = COALESCE($7, sha256), kernel = COALESCE($8, kernel), "
                      "initrd = COALESCE($9, initrd), error = COALESCE($10, error), "
                      "virtual_size = CASE WHEN $11 < 0 THEN virtual_size ELSE $11 END, "
                      "progress = CASE WHEN $12 < 0 THEN progress ELSE $12 END, "
                      "state_at = CASE WHEN $4 IS NULL THEN state_at ELSE $13 END, "
                      "published_at = CASE WHEN $4 = '" IMAGE_STATE_PUBLISHED "' THEN $13 ELSE published_at END "
                      "WHERE name = $1 AND version = $2 AND ($3 IS NULL OR state = $3)",
                      SQL_ARGS(SQL_TEXT(c->name), SQL_INT(c->version), SQL_TEXT(c->from), SQL_TEXT(c->to),
                               SQL_TEXT(p->path), SQL_TEXT(p->format), SQL_TEXT(p->sha256), SQL_TEXT(p->kernel),
                               SQL_TEXT(p->initrd), SQL_TEXT(p->error), SQL_INT(p->virtual_size), SQL_INT(p->progress),
                               SQL_INT(c->now_ms)),
                      &changes, reterr);
    return rc == 0 && changes == 0 ? no_change(tx, c, reterr) : rc;
}

static int run_change(struct store *store, struct change *c, struct error *reterr)
{
    static const struct store_image_patch nothing = {.virtual_size = -1, .progress = -1};
    if (c->patch == NULL)
        c->patch = &nothing;
    int rc = sql_fits("the image's path", c->patch->path, STORE_PATH_SIZE, reterr);
    if (rc == 0)
        rc = sql_fits("the kernel's path", c->patch->kernel, STORE_PATH_SIZE, reterr);
    if (rc == 0)
        rc = sql_fits("the initrd's path", c->patch->initrd, STORE_PATH_SIZE, reterr);
    if (rc == 0)
        rc = sql_fits("the image's error", c->patch->error, STORE_TEXT_SIZE, reterr);
    if (rc == 0)
        rc = sql_fits("the image's state", c->to, STORE_WORD_SIZE, reterr);
    return rc != 0 ? rc : store_tx_write(store, change, c, reterr);
}

int store_image_move(struct store *store, int64_t gen, const char *name, int64_t version, const char *from,
                     const char *to, const struct store_image_patch *patch, int64_t now_ms, struct error *reterr)
{
    struct change c = {name, version, from, to, patch, gen, now_ms};
    return run_change(store, &c, reterr);
}

int store_image_note(struct store *store, int64_t gen, const char *name, int64_t version,
                     const struct store_image_patch *patch, struct error *reterr)
{
    struct change c = {.name = name, .version = version, .patch = patch, .gen = gen};
    return run_change(store, &c, reterr);
}

static int remove_row(struct store_tx *tx, void *arg, struct error *reterr)
{
    const struct change *c = arg;
    int64_t users = 0, changes = 0;
    int rc = sql_fence(tx, c->gen, reterr);
    if (rc == 0)
        rc = sql_number(tx,
                        "SELECT (SELECT COUNT(*) FROM pools WHERE image = $1 AND image_version = $2) + "
                        "(SELECT COUNT(*) FROM desktops WHERE image = $1 AND image_version = $2)",
                        SQL_ARGS(SQL_TEXT(c->name), SQL_INT(c->version)), &users, reterr);
    if (rc == 0 && users > 0)
        return err_set(reterr, ERR_CONFLICT, "%lld pools and desktops use image %s@%lld", (long long)users, c->name,
                       (long long)c->version);
    if (rc == 0)
        rc = sql_exec(tx, "DELETE FROM images WHERE name = $1 AND version = $2",
                      SQL_ARGS(SQL_TEXT(c->name), SQL_INT(c->version)), &changes, reterr);
    return rc == 0 && changes == 0 ? no_change(tx, c, reterr) : rc;
}

int store_image_remove(struct store *store, int64_t gen, const char *name, int64_t version, struct error *reterr)
{
    struct change c = {.name = name, .version = version, .gen = gen};
    return store_tx_write(store, remove_row, &c, reterr);
}
