#include "broker/admin_api.h"

#include "broker/admin_json.h"
#include "broker/when.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/model/pool.h"

#include <stdio.h>
#include <string.h>

#define NAME_MAX_BYTES 40
#define VERSION_MAX    1000000

void admin_log(const struct call *call, const char *what)
{
    log_event(EV_ADMIN_CHANGE, LOG_STR("by", call_who(call)), LOG_STR("call", call->endpoint->name),
              LOG_STR("what", what), LOG_STR("address", call->address));
}

bool admin_wake_after(struct call *call)
{
    broker_wake_poolmgr(call->broker);
    return false;
}

int admin_image_name(const char *text, char ret_name[STORE_NAME_SIZE], int64_t *ret_version, struct error *reterr)
{
    char name[STORE_NAME_SIZE];
    int64_t version = 0;
    const char *at = strchr(text, '@');
    size_t len = at != NULL ? (size_t)(at - text) : strlen(text);
    if (len >= sizeof(name) || (at != NULL && text_to_int(at + 1, 1, VERSION_MAX, &version) != 0))
        return err_set(reterr, ERR_INVALID, "an image is named NAME@VERSION, such as debian@1");
    memcpy(name, text, len);
    name[len] = '\0';
    if (!text_is_name(name, NAME_MAX_BYTES))
        return err_set(reterr, ERR_INVALID, "an image is named NAME@VERSION, such as debian@1");
    memcpy(ret_name, name, sizeof(name));
    *ret_version = version;
    return 0;
}

static int copy_name(const json_t *doc, char ret[STORE_NAME_SIZE], struct error *reterr)
{
    int rc = doc_copy(doc, "name", DOC_REQUIRED, ret, STORE_NAME_SIZE, reterr);
    if (rc == 0 && !text_is_name(ret, NAME_MAX_BYTES))
        rc = err_set(reterr, ERR_INVALID, "\"name\" must be 1 to %d of a-z, 0-9 and '-', and begin with a letter",
                     NAME_MAX_BYTES);
    return rc;
}

static int copy_word(const json_t *doc, const char *name, enum doc_need need, const char *const *words, char *ret,
                     size_t size, struct error *reterr)
{
    int rc = doc_copy(doc, name, need, ret, size, reterr);
    if (rc != 0)
        return rc;
    for (; *words != NULL; words++)
        if (strcmp(*words, ret) == 0)
            return 0;
    return err_set(reterr, ERR_INVALID, "\"%s\" is not one of the words that are known here", name);
}

static int copy_path(const json_t *doc, const char *name, enum doc_need need, char *ret, size_t size,
                     struct error *reterr)
{
    int rc = doc_copy(doc, name, need, ret, size, reterr);
    if (rc == 0 && *ret != '\0' && *ret != '/')
        rc = err_set(reterr, ERR_INVALID, "\"%s\" must be an absolute path on the pool manager's machine", name);
    return rc;
}

/* ---- images */

int admin_images_work(struct call *call, struct error *reterr)
{
    struct store_image *rows CLEANUP_FREE = NULL;
    size_t count = 0;
    int rc = store_image_list(call->broker->store, NULL, &rows, &count, reterr);
    if (rc != 0)
        return rc;
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, admin_image_json(&rows[i]));
    call->answer = json_pack("{so}", "images", list);
    return 0;
}

static int read_image(const json_t *doc, struct store_image *image, struct error *reterr)
{
    static const char *const known[] = {"name", "path", "format", "version", "os", "kernel", "initrd", "cmdline", NULL};
    static const char *const formats[] = {"qcow2", "raw", NULL}, *const systems[] = {"linux", "windows", NULL};
    text_copy(image->os_kind, sizeof(image->os_kind), "linux");
    int rc = doc_only(doc, known, reterr);
    if (rc == 0)
        rc = copy_name(doc, image->name, reterr);
    if (rc == 0)
        rc = copy_path(doc, "path", DOC_REQUIRED, image->source, sizeof(image->source), reterr);
    if (rc == 0)
        rc =
            copy_word(doc, "format", DOC_REQUIRED, formats, image->source_format, sizeof(image->source_format), reterr);
    if (rc == 0)
        rc = doc_int(doc, "version", DOC_OPTIONAL, 1, VERSION_MAX, &image->version, reterr);
    if (rc == 0)
        rc = copy_word(doc, "os", DOC_OPTIONAL, systems, image->os_kind, sizeof(image->os_kind), reterr);
    if (rc == 0)
        rc = copy_path(doc, "kernel", DOC_OPTIONAL, image->kernel, sizeof(image->kernel), reterr);
    if (rc == 0)
        rc = copy_path(doc, "initrd", DOC_OPTIONAL, image->initrd, sizeof(image->initrd), reterr);
    if (rc == 0)
        rc = doc_copy(doc, "cmdline", DOC_OPTIONAL, image->cmdline, sizeof(image->cmdline), reterr);
    if (rc == 0 && image->kernel[0] == '\0' && (image->initrd[0] != '\0' || image->cmdline[0] != '\0'))
        rc = err_set(reterr, ERR_INVALID, "\"initrd\" and \"cmdline\" need a \"kernel\"");
    return rc;
}

int admin_image_add_work(struct call *call, struct error *reterr)
{
    struct store_image image = {0};
    int rc = read_image(call_doc(call), &image, reterr);
    if (rc != 0)
        return rc;
    text_copy(image.prep, sizeof(image.prep), strcmp(image.os_kind, "linux") == 0 ? "linux-local" : "windows-local");
    text_copy(image.firmware, sizeof(image.firmware), image.kernel[0] != '\0' ? "kernel" : "bios");
    rc = store_image_add(call->broker->store, &image, clock_wall_ms(), reterr);
    if (rc == ERR_EXISTS)
        return call_refuse(call, 409, "exists", "There is an image %s@%lld already.", image.name,
                           (long long)image.version);
    if (rc != 0)
        return rc;
    admin_log(call, image.name);
    call->status = 201;
    call->answer = admin_image_json(&image);
    return 0;
}

static int find_image(struct call *call, struct store_image *ret, struct error *reterr)
{
    char name[STORE_NAME_SIZE];
    int64_t version = 0;
    int rc = admin_image_name(call_param(call, CALL_IMAGE), name, &version, reterr);
    if (rc == 0)
        rc = store_image_get(call->broker->store, name, version, ret, reterr);
    if (rc == ERR_NOT_FOUND)
        return call_refuse(call, 404, "no_image", "There is no image \"%.80s\".", call_param(call, CALL_IMAGE));
    return rc;
}

int admin_image_work(struct call *call, struct error *reterr)
{
    struct store_image image;
    int rc = find_image(call, &image, reterr);
    if (rc == 0)
        call->answer = admin_image_json(&image);
    return rc;
}

int admin_image_publish_work(struct call *call, struct error *reterr)
{
    struct store_image image;
    int rc = find_image(call, &image, reterr);
    if (rc == 0 && strcmp(image.state, IMAGE_STATE_PUBLISHED) != 0)
        rc = store_image_move(call->broker->store, 0, image.name, image.version, IMAGE_STATE_SEALED,
                              IMAGE_STATE_PUBLISHED, NULL, clock_wall_ms(), reterr);
    if (rc == ERR_CONFLICT)
        return call_refuse(call, 409, "image_not_sealed", "%s@%lld is %s; only a sealed image can be published.",
                           image.name, (long long)image.version, image.state);
    if (rc == 0)
        rc = store_image_get(call->broker->store, image.name, image.version, &image, reterr);
    if (rc != 0)
        return rc;
    admin_log(call, image.name);
    call->answer = admin_image_json(&image);
    return 0;
}

/* ---- hosts */

static int count_desktops(struct call *call, const char *host, size_t *ret, struct error *reterr)
{
    struct store_desktop *rows CLEANUP_FREE = NULL;
    struct store_desktop_filter filter = {.host = host};
    return store_desktop_list(call->broker->store, &filter, NULL, &rows, ret, reterr);
}

int admin_hosts_work(struct call *call, struct error *reterr)
{
    struct store_host *rows CLEANUP_FREE = NULL;
    size_t count = 0;
    int rc = store_host_list(call->broker->store, &rows, &count, reterr);
    json_t *list CLEANUP(doc_freep) = json_array();
    for (size_t i = 0; i < count && rc == 0; i++) {
        size_t desktops = 0;
        rc = count_desktops(call, rows[i].name, &desktops, reterr);
        json_array_append_new(list, admin_host_json(&rows[i], desktops));
    }
    if (rc == 0)
        call->answer = json_pack("{sO}", "hosts", list);
    return rc;
}

int admin_host_add_work(struct call *call, struct error *reterr)
{
    static const char *const known[] = {"name", "uri", "labels", "max_desktops", NULL};
    struct store_host host = {0};
    const json_t *doc = call_doc(call);
    int rc = doc_only(doc, known, reterr);
    if (rc == 0)
        rc = copy_name(doc, host.name, reterr);
    if (rc == 0)
        rc = doc_copy(doc, "uri", DOC_REQUIRED, host.uri, sizeof(host.uri), reterr);
    if (rc == 0 && strchr(host.uri, ':') == NULL)
        rc = err_set(reterr, ERR_INVALID, "\"uri\" must be a hypervisor's URI, such as qemu:///system");
    if (rc == 0)
        rc = doc_copy(doc, "labels", DOC_OPTIONAL, host.labels, sizeof(host.labels), reterr);
    if (rc == 0)
        rc = doc_int(doc, "max_desktops", DOC_OPTIONAL, 0, 100000, &host.max_desktops, reterr);
    if (rc == 0)
        rc = store_host_add(call->broker->store, &host, clock_wall_ms(), reterr);
    if (rc == ERR_EXISTS)
        return call_refuse(call, 409, "exists", "There is a host \"%s\" already.", host.name);
    if (rc == 0)
        rc = store_host_get(call->broker->store, host.name, &host, reterr);
    if (rc != 0)
        return rc;
    admin_log(call, host.name);
    call->status = 201;
    call->answer = admin_host_json(&host, 0);
    return 0;
}

/* ---- entitlements */

int admin_entitlements_work(struct call *call, struct error *reterr)
{
    struct store_entitlement *rows CLEANUP_FREE = NULL;
    size_t count = 0;
    const char *pool = call_param(call, CALL_POOL);
    int rc = store_entitlement_list(call->broker->store, *pool != '\0' ? pool : NULL, &rows, &count, reterr);
    if (rc != 0)
        return rc;
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, admin_entitlement_json(&rows[i]));
    call->answer = json_pack("{so}", "entitlements", list);
    return 0;
}

struct grant {
    const char *pool, *kind, *subject;
};

static int one_subject(const char *group, const char *user, struct grant *ret, struct error *reterr)
{
    if ((group != NULL) == (user != NULL))
        return err_set(reterr, ERR_INVALID, "exactly one of \"group\" and \"user\" is expected");
    ret->kind = group != NULL ? STORE_ENTITLEMENT_GROUP : STORE_ENTITLEMENT_USER;
    ret->subject = group != NULL ? group : user;
    return 0;
}

int admin_entitlement_add_work(struct call *call, struct error *reterr)
{
    static const char *const known[] = {"pool", "group", "user", NULL};
    const json_t *doc = call_doc(call);
    const char *group = NULL, *user = NULL;
    struct grant grant = {0};
    int64_t now = clock_wall_ms();
    int rc = doc_only(doc, known, reterr);
    if (rc == 0)
        rc = doc_text(doc, "pool", DOC_REQUIRED, 1, STORE_NAME_SIZE - 1, &grant.pool, reterr);
    if (rc == 0)
        rc = doc_text(doc, "group", DOC_OPTIONAL, 1, STORE_SUBJECT_SIZE - 1, &group, reterr);
    if (rc == 0)
        rc = doc_text(doc, "user", DOC_OPTIONAL, 1, STORE_SUBJECT_SIZE - 1, &user, reterr);
    if (rc == 0)
        rc = one_subject(group, user, &grant, reterr);
    if (rc == 0)
        rc = store_entitlement_add(call->broker->store, grant.pool, grant.kind, grant.subject, now, reterr);
    if (rc == ERR_EXISTS)
        return call_refuse(call, 409, "exists", "%s \"%s\" may use \"%s\" already.", group != NULL ? "Group" : "User",
                           grant.subject, grant.pool);
    if (rc == ERR_NOT_FOUND)
        return call_refuse(call, 404, "no_pool", "There is no pool \"%s\".", grant.pool);
    if (rc != 0)
        return rc;
    admin_log(call, grant.subject);
    call->status = 201;
    call->answer = json_pack("{ss ss ss so}", "pool", grant.pool, "kind", grant.kind, "name", grant.subject,
                             "created_at", when_json(now));
    return 0;
}

int admin_entitlement_remove_work(struct call *call, struct error *reterr)
{
    struct grant grant = {.pool = call_param(call, CALL_POOL)};
    int rc = one_subject(call->params[CALL_GROUP], call->params[CALL_USER], &grant, reterr);
    if (rc == 0)
        rc = store_entitlement_remove(call->broker->store, grant.pool, grant.kind, grant.subject, reterr);
    if (rc == ERR_NOT_FOUND)
        return call_refuse(call, 404, "not_found", "There is no such entitlement to \"%.63s\".", grant.pool);
    if (rc == 0)
        admin_log(call, grant.subject);
    return rc;
}
