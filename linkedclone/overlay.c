#include "linkedclone/overlay.h"

#include "lib/base/id.h"
#include "lib/base/text.h"
#include "linkedclone/command.h"
#include "linkedclone/durable.h"
#include "linkedclone/folder.h"
#include "linkedclone/qcow2.h"
#include "linkedclone/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE             4096
#define FILE_MAX         (4 * 1048576) /* an empty overlay has 196 KiB */
#define RUNS_MAX         64
#define SUFFIX           ".clone"
#define QEMU_IMG_MS      60000
#define OPEN_AT_ONCE_MAX 256 /* descriptors of one batch; the usual limit of a process is 1024 */

/* Neighbouring non-zero pages. */
struct run {
    size_t at, len;
};

struct overlay_template {
    char base[PATH_MAX];
    char format[16];
    uint64_t virtual_size;
    struct stat base_stat; /* what the base was */
    char *file;            /* the whole overlay */
    size_t file_size;
    struct run runs[RUNS_MAX];
    size_t run_count;
};

/* -- the base -- */

static int stat_base(const char *path, struct stat *ret, struct error *reterr)
{
    if (lstat(path, ret) < 0)
        return err_set_errno(reterr, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "looking at the image %.200s",
                             path);
    if (!S_ISREG(ret->st_mode))
        return err_set(reterr, ERR_IMAGE, "the image %.200s is not a regular file", path);
    return 0;
}

static int read_base(struct overlay_template *t, struct error *reterr)
{
    struct qcow2_header header;
    if (strcmp(t->format, "raw") == 0)
        return t->virtual_size != 0 ? 0 : err_set(reterr, ERR_INVALID, "clones of a raw image need a size");
    int fd CLEANUP_CLOSE = open(t->base, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return err_set_errno(reterr, ERR_IO, errno, "opening the image %.200s", t->base);
    int rc = qcow2_read(fd, &header, reterr);
    if (rc < 0)
        return rc;
    if (header.corrupt || header.dirty)
        return err_set(reterr, ERR_IMAGE, "the image %.200s is marked as damaged", t->base);
    if (t->virtual_size == 0)
        t->virtual_size = header.virtual_size;
    if (t->virtual_size < header.virtual_size)
        return err_set(reterr, ERR_IMAGE, "clones must not be smaller than their image (%" PRIu64 " bytes)",
                       header.virtual_size);
    return 0;
}

int overlay_template_check(const struct overlay_template *t, struct error *reterr)
{
    struct stat now;
    int rc = stat_base(t->base, &now, reterr);
    if (rc < 0)
        return rc == ERR_NOT_FOUND ? err_set(reterr, ERR_IMAGE, "the image %.200s is gone", t->base) : rc;
    const struct stat *then = &t->base_stat;
    bool same = now.st_dev == then->st_dev && now.st_ino == then->st_ino && now.st_size == then->st_size &&
                now.st_mtim.tv_sec == then->st_mtim.tv_sec && now.st_mtim.tv_nsec == then->st_mtim.tv_nsec;
    return same ? 0 : err_set(reterr, ERR_IMAGE, "the image %.200s has changed", t->base);
}

/* -- the template -- */

static int check_header(const struct overlay_template *t, int fd, const char *name, struct error *reterr)
{
    struct qcow2_header header;
    int rc = qcow2_read(fd, &header, reterr);
    if (rc < 0)
        return rc;
    const char *wrong = NULL;
    if (header.version != 3)
        wrong = "is of an old version";
    else if (strcmp(header.backing, t->base) != 0)
        wrong = "has another backing file";
    else if (strcmp(header.backing_format, t->format) != 0)
        wrong = "names another backing format";
    else if (header.virtual_size != t->virtual_size)
        wrong = "has another size";
    else if (header.data_file || header.crypt_method != 0 || header.corrupt)
        wrong = "is not a plain overlay";
    return wrong == NULL ? 0 : err_set(reterr, ERR_IMAGE, "the clone %.150s %s", name, wrong);
}

static int run_qemu_img(const char *const *argv, struct error *reterr)
{
    struct command command = {.argv = argv, .deadline_ms = QEMU_IMG_MS};
    return command_run(&command, reterr);
}

static int make_first(const struct overlay_template *t, const char *path, struct error *reterr)
{
    char size[32];
    snprintf(size, sizeof(size), "%" PRIu64, t->virtual_size);
    const char *create[] = {"qemu-img", "create", "-q", "-f",      "qcow2", "-o", "compat=1.1",
                            "-b",       t->base,  "-F", t->format, path,    size, NULL};
    const char *check[] = {"qemu-img", "check", "-q", "-f", "qcow2", path, NULL};
    int rc = run_qemu_img(create, reterr);
    return rc < 0 ? rc : run_qemu_img(check, reterr);
}

static bool is_zero(const char *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (data[i] != 0)
            return false;
    return true;
}

static int find_runs(struct overlay_template *t, struct error *reterr)
{
    for (size_t at = 0; at < t->file_size; at += PAGE) {
        size_t len = t->file_size - at < PAGE ? t->file_size - at : PAGE;
        if (is_zero(t->file + at, len))
            continue;
        struct run *last = t->run_count > 0 ? &t->runs[t->run_count - 1] : NULL;
        if (last != NULL && last->at + last->len == at)
            last->len += len;
        else if (t->run_count < RUNS_MAX)
            t->runs[t->run_count++] = (struct run){at, len};
        else
            return err_set(reterr, ERR_IMAGE, "qemu-img made an overlay that is not empty");
    }
    return 0;
}

static int load_first(struct overlay_template *t, int fd, struct error *reterr)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return err_set_errno(reterr, ERR_IO, errno, "looking at the first overlay");
    if (st.st_size <= 0 || st.st_size > FILE_MAX)
        return err_set(reterr, ERR_IMAGE, "an overlay of that size needs more than %d bytes", FILE_MAX);
    t->file_size = (size_t)st.st_size;
    t->file = mem_zalloc(1, t->file_size);
    if (t->file == NULL)
        return err_set(reterr, ERR_NOMEM, "no memory for an overlay's template");
    for (size_t done = 0; done < t->file_size;) {
        ssize_t n = pread(fd, t->file + done, t->file_size - done, (off_t)done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return err_set_errno(reterr, ERR_IO, n < 0 ? errno : EIO, "reading the first overlay");
        done += (size_t)n;
    }
    return find_runs(t, reterr);
}

/* The file of qemu-img carries a name that overlay_cleanup removes, should we die before. */
static int learn(struct overlay_template *t, const char *work_dir, struct error *reterr)
{
    char id[ID_SIZE];
    id_new("t", id);
    char *path CLEANUP_FREE = mem_printf("%s/.%s" SUFFIX, work_dir, id);
    if (path == NULL)
        return err_set(reterr, ERR_NOMEM, "no memory for an overlay's template");
    int rc = make_first(t, path, reterr);
    int fd CLEANUP_CLOSE = rc == 0 ? open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC) : -1;
    if (rc == 0 && fd < 0)
        rc = err_set_errno(reterr, ERR_IO, errno, "opening the first overlay");
    if (rc == 0)
        rc = check_header(t, fd, path, reterr);
    if (rc == 0)
        rc = load_first(t, fd, reterr);
    unlink(path);
    return rc;
}

int overlay_template_new(const struct overlay_base *base, const char *work_dir, struct overlay_template **ret,
                         struct error *reterr)
{
    struct overlay_template *t CLEANUP(overlay_template_freep) = MEM_NEW(struct overlay_template);
    if (t == NULL)
        return err_set(reterr, ERR_NOMEM, "no memory for an overlay's template");
    if (base->path == NULL || base->path[0] != '/' || strlen(base->path) > QCOW2_BACKING_MAX ||
        text_copy(t->base, sizeof(t->base), base->path) < 0)
        return err_set(reterr, ERR_INVALID, "an image needs an absolute path of at most %d bytes", QCOW2_BACKING_MAX);
    if (base->format == NULL || (strcmp(base->format, "qcow2") != 0 && strcmp(base->format, "raw") != 0))
        return err_set(reterr, ERR_INVALID, "clones are made of qcow2 and raw images");
    text_copy(t->format, sizeof(t->format), base->format);
    t->virtual_size = base->virtual_size;
    int rc = stat_base(t->base, &t->base_stat, reterr);
    if (rc == 0)
        rc = read_base(t, reterr);
    if (rc == 0)
        rc = learn(t, work_dir, reterr);
    if (rc == 0)
        rc = overlay_template_check(t, reterr);
    if (rc == 0)
        *ret = TAKE_PTR(t);
    return rc;
}

void overlay_template_free(struct overlay_template *t)
{
    if (t != NULL)
        free(t->file);
    free(t);
}

/* -- clones -- */

struct batch {
    const struct overlay_template *t;
    const char *const *paths;
    size_t count;
    uid_t uid;
    gid_t gid;
    int dir;
    char (*names)[FOLDER_NAME_SIZE];       /* final names */
    char (*temporaries)[FOLDER_NAME_SIZE]; /* "" once renamed */
    size_t made;                           /* so many temporaries exist or were renamed */
};

static void batch_done(struct batch *b)
{
    mem_close_fd(&b->dir);
    free(b->names);
    free(b->temporaries);
}

static int name_clones(struct batch *b, struct error *reterr)
{
    char storage[PATH_MAX], first[PATH_MAX] = "";
    for (size_t i = 0; i < b->count; i++) {
        const char *dir, *name;
        struct stat st;
        int rc = folder_split(b->paths[i], storage, &dir, &name, reterr);
        if (rc < 0)
            return rc;
        if (i == 0) {
            text_copy(first, sizeof(first), dir);
            rc = folder_open(dir, &b->dir, reterr);
        } else if (strcmp(dir, first) != 0)
            rc = err_set(reterr, ERR_INVALID, "clones of one batch must lie in one folder");
        if (rc == 0)
            rc = folder_temporary(name, SUFFIX, b->temporaries[i], reterr);
        if (rc < 0)
            return rc;
        text_copy(b->names[i], FOLDER_NAME_SIZE, name);
        if (fstatat(b->dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
            return err_set(reterr, ERR_EXISTS, "the clone %.200s exists already", b->paths[i]);
    }
    return 0;
}

static int write_all(int fd, const char *data, size_t len, off_t at)
{
    while (len > 0) {
        ssize_t n = pwrite(fd, data, len, at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        data += n;
        at += n;
        len -= (size_t)n;
    }
    return 0;
}

/* A temporary of that name is left over from a crash: the leader is alone in this folder. */
static int create(const struct batch *b, const char *temporary)
{
    int fd = openat(b->dir, temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0 || errno != EEXIST || unlinkat(b->dir, temporary, 0) < 0)
        return fd;
    return openat(b->dir, temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
}

static int write_clone(const struct batch *b, int fd, struct error *reterr)
{
    const struct overlay_template *t = b->t;
    for (size_t i = 0; i < t->run_count; i++)
        if (write_all(fd, t->file + t->runs[i].at, t->runs[i].len, (off_t)t->runs[i].at) < 0)
            return err_set_errno(reterr, ERR_IO, errno, "writing a clone");
    if (ftruncate(fd, (off_t)t->file_size) < 0)
        return err_set_errno(reterr, ERR_IO, errno, "writing a clone");
    if ((b->uid != (uid_t)-1 || b->gid != (gid_t)-1) && fchown(fd, b->uid, b->gid) < 0)
        return err_set_errno(reterr, ERR_IO, errno, "giving a clone its owner");
    return 0;
}

/* Write from … to - 1, then wait for all of them. */
static int write_part(struct batch *b, size_t from, size_t to, struct error *reterr)
{
    int fds[OPEN_AT_ONCE_MAX] = {0};
    size_t opened = 0;
    int rc = 0;
    for (size_t i = from; rc == 0 && i < to; i++) {
        int fd = create(b, b->temporaries[i]);
        if (fd < 0) {
            rc = err_set_errno(reterr, ERR_IO, errno, "making the clone %.200s", b->paths[i]);
            break;
        }
        fds[opened++] = fd;
        b->made = i + 1;
        rc = write_clone(b, fd, reterr);
    }
    if (rc == 0)
        rc = durable_sync(fds, opened, reterr);
    for (size_t i = 0; i < opened; i++) {
        if (rc == 0)
            rc = check_header(b->t, fds[i], b->paths[from + i], reterr);
        close(fds[i]);
    }
    return rc;
}

static int publish(struct batch *b, struct error *reterr)
{
    for (size_t i = 0; i < b->count; i++) {
        if (renameat2(b->dir, b->temporaries[i], b->dir, b->names[i], RENAME_NOREPLACE) < 0)
            return errno == EEXIST ? err_set(reterr, ERR_EXISTS, "the clone %.200s exists already", b->paths[i])
                                   : err_set_errno(reterr, ERR_IO, errno, "naming the clone %.200s", b->paths[i]);
        b->temporaries[i][0] = '\0';
    }
    return folder_sync(b->dir, reterr);
}

static void undo(struct batch *b)
{
    for (size_t i = 0; i < b->made; i++)
        unlinkat(b->dir, b->temporaries[i][0] != '\0' ? b->temporaries[i] : b->names[i], 0);
}

int overlay_make_many(const struct overlay_template *t, const char *const *paths, size_t count, uid_t uid, gid_t gid,
                      struct error *reterr)
{
    if (count == 0)
        return 0;
    if (count > OVERLAY_BATCH_MAX)
        return err_set(reterr, ERR_TOO_BIG, "more than %d clones at once", OVERLAY_BATCH_MAX);
    struct batch b CLEANUP(batch_done) = {.t = t, .paths = paths, .count = count, .uid = uid, .gid = gid, .dir = -1};
    b.names = mem_zalloc(count, sizeof(*b.names));
    b.temporaries = mem_zalloc(count, sizeof(*b.temporaries));
    if (b.names == NULL || b.temporaries == NULL)
        return err_set(reterr, ERR_NOMEM, "no memory for %zu clones", count);
    int rc = overlay_template_check(t, reterr);
    if (rc == 0)
        rc = name_clones(&b, reterr);
    for (size_t from = 0; rc == 0 && from < count; from += OPEN_AT_ONCE_MAX)
        rc = write_part(&b, from, count - from < OPEN_AT_ONCE_MAX ? count : from + OPEN_AT_ONCE_MAX, reterr);
    if (rc == 0)
        rc = publish(&b, reterr);
    if (rc < 0)
        undo(&b);
    return rc;
}

int overlay_make(const struct overlay_template *t, const char *path, uid_t uid, gid_t gid, struct error *reterr)
{
    return overlay_make_many(t, &path, 1, uid, gid, reterr);
}

int overlay_check(const struct overlay_template *t, const char *path, struct error *reterr)
{
    struct stat st;
    int fd CLEANUP_CLOSE = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return err_set_errno(reterr, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "opening the clone %.200s", path);
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return err_set(reterr, ERR_IMAGE, "the clone %.200s is not a regular file", path);
    if ((uint64_t)st.st_size < t->file_size)
        return err_set(reterr, ERR_IMAGE, "the clone %.200s is cut short", path);
    return check_header(t, fd, path, reterr);
}

int overlay_remove(const char *path, struct error *reterr)
{
    char storage[PATH_MAX];
    const char *dir, *name;
    int dir_fd CLEANUP_CLOSE = -1;
    int rc = folder_split(path, storage, &dir, &name, reterr);
    if (rc == 0)
        rc = folder_open(dir, &dir_fd, reterr);
    if (rc < 0)
        return rc == ERR_NOT_FOUND ? 0 : rc;
    int fd CLEANUP_CLOSE = openat(dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : err_set_errno(reterr, ERR_IO, errno, "opening the clone %.200s", path);
    bool sealed = false;
    rc = seal_check(fd, &sealed, reterr);
    if (rc < 0)
        return rc;
    if (sealed)
        return err_set(reterr, ERR_SEALED, "%.200s is sealed: it is an image, not a clone", path);
    if (unlinkat(dir_fd, name, 0) < 0 && errno != ENOENT)
        return err_set_errno(reterr, ERR_IO, errno, "deleting the clone %.200s", path);
    return folder_sync(dir_fd, reterr);
}

static int remove_leftover(int dir_fd, const char *name, void *arg, struct error *reterr)
{
    size_t *removed = arg;
    if (!folder_is_temporary(name, SUFFIX))
        return 0;
    if (unlinkat(dir_fd, name, 0) < 0)
        return err_set_errno(reterr, ERR_IO, errno, "deleting %.200s", name);
    ++*removed;
    return 0;
}

int overlay_cleanup(const char *dir, size_t *ret_removed, struct error *reterr)
{
    size_t removed = 0;
    int rc = folder_each(dir, remove_leftover, &removed, reterr);
    if (rc == 0 && ret_removed != NULL)
        *ret_removed = removed;
    return rc;
}

/* -- owners -- */

static int find_user(const char *text, uid_t *ret_uid, gid_t *ret_gid)
{
    struct passwd entry, *found = NULL;
    char storage[4096];
    int64_t number;
    if (getpwnam_r(text, &entry, storage, sizeof(storage), &found) == 0 && found != NULL) {
        *ret_uid = entry.pw_uid;
        *ret_gid = entry.pw_gid;
        return 0;
    }
    if (text_to_int(text, 0, UINT32_MAX - 1, &number) < 0)
        return -1;
    *ret_uid = (uid_t)number;
    return 0;
}

static int find_group(const char *text, gid_t *ret)
{
    struct group entry, *found = NULL;
    char storage[16384];
    int64_t number;
    if (getgrnam_r(text, &entry, storage, sizeof(storage), &found) == 0 && found != NULL)
        *ret = entry.gr_gid;
    else if (text_to_int(text, 0, UINT32_MAX - 1, &number) == 0)
        *ret = (gid_t)number;
    else
        return -1;
    return 0;
}

int overlay_owner_parse(const char *text, uid_t *ret_uid, gid_t *ret_gid, struct error *reterr)
{
    char user[128];
    uid_t uid = (uid_t)-1;
    gid_t gid = (gid_t)-1;
    if (text_copy(user, sizeof(user), text) < 0)
        return err_set(reterr, ERR_CONFIG, "the owner's name is too long");
    char *group = strchr(user, ':');
    if (group != NULL)
        *group++ = '\0';
    if (find_user(user, &uid, &gid) < 0)
        return err_set(reterr, ERR_CONFIG, "there is no user \"%s\" on this machine", user);
    if (group != NULL && find_group(group, &gid) < 0)
        return err_set(reterr, ERR_CONFIG, "there is no group \"%s\" on this machine", group);
    *ret_uid = uid;
    *ret_gid = gid;
    return 0;
}
