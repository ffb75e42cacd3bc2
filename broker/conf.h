/* The broker's options: one table that gives the struct, the file's parser, --help, the manual page and the sample. */
#ifndef CARREL_BROKER_CONF_H
#define CARREL_BROKER_CONF_H

#include "auth/ldap.h"
#include "lib/base/options.h"

#define BROKER_CONF(X)                                                                                                 \
    X(STR, broker, store, "sqlite:/var/lib/carrel/carrel.db", 1, 0, "", false,                                         \
      "Where the site's data are: sqlite:/PATH or postgresql://...")                                                   \
    X(STR, broker, socket, "/run/carrel/broker.sock", 1, 0, "", false,                                                 \
      "The API for programs on this machine; root is administrator here without a login")                              \
    X(STR, broker, socket_mode, "0660", 1, 0, "", false, "Permissions of that socket, octal")                          \
    X(STR, broker, internal_socket, "/run/carrel/broker-internal.sock", 1, 0, "", false,                               \
      "For gateways on this machine: /internal/v1 and the API that they pass on; nobody is root here")                 \
    X(STR, broker, internal_socket_mode, "0660", 1, 0, "", false, "Permissions of that socket, octal")                 \
    X(STR, broker, poolmgr_socket, "/run/carrel/poolmgr.sock", 1, 0, "", false, "Where carrel-poolmgr listens")        \
    X(LIST, broker, admin_groups, "carrel-admins", 0, 0, "", false,                                                    \
      "Groups of the directory whose members are administrators, by name")                                             \
    X(STR, broker, log_level, "info", 1, 0, "", true, "error, warning, notice, info or debug")                         \
    X(STR, rdp, rdp_host, "127.0.0.1", 1, 0, "", false, "Where RDP clients reach a gateway: host name")                \
    X(INT, rdp, rdp_port, "3389", 1, 65535, "", false, "The port to that")                                             \
    X(TIME, login, login_idle, "8h", 60000, 2592000000, "", false, "A login that is not used for so long ends")        \
    X(TIME, login, login_lifetime, "24h", 60000, 2592000000, "", false, "A login ends then in any case")               \
    X(TIME, login, login_timeout, "10s", 500, 120000, "", false, "How long the directory may take for one login")      \
    X(LIST, directory, ldap_servers, "ldap://127.0.0.1", 1, 0, "", false,                                              \
      "LDAP servers in the order of preference: ldap://HOST[:PORT] or ldaps://HOST[:PORT]")                            \
    X(BOOL, directory, ldap_starttls, "on", 0, 0, "", false, "Secure ldap:// by StartTLS; off = clear text")           \
    X(STR, directory, ldap_ca_file, "", 0, 0, "", false,                                                               \
      "PEM file with who may sign the servers' certificates; empty: the system's authorities")                         \
    X(STR, directory, ldap_bind_dn, "", 0, 0, "", false, "Service account for searching; empty: anonymous")            \
    X(STR, directory, ldap_bind_password_file, "", 0, 0, "", false, "File with its password in the first line")        \
    X(STR, directory, ldap_user_base, "", 1, 0, "", false, "Where people are")                                         \
    X(STR, directory, ldap_user_filter, "(&(objectClass=person)(uid=%u))", 1, 0, "", false,                            \
      "How a person is found; %u stands for the escaped name")                                                         \
    X(STR, directory, ldap_user_attribute, "uid", 1, 0, "", false, "Attribute that holds the person's name")           \
    X(STR, directory, ldap_display_attribute, "cn", 1, 0, "", false, "Attribute with the name to show")                \
    X(STR, directory, ldap_group_base, "", 0, 0, "", false, "Where groups are; empty: none are searched")              \
    X(LIST, directory, ldap_group_member, "member uniqueMember", 0, 0, "", false,                                      \
      "Attributes of a group that list its members by DN")                                                             \
    X(BOOL, directory, ldap_group_posix, "off", 0, 0, "", false, "posixGroup (RFC 2307): memberUid and gidNumber")     \
    X(BOOL, directory, ldap_group_member_of, "off", 0, 0, "", false, "The memberOf attribute of a person's entry")     \
    X(TIME, directory, ldap_connect_timeout, "2s", 100, 60000, "", false, "TCP, TLS and service bind together")        \
    X(TIME, directory, ldap_search_timeout, "2s", 100, 60000, "", false, "One search")                                 \
    X(TIME, directory, ldap_bind_timeout, "2s", 100, 60000, "", false, "One bind")                                     \
    X(TIME, directory, ldap_server_timeout, "2s", 100, 60000, "", false,                                               \
      "All that one login spends on one server while another one is left")                                             \
    X(INT, limits, directory_threads, "8", 1, 64, "threads", false, "Logins that ask the directory at the same time")  \
    X(INT, limits, store_threads, "4", 1, 64, "threads", false, "Threads that talk to the store")                      \
    X(INT, limits, queue_max, "2048", 1, 65536, "calls", false, "Calls that wait for a thread before 503 is said")     \
    X(INT, limits, watchers_max, "5000", 1, 65536, "streams", false, "People who wait for their desktop at once")      \
    X(TIME, times, watch, "250ms", 50, 10000, "", false, "Between two looks at sessions that somebody watches")        \
    X(TIME, times, reconcile, "1s", 100, 60000, "", false,                                                             \
      "Between two looks for connections that have to be dropped")                                                     \
    X(TIME, times, credentials_kept, "10m", 1000, 86400000, "", false,                                                 \
      "How long a desktop's password stays in memory after its person last asked for it")

struct broker_conf {
    BROKER_CONF(OPTION_FIELD)
};

extern const struct option_set broker_conf_set;

/* What the table cannot express. ERR_CONFIG with the sentence. */
int broker_conf_check(const struct broker_conf *conf, struct error *reterr);

/* The permissions of a socket option that broker_conf_check() has accepted. */
unsigned broker_conf_mode(const char *octal);

/* The directory's part, borrowing from `conf`. ret_password: caller frees; NULL when there is no service account.
 * Errors: ERR_CONFIG (the password file cannot be read or is empty), ERR_NOMEM. */
int broker_conf_directory(const struct broker_conf *conf, struct ldap_conf *ret, struct secret **ret_password,
                          struct error *reterr);

#endif
