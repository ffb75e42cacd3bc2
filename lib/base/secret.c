#include "lib/base/secret.h"

#include "lib/base/id.h"
#include "lib/base/mem.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

struct secret {
    size_t len;
    size_t mapped;
    char bytes[];
};

struct secret *secret_new(const void *data, size_t len)
{
    if (len > SECRET_MAX)
        return NULL;
    size_t mapped = sizeof(struct secret) + len + 1;
    struct secret *s = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (s == MAP_FAILED)
        return NULL;
    madvise(s, mapped, MADV_DONTDUMP);
    madvise(s, mapped, MADV_WIPEONFORK);
    s->len = len;
    s->mapped = mapped;
    if (len > 0)
        memcpy(s->bytes, data, len);
    return s;
}

struct secret *secret_from_str(const char *str)
{
    return secret_new(str, strlen(str));
}

struct secret *secret_random_text(size_t random_bytes)
{
    char text[128];
    if (id_random_text(random_bytes, text, sizeof(text)) < 0)
        return NULL;
    struct secret *s = secret_from_str(text);
    secret_wipe(text, sizeof(text));
    return s;
}

struct secret *secret_dup(const struct secret *s)
{
    return secret_new(s->bytes, s->len);
}

void secret_free(struct secret *s)
{
    if (s == NULL)
        return;
    secret_wipe(s->bytes, s->len);
    munmap(s, s->mapped);
}

const char *secret_bytes(const struct secret *s)
{
    return s->bytes;
}

size_t secret_len(const struct secret *s)
{
    return s->len;
}

bool secret_equal(const struct secret *a, const struct secret *b)
{
    if (a->len != b->len)
        return false;
    unsigned char diff = 0;
    for (size_t i = 0; i < a->len; i++)
        diff |= (unsigned char)(a->bytes[i] ^ b->bytes[i]);
    return diff == 0;
}

void secret_wipe(void *p, size_t len)
{
    explicit_bzero(p, len);
}

void secret_harden_process(void)
{
    struct rlimit none = {0};
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0);
}
