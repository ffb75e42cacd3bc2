/* Finding a person and their groups on one server of an LDAP directory. Worker threads.
 * Invariant: the name goes into the filter through dirtext_expand(), DNs through dirtext_escape_filter(). */
#ifndef CARREL_AUTH_LDAP_LOOKUP_H
#define CARREL_AUTH_LDAP_LOOKUP_H

#include "auth/dirserver.h"
#include "auth/ldap.h"
#include "auth/person.h"

#define LDAP_MEMBER_ATTRIBUTES 4
#define LDAP_GID_SIZE          32

/* Own copies of what a lookup needs. */
struct ldap_lookup_conf {
    char *user_base, *user_filter, *user_attribute, *display_attribute;
    char *group_base;
    char member[LDAP_MEMBER_ATTRIBUTES][64]; /* attributes that list members by DN; "" ends */
    bool posix, member_of;
    int64_t search_ms;
};

/* ERR_CONFIG with a sentence, ERR_NOMEM; ldap_lookup_conf_done() is right after either. */
int ldap_lookup_conf_init(struct ldap_lookup_conf *lookup, const struct ldap_conf *conf, struct error *reterr);
void ldap_lookup_conf_done(struct ldap_lookup_conf *lookup);

/* ret: the person, with the groups of memberOf where that is on; caller frees. ret_gid: the primary group's number or
 * "". Errors: ERR_NOT_FOUND (nobody, or more than one: the name says not who), those of dirserver_run(). */
int ldap_lookup_person(const struct ldap_lookup_conf *lookup, struct dirserver *server, const char *username,
                       int64_t deadline_ms, struct person **ret, char ret_gid[LDAP_GID_SIZE], struct error *reterr);

/* Adds the groups, nesting resolved. Errors: those of dirserver_run(). */
int ldap_lookup_groups(const struct ldap_lookup_conf *lookup, struct dirserver *server, struct person *person,
                       const char *gid, int64_t deadline_ms, struct error *reterr);

#endif
