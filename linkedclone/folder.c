#include "linkedclone/folder.h"

#include "lib/base/mem.h"
#include "lib/base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int folder_split(const char *path, char *storage, const char **ret_dir, const char **ret_name, struct error *reterr)
{
    if (path == NULL || path[0] != '/' || text_copy(storage, PATH_MAX, path) < 0)
        return err_set(reterr, ERR_INVALID, "an absolute path is needed");
    char *slash = strrchr(storage, '/');
    const char *name = slash + 1;
    if (name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strlen(name) > NAME_MAX)
        return err_set(reterr, ERR_INVALID, "%.200s does not name a file", path);
    *slash = '\0';
    *ret_dir = slash == storage ? "/" : storage;
    *ret_name = name;
    return 0;
}

int folder_open(const char *dir, int *ret_fd, struct error *reterr)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_set_errno(reterr, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "opening the folder %.200s", dir);
    *ret_fd = fd;
    return 0;
}

int folder_sync(int dir_fd, struct error *reterr)
{
    return fsync(dir_fd) == 0 ? 0 : err_set_errno(reterr, ERR_IO, errno, "making a folder durable");
}

int folder_temporary(const char *name, const char *suffix, char ret[FOLDER_NAME_SIZE], struct error *reterr)
{
    char text[FOLDER_NAME_SIZE + 32];
    snprintf(text, sizeof(text), ".%s%s", name, suffix);
    if (text_copy(ret, FOLDER_NAME_SIZE, text) < 0)
        return err_set(reterr, ERR_TOO_BIG, "the file name %.100s… is too long", name);
    return 0;
}

bool folder_is_temporary(const char *name, const char *suffix)
{
    size_t len = strlen(name), end = strlen(suffix);
    return name[0] == '.' && len > end + 1 && strcmp(name + len - end, suffix) == 0;
}

static void close_dir(DIR **dir)
{
    if (*dir != NULL)
        closedir(*dir);
}

static int each(int take_fd, const char *what, int (*fn)(int dir_fd, const char *name, void *arg, struct error *reterr),
                void *arg, struct error *reterr)
{
    DIR *dir CLEANUP(close_dir) = fdopendir(take_fd);
    if (dir == NULL) {
        close(take_fd);
        return err_set_errno(reterr, ERR_IO, errno, "reading the folder %.200s", what);
    }
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (entry == NULL)
            return errno == 0 ? 0 : err_set_errno(reterr, ERR_IO, errno, "reading the folder %.200s", what);
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        int rc = fn(dirfd(dir), entry->d_name, arg, reterr);
        if (rc < 0)
            return rc;
    }
}

int folder_each(const char *dir, int (*fn)(int dir_fd, const char *name, void *arg, struct error *reterr), void *arg,
                struct error *reterr)
{
    int fd = -1, rc = folder_open(dir, &fd, reterr);
    return rc < 0 ? rc : each(fd, dir, fn, arg, reterr);
}

static int remove_file(int dir_fd, const char *name, void *arg, struct error *reterr)
{
    (void)arg;
    if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
        return 0;
    return err_set_errno(reterr, ERR_IO, errno, "deleting %.200s", name);
}

int folder_remove(int parent_fd, const char *name, struct error *reterr)
{
    int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : err_set_errno(reterr, ERR_IO, errno, "opening the folder %.200s", name);
    int rc = each(fd, name, remove_file, NULL, reterr);
    if (rc == 0 && unlinkat(parent_fd, name, AT_REMOVEDIR) < 0)
        rc = err_set_errno(reterr, ERR_IO, errno, "deleting the folder %.200s", name);
    return rc;
}
