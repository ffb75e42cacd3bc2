/* The gateway's configuration: one table for file, --help, manual and sample. Read at start, before anything else. */
#ifndef CARREL_GATEWAY_SUPERVISOR_CONF_H
#define CARREL_GATEWAY_SUPERVISOR_CONF_H

#include "lib/base/options.h"

/* clang-format off */
#define GATEWAY_CONF(X)                                                                                                \
    X(STR, gateway, name, "gw1", 1, 0, "", false,                                                                      \
      "This gateway's name at the broker: small letters, digits and '-'; every gateway of a site has its own")         \
    X(INT, gateway, workers, "0", 0, 64, "processes", false, "Worker processes; 0 = one for each processor")           \
    X(TIME, gateway, stop_time, "10s", 100, 600000, "", false, "How long workers may take to stop before they are killed") \
    X(STR, gateway, log_level, "notice", 1, 0, "", false, "error, warning, notice, info or debug")                     \
    X(LIST, listen, https, ":443", 0, 0, "", false,                                                                    \
      "Addresses and ports for HTTPS: 192.0.2.1:443, [2001:db8::1]:443, :443 for all; empty = none")                   \
    X(LIST, listen, rdp, ":3389", 0, 0, "", false, "Addresses and ports for RDP; empty = none")                        \
    X(STR, tls, certificate, "/etc/carrel/gateway.crt", 1, 0, "", false,                                               \
      "Certificate shown to clients: PEM, leaf first, then its chain; read again on SIGHUP")                           \
    X(STR, tls, key, "/etc/carrel/gateway.key", 1, 0, "", false, "Its private key, PEM; read again on SIGHUP")         \
    X(STR, broker, internal_socket, "/run/carrel/broker-internal.sock", 1, 0, "", false,                               \
      "The broker's unix socket for gateways")                                                                         \
    X(STR, broker, api_socket, "/run/carrel/broker-internal.sock", 1, 0, "", false,                                    \
      "The socket of the broker's that API requests are passed to: the one for gateways, where nobody is root")                                                   \
    X(BOOL, broker, admin_api, "off", 0, 0, "", false, "Pass /api/v1/admin through; leave off where outsiders get in") \
    X(STR, web, web_dir, "/usr/share/carrel/web", 1, 0, "", false, "Folder of the pages that are served")             \
    X(INT, limits, rdp_connections, "20000", 1, 1000000, "connections", false, "At the RDP port of each worker")       \
    X(INT, limits, https_connections, "4096", 1, 1000000, "connections", false, "At the HTTPS port of each worker")    \
    X(INT, limits, https_per_address, "256", 1, 1000000, "connections", false,                                         \
      "From one address (IPv6: one /64) at the HTTPS port of each worker")                                             \
    X(INT, limits, reports, "10000", 1, 1000000, "reports", false,                                                     \
      "Ended connections that each worker remembers while the broker is away")
/* clang-format on */

struct gateway_conf {
    GATEWAY_CONF(OPTION_FIELD)
};

extern const struct option_set gateway_options;

/* What the table cannot check: the name, the log level. ERR_CONFIG. */
int gateway_conf_check(const struct gateway_conf *conf, struct error *reterr);

#endif
