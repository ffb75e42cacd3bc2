#include "client/carrelctl/help.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#define WIDTH 100

static const char summary[] = "the command line of a Carrel site";
static const char transport[] = "Commands go to the site that --url names, else to the broker's local socket that "
                                "--socket names, else to CARREL_URL or CARREL_SOCKET, "
                                "else to the site of the last login, else to the socket /run/carrel/broker.sock.";
static const struct {
    const char *status, *meaning;
} statuses[] = {
    {"0", "Done."},
    {"1", "The site refused, or the work failed; the sentence on standard error says why."},
    {"2", "The command line is wrong; nothing was sent."},
    {"3", "No site answers there, it cannot be trusted, or what answers is no Carrel site."},
    {"130", "Interrupted; work that was begun goes on at the site."},
};
static const struct {
    const char *name, *meaning;
} variables[] = {
    {"CARREL_URL", "Stands for --url."},
    {"CARREL_CA", "Stands for --ca."},
    {"CARREL_SOCKET", "Stands for --socket."},
    {"CARREL_STATE", "Stands for --state; else XDG_STATE_HOME/carrel, else ~/.local/state/carrel."},
};

static void write_upper(const char *name, FILE *out)
{
    for (; *name; name++)
        fputc(toupper((unsigned char)*name), out);
}

/* Breaks at blanks so that lines stay within WIDTH; later lines begin at `indent`. at: column where the text begins. */
static void write_wrapped(const char *text, size_t at, size_t indent, FILE *out)
{
    size_t column = at;

    while (*text) {
        size_t len = strcspn(text, " ");
        if (column > indent && column + 1 + len > WIDTH) {
            fprintf(out, "\n%*s", (int)indent, "");
            column = indent;
        } else if (column > at || (column > indent && at != indent)) {
            fputc(' ', out);
            column++;
        }
        fwrite(text, 1, len, out);
        column += len;
        text += len + strspn(text + len, " ");
        if (at < indent)
            at = indent;
    }
    fputc('\n', out);
}

static size_t synopsis(const struct command *c, char *buf, size_t size)
{
    int n = snprintf(buf, size, "%s%s%s", c->noun, c->verb ? " " : "", c->verb ? c->verb : "");

    for (const struct param *a = c->args; a && a->name && n > 0 && (size_t)n < size; a++) {
        char upper[32];
        size_t i = 0;
        for (; a->name[i] && i + 1 < sizeof(upper); i++)
            upper[i] = (char)toupper((unsigned char)a->name[i]);
        upper[i] = '\0';
        n += snprintf(buf + n, size - (size_t)n, " %s", upper);
    }
    if (c->rest && n > 0 && (size_t)n < size)
        n += snprintf(buf + n, size - (size_t)n, " [-- WORDS]");
    return (size_t)n;
}

static void write_entry(const char *head, const char *text, size_t indent, FILE *out)
{
    size_t len = strlen(head);

    fprintf(out, "  %s", head);
    if (len + 4 > indent)
        fprintf(out, "\n%*s", (int)indent, "");
    else
        fprintf(out, "%*s", (int)(indent - len - 2), "");
    write_wrapped(text, indent, indent, out);
}

static void option_head(const struct param *p, char *buf, size_t size)
{
    char letter[8] = "";

    if (p->letter)
        snprintf(letter, sizeof(letter), "-%c, ", p->letter);
    snprintf(buf, size, "%s--%s%s%s", letter, p->name, p->value ? " " : "", p->value ? p->value : "");
}

static void option_text(const struct param *p, char *buf, size_t size)
{
    snprintf(buf, size, "%s%s%s%s%s", p->help, p->choices ? ": " : "", p->choices ? p->choices : "",
             p->required ? " (needed)" : "", "");
}

static void write_options(const struct param *list, FILE *out)
{
    char head[80], text[320];

    for (; list && list->name; list++) {
        option_head(list, head, sizeof(head));
        option_text(list, text, sizeof(text));
        write_entry(head, text, 24, out);
    }
}

static void write_command(const struct command *c, FILE *out)
{
    char line[160], upper[40];

    synopsis(c, line, sizeof(line));
    fprintf(out, "%s.\n\nUsage: carrelctl %s%s\n", c->summary, line, c->options ? " [OPTIONS]" : "");
    if (c->detail) {
        fputc('\n', out);
        write_wrapped(c->detail, 0, 0, out);
    }
    if (c->args)
        fputs("\nArguments:\n", out);
    for (const struct param *a = c->args; a && a->name; a++) {
        snprintf(upper, sizeof(upper), "%s", a->name);
        for (char *p = upper; *p; p++)
            *p = (char)toupper((unsigned char)*p);
        write_entry(upper, a->help, 24, out);
    }
    if (c->options)
        fputs("\nOptions:\n", out);
    write_options(c->options, out);
    fputs("\nOptions of every command: carrelctl --help\n", out);
}

static void write_list(const char *noun, FILE *out)
{
    char line[160];

    for (size_t i = 0; i < n_commands; i++) {
        if (noun && strcmp(commands[i].noun, noun) != 0)
            continue;
        synopsis(&commands[i], line, sizeof(line));
        write_entry(line, commands[i].summary, 36, out);
    }
}

void help_write(const char *noun, const struct command *command, FILE *out)
{
    bool without_verb;

    if (command) {
        write_command(command, out);
        return;
    }
    if (noun && command_has_noun(noun, &without_verb)) {
        fprintf(out, "Usage: carrelctl %s VERB [ARGUMENTS] [OPTIONS]\n\n", noun);
        write_list(noun, out);
        fprintf(out, "\nMore about one: carrelctl %s VERB --help\n", noun);
        return;
    }
    fprintf(out, "carrelctl: %s.\n\nUsage: carrelctl NOUN [VERB] [ARGUMENTS] [OPTIONS]\n\nCommands:\n", summary);
    write_list(NULL, out);
    fputs("\nOptions of every command:\n", out);
    write_options(globals, out);
    fputc('\n', out);
    write_wrapped(transport, 0, 0, out);
    fputs("\nExit status:\n", out);
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
        write_entry(statuses[i].status, statuses[i].meaning, 8, out);
    fputs("\nMore about one: carrelctl NOUN [VERB] --help\n", out);
}

/* Text for man(7): a hyphen that is typed must not become a typographic one, and no line may begin a request. */
static void man_text(const char *text, FILE *out)
{
    if (*text == '.' || *text == '\'')
        fputs("\\&", out);
    for (; *text; text++) {
        if (*text == '-')
            fputs("\\-", out);
        else if (*text == '\\')
            fputs("\\e", out);
        else if (*text == '`')
            fputs("\\(oq", out);
        else
            fputc(*text, out);
    }
    fputc('\n', out);
}

static void man_entry(const char *head, const char *text, FILE *out)
{
    fputs(".TP\n.B ", out);
    man_text(head, out);
    man_text(text, out);
}

static void man_options(const struct param *list, FILE *out)
{
    char head[80], text[320];

    for (; list && list->name; list++) {
        option_head(list, head, sizeof(head));
        option_text(list, text, sizeof(text));
        strncat(text, ".", sizeof(text) - strlen(text) - 1);
        man_entry(head, text, out);
    }
}

static void man_command(const struct command *c, FILE *out)
{
    char line[160], text[320];

    synopsis(c, line, sizeof(line));
    fputs(".SS ", out);
    man_text(line, out);
    snprintf(text, sizeof(text), "%s.", c->summary);
    man_text(text, out);
    if (c->detail) {
        fputs(".PP\n", out);
        man_text(c->detail, out);
    }
    for (const struct param *a = c->args; a && a->name; a++) {
        fputs(".TP\n.I ", out);
        write_upper(a->name, out);
        snprintf(text, sizeof(text), "%s.", a->help);
        fputc('\n', out);
        man_text(text, out);
    }
    man_options(c->options, out);
}

void help_man(FILE *out)
{
    fprintf(out,
            ".\\\" Made by carrelctl --man out of its command table; not to be edited.\n"
            ".TH CARRELCTL 1 \"\" \"Carrel %s\" \"Carrel\"\n.SH NAME\ncarrelctl \\- ",
            HELP_VERSION);
    man_text(summary, out);
    fputs(".SH SYNOPSIS\n.B carrelctl\n.I NOUN\n.RI [ VERB ]\n.RI [ ARGUMENTS ]\n.RI [ OPTIONS ]\n.SH DESCRIPTION\n",
          out);
    man_text(transport, out);
    fputs(".PP\n", out);
    man_text("Options may stand anywhere. Answers are tables for people; scripts take -o json or -o yaml, which give "
             "what the site sent.",
             out);
    fputs(".SH COMMANDS\n", out);
    for (size_t i = 0; i < n_commands; i++)
        man_command(&commands[i], out);
    fputs(".SH OPTIONS OF EVERY COMMAND\n", out);
    man_options(globals, out);
    fputs(".SH EXIT STATUS\n", out);
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
        man_entry(statuses[i].status, statuses[i].meaning, out);
    fputs(".SH ENVIRONMENT\n", out);
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
        man_entry(variables[i].name, variables[i].meaning, out);
}

static void completion_words(const struct param *list, FILE *out)
{
    for (; list && list->name; list++)
        fprintf(out, " --%s", list->name);
}

/* "NOUN VERB) words;;" of each command, and of each noun with verbs the verbs. */
static void completion_cases(FILE *out)
{
    for (size_t i = 0; i < n_commands; i++) {
        const struct command *c = &commands[i];
        fprintf(out, "    '%s%s%s') options=\"", c->noun, c->verb ? " " : "", c->verb ? c->verb : "");
        completion_words(c->options, out);
        fputs("\";;\n", out);
    }
}

static void completion_verbs(FILE *out)
{
    for (size_t i = 0; i < n_commands; i++) {
        const struct command *c = &commands[i];
        bool begins = i == 0 || strcmp(commands[i - 1].noun, c->noun) != 0;
        if (!c->verb)
            continue;
        if (begins)
            fprintf(out, "    %s) verbs=\"", c->noun);
        fprintf(out, "%s ", c->verb);
        if (i + 1 == n_commands || strcmp(commands[i + 1].noun, c->noun) != 0)
            fputs("\";;\n", out);
    }
}

void help_completion(FILE *out)
{
    fputs("# Made by carrelctl --completion.\n"
          "_carrelctl() {\n"
          "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} noun= verb= verbs= options= word i\n"
          "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
          "    word=${COMP_WORDS[i]}\n"
          "    case $word in -*) continue;; esac\n"
          "    if [ -z \"$noun\" ]; then noun=$word; elif [ -z \"$verb\" ]; then verb=$word; fi\n"
          "  done\n"
          "  case $noun in\n",
          out);
    completion_verbs(out);
    fputs("  esac\n"
          "  [ -n \"$verbs\" ] || verb=\n"
          "  case \"$noun${verb:+ $verb}\" in\n",
          out);
    completion_cases(out);
    fputs("  esac\n"
          "  case $prev in\n"
          "    --ca|--socket|--kernel|--initrd) COMPREPLY=($(compgen -f -- \"$cur\")); return;;\n"
          "    --state) COMPREPLY=($(compgen -d -- \"$cur\")); return;;\n"
          "    -o|--output) COMPREPLY=($(compgen -W 'table json yaml' -- \"$cur\")); return;;\n"
          "  esac\n"
          "  if [[ $cur == -* ]]; then\n"
          "    COMPREPLY=($(compgen -W \"$options",
          out);
    completion_words(globals, out);
    fputs("\" -- \"$cur\"))\n"
          "  elif [ -z \"$noun\" ]; then\n"
          "    COMPREPLY=($(compgen -W \"",
          out);
    for (size_t i = 0; i < n_commands; i++)
        if (i == 0 || strcmp(commands[i - 1].noun, commands[i].noun) != 0)
            fprintf(out, "%s ", commands[i].noun);
    fputs("\" -- \"$cur\"))\n"
          "  elif [ -z \"$verb\" ] && [ -n \"$verbs\" ]; then\n"
          "    COMPREPLY=($(compgen -W \"$verbs\" -- \"$cur\"))\n"
          "  else\n"
          "    COMPREPLY=($(compgen -f -- \"$cur\"))\n"
          "  fi\n"
          "}\n"
          "complete -F _carrelctl carrelctl\n",
          out);
}
