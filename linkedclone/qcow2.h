/* A strict reader of qcow2 headers (QEMU docs/interop/qcow2.txt). Pure; any thread. Input is hostile.
 *
 * Images come from people, and a header can name any file of the host as its backing or data file: it is read here,
 * within bounds, before another program opens the image. */
#ifndef CARREL_LINKEDCLONE_QCOW2_H
#define CARREL_LINKEDCLONE_QCOW2_H

#include "lib/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QCOW2_BACKING_MAX 1023  /* the format's own limit */
#define QCOW2_HEADER_MAX  65536 /* no header of a usable image is longer than its first cluster of this size */

struct qcow2_header {
    uint32_t version; /* 2 or 3 */
    uint32_t cluster_bits;
    uint64_t virtual_size; /* bytes that the guest sees */
    uint32_t crypt_method; /* 0 = none */
    uint32_t snapshots;
    uint64_t incompatible_features;
    bool data_file;                      /* the data lies in another file */
    bool dirty;                          /* reference counts may be wrong: it was not closed properly */
    bool corrupt;                        /* QEMU found it damaged */
    char backing[QCOW2_BACKING_MAX + 1]; /* "" = none */
    char backing_format[16];             /* "" = not named */
};

/* Parse the first `len` bytes of an image (as many as there are, up to QCOW2_HEADER_MAX).
 * Errors: ERR_IMAGE with a sentence; ret is then untouched. */
int qcow2_parse(const void *data, size_t len, struct qcow2_header *ret, struct error *reterr);

/* The same from an open file, by pread at 0. Errors: also ERR_IO. */
int qcow2_read(int fd, struct qcow2_header *ret, struct error *reterr);

#endif
