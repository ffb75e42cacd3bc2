/* Runs a fuzz target without a fuzzer: over its committed corpus, then over mutations of it from a fixed seed, so that
 * the same bytes are tried on every machine. `make fuzz` runs the same target at length under libFuzzer.
 * Usage: fuzz_NAME CORPUS_DIR [MUTATIONS]. Prints CMocka's lines so that tests/run counts it. */
#include "lib/base/buf.h"

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_MAX  65536
#define INPUTS_MAX 512

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
    uint8_t *data;
    size_t size;
} corpus[INPUTS_MAX];
static size_t corpus_count;

static uint64_t seed = UINT64_C(0x9e3779b97f4a7c15);

static size_t below(size_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (size_t)(seed % n);
}

static void load(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL || corpus_count == INPUTS_MAX)
        exit(2);
    uint8_t *data = malloc(INPUT_MAX);
    if (data == NULL)
        exit(2);
    corpus[corpus_count].data = data;
    corpus[corpus_count++].size = fread(data, 1, INPUT_MAX, f);
    fclose(f);
}

static void load_all(const char *dir)
{
    DIR *d = opendir(dir);
    if (d == NULL) {
        fprintf(stderr, "no corpus at %s\n", dir);
        exit(2);
    }
    struct dirent **names = NULL;
    closedir(d);
    int n = scandir(dir, &names, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        char path[4096];
        snprintf(path, sizeof(path), "%s/%s", dir, names[i]->d_name);
        if (names[i]->d_name[0] != '.')
            load(path);
        free(names[i]);
    }
    free(names);
}

/* Exactly-sized heap copies, so that a sanitizer sees every over-read. */
static void try_one(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size == 0 ? 1 : size);
    if (copy == NULL)
        exit(2);
    if (size > 0)
        memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void try_mutation(uint8_t *work)
{
    size_t pick = below(corpus_count);
    size_t size = corpus[pick].size;
    memcpy(work, corpus[pick].data, size);
    for (size_t n = 1 + below(4); n > 0 && size > 0; n--) {
        switch (below(4)) {
        case 0:
            work[below(size)] = (uint8_t)below(256);
            break;
        case 1:
            work[below(size)] ^= (uint8_t)(1U << below(8));
            break;
        case 2:
            size = below(size + 1);
            break;
        default: {
            size_t other = below(corpus_count), at = below(size);
            size_t len = corpus[other].size < size - at ? corpus[other].size : size - at;
            memcpy(work + at, corpus[other].data, len);
            break;
        }
        }
    }
    try_one(work, size);
}

int main(int argc, char **argv)
{
    const char *name = strrchr(argv[0], '/') != NULL ? strrchr(argv[0], '/') + 1 : argv[0];
    char dir[512];
    snprintf(dir, sizeof(dir), "tests/fuzz/corpus/%s", name + (strncmp(name, "fuzz_", 5) == 0 ? 5 : 0));
    load_all(argc > 1 ? argv[1] : dir);
    long mutations = argc > 2 ? atol(argv[2]) : 20000;
    if (corpus_count == 0) {
        printf("[  FAILED  ] %s: its corpus is empty\n", name);
        return 1;
    }
    for (size_t i = 0; i < corpus_count; i++)
        try_one(corpus[i].data, corpus[i].size);
    printf("[       OK ] %s_corpus_of_%zu\n", name, corpus_count);
    uint8_t *work = malloc(INPUT_MAX);
    for (long i = 0; work != NULL && i < mutations; i++)
        try_mutation(work);
    free(work);
    printf("[       OK ] %s_%ld_mutations\n", name, mutations);
    for (size_t i = 0; i < corpus_count; i++)
        free(corpus[i].data);
    return 0;
}
