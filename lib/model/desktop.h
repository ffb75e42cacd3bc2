/* The desktop: life cycle and power of one virtual machine. Pure rules; any thread.
 *
 * Owner of every transition is the leading carrel-poolmgr. `ready` means that an RDP negotiation on the guest's port
 * has answered. Numbers never stand in the store, only names. */
#ifndef CARREL_MODEL_DESKTOP_H
#define CARREL_MODEL_DESKTOP_H

#include "lib/base/sm.h"

enum desktop_state {
    DESKTOP_REQUESTED,   /* a row, nothing else */
    DESKTOP_CLONING,     /* its overlay is being made */
    DESKTOP_DEFINED,     /* overlay, address and domain exist; powered off */
    DESKTOP_STARTING,    /* the hypervisor was asked to start it */
    DESKTOP_BOOTING,     /* runs; the guest has not answered yet */
    DESKTOP_READY,       /* an RDP negotiation was answered */
    DESKTOP_STOPPED,     /* powered off on purpose */
    DESKTOP_SUSPENDED,   /* memory kept, not running */
    DESKTOP_MIGRATING,   /* moves to another host */
    DESKTOP_RESETTING,   /* gets a fresh overlay (refresh) */
    DESKTOP_DELETING,    /* is being taken down */
    DESKTOP_GONE,        /* nothing is left of it; the row goes too */
    DESKTOP_UNKNOWN,     /* its host does not answer */
    DESKTOP_ERROR,       /* failed; the reason stands in the row */
    DESKTOP_MAINTENANCE, /* an administrator has it */
    DESKTOP_STATE_COUNT
};

extern const struct sm desktop_sm;

/* Counts as a desktop that the pool has or will soon have (not on its way out, not failed). */
bool desktop_is_coming(enum desktop_state state);
/* A domain may be running on a host. */
bool desktop_may_run(enum desktop_state state);

#endif
