#include "auth/person.h"

#include "auth/dirtext.h"
#include "lib/base/mem.h"

#include <stdlib.h>
#include <string.h>

struct person *person_new(const char *username, const char *dn, const char *display_name)
{
    struct person *person = MEM_NEW(struct person);
    if (!person)
        return NULL;
    person->username = mem_strdup(username);
    person->dn = mem_strdup(dn);
    person->display_name = mem_strdup(display_name && *display_name ? display_name : username);
    if (!person->username || !person->dn || !person->display_name) {
        person_free(person);
        return NULL;
    }
    return person;
}

static void group_done(struct person_group *group)
{
    free(group->dn);
    free(group->cn);
    free(group->key);
}

void person_free(struct person *person)
{
    if (!person)
        return;
    for (size_t i = 0; i < person->n_groups; i++)
        group_done(&person->groups[i]);
    free(person->groups);
    free(person->username);
    free(person->dn);
    free(person->display_name);
    free(person);
}

static bool knows(const struct person *person, const char *key)
{
    for (size_t i = 0; i < person->n_groups; i++)
        if (strcmp(person->groups[i].key, key) == 0)
            return true;
    return false;
}

enum person_added person_add_group(struct person *person, const char *dn, const char *cn, size_t depth)
{
    struct person_group group = {.key = dirtext_dn_key(dn), .depth = depth};
    if (group.key && knows(person, group.key)) {
        group_done(&group);
        return PERSON_GROUP_KNOWN;
    }
    bool full = person->n_groups >= PERSON_GROUPS_MAX;
    if (group.key && !full) {
        group.dn = mem_strdup(dn);
        group.cn = cn && *cn ? mem_strdup(cn) : dirtext_dn_first_value(dn);
    }
    if (!group.key || !group.dn || !group.cn ||
        mem_grow(&person->groups, &person->cap_groups, person->n_groups + 1, sizeof group, PERSON_GROUPS_MAX) != 0) {
        person->truncated |= full;
        group_done(&group);
        return PERSON_GROUP_IGNORED;
    }
    person->groups[person->n_groups++] = group;
    return PERSON_GROUP_NEW;
}
