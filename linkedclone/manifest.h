/* manifest.json of an image version: what its files must be. Pure; any thread. */
#ifndef CARREL_LINKEDCLONE_MANIFEST_H
#define CARREL_LINKEDCLONE_MANIFEST_H

#include "lib/base/err.h"
#include "lib/base/id.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MANIFEST_MAX  65536
#define MANIFEST_NAME "manifest.json"

enum manifest_part { MANIFEST_DISK, MANIFEST_KERNEL, MANIFEST_INITRD, MANIFEST_PARTS };

/* The parts' file names. */
extern const char *const manifest_files[MANIFEST_PARTS];

struct manifest_file {
    bool present; /* the disk always is */
    uint64_t size;
    char sha256[ID_HASH_SIZE];
};

struct manifest {
    uint64_t virtual_size;
    uint32_t uid, gid; /* owner of all files */
    bool verity;       /* of all files */
    struct manifest_file files[MANIFEST_PARTS];
};

/* As JSON text with a final line feed; caller frees. ERR_NOMEM. */
int manifest_write(const struct manifest *manifest, char **ret_text, struct error *reterr);
/* ERR_IMAGE with a sentence; ret untouched. */
int manifest_read(const char *text, size_t len, struct manifest *ret, struct error *reterr);

#endif
