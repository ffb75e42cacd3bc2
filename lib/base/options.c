#include "lib/base/options.h"

#include "lib/base/mem.h"
#include "lib/base/text.h"

#include <errno.h>
#include <ini.h>
#include <string.h>

#ifndef CARREL_VERSION
#define CARREL_VERSION "0.1"
#endif

struct suffix {
    const char *text;
    int64_t factor;
};

static const struct suffix time_suffixes[] = {{"ms", 1},      {"s", 1000},     {"m", 60000},
                                              {"h", 3600000}, {"d", 86400000}, {NULL, 0}};
static const struct suffix size_suffixes[] = {{"k", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30}, {"", 1}, {NULL, 0}};
static const struct suffix no_suffixes[] = {{"", 1}, {NULL, 0}};

static int parse_scaled(const char *text, const struct suffix *suffixes, int64_t *ret)
{
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 15)
        return ERR_INVALID;
    int64_t n = 0;
    for (size_t i = 0; i < digits; i++)
        n = n * 10 + (text[i] - '0');
    for (; suffixes->text != NULL; suffixes++) {
        if (strcmp(text + digits, suffixes->text) == 0) {
            if (n > INT64_MAX / suffixes->factor)
                return ERR_INVALID;
            *ret = n * suffixes->factor;
            return 0;
        }
    }
    return ERR_INVALID;
}

static int set_number(const struct option_def *d, int64_t *field, const char *value, struct error *reterr)
{
    const struct suffix *s = d->type == OPTION_TIME   ? time_suffixes
                             : d->type == OPTION_SIZE ? size_suffixes
                                                      : no_suffixes;
    int64_t n;
    if (parse_scaled(value, s, &n) < 0)
        return err_set(reterr, ERR_CONFIG, "%s = %.60s is not a %s", d->name, value,
                       d->type == OPTION_TIME   ? "time (500ms, 30s, 10m, 8h, 7d)"
                       : d->type == OPTION_SIZE ? "size (64k, 10M, 2G)"
                                                : "whole number");
    if ((d->min != 0 || d->max != 0) && (n < d->min || n > d->max))
        return err_set(reterr, ERR_CONFIG, "%s = %.60s is outside %lld to %lld %s", d->name, value, (long long)d->min,
                       (long long)d->max, d->type == OPTION_TIME ? "milliseconds" : d->unit);
    *field = n;
    return 0;
}

static int set_bool(const struct option_def *d, bool *field, const char *value, struct error *reterr)
{
    static const char *const words[] = {"off", "on", "no", "yes", "false", "true"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcasecmp(words[i], value) == 0) {
            *field = i % 2 == 1;
            return 0;
        }
    }
    return err_set(reterr, ERR_CONFIG, "%s = %.60s is neither on nor off", d->name, value);
}

static int set_text(const struct option_def *d, char **field, const char *value, struct error *reterr)
{
    if (d->min == 1 && value[0] == '\0' && d->value[0] != '\0')
        return err_set(reterr, ERR_CONFIG, "%s must not be empty", d->name);
    if (!text_is_utf8(value, strlen(value)))
        return err_set(reterr, ERR_CONFIG, "%s is not valid UTF-8", d->name);
    char *copy = mem_strdup(value);
    if (copy == NULL)
        return err_set(reterr, ERR_NOMEM, "out of memory");
    free(*field);
    *field = copy;
    return 0;
}

static int set_one(const struct option_def *d, void *conf, const char *value, struct error *reterr)
{
    void *field = (char *)conf + d->offset;
    switch (d->type) {
    case OPTION_STR:
    case OPTION_LIST:
        return set_text(d, field, value, reterr);
    case OPTION_BOOL:
        return set_bool(d, field, value, reterr);
    case OPTION_INT:
    case OPTION_TIME:
    case OPTION_SIZE:
        return set_number(d, field, value, reterr);
    default:
        return err_set(reterr, ERR_INTERNAL, "option %s has no type", d->name);
    }
}

int options_set(const struct option_set *set, void *conf, const char *section, const char *name, const char *value,
                struct error *reterr)
{
    for (size_t i = 0; i < set->count; i++) {
        const struct option_def *d = &set->defs[i];
        if (strcmp(d->section, section) == 0 && strcmp(d->name, name) == 0)
            return set_one(d, conf, value, reterr);
    }
    return err_set(reterr, ERR_CONFIG, "[%.40s] %.60s is not an option of %s", section, name, set->program);
}

int options_defaults(const struct option_set *set, void *conf, struct error *reterr)
{
    for (size_t i = 0; i < set->count; i++) {
        int r = set_one(&set->defs[i], conf, set->defs[i].value, reterr);
        if (r < 0)
            return r;
    }
    return 0;
}

struct load {
    const struct option_set *set;
    void *conf;
    struct error *reterr;
    int result;
};

static int on_key(void *arg, const char *section, const char *name, const char *value)
{
    struct load *l = arg;
    if (l->result == 0)
        l->result = options_set(l->set, l->conf, section, name, value, l->reterr);
    return l->result == 0;
}

/* Options that must not be empty and have no default are only known to be missing after the file was read. */
static int check_required(const struct option_set *set, const void *conf, struct error *reterr)
{
    for (size_t i = 0; i < set->count; i++) {
        const struct option_def *d = &set->defs[i];
        bool text = d->type == OPTION_STR || d->type == OPTION_LIST;
        if (!text || d->min != 1)
            continue;
        char *const *field = (char *const *)(const void *)((const char *)conf + d->offset);
        if ((*field)[0] == '\0')
            return err_set(reterr, ERR_CONFIG, "[%s] %s is missing: %s", d->section, d->name, d->help);
    }
    return 0;
}

int options_load(const struct option_set *set, void *conf, const char *path, struct error *reterr)
{
    struct load l = {set, conf, reterr, 0};
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return err_set_errno(reterr, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "cannot open %s", path);
    int line = ini_parse_file(f, on_key, &l);
    fclose(f);
    if (line > 0 && l.result == 0)
        return err_set(reterr, ERR_CONFIG, "%s:%d: not a line of the form name = value", path, line);
    if (l.result < 0) {
        err_prefix(reterr, "%s:%d", path, line);
        return l.result;
    }
    int r = check_required(set, conf, reterr);
    if (r < 0)
        err_prefix(reterr, "%s", path);
    return r;
}

void options_done(const struct option_set *set, void *conf)
{
    for (size_t i = 0; i < set->count; i++) {
        const struct option_def *d = &set->defs[i];
        if (d->type != OPTION_STR && d->type != OPTION_LIST)
            continue;
        char **field = (char **)(void *)((char *)conf + d->offset);
        free(*field);
        *field = NULL;
    }
}

static const char *type_word(enum option_type type)
{
    static const char *const words[] = {"text", "number", "on|off", "time", "size", "list"};
    return words[type];
}

void options_write_help(const struct option_set *set, FILE *out)
{
    fprintf(out, "%s: %s\n\nUsage: %s [-c FILE] [-t]\n\n", set->program, set->summary, set->program);
    fprintf(out,
            "  -c FILE     configuration (default %s)\n  -t          check the configuration and exit\n"
            "  -h, --help  this text\n  --sample    a configuration file with every default\n"
            "  --man       the manual page\n  --version   the version\n\nOptions of the configuration file:\n",
            set->file);
    const char *section = "";
    for (size_t i = 0; i < set->count; i++) {
        const struct option_def *d = &set->defs[i];
        if (strcmp(section, d->section) != 0)
            fprintf(out, "\n[%s]\n", section = d->section);
        fprintf(out, "  %s = %s\n      %s%s%s%s%s (%s%s)\n", d->name, d->value[0] != '\0' ? d->value : "…", d->help,
                d->unit[0] != '\0' ? " [" : "", d->unit, d->unit[0] != '\0' ? "]" : "", "", type_word(d->type),
                d->reloadable ? ", taken over on SIGHUP" : "");
    }
}

void options_write_sample(const struct option_set *set, FILE *out)
{
    fprintf(out, "; %s: %s\n; Every option with its default. A line that begins with ; is not read.\n", set->program,
            set->summary);
    const char *section = "";
    for (size_t i = 0; i < set->count; i++) {
        const struct option_def *d = &set->defs[i];
        if (strcmp(section, d->section) != 0)
            fprintf(out, "\n[%s]\n", section = d->section);
        fprintf(out, "; %s (%s)\n;%s = %s\n", d->help, type_word(d->type), d->name, d->value);
    }
}

void options_write_man(const struct option_set *set, FILE *out)
{
    fprintf(out, ".TH %s 8 \"\" \"Carrel " CARREL_VERSION "\"\n.SH NAME\n%s \\- %s\n", set->program, set->program,
            set->summary);
    fprintf(out, ".SH SYNOPSIS\n.B %s\n[\\-c FILE] [\\-t] [\\-h] [\\-\\-sample] [\\-\\-man] [\\-\\-version]\n",
            set->program);
    fprintf(out, ".SH CONFIGURATION\nRead from %s unless \\-c names another file.\n", set->file);
    const char *section = "";
    for (size_t i = 0; i < set->count; i++) {
        const struct option_def *d = &set->defs[i];
        if (strcmp(section, d->section) != 0)
            fprintf(out, ".SS [%s]\n", section = d->section);
        fprintf(out, ".TP\n.B %s\n%s. Type: %s. Default: %s.%s\n", d->name, d->help, type_word(d->type),
                d->value[0] != '\0' ? d->value : "empty", d->reloadable ? " Taken over on SIGHUP." : "");
    }
}

static int usage(const struct option_set *set, const char *why, const char *what)
{
    fprintf(stderr, "%s: %s%s\nTry: %s --help\n", set->program, why, what, set->program);
    return 2;
}

static int check_only(const char *file)
{
    printf("%s: the configuration is valid\n", file);
    return 0;
}

int options_start(const struct option_set *set, void *conf, int argc, char **argv)
{
    const char *file = set->file;
    bool test = false, named = false;
    for (int i = 1; i < argc; i++) {
        const char *a = argv[i];
        if (strcmp(a, "-h") == 0 || strcmp(a, "--help") == 0)
            return options_write_help(set, stdout), 0;
        if (strcmp(a, "--sample") == 0)
            return options_write_sample(set, stdout), 0;
        if (strcmp(a, "--man") == 0)
            return options_write_man(set, stdout), 0;
        if (strcmp(a, "--version") == 0)
            return printf("%s " CARREL_VERSION "\n", set->program), 0;
        if (strcmp(a, "-t") == 0) {
            test = true;
        } else if (strcmp(a, "-c") == 0) {
            if (i + 1 == argc)
                return usage(set, "-c needs a file", "");
            file = argv[++i];
            named = true;
        } else {
            return usage(set, "unknown argument ", a);
        }
    }
    struct error e = {0};
    int r = options_defaults(set, conf, &e);
    if (r == 0)
        r = options_load(set, conf, file, &e);
    if (r == ERR_NOT_FOUND && !named)
        r = check_required(set, conf, &e);
    if (r < 0) {
        fprintf(stderr, "%s: %s\n", set->program, err_message(&e));
        return 1;
    }
    return test ? check_only(file) : -1;
}

bool options_list_next(const char **cursor, char *ret_word, size_t size)
{
    static const char separators[] = " \t,";
    const char *start = *cursor + strspn(*cursor, separators);
    size_t len = strcspn(start, separators);
    if (len == 0)
        return false;
    snprintf(ret_word, size, "%.*s", (int)len, start);
    *cursor = start + len;
    return true;
}
