/* Rows as administrators see them. Any thread; NULL when memory is out. */
#ifndef CARREL_BROKER_ADMIN_JSON_H
#define CARREL_BROKER_ADMIN_JSON_H

#include "lib/store/store_desktop.h"
#include "lib/store/store_entitlement.h"
#include "lib/store/store_host.h"
#include "lib/store/store_image.h"
#include "lib/store/store_pool.h"

#include <jansson.h>

json_t *admin_image_json(const struct store_image *image);
json_t *admin_host_json(const struct store_host *host, size_t desktops);
/* note: a sentence about what is wrong, or "". */
json_t *admin_pool_json(const struct store_pool *pool, const struct store_pool_counts *counts, const char *note);
json_t *admin_entitlement_json(const struct store_entitlement *row);
/* person: who has it, or "". */
json_t *admin_desktop_json(const struct store_desktop *desktop, const char *person);

#endif
