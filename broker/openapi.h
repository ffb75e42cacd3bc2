/* The OpenAPI 3.1 document of /api/v1, made out of the table of endpoints: what is served cannot be forgotten in it.
 * Any thread. */
#ifndef CARREL_BROKER_OPENAPI_H
#define CARREL_BROKER_OPENAPI_H

#include <jansson.h>

/* Caller releases. NULL when memory is out. */
json_t *openapi_document(void);

#endif
