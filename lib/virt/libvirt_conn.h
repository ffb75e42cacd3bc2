/* A connection through libvirt; shared by libvirt*.c and by nobody else. */
#ifndef CARREL_VIRT_LIBVIRT_CONN_H
#define CARREL_VIRT_LIBVIRT_CONN_H

#include "lib/virt/gate.h"
#include "lib/virt/virt.h"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#define LIBVIRT_EVENTS_MAX 4

struct libvirt_channel;

struct libvirt_conn {
    struct virt base;
    virConnectPtr conn;
    char type[16]; /* "QEMU", "TEST" … */
    bool local;    /* the host is this machine */
    bool dac;      /* the host manages owners of files */
    virt_event_fn *on_event;
    void *arg;
    struct gate gate;
    int event_ids[LIBVIRT_EVENTS_MAX];
    size_t event_count;
    pthread_mutex_t lock; /* protects what follows */
    bool lost;
    int refs; /* the owner and each callback that libvirt holds */
    struct libvirt_channel *channels;
    pthread_mutex_t net_lock; /* one reservation at a time: two would pick the same address */
};

struct libvirt_channel {
    struct virt_channel base;
    struct libvirt_channel *next; /* of the connection's channels; the connection's lock protects these two */
    bool told;                    /* that the connection is lost */
    struct libvirt_conn *conn;
    virStreamPtr stream;
    struct virt_channel_handlers handlers;
    void *arg;
    struct gate gate;
    pthread_mutex_t lock; /* protects what follows */
    char *queue;          /* bytes for the guest */
    size_t queue_len, queue_cap;
    bool writing;           /* libvirt is asked to tell when it can write */
    bool ended;             /* `closed` was delivered, or need not be */
    bool watched;           /* libvirt holds the callback */
    bool stuck;             /* a reference will never be given back */
    int refs;               /* the owner, the stream's callback, a connection that is being lost */
    pthread_cond_t dropped; /* refs went down */
};

DEFINE_CLEANUP(virDomain, virDomainFree)
DEFINE_CLEANUP(virNetwork, virNetworkFree)
#define CLEANUP_DOMAIN  CLEANUP(virDomainFreep)
#define CLEANUP_NETWORK CLEANUP(virNetworkFreep)

/* Turn libvirt's last error of this thread into one of ours, with its words after `what`. Returns the code. */
int libvirt_fail(struct libvirt_conn *conn, struct error *reterr, const char *what);
/* The code of libvirt's last error of this thread, VIR_ERR_OK when there is none. */
int libvirt_last(void);

/* libvirt_conn.c */
void libvirt_conn_unref(struct libvirt_conn *conn);
/* Mark it lost, end its channels, tell the owner; once. In the event thread. */
void libvirt_conn_lose(struct libvirt_conn *conn);

/* The parts of the table, by file. */
int libvirt_host_info(struct virt *virt, struct virt_host_info *ret, struct error *reterr);
int libvirt_domain_define(struct virt *virt, const struct virt_domain_spec *spec, struct error *reterr);
int libvirt_domain_start(struct virt *virt, const char *name, struct error *reterr);
int libvirt_domain_shutdown(struct virt *virt, const char *name, struct error *reterr);
int libvirt_domain_destroy(struct virt *virt, const char *name, struct error *reterr);
int libvirt_domain_undefine(struct virt *virt, const char *name, struct error *reterr);
int libvirt_domain_state(struct virt *virt, const char *name, enum virt_domain_state *ret, struct error *reterr);
int libvirt_domain_list(struct virt *virt, const char *prefix, struct virt_domain **ret, size_t *ret_count,
                        struct error *reterr);
int libvirt_network_ensure(struct virt *virt, const struct virt_network_spec *spec, struct error *reterr);
int libvirt_network_remove(struct virt *virt, const char *network, struct error *reterr);
int libvirt_net_reserve(struct virt *virt, const char *network, const char *mac, const char *hostname,
                        char ret_address[VIRT_ADDRESS_SIZE], struct error *reterr);
int libvirt_net_release(struct virt *virt, const char *network, const char *mac, struct error *reterr);
int libvirt_channel_open(struct virt *virt, const char *domain, const char *channel,
                         const struct virt_channel_handlers *handlers, void *arg, struct virt_channel **ret,
                         struct error *reterr);
int libvirt_channel_send(struct virt_channel *channel, const void *data, size_t len, struct error *reterr);
void libvirt_channel_close(struct virt_channel *channel);
void libvirt_channel_ref(struct libvirt_channel *channel);
void libvirt_channel_unref(struct libvirt_channel *channel);
/* The other side is gone: tell the owner, once. In the event thread. */
void libvirt_channel_end(struct libvirt_channel *channel, const char *why);

#endif
