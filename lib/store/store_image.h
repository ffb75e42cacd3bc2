/* Golden image versions: rows. Any worker thread. Rules: linkedclone/. Words of states: lib/model/pool.h.
 *
 * The broker adds a row in state "importing" (the intent); the leading poolmgr does the work and moves it on. */
#ifndef CARREL_STORE_STORE_IMAGE_H
#define CARREL_STORE_STORE_IMAGE_H

#include "lib/store/store.h"

struct store_image {
    char name[STORE_NAME_SIZE];
    int64_t version; /* from 1, per name */
    char state[STORE_WORD_SIZE];
    char source[STORE_PATH_SIZE]; /* file to import */
    char source_format[STORE_WORD_SIZE];
    char path[STORE_PATH_SIZE]; /* the sealed disk; "" until imported */
    char format[STORE_WORD_SIZE];
    int64_t virtual_size; /* bytes; 0 until imported */
    char sha256[ID_HASH_SIZE];
    char os_kind[STORE_WORD_SIZE];  /* "linux", "windows" */
    char prep[STORE_WORD_SIZE];     /* guest preparation: "linux-local", "windows-local", "domain" */
    char firmware[STORE_WORD_SIZE]; /* "bios", "uefi", "kernel" */
    char kernel[STORE_PATH_SIZE];   /* direct kernel boot: source files, then the sealed copies; "" = boots from disk */
    char initrd[STORE_PATH_SIZE];
    char cmdline[STORE_PATH_SIZE];
    int64_t min_memory_mib;
    int64_t progress; /* percent of the work under way */
    char error[STORE_TEXT_SIZE];
    int64_t created_at;
    int64_t state_at;
    int64_t published_at;
};

/* What a move or note changes besides; NULL / negative = leave. */
struct store_image_patch {
    const char *path, *format, *sha256, *kernel, *initrd, *error;
    int64_t virtual_size;
    int64_t progress;
};
#define STORE_IMAGE_KEEP ((struct store_image_patch){.virtual_size = -1, .progress = -1})

/* Add a version in state "importing". image->version 0 = the next one; it and state, created_at, state_at are filled
 * in. ERR_EXISTS: that version is there. */
int store_image_add(struct store *store, struct store_image *image, int64_t now_ms, struct error *reterr);
/* version 0 = the newest published one. ERR_NOT_FOUND. */
int store_image_get(struct store *store, const char *name, int64_t version, struct store_image *ret_image,
                    struct error *reterr);
/* By name and version, at most STORE_PAGE_MAX; `state` NULL = all. *ret_images: free(). */
int store_image_list(struct store *store, const char *state, struct store_image **ret_images, size_t *ret_count,
                     struct error *reterr);
/* Compare-and-swap of the state. To "published" sets published_at. ERR_CONFLICT: not in `from`; ERR_NOT_FOUND. */
int store_image_move(struct store *store, int64_t gen, const char *name, int64_t version, const char *from,
                     const char *to, const struct store_image_patch *patch, int64_t now_ms, struct error *reterr);
/* Change fields and leave the state. */
int store_image_note(struct store *store, int64_t gen, const char *name, int64_t version,
                     const struct store_image_patch *patch, struct error *reterr);
/* Delete the row. ERR_CONFLICT: a pool or a desktop uses that version. */
int store_image_remove(struct store *store, int64_t gen, const char *name, int64_t version, struct error *reterr);

#endif
