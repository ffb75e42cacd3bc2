#include "lib/net/peer_limit.h"

#include "lib/base/err.h"
#include "lib/base/id.h"
#include "lib/base/mem.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>

#define BUCKETS 1024

struct key {
    unsigned char bytes[9]; /* family, then 4 or 8 bytes */
};

struct entry {
    struct entry *next;
    struct key key;
    unsigned count;
    bool told;
};

struct peer_limit {
    unsigned max_each;
    size_t max_addresses, addresses;
    uint64_t seed; /* buckets cannot be chosen from outside */
    struct entry *buckets[BUCKETS];
};

struct peer_limit *peer_limit_new(unsigned max_each, size_t max_addresses)
{
    struct peer_limit *limit = MEM_NEW(struct peer_limit);
    if (limit == NULL)
        return NULL;
    limit->max_each = max_each;
    limit->max_addresses = max_addresses;
    id_random(&limit->seed, sizeof(limit->seed));
    return limit;
}

void peer_limit_free(struct peer_limit *limit)
{
    if (limit == NULL)
        return;
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct entry *e = limit->buckets[i], *next; e != NULL; e = next) {
            next = e->next;
            free(e);
        }
    }
    free(limit);
}

static int make_key(const char *address, struct key *key)
{
    struct in_addr v4;
    struct in6_addr v6;
    memset(key, 0, sizeof(*key));
    if (inet_pton(AF_INET, address, &v4) == 1) {
        key->bytes[0] = 4;
        memcpy(key->bytes + 1, &v4, 4);
        return 0;
    }
    if (inet_pton(AF_INET6, address, &v6) != 1)
        return ERR_INVALID;
    key->bytes[0] = 6;
    memcpy(key->bytes + 1, &v6, 8);
    return 0;
}

static struct entry **find(const struct peer_limit *limit, const struct key *key)
{
    uint64_t hash = limit->seed;
    for (size_t i = 0; i < sizeof(key->bytes); i++)
        hash = (hash ^ key->bytes[i]) * 0x100000001b3ULL;
    struct entry *const *at = &limit->buckets[(hash >> 20) % BUCKETS];
    while (*at != NULL && memcmp(&(*at)->key, key, sizeof(*key)) != 0)
        at = &(*at)->next;
    return (struct entry **)(uintptr_t)at;
}

int peer_limit_take(struct peer_limit *limit, const char *address, bool *ret_first_refusal)
{
    struct key key;
    bool first = false;
    int r = make_key(address, &key);
    if (r < 0)
        return r;
    struct entry **at = find(limit, &key);
    if (*at == NULL) {
        if (limit->addresses >= limit->max_addresses)
            return ERR_BUSY;
        struct entry *e = MEM_NEW(struct entry);
        if (e == NULL)
            return ERR_NOMEM;
        e->key = key;
        *at = e;
        limit->addresses++;
    }
    if ((*at)->count >= limit->max_each) {
        first = !(*at)->told;
        (*at)->told = true;
        r = ERR_BUSY;
    } else {
        (*at)->count++;
    }
    if (ret_first_refusal != NULL)
        *ret_first_refusal = first;
    return r;
}

void peer_limit_give(struct peer_limit *limit, const char *address)
{
    struct key key;
    if (make_key(address, &key) < 0)
        return;
    struct entry **at = find(limit, &key);
    struct entry *e = *at;
    if (e == NULL || --e->count > 0)
        return;
    *at = e->next;
    limit->addresses--;
    free(e);
}

unsigned peer_limit_count(const struct peer_limit *limit, const char *address)
{
    struct key key;
    if (make_key(address, &key) < 0)
        return 0;
    const struct entry *e = *find(limit, &key);
    return e != NULL ? e->count : 0;
}
