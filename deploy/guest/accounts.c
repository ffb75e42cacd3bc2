#include "deploy/guest/accounts.h"

#include "deploy/guest/tree.h"
#include "lib/base/buf.h"
#include "lib/base/mem.h"

#include <crypt.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FILE_MAX   (1024 * 1024)
#define UID_FIRST  1000
#define UID_LAST   59999
#define LOCK_TRIES 50 /* of 20 ms */

/* The passwords are random with more than 120 bits: stretching adds nothing to them, and yescrypt's usual cost takes a
 * quarter of a second where the guest is emulated, at each logon (docs/decisions/0010). */
#define HASH_PREFIX "$y$"
#define HASH_COST   1

static int path_make(char out[PATH_MAX], const char *root, const char *path, struct error *reterr)
{
    int n = snprintf(out, PATH_MAX, "%s%s", root, path);
    return n > 0 && n < PATH_MAX ? 0 : err_set(reterr, ERR_TOO_BIG, "a path is too long");
}

/* The lock of lckpwdf(3), which cannot take another root. */
static int lock_take(const char *root, int *ret_fd, struct error *reterr)
{
    char path[PATH_MAX];
    int r = path_make(path, root, "/etc/.pwd.lock", reterr);
    if (r < 0)
        return r;
    int fd CLEANUP_CLOSE = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_set_errno(reterr, ERR_IO, errno, "cannot lock the accounts");
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    for (int i = 0; i < LOCK_TRIES; i++) {
        if (fcntl(fd, F_SETLK, &lock) == 0) {
            *ret_fd = TAKE_FD(fd);
            return 0;
        }
        nanosleep(&(struct timespec){0, 20 * 1000 * 1000}, NULL);
    }
    return err_set(reterr, ERR_BUSY, "somebody else is editing the accounts");
}

static int file_read(const char *path, struct buf *out, struct error *reterr)
{
    int fd CLEANUP_CLOSE = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set_errno(reterr, ERR_IO, errno, "cannot read the accounts");
    for (;;) {
        char chunk[4096];
        ssize_t n = read(fd, chunk, sizeof(chunk));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set_errno(reterr, ERR_IO, errno, "cannot read the accounts");
        if (n == 0)
            return 0;
        int r = buf_append(out, chunk, (size_t)n);
        if (r < 0)
            return err_set(reterr, r, "an account file has more than %d bytes", FILE_MAX);
    }
}

/* Replace the file by rename, with the old one's owner and mode. */
static int file_replace(const char *path, const struct buf *content, struct error *reterr)
{
    char fresh[PATH_MAX];
    struct stat st;
    if (snprintf(fresh, sizeof(fresh), "%s.carrel", path) >= (int)sizeof(fresh))
        return err_set(reterr, ERR_TOO_BIG, "a path is too long");
    if (stat(path, &st) < 0)
        return err_set_errno(reterr, ERR_IO, errno, "cannot read the accounts");
    unlink(fresh);
    int fd CLEANUP_CLOSE = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set_errno(reterr, ERR_IO, errno, "cannot write the accounts");
    for (size_t done = 0; done < content->len;) {
        ssize_t n = write(fd, content->data + done, content->len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            int e = errno;
            unlink(fresh);
            return err_set_errno(reterr, ERR_IO, e, "cannot write the accounts");
        }
        done += (size_t)n;
    }
    if (fchown(fd, st.st_uid, st.st_gid) < 0 || fchmod(fd, st.st_mode & 0777) < 0 || fsync(fd) < 0 ||
        rename(fresh, path) < 0) {
        int e = errno;
        unlink(fresh);
        return err_set_errno(reterr, ERR_IO, e, "cannot write the accounts");
    }
    return 0;
}

static bool line_is_of(const char *line, const char *user)
{
    size_t len = strlen(user);
    return strncmp(line, user, len) == 0 && line[len] == ':';
}

static const char *line_after(const char *line)
{
    const char *end = strchr(line, '\n');
    return end != NULL ? end + 1 : line + strlen(line);
}

/* Put `entry` (without LF; NULL = remove) in place of the user's line, or at the end. */
static int table_put(const char *root, const char *table, const char *user, const char *entry, struct error *reterr)
{
    char path[PATH_MAX];
    struct buf in CLEANUP(buf_done), out CLEANUP(buf_done);
    buf_init(&in, FILE_MAX);
    buf_init(&out, FILE_MAX + 4096);
    int r = path_make(path, root, table, reterr);
    if (r == 0)
        r = file_read(path, &in, reterr);
    if (r < 0)
        return r;
    for (const char *line = buf_str(&in), *next; *line != '\0' && r == 0; line = next) {
        next = line_after(line);
        if (!line_is_of(line, user))
            r = buf_append(&out, line, (size_t)(next - line));
    }
    if (r == 0 && out.len > 0 && out.data[out.len - 1] != '\n')
        r = buf_append(&out, "\n", 1);
    if (r == 0 && entry != NULL)
        r = buf_printf(&out, "%s\n", entry);
    return r < 0 ? err_set(reterr, r, "the account files are too large") : file_replace(path, &out, reterr);
}

struct entry {
    bool found;
    long uid, gid;
};

/* Field 2 and 3 of the user's passwd line, and the first uid that neither passwd nor group uses. */
static void numbers_scan(const char *text, const char *user, struct entry *e, long *free_id)
{
    for (const char *line = text; *line != '\0'; line = line_after(line)) {
        long uid, gid = -1;
        if (sscanf(line, "%*[^:\n]:%*[^:\n]:%ld:%ld", &uid, &gid) < 1)
            continue;
        if (line_is_of(line, user) && e != NULL)
            *e = (struct entry){true, uid, gid};
        if (uid >= *free_id && uid <= UID_LAST)
            *free_id = uid + 1;
    }
}

static int accounts_scan(const char *root, const char *user, struct entry *e, long *free_id, struct error *reterr)
{
    static const char *const tables[] = {"/etc/passwd", "/etc/group"};
    *e = (struct entry){false, -1, -1};
    *free_id = UID_FIRST;
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        char path[PATH_MAX];
        struct buf in CLEANUP(buf_done);
        buf_init(&in, FILE_MAX);
        int r = path_make(path, root, tables[i], reterr);
        if (r == 0)
            r = file_read(path, &in, reterr);
        if (r < 0)
            return r;
        numbers_scan(buf_str(&in), user, i == 0 ? e : NULL, free_id);
    }
    if (e->found && (e->uid < UID_FIRST || e->uid > UID_LAST))
        return err_set(reterr, ERR_DENIED, "that name belongs to a system account of this desktop");
    return 0;
}

int accounts_uid(const char *root, const char *user, uid_t *ret_uid, struct error *reterr)
{
    struct entry e = {false, -1, -1};
    long free_id;
    int r = accounts_scan(root, user, &e, &free_id, reterr);
    if (r < 0)
        return r;
    if (!e.found)
        return err_set(reterr, ERR_NOT_FOUND, "there is no such account on this desktop");
    *ret_uid = (uid_t)e.uid;
    return 0;
}

static int passwd_put(const char *root, const char *user, const char *fullname, long id, struct error *reterr)
{
    char gecos[256], line[512];
    size_t n = 0;
    for (const char *c = fullname; *c != '\0' && n < sizeof(gecos) - 1; c++)
        gecos[n++] = *c == ':' || *c == ',' || *c == '\n' ? ' ' : *c;
    gecos[n] = '\0';
    snprintf(line, sizeof(line), "%s:x:%ld:", user, id);
    int r = table_put(root, "/etc/group", user, line, reterr);
    if (r < 0)
        return r;
    snprintf(line, sizeof(line), "%s:x:%ld:%ld:%s:/home/%s:/bin/bash", user, id, id, gecos, user);
    return table_put(root, "/etc/passwd", user, line, reterr);
}

static int shadow_put(const char *root, const char *user, const char *password, struct error *reterr)
{
    char salt[CRYPT_GENSALT_OUTPUT_SIZE], line[512];
    struct crypt_data *data CLEANUP_FREE = MEM_NEW(struct crypt_data);
    if (data == NULL)
        return err_set(reterr, ERR_NOMEM, "out of memory");
    if (crypt_gensalt_rn(HASH_PREFIX, HASH_COST, NULL, 0, salt, sizeof(salt)) == NULL)
        return err_set_errno(reterr, ERR_INTERNAL, errno, "cannot make a salt");
    const char *hash = crypt_r(password, salt, data);
    if (hash == NULL || hash[0] == '*')
        return err_set(reterr, ERR_INTERNAL, "cannot hash the password");
    snprintf(line, sizeof(line), "%s:%s:%ld:0:99999:7:::", user, hash, (long)(time(NULL) / 86400));
    explicit_bzero(data, sizeof(*data));
    return table_put(root, "/etc/shadow", user, line, reterr);
}

static int home_make(const char *root, const char *user, long id, struct error *reterr)
{
    char home[PATH_MAX], skel[PATH_MAX], fresh[PATH_MAX];
    int r = path_make(skel, root, "/etc/skel", reterr);
    if (r < 0)
        return r;
    if (snprintf(home, sizeof(home), "%s/home/%s", root, user) >= (int)sizeof(home) ||
        snprintf(fresh, sizeof(fresh), "%s/home/.%s.carrel", root, user) >= (int)sizeof(fresh))
        return err_set(reterr, ERR_TOO_BIG, "a path is too long");
    struct stat st;
    if (lstat(home, &st) == 0)
        return S_ISDIR(st.st_mode) ? 0 : err_set(reterr, ERR_CONFLICT, "the home of that account is no directory");
    r = tree_remove(fresh, reterr); /* left by a crash */
    if (r == 0)
        r = tree_copy(skel, fresh, (uid_t)id, (gid_t)id, reterr);
    if (r == 0 && rename(fresh, home) < 0)
        r = err_set_errno(reterr, ERR_IO, errno, "cannot make the home");
    return r;
}

int accounts_set(const char *root, const char *user, const char *password, const char *fullname, struct error *reterr)
{
    int lock CLEANUP_CLOSE = -1;
    struct entry e = {false, -1, -1};
    long id;
    int r = lock_take(root, &lock, reterr);
    if (r == 0)
        r = accounts_scan(root, user, &e, &id, reterr);
    if (r < 0)
        return r;
    if (!e.found && id > UID_LAST)
        return err_set(reterr, ERR_TOO_BIG, "no uid is free on this desktop");
    if (!e.found)
        r = passwd_put(root, user, fullname, id, reterr);
    if (r == 0)
        r = home_make(root, user, e.found ? e.uid : id, reterr);
    return r < 0 ? r : shadow_put(root, user, password, reterr);
}

int accounts_remove(const char *root, const char *user, struct error *reterr)
{
    static const char *const tables[] = {"/etc/shadow", "/etc/passwd", "/etc/group"};
    int lock CLEANUP_CLOSE = -1;
    struct entry e = {false, -1, -1};
    long free_id;
    char home[PATH_MAX];
    int r = lock_take(root, &lock, reterr);
    if (r == 0)
        r = accounts_scan(root, user, &e, &free_id, reterr);
    if (r < 0 || !e.found)
        return r;
    if (snprintf(home, sizeof(home), "%s/home/%s", root, user) >= (int)sizeof(home))
        return err_set(reterr, ERR_TOO_BIG, "a path is too long");
    r = tree_remove(home, reterr);
    for (size_t i = 0; i < ARRAY_LEN(tables) && r == 0; i++)
        r = table_put(root, tables[i], user, NULL, reterr);
    return r;
}
