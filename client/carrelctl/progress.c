#include "client/carrelctl/progress.h"

#include "lib/base/mem.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/carrelctl/outcome.h"
#include "client/carrelctl/screen.h"

static const char *volatile last_words;

void progress_init(struct progress *p, bool quiet)
{
    memset(p, 0, sizeof(*p));
    p->quiet = quiet;
    p->terminal = isatty(STDERR_FILENO) == 1;
}

void progress_say(struct progress *p, const char *fmt, ...)
{
    char text[sizeof(p->last)];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    if (p->quiet || strcmp(text, p->last) == 0)
        return;
    memcpy(p->last, text, sizeof(text));
    char *clean CLEANUP_FREE = screen_clean(text);
    if (clean)
        fprintf(stderr, p->terminal ? "\r\033[K%s" : "%s\n", clean);
    fflush(stderr);
}

void progress_end(struct progress *p)
{
    if (!p->quiet && p->terminal && p->last[0])
        fputs("\r\033[K", stderr);
    p->last[0] = '\0';
}

/* There is nothing to put in order, and a call may be under way that no flag would end: write(2) and _exit(2) are
 * async-signal-safe. */
static void leave(int signum)
{
    const char *text = last_words;

    (void)signum;
    ssize_t n = write(STDERR_FILENO, "\n", 1);
    n = write(STDERR_FILENO, text, strlen(text));
    (void)n;
    _exit(OUTCOME_INTERRUPTED);
}

void progress_interruptible(const char *text)
{
    struct sigaction action = {.sa_handler = leave};

    last_words = text;
    sigaction(SIGINT, &action, NULL);
}

void progress_uninterruptible(void)
{
    signal(SIGINT, SIG_DFL);
}
