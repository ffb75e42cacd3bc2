/* carrelctl login and logout: a token for a password, kept until it expires. */
#include "client/carrelctl/ask.h"
#include "client/carrelctl/call.h"

#include "lib/base/mem.h"
#include "lib/proto/doc.h"

#include <string.h>
#include <unistd.h>

static int get_password(struct ctl *ctl, struct secret **ret)
{
    const char *user = ctl->inv->args[0];
    struct error e = {0};
    char *prompt CLEANUP_FREE = mem_printf("Password of %s at %s: ", user, site_where(&ctl->site));

    if (!prompt)
        return outcome_fail(&ctl->failure, OUTCOME_REFUSED, "out of memory");
    int r = parse_option(ctl->inv, "password-stdin") ? ask_password_from(STDIN_FILENO, ret, &e)
                                                     : ask_password(prompt, ret, &e);
    if (r == 0)
        return OUTCOME_OK;
    outcome_fail(&ctl->failure, OUTCOME_USAGE, "%s", err_message(&e));
    if (r == ERR_NOT_FOUND)
        outcome_hint(&ctl->failure, "Give it on standard input with --password-stdin.");
    return OUTCOME_USAGE;
}

/* Whether the site's whole, and not only what is the person's own, may be looked at. */
static bool is_staff(const json_t *roles)
{
    static const char *const staff[] = {"auditor", "operator", "admin"};
    json_t *role;
    size_t i;

    json_array_foreach((json_t *)roles, i,
                       role) for (size_t k = 0; json_is_string(role) && k < ARRAY_LEN(staff);
                                  k++) if (strcmp(json_string_value(role), staff[k]) == 0) return true;
    return false;
}

/* Keeps what the answer to a login gives. */
static int keep_answer(struct ctl *ctl, const json_t *answer)
{
    struct keep_login login = {.url = ctl->site.url, .ca = ctl->site.ca};
    const char *token = NULL, *username = NULL;
    struct error e = {0};

    if (doc_text(answer, "token", DOC_REQUIRED, 1, 1024, &token, &e) < 0 ||
        doc_text(answer, "username", DOC_REQUIRED, 1, 256, &username, &e) < 0)
        return outcome_no_answer(&ctl->failure, ERR_PROTOCOL, &e, site_where(&ctl->site));
    login.expires_at = show_moment(json_object_get(answer, "expires_at"));
    login.is_staff = is_staff(json_object_get(answer, "roles"));
    login.username = (char *)username;
    login.token = secret_from_str(token);
    int r = login.token ? keep_save(ctl->state, &login, &e) : err_set(&e, ERR_NOMEM, "out of memory");
    secret_free(login.token);
    return r < 0 ? outcome_fail(&ctl->failure, OUTCOME_REFUSED, "the login cannot be kept: %s", err_message(&e))
                 : OUTCOME_OK;
}

int ctl_login(struct ctl *ctl)
{
    struct secret *password CLEANUP(secret_freep) = NULL;
    json_t *answer CLEANUP(doc_freep) = NULL;

    if (!ctl->site.url) {
        outcome_fail(&ctl->failure, OUTCOME_USAGE, "a login needs a site to log in at");
        outcome_hint(&ctl->failure, "carrelctl login %s --url https://HOST [--ca FILE]", ctl->inv->args[0]);
        return OUTCOME_USAGE;
    }
    if (!ctl->state)
        return outcome_fail(&ctl->failure, OUTCOME_USAGE,
                            "there is no home directory to keep the login in; give --state DIR");
    int outcome = get_password(ctl, &password);
    if (outcome != OUTCOME_OK)
        return outcome;
    /* An old token has no say in who logs in now. */
    secret_free(TAKE_PTR(ctl->site.token));
    json_t *body CLEANUP(doc_freep) =
        json_pack("{s:s, s:s}", "username", ctl->inv->args[0], "password", secret_bytes(password));
    if (!body)
        return outcome_fail(&ctl->failure, OUTCOME_REFUSED, "the password cannot be sent: it is not UTF-8");
    outcome = site_call(&ctl->site, "POST", ctl->inv->command->path, body, &answer, &ctl->failure);
    if (outcome == OUTCOME_OK)
        outcome = keep_answer(ctl, answer);
    if (outcome != OUTCOME_OK)
        return outcome;
    json_object_del(answer, "token");
    return call_show(ctl, ctl->inv->command->columns, NULL, answer);
}

int ctl_logout(struct ctl *ctl)
{
    json_t *answer CLEANUP(doc_freep) = NULL;
    struct error e = {0};

    if (!ctl->login.url) {
        outcome_fail(&ctl->failure, OUTCOME_REFUSED, "there is no login to end");
        return OUTCOME_REFUSED;
    }
    int outcome = site_call(&ctl->site, "POST", ctl->inv->command->path, NULL, &answer, &ctl->failure);
    /* 401: it has ended there already. Whatever the site says, nothing is kept here. */
    if (keep_forget(ctl->state, ctl->login.url, &e) < 0)
        return outcome_fail(&ctl->failure, OUTCOME_REFUSED, "%s", err_message(&e));
    if (outcome != OUTCOME_OK && ctl->failure.status != 401) {
        outcome_hint(&ctl->failure, "The login is forgotten here; at the site it lasts until it expires.");
        return outcome;
    }
    if (ctl->show.form == SHOW_TABLE)
        printf("Logged out of %s.\n", ctl->login.url);
    return OUTCOME_OK;
}
