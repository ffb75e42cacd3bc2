/* Simulated hosts behind virt_ops: for tests, benches and rehearsals of large fleets. Nothing here runs a machine.
 *
 * A host is chosen by the URI `fake:NAME` and lives in the memory of its process from its first mention to fake_reset:
 * connections come and go, its domains stay. Parameters may follow as `?key=value&…`; they hold from the moment they
 * are read, for all of the host: memory_mib=65536 cpus=16        what host_info tells open_ms define_ms start_ms
 * shutdown_ms destroy_ms undefine_ms state_ms list_ms net_ms channel_ms   (all 0) how long such a call takes boot_ms=0
 * from start to the guest's "up" and its RDP port rdp=0 rdp_port=3389             1: a desktop with a reserved address
 * in 127.0.0.0/8 listens there and confirms an X.224 connection request, and no more Networks that nobody made exist by
 * themselves, with a range of 127.(64+n).0.10 to 127.(64+n).255.250 on the n-th host.
 *
 * Each running guest has a helper on VIRT_CHANNEL_CARREL that answers hello, account, account_remove, logoff and
 * sessions, and tells "up". Identities (machine-id, certificate) differ for each definition of a domain.
 *
 * The functions below are for tests. Any thread; those that name a domain return ERR_NOT_FOUND when it is not there. */
#ifndef CARREL_VIRT_FAKE_H
#define CARREL_VIRT_FAKE_H

#include "lib/virt/virt.h"

/* X(NAME, URI parameter of its delay) */
#define FAKE_OPS(X)                                                                                                    \
    X(OPEN, "open_ms")                                                                                                 \
    X(HOST_INFO, "info_ms")                                                                                            \
    X(DEFINE, "define_ms")                                                                                             \
    X(START, "start_ms")                                                                                               \
    X(SHUTDOWN, "shutdown_ms")                                                                                         \
    X(DESTROY, "destroy_ms")                                                                                           \
    X(UNDEFINE, "undefine_ms")                                                                                         \
    X(STATE, "state_ms")                                                                                               \
    X(LIST, "list_ms")                                                                                                 \
    X(NET, "net_ms") /* ensure, remove */                                                                              \
    X(RESERVE, "reserve_ms")                                                                                           \
    X(RELEASE, "release_ms")                                                                                           \
    X(CHANNEL, "channel_ms")

enum fake_op {
#define X(name, param) FAKE_##name,
    FAKE_OPS(X)
#undef X
        FAKE_OP_COUNT
};

struct fake_host;

/* The host of that name, made when it is not there. Never NULL. */
struct fake_host *fake_host_get(const char *name);
/* Forget all hosts. All connections must be closed. */
void fake_reset(void);

/* Such calls take this long from now on. */
void fake_delay(struct fake_host *host, enum fake_op op, uint32_t ms);
/* The next `count` such calls fail with `code`, without effect. */
void fake_fail(struct fake_host *host, enum fake_op op, uint32_t count, int code);
/* The next `count` such calls take effect and still answer `code`, as when the connection breaks at the wrong moment.
 */
void fake_fail_after(struct fake_host *host, enum fake_op op, uint32_t count, int code);
/* While on, such calls do not return (until the host goes down). */
void fake_hang(struct fake_host *host, enum fake_op op, bool on);
/* How many such calls were begun. */
uint32_t fake_calls(struct fake_host *host, enum fake_op op);

/* Down: all connections break, calls and new connections answer ERR_HOST_DOWN; the domains go on running. */
void fake_down(struct fake_host *host, bool down);
/* Break the connections only, as a restart of libvirtd does. */
void fake_disconnect(struct fake_host *host);
/* All domains stop without an event; definitions and reservations stay. */
void fake_power_loss(struct fake_host *host);

int fake_domain_crash(struct fake_host *host, const char *domain);
/* The guest powers itself off. */
int fake_domain_poweroff(struct fake_host *host, const char *domain);

/* A person logs on or off in the desktop; the helper tells it. */
int fake_guest_logon(struct fake_host *host, const char *domain, const char *user);
int fake_guest_logoff(struct fake_host *host, const char *domain, const char *user);
/* Whether that account exists, and its password into ret (may be NULL) of `size` bytes. ERR_NOT_FOUND. */
int fake_guest_account(struct fake_host *host, const char *domain, const char *user, char *ret, size_t size);
/* While on, the helper reads and does not answer. */
int fake_guest_mute(struct fake_host *host, const char *domain, bool on);
/* The helper says exactly these bytes. */
int fake_guest_say(struct fake_host *host, const char *domain, const void *data, size_t len);
/* From now on the guest shows this certificate digest (64 hexadecimal digits). */
int fake_guest_cert(struct fake_host *host, const char *domain, const char *sha256);

#endif
