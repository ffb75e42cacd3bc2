#include "lib/model/connection.h"

static const struct sm_state connection_states[CONNECTION_STATE_COUNT] = {
    [CONNECTION_OPEN] = {"open", SM_TO(CONNECTION_CLOSED) | SM_TO(CONNECTION_REPLACED), 0},
    [CONNECTION_CLOSED] = {"closed", 0, 0},
    [CONNECTION_REPLACED] = {"replaced", SM_TO(CONNECTION_CLOSED), 0},
};

const struct sm connection_sm = {"connection", connection_states, CONNECTION_STATE_COUNT};

static const struct sm_state ticket_states[TICKET_STATE_COUNT] = {
    [TICKET_NEW] = {"new", SM_TO(TICKET_LEASED) | SM_TO(TICKET_VOID), TICKET_OPEN_MS},
    [TICKET_LEASED] = {"leased", SM_TO(TICKET_VOID), 0},
    [TICKET_VOID] = {"void", 0, 0},
};

const struct sm ticket_sm = {"ticket", ticket_states, TICKET_STATE_COUNT};
