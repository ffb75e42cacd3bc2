/* What a simulated host is made of; shared by fake*.c and by nobody else. host->lock protects all of it, and is never
 * held while a callback runs or fake_loop_cancel waits. */
#ifndef CARREL_VIRT_FAKE_HOST_H
#define CARREL_VIRT_FAKE_HOST_H

#include "lib/base/buf.h"
#include "lib/base/id.h"
#include "lib/virt/fake.h"

#include <pthread.h>

#define FAKE_USERS_MAX 16
#define FAKE_LINE_MAX  16384 /* of the helper's protocol */

struct fake_user {
    char name[64];
    char password[128];
    bool account, logged_on;
};

struct fake_guest {
    bool up; /* has booted */
    bool muted;
    char hostname[64];
    char machine_id[33];
    char cert_sha256[ID_HASH_SIZE];
    struct fake_user users[FAKE_USERS_MAX];
};

struct fake_channel {
    struct virt_channel base;
    struct fake_host *host;
    struct fake_domain *domain; /* NULL once the other side is gone */
    struct fake_conn *conn;
    bool helper; /* VIRT_CHANNEL_CARREL; nobody listens on others */
    struct virt_channel_handlers handlers;
    void *arg;
    struct buf line; /* what the host sent and no line feed has ended yet */
};

struct fake_domain {
    struct fake_domain *next;
    struct fake_host *host;
    char name[VIRT_NAME_SIZE];
    char uuid[VIRT_UUID_SIZE];
    char mac[VIRT_MAC_SIZE];
    char network[VIRT_NAME_SIZE];
    bool defined;
    enum virt_domain_state state;
    uint32_t boot; /* counts power-ons: a task of an older one does nothing */
    struct fake_guest guest;
    struct fake_channel *channels[2]; /* helper, guest agent */
    int rdp_fd;                       /* -1 = does not listen */
};

struct fake_lease {
    char mac[VIRT_MAC_SIZE];
    char hostname[64];
    uint32_t address;
};

struct fake_net {
    struct fake_net *next;
    char name[VIRT_NAME_SIZE];
    uint32_t address, first, last;
    struct fake_lease *leases;
    size_t lease_count, lease_cap;
};

struct fake_conn {
    struct virt base;
    struct fake_conn *next;
    struct fake_host *host;
    virt_event_fn *on_event;
    void *arg;
    bool lost;
};

struct fake_fault {
    uint32_t delay_ms, calls;
    uint32_t before, after; /* how many more calls fail */
    int before_code, after_code;
    bool hang;
};

struct fake_host {
    struct fake_host *next;
    char name[VIRT_NAME_SIZE];
    uint32_t index;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* a hang, a connection or the power changed */
    struct fake_domain *domains;
    struct fake_net *nets;
    struct fake_conn *conns;
    struct fake_fault ops[FAKE_OP_COUNT];
    bool down;
    uint32_t boot_ms, memory_mib, cpus, rdp, rdp_port;
};

/* With the lock held: */
struct fake_domain *fake_domain_find(struct fake_host *host, const char *name);
bool fake_domain_is_on(const struct fake_domain *domain);
/* Power off, tell it (kind is STOPPED or CRASHED), and settle. */
void fake_domain_stop(struct fake_domain *domain, enum virt_event_kind kind, const char *why);
/* A domain that is neither defined nor on ends to exist. */
void fake_domain_settle(struct fake_domain *domain);
/* Tell one connection, or every one. */
void fake_conn_event(struct fake_conn *conn, enum virt_event_kind kind, const char *domain, const char *detail);
void fake_host_event(struct fake_host *host, enum virt_event_kind kind, const char *domain, const char *detail);
/* The address reserved for a MAC in a network; 0 = none. */
uint32_t fake_net_address(struct fake_host *host, const char *network, const char *mac);
const char *fake_net_hostname(struct fake_host *host, const char *network, const char *mac);
/* The domain was powered on / is off: the guest boots / is gone. */
void fake_guest_power_on(struct fake_domain *domain);
void fake_guest_power_off(struct fake_domain *domain, const char *why);
/* Give a fresh definition its identity. */
void fake_guest_identity(struct fake_domain *domain);
/* Bytes from the host for the helper; lines that are whole are answered. */
int fake_guest_receive(struct fake_channel *channel, const void *data, size_t len, struct error *reterr);
/* The helper greets a channel that was opened. */
void fake_guest_greet(struct fake_domain *domain);
/* Queue bytes / the end for a channel's owner. */
void fake_channel_say(struct fake_channel *channel, const void *data, size_t len);
void fake_channel_end(struct fake_channel *channel, const char *why);
/* Open and close the simulated RDP port. */
void fake_rdp_listen(struct fake_domain *domain);
void fake_rdp_close(struct fake_domain *domain);

/* virt_ops of networks (fake_net.c) and channels (fake_channel.c). */
int fake_network_ensure(struct virt *virt, const struct virt_network_spec *spec, struct error *reterr);
int fake_network_remove(struct virt *virt, const char *network, struct error *reterr);
int fake_net_reserve(struct virt *virt, const char *network, const char *mac, const char *hostname,
                     char ret_address[VIRT_ADDRESS_SIZE], struct error *reterr);
int fake_net_release(struct virt *virt, const char *network, const char *mac, struct error *reterr);
int fake_channel_open(struct virt *virt, const char *domain, const char *channel,
                      const struct virt_channel_handlers *handlers, void *arg, struct virt_channel **ret,
                      struct error *reterr);
int fake_channel_send(struct virt_channel *channel, const void *data, size_t len, struct error *reterr);
void fake_channel_close(struct virt_channel *channel);

/* Begin a call: counts, waits, fails as told. On success the lock is held, and fake_leave gives it back and may
 * replace the outcome. */
int fake_enter(struct fake_conn *conn, enum fake_op op, struct error *reterr);
int fake_leave(struct fake_conn *conn, enum fake_op op, int rc, struct error *reterr);

#endif
