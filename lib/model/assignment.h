/* The assignment: person ↔ desktop, floating for a session, dedicated for good. Pure rules; any thread.
 *
 * Invariant (kept by the store): at most one open assignment per desktop, unless it is a session host. */
#ifndef CARREL_MODEL_ASSIGNMENT_H
#define CARREL_MODEL_ASSIGNMENT_H

#include "lib/base/sm.h"

enum assignment_state { ASSIGNMENT_OPEN, ASSIGNMENT_RELEASED, ASSIGNMENT_STATE_COUNT };

extern const struct sm assignment_sm;

#endif
