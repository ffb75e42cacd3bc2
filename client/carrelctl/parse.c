#include "client/carrelctl/parse.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/text.h"

#define TEN_YEARS_MS (10 * 366 * 86400000LL)

int parse_time(const char *text, int64_t *ret_ms)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}, {"", 1000}};
    size_t digits = strspn(text, "0123456789");
    char number[16];
    int64_t n;

    if (digits == 0 || digits >= sizeof(number))
        return ERR_INVALID;
    memcpy(number, text, digits);
    number[digits] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (strcmp(text + digits, units[i].unit) != 0)
            continue;
        if (text_to_int(number, 0, TEN_YEARS_MS / units[i].ms, &n) < 0)
            return ERR_INVALID;
        *ret_ms = n * units[i].ms;
        return 0;
    }
    return ERR_INVALID;
}

/* Levenshtein's distance of short words; long ones are as far as can be. */
static size_t distance(const char *a, const char *b)
{
    size_t la = strlen(a), lb = strlen(b), row[32];

    if (la >= ARRAY_LEN(row) || lb >= ARRAY_LEN(row))
        return SIZE_MAX;
    for (size_t j = 0; j <= lb; j++)
        row[j] = j;
    for (size_t i = 1; i <= la; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            best = row[j] + 1 < best ? row[j] + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[lb];
}

/* Keeps in *best the candidate nearest to `word`, when it is near enough to be a slip of the finger. */
static void consider(const char *word, const char *candidate, const char **best, size_t *nearest)
{
    size_t d = distance(word, candidate);

    if (d < *nearest && d <= 1 + strlen(candidate) / 4) {
        *nearest = d;
        *best = candidate;
    }
}

static int unknown(struct error *reterr, const char *what, const char *word, const char *best, const char *where)
{
    char quoted[128];

    text_quote(word, strlen(word), 40, quoted, sizeof(quoted));
    return err_set(reterr, ERR_INVALID, "there is no %s %s%s%s%s carrelctl %s%s--help", what, quoted,
                   best ? "; did you mean " : "", best ? best : "", best ? "? See" : "; see", where, *where ? " " : "");
}

static int unknown_command(const struct invocation *inv, const char *verb, struct error *reterr)
{
    const char *best = NULL;
    size_t nearest = SIZE_MAX;

    for (size_t i = 0; i < n_commands; i++) {
        if (!verb)
            consider(inv->noun, commands[i].noun, &best, &nearest);
        else if (strcmp(commands[i].noun, inv->noun) == 0)
            consider(verb, commands[i].verb, &best, &nearest);
    }
    return verb ? unknown(reterr, "verb", verb, best, inv->noun) : unknown(reterr, "command", inv->noun, best, "");
}

static int check_choice(const struct param *p, const char *value, const char *shown, struct error *reterr)
{
    size_t len = strlen(value);

    for (const char *c = p->choices; c; c = strchr(c, '|') ? strchr(c, '|') + 1 : NULL)
        if (strncmp(c, value, len) == 0 && (c[len] == '|' || c[len] == '\0') && len > 0)
            return 0;
    return err_set(reterr, ERR_INVALID, "%s must be one of %s", shown, p->choices);
}

/* NAME@VERSION with a name of text_is_name() and a version of 1 or more. */
static int check_image(const char *value, const char *shown, struct error *reterr)
{
    const char *at = strchr(value, '@');
    char name[64];
    int64_t version;

    if (at && (size_t)(at - value) < sizeof(name)) {
        memcpy(name, value, (size_t)(at - value));
        name[at - value] = '\0';
        if (text_is_name(name, sizeof(name) - 1) && text_to_int(at + 1, 1, INT32_MAX, &version) == 0)
            return 0;
    }
    return err_set(reterr, ERR_INVALID, "%s must be NAME@VERSION, for example debian-desktop@1", shown);
}

static int check_value(const struct param *p, const char *value, const char *shown, struct error *reterr)
{
    int64_t n;

    if (!text_is_utf8(value, strlen(value)))
        return err_set(reterr, ERR_INVALID, "%s is not UTF-8", shown);
    switch (p->kind) {
    case PARAM_INT:
        if (text_to_int(value, 0, INT32_MAX, &n) < 0)
            return err_set(reterr, ERR_INVALID, "%s must be a whole number, 0 or more", shown);
        return 0;
    case PARAM_TIME:
        if (parse_time(value, &n) < 0)
            return err_set(reterr, ERR_INVALID, "%s must be a time such as 30s, 10m or 8h", shown);
        return 0;
    case PARAM_CHOICE:
        return check_choice(p, value, shown, reterr);
    case PARAM_IMAGE:
        return check_image(value, shown, reterr);
    case PARAM_TEXT:
    case PARAM_FILE:
        if (!*value)
            return err_set(reterr, ERR_INVALID, "%s must not be empty", shown);
        return 0;
    case PARAM_FLAG:
        return 0;
    }
    return 0;
}

/* The list that holds the option and its place in it. name: without the dashes, `len` bytes; one letter when
 * `is_short`. */
static const struct param *find_option(const struct param *list, const char *name, size_t len, bool is_short,
                                       size_t *ret)
{
    for (size_t i = 0; list && list[i].name; i++) {
        const struct param *p = &list[i];
        if (is_short ? p->letter == *name && len == 1 : strlen(p->name) == len && strncmp(p->name, name, len) == 0) {
            *ret = i;
            return p;
        }
    }
    return NULL;
}

static int unknown_option(const struct invocation *inv, const char *word, size_t len, struct error *reterr)
{
    const struct param *lists[] = {globals, inv->command ? inv->command->options : NULL};
    const char *best = NULL;
    size_t nearest = SIZE_MAX;
    char name[64], suggestion[64];

    snprintf(name, sizeof(name), "%.*s", (int)len, word);
    for (size_t l = 0; l < ARRAY_LEN(lists); l++)
        for (size_t i = 0; lists[l] && lists[l][i].name; i++)
            consider(name + strspn(name, "-"), lists[l][i].name, &best, &nearest);
    if (best)
        snprintf(suggestion, sizeof(suggestion), "--%s", best);
    return unknown(reterr, "option", name, best ? suggestion : NULL, inv->noun ? inv->noun : "");
}

/* One option at argv[*i]; takes its value from the next word where it has to. */
static int take_option(struct invocation *inv, int argc, char *const *argv, int *i, struct error *reterr)
{
    const char *word = argv[*i];
    bool is_short = word[1] != '-';
    const char *name = word + (is_short ? 1 : 2), *equals = is_short ? NULL : strchr(name, '=');
    size_t len = equals ? (size_t)(equals - name) : strlen(name), index = 0;
    const char **slot = inv->globals;
    const struct param *p = find_option(globals, name, len, is_short, &index);
    char shown[80];

    if (inv->command && find_option(inv->command->options, name, len, is_short, &index)) {
        p = &inv->command->options[index];
        slot = inv->options;
    }
    if (!p)
        return unknown_option(inv, word, equals ? (size_t)(equals - word) : strlen(word), reterr);
    snprintf(shown, sizeof(shown), "--%s", p->name);
    if (slot[index])
        return err_set(reterr, ERR_INVALID, "%s is given twice", shown);
    if (p->kind == PARAM_FLAG) {
        if (equals)
            return err_set(reterr, ERR_INVALID, "%s takes no value", shown);
        slot[index] = "";
        return 0;
    }
    if (!equals && *i + 1 >= argc)
        return err_set(reterr, ERR_INVALID, "%s needs a value: %s", shown, p->value);
    slot[index] = equals ? equals + 1 : argv[++*i];
    return check_value(p, slot[index], shown, reterr);
}

static int take_argument(struct invocation *inv, const char *word, size_t *n_args, struct error *reterr)
{
    const struct command *c = inv->command;
    char quoted[128];

    if (*n_args >= command_params(c->args))
        return err_set(reterr, ERR_INVALID, "%s is one word too many; see carrelctl %s%s%s --help",
                       text_quote(word, strlen(word), 40, quoted, sizeof(quoted)), c->noun, c->verb ? " " : "",
                       c->verb ? c->verb : "");
    const struct param *p = &c->args[*n_args];
    inv->args[(*n_args)++] = word;
    return check_value(p, word, p->name, reterr);
}

/* Options of the command may stand before its noun is known ("-o json pool list" does, "--min 2 pool create" does not
 * need to). */
static int take_word(struct invocation *inv, const char *word, size_t *n_args, struct error *reterr)
{
    bool without_verb = false;

    if (inv->command)
        return take_argument(inv, word, n_args, reterr);
    if (!inv->noun) {
        inv->noun = word;
        if (!command_has_noun(word, &without_verb))
            return unknown_command(inv, NULL, reterr);
        inv->command = without_verb ? command_find(word, NULL) : NULL;
        return 0;
    }
    inv->command = command_find(inv->noun, word);
    return inv->command ? 0 : unknown_command(inv, word, reterr);
}

/* Rules between options that no single one can tell. */
static int check_together(const struct command *c, const struct invocation *inv, struct error *reterr)
{
    if (command_option(c->options, "group") >= 0 && command_option(c->options, "user") >= 0 &&
        !parse_option(inv, "group") == !parse_option(inv, "user"))
        return err_set(reterr, ERR_INVALID, "exactly one of --group and --user is needed");
    if (strcmp(c->noun, "pool") == 0 && strcmp(c->verb, "scale") == 0 && !parse_option(inv, "min") &&
        !parse_option(inv, "max") && !parse_option(inv, "spare"))
        return err_set(reterr, ERR_INVALID, "at least one of --min, --max and --spare is needed");
    if (inv->globals[GLOBAL_URL] && inv->globals[GLOBAL_SOCKET])
        return err_set(reterr, ERR_INVALID, "--url and --socket exclude each other");
    return 0;
}

static int check_complete(const struct invocation *inv, size_t n_args, struct error *reterr)
{
    const struct command *c = inv->command;

    if (!c)
        return inv->noun
                   ? err_set(reterr, ERR_INVALID, "%s needs a verb; see carrelctl %s --help", inv->noun, inv->noun)
                   : err_set(reterr, ERR_INVALID, "nothing to do; see carrelctl --help");
    for (size_t i = n_args; c->args && c->args[i].name; i++)
        if (c->args[i].required)
            return err_set(reterr, ERR_INVALID, "%s is missing; see carrelctl %s%s%s --help", c->args[i].name, c->noun,
                           c->verb ? " " : "", c->verb ? c->verb : "");
    for (size_t i = 0; c->options && c->options[i].name; i++)
        if (c->options[i].required && !inv->options[i])
            return err_set(reterr, ERR_INVALID, "--%s %s is missing", c->options[i].name, c->options[i].value);
    if (inv->n_rest > 0 && !c->rest)
        return err_set(reterr, ERR_INVALID, "%s takes no words after --", c->noun);
    return check_together(c, inv, reterr);
}

static bool asks_for_text(const struct invocation *inv)
{
    return inv->globals[GLOBAL_HELP] || inv->globals[GLOBAL_VERSION] || inv->globals[GLOBAL_MAN] ||
           inv->globals[GLOBAL_COMPLETION];
}

int parse_words(int argc, char *const *argv, struct invocation *ret, struct error *reterr)
{
    struct invocation inv = {0};
    size_t n_args = 0;
    int r = 0;

    for (int i = 1; i < argc && r == 0; i++) {
        if (strcmp(argv[i], "--") == 0) {
            inv.rest = argv + i + 1;
            inv.n_rest = (size_t)(argc - i - 1);
            break;
        }
        r = argv[i][0] == '-' && argv[i][1] ? take_option(&inv, argc, argv, &i, reterr)
                                            : take_word(&inv, argv[i], &n_args, reterr);
    }
    if (r == 0 && !asks_for_text(&inv))
        r = check_complete(&inv, n_args, reterr);
    if (r == 0)
        *ret = inv;
    return r;
}

const char *parse_option(const struct invocation *inv, const char *name)
{
    int i = inv->command ? command_option(inv->command->options, name) : -1;

    return i < 0 ? NULL : inv->options[i];
}
