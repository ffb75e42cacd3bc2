#include "lib/virt/range.h"

#include "lib/base/mem.h"

#include <stdlib.h>

void range_done(struct range *range)
{
    free(range->used);
    *range = (struct range){0};
}

int range_use(struct range *range, uint32_t address)
{
    int rc = mem_grow(&range->used, &range->cap, range->count + 1, sizeof(*range->used), RANGE_USED_MAX);
    if (rc < 0)
        return rc;
    range->used[range->count++] = address;
    return 0;
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

int range_pick(struct range *range, uint32_t first, uint32_t last, uint32_t *ret)
{
    if (range->count > 0)
        qsort(range->used, range->count, sizeof(*range->used), compare);
    uint64_t candidate = first;
    for (size_t i = 0; i < range->count && range->used[i] <= candidate; i++)
        if (range->used[i] == candidate)
            candidate++;
    if (candidate > last)
        return ERR_NO_SPACE;
    *ret = (uint32_t)candidate;
    return 0;
}
