/* What goes on, on standard error: one line that is redrawn on a terminal, a line for each change elsewhere.
 *
 * carrelctl's one thread. */
#ifndef CARREL_CARRELCTL_PROGRESS_H
#define CARREL_CARRELCTL_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>

struct progress {
    bool quiet;
    bool terminal;
    char last[256];
};

void progress_init(struct progress *p, bool quiet);
/* Shows the sentence if it differs from the last one. What a server named in it is cleaned. */
void progress_say(struct progress *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Clears the line, so that what follows stands alone. */
void progress_end(struct progress *p);

/* From now until progress_uninterruptible(), Ctrl-C says `text` (borrowed, with its line end) on standard error and
 * ends the program with status 130. */
void progress_interruptible(const char *text);
void progress_uninterruptible(void);

#endif
