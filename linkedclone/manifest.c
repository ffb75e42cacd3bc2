#include "linkedclone/manifest.h"

#include "lib/base/mem.h"

#include <jansson.h>
#include <string.h>

#define FORMAT_VERSION 1

const char *const manifest_files[MANIFEST_PARTS] = {
    [MANIFEST_DISK] = "disk.qcow2", [MANIFEST_KERNEL] = "vmlinuz", [MANIFEST_INITRD] = "initrd"};

int manifest_write(const struct manifest *manifest, char **ret_text, struct error *reterr)
{
    json_auto_t *files = json_object();
    for (size_t i = 0; i < MANIFEST_PARTS; i++)
        if (manifest->files[i].present)
            json_object_set_new(files, manifest_files[i],
                                json_pack("{s:I, s:s}", "size", (json_int_t)manifest->files[i].size, "sha256",
                                          manifest->files[i].sha256));
    json_auto_t *root = json_pack("{s:i, s:I, s:I, s:I, s:b, s:O}", "manifest", FORMAT_VERSION, "virtual_size",
                                  (json_int_t)manifest->virtual_size, "uid", (json_int_t)manifest->uid, "gid",
                                  (json_int_t)manifest->gid, "verity", (int)manifest->verity, "files", files);
    char *text CLEANUP_FREE = root != NULL ? json_dumps(root, JSON_INDENT(2)) : NULL;
    char *line = text != NULL ? mem_printf("%s\n", text) : NULL;
    if (line == NULL)
        return err_set(reterr, ERR_NOMEM, "no memory for a manifest");
    *ret_text = line;
    return 0;
}

static bool read_number(const json_t *object, const char *key, uint64_t max, uint64_t *ret)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_integer(value) || json_integer_value(value) < 0 || (uint64_t)json_integer_value(value) > max)
        return false;
    *ret = (uint64_t)json_integer_value(value);
    return true;
}

static bool is_digest(const char *text)
{
    return text != NULL && strlen(text) == ID_HASH_SIZE - 1 && strspn(text, "0123456789abcdef") == ID_HASH_SIZE - 1;
}

static bool read_file(const json_t *files, const char *name, struct manifest_file *ret)
{
    const json_t *file = json_object_get(files, name);
    if (file == NULL)
        return true;
    const char *digest = json_string_value(json_object_get(file, "sha256"));
    if (!is_digest(digest) || !read_number(file, "size", INT64_MAX, &ret->size))
        return false;
    memcpy(ret->sha256, digest, ID_HASH_SIZE);
    ret->present = true;
    return true;
}

int manifest_read(const char *text, size_t len, struct manifest *ret, struct error *reterr)
{
    struct manifest manifest = {0};
    uint64_t version = 0, uid = 0, gid = 0;
    json_auto_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    if (!read_number(root, "manifest", FORMAT_VERSION, &version) || version != FORMAT_VERSION)
        return err_set(reterr, ERR_IMAGE, "the image's manifest is not of version %d", FORMAT_VERSION);
    bool good = read_number(root, "virtual_size", INT64_MAX, &manifest.virtual_size) &&
                read_number(root, "uid", UINT32_MAX, &uid) && read_number(root, "gid", UINT32_MAX, &gid);
    const json_t *files = json_object_get(root, "files");
    for (size_t i = 0; good && i < MANIFEST_PARTS; i++)
        good = read_file(files, manifest_files[i], &manifest.files[i]);
    if (!good || !manifest.files[MANIFEST_DISK].present)
        return err_set(reterr, ERR_IMAGE, "the image's manifest is damaged");
    manifest.uid = (uint32_t)uid;
    manifest.gid = (uint32_t)gid;
    manifest.verity = json_is_true(json_object_get(root, "verity"));
    *ret = manifest;
    return 0;
}
