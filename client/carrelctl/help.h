/* --help, the manual page and the completion, all out of the command table. Pure but for the output; any thread. */
#ifndef CARREL_CARRELCTL_HELP_H
#define CARREL_CARRELCTL_HELP_H

#include "client/carrelctl/command.h"

#include <stdio.h>

#define HELP_VERSION "0.1"

/* Everything, when noun is NULL; the verbs of a noun, when command is NULL; else the one command. An unknown noun is
 * everything. */
void help_write(const char *noun, const struct command *command, FILE *out);

/* carrelctl.1 for man(7). */
void help_man(FILE *out);

/* To be sourced by bash. */
void help_completion(FILE *out);

#endif
