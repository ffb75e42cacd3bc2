/* From the words of the command line to a checked invocation. Pure; any thread.
 *
 * Options may stand anywhere before "--". Values are checked for their kind here, so that what cannot be right costs no
 * request.
 */
#ifndef CARREL_CARRELCTL_PARSE_H
#define CARREL_CARRELCTL_PARSE_H

#include "client/carrelctl/command.h"
#include "lib/base/err.h"

#include <stdint.h>

struct invocation {
    const struct command *command; /* NULL when only help, version, manual or completion is asked for */
    const char *noun;              /* as written; for the help of a noun. NULL when none was */
    const char *args[COMMAND_ARGS_MAX];
    const char *options[COMMAND_OPTIONS_MAX]; /* by index in command->options; NULL: not given; "" for a flag */
    const char *globals[GLOBAL_COUNT];
    char *const *rest; /* words after --, NULL-terminated as argv is */
    size_t n_rest;
};

/* argv: of main(), borrowed as long as the invocation is used. Returns 0, or ERR_INVALID with a sentence for the
 * person. */
int parse_words(int argc, char *const *argv, struct invocation *ret, struct error *reterr);

/* Value of an option by its name; NULL when it was not given or the command has no such option. */
const char *parse_option(const struct invocation *inv, const char *name);

/* "500ms", "30s", "10m", "8h", "7d" or plain seconds as milliseconds. ERR_INVALID: something else, or over ten years.
 */
int parse_time(const char *text, int64_t *ret_ms);

#endif
