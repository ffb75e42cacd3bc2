/* Moments as the API writes them. Pure; any thread. */
#ifndef CARREL_BROKER_WHEN_H
#define CARREL_BROKER_WHEN_H

#include <jansson.h>
#include <stdint.h>

/* RFC 3339 text in UTC of milliseconds since the epoch; null for 0, which means never or not yet. */
json_t *when_json(int64_t wall_ms);

#endif
