/* carrelctl, the admin command line: which site, which command, how it ended. One thread. */
#include "client/carrelctl/ctl.h"
#include "client/carrelctl/help.h"

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/proto/doc.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_SOCKET  "/run/carrel/broker.sock"
#define ANSWER_MS       30000
#define WAIT_MS         1800000
#define ANSWER_LEAST_MS 1000

/* An environment variable that is set and not empty. */
static const char *environment(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

/* The kept login of the site's URL, or the last one when no site is named. A damaged one is only a failure when it is
 * needed. */
static int take_login(struct ctl *ctl, const char *url)
{
    struct error e = {0};

    if (!ctl->state)
        return OUTCOME_OK;
    int r = keep_load(ctl->state, url, &ctl->login, &e);
    if (r == ERR_NOT_FOUND)
        return OUTCOME_OK;
    if (r < 0)
        return outcome_fail(&ctl->failure, OUTCOME_REFUSED, "%s", err_message(&e));
    ctl->site.token = secret_dup(ctl->login.token);
    ctl->is_staff = ctl->login.is_staff;
    return ctl->site.token ? OUTCOME_OK : outcome_fail(&ctl->failure, OUTCOME_REFUSED, "out of memory");
}

static int use_socket(struct ctl *ctl, const char *path)
{
    ctl->site.socket = mem_strdup(path);
    ctl->is_staff = true;
    return ctl->site.socket ? OUTCOME_OK : outcome_fail(&ctl->failure, OUTCOME_REFUSED, "out of memory");
}

/* Which site, in the order that the help tells. */
static int choose_site(struct ctl *ctl)
{
    const char *const *given = ctl->inv->globals;
    const char *url = given[GLOBAL_URL], *path = given[GLOBAL_SOCKET];
    int outcome = OUTCOME_OK;

    if (!url && !path)
        url = environment("CARREL_URL");
    if (!url && !path)
        path = environment("CARREL_SOCKET");
    if (path)
        return use_socket(ctl, path);
    if (url)
        outcome = site_set_url(&ctl->site, url, &ctl->failure);
    if (outcome == OUTCOME_OK)
        outcome = take_login(ctl, ctl->site.url);
    if (outcome == OUTCOME_OK && !ctl->site.url)
        outcome =
            ctl->login.url ? site_set_url(&ctl->site, ctl->login.url, &ctl->failure) : use_socket(ctl, DEFAULT_SOCKET);
    return outcome;
}

/* The authority: given, from the environment, or as it was at login. Kept absolute, for later commands run elsewhere.
 */
static int choose_ca(struct ctl *ctl)
{
    const char *ca = ctl->inv->globals[GLOBAL_CA] ? ctl->inv->globals[GLOBAL_CA] : environment("CARREL_CA");

    if (!ca)
        ca = ctl->login.ca;
    if (!ca)
        return OUTCOME_OK;
    ctl->site.ca = realpath(ca, NULL);
    return ctl->site.ca ? OUTCOME_OK
                        : outcome_fail(&ctl->failure, OUTCOME_USAGE, "the authority's file %s cannot be read", ca);
}

static int prepare(struct ctl *ctl)
{
    const char *const *given = ctl->inv->globals;
    int64_t timeout_ms = ANSWER_MS;

    ctl->wait_ms = WAIT_MS;
    if (given[GLOBAL_TIMEOUT]) {
        parse_time(given[GLOBAL_TIMEOUT], &timeout_ms);
        ctl->wait_ms = timeout_ms;
    }
    ctl->site.timeout_ms = (unsigned)(timeout_ms < ANSWER_LEAST_MS ? ANSWER_LEAST_MS
                                      : timeout_ms > WAIT_MS       ? WAIT_MS
                                                                   : timeout_ms);
    ctl->show = (struct show){.out = stdout,
                              .form = show_form_of(given[GLOBAL_OUTPUT]),
                              .colour = isatty(STDOUT_FILENO) == 1 && !environment("NO_COLOR"),
                              .now_ms = clock_wall_ms()};
    progress_init(&ctl->progress, given[GLOBAL_QUIET] != NULL);
    ctl->state = keep_directory(given[GLOBAL_STATE]);
    int outcome = choose_site(ctl);
    return outcome == OUTCOME_OK ? choose_ca(ctl) : outcome;
}

static int act(struct ctl *ctl)
{
    switch (ctl->inv->command->action) {
    case ACTION_CALL:
        return ctl_call(ctl);
    case ACTION_LOGIN:
        return ctl_login(ctl);
    case ACTION_LOGOUT:
        return ctl_logout(ctl);
    case ACTION_CONNECT:
        return ctl_connect(ctl);
    case ACTION_IMPORT:
        return ctl_import(ctl);
    case ACTION_POOL_WAIT:
        return ctl_pool_wait(ctl);
    }
    return OUTCOME_USAGE;
}

static bool print_text(const struct invocation *inv)
{
    if (inv->globals[GLOBAL_HELP])
        help_write(inv->noun, inv->command, stdout);
    else if (inv->globals[GLOBAL_VERSION])
        puts("carrelctl " HELP_VERSION);
    else if (inv->globals[GLOBAL_MAN])
        help_man(stdout);
    else if (inv->globals[GLOBAL_COMPLETION])
        help_completion(stdout);
    else
        return false;
    return true;
}

int main(int argc, char **argv)
{
    struct invocation inv;
    struct ctl ctl = {.inv = &inv};
    struct error e = {0};

    setlocale(LC_CTYPE, "");
    secret_harden_process();
    doc_wipe_on_free();
    if (parse_words(argc, argv, &inv, &e) < 0) {
        outcome_fail(&ctl.failure, OUTCOME_USAGE, "%s", err_message(&e));
        outcome_print(&ctl.failure, stderr);
        return OUTCOME_USAGE;
    }
    if (print_text(&inv))
        return OUTCOME_OK;
    int outcome = prepare(&ctl);
    if (outcome == OUTCOME_OK)
        outcome = act(&ctl);
    progress_end(&ctl.progress);
    if (outcome != OUTCOME_OK)
        outcome_print(&ctl.failure, stderr);
    site_done(&ctl.site);
    keep_done(&ctl.login);
    free(ctl.state);
    return outcome;
}
