#include "broker/login.h"

#include "broker/role.h"
#include "lib/base/text.h"
#include "lib/proto/doc.h"

#include <string.h>

#define GROUPS_ROOM (STORE_LOGIN_GROUPS_MAX - 64)

/* Names first: DNs are the luxury. False when one did not fit. */
static bool add_groups(json_t *list, const struct person *person, bool dns, size_t *room)
{
    bool all = true;
    for (size_t i = 0; i < person->n_groups; i++) {
        const char *text = dns ? person->groups[i].key : person->groups[i].cn;
        size_t cost = 6 * strlen(text) + 3; /* as if every byte were escaped */
        bool fits = strlen(text) < STORE_SUBJECT_SIZE && cost <= *room;
        if (fits)
            fits = json_array_append_new(list, json_string(text)) == 0;
        if (fits)
            *room -= cost;
        all = all && fits;
    }
    return all;
}

static char *groups_text(const struct person *person, bool *ret_cut)
{
    json_t *list CLEANUP(doc_freep) = json_array();
    size_t room = GROUPS_ROOM;
    if (list == NULL)
        return NULL;
    *ret_cut = !add_groups(list, person, false, &room) || person->truncated;
    add_groups(list, person, true, &room);
    return doc_write(list);
}

static unsigned roles_of(const struct person *person, const char *admin_groups)
{
    unsigned roles = ROLE_USER;
    for (size_t i = 0; i < person->n_groups; i++) {
        const char *name = person->groups[i].cn;
        roles |= role_of_groups(admin_groups, &name, 1);
    }
    return roles;
}

int login_make(const struct person *person, const struct login_terms *terms, struct store_login *ret_login,
               char ret_token[LOGIN_TOKEN_SIZE], bool *ret_cut, struct error *reterr)
{
    struct store_login login = {
        .created_at = terms->now_ms,
        .seen_at = terms->now_ms,
        .idle_ms = terms->idle_ms,
        .expires_at = terms->now_ms + terms->lifetime_ms,
    };
    if (text_copy(login.username, sizeof(login.username), person->username) != 0 ||
        text_copy(login.dn, sizeof(login.dn), person->dn) != 0)
        return err_set(reterr, ERR_TOO_BIG, "the name or the DN is too long");
    if (text_copy(login.display, sizeof(login.display), person->display_name) != 0)
        text_copy(login.display, sizeof(login.display), person->username);
    text_copy(login.address, sizeof(login.address), terms->address);
    role_write(roles_of(person, terms->admin_groups), login.roles, sizeof(login.roles));
    login.groups = groups_text(person, ret_cut);
    if (login.groups == NULL)
        return err_set(reterr, ERR_NOMEM, "out of memory");
    id_random_text(32, ret_token, LOGIN_TOKEN_SIZE);
    id_hash(ret_token, strlen(ret_token), login.hash);
    *ret_login = login;
    return 0;
}

int login_groups(const struct store_login *login, json_t **ret_doc, const char ***ret_groups, size_t *ret_count,
                 struct error *reterr)
{
    const char *text = login->groups != NULL ? login->groups : "[]";
    json_t *doc CLEANUP(doc_freep) = json_loads(text, 0, NULL);
    if (!json_is_array(doc))
        return err_set(reterr, ERR_STORE, "the groups of a login are not a JSON list");
    size_t count = json_array_size(doc);
    const char **groups = MEM_ARRAY(const char *, count + 1);
    if (groups == NULL)
        return err_set(reterr, ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < count; i++) {
        const char *name = json_string_value(json_array_get(doc, i));
        groups[i] = name != NULL ? name : "";
    }
    *ret_doc = TAKE_PTR(doc);
    *ret_groups = groups;
    *ret_count = count;
    return 0;
}
