#include "linkedclone/image.h"

#include "lib/base/mem.h"
#include "lib/base/text.h"
#include "linkedclone/command.h"
#include "linkedclone/folder.h"
#include "linkedclone/image_source.h"
#include "linkedclone/manifest.h"
#include "linkedclone/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define SUFFIX        ".import"
#define BOOT_FILE_MAX (512 * 1048576L) /* kernels and initrds */

/* -- reading a version -- */

static int read_manifest(int dir, const char *what, struct manifest *ret, struct error *reterr)
{
    int fd CLEANUP_CLOSE = openat(dir, MANIFEST_NAME, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    char *text CLEANUP_FREE = mem_zalloc(1, MANIFEST_MAX);
    if (fd < 0)
        return err_set_errno(reterr, errno == ENOENT ? ERR_IMAGE : ERR_IO, errno, "the manifest of %.200s", what);
    if (text == NULL)
        return err_set(reterr, ERR_NOMEM, "no memory for a manifest");
    ssize_t len = read(fd, text, MANIFEST_MAX);
    if (len < 0)
        return err_set_errno(reterr, ERR_IO, errno, "reading the manifest of %.200s", what);
    return manifest_read(text, (size_t)len, ret, reterr);
}

static int stat_part(int dir, const struct manifest *m, enum manifest_part part, struct error *reterr)
{
    const char *name = manifest_files[part];
    struct stat st;
    if (!m->files[part].present)
        return 0;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return err_set_errno(reterr, errno == ENOENT ? ERR_IMAGE : ERR_IO, errno, "the image's file %s", name);
    if (!S_ISREG(st.st_mode) || (st.st_mode & 0222) != 0)
        return err_set(reterr, ERR_IMAGE, "the image's file %s is not read-only any more", name);
    if ((uint64_t)st.st_size != m->files[part].size)
        return err_set(reterr, ERR_IMAGE, "the image's file %s has another size than when it was sealed", name);
    if (st.st_uid != m->uid || st.st_gid != m->gid)
        return err_set(reterr, ERR_IMAGE, "the image's file %s has another owner than when it was sealed", name);
    return 0;
}

static int join(char *ret, const char *dir, const struct manifest *m, enum manifest_part part, struct error *reterr)
{
    ret[0] = '\0';
    if (!m->files[part].present)
        return 0;
    int len = snprintf(ret, PATH_MAX, "%s/%s", dir, manifest_files[part]);
    return len < PATH_MAX ? 0 : err_set(reterr, ERR_TOO_BIG, "the image's path is too long");
}

static int fill_info(const char *dir, const struct manifest *m, struct image_info *ret, struct error *reterr)
{
    ret->virtual_size = m->virtual_size;
    ret->file_size = m->files[MANIFEST_DISK].size;
    ret->verity = m->verity;
    memcpy(ret->sha256, m->files[MANIFEST_DISK].sha256, ID_HASH_SIZE);
    memcpy(ret->kernel_sha256, m->files[MANIFEST_KERNEL].sha256, ID_HASH_SIZE);
    memcpy(ret->initrd_sha256, m->files[MANIFEST_INITRD].sha256, ID_HASH_SIZE);
    int rc = join(ret->disk, dir, m, MANIFEST_DISK, reterr);
    if (rc == 0)
        rc = join(ret->kernel, dir, m, MANIFEST_KERNEL, reterr);
    return rc == 0 ? join(ret->initrd, dir, m, MANIFEST_INITRD, reterr) : rc;
}

/* The manifest of a version whose files have the right sizes, modes and owners. */
static int open_version(const char *dir, int *ret_fd, struct manifest *m, struct error *reterr)
{
    int fd CLEANUP_CLOSE = -1;
    int rc = folder_open(dir, &fd, reterr);
    if (rc == 0)
        rc = read_manifest(fd, dir, m, reterr);
    for (int part = 0; rc == 0 && part < MANIFEST_PARTS; part++)
        rc = stat_part(fd, m, (enum manifest_part)part, reterr);
    if (rc == 0)
        *ret_fd = TAKE_FD(fd);
    return rc;
}

int image_stat(const char *dir, struct image_info *ret, struct error *reterr)
{
    int fd CLEANUP_CLOSE = -1;
    struct manifest m;
    int rc = open_version(dir, &fd, &m, reterr);
    return rc < 0 ? rc : fill_info(dir, &m, ret, reterr);
}

struct hashing {
    image_progress_fn *progress;
    void *arg;
};

static void on_hashed(void *arg, uint64_t done, uint64_t total)
{
    const struct hashing *h = arg;
    if (h->progress != NULL)
        h->progress(h->arg, IMAGE_STEP_HASH, done, total);
}

int image_verify(const char *dir, image_progress_fn *progress, void *arg, const atomic_bool *cancel,
                 struct error *reterr)
{
    int dir_fd CLEANUP_CLOSE = -1;
    struct manifest m;
    struct hashing h = {progress, arg};
    int rc = open_version(dir, &dir_fd, &m, reterr);
    for (int part = 0; rc == 0 && part < MANIFEST_PARTS; part++) {
        char digest[ID_HASH_SIZE];
        if (!m.files[part].present)
            continue;
        int fd CLEANUP_CLOSE = openat(dir_fd, manifest_files[part], O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
            return err_set_errno(reterr, ERR_IO, errno, "opening the image's file %s", manifest_files[part]);
        rc = seal_hash(fd, on_hashed, &h, cancel, digest, reterr);
        if (rc == 0 && strcmp(digest, m.files[part].sha256) != 0)
            rc = err_set(reterr, ERR_IMAGE, "the image's file %s is not what was sealed", manifest_files[part]);
    }
    return rc;
}

/* -- importing -- */

struct job {
    const struct image_import *import;
    char storage[PATH_MAX];
    const char *parent, *name; /* of the version's folder */
    char temporary[FOLDER_NAME_SIZE];
    int parent_fd, dir; /* dir: the temporary folder, locked */
    struct image_source source;
    struct manifest manifest;
    /* qemu-img's progress, "    (12.34/100%)\r" in pieces */
    char line[64];
    size_t line_len;
};

static void job_done(struct job *job)
{
    mem_close_fd(&job->dir);
    mem_close_fd(&job->parent_fd);
}

static void on_converted(void *arg, const char *data, size_t len)
{
    struct job *job = arg;
    for (size_t i = 0; i < len; i++) {
        if (data[i] != '\r' && data[i] != '\n') {
            if (job->line_len < sizeof(job->line) - 1)
                job->line[job->line_len++] = data[i];
            continue;
        }
        job->line[job->line_len] = '\0';
        job->line_len = 0;
        double percent;
        if (sscanf(job->line, " (%lf/100%%)", &percent) == 1 && percent >= 0 && percent <= 100 &&
            job->import->progress != NULL)
            job->import->progress(job->import->progress_arg, IMAGE_STEP_CONVERT, (uint64_t)(percent * 10), 1000);
    }
}

static int make_parents(const char *dir, struct error *reterr)
{
    char path[PATH_MAX];
    text_copy(path, sizeof(path), dir);
    for (char *slash = strchr(path + 1, '/');; slash = strchr(slash + 1, '/')) {
        if (slash != NULL)
            *slash = '\0';
        if (mkdir(path, 0755) < 0 && errno != EEXIST)
            return err_set_errno(reterr, ERR_IO, errno, "making the folder %.200s", path);
        if (slash == NULL)
            return 0;
        *slash = '/';
    }
}

/* Our temporary folder, empty and locked; what a crash left in it goes. */
static int open_temporary(struct job *job, struct error *reterr)
{
    int rc = folder_temporary(job->name, SUFFIX, job->temporary, reterr);
    for (int i = 0; rc == 0 && i < 2; i++) {
        if (mkdirat(job->parent_fd, job->temporary, 0755) < 0 && errno != EEXIST)
            return err_set_errno(reterr, ERR_IO, errno, "making the folder for image %s", job->name);
        job->dir = openat(job->parent_fd, job->temporary, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (job->dir < 0)
            return err_set_errno(reterr, ERR_IO, errno, "opening the folder for image %s", job->name);
        if (flock(job->dir, LOCK_EX | LOCK_NB) < 0)
            return err_set(reterr, ERR_BUSY, "image %s is being imported already", job->name);
        if (i == 0) {
            rc = folder_remove(job->parent_fd, job->temporary, reterr);
            close(TAKE_FD(job->dir));
        }
    }
    return rc;
}

static int check_space(const struct job *job, struct error *reterr)
{
    struct statvfs fs;
    if (fstatvfs(job->parent_fd, &fs) < 0)
        return err_set_errno(reterr, ERR_IO, errno, "asking for free space in %.200s", job->parent);
    uint64_t free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
    uint64_t needed = job->source.required + job->import->headroom;
    if (free_bytes >= needed)
        return 0;
    return err_set(reterr, ERR_NO_SPACE,
                   "%.150s has %" PRIu64 " MiB free; image %.60s needs %" PRIu64 " MiB and %" PRIu64
                   " MiB must stay free",
                   job->parent, free_bytes >> 20, job->name, job->source.required >> 20, job->import->headroom >> 20);
}

static int convert(struct job *job, struct error *reterr)
{
    char target[PATH_MAX + FOLDER_NAME_SIZE + 16];
    snprintf(target, sizeof(target), "%s/%s/%s", job->parent, job->temporary, manifest_files[MANIFEST_DISK]);
    const char *argv[] = {"qemu-img",   "convert",           "-p",   "-f", job->import->format, "-O", "qcow2", "-o",
                          "compat=1.1", job->import->source, target, NULL};
    struct command command = {.argv = argv, .cancel = job->import->cancel, .output = on_converted, .arg = job};
    return command_run(&command, reterr);
}

static int copy_file(struct job *job, const char *source, enum manifest_part part, struct error *reterr)
{
    if (source == NULL)
        return 0;
    struct stat st;
    int from CLEANUP_CLOSE = open(source, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (from < 0)
        return err_set_errno(reterr, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "opening %.200s", source);
    if (fstat(from, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size == 0 || st.st_size > BOOT_FILE_MAX)
        return err_set(reterr, ERR_IMAGE, "%.200s is not a file of 1 byte to %ld MiB", source, BOOT_FILE_MAX >> 20);
    int to CLEANUP_CLOSE =
        openat(job->dir, manifest_files[part], O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (to < 0)
        return err_set_errno(reterr, ERR_IO, errno, "making the image's file %s", manifest_files[part]);
    for (off_t left = st.st_size; left > 0;) {
        ssize_t n = sendfile(to, from, NULL, (size_t)left);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return err_set_errno(reterr, ERR_IO, n < 0 ? errno : EIO, "copying %.200s", source);
        left -= n;
    }
    job->manifest.files[part].present = true;
    return 0;
}

static int seal_part(struct job *job, enum manifest_part part, struct error *reterr)
{
    struct manifest_file *file = &job->manifest.files[part];
    struct hashing h = {job->import->progress, job->import->progress_arg};
    struct stat st;
    bool verity = false;
    if (!file->present)
        return 0;
    int fd CLEANUP_CLOSE = openat(job->dir, manifest_files[part], O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return err_set_errno(reterr, ERR_IO, errno, "opening the image's file %s", manifest_files[part]);
    file->size = (uint64_t)st.st_size;
    int rc = seal_hash(fd, on_hashed, &h, job->import->cancel, file->sha256, reterr);
    if (rc == 0)
        rc = seal_file(fd, job->import->uid, job->import->gid, &verity, reterr);
    job->manifest.verity = job->manifest.verity && verity;
    return rc;
}

static int write_manifest(const struct job *job, struct error *reterr)
{
    char *text CLEANUP_FREE = NULL;
    int rc = manifest_write(&job->manifest, &text, reterr);
    if (rc < 0)
        return rc;
    int fd CLEANUP_CLOSE = openat(job->dir, MANIFEST_NAME, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    size_t len = strlen(text);
    if (fd < 0 || write(fd, text, len) != (ssize_t)len || fchmod(fd, 0444) < 0 || fsync(fd) < 0)
        return err_set_errno(reterr, ERR_IO, errno, "writing the manifest of image %s", job->name);
    return 0;
}

/* Everything between the empty temporary folder and the version under its name. */
static int fill(struct job *job, struct error *reterr)
{
    const struct image_import *import = job->import;
    job->manifest = (struct manifest){.virtual_size = job->source.virtual_size,
                                      .uid = (uint32_t)import->uid,
                                      .gid = (uint32_t)import->gid,
                                      .verity = true,
                                      .files = {[MANIFEST_DISK] = {.present = true}}};
    int rc = convert(job, reterr);
    if (rc == 0)
        rc = copy_file(job, import->kernel, MANIFEST_KERNEL, reterr);
    if (rc == 0)
        rc = copy_file(job, import->initrd, MANIFEST_INITRD, reterr);
    for (int part = 0; rc == 0 && part < MANIFEST_PARTS; part++)
        rc = seal_part(job, (enum manifest_part)part, reterr);
    if (rc == 0 && import->progress != NULL)
        import->progress(import->progress_arg, IMAGE_STEP_SEAL, 1, 1);
    if (rc == 0)
        rc = write_manifest(job, reterr);
    return rc == 0 ? folder_sync(job->dir, reterr) : rc;
}

static int run_job(struct job *job, struct error *reterr)
{
    const struct image_import *import = job->import;
    struct stat st;
    if (fstatat(job->parent_fd, job->name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return 0; /* another call was faster */
    int rc = image_source_inspect(import->source, import->format, import->cancel, &job->source, reterr);
    if (rc == 0)
        rc = check_space(job, reterr);
    if (rc == 0)
        rc = fill(job, reterr);
    if (rc == 0 && renameat2(job->parent_fd, job->temporary, job->parent_fd, job->name, RENAME_NOREPLACE) < 0)
        rc = err_set_errno(reterr, ERR_IO, errno, "naming the image %s", job->name);
    return rc == 0 ? folder_sync(job->parent_fd, reterr) : rc;
}

int image_import(const struct image_import *import, struct image_info *ret, struct error *reterr)
{
    struct job job CLEANUP(job_done) = {.import = import, .parent_fd = -1, .dir = -1};
    int rc = folder_split(import->dir, job.storage, &job.parent, &job.name, reterr);
    if (rc < 0)
        return rc;
    if (image_stat(import->dir, ret, NULL) == 0)
        return 0;
    rc = make_parents(job.parent, reterr);
    if (rc == 0)
        rc = folder_open(job.parent, &job.parent_fd, reterr);
    if (rc == 0)
        rc = open_temporary(&job, reterr);
    if (rc < 0)
        return rc;
    rc = run_job(&job, reterr);
    (void)folder_remove(job.parent_fd, job.temporary, NULL); /* gone already after success */
    return rc < 0 ? rc : image_stat(import->dir, ret, reterr);
}

/* -- removing -- */

int image_remove(const char *dir, struct error *reterr)
{
    char storage[PATH_MAX], temporary[FOLDER_NAME_SIZE];
    const char *parent, *name;
    int parent_fd CLEANUP_CLOSE = -1;
    int rc = folder_split(dir, storage, &parent, &name, reterr);
    if (rc == 0)
        rc = folder_temporary(name, SUFFIX, temporary, reterr);
    if (rc == 0)
        rc = folder_open(parent, &parent_fd, reterr);
    if (rc < 0)
        return rc == ERR_NOT_FOUND ? 0 : rc;
    /* Under a temporary name it is no version any more, should we die before the last file is gone. */
    rc = folder_remove(parent_fd, temporary, reterr);
    if (rc == 0 && renameat(parent_fd, name, parent_fd, temporary) < 0 && errno != ENOENT)
        rc = err_set_errno(reterr, ERR_IO, errno, "deleting the image %.200s", dir);
    if (rc == 0)
        rc = folder_remove(parent_fd, temporary, reterr);
    return rc == 0 ? folder_sync(parent_fd, reterr) : rc;
}

static int remove_leftover(int parent_fd, const char *name, void *arg, struct error *reterr)
{
    size_t *removed = arg;
    if (!folder_is_temporary(name, SUFFIX))
        return 0;
    int fd CLEANUP_CLOSE = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
        return 0; /* an import is at work */
    int rc = folder_remove(parent_fd, name, reterr);
    if (rc == 0)
        ++*removed;
    return rc;
}

int image_cleanup(const char *images_dir, size_t *ret_removed, struct error *reterr)
{
    size_t removed = 0;
    int rc = folder_each(images_dir, remove_leftover, &removed, reterr);
    if (rc == ERR_NOT_FOUND)
        rc = 0;
    if (rc == 0 && ret_removed != NULL)
        *ret_removed = removed;
    return rc;
}

/* -- the guard -- */

int image_open_for_writing(const char *path, int flags, int *ret_fd, struct error *reterr)
{
    bool sealed = false;
    struct stat st;
    int seen CLEANUP_CLOSE = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (seen < 0)
        return err_set_errno(reterr, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "opening %.200s", path);
    if (fstat(seen, &st) < 0 || !S_ISREG(st.st_mode))
        return err_set(reterr, ERR_DENIED, "%.200s is a symbolic link or no regular file", path);
    int rc = seal_check(seen, &sealed, reterr);
    if (rc < 0)
        return rc;
    if (sealed)
        return err_set(reterr, ERR_SEALED, "%.200s is sealed and must not be written to", path);
    /* The very file that was looked at, whatever the name means by now. */
    char self[64];
    snprintf(self, sizeof(self), "/proc/self/fd/%d", seen);
    int fd = open(self, (flags & ~(O_CREAT | O_EXCL | O_NOFOLLOW)) | O_CLOEXEC);
    if (fd < 0)
        return err_set_errno(reterr, ERR_IO, errno, "opening %.200s for writing", path);
    *ret_fd = fd;
    return 0;
}
