#include "lib/model/session.h"

static const struct sm_state states[SESSION_STATE_COUNT] = {
    [SESSION_PREPARING] = {"preparing", SM_TO(SESSION_CONNECTED) | SM_TO(SESSION_ENDED), 0},
    [SESSION_CONNECTED] = {"connected", SM_TO(SESSION_DISCONNECTED) | SM_TO(SESSION_ENDED), 0},
    [SESSION_DISCONNECTED] = {"disconnected", SM_TO(SESSION_CONNECTED) | SM_TO(SESSION_ENDED), 0},
    [SESSION_ENDED] = {"ended", 0, 0},
};

const struct sm session_sm = {"session", states, SESSION_STATE_COUNT};
