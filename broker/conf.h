/* Configuration of carrel-broker: one option table. Read at start, constant afterwards. */
#ifndef CARREL_BROKER_CONF_H
#define CARREL_BROKER_CONF_H

#include "lib/base/options.h"

#define CONF_OPTIONS(X)                                                                                                \
    X(STR, broker, log_level, "info", 1, 0, "", false, "error, warning, notice, info or debug")                        \
    X(STR, listen, api_socket, "/run/carrel/api.sock", 1, 0, "", false,                                                \
      "Where gateways pass people's requests on to; nobody has rights by being root here")                             \
    X(STR, listen, local_socket, "/run/carrel/broker.sock", 1, 0, "", false,                                           \
      "API for this machine: whoever is root on it is an administrator")                                               \
    X(STR, listen, internal_socket, "/run/carrel/broker-internal.sock", 1, 0, "", false,                               \
      "Where gateways redeem tickets and hold their command stream")                                                   \
    X(STR, listen, group, "", 0, 0, "", false, "Unix group that may connect to these sockets; empty: owner only")      \
    X(STR, store, uri, "sqlite:/var/lib/carrel/carrel.db", 1, 0, "", false, "sqlite:/path or postgresql://...")        \
    X(INT, store, threads, "8", 1, 64, "threads", false, "Requests that work on the store at once")                    \
    X(LIST, directory, servers, "", 1, 0, "", false, "LDAP servers in order of preference (ldap:// or ldaps://)")      \
    X(BOOL, directory, starttls, "on", 0, 0, "", false, "Secure ldap:// by StartTLS")                                  \
    X(STR, directory, ca_file, "", 0, 0, "", false, "PEM file of who signs the servers; empty: the system's")          \
    X(STR, directory, bind_dn, "", 0, 0, "", false, "Account that searches people; empty: anonymous")                  \
    X(STR, directory, bind_password_file, "", 0, 0, "", false, "File with its password on the first line")             \
    X(STR, directory, user_base, "", 1, 0, "", false, "Where people are, for example ou=people,dc=example,dc=org")     \
    X(STR, directory, user_filter, "(&(objectClass=person)(uid=%u))", 1, 0, "", false, "%u is the name as typed")      \
    X(STR, directory, user_attribute, "uid", 1, 0, "", false, "Whose value is the person's name")                      \
    X(STR, directory, display_attribute, "cn", 1, 0, "", false, "Whose value is the name to show")                     \
    X(STR, directory, group_base, "", 0, 0, "", false, "Where groups are; empty: groups are not searched")             \
    X(STR, directory, group_member, "member uniqueMember", 0, 0, "", false, "Attributes that list members by DN")      \
    X(BOOL, directory, group_posix, "off", 0, 0, "", false, "Groups are posixGroup with memberUid (RFC 2307)")         \
    X(BOOL, directory, group_member_of, "off", 0, 0, "", false, "Take the person's memberOf")                          \
    X(TIME, directory, connect_timeout, "1500ms", 100, 60000, "", false, "TCP, TLS and service bind together")         \
    X(TIME, directory, search_timeout, "5s", 100, 60000, "", false, "One search")                                      \
    X(TIME, directory, bind_timeout, "5s", 100, 60000, "", false, "One bind")                                          \
    X(TIME, directory, server_timeout, "2s", 100, 60000, "", false, "What one login spends on one server")             \
    X(INT, directory, login_threads, "16", 1, 64, "threads", false, "Logins checked at once")                          \
    X(STR, roles, admin_group, "carrel-admins", 0, 0, "", false, "Who may do everything")                              \
    X(STR, roles, operator_group, "carrel-operators", 0, 0, "", false, "Who may look and help")                        \
    X(STR, roles, auditor_group, "carrel-auditors", 0, 0, "", false, "Who may look")                                   \
    X(TIME, login, idle, "1h", 60000, 0x7fffffff, "", false, "A login ends when it is not used for so long")           \
    X(TIME, login, lifetime, "12h", 60000, 0x7fffffff, "", false, "A login ends after this in any case")               \
    X(TIME, login, timeout, "10s", 1000, 60000, "", false, "How long a login may take in all")                         \
    X(STR, poolmgr, socket, "/run/carrel/poolmgr.sock", 1, 0, "", false, "Where carrel-poolmgr listens")               \
    X(TIME, poolmgr, prepare_timeout, "20s", 1000, 120000, "", false, "How long an account in a desktop may take")     \
    X(STR, doors, host, "", 1, 0, "", false, "Name by which clients reach the gateways")                               \
    X(INT, doors, rdp_port, "3389", 1, 65535, "", false, "Port of the RDP door")                                       \
    X(STR, doors, portal_url, "", 0, 0, "", false, "Address of the portal, for texts; empty: https://<host>")

struct conf {
    CONF_OPTIONS(OPTION_FIELD)
};

extern const struct option_set conf_set;

#endif
