/* carrel-poolmgr's configuration: one table gives the struct, the parser, --help, the manual page and the sample file.
 * Read once at start, before threads; read-only afterwards. */
#ifndef POOLMGR_CONF_H
#define POOLMGR_CONF_H

#include "lib/base/options.h"

/* X(type, section, name, default, min, max, unit, reloadable, help) */
#define POOLMGR_CONF(X)                                                                                                \
    X(STR, poolmgr, store, "sqlite:/var/lib/carrel/carrel.db", 1, 0, "", false,                                        \
      "The store that brokers and this program share: sqlite:FILE or postgresql:CONNECTION")                           \
    X(STR, poolmgr, internal_socket, "/run/carrel/poolmgr.sock", 1, 0, "", false,                                      \
      "Unix socket for brokers, status and metrics; mode 0660, root and the program's own user only")                  \
    X(STR, poolmgr, storage_dir, "/var/lib/carrel/storage", 1, 0, "", false,                                           \
      "Overlays, and below images/ the golden images; hosts have to see it under the same path")                       \
    X(STR, poolmgr, domain_prefix, "carrel-", 1, 0, "", false,                                                         \
      "Begins the name of every domain of this site. Domains with it that the store does not know are removed")        \
    X(STR, poolmgr, instance, "", 0, 0, "", false,                                                                     \
      "This program's name in the leader lease; empty: the machine's name")                                            \
    X(STR, poolmgr, image_user, "", 0, 0, "", false,                                                                   \
      "Owner of overlays and images, the user QEMU runs as; empty: this program's own")                                \
    X(STR, poolmgr, image_group, "", 0, 0, "", false, "Their group; empty: this program's own")                        \
    X(STR, poolmgr, log_level, "info", 1, 0, "", true, "error, warning, notice, info or debug")                        \
    X(INT, limits, host_calls, "4", 1, 16, "calls", false,                                                             \
      "Calls in flight per host; keep it below libvirtd's max_workers")                                                \
    X(INT, limits, starts_per_host, "4", 1, 64, "desktops", false,                                                     \
      "Desktops of a host that start or boot at the same time")                                                        \
    X(INT, limits, store_threads, "2", 1, 16, "threads", false, "Threads that talk to the store for the loop")         \
    X(SIZE, limits, disk_reserve, "512M", 0, 1099511627776, "bytes", false,                                            \
      "Free space that storage_dir keeps: below it no desktop is made")                                                \
    X(TIME, times, pass, "5s", 100, 3600000, "", false, "A full pass at least this often; events cause one at once")   \
    X(TIME, times, lease, "15s", 1000, 600000, "", false,                                                              \
      "How long a leader that is no longer heard of keeps the others waiting")                                         \
    X(TIME, times, boot, "5m", 1000, 3600000, "", false, "A desktop that has not answered by then is replaced")        \
    X(TIME, times, probe, "500ms", 50, 60000, "", false, "Between two probes of a booting desktop's RDP port")         \
    X(TIME, times, probe_answer, "2s", 50, 60000, "", false, "How long one probe waits for connection and answer")     \
    X(TIME, times, guest_answer, "15s", 100, 600000, "", false, "How long a guest helper may take for an answer")      \
    X(TIME, times, host_failed, "60s", 1000, 86400000, "", false,                                                      \
      "A host that has not answered for so long is given up: its desktops are made elsewhere")                         \
    X(INT, desktops, rdp_port, "3389", 1, 65535, "", false, "Where the RDP server of a desktop listens")               \
    X(STR, desktops, serial_dir, "", 0, 0, "", false,                                                                  \
      "Folder for the desktops' serial consoles, one file each; empty: none. Hosts have to see it as well")            \
    X(TIME, times, stop, "10s", 100, 600000, "", false, "How long a clean stop waits for calls in flight")

struct poolmgr_conf {
    POOLMGR_CONF(OPTION_FIELD)
};

extern const struct option_set poolmgr_conf_set;

/* What the table cannot express: absolute paths, a prefix that libvirt takes, known log level, lease beyond the pass.
 * ERR_CONFIG with the sentence. */
int poolmgr_conf_check(const struct poolmgr_conf *conf, struct error *reterr);

#endif
