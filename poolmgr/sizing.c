#include "poolmgr/sizing.h"

static uint32_t sum(uint32_t a, uint32_t b)
{
    return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint32_t most(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static uint32_t less(uint32_t a, uint32_t b)
{
    return a > b ? a - b : 0;
}

struct sizing_plan sizing_plan(const struct sizing_limits *limits, const struct sizing_counts *counts)
{
    const struct sizing_counts *c = counts;
    uint32_t idle = sum(c->coming, c->ready);
    uint32_t live = sum(idle, c->used);
    uint32_t dying = sum(c->leaving, c->broken);
    uint32_t demand = sum(sum(c->used, c->waiting), limits->spare);
    uint32_t want = least(most(limits->min, demand), limits->max);
    struct sizing_plan plan = {.reason = SIZING_FITS};

    if (want > live) {
        plan.make = least(want - live, less(limits->max, sum(live, dying)));
        plan.reason = plan.make ? SIZING_BELOW : SIZING_CLEARING;
    } else if (want < live) {
        plan.remove = least(live - want, less(idle, c->waiting));
        plan.reason = plan.remove ? SIZING_ABOVE : SIZING_FITS;
    }
    if (!plan.make && !plan.remove && demand > limits->max && live >= limits->max)
        plan.reason = SIZING_AT_MAX;
    return plan;
}

int sizing_candidate_order(const void *a, const void *b)
{
    const struct sizing_candidate *x = a, *y = b;

    if (x->image_behind != y->image_behind)
        return x->image_behind > y->image_behind ? -1 : 1;
    if (x->progress != y->progress)
        return x->progress < y->progress ? -1 : 1;
    if (x->since_ms != y->since_ms)
        return x->since_ms > y->since_ms ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}
