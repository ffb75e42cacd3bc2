/* Pools: what they are made of and how large they are. */
#include "broker/admin.h"
#include "broker/poolmgr_link.h"
#include "broker/when.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/model/pool.h"
#include "lib/store/store_desktop.h"
#include "lib/store/store_image.h"
#include "lib/store/store_pool.h"

#include <string.h>

/* The newest failure of a desktop of the pool: why it is not at its size. */
static void find_note(struct call *call, const char *pool, char *ret, size_t size)
{
    const struct store_desktop_filter filter = {.pool = pool};
    struct store_desktop *desktops CLEANUP_FREE = NULL;
    size_t count = 0;
    int64_t newest = 0;
    ret[0] = '\0';
    if (store_desktop_list(call->broker->store, &filter, NULL, &desktops, &count, NULL) < 0)
        return;
    for (size_t i = 0; i < count; i++) {
        if (desktops[i].error[0] == '\0' || desktops[i].state == DESKTOP_READY || desktops[i].state_at < newest)
            continue;
        newest = desktops[i].state_at;
        snprintf(ret, size, "%s: %s", desktops[i].name, desktops[i].error);
    }
}

static json_t *pool_json(struct call *call, const struct store_pool *p)
{
    struct store_pool_counts counts = {0};
    char image[STORE_NAME_SIZE + 24], note[STORE_TEXT_SIZE + STORE_NAME_SIZE];
    store_pool_counts(call->broker->store, p->name, &counts, NULL);
    snprintf(image, sizeof(image), "%s@%lld", p->image, (long long)p->image_version);
    find_note(call, p->name, note, sizeof(note));
    json_t *json =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:s, s:s, s:I, s:I, s:b}", "name",
                  p->name, "description", p->description, "kind", p->kind, "state", p->state, "image", image, "network",
                  p->network, "host", p->host, "memory_mib", (json_int_t)p->memory_mib, "vcpus", (json_int_t)p->vcpus,
                  "min", (json_int_t)p->size_min, "max", (json_int_t)p->size_max, "spare", (json_int_t)p->spare,
                  "credentials", p->credentials, "security", p->security, "grace_s", (json_int_t)p->grace_s, "idle_s",
                  (json_int_t)p->idle_s, "bind_address", (int)p->bind_address);
    if (json == NULL)
        return NULL;
    json_object_set_new(json, "ready", json_integer(counts.ready_free));
    json_object_set_new(json, "used", json_integer(counts.taken));
    json_object_set_new(json, "queued", json_integer(counts.waiting));
    json_object_set_new(json, "sessions", json_integer(counts.sessions));
    json_object_set_new(json, "boot_ms", json_integer(p->boot_ms));
    json_object_set_new(json, "note", json_string(note));
    json_object_set_new(json, "error", json_string(note));
    json_object_set_new(json, "created_at", when_json(p->created_at));
    return json;
}

void admin_pool_list(struct call *call)
{
    struct store_pool *pools CLEANUP_FREE = NULL;
    struct error e = {0};
    size_t count = 0;
    int r = store_pool_list(call->broker->store, &pools, &count, &e);
    if (r < 0) {
        call_refuse_err(call, r, &e);
        return;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, pool_json(call, &pools[i]));
    call_reply(call, 200, json_pack("{s:o}", "pools", list));
}

static bool is_one_of(const char *word, const char *a, const char *b, const char *c)
{
    return strcmp(word, a) == 0 || strcmp(word, b) == 0 || (c != NULL && strcmp(word, c) == 0);
}

static int read_image(const json_t *body, enum doc_need need, struct store_pool *pool, struct error *e)
{
    const char *text = NULL;
    int r = doc_text(body, "image", need, 1, sizeof(pool->image) + 8, &text, e);
    if (r < 0 || text == NULL)
        return r;
    const char *at = strchr(text, '@');
    if (at == NULL || text_to_int(at + 1, 1, 1000000, &pool->image_version) < 0 ||
        (size_t)(at - text) >= sizeof(pool->image))
        return err_set(e, ERR_INVALID, "an image is named NAME@VERSION");
    snprintf(pool->image, sizeof(pool->image), "%.*s", (int)(at - text), text);
    return 0;
}

/* Members that may also be changed later. */
static int read_changeable(const json_t *body, struct store_pool *p, struct error *e)
{
    struct {
        const char *name;
        int64_t min, max;
        int64_t *field;
    } numbers[] = {{"min", 0, 10000, &p->size_min},     {"max", 0, 10000, &p->size_max},
                   {"spare", 0, 10000, &p->spare},      {"memory_mib", 64, 1 << 20, &p->memory_mib},
                   {"vcpus", 1, 256, &p->vcpus},        {"grace_s", 0, 7 * 86400, &p->grace_s},
                   {"idle_s", 0, 7 * 86400, &p->idle_s}};
    int r = 0;
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(numbers); i++)
        r = doc_int(body, numbers[i].name, DOC_OPTIONAL, numbers[i].min, numbers[i].max, numbers[i].field, e);
    if (r == 0)
        r = doc_copy(body, "description", DOC_OPTIONAL, p->description, sizeof(p->description), e);
    if (r == 0)
        r = doc_copy(body, "state", DOC_OPTIONAL, p->state, sizeof(p->state), e);
    if (r == 0)
        r = doc_bool(body, "bind_address", DOC_OPTIONAL, &p->bind_address, e);
    if (r == 0 && p->state[0] != '\0' && !is_one_of(p->state, POOL_STATE_OPEN, POOL_STATE_CLOSED, NULL))
        r = err_set(e, ERR_INVALID, "the state of a pool is open or closed");
    return r;
}

static int check_sizes(const struct store_pool *p, struct error *e)
{
    if (p->size_max < 1)
        return err_set(e, ERR_INVALID, "max must be at least 1");
    if (p->size_min > p->size_max || p->spare > p->size_max)
        return err_set(e, ERR_INVALID, "min and spare must not be more than max (%lld)", (long long)p->size_max);
    return 0;
}

static int read_pool(const json_t *body, struct store_pool *p, struct error *e)
{
    *p = (struct store_pool){.kind = POOL_KIND_FLOATING,
                             .credentials = POOL_CREDENTIALS_SESSION,
                             .security = POOL_SECURITY_TLS,
                             .network = "default",
                             .memory_mib = 2048,
                             .vcpus = 1,
                             .size_min = 1,
                             .spare = 1,
                             .grace_s = 3600};
    struct {
        const char *name;
        enum doc_need need;
        char *field;
        size_t size;
    } texts[] = {{"name", DOC_REQUIRED, p->name, sizeof(p->name)},
                 {"kind", DOC_OPTIONAL, p->kind, sizeof(p->kind)},
                 {"network", DOC_OPTIONAL, p->network, sizeof(p->network)},
                 {"host", DOC_OPTIONAL, p->host, sizeof(p->host)},
                 {"credentials", DOC_OPTIONAL, p->credentials, sizeof(p->credentials)},
                 {"security", DOC_OPTIONAL, p->security, sizeof(p->security)}};
    int r = read_image(body, DOC_REQUIRED, p, e);
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(texts); i++)
        r = doc_copy(body, texts[i].name, texts[i].need, texts[i].field, texts[i].size, e);
    if (r == 0)
        r = read_changeable(body, p, e);
    if (r == 0 && p->size_max == 0)
        p->size_max = p->size_min + p->spare;
    return r;
}

static int check_pool(struct call *call, const struct store_pool *p, struct error *e)
{
    struct store_image image = {0};
    if (!text_is_name(p->name, 40))
        return err_set(e, ERR_INVALID, "a name has letters a-z, digits and inner hyphens, at most 40");
    if (strcmp(p->kind, POOL_KIND_FLOATING) != 0)
        return err_set(e, ERR_INVALID, "the kind of a pool must be floating in this version");
    if (!is_one_of(p->credentials, POOL_CREDENTIALS_SESSION, POOL_CREDENTIALS_NONE, NULL))
        return err_set(e, ERR_INVALID, "credentials must be session-password or none");
    if (!is_one_of(p->security, POOL_SECURITY_TLS, POOL_SECURITY_RAW, NULL))
        return err_set(e, ERR_INVALID, "security must be tls or raw");
    int r = store_image_get(call->broker->store, p->image, p->image_version, &image, e);
    if (r == ERR_NOT_FOUND)
        return err_set(e, ERR_NOT_FOUND, "there is no image %s@%lld", p->image, (long long)p->image_version);
    if (r == 0 && strcmp(image.state, IMAGE_STATE_PUBLISHED) != 0)
        return err_set(e, ERR_ILLEGAL_MOVE, "image %s@%lld is %s; publish it first", p->image,
                       (long long)p->image_version, image.state);
    return r < 0 ? r : check_sizes(p, e);
}

static void pool_written(struct call *call, const char *act, const struct store_pool *pool, int status)
{
    log_event(EV_ADMIN_ACT, LOG_STR("user", call->username), LOG_STR("act", act), LOG_STR("object", pool->name),
              LOG_INT("min", pool->size_min), LOG_INT("max", pool->size_max), LOG_INT("spare", pool->spare));
    poolmgr_wake(call->broker->poolmgr);
    call_reply(call, status, pool_json(call, pool));
}

void admin_pool_create(struct call *call)
{
    static const char *const names[] = {"name",    "image",       "kind",         "min",      "max",    "spare",
                                        "network", "memory_mib",  "vcpus",        "host",     "state",  "credentials",
                                        "grace_s", "description", "bind_address", "security", "idle_s", NULL};
    struct store_pool pool;
    struct error e = {0};
    if (!call_body_only(call, names))
        return;
    int r = read_pool(call->body, &pool, &e);
    if (r == 0)
        r = check_pool(call, &pool, &e);
    if (r == 0)
        r = store_pool_add(call->broker->store, &pool, call->now_ms, &e);
    if (r < 0)
        call_refuse_err(call, r, &e);
    else
        pool_written(call, "pool create", &pool, 201);
}

void admin_pool_show(struct call *call)
{
    struct store_pool pool = {0};
    struct error e = {0};
    int r = store_pool_get(call->broker->store, call_param(call, "name"), &pool, &e);
    if (r < 0)
        call_refuse_err(call, r, &e);
    else
        call_reply(call, 200, pool_json(call, &pool));
}

void admin_pool_change(struct call *call)
{
    static const char *const names[] = {"min",    "max",         "spare",        "memory_mib", "vcpus", "grace_s",
                                        "idle_s", "description", "bind_address", "state",      NULL};
    struct store_pool pool = {0};
    struct error e = {0};
    if (!call_body_only(call, names))
        return;
    int r = store_pool_get(call->broker->store, call_param(call, "name"), &pool, &e);
    if (r == 0)
        r = read_changeable(call->body, &pool, &e);
    if (r == 0)
        r = check_sizes(&pool, &e);
    if (r == 0)
        r = store_pool_update(call->broker->store, &pool, call->now_ms, &e);
    if (r < 0)
        call_refuse_err(call, r, &e);
    else
        pool_written(call, "pool change", &pool, 200);
}
