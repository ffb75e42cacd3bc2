/* Who may call what: roles, and the one table of endpoints (endpoints.def). Pure; any thread. */
#ifndef CARREL_BROKER_ROLE_H
#define CARREL_BROKER_ROLE_H

#include <stdbool.h>
#include <stddef.h>

/* Bits of a person's roles. */
#define ROLE_USER  1u
#define ROLE_ADMIN 2u

/* What an endpoint asks for. */
enum need {
    NEED_NOTHING, /* anybody who reaches the socket */
    NEED_PERSON,  /* a login */
    NEED_ADMIN,   /* a login with the administrator's role, or root on the local socket */
    NEED_GATEWAY  /* the gateways' socket */
};

/* "user,admin" into `ret`; "" for none. */
void role_write(unsigned roles, char *ret, size_t size);
/* Unknown words are skipped: a newer broker's. */
unsigned role_read(const char *words);

/* The roles of a member of `groups`. admin_groups: words separated by blanks or commas; compared without ASCII case. */
unsigned role_of_groups(const char *admin_groups, const char *const *groups, size_t count);

struct caller {
    bool is_root; /* root on the local socket, without a login */
    bool logged_in;
    unsigned roles;
    bool on_gateway_socket;
};

enum verdict { VERDICT_YES, VERDICT_LOG_IN, VERDICT_FORBIDDEN, VERDICT_NO_PERSON };
enum verdict role_may(enum need need, const struct caller *caller);

#endif
