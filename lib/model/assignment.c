#include "lib/model/assignment.h"

static const struct sm_state states[ASSIGNMENT_STATE_COUNT] = {
    [ASSIGNMENT_OPEN] = {"open", SM_TO(ASSIGNMENT_RELEASED), 0},
    [ASSIGNMENT_RELEASED] = {"released", 0, 0},
};

const struct sm assignment_sm = {"assignment", states, ASSIGNMENT_STATE_COUNT};
