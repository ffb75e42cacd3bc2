/* Roles: what a login may do. Pure; any thread. A role includes the ones below it. */
#ifndef CARREL_BROKER_ROLE_H
#define CARREL_BROKER_ROLE_H

#include "broker/conf.h"

#include <stdbool.h>
#include <stddef.h>

enum role {
    ROLE_ANYONE,   /* no login needed */
    ROLE_USER,     /* anyone whom the directory knows */
    ROLE_AUDITOR,  /* may look at everything */
    ROLE_OPERATOR, /* and help: disconnect, log off */
    ROLE_ADMIN     /* and change the site */
};

/* "user", "auditor", "operator", "admin"; "anyone". */
const char *role_name(enum role role);
/* The highest role that one of these groups (short names, any case) gives. */
enum role role_of_groups(const struct conf *conf, const char *const *groups, size_t count);
/* Roles as words with commas between, highest last: "user,auditor,operator,admin". */
void role_words(enum role role, char *ret, size_t size);
/* The highest role in such words. Unknown words give nothing. */
enum role role_of_words(const char *words);

#endif
