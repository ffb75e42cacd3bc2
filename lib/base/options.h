/* Configuration out of one table per daemon: the struct, the INI parser (inih), --help, the manual page and the sample
 * file all come from it. Start-up only, before threads.
 *
 *   #define CONF(X)                                                                                    \
 *       X(STR, broker, api_socket, "/run/carrel/broker.sock", 0, 0, "", false, "Where the API listens") \
 *       X(INT, broker, workers, "4", 1, 64, "threads", false, "Threads that talk to the store")
 *   struct conf { CONF(OPTION_FIELD) };
 *   #define OPTION_STRUCT struct conf
 *   static const struct option_def defs[] = {CONF(OPTION_DEF)};
 *   static const struct option_set set = OPTION_SET("carrel-broker", "what it is, one line", "/etc/…", defs);
 *
 * Types: STR (char *, owned; "" when unset), INT (int64_t), BOOL (bool; on/off/yes/no/true/false), TIME (int64_t
 * milliseconds; written 500ms, 30s, 10m, 8h, 7d), SIZE (int64_t bytes; written 64k, 10M, 2G), LIST (char *, owned;
 * words separated by blanks or commas, kept as one text; options_list_next walks it). min and max bound INT, TIME and
 * SIZE; both 0 = any non-negative value. For STR and LIST, min 1 means that it must not be empty. */
#ifndef CARREL_BASE_OPTIONS_H
#define CARREL_BASE_OPTIONS_H

#include "lib/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum option_type { OPTION_STR, OPTION_INT, OPTION_BOOL, OPTION_TIME, OPTION_SIZE, OPTION_LIST };

struct option_def {
    enum option_type type;
    const char *section;
    const char *name;
    const char *value; /* the default, as it would stand in the file */
    int64_t min, max;
    const char *unit;
    bool reloadable; /* taken over on SIGHUP */
    const char *help;
    size_t offset;
};

struct option_set {
    const char *program;
    const char *summary;
    const char *file; /* default configuration file */
    const struct option_def *defs;
    size_t count;
};

#define OPTION_FIELD_STR(name)                                                 char *name;
#define OPTION_FIELD_LIST(name)                                                char *name;
#define OPTION_FIELD_INT(name)                                                 int64_t name;
#define OPTION_FIELD_TIME(name)                                                int64_t name;
#define OPTION_FIELD_SIZE(name)                                                int64_t name;
#define OPTION_FIELD_BOOL(name)                                                bool name;
#define OPTION_FIELD(type, section, name, value, min, max, unit, reload, help) OPTION_FIELD_##type(name)
#define OPTION_DEF(type, section, name, value, min, max, unit, reload, help)                                           \
    {OPTION_##type, #section, #name, value, min, max, unit, reload, help, offsetof(OPTION_STRUCT, name)},
#define OPTION_SET(program, summary, file, defs)                                                                       \
    {                                                                                                                  \
        program, summary, file, defs, sizeof(defs) / sizeof((defs)[0])                                                 \
    }

/* Set every option to its default. The struct must be zeroed before; free with options_done. */
int options_defaults(const struct option_set *set, void *conf, struct error *reterr);
/* Read `path` over what is set. ERR_CONFIG names file, line and cause (unknown key, bad value, not an INI line);
 * ERR_NOT_FOUND when there is no such file. */
int options_load(const struct option_set *set, void *conf, const char *path, struct error *reterr);
/* One value, as from the file. */
int options_set(const struct option_set *set, void *conf, const char *section, const char *name, const char *value,
                struct error *reterr);
void options_done(const struct option_set *set, void *conf);

/* The whole command line of a daemon: -c FILE, -t (validate and exit), -h/--help, --sample, --man, --version.
 * Returns -1 to go on (conf is filled), else the exit status. Messages go to stdout/stderr. */
int options_start(const struct option_set *set, void *conf, int argc, char **argv);

void options_write_help(const struct option_set *set, FILE *out);
void options_write_sample(const struct option_set *set, FILE *out);
void options_write_man(const struct option_set *set, FILE *out);

/* Next word of a LIST: *cursor starts at the text and moves on; false at the end. ret_word is cut at `size`. */
bool options_list_next(const char **cursor, char *ret_word, size_t size);

#endif
