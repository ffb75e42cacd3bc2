/* A JSON document as YAML 1.1 (libyaml's emitter). Pure but for the output; any thread. */
#ifndef CARREL_CARRELCTL_YAML_H
#define CARREL_CARRELCTL_YAML_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* Strings that a YAML reader would take for something else are quoted. ascii: everything beyond ASCII is escaped.
 * Returns 0, ERR_NOMEM or ERR_IO. */
int yaml_write(const json_t *doc, bool ascii, FILE *out);

#endif
