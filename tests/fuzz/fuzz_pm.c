/* What comes from the pool manager, and the JSON checks that every body of the API goes through. */
#include "lib/base/mem.h"
#include "lib/proto/doc.h"
#include "lib/proto/pm.h"
#include "lib/proto/problem.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void members(const json_t *doc)
{
    static const char *const known[] = {"name", "text", NULL};
    const char *text = NULL;
    char copy[16];
    int64_t number = 0;
    bool truth = false;
    json_t *list = NULL;
    doc_only(doc, known, NULL);
    if (doc_text(doc, "text", DOC_OPTIONAL, 1, 32, &text, NULL) == 0 && text != NULL &&
        (strlen(text) < 1 || strlen(text) > 32))
        abort();
    if (doc_copy(doc, "name", DOC_REQUIRED, copy, sizeof(copy), NULL) == 0 && strlen(copy) >= sizeof(copy))
        abort();
    if (doc_int(doc, "number", DOC_OPTIONAL, -5, 5, &number, NULL) == 0 && (number < -5 || number > 5))
        abort();
    doc_bool(doc, "truth", DOC_OPTIONAL, &truth, NULL);
    doc_array(doc, "list", DOC_OPTIONAL, 3, &list, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    json_t *doc CLEANUP(doc_freep) = NULL;
    struct pm_credentials credentials = {0};
    struct pm_prepare prepare;
    struct problem problem;
    char id[ID_SIZE], path[PM_PATH_SIZE] = "";
    if (doc_parse(text, size, &doc, NULL) == 0) {
        char *again CLEANUP_FREE = doc_write(doc);
        json_t *back CLEANUP(doc_freep) = NULL;
        if (again == NULL || doc_parse(again, strlen(again), &back, NULL) != 0 || !json_equal(doc, back))
            abort();
        members(doc);
    }
    pm_prepare_read(text, size, &prepare, NULL);
    if (pm_credentials_read(text, size, &credentials, NULL) == 0)
        pm_credentials_done(&credentials);
    problem_read(&problem, 500, text, size);
    memcpy(path, text, size < sizeof(path) ? size : sizeof(path) - 1);
    if (pm_prepare_path_match(path, id) && strlen(id) >= ID_SIZE)
        abort();
    return 0;
}
