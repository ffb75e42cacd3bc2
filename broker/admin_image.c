/* Golden images: the rows that the pool manager imports from. */
#include "broker/admin.h"
#include "broker/poolmgr_link.h"
#include "broker/when.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/model/pool.h"
#include "lib/store/store_image.h"

#include <string.h>

static json_t *image_json(const struct store_image *i)
{
    return json_pack("{s:s, s:I, s:s, s:I, s:s, s:s, s:I, s:s, s:s, s:s, s:I, s:o, s:o}", "name", i->name, "version",
                     (json_int_t)i->version, "state", i->state, "progress", (json_int_t)i->progress, "os", i->os_kind,
                     "format", i->format, "size_bytes", (json_int_t)i->virtual_size, "sha256", i->sha256, "path",
                     i->path, "error", i->error, "min_memory_mib", (json_int_t)i->min_memory_mib, "created_at",
                     when_json(i->created_at), "published_at", when_json(i->published_at));
}

void admin_image_list(struct call *call)
{
    struct store_image *images CLEANUP_FREE = NULL;
    struct error e = {0};
    size_t count = 0;
    int r = store_image_list(call->broker->store, call_query(call, "state"), &images, &count, &e);
    if (r < 0) {
        call_refuse_err(call, r, &e);
        return;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, image_json(&images[i]));
    call_reply(call, 200, json_pack("{s:o}", "images", list));
}

static bool absolute(const char *path)
{
    return path[0] == '\0' || path[0] == '/';
}

static int read_import(const json_t *body, struct store_image *image, struct error *e)
{
    strcpy(image->source_format, "qcow2");
    strcpy(image->os_kind, "linux");
    int r = doc_copy(body, "name", DOC_REQUIRED, image->name, sizeof(image->name), e);
    if (r == 0)
        r = doc_copy(body, "path", DOC_REQUIRED, image->source, sizeof(image->source), e);
    if (r == 0)
        r = doc_copy(body, "format", DOC_REQUIRED, image->source_format, sizeof(image->source_format), e);
    if (r == 0)
        r = doc_int(body, "version", DOC_OPTIONAL, 1, 1000000, &image->version, e);
    if (r == 0)
        r = doc_copy(body, "os", DOC_OPTIONAL, image->os_kind, sizeof(image->os_kind), e);
    if (r == 0)
        r = doc_copy(body, "kernel", DOC_OPTIONAL, image->kernel, sizeof(image->kernel), e);
    if (r == 0)
        r = doc_copy(body, "initrd", DOC_OPTIONAL, image->initrd, sizeof(image->initrd), e);
    if (r == 0)
        r = doc_copy(body, "cmdline", DOC_OPTIONAL, image->cmdline, sizeof(image->cmdline), e);
    return r;
}

static int check_import(struct store_image *image, struct error *e)
{
    static const char *const formats[] = {"qcow2", "raw", "vmdk", "vhdx"};
    bool known = false;
    for (size_t i = 0; i < ARRAY_LEN(formats); i++)
        known |= strcmp(formats[i], image->source_format) == 0;
    if (!text_is_name(image->name, 40))
        return err_set(e, ERR_INVALID, "a name has letters a-z, digits and inner hyphens, at most 40");
    if (!known)
        return err_set(e, ERR_INVALID, "the format must be qcow2, raw, vmdk or vhdx");
    if (strcmp(image->os_kind, "linux") != 0 && strcmp(image->os_kind, "windows") != 0)
        return err_set(e, ERR_INVALID, "the operating system must be linux or windows");
    if (image->source[0] != '/' || !absolute(image->kernel) || !absolute(image->initrd))
        return err_set(e, ERR_INVALID, "files are named by absolute paths on the pool manager's machine");
    if (image->kernel[0] == '\0' && (image->initrd[0] != '\0' || image->cmdline[0] != '\0'))
        return err_set(e, ERR_INVALID, "an initrd or a command line needs a kernel");
    strcpy(image->firmware, image->kernel[0] != '\0' ? "kernel" : "bios");
    strcpy(image->prep, strcmp(image->os_kind, "windows") == 0 ? "windows-local" : "linux-local");
    return 0;
}

void admin_image_import(struct call *call)
{
    static const char *const names[] = {"name", "path", "format", "version", "os", "kernel", "initrd", "cmdline", NULL};
    struct store_image image = {0};
    struct error e = {0};
    if (!call_body_only(call, names))
        return;
    int r = read_import(call->body, &image, &e);
    if (r == 0)
        r = check_import(&image, &e);
    if (r == 0)
        r = store_image_add(call->broker->store, &image, call->now_ms, &e);
    if (r < 0) {
        call_refuse_err(call, r, &e);
        return;
    }
    log_event(EV_ADMIN_ACT, LOG_STR("user", call->username), LOG_STR("act", "image import"),
              LOG_STR("object", image.name), LOG_INT("version", image.version));
    poolmgr_wake(call->broker->poolmgr);
    call_reply(call, 202, image_json(&image));
}

/* "debian-desktop@1"; without a version the newest published one. */
static int find_image(struct call *call, struct store_image *image, struct error *e)
{
    char name[STORE_NAME_SIZE];
    int64_t version = 0;
    int r = text_copy(name, sizeof(name), call_param(call, "name"));
    char *at = strchr(name, '@');
    if (r == 0 && at != NULL) {
        *at = '\0';
        r = text_to_int(at + 1, 1, 1000000, &version);
    }
    if (r < 0)
        return err_set(e, ERR_INVALID, "an image is named NAME@VERSION");
    return store_image_get(call->broker->store, name, version, image, e);
}

void admin_image_show(struct call *call)
{
    struct store_image image = {0};
    struct error e = {0};
    int r = find_image(call, &image, &e);
    if (r < 0)
        call_refuse_err(call, r, &e);
    else
        call_reply(call, 200, image_json(&image));
}

void admin_image_publish(struct call *call)
{
    struct store_image image = {0};
    struct error e = {0};
    int r = find_image(call, &image, &e);
    if (r == 0 && strcmp(image.state, IMAGE_STATE_PUBLISHED) != 0) {
        r = store_image_move(call->broker->store, 0, image.name, image.version, IMAGE_STATE_SEALED,
                             IMAGE_STATE_PUBLISHED, NULL, call->now_ms, &e);
        if (r == ERR_CONFLICT)
            err_set(&e, r, "only a sealed image can be published; %s@%lld is %s", image.name, (long long)image.version,
                    image.state);
        if (r == 0)
            r = store_image_get(call->broker->store, image.name, image.version, &image, &e);
    }
    if (r < 0) {
        call_refuse_err(call, r, &e);
        return;
    }
    log_event(EV_ADMIN_ACT, LOG_STR("user", call->username), LOG_STR("act", "image publish"),
              LOG_STR("object", image.name), LOG_INT("version", image.version));
    poolmgr_wake(call->broker->poolmgr);
    call_reply(call, 200, image_json(&image));
}
