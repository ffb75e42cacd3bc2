#include "linkedclone/seal.h"

#include "lib/base/mem.h"
#include "lib/base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fsverity.h>
#include <openssl/evp.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE 1048576

static int has_attribute(int fd, uint64_t attribute, bool *ret, struct error *reterr)
{
    struct statx st;
    if (statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &st) < 0)
        return err_set_errno(reterr, ERR_IO, errno, "reading a file's attributes");
    *ret = (st.stx_attributes & attribute) != 0;
    return 0;
}

/* File systems without it (and blocks that it cannot use) leave the file protected by owner and mode only. */
static int enable_verity(int fd, bool *ret, struct error *reterr)
{
    struct fsverity_enable_arg arg = {.version = 1, .hash_algorithm = FS_VERITY_HASH_ALG_SHA256, .block_size = 4096};
    if (ioctl(fd, FS_IOC_ENABLE_VERITY, &arg) < 0 && errno != EOPNOTSUPP && errno != ENOTTY && errno != EINVAL &&
        errno != EEXIST && errno != EROFS)
        return err_set_errno(reterr, ERR_IO, errno, "protecting an image by fs-verity");
    return has_attribute(fd, STATX_ATTR_VERITY, ret, reterr);
}

int seal_file(int fd, uid_t uid, gid_t gid, bool *ret_verity, struct error *reterr)
{
    if (fchown(fd, uid, gid) < 0)
        return err_set_errno(reterr, ERR_IO, errno, "giving an image its owner");
    if (fchmod(fd, 0444) < 0)
        return err_set_errno(reterr, ERR_IO, errno, "making an image read-only");
    if (fsync(fd) < 0)
        return err_set_errno(reterr, ERR_IO, errno, "making an image durable");
    int rc = enable_verity(fd, ret_verity, reterr);
    if (rc == 0 && fsync(fd) < 0)
        rc = err_set_errno(reterr, ERR_IO, errno, "making an image durable");
    return rc;
}

int seal_check(int fd, bool *ret_sealed, struct error *reterr)
{
    struct stat st;
    bool frozen = false;
    if (fstat(fd, &st) < 0)
        return err_set_errno(reterr, ERR_IO, errno, "reading a file's mode");
    int rc = has_attribute(fd, STATX_ATTR_VERITY | STATX_ATTR_IMMUTABLE, &frozen, reterr);
    if (rc == 0)
        *ret_sealed = frozen || (st.st_mode & 0222) == 0;
    return rc;
}

struct digest {
    EVP_MD_CTX *ctx;
    unsigned char *piece;
};

static void digest_done(struct digest *d)
{
    EVP_MD_CTX_free(d->ctx);
    free(d->piece);
}

int seal_hash(int fd, seal_progress_fn *progress, void *arg, const atomic_bool *cancel, char ret_hex[ID_HASH_SIZE],
              struct error *reterr)
{
    struct digest d CLEANUP(digest_done) = {EVP_MD_CTX_new(), mem_zalloc(1, PIECE)};
    struct stat st;
    unsigned char raw[EVP_MAX_MD_SIZE];
    uint64_t done = 0;
    if (d.ctx == NULL || d.piece == NULL || EVP_DigestInit_ex(d.ctx, EVP_sha256(), NULL) != 1)
        return err_set(reterr, ERR_NOMEM, "no memory to compute a digest");
    if (fstat(fd, &st) < 0)
        return err_set_errno(reterr, ERR_IO, errno, "reading a file's size");
    for (;;) {
        if (cancel != NULL && atomic_load(cancel))
            return err_set(reterr, ERR_CANCELLED, "computing the digest was cancelled");
        ssize_t n = pread(fd, d.piece, PIECE, (off_t)done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set_errno(reterr, ERR_IO, errno, "reading an image");
        if (n == 0)
            break;
        if (EVP_DigestUpdate(d.ctx, d.piece, (size_t)n) != 1)
            return err_set(reterr, ERR_INTERNAL, "computing a digest failed");
        done += (uint64_t)n;
        if (progress != NULL)
            progress(arg, done, (uint64_t)st.st_size);
    }
    if (EVP_DigestFinal_ex(d.ctx, raw, NULL) != 1)
        return err_set(reterr, ERR_INTERNAL, "computing a digest failed");
    text_hex(raw, 32, ret_hex);
    return 0;
}
