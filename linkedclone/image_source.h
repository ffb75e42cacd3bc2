/* A disk that someone wants to import: what it is, and whether it can be trusted not to drag in other files. Worker
 * threads only. */
#ifndef CARREL_LINKEDCLONE_IMAGE_SOURCE_H
#define CARREL_LINKEDCLONE_IMAGE_SOURCE_H

#include "lib/base/err.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct image_source {
    uint64_t virtual_size;
    uint64_t required; /* bytes that a qcow2 copy needs */
};

/* Look at `path` as an image of `format`, without probing. Errors: ERR_NOT_FOUND, ERR_IMAGE (not of that format,
 * damaged, encrypted, or made of other files), ERR_INVALID (format not known), ERR_UNSUPPORTED (no qemu-img), ERR_IO.
 */
int image_source_inspect(const char *path, const char *format, const atomic_bool *cancel, struct image_source *ret,
                         struct error *reterr);

/* Judge what `qemu-img info --output=json` told of an image at `path`. Pure; input is hostile. */
int image_source_judge(const char *json, size_t len, const char *path, const char *format, uint64_t *ret_virtual_size,
                       struct error *reterr);

#endif
