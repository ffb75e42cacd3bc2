#include "client/carrelctl/keep.h"

#include "lib/base/id.h"
#include "lib/base/mem.h"
#include "lib/proto/doc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX_BYTES 16384
#define LAST           "last"

void keep_done(struct keep_login *login)
{
    free(login->url);
    free(login->ca);
    free(login->username);
    secret_free(login->token);
    memset(login, 0, sizeof(*login));
}

char *keep_directory(const char *given)
{
    const char *state = getenv("CARREL_STATE"), *xdg = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

    if (given)
        return mem_strdup(given);
    if (state && *state)
        return mem_strdup(state);
    if (xdg && *xdg == '/')
        return mem_printf("%s/carrel", xdg);
    return home && *home ? mem_printf("%s/.local/state/carrel", home) : NULL;
}

/* The file of a URL: its hash, so that no URL can name a place. */
static char *file_of(const char *directory, const char *url)
{
    char hash[ID_HASH_SIZE];

    id_hash(url, strlen(url), hash);
    return mem_printf("%s/login-%.16s.json", directory, hash);
}

static int make_directory(const char *directory, struct error *reterr)
{
    char *path CLEANUP_FREE = mem_strdup(directory);

    if (!path)
        return err_set(reterr, ERR_NOMEM, "out of memory");
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(path, 0700) < 0 && errno != EEXIST)
            return err_set_errno(reterr, ERR_IO, errno, "cannot make %s", path);
        *slash = '/';
    }
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return err_set_errno(reterr, ERR_IO, errno, "cannot make %s", path);
    return 0;
}

static int write_all(int fd, const char *text)
{
    size_t len = strlen(text);

    while (len > 0) {
        ssize_t n = write(fd, text, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        text += n;
        len -= (size_t)n;
    }
    return 0;
}

static int replace_file(const char *path, const char *text, struct error *reterr)
{
    char *temporary CLEANUP_FREE = mem_printf("%s.XXXXXX", path);
    int fd CLEANUP_CLOSE = temporary ? mkostemp(temporary, O_CLOEXEC) : -1;

    if (fd < 0)
        return err_set_errno(reterr, ERR_IO, temporary ? errno : ENOMEM, "cannot write %s", path);
    int r = write_all(fd, text);
    if (r == 0 && fsync(fd) < 0)
        r = -errno;
    if (r == 0 && rename(temporary, path) < 0)
        r = -errno;
    if (r == 0)
        return 0;
    unlink(temporary);
    return err_set_errno(reterr, ERR_IO, -r, "cannot write %s", path);
}

int keep_save(const char *directory, const struct keep_login *login, struct error *reterr)
{
    char *path CLEANUP_FREE = file_of(directory, login->url), *last CLEANUP_FREE = mem_printf("%s/" LAST, directory);
    json_t *doc CLEANUP(doc_freep) = json_pack("{s:s, s:s?, s:s, s:b, s:I, s:s}", "url", login->url, "ca", login->ca,
                                               "username", login->username, "staff", (int)login->is_staff, "expires_at",
                                               (json_int_t)login->expires_at, "token", secret_bytes(login->token));
    char *text CLEANUP_FREE = doc ? doc_write(doc) : NULL;

    if (!path || !last || !text)
        return err_set(reterr, ERR_NOMEM, "out of memory");
    int r = make_directory(directory, reterr);
    if (r == 0)
        r = replace_file(path, text, reterr);
    if (r == 0)
        r = replace_file(last, login->url, reterr);
    secret_wipe(text, strlen(text));
    return r;
}

/* The whole file into `text` of FILE_MAX_BYTES + 1. Symbolic links and what others may read are refused. */
static int read_private(const char *path, char *text, struct error *reterr)
{
    int fd CLEANUP_CLOSE = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat st;
    size_t len = 0;

    if (fd < 0 && errno == ENOENT)
        return err_set(reterr, ERR_NOT_FOUND, "there is no login");
    if (fd < 0 || fstat(fd, &st) < 0)
        return err_set_errno(reterr, ERR_IO, errno, "cannot read %s", path);
    if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077) != 0)
        return err_set(reterr, ERR_DENIED, "%s is not a file that only you can read; remove it and log in again", path);
    while (len < FILE_MAX_BYTES) {
        ssize_t n = read(fd, text + len, FILE_MAX_BYTES - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set_errno(reterr, ERR_IO, errno, "cannot read %s", path);
        if (n == 0)
            break;
        len += (size_t)n;
    }
    text[len] = '\0';
    return 0;
}

static int login_from(const char *text, const char *url, struct keep_login *ret, struct error *reterr)
{
    json_t *doc CLEANUP(doc_freep) = NULL;
    const char *kept_url = NULL, *ca = NULL, *username = NULL, *token = NULL;

    int r = doc_parse(text, strlen(text), &doc, reterr);
    if (r == 0)
        r = doc_text(doc, "url", DOC_REQUIRED, 1, 1024, &kept_url, reterr);
    if (r == 0)
        r = doc_text(doc, "username", DOC_REQUIRED, 1, 256, &username, reterr);
    if (r == 0)
        r = doc_text(doc, "token", DOC_REQUIRED, 1, 1024, &token, reterr);
    if (r == 0)
        r = doc_text(doc, "ca", DOC_OPTIONAL, 1, 4096, &ca, reterr);
    if (r == 0)
        r = doc_bool(doc, "staff", DOC_OPTIONAL, &ret->is_staff, reterr);
    if (r == 0)
        r = doc_int(doc, "expires_at", DOC_OPTIONAL, 0, INT64_MAX, &ret->expires_at, reterr);
    if (r == 0 && strcmp(kept_url, url) != 0)
        r = err_set(reterr, ERR_INVALID, "it belongs to another URL");
    if (r < 0)
        return r;
    ret->url = mem_strdup(kept_url);
    ret->ca = ca ? mem_strdup(ca) : NULL;
    ret->username = mem_strdup(username);
    ret->token = secret_from_str(token);
    if (!ret->url || (ca && !ret->ca) || !ret->username || !ret->token) {
        keep_done(ret);
        return err_set(reterr, ERR_NOMEM, "out of memory");
    }
    return 0;
}

static int load_from(const char *path, const char *url, struct keep_login *ret, struct error *reterr)
{
    char text[FILE_MAX_BYTES + 1];
    int r = read_private(path, text, reterr);

    if (r < 0)
        return r;
    r = login_from(text, url, ret, reterr);
    if (r == ERR_INVALID)
        err_prefix(reterr, "%s is damaged, remove it and log in again", path);
    secret_wipe(text, sizeof(text));
    return r;
}

int keep_load(const char *directory, const char *url, struct keep_login *ret, struct error *reterr)
{
    char last_url[FILE_MAX_BYTES + 1];
    char *last CLEANUP_FREE = mem_printf("%s/" LAST, directory);

    if (!last)
        return err_set(reterr, ERR_NOMEM, "out of memory");
    if (!url) {
        int r = read_private(last, last_url, reterr);
        if (r < 0)
            return r;
        url = last_url;
    }
    char *path CLEANUP_FREE = file_of(directory, url);
    return path ? load_from(path, url, ret, reterr) : err_set(reterr, ERR_NOMEM, "out of memory");
}

int keep_forget(const char *directory, const char *url, struct error *reterr)
{
    char *path CLEANUP_FREE = file_of(directory, url);

    if (!path)
        return err_set(reterr, ERR_NOMEM, "out of memory");
    if (unlink(path) < 0 && errno != ENOENT)
        return err_set_errno(reterr, ERR_IO, errno, "cannot remove %s", path);
    return 0;
}
