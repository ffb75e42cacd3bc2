/* The command table: what carrelctl can be told. Pure data; any thread.
 *
 * One table makes the parser, --help of each level, the manual page, the bash completion, the request and the columns
 * of the answer. Invariants (checked by test_command): nouns stand together; every {part} of a path is an argument;
 * every required thing has a help line; no two options of a command share a name.
 */
#ifndef CARREL_CARRELCTL_COMMAND_H
#define CARREL_CARRELCTL_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

enum param_kind {
    PARAM_TEXT,
    PARAM_INT,    /* whole number, 0 or more */
    PARAM_TIME,   /* 500ms, 30s, 10m, 8h, 7d, or plain seconds; sent as seconds */
    PARAM_FLAG,   /* takes no value */
    PARAM_FILE,   /* a path; sent absolute */
    PARAM_CHOICE, /* one of `choices` */
    PARAM_IMAGE,  /* NAME@VERSION */
};

enum param_use {
    PARAM_LOCAL, /* carrelctl's own: not sent */
    PARAM_PATH,  /* stands as {name} in the path */
    PARAM_BODY,
    PARAM_QUERY,
};

struct param {
    const char *name;  /* option: "min" is written --min; argument: shown in capitals. NULL ends a list */
    const char *value; /* word for its value in the help */
    const char *help;
    enum param_kind kind;
    enum param_use use;
    const char *key;     /* in the body or query; NULL: as `name` */
    const char *choices; /* "a|b|c" of a PARAM_CHOICE */
    bool required;
    char letter; /* short form, 0 = none */
};

enum column_kind {
    COLUMN_TEXT,
    COLUMN_NUMBER,
    COLUMN_BYTES,
    COLUMN_MIB, /* a number of MiB */
    COLUMN_SECONDS,
    COLUMN_AGE,   /* a moment in the past (ms since the epoch, or RFC 3339 text) as a distance */
    COLUMN_UNTIL, /* a moment ahead, as a distance */
    COLUMN_STATE, /* a word, coloured by its meaning */
    COLUMN_PERCENT,
    COLUMN_LIST,  /* array of words */
    COLUMN_IMAGE, /* the object's members `key` and "version" as NAME@VERSION */
};

struct column {
    const char *head; /* NULL ends a list */
    const char *key;  /* member of the object; dots go deeper: "session.id" */
    enum column_kind kind;
};

/* What is done with a command. Everything but ACTION_CALL has code of its own. */
enum action {
    ACTION_CALL, /* one request; the answer is shown */
    ACTION_LOGIN,
    ACTION_LOGOUT,
    ACTION_CONNECT,
    ACTION_IMPORT,
    ACTION_POOL_WAIT, /* a request, then on demand a wait until the pool is at its size */
};

#define COMMAND_ARGS_MAX    3
#define COMMAND_OPTIONS_MAX 20

struct command {
    const char *noun;
    const char *verb; /* NULL: the noun is the whole command */
    const char *summary;
    const char *detail; /* more for --help and the manual; NULL: nothing */
    enum action action;
    const char *method;
    const char *path;     /* as an administrator, operator or auditor */
    const char *own_path; /* as a person without such a role, or with --mine; NULL: administrators only */
    const char *list;     /* member of the answer that holds the array of rows; NULL: the answer is one object */
    const struct param *args;
    const struct param *options;
    const struct column *columns;
    const struct column *own_columns; /* of the answer to own_path; NULL: the same */
    const char *done; /* said after success on -o table when there is no answer to show; NULL: the answer is shown */
    bool rest;        /* words after -- belong to another program */
};

extern const struct command commands[];
extern const size_t n_commands;

/* Options that every command takes; order = enum global. */
enum global {
    GLOBAL_URL,
    GLOBAL_CA,
    GLOBAL_SOCKET,
    GLOBAL_STATE,
    GLOBAL_OUTPUT,
    GLOBAL_TIMEOUT,
    GLOBAL_QUIET,
    GLOBAL_HELP,
    GLOBAL_VERSION,
    GLOBAL_MAN,
    GLOBAL_COMPLETION,
    GLOBAL_COUNT,
};
extern const struct param globals[GLOBAL_COUNT + 1];

/* The command of these words; verb may be NULL. NULL when there is none. */
const struct command *command_find(const char *noun, const char *verb);

/* Whether any command has this noun, and whether it is one without verbs. */
bool command_has_noun(const char *noun, bool *ret_without_verb);

/* Index of the option by its long name in a list, -1 when there is none. */
int command_option(const struct param *options, const char *name);

/* Length of a list that ends with a NULL name. NULL counts as empty. */
size_t command_params(const struct param *list);

#endif
