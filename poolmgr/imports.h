/* Golden images that an administrator asked to import: copied, flattened, sealed, one after the other.
 *
 * carrel-poolmgr, loop thread; the work, which takes minutes, runs on a pool of its own and writes its progress to the
 * row. */
#ifndef POOLMGR_IMPORTS_H
#define POOLMGR_IMPORTS_H

#include "poolmgr/manager.h"

/* Begin what the images of the last pass ask for. */
void imports_look(struct manager *m);

#endif
