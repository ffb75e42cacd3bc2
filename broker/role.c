#include "broker/role.h"

#include "lib/base/mem.h"
#include "lib/base/options.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct {
    unsigned bit;
    const char *word;
} words[] = {{ROLE_USER, "user"}, {ROLE_ADMIN, "admin"}};

void role_write(unsigned roles, char *ret, size_t size)
{
    size_t used = 0;
    ret[0] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if ((roles & words[i].bit) && used < size)
            used += (size_t)snprintf(ret + used, size - used, "%s%s", used > 0 ? "," : "", words[i].word);
}

unsigned role_read(const char *list)
{
    unsigned roles = 0;
    char word[32];
    for (const char *cursor = list; options_list_next(&cursor, word, sizeof(word));)
        for (size_t i = 0; i < ARRAY_LEN(words); i++)
            if (strcmp(words[i].word, word) == 0)
                roles |= words[i].bit;
    return roles;
}

unsigned role_of_groups(const char *admin_groups, const char *const *groups, size_t count)
{
    char admin[1024];
    for (const char *cursor = admin_groups; options_list_next(&cursor, admin, sizeof(admin));)
        for (size_t i = 0; i < count; i++)
            if (strcasecmp(groups[i], admin) == 0)
                return ROLE_USER | ROLE_ADMIN;
    return ROLE_USER;
}

enum verdict role_may(enum need need, const struct caller *caller)
{
    switch (need) {
    case NEED_NOTHING:
        return VERDICT_YES;
    case NEED_PERSON:
        if (caller->is_root)
            return VERDICT_NO_PERSON;
        return !caller->logged_in ? VERDICT_LOG_IN : caller->roles & ROLE_USER ? VERDICT_YES : VERDICT_FORBIDDEN;
    case NEED_ADMIN:
        if (caller->is_root)
            return VERDICT_YES;
        return !caller->logged_in ? VERDICT_LOG_IN : caller->roles & ROLE_ADMIN ? VERDICT_YES : VERDICT_FORBIDDEN;
    case NEED_GATEWAY:
        return caller->on_gateway_socket ? VERDICT_YES : VERDICT_FORBIDDEN;
    default:
        return VERDICT_FORBIDDEN;
    }
}
