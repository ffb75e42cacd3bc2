/* Log lines out of one event catalogue. Any thread; a line is written with one write(2).
 *
 * The catalogue is lib/base/events/<area>.def: EV(ID, LEVEL, "sentence for the operator"). It produces the enum, the
 * lines and docs/events.md. Fields carry the values; text from peers is quoted and bounded here.
 *   log_event(EV_TICKET_REFUSED, LOG_STR("session", id), LOG_STR("reason", why), LOG_INT("door", door)); */
#ifndef CARREL_BASE_LOG_H
#define CARREL_BASE_LOG_H

#include "lib/base/err.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_NOTICE, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

enum log_id {
#define EV(id, level, sentence) EV_##id,
#include "lib/base/events/all.def"
#undef EV
    EV_COUNT
};

struct log_field {
    const char *name;
    const char *text; /* NULL = the number counts */
    int64_t number;
};

#define LOG_STR(name, text)   ((struct log_field){(name), (text) != NULL ? (text) : "", 0})
#define LOG_INT(name, number) ((struct log_field){(name), NULL, (int64_t)(number)})
/* The best sentence of a `struct error *`. */
#define LOG_ERR(e) LOG_STR("error", err_message(e))

/* One line: time, level, program, event id, sentence, fields. At least one field; at most 16. */
#define log_event(id, ...)                                                                                             \
    log_fields((id), (const struct log_field[]){__VA_ARGS__},                                                          \
               sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field))
void log_fields(enum log_id id, const struct log_field *fields, size_t count);
/* An event without fields. */
void log_plain(enum log_id id);

/* At process start. `program`: static string for each line. `fd`: where lines go (2 = standard error). */
void log_init(const char *program, int fd, enum log_level level);
/* "error", "warning", "notice", "info", "debug"; ERR_INVALID otherwise. */
int log_level_parse(const char *text, enum log_level *ret);
void log_set_level(enum log_level level);

/* Tests: every line also goes to this function (NULL = none). */
void log_tap(void (*tap)(enum log_id id, const char *line, void *arg), void *arg);
/* The catalogue as a Markdown table. */
void log_write_catalogue(FILE *out);

#endif
