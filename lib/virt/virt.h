/* Hypervisor hosts: what the pool manager asks of them, behind one function table. Process: carrel-poolmgr.
 *
 * A `struct virt` is one connection to one host, chosen by its URI: `fake:NAME` is a simulation inside this process
 * (lib/virt/fake.h), everything else goes to libvirt (qemu:///system, qemu+ssh://…, test:///default). A connection does
 * not mend itself: when it breaks, VIRT_EVENT_LOST comes once, its channels close, every call answers ERR_HOST_DOWN,
 * and the owner closes it and opens a new one at its own pace. Domains go on running meanwhile.
 *
 * Threads. Calls block; make them from worker threads, never from the event loop. Any number of threads may use one
 * connection. Callbacks (events and channels) run in the library's own event thread: they must return at once, must
 * not make a blocking call of this header, and usually copy what they are given and post it to their own loop.
 * Inside a callback only virt_channel_send is allowed.
 *
 * Load. A stopped QEMU blocks every call about its domain and occupies a worker thread of libvirtd (20 of them by
 * default): the caller keeps at most VIRT_CALLS_IN_FLIGHT calls open per host and one per domain. Measured: 25 calls
 * queued on one stopped QEMU blocked the calls on other domains for 18 s; 5 did not.
 *
 * Every operation may be repeated after a crash at any point: what is done already is success.
 * Errors of every call: ERR_HOST_DOWN (the connection is broken), ERR_VIRT (the hypervisor refused; its words are in
 * reterr), ERR_TIMEOUT, ERR_NOMEM, ERR_INVALID (a name, address or number out of bounds), ERR_UNSUPPORTED. */
#ifndef CARREL_VIRT_VIRT_H
#define CARREL_VIRT_VIRT_H

#include "lib/base/err.h"
#include "lib/base/mem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VIRT_CALLS_IN_FLIGHT 8
#define VIRT_CHAIN_MAX       8
#define VIRT_NAME_SIZE       128 /* domain, network and host names with their NUL */
#define VIRT_UUID_SIZE       37
#define VIRT_MAC_SIZE        18
#define VIRT_ADDRESS_SIZE    46

/* The serial ports that each desktop has. */
#define VIRT_CHANNEL_CARREL "org.carrel.guest.0"
#define VIRT_CHANNEL_QGA    "org.qemu.guest_agent.0"

struct virt;
struct virt_channel;

enum virt_accel { VIRT_ACCEL_TCG, VIRT_ACCEL_KVM };

/* How the host caches a desktop's own disk. UNSAFE ignores the guest's flushes: fast, and right for a floating desktop
 * that nobody keeps after a power loss. NONE bypasses the page cache and honours flushes: for a dedicated desktop. */
enum virt_cache { VIRT_CACHE_UNSAFE, VIRT_CACHE_WRITEBACK, VIRT_CACHE_NONE };

struct virt_image {
    const char *path;   /* absolute, as the host sees it */
    const char *format; /* "qcow2" or "raw"; never probed */
};

/* A desktop's machine. All strings are borrowed for the call; texts from outside are escaped by the implementation. */
struct virt_domain_spec {
    const char *name;
    const char *uuid;  /* NULL = virt_uuid_from_name(name) */
    const char *title; /* for people who look at the host; NULL = none */
    uint32_t memory_mib;
    uint32_t vcpus;
    struct virt_image disk;                    /* the overlay, which the guest writes */
    struct virt_image backing[VIRT_CHAIN_MAX]; /* its chain, nearest first: the sealed image(s) */
    size_t backing_count;
    enum virt_cache cache;
    const char *kernel; /* direct kernel boot; NULL = boots from its disk */
    const char *initrd; /* NULL = none */
    const char *cmdline;
    const char *network; /* libvirt network's name; NULL = no network card */
    const char *mac;     /* NULL = virt_mac_from_name(name) */
    bool isolated;       /* desktops on the same bridge do not reach each other */
    enum virt_accel accel;
    uint32_t tb_cache_mib;  /* TCG's translation cache; 0 = 64. 64 MiB keeps an idle desktop at 235 MiB */
    const char *serial_log; /* the host writes the first serial port there (directory exists); NULL = no serial port */
};

/* The power state as the host tells it; rules about desktops are in lib/model/desktop.h. */
enum virt_domain_state {
    VIRT_DOMAIN_STOPPED, /* defined, powered off */
    VIRT_DOMAIN_RUNNING, /* also while it is shutting down */
    VIRT_DOMAIN_PAUSED,  /* by someone, or after an I/O error such as a full disk */
    VIRT_DOMAIN_CRASHED,
    VIRT_DOMAIN_UNKNOWN
};

struct virt_domain {
    char name[VIRT_NAME_SIZE];
    char uuid[VIRT_UUID_SIZE];
    enum virt_domain_state state;
    bool persistent; /* it stays defined when powered off */
};

struct virt_host_info {
    char hostname[VIRT_NAME_SIZE];
    char driver[16]; /* "QEMU", "TEST", "fake" */
    char cpu_model[64];
    uint64_t memory_mib;
    uint64_t memory_free_mib; /* 0 = not known */
    uint32_t cpus;
    bool kvm_works;       /* found out by a guest that ran, not by the existence of /dev/kvm */
    char kvm_reason[160]; /* one sentence: why (not), or how it was found out */
};

struct virt_network_spec {
    const char *name;
    const char *bridge;      /* NULL = the host chooses */
    const char *address;     /* of the host on it, IPv4 */
    uint32_t prefix_length;  /* 8 … 30 */
    const char *range_first; /* of the DHCP range */
    const char *range_last;
    bool nat; /* desktops reach the outside through the host; false = isolated network */
};

enum virt_event_kind {
    VIRT_EVENT_STARTED, /* a domain runs (booted, resumed from an image, migrated here) */
    VIRT_EVENT_STOPPED, /* powered off on request or by itself */
    VIRT_EVENT_CRASHED, /* the guest or its QEMU died */
    VIRT_EVENT_PAUSED,
    VIRT_EVENT_RESUMED,
    VIRT_EVENT_DEFINED,
    VIRT_EVENT_UNDEFINED,
    VIRT_EVENT_AGENT_UP, /* the guest opened VIRT_CHANNEL_QGA */
    VIRT_EVENT_AGENT_DOWN,
    VIRT_EVENT_LOST /* the connection to the host is broken; domain is "" */
};

struct virt_event {
    enum virt_event_kind kind;
    char domain[VIRT_NAME_SIZE];
    char detail[64]; /* the host's reason in a word, e.g. "destroyed", "shutdown"; may be "" */
};

/* Runs in the event thread; `event` is borrowed for the call. */
typedef void virt_event_fn(void *arg, const struct virt_event *event);

/* Callbacks of a channel, in the event thread. */
struct virt_channel_handlers {
    /* Bytes from the guest, in order, 1 … 65536 of them, in pieces of no meaning. Hostile input. */
    void (*data)(void *arg, const void *data, size_t len);
    /* The other side is gone (guest stopped, another program took the channel, connection lost). Comes at most once,
     * never after virt_channel_close began; no data follows. The owner still calls virt_channel_close. */
    void (*closed)(void *arg, const struct error *why);
};

/* Most bytes that wait for the guest to read them. */
#define VIRT_CHANNEL_QUEUE_MAX 262144

/* Connect. uri: see above. on_event may be NULL. The URI's own parameters bound how long this takes; a TCP or SSH
 * transport to a dead host may need the system's connect timeout (about two minutes).
 * ret: the caller owns it and ends it with virt_close. Errors: also ERR_HOST_DOWN when nothing answers, ERR_DENIED. */
int virt_open(const char *uri, virt_event_fn *on_event, void *arg, struct virt **ret, struct error *reterr);

/* Disconnect and free; accepts NULL. Close the channels before. No callback runs after it returns. Not from a callback.
 */
void virt_close(struct virt *virt);
DEFINE_CLEANUP(struct virt, virt_close)

/* Whether the connection stands, by what is known without asking the host (a keepalive finds a dead one within 20 s).
 * Does not block. */
bool virt_alive(struct virt *virt);

/* Facts about the host. The first call on a local QEMU host runs a guest of 512 bytes to learn whether KVM works (0.3 s
 * when it does, 8 s when it does not); the answer is kept for the process. On a remote host the host's word is taken.
 */
int virt_host_info(struct virt *virt, struct virt_host_info *ret, struct error *reterr);

/* Define the domain or replace the definition of the same UUID; takes effect at the next start.
 * ERR_EXISTS: another domain (of another UUID) has that name. */
int virt_domain_define(struct virt *virt, const struct virt_domain_spec *spec, struct error *reterr);
/* Power on; running already is success. ERR_NOT_FOUND. ERR_UNSUPPORTED: KVM was asked and does not work here. */
int virt_domain_start(struct virt *virt, const char *name, struct error *reterr);
/* Ask the guest to power off and return at once; powered off already is success. ERR_NOT_FOUND. */
int virt_domain_shutdown(struct virt *virt, const char *name, struct error *reterr);
/* Pull the plug. Powered off already and no such domain are success. */
int virt_domain_destroy(struct virt *virt, const char *name, struct error *reterr);
/* Forget the definition (and what libvirt keeps for it). No such domain is success. A running one goes on running until
 * it is powered off: destroy it first. Files are not touched. */
int virt_domain_undefine(struct virt *virt, const char *name, struct error *reterr);
/* ERR_NOT_FOUND when there is none of that name. */
int virt_domain_state(struct virt *virt, const char *name, enum virt_domain_state *ret, struct error *reterr);
/* All domains, running or not, whose name begins with `prefix` ("" = all), by name. ret: caller frees with free(). */
int virt_domain_list(struct virt *virt, const char *prefix, struct virt_domain **ret, size_t *ret_count,
                     struct error *reterr);

/* Make the network exist, run and start with the host. One that exists keeps its definition; ERR_CONFLICT when its
 * address is another than asked. */
int virt_network_ensure(struct virt *virt, const struct virt_network_spec *spec, struct error *reterr);
/* Stop and forget the network. No such network is success. */
int virt_network_remove(struct virt *virt, const char *network, struct error *reterr);
/* Reserve a fixed address of the network's DHCP range for a MAC and tell the guest its name. Idempotent by MAC: the
 * same address again, the name brought up to date. Live and for the network's next start. Addresses that another MAC
 * still leases are passed over, since dnsmasq would not hand them out.
 * Errors: ERR_NOT_FOUND (network), ERR_NO_SPACE (the range is used up). */
int virt_net_reserve(struct virt *virt, const char *network, const char *mac, const char *hostname,
                     char ret_address[VIRT_ADDRESS_SIZE], struct error *reterr);
/* Give the reservation back. None is success, no such network too. */
int virt_net_release(struct virt *virt, const char *network, const char *mac, struct error *reterr);

/* Open a serial port of a running domain as a byte stream both ways; takes it over from whoever had it. `handlers` is
 * copied. ret is set before the first callback runs. The caller ends it with virt_channel_close.
 * Errors: ERR_NOT_FOUND (domain or channel), ERR_ILLEGAL_MOVE (not running). */
int virt_channel_open(struct virt *virt, const char *domain, const char *channel,
                      const struct virt_channel_handlers *handlers, void *arg, struct virt_channel **ret,
                      struct error *reterr);
/* Queue bytes for the guest; all or nothing; does not block; any thread, callbacks too. Whether the guest reads them
 * is not known: ask for an answer with a deadline. ERR_BUSY: the guest has not read VIRT_CHANNEL_QUEUE_MAX bytes.
 * ERR_CLOSED: the other side is gone. */
int virt_channel_send(struct virt_channel *channel, const void *data, size_t len, struct error *reterr);
/* Close and free; accepts NULL. Waits for a callback that is running; none runs after it returns. Not from a callback.
 */
void virt_channel_close(struct virt_channel *channel);
DEFINE_CLEANUP(struct virt_channel, virt_channel_close)

/* Stable identity of a desktop, so that it keeps address and machine over hosts and restarts. Pure.
 * The MAC is locally administered (52:…) with 40 bits of the name's SHA-256; the UUID is its first 128 bits, version 8
 * (RFC 9562 section 5.8). */
void virt_mac_from_name(const char *name, char ret[VIRT_MAC_SIZE]);
void virt_uuid_from_name(const char *name, char ret[VIRT_UUID_SIZE]);

const char *virt_event_name(enum virt_event_kind kind);
const char *virt_domain_state_name(enum virt_domain_state state);

/* For implementations: the table behind the functions above, whose contracts hold; arguments are already checked for
 * NULL and bounds. Implementations embed `struct virt` / `struct virt_channel` first. */
struct virt_ops {
    const char *name;
    void (*close)(struct virt *virt);
    bool (*alive)(struct virt *virt);
    int (*host_info)(struct virt *virt, struct virt_host_info *ret, struct error *reterr);
    int (*domain_define)(struct virt *virt, const struct virt_domain_spec *spec, struct error *reterr);
    int (*domain_start)(struct virt *virt, const char *name, struct error *reterr);
    int (*domain_shutdown)(struct virt *virt, const char *name, struct error *reterr);
    int (*domain_destroy)(struct virt *virt, const char *name, struct error *reterr);
    int (*domain_undefine)(struct virt *virt, const char *name, struct error *reterr);
    int (*domain_state)(struct virt *virt, const char *name, enum virt_domain_state *ret, struct error *reterr);
    int (*domain_list)(struct virt *virt, const char *prefix, struct virt_domain **ret, size_t *ret_count,
                       struct error *reterr);
    int (*network_ensure)(struct virt *virt, const struct virt_network_spec *spec, struct error *reterr);
    int (*network_remove)(struct virt *virt, const char *network, struct error *reterr);
    int (*net_reserve)(struct virt *virt, const char *network, const char *mac, const char *hostname,
                       char ret_address[VIRT_ADDRESS_SIZE], struct error *reterr);
    int (*net_release)(struct virt *virt, const char *network, const char *mac, struct error *reterr);
    int (*channel_open)(struct virt *virt, const char *domain, const char *channel,
                        const struct virt_channel_handlers *handlers, void *arg, struct virt_channel **ret,
                        struct error *reterr);
    int (*channel_send)(struct virt_channel *channel, const void *data, size_t len, struct error *reterr);
    void (*channel_close)(struct virt_channel *channel);
};

struct virt {
    const struct virt_ops *ops;
};

struct virt_channel {
    const struct virt_ops *ops;
};

#endif
