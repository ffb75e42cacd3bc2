/* Pools as administrators make and change them. */
#include "broker/admin_api.h"
#include "broker/admin_json.h"
#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "lib/model/pool.h"

#include <stdio.h>
#include <string.h>

#define NAME_MAX_BYTES 40
#define SIZE_LIMIT     9999 /* desktops are numbered with three digits and more; their names stay short */
#define DAY_S          86400
#define UPDATE_TRIES   5

/* What can be set and changed; the names are those of the API. */
static int read_numbers(const json_t *doc, struct store_pool *pool, struct error *reterr)
{
    const struct {
        const char *name;
        int64_t min, max, *value;
    } numbers[] = {
        {"min", 0, SIZE_LIMIT, &pool->size_min},  {"max", 1, SIZE_LIMIT, &pool->size_max},
        {"spare", 0, SIZE_LIMIT, &pool->spare},   {"memory_mib", 64, 4194304, &pool->memory_mib},
        {"vcpus", 1, 512, &pool->vcpus},          {"grace_s", 0, 30 * DAY_S, &pool->grace_s},
        {"idle_s", 0, 30 * DAY_S, &pool->idle_s},
    };
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        int rc = doc_int(doc, numbers[i].name, DOC_OPTIONAL, numbers[i].min, numbers[i].max, numbers[i].value, reterr);
        if (rc != 0)
            return rc;
    }
    return doc_bool(doc, "bind_address", DOC_OPTIONAL, &pool->bind_address, reterr);
}

static int read_texts(const json_t *doc, struct store_pool *pool, struct error *reterr)
{
    const struct {
        const char *name;
        char *value;
        size_t size;
    } texts[] = {
        {"network", pool->network, sizeof(pool->network)},
        {"host", pool->host, sizeof(pool->host)},
        {"description", pool->description, sizeof(pool->description)},
        {"credentials", pool->credentials, sizeof(pool->credentials)},
        {"security", pool->security, sizeof(pool->security)},
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        int rc = doc_copy(doc, texts[i].name, DOC_OPTIONAL, texts[i].value, texts[i].size, reterr);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static bool one_of(const char *word, const char *const *words)
{
    for (; *words != NULL; words++)
        if (strcmp(*words, word) == 0)
            return true;
    return false;
}

static int check(const struct store_pool *pool, struct error *reterr)
{
    static const char *const kinds[] = {POOL_KIND_FLOATING, POOL_KIND_DEDICATED, NULL};
    static const char *const modes[] = {POOL_CREDENTIALS_SESSION, POOL_CREDENTIALS_NONE, NULL};
    static const char *const securities[] = {POOL_SECURITY_TLS, POOL_SECURITY_RAW, NULL};
    static const char *const states[] = {POOL_STATE_OPEN, POOL_STATE_CLOSED, NULL};
    if (pool->size_min > pool->size_max)
        return err_set(reterr, ERR_INVALID, "\"min\" (%lld) is more than \"max\" (%lld)", (long long)pool->size_min,
                       (long long)pool->size_max);
    if (pool->spare > pool->size_max)
        return err_set(reterr, ERR_INVALID, "\"spare\" (%lld) is more than \"max\" (%lld)", (long long)pool->spare,
                       (long long)pool->size_max);
    if (!one_of(pool->kind, kinds))
        return err_set(reterr, ERR_INVALID, "\"kind\" must be floating or dedicated");
    if (!one_of(pool->credentials, modes))
        return err_set(reterr, ERR_INVALID, "\"credentials\" must be session-password or none");
    if (!one_of(pool->security, securities))
        return err_set(reterr, ERR_INVALID, "\"security\" must be tls or raw");
    if (!one_of(pool->state, states))
        return err_set(reterr, ERR_INVALID, "\"state\" must be open or closed");
    return 0;
}

/* The image version that a pool is to use: published, or the newest published one of that name. */
static int set_image(struct call *call, const char *text, struct store_pool *pool, struct error *reterr)
{
    struct store_image image;
    char name[STORE_NAME_SIZE];
    int64_t version = 0;
    int rc = admin_image_name(text, name, &version, reterr);
    if (rc == 0)
        rc = store_image_get(call->broker->store, name, version, &image, reterr);
    if (rc == ERR_NOT_FOUND)
        return call_refuse(
            call, 404, "no_image",
            version != 0 ? "There is no image \"%s\"." : "There is no published version of the image \"%s\".", text);
    if (rc != 0)
        return rc;
    if (strcmp(image.state, IMAGE_STATE_PUBLISHED) != 0)
        return call_refuse(call, 409, "image_not_published", "%s@%lld is %s; publish it first.", image.name,
                           (long long)image.version, image.state);
    text_copy(pool->image, sizeof(pool->image), image.name);
    pool->image_version = image.version;
    if (pool->memory_mib < image.min_memory_mib)
        pool->memory_mib = image.min_memory_mib;
    return 0;
}

/* What the pool manager says about the pool; "" = nothing. */
static int read_note(struct call *call, const char *pool, char *ret, size_t size, struct error *reterr)
{
    char name[sizeof(POOL_NOTE_SETTING) + STORE_NAME_SIZE];
    char *reason CLEANUP_FREE = NULL;
    snprintf(name, sizeof(name), POOL_NOTE_SETTING "%s", pool);
    int rc = store_setting_get(call->broker->store, name, &reason, reterr);
    if (rc == 0 && reason[0] != '\0')
        snprintf(ret, size, "degraded: %s", reason);
    return rc == ERR_NOT_FOUND ? 0 : rc;
}

/* Why a pool is not what it should be: the pool manager's word, else the first failed desktop's reason. */
static int find_note(struct call *call, const struct store_pool *pool, const struct store_pool_counts *counts,
                     char *ret, size_t size, struct error *reterr)
{
    struct store_desktop *rows CLEANUP_FREE = NULL;
    size_t count = 0;
    struct store_desktop_filter filter = {.pool = pool->name, .states = SM_TO(DESKTOP_ERROR)};
    struct store_page page = {.limit = 1};
    ret[0] = '\0';
    int rc = read_note(call, pool->name, ret, size, reterr);
    if (rc != 0 || ret[0] != '\0' || counts->desktops[DESKTOP_ERROR] == 0)
        return rc;
    rc = store_desktop_list(call->broker->store, &filter, &page, &rows, &count, reterr);
    if (rc == 0 && count > 0)
        snprintf(ret, size, "%s: %s", rows[0].name, rows[0].error);
    return rc;
}

static int pool_json(struct call *call, const struct store_pool *pool, json_t **ret, struct error *reterr)
{
    struct store_pool_counts counts;
    char note[STORE_NAME_SIZE + STORE_TEXT_SIZE + 4] = "";
    int rc = store_pool_counts(call->broker->store, pool->name, &counts, reterr);
    if (rc == 0)
        rc = find_note(call, pool, &counts, note, sizeof(note), reterr);
    if (rc == 0)
        *ret = admin_pool_json(pool, &counts, note);
    return rc;
}

int admin_pools_work(struct call *call, struct error *reterr)
{
    struct store_pool *rows CLEANUP_FREE = NULL;
    size_t count = 0;
    int rc = store_pool_list(call->broker->store, &rows, &count, reterr);
    json_t *list CLEANUP(doc_freep) = json_array();
    for (size_t i = 0; i < count && rc == 0; i++) {
        json_t *doc = NULL;
        rc = pool_json(call, &rows[i], &doc, reterr);
        json_array_append_new(list, doc);
    }
    if (rc == 0)
        call->answer = json_pack("{sO}", "pools", list);
    return rc;
}

static int find_pool(struct call *call, struct store_pool *ret, struct error *reterr)
{
    int rc = store_pool_get(call->broker->store, call_param(call, CALL_NAME), ret, reterr);
    if (rc == ERR_NOT_FOUND || rc == ERR_INVALID || rc == ERR_TOO_BIG)
        return call_refuse(call, 404, "no_pool", "There is no pool \"%.63s\".", call_param(call, CALL_NAME));
    return rc;
}

int admin_pool_work(struct call *call, struct error *reterr)
{
    struct store_pool pool;
    int rc = find_pool(call, &pool, reterr);
    return rc != 0 ? rc : pool_json(call, &pool, &call->answer, reterr);
}

static int read_new(struct call *call, struct store_pool *pool, struct error *reterr)
{
    static const char *const known[] = {"name",    "image",        "kind",        "min",         "max",      "spare",
                                        "network", "memory_mib",   "vcpus",       "credentials", "security", "grace_s",
                                        "idle_s",  "bind_address", "description", "host",        NULL};
    const json_t *doc = call_doc(call);
    const char *image = NULL;
    int rc = doc_only(doc, known, reterr);
    if (rc == 0)
        rc = doc_copy(doc, "name", DOC_REQUIRED, pool->name, sizeof(pool->name), reterr);
    if (rc == 0 && !text_is_name(pool->name, NAME_MAX_BYTES))
        rc = err_set(reterr, ERR_INVALID, "\"name\" must be 1 to %d of a-z, 0-9 and '-', and begin with a letter",
                     NAME_MAX_BYTES);
    if (rc == 0)
        rc = doc_text(doc, "image", DOC_REQUIRED, 1, STORE_NAME_SIZE + 8, &image, reterr);
    if (rc == 0)
        rc = doc_copy(doc, "kind", DOC_OPTIONAL, pool->kind, sizeof(pool->kind), reterr);
    if (rc == 0)
        rc = read_numbers(doc, pool, reterr);
    if (rc == 0)
        rc = read_texts(doc, pool, reterr);
    if (rc == 0 && json_object_get(doc, "max") == NULL)
        pool->size_max = pool->size_min + pool->spare > 0 ? pool->size_min + pool->spare : 1;
    if (rc == 0)
        rc = check(pool, reterr);
    return rc != 0 ? rc : set_image(call, image, pool, reterr);
}

static int no_host(struct call *call, const struct store_pool *pool)
{
    return call_refuse(call, 404, "no_host", "There is no host \"%s\".", pool->host);
}

int admin_pool_add_work(struct call *call, struct error *reterr)
{
    struct store_pool pool = {.kind = POOL_KIND_FLOATING,
                              .state = POOL_STATE_OPEN,
                              .network = "default",
                              .memory_mib = 2048,
                              .vcpus = 2,
                              .size_min = 1,
                              .credentials = POOL_CREDENTIALS_SESSION,
                              .security = POOL_SECURITY_TLS,
                              .grace_s = 1800};
    int rc = read_new(call, &pool, reterr);
    if (rc == 0)
        rc = store_pool_add(call->broker->store, &pool, clock_wall_ms(), reterr);
    if (rc == ERR_EXISTS)
        return call_refuse(call, 409, "exists", "There is a pool \"%s\" already.", pool.name);
    if (rc == ERR_NOT_FOUND)
        return no_host(call, &pool);
    if (rc != 0)
        return rc;
    admin_log(call, pool.name);
    call->status = 201;
    return pool_json(call, &pool, &call->answer, reterr);
}

static int apply_changes(struct call *call, struct store_pool *pool, struct error *reterr)
{
    const json_t *doc = call_doc(call);
    const char *image = NULL;
    int rc = read_numbers(doc, pool, reterr);
    if (rc == 0)
        rc = read_texts(doc, pool, reterr);
    if (rc == 0)
        rc = doc_copy(doc, "state", DOC_OPTIONAL, pool->state, sizeof(pool->state), reterr);
    /* Only asking for fewer than are kept ready is a contradiction; growing the minimum lifts the maximum along. */
    if (rc == 0 && json_object_get(doc, "max") == NULL && pool->size_min > pool->size_max)
        pool->size_max = pool->size_min;
    if (rc == 0)
        rc = check(pool, reterr);
    if (rc == 0)
        rc = doc_text(doc, "image", DOC_OPTIONAL, 1, STORE_NAME_SIZE + 8, &image, reterr);
    return rc != 0 || image == NULL ? rc : set_image(call, image, pool, reterr);
}

int admin_pool_change_work(struct call *call, struct error *reterr)
{
    static const char *const known[] = {"image", "min",         "max",      "spare",  "network",      "memory_mib",
                                        "vcpus", "state",       "grace_s",  "idle_s", "bind_address", "description",
                                        "host",  "credentials", "security", NULL};
    struct store_pool pool;
    int rc = doc_only(call_doc(call), known, reterr);
    for (int try = 0; rc == 0 && try < UPDATE_TRIES; try++) {
        rc = find_pool(call, &pool, reterr);
        if (rc == 0)
            rc = apply_changes(call, &pool, reterr);
        if (rc == 0)
            rc = store_pool_update(call->broker->store, &pool, clock_wall_ms(), reterr);
        if (rc != ERR_CONFLICT)
            break;
        rc = try + 1 < UPDATE_TRIES ? 0 : rc;
    }
    if (rc == ERR_NOT_FOUND)
        return no_host(call, &pool);
    if (rc != 0)
        return rc;
    admin_log(call, pool.name);
    return pool_json(call, &pool, &call->answer, reterr);
}
