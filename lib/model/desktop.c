#include "lib/model/desktop.h"

#define FAILS (SM_TO(DESKTOP_ERROR) | SM_TO(DESKTOP_DELETING) | SM_TO(DESKTOP_UNKNOWN))

static const struct sm_state states[DESKTOP_STATE_COUNT] = {
    [DESKTOP_REQUESTED] = {"requested", SM_TO(DESKTOP_CLONING) | FAILS, 600000},
    [DESKTOP_CLONING] = {"cloning", SM_TO(DESKTOP_DEFINED) | FAILS, 300000},
    [DESKTOP_DEFINED] = {"defined", SM_TO(DESKTOP_STARTING) | SM_TO(DESKTOP_RESETTING) | FAILS, 600000},
    [DESKTOP_STARTING] = {"starting", SM_TO(DESKTOP_BOOTING) | FAILS, 120000},
    [DESKTOP_BOOTING] = {"booting", SM_TO(DESKTOP_READY) | SM_TO(DESKTOP_STOPPED) | FAILS, 300000},
    [DESKTOP_READY] = {"ready",
                       SM_TO(DESKTOP_BOOTING) | SM_TO(DESKTOP_STOPPED) | SM_TO(DESKTOP_SUSPENDED) |
                           SM_TO(DESKTOP_MIGRATING) | SM_TO(DESKTOP_RESETTING) | SM_TO(DESKTOP_MAINTENANCE) | FAILS,
                       0},
    [DESKTOP_STOPPED] = {"stopped",
                         SM_TO(DESKTOP_STARTING) | SM_TO(DESKTOP_RESETTING) | SM_TO(DESKTOP_MIGRATING) |
                             SM_TO(DESKTOP_MAINTENANCE) | FAILS,
                         0},
    [DESKTOP_SUSPENDED] = {"suspended", SM_TO(DESKTOP_STARTING) | SM_TO(DESKTOP_STOPPED) | FAILS, 0},
    [DESKTOP_MIGRATING] = {"migrating", SM_TO(DESKTOP_BOOTING) | SM_TO(DESKTOP_READY) | SM_TO(DESKTOP_STOPPED) | FAILS,
                           1800000},
    [DESKTOP_RESETTING] = {"resetting", SM_TO(DESKTOP_DEFINED) | FAILS, 300000},
    [DESKTOP_DELETING] = {"deleting", SM_TO(DESKTOP_GONE) | SM_TO(DESKTOP_UNKNOWN), 300000},
    [DESKTOP_GONE] = {"gone", 0, 0},
    [DESKTOP_UNKNOWN] = {"unknown",
                         SM_TO(DESKTOP_BOOTING) | SM_TO(DESKTOP_READY) | SM_TO(DESKTOP_STOPPED) |
                             SM_TO(DESKTOP_SUSPENDED) | SM_TO(DESKTOP_DEFINED) | SM_TO(DESKTOP_ERROR) |
                             SM_TO(DESKTOP_DELETING),
                         0},
    [DESKTOP_ERROR] = {"error", SM_TO(DESKTOP_REQUESTED) | SM_TO(DESKTOP_DELETING) | SM_TO(DESKTOP_MAINTENANCE), 0},
    [DESKTOP_MAINTENANCE] = {"maintenance", SM_TO(DESKTOP_READY) | SM_TO(DESKTOP_STOPPED) | FAILS, 0},
};

const struct sm desktop_sm = {"desktop", states, DESKTOP_STATE_COUNT};

bool desktop_is_coming(enum desktop_state state)
{
    const uint32_t out = SM_TO(DESKTOP_DELETING) | SM_TO(DESKTOP_GONE) | SM_TO(DESKTOP_UNKNOWN) | SM_TO(DESKTOP_ERROR) |
                         SM_TO(DESKTOP_MAINTENANCE);
    return (SM_TO(state) & out) == 0;
}

bool desktop_may_run(enum desktop_state state)
{
    const uint32_t running = SM_TO(DESKTOP_STARTING) | SM_TO(DESKTOP_BOOTING) | SM_TO(DESKTOP_READY) |
                             SM_TO(DESKTOP_SUSPENDED) | SM_TO(DESKTOP_MIGRATING) | SM_TO(DESKTOP_DELETING) |
                             SM_TO(DESKTOP_UNKNOWN) | SM_TO(DESKTOP_MAINTENANCE);
    return (SM_TO(state) & running) != 0;
}
