#include "deploy/guest/tree.h"

#include "lib/base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

static void dir_close(DIR **d)
{
    if (*d != NULL)
        closedir(*d);
}

/* The next entry that is neither "." nor ".."; NULL at the end. */
static struct dirent *dir_next(DIR *d)
{
    struct dirent *e;
    do
        e = readdir(d);
    while (e != NULL && (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0));
    return e;
}

static int file_copy(int from_dir, int to_dir, const char *name, const struct stat *st, uid_t uid, gid_t gid)
{
    int in CLEANUP_CLOSE = openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    int out CLEANUP_CLOSE = openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (in < 0 || out < 0)
        return -1;
    for (off_t left = st->st_size; left > 0;) {
        ssize_t n = sendfile(out, in, NULL, (size_t)left);
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        left -= n;
    }
    return fchown(out, uid, gid) < 0 || fchmod(out, st->st_mode & 0777) < 0 ? -1 : 0;
}

/* Copies into the open directory `to`. Takes `take_from`. Returns 0 or -1 with errno. */
static int dir_copy(int take_from, int to, uid_t uid, gid_t gid, int depth)
{
    DIR *d CLEANUP(dir_close) = fdopendir(take_from);
    if (d == NULL || depth > TREE_DEPTH_MAX) {
        errno = d == NULL ? errno : ELOOP;
        return -1;
    }
    for (struct dirent *e; (e = dir_next(d)) != NULL;) {
        struct stat st;
        if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            return -1;
        if (S_ISREG(st.st_mode) && file_copy(dirfd(d), to, e->d_name, &st, uid, gid) < 0)
            return -1;
        if (!S_ISDIR(st.st_mode))
            continue;
        if (mkdirat(to, e->d_name, 0700) < 0)
            return -1;
        int below CLEANUP_CLOSE = openat(to, e->d_name, DIR_FLAGS);
        int from = openat(dirfd(d), e->d_name, DIR_FLAGS);
        if (below < 0 || from < 0 || dir_copy(from, below, uid, gid, depth + 1) < 0 || fchown(below, uid, gid) < 0 ||
            fchmod(below, st.st_mode & 0777) < 0)
            return -1;
    }
    return 0;
}

int tree_copy(const char *from, const char *to, uid_t uid, gid_t gid, struct error *reterr)
{
    if (mkdir(to, 0700) < 0)
        return err_set_errno(reterr, errno == EEXIST ? ERR_EXISTS : ERR_IO, errno, "cannot make a directory");
    int out CLEANUP_CLOSE = open(to, DIR_FLAGS);
    int in = open(from, DIR_FLAGS);
    if (in < 0 && errno != ENOENT)
        return err_set_errno(reterr, ERR_IO, errno, "cannot read the files of a new home");
    if (out < 0 || (in >= 0 && dir_copy(in, out, uid, gid, 0) < 0) || fchown(out, uid, gid) < 0)
        return err_set_errno(reterr, ERR_IO, errno, "cannot fill a new home");
    return 0;
}

/* Removes what is in the directory. Takes `take_dir`. Returns 0 or -1 with errno. */
static int dir_empty(int take_dir, dev_t dev, int depth)
{
    DIR *d CLEANUP(dir_close) = fdopendir(take_dir);
    if (d == NULL || depth > TREE_DEPTH_MAX) {
        errno = d == NULL ? errno : ELOOP;
        return -1;
    }
    for (struct dirent *e; (e = dir_next(d)) != NULL;) {
        struct stat st;
        if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            return -1;
        if (S_ISDIR(st.st_mode) && st.st_dev == dev) {
            int below = openat(dirfd(d), e->d_name, DIR_FLAGS);
            if (below < 0 || dir_empty(below, dev, depth + 1) < 0)
                return -1;
        }
        if (unlinkat(dirfd(d), e->d_name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0) < 0)
            return -1;
    }
    return 0;
}

int tree_remove(const char *path, struct error *reterr)
{
    struct stat st;
    int dir = open(path, DIR_FLAGS);
    if (dir < 0 && errno == ENOENT)
        return 0;
    if (dir < 0)
        return unlink(path) < 0 ? err_set_errno(reterr, ERR_IO, errno, "cannot remove a home") : 0;
    if (fstat(dir, &st) < 0) {
        close(dir);
        return err_set(reterr, ERR_IO, "cannot read a home");
    }
    if (dir_empty(dir, st.st_dev, 0) < 0 || rmdir(path) < 0)
        return err_set_errno(reterr, errno == ELOOP ? ERR_TOO_BIG : ERR_IO, errno, "cannot remove a home");
    return 0;
}
