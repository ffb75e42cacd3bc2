/* JSON documents from peers: bounded parsing and members fetched with a check and a sentence. Any thread; pure.
 * Invariants: a document that doc_parse() returned is an object, nested at most DOC_DEPTH deep, without duplicate
 * members, its texts valid UTF-8 without NUL. Sentences name the member, never its value. */
#ifndef CARREL_PROTO_DOC_H
#define CARREL_PROTO_DOC_H

#include "lib/base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DOC_DEPTH 16

/* ret: caller releases with json_decref(). Errors: ERR_INVALID with a sentence that says where, ERR_NOMEM. */
int doc_parse(const char *bytes, size_t len, json_t **ret, struct error *reterr);

static inline void doc_freep(json_t **doc)
{
    json_decref(*doc);
}

/* Members of `object`. A missing optional member (or null) leaves *ret untouched and returns 0. Every error is
 * ERR_INVALID. */
enum doc_need { DOC_OPTIONAL, DOC_REQUIRED };

/* ret: borrowed from the document. min, max: bytes. */
int doc_text(const json_t *object, const char *name, enum doc_need need, size_t min, size_t max, const char **ret,
             struct error *reterr);
/* The same, copied into an array of `size` bytes. */
int doc_copy(const json_t *object, const char *name, enum doc_need need, char *ret, size_t size, struct error *reterr);
int doc_int(const json_t *object, const char *name, enum doc_need need, int64_t min, int64_t max, int64_t *ret,
            struct error *reterr);
int doc_bool(const json_t *object, const char *name, enum doc_need need, bool *ret, struct error *reterr);
/* ret: borrowed; at most `max` elements. */
int doc_array(const json_t *object, const char *name, enum doc_need need, size_t max, json_t **ret,
              struct error *reterr);
/* ERR_INVALID when the object has a member that is not in the NULL-ended list: a typing error must not be taken for
 * consent. */
int doc_only(const json_t *object, const char *const *names, struct error *reterr);

/* The document as compact text; caller frees. NULL when memory is out. */
char *doc_write(const json_t *doc);

/* Process start, before any JSON: memory of documents is zeroed when it is freed, so that no password stays behind. */
void doc_wipe_on_free(void);

#endif
