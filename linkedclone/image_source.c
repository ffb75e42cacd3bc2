#include "linkedclone/image_source.h"

#include "lib/base/buf.h"
#include "lib/base/mem.h"
#include "linkedclone/command.h"
#include "linkedclone/qcow2.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ANSWER_MAX  1048576
#define QEMU_IMG_MS 300000

static int check_format(const char *format, struct error *reterr)
{
    static const char *const known[] = {"qcow2", "raw", "vmdk", "vhdx"};
    for (size_t i = 0; format != NULL && i < ARRAY_LEN(known); i++)
        if (strcmp(known[i], format) == 0)
            return 0;
    return err_set(reterr, ERR_INVALID, "the format must be named: qcow2, raw, vmdk or vhdx");
}

static int check_qcow2(int fd, struct error *reterr)
{
    struct qcow2_header header;
    int rc = qcow2_read(fd, &header, reterr);
    if (rc < 0)
        return rc;
    if (header.backing[0] != '\0')
        return err_set(reterr, ERR_IMAGE, "the image is itself an overlay of another file; flatten it first");
    if (header.data_file)
        return err_set(reterr, ERR_IMAGE, "the image keeps its data in another file");
    if (header.crypt_method != 0)
        return err_set(reterr, ERR_IMAGE, "the image is encrypted");
    if (header.corrupt)
        return err_set(reterr, ERR_IMAGE, "the image is marked as damaged");
    return 0;
}

/* Before any other program opens it. */
static int check_file(const char *path, const char *format, struct error *reterr)
{
    struct stat st;
    int fd CLEANUP_CLOSE = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return err_set_errno(reterr, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "opening %.200s", path);
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size == 0)
        return err_set(reterr, ERR_IMAGE, "%.200s is not a file with content", path);
    return strcmp(format, "qcow2") == 0 ? check_qcow2(fd, reterr) : 0;
}

static void collect(void *arg, const char *data, size_t len)
{
    (void)buf_append(arg, data, len); /* cut short, it is no JSON any more */
}

static int ask(const char *const *argv, const atomic_bool *cancel, struct buf *answer, struct error *reterr)
{
    struct command command = {
        .argv = argv, .deadline_ms = QEMU_IMG_MS, .cancel = cancel, .output = collect, .arg = answer};
    return command_run(&command, reterr);
}

/* Whether `file`, as QEMU names it, lies in the folder of `path`. */
static bool is_beside(const char *file, const char *path)
{
    size_t folder = (size_t)(strrchr(path, '/') - path) + 1;
    return strncmp(file, path, folder) == 0 && strchr(file + folder, '/') == NULL;
}

static const char *find_wrong(const json_t *info, const char *path, const char *format)
{
    const char *found = json_string_value(json_object_get(info, "format"));
    if (found == NULL || strcmp(found, format) != 0)
        return "qemu-img takes it for another format";
    if (json_object_get(info, "backing-filename") != NULL)
        return "it is itself an overlay of another file; flatten it first";
    if (json_is_true(json_object_get(info, "encrypted")))
        return "it is encrypted";
    const json_t *data = json_object_get(json_object_get(info, "format-specific"), "data");
    if (json_object_get(data, "data-file") != NULL)
        return "it keeps its data in another file";
    size_t i;
    const json_t *extent, *extents = json_object_get(data, "extents");
    json_array_foreach(extents, i, extent)
    {
        const char *file = json_string_value(json_object_get(extent, "filename"));
        if (file == NULL || !is_beside(file, path))
            return "it takes data from files outside its folder";
    }
    return NULL;
}

int image_source_judge(const char *text, size_t len, const char *path, const char *format, uint64_t *ret_virtual_size,
                       struct error *reterr)
{
    json_auto_t *info = json_loadb(text, len, 0, NULL);
    const json_t *size = json_object_get(info, "virtual-size");
    if (!json_is_integer(size) || json_integer_value(size) <= 0)
        return err_set(reterr, ERR_IMAGE, "qemu-img does not tell what %.150s is", path);
    const char *wrong = find_wrong(info, path, format);
    if (wrong != NULL)
        return err_set(reterr, ERR_IMAGE, "%.150s cannot be imported: %s", path, wrong);
    *ret_virtual_size = (uint64_t)json_integer_value(size);
    return 0;
}

static int inspect(const char *path, const char *format, const atomic_bool *cancel, uint64_t *ret, struct buf *answer,
                   struct error *reterr)
{
    const char *argv[] = {"qemu-img", "info", "--output=json", "-f", format, path, NULL};
    int rc = ask(argv, cancel, answer, reterr);
    return rc < 0 ? rc : image_source_judge(buf_str(answer), answer->len, path, format, ret, reterr);
}

static int measure(const char *path, const char *format, const atomic_bool *cancel, uint64_t *ret, struct buf *answer,
                   struct error *reterr)
{
    const char *argv[] = {"qemu-img", "measure", "--output=json", "-O", "qcow2", "-f", format, path, NULL};
    buf_reset(answer);
    int rc = ask(argv, cancel, answer, reterr);
    if (rc < 0)
        return rc;
    json_auto_t *told = json_loadb(buf_str(answer), answer->len, 0, NULL);
    const json_t *required = json_object_get(told, "required");
    if (!json_is_integer(required) || json_integer_value(required) < 0)
        return err_set(reterr, ERR_IMAGE, "qemu-img does not tell how big a copy of %.150s is", path);
    *ret = (uint64_t)json_integer_value(required);
    return 0;
}

int image_source_inspect(const char *path, const char *format, const atomic_bool *cancel, struct image_source *ret,
                         struct error *reterr)
{
    struct image_source source = {0};
    struct buf answer CLEANUP(buf_done);
    buf_init(&answer, ANSWER_MAX);
    if (path == NULL || path[0] != '/')
        return err_set(reterr, ERR_INVALID, "the image to import needs an absolute path");
    int rc = check_format(format, reterr);
    if (rc == 0)
        rc = check_file(path, format, reterr);
    if (rc == 0)
        rc = inspect(path, format, cancel, &source.virtual_size, &answer, reterr);
    if (rc == 0)
        rc = measure(path, format, cancel, &source.required, &answer, reterr);
    if (rc == 0)
        *ret = source;
    return rc;
}
