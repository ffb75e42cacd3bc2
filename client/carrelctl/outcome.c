#include "client/carrelctl/outcome.h"

#include "lib/base/mem.h"
#include "lib/base/text.h"

#include <stdarg.h>
#include <string.h>

#include "client/carrelctl/screen.h"

int outcome_fail(struct failure *f, enum outcome outcome, const char *fmt, ...)
{
    va_list args;

    memset(f, 0, sizeof(*f));
    f->outcome = outcome;
    va_start(args, fmt);
    vsnprintf(f->text, sizeof(f->text), fmt, args);
    va_end(args);
    return (int)outcome;
}

void outcome_hint(struct failure *f, const char *fmt, ...)
{
    va_list args;

    if (f->hint[0])
        return;
    va_start(args, fmt);
    vsnprintf(f->hint, sizeof(f->hint), fmt, args);
    va_end(args);
}

static const struct {
    const char *code;
    const char *hint;
} hints[] = {
    {"bad_credentials",
     "Check the name and the password; after several wrong ones the directory may lock the account."},
    {"unauthorized", "Log in first: carrelctl login USER --url https://HOST"},
    {"directory_down", "Try again in a moment; an administrator sees the cause in carrel-broker's log."},
    {"not_entitled", "An administrator can see who may use it with: carrelctl entitlement list"},
    {"forbidden", "This needs the administrator's role; over the broker's local socket, root has it."},
    {"admin_not_here",
     "This gateway does not carry the administration; use an inward one, or the broker's local socket."},
};

int outcome_problem(struct failure *f, const struct problem *problem)
{
    /* A gateway's word that the broker behind it does not answer. */
    bool behind = problem->status == 502 || problem->status == 504 || strcmp(problem->code, "broker_down") == 0;

    outcome_fail(f, behind ? OUTCOME_UNREACHABLE : OUTCOME_REFUSED, "%s", problem->detail);
    f->status = problem->status;
    if (text_copy(f->code, sizeof(f->code), problem->code) < 0)
        f->code[0] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(hints); i++)
        if (strcmp(hints[i].code, problem->code) == 0)
            outcome_hint(f, "%s", hints[i].hint);
    if (problem->status == 401)
        outcome_hint(f, "%s", hints[1].hint);
    if (problem->status == 403)
        outcome_hint(f, "%s", hints[4].hint);
    return (int)f->outcome;
}

int outcome_no_answer(struct failure *f, int err, const struct error *e, const char *where)
{
    switch (err) {
    case ERR_TLS:
    case ERR_CERT_MISMATCH:
        outcome_fail(f, OUTCOME_UNREACHABLE, "%s cannot be trusted: %s", where, err_message(e));
        outcome_hint(f, "Give the authority that signed the site's certificate: --ca FILE");
        break;
    case ERR_TIMEOUT:
        outcome_fail(f, OUTCOME_UNREACHABLE, "%s does not answer in time", where);
        outcome_hint(f, "Is the site very busy? A longer wait: --timeout 2m");
        break;
    case ERR_INVALID:
    case ERR_PROTOCOL:
    case ERR_TOO_BIG:
        outcome_fail(f, OUTCOME_UNREACHABLE, "%s does not answer as a Carrel site does: %s", where, err_message(e));
        outcome_hint(f, "Is the address right?");
        break;
    default:
        outcome_fail(f, OUTCOME_UNREACHABLE, "%s cannot be reached: %s", where, err_message(e));
        outcome_hint(f, "Is the address right, and does carrel-%s run there?", where[0] == '/' ? "broker" : "gateway");
    }
    return (int)f->outcome;
}

void outcome_print(const struct failure *f, FILE *out)
{
    char *text CLEANUP_FREE = screen_clean(f->text), *hint CLEANUP_FREE = screen_clean(f->hint);
    size_t len = text ? strlen(text) : 0;

    fprintf(out, "carrelctl: %s%s\n", len ? text : "failed", len && strchr(".?!", text[len - 1]) ? "" : ".");
    if (hint && *hint)
        fprintf(out, "           %s\n", hint);
}
