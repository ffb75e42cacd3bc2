#include "broker/role.h"

#include "lib/base/mem.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char *const names[] = {
    [ROLE_ANYONE] = "anyone",     [ROLE_USER] = "user",   [ROLE_AUDITOR] = "auditor",
    [ROLE_OPERATOR] = "operator", [ROLE_ADMIN] = "admin",
};

const char *role_name(enum role role)
{
    return names[role];
}

static enum role role_of_group(const struct conf *conf, const char *group)
{
    const struct {
        const char *group;
        enum role role;
    } map[] = {
        {conf->admin_group, ROLE_ADMIN}, {conf->operator_group, ROLE_OPERATOR}, {conf->auditor_group, ROLE_AUDITOR}};
    for (size_t i = 0; i < ARRAY_LEN(map); i++)
        if (map[i].group[0] != '\0' && strcasecmp(map[i].group, group) == 0)
            return map[i].role;
    return ROLE_USER;
}

enum role role_of_groups(const struct conf *conf, const char *const *groups, size_t count)
{
    enum role best = ROLE_USER;
    for (size_t i = 0; i < count; i++) {
        enum role role = role_of_group(conf, groups[i]);
        if (role > best)
            best = role;
    }
    return best;
}

void role_words(enum role role, char *ret, size_t size)
{
    size_t used = 0;
    if (size > 0)
        ret[0] = '\0';
    for (int r = ROLE_USER; r <= (int)role; r++) {
        int n = snprintf(ret + used, size - used, "%s%s", used > 0 ? "," : "", names[r]);
        if (n < 0 || (size_t)n >= size - used)
            return;
        used += (size_t)n;
    }
}

enum role role_of_words(const char *words)
{
    enum role best = ROLE_ANYONE;
    char word[32];
    const char *cursor = words;
    while (options_list_next(&cursor, word, sizeof(word)))
        for (int r = ROLE_USER; r <= ROLE_ADMIN; r++)
            if (strcmp(word, names[r]) == 0 && r > (int)best)
                best = (enum role)r;
    return best;
}
