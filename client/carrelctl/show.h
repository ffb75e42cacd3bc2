/* Answers as a table, JSON or YAML on standard output. carrelctl's one thread.
 *
 * The columns come from the command table; nothing here knows a noun. JSON and YAML are what the server sent, with what
 * could steer a terminal escaped; the table is for people and says less.
 */
#ifndef CARREL_CARRELCTL_SHOW_H
#define CARREL_CARRELCTL_SHOW_H

#include "client/carrelctl/command.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum show_form { SHOW_TABLE, SHOW_JSON, SHOW_YAML };

struct show {
    FILE *out;
    enum show_form form;
    bool colour;
    int64_t now_ms; /* ages are counted from here */
};

/* "table", "json" or "yaml"; NULL is the table. */
enum show_form show_form_of(const char *word);

/* The rows under answer[list], or the one object when list is NULL (heads at the left, then what the columns do not
 * name). Returns 0, ERR_PROTOCOL when the answer has no such list, ERR_IO when it cannot be written. */
int show_answer(const struct show *show, const struct column *columns, const char *list, const json_t *answer);

/* A moment of an answer: RFC 3339 text in UTC, or a number of milliseconds since the epoch. Milliseconds; 0 when it is
 * neither. */
int64_t show_moment(const json_t *value);

/* One cell as text. Caller frees; NULL: out of memory. Exposed for its tests. */
char *show_cell(const struct column *column, const json_t *object, int64_t now_ms);

#endif
