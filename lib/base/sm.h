/* State machines as tables. Pure except for the log line of sm_move; any thread.
 *
 * A machine is one table: state, name, allowed successors, deadline. The same table checks rows that come from the
 * store and draws the diagram in the docs. States are numbered from 0 without gaps, at most 32. */
#ifndef CARREL_BASE_SM_H
#define CARREL_BASE_SM_H

#include "lib/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct sm_state {
    const char *name;     /* as it stands in the store and in the API */
    uint32_t successors;  /* bit per state: SM_TO(STATE) | … */
    uint32_t deadline_ms; /* how long an object may stay here before its owner acts; 0 = for ever */
};

#define SM_TO(state) (UINT32_C(1) << (state))

struct sm {
    const char *object; /* "desktop" */
    const struct sm_state *states;
    size_t count;
};

/* Whether `to` may follow `from`. False for numbers outside the table. */
bool sm_allowed(const struct sm *sm, int from, int to);
/* The state's name, "?" for numbers outside the table. */
const char *sm_name(const struct sm *sm, int state);
/* The state of that name; ERR_INVALID (with a sentence) when there is none. */
int sm_parse(const struct sm *sm, const char *name, int *ret_state, struct error *reterr);
/* The wall-clock deadline of an object that enters `state` at `now_ms`; 0 = none. */
int64_t sm_deadline(const struct sm *sm, int state, int64_t now_ms);
/* Move `*state` to `to` and log the object with both states. ERR_ILLEGAL_MOVE leaves it alone. */
int sm_move(const struct sm *sm, const char *id, int *state, int to, struct error *reterr);
/* The table as a Mermaid state diagram. */
void sm_draw(const struct sm *sm, FILE *out);

#endif
