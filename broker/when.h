/* Times in API documents: RFC 3339 text in UTC, null for "never". Pure. */
#ifndef CARREL_BROKER_WHEN_H
#define CARREL_BROKER_WHEN_H

#include <jansson.h>
#include <stdint.h>

/* A new reference. */
json_t *when_json(int64_t wall_ms);

#endif
