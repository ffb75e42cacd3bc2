/* Words of pools and images as they stand in the store and in the API. Pure; any thread. */
#ifndef CARREL_MODEL_POOL_H
#define CARREL_MODEL_POOL_H

#define POOL_KIND_FLOATING  "floating"
#define POOL_KIND_DEDICATED "dedicated"
#define POOL_KIND_MANUAL    "manual"

#define POOL_STATE_OPEN     "open"
#define POOL_STATE_CLOSED   "closed" /* no new sessions */
#define POOL_STATE_DELETING "deleting"

/* Setting of the store, followed by the pool's name: why the pool does not get its desktops; "" = it does. Written by
 * the leading poolmgr. */
#define POOL_NOTE_SETTING "pool-note/"

#define POOL_CREDENTIALS_SESSION      "session-password"
#define POOL_CREDENTIALS_PASS_THROUGH "pass-through"
#define POOL_CREDENTIALS_NONE         "none"

#define POOL_SECURITY_TLS "tls" /* the gateway encrypts anew under its own certificate */
#define POOL_SECURITY_RAW "raw" /* bytes are relayed untouched (NLA desktops) */

#define IMAGE_STATE_IMPORTING "importing"
#define IMAGE_STATE_SEALED    "sealed"
#define IMAGE_STATE_PUBLISHED "published"
#define IMAGE_STATE_RETIRED   "retired"
#define IMAGE_STATE_ERROR     "error"

#define HOST_STATE_ACTIVE      "active"
#define HOST_STATE_DRAINING    "draining"
#define HOST_STATE_MAINTENANCE "maintenance"
#define HOST_STATE_FAILED      "failed"

#endif
