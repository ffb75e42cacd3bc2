#include "lib/base/sm.h"

#include "lib/base/log.h"

#include <string.h>

static bool in_table(const struct sm *sm, int state)
{
    return state >= 0 && (size_t)state < sm->count;
}

bool sm_allowed(const struct sm *sm, int from, int to)
{
    return in_table(sm, from) && in_table(sm, to) && (sm->states[from].successors & SM_TO(to)) != 0;
}

const char *sm_name(const struct sm *sm, int state)
{
    return in_table(sm, state) ? sm->states[state].name : "?";
}

int sm_parse(const struct sm *sm, const char *name, int *ret_state, struct error *reterr)
{
    for (size_t i = 0; i < sm->count; i++) {
        if (strcmp(sm->states[i].name, name) == 0) {
            *ret_state = (int)i;
            return 0;
        }
    }
    return err_set(reterr, ERR_INVALID, "\"%.40s\" is not a state of a %s", name, sm->object);
}

int64_t sm_deadline(const struct sm *sm, int state, int64_t now_ms)
{
    if (!in_table(sm, state) || sm->states[state].deadline_ms == 0)
        return 0;
    return now_ms + sm->states[state].deadline_ms;
}

int sm_move(const struct sm *sm, const char *id, int *state, int to, struct error *reterr)
{
    if (!sm_allowed(sm, *state, to))
        return err_set(reterr, ERR_ILLEGAL_MOVE, "%s %s cannot go from %s to %s", sm->object, id, sm_name(sm, *state),
                       sm_name(sm, to));
    log_event(EV_STATE_MOVED, LOG_STR("object", sm->object), LOG_STR("id", id), LOG_STR("from", sm_name(sm, *state)),
              LOG_STR("to", sm_name(sm, to)));
    *state = to;
    return 0;
}

void sm_draw(const struct sm *sm, FILE *out)
{
    fprintf(out, "stateDiagram-v2\n");
    for (size_t i = 0; i < sm->count; i++)
        for (size_t k = 0; k < sm->count; k++)
            if (sm_allowed(sm, (int)i, (int)k))
                fprintf(out, "    %s --> %s\n", sm->states[i].name, sm->states[k].name);
}
