#include "lib/base/id.h"

#include "lib/base/err.h"
#include "lib/base/text.h"

#include <assert.h>
#include <errno.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

void id_random(void *ret_bytes, size_t len)
{
    unsigned char *p = ret_bytes;
    while (len > 0) {
        ssize_t n = getrandom(p, len, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            abort();
        p += n;
        len -= (size_t)n;
    }
}

int id_random_text(size_t random_bytes, char *ret_text, size_t size)
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
    unsigned char raw[64];
    size_t chars = (8 * random_bytes + 4) / 5;
    if (random_bytes > sizeof(raw) || chars + 1 > size)
        return ERR_TOO_BIG;
    id_random(raw, random_bytes);
    unsigned acc = 0, bits = 0;
    size_t out = 0;
    for (size_t i = 0; i < random_bytes; i++) {
        acc = (acc << 8) | raw[i];
        for (bits += 8; bits >= 5; bits -= 5)
            ret_text[out++] = alphabet[(acc >> (bits - 5)) & 31];
    }
    if (bits > 0)
        ret_text[out++] = alphabet[(acc << (5 - bits)) & 31];
    ret_text[out] = '\0';
    explicit_bzero(raw, sizeof(raw));
    return 0;
}

void id_new(const char *prefix, char ret_id[ID_SIZE])
{
    assert(strlen(prefix) <= 8);
    char text[17];
    int r = id_random_text(10, text, sizeof(text));
    assert(r == 0);
    (void)r;
    snprintf(ret_id, ID_SIZE, "%s-%s", prefix, text);
}

void id_hash(const void *data, size_t len, char ret_hex[ID_HASH_SIZE])
{
    unsigned char md[SHA256_DIGEST_LENGTH];
    SHA256(data, len, md);
    text_hex(md, sizeof(md), ret_hex);
}
