/* Linked clones: copy-on-write overlays of a sealed image. Process: carrel-poolmgr, worker threads only.
 *
 * The first overlay of a base is made by qemu-img and checked; its non-zero 4 KiB pages (three of them) are then kept
 * as template, and each clone is a file with those pages written and its length set (measured: 27,500 a second against
 * 32 by qemu-img, and identical bytes). The backing path stands in the file, so a template belongs to one base path and
 * one virtual size. Each file is written under a temporary name, made durable, its header read back, and renamed: a
 * file under its final name is whole. What a crash leaves is named `.<name>.clone`; overlay_cleanup removes it. A base
 * that changed (inode, size, mtime) makes its template refuse to clone: ERR_IMAGE. */
#ifndef CARREL_LINKEDCLONE_OVERLAY_H
#define CARREL_LINKEDCLONE_OVERLAY_H

#include "lib/base/err.h"
#include "lib/base/mem.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Most clones of one overlay_make_many. */
#define OVERLAY_BATCH_MAX 1024

/* Read-only once made; any number of threads may use it at once. */
struct overlay_template;

struct overlay_base {
    const char *path;      /* absolute, of the sealed image; every host that runs clones sees it there */
    const char *format;    /* "qcow2" or "raw" */
    uint64_t virtual_size; /* of the clones, bytes; 0 = as the base (which must be qcow2). Smaller than the base is
                              refused */
};

/* Make the template. work_dir: where qemu-img may write its one file (removed afterwards); same kind of file system as
 * the clones. Errors: ERR_NOT_FOUND (base), ERR_IMAGE (base not readable as named, or the overlay is not what was
 * asked), ERR_IO, ERR_NO_SPACE, ERR_UNSUPPORTED (qemu-img is missing). */
int overlay_template_new(const struct overlay_base *base, const char *work_dir, struct overlay_template **ret,
                         struct error *reterr);
void overlay_template_free(struct overlay_template *t);
DEFINE_CLEANUP(struct overlay_template, overlay_template_free)

/* ERR_IMAGE when the base is no longer the file that the template was made for. */
int overlay_template_check(const struct overlay_template *t, struct error *reterr);

/* Make clones at `paths` (absolute, one folder for all, at most OVERLAY_BATCH_MAX), owned by uid/gid (of the account
 * that runs QEMU; (uid_t)-1 = unchanged), mode 0600. All are durable when it returns 0, with one wait for the disk for
 * all. A clone that exists and is an overlay of this base is an ERR_EXISTS, never overwritten. On failure none of the
 * batch remains. */
int overlay_make_many(const struct overlay_template *t, const char *const *paths, size_t count, uid_t uid, gid_t gid,
                      struct error *reterr);
int overlay_make(const struct overlay_template *t, const char *path, uid_t uid, gid_t gid, struct error *reterr);

/* Whether the file at `path` is a clone of this base: header read within bounds, version 3, backing path and format
 * equal, size at least the template's. ERR_NOT_FOUND, ERR_IMAGE (what differs). */
int overlay_check(const struct overlay_template *t, const char *path, struct error *reterr);

/* Delete a clone durably. None there is success. Refuses sealed files: ERR_SEALED. */
int overlay_remove(const char *path, struct error *reterr);

/* Remove what crashed clonings left in a folder. ret_removed may be NULL. */
int overlay_cleanup(const char *dir, size_t *ret_removed, struct error *reterr);

/* Resolve "user:group" or "user" or "uid:gid" to numbers; ERR_CONFIG when there is none such. */
int overlay_owner_parse(const char *text, uid_t *ret_uid, gid_t *ret_gid, struct error *reterr);

#endif
