/* An LDAP directory behind struct auth_ops: search with a service account, bind as the person, collect the groups.
 * authenticate() runs on any number of worker threads at once; give each directory a worker pool of its own, so that a
 * dead one stalls nobody else. A thread inside probes the servers. Invariants: a server that failed is passed by until
 * a background probe has succeeded, so it costs the first login that meets it at most `server_ms` and the following
 * ones nothing. An unknown person costs the same searches and binds as a wrong password. Sources: RFC 4511, 4513
 * section 5.1.2 (empty passwords), 4515; docs/decisions/0050. */
#ifndef CARREL_AUTH_LDAP_H
#define CARREL_AUTH_LDAP_H

#include "auth/auth.h"

#include <stdbool.h>

#define LDAP_SERVERS_MAX 8

/* Borrowed by ldap_directory_new() only. */
struct ldap_conf {
    const char *servers; /* URIs in the order of preference, separated by blanks or commas */
    bool starttls;       /* ldap:// is secured by StartTLS; off = clear text */
    const char *ca_file; /* PEM; who may sign the servers' certificates */
    const char *bind_dn; /* service account; "" = anonymous */
    const struct secret *bind_password;
    const char *user_base;
    const char *user_filter;       /* %u = the escaped name, "(&(objectClass=person)(uid=%u))" */
    const char *user_attribute;    /* whose value is the person's name, "uid" */
    const char *display_attribute; /* "cn" */
    const char *group_base;        /* "" = no group search */
    const char *group_member;      /* attributes of a group that list members by DN, "member uniqueMember"; "" = none */
    bool group_posix;              /* posixGroup: memberUid and the person's gidNumber (RFC 2307) */
    bool group_member_of;          /* the memberOf attribute of the person's entry */
    int64_t connect_ms;            /* TCP, TLS and service bind together */
    int64_t search_ms, bind_ms;    /* each operation */
    int64_t server_ms;             /* all that one login spends on one server while another one is left */
};

/* ret: auth_free(). Errors: ERR_CONFIG (with a sentence), ERR_NOMEM. No server is asked yet. */
int ldap_directory_new(const struct ldap_conf *conf, struct auth **ret, struct error *reterr);

#endif
