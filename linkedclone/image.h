/* Golden images as files: import, seal, verify. Process: carrel-poolmgr, worker threads only (calls take minutes).
 *
 * An image version is one directory, `<images dir>/<name>@<version>/`, with `disk.qcow2`, if it boots by kernel also
 * `vmlinuz` and `initrd`, and `manifest.json`. Invariants: the directory appears under its name only when it is whole,
 * by rename after fsync; its files are owned by image_import.uid/gid (not by the account that runs QEMU), mode 0444,
 * protected by fs-verity where the file system has it, and never written again. What a crash leaves is a directory
 * `.<name>@<version>.import`, which the next import of that version replaces and image_cleanup removes. Whether a
 * version may be used (published, retired) stands in the store, not here. Formats are always named, never probed. */
#ifndef CARREL_LINKEDCLONE_IMAGE_H
#define CARREL_LINKEDCLONE_IMAGE_H

#include "lib/base/err.h"
#include "lib/base/id.h"

#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum image_step { IMAGE_STEP_CONVERT, IMAGE_STEP_HASH, IMAGE_STEP_SEAL };

/* done and total are in the same unit (bytes or per mille); called from the calling thread, a few times a second. */
typedef void image_progress_fn(void *arg, enum image_step step, uint64_t done, uint64_t total);

struct image_import {
    const char *dir;    /* absolute: <images dir>/<name>@<version>; the parent is made when missing */
    const char *source; /* absolute path of the disk to import; only read */
    const char *format; /* "qcow2", "raw", "vmdk" or "vhdx" */
    const char *kernel; /* NULL = boots from disk */
    const char *initrd; /* NULL = none */
    uid_t uid;          /* who owns the sealed files; usually 0 */
    gid_t gid;
    uint64_t headroom;           /* bytes of the file system that stay free; ERR_NO_SPACE before anything is written */
    image_progress_fn *progress; /* may be NULL */
    void *progress_arg;
    const atomic_bool *cancel; /* looked at a few times a second; may be NULL. ERR_CANCELLED leaves nothing behind */
};

/* What the manifest says; paths are absolute. */
struct image_info {
    uint64_t virtual_size; /* bytes that a guest sees */
    uint64_t file_size;    /* bytes of disk.qcow2 */
    char sha256[ID_HASH_SIZE];
    char kernel_sha256[ID_HASH_SIZE]; /* "" = none */
    char initrd_sha256[ID_HASH_SIZE];
    char disk[PATH_MAX];
    char kernel[PATH_MAX]; /* "" = none */
    char initrd[PATH_MAX];
    bool verity; /* fs-verity protects all files */
};

/* Copy, flatten and seal an image. Repeating it after success returns what is there (the source is not compared);
 * after a crash it starts over. Refuses what would make the host read other files: a source with a backing file, an
 * external data file, or VMDK extents outside its folder; encrypted ones too.
 * Errors: ERR_NOT_FOUND (source), ERR_IMAGE (not of that format, refused, damaged), ERR_NO_SPACE, ERR_IO, ERR_DENIED,
 * ERR_BUSY (the same version is being imported), ERR_CANCELLED, ERR_UNSUPPORTED (qemu-img is missing). */
int image_import(const struct image_import *import, struct image_info *ret, struct error *reterr);

/* Read the manifest and compare sizes, owners and modes, not the contents. ERR_NOT_FOUND, ERR_IMAGE (which file, how).
 */
int image_stat(const char *dir, struct image_info *ret, struct error *reterr);

/* image_stat, and read every byte and compare the digests. */
int image_verify(const char *dir, image_progress_fn *progress, void *arg, const atomic_bool *cancel,
                 struct error *reterr);

/* Delete the version's files. The caller has made sure that nothing depends on them. None there is success. */
int image_remove(const char *dir, struct error *reterr);

/* Remove what crashed imports left in the images folder. ret_removed may be NULL. */
int image_cleanup(const char *images_dir, size_t *ret_removed, struct error *reterr);

/* The one way to open an image file for writing. Refuses (ERR_SEALED) files without any write bit, files protected by
 * fs-verity or the immutable flag, and symbolic links (ERR_DENIED). flags: as of open(2), O_CLOEXEC is added. Returns 0
 * and the descriptor. */
int image_open_for_writing(const char *path, int flags, int *ret_fd, struct error *reterr);

#endif
