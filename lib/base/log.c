#include "lib/base/log.h"

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/text.h"

#include <string.h>
#include <unistd.h>

#define FIELD_LIMIT    400
#define LINE_MAX_BYTES 8192

static const struct {
    const char *name;
    enum log_level level;
    const char *sentence;
} catalogue[] = {
#define EV(id, lvl, sentence) {#id, LOG_LEVEL_##lvl, sentence},
#include "lib/base/events/all.def"
#undef EV
};

static const char *const level_names[] = {"error", "warning", "notice", "info", "debug"};

static struct {
    const char *program;
    int fd;
    enum log_level level;
    void (*tap)(enum log_id, const char *, void *);
    void *tap_arg;
} state = {.program = "carrel", .fd = 2, .level = LOG_LEVEL_INFO};

void log_init(const char *program, int fd, enum log_level level)
{
    state.program = program;
    state.fd = fd;
    state.level = level;
}

void log_set_level(enum log_level level)
{
    state.level = level;
}

int log_level_parse(const char *text, enum log_level *ret)
{
    for (size_t i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++) {
        if (strcmp(level_names[i], text) == 0) {
            *ret = (enum log_level)i;
            return 0;
        }
    }
    return ERR_INVALID;
}

void log_tap(void (*tap)(enum log_id id, const char *line, void *arg), void *arg)
{
    state.tap = tap;
    state.tap_arg = arg;
}

static size_t append_field(char *line, size_t used, size_t size, const struct log_field *f)
{
    int n;
    if (f->text == NULL) {
        n = snprintf(line + used, size - used, " %s=%lld", f->name, (long long)f->number);
    } else {
        char quoted[4 * FIELD_LIMIT + 16];
        text_quote(f->text, strlen(f->text), FIELD_LIMIT, quoted, sizeof(quoted));
        n = snprintf(line + used, size - used, " %s=\"%s\"", f->name, quoted);
    }
    if (n < 0 || (size_t)n >= size - used)
        return used; /* a field that does not fit is left out whole */
    return used + (size_t)n;
}

void log_fields(enum log_id id, const struct log_field *fields, size_t count)
{
    enum log_level level = catalogue[id].level;
    if (level > state.level && state.tap == NULL)
        return;
    char when[CLOCK_TEXT_SIZE], line[LINE_MAX_BYTES];
    clock_text(clock_wall_ms(), when);
    size_t size = sizeof(line) - 2;
    size_t used = (size_t)snprintf(line, size, "%s %s %s[%d] %s: %s", when, level_names[level], state.program,
                                   (int)getpid(), catalogue[id].name, catalogue[id].sentence);
    for (size_t i = 0; i < count && i < 16; i++)
        used = append_field(line, used, size, &fields[i]);
    line[used] = '\0';
    if (state.tap != NULL)
        state.tap(id, line, state.tap_arg);
    if (level > state.level)
        return;
    line[used++] = '\n';
    ssize_t written = write(state.fd, line, used);
    (void)written; /* a log that cannot be written has nobody to be told */
}

void log_plain(enum log_id id)
{
    log_fields(id, NULL, 0);
}

void log_write_catalogue(FILE *out)
{
    fprintf(out, "| event | level | meaning |\n|---|---|---|\n");
    for (size_t i = 0; i < EV_COUNT; i++)
        fprintf(out, "| %s | %s | %s |\n", catalogue[i].name, level_names[catalogue[i].level], catalogue[i].sentence);
}
