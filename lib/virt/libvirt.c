/* Hosts through libvirt: the connection, its event thread and its events; contracts in virt.h. */
#include "lib/base/text.h"
#include "lib/virt/driver.h"
#include "lib/virt/libvirt_conn.h"

#include <stdio.h>
#include <string.h>

#define KEEPALIVE_S     5
#define KEEPALIVE_COUNT 3

/* -- errors -- */

int libvirt_last(void)
{
    virErrorPtr error = virGetLastError();
    return error != NULL ? error->code : VIR_ERR_OK;
}

static int code_of(const virError *error)
{
    switch (error != NULL ? error->code : VIR_ERR_OK) {
    case VIR_ERR_NO_DOMAIN:
    case VIR_ERR_NO_NETWORK:
        return ERR_NOT_FOUND;
    case VIR_ERR_NO_MEMORY:
        return ERR_NOMEM;
    case VIR_ERR_AUTH_FAILED:
    case VIR_ERR_AUTH_CANCELLED:
    case VIR_ERR_AUTH_UNAVAILABLE:
    case VIR_ERR_ACCESS_DENIED:
    case VIR_ERR_OPERATION_DENIED:
        return ERR_DENIED;
    case VIR_ERR_OPERATION_TIMEOUT:
    case VIR_ERR_AGENT_UNRESPONSIVE:
        return ERR_TIMEOUT;
    case VIR_ERR_NO_SUPPORT:
    case VIR_ERR_OPERATION_UNSUPPORTED:
        return ERR_UNSUPPORTED;
    case VIR_ERR_NO_CONNECT:
    case VIR_ERR_INVALID_CONN:
        return ERR_HOST_DOWN;
    default:
        return ERR_VIRT;
    }
}

/* A call that was cut off gets a system or internal error of the RPC layer, so the connection is asked itself. */
static bool cut_off(struct libvirt_conn *conn, const virError *error)
{
    if (conn == NULL || conn->conn == NULL)
        return error != NULL && (error->domain == VIR_FROM_RPC || error->code == VIR_ERR_SYSTEM_ERROR);
    pthread_mutex_lock(&conn->lock);
    bool lost = conn->lost;
    pthread_mutex_unlock(&conn->lock);
    return lost || (error != NULL && error->domain == VIR_FROM_RPC && virConnectIsAlive(conn->conn) != 1);
}

int libvirt_fail(struct libvirt_conn *conn, struct error *reterr, const char *what)
{
    virErrorPtr error = virSaveLastError(); /* asking the connection would overwrite it */
    int code = cut_off(conn, error) ? ERR_HOST_DOWN : code_of(error);
    const char *words = error != NULL && error->message != NULL ? error->message : "no reason given";
    code = err_set_lib(reterr, code, error != NULL ? error->code : 0, "%s: %s", what, words);
    virFreeError(error);
    return code;
}

static void be_silent(void *arg, virErrorPtr error)
{
    (void)arg;
    (void)error; /* libraries do not log; every caller reads the error itself */
}

/* -- the event thread, one per process -- */

static void *run_events(void *unused)
{
    (void)unused;
    for (;;)
        if (virEventRunDefaultImpl() < 0)
            virResetLastError();
    return NULL;
}

static int events_rc;

static void start_events(void)
{
    pthread_t thread;
    virSetErrorFunc(NULL, be_silent);
    if (virInitialize() < 0 || virEventRegisterDefaultImpl() < 0 ||
        pthread_create(&thread, NULL, run_events, NULL) != 0)
        events_rc = ERR_INTERNAL;
}

static int need_events(struct error *reterr)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start_events);
    return events_rc == 0 ? 0 : err_set(reterr, events_rc, "libvirt's event thread cannot be started");
}

/* -- events -- */

static void tell(struct libvirt_conn *conn, enum virt_event_kind kind, const char *domain, const char *detail)
{
    struct virt_event event = {.kind = kind};
    if (domain != NULL && text_copy(event.domain, sizeof(event.domain), domain) < 0)
        return; /* longer than any name of ours */
    snprintf(event.detail, sizeof(event.detail), "%s", detail);
    if (conn->on_event == NULL || !gate_enter(&conn->gate))
        return;
    conn->on_event(conn->arg, &event);
    gate_leave(&conn->gate);
}

static void tell_stopped(struct libvirt_conn *conn, const char *domain, int detail)
{
    static const char *const words[] = {
        [VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN] = "shutdown",     [VIR_DOMAIN_EVENT_STOPPED_DESTROYED] = "destroyed",
        [VIR_DOMAIN_EVENT_STOPPED_CRASHED] = "crashed",       [VIR_DOMAIN_EVENT_STOPPED_MIGRATED] = "migrated",
        [VIR_DOMAIN_EVENT_STOPPED_SAVED] = "saved",           [VIR_DOMAIN_EVENT_STOPPED_FAILED] = "failed",
        [VIR_DOMAIN_EVENT_STOPPED_FROM_SNAPSHOT] = "reverted"};
    bool crashed = detail == VIR_DOMAIN_EVENT_STOPPED_CRASHED || detail == VIR_DOMAIN_EVENT_STOPPED_FAILED;
    const char *word = detail >= 0 && (size_t)detail < ARRAY_LEN(words) ? words[detail] : "";
    tell(conn, crashed ? VIRT_EVENT_CRASHED : VIRT_EVENT_STOPPED, domain, word);
}

static int on_lifecycle(virConnectPtr unused, virDomainPtr domain, int event, int detail, void *arg)
{
    (void)unused;
    struct libvirt_conn *conn = arg;
    const char *name = virDomainGetName(domain);
    switch (event) {
    case VIR_DOMAIN_EVENT_DEFINED:
        tell(conn, VIRT_EVENT_DEFINED, name, "");
        break;
    case VIR_DOMAIN_EVENT_UNDEFINED:
        tell(conn, VIRT_EVENT_UNDEFINED, name, "");
        break;
    case VIR_DOMAIN_EVENT_STARTED:
        tell(conn, VIRT_EVENT_STARTED, name, detail == VIR_DOMAIN_EVENT_STARTED_BOOTED ? "booted" : "");
        break;
    case VIR_DOMAIN_EVENT_SUSPENDED:
        tell(conn, VIRT_EVENT_PAUSED, name, detail == VIR_DOMAIN_EVENT_SUSPENDED_IOERROR ? "ioerror" : "");
        break;
    case VIR_DOMAIN_EVENT_RESUMED:
        tell(conn, VIRT_EVENT_RESUMED, name, "");
        break;
    case VIR_DOMAIN_EVENT_STOPPED:
        tell_stopped(conn, name, detail);
        break;
    case VIR_DOMAIN_EVENT_CRASHED:
        tell(conn, VIRT_EVENT_CRASHED, name, "panicked");
        break;
    default:
        break;
    }
    return 0;
}

static void on_agent(virConnectPtr unused, virDomainPtr domain, int state, int reason, void *arg)
{
    (void)unused;
    (void)reason;
    bool up = state == VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_STATE_CONNECTED;
    tell(arg, up ? VIRT_EVENT_AGENT_UP : VIRT_EVENT_AGENT_DOWN, virDomainGetName(domain), "");
}

static void on_close(virConnectPtr unused, int reason, void *arg)
{
    (void)unused;
    (void)reason;
    libvirt_conn_lose(arg);
}

/* A channel that has not been told; with a reference. */
static struct libvirt_channel *next_untold(struct libvirt_conn *conn)
{
    pthread_mutex_lock(&conn->lock);
    struct libvirt_channel *channel = conn->channels;
    while (channel != NULL && channel->told)
        channel = channel->next;
    if (channel != NULL) {
        channel->told = true;
        libvirt_channel_ref(channel);
    }
    pthread_mutex_unlock(&conn->lock);
    return channel;
}

void libvirt_conn_lose(struct libvirt_conn *conn)
{
    pthread_mutex_lock(&conn->lock);
    bool before = conn->lost;
    conn->lost = true;
    pthread_mutex_unlock(&conn->lock);
    for (struct libvirt_channel *c = next_untold(conn); c != NULL; c = next_untold(conn)) {
        libvirt_channel_end(c, "the connection to the host is lost");
        libvirt_channel_unref(c);
    }
    if (!before)
        tell(conn, VIRT_EVENT_LOST, NULL, "");
}

/* -- opening and closing -- */

void libvirt_conn_unref(struct libvirt_conn *conn)
{
    pthread_mutex_lock(&conn->lock);
    int left = --conn->refs;
    pthread_mutex_unlock(&conn->lock);
    if (left > 0)
        return;
    gate_done(&conn->gate);
    pthread_mutex_destroy(&conn->lock);
    pthread_mutex_destroy(&conn->net_lock);
    free(conn);
}

static void unref_by_libvirt(void *arg)
{
    libvirt_conn_unref(arg);
}

static void add_ref(struct libvirt_conn *conn)
{
    pthread_mutex_lock(&conn->lock);
    conn->refs++;
    pthread_mutex_unlock(&conn->lock);
}

/* Drivers without an event are used without it: their owner polls. */
static void register_event(struct libvirt_conn *conn, int event, virConnectDomainEventGenericCallback callback)
{
    add_ref(conn);
    int id = virConnectDomainEventRegisterAny(conn->conn, NULL, event, callback, conn, unref_by_libvirt);
    if (id < 0)
        libvirt_conn_unref(conn);
    else
        conn->event_ids[conn->event_count++] = id;
}

static void register_events(struct libvirt_conn *conn)
{
    register_event(conn, VIR_DOMAIN_EVENT_ID_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle));
    if (strcmp(conn->type, "QEMU") == 0)
        register_event(conn, VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(on_agent));
    /* Without a reference: libvirt holds its lock while it calls, so unregistering waits, and drivers inside this
     * process accept the callback and never free it. They have no keepalive either, and need none. */
    if (virConnectRegisterCloseCallback(conn->conn, on_close, conn, NULL) < 0 ||
        virConnectSetKeepAlive(conn->conn, KEEPALIVE_S, KEEPALIVE_COUNT) < 0)
        virResetLastError();
}

static void op_close(struct virt *virt)
{
    struct libvirt_conn *conn = (struct libvirt_conn *)virt;
    gate_shut(&conn->gate);
    for (size_t i = 0; i < conn->event_count; i++)
        virConnectDomainEventDeregisterAny(conn->conn, conn->event_ids[i]);
    virConnectUnregisterCloseCallback(conn->conn, on_close);
    virConnectClose(conn->conn);
    libvirt_conn_unref(conn);
}

static bool op_alive(struct virt *virt)
{
    struct libvirt_conn *conn = (struct libvirt_conn *)virt;
    pthread_mutex_lock(&conn->lock);
    bool alive = !conn->lost;
    pthread_mutex_unlock(&conn->lock);
    return alive && virConnectIsAlive(conn->conn) == 1;
}

static const struct virt_ops libvirt_ops = {
    .name = "libvirt",
    .close = op_close,
    .alive = op_alive,
    .host_info = libvirt_host_info,
    .domain_define = libvirt_domain_define,
    .domain_start = libvirt_domain_start,
    .domain_shutdown = libvirt_domain_shutdown,
    .domain_destroy = libvirt_domain_destroy,
    .domain_undefine = libvirt_domain_undefine,
    .domain_state = libvirt_domain_state,
    .domain_list = libvirt_domain_list,
    .network_ensure = libvirt_network_ensure,
    .network_remove = libvirt_network_remove,
    .net_reserve = libvirt_net_reserve,
    .net_release = libvirt_net_release,
    .channel_open = libvirt_channel_open,
    .channel_send = libvirt_channel_send,
    .channel_close = libvirt_channel_close,
};

/* "qemu:///system" and "qemu+unix:///…" are this machine; a host between the slashes is not. */
static bool is_local(const char *uri)
{
    const char *rest = strstr(uri, "://");
    return rest != NULL && rest[3] == '/' && strstr(uri, "+ssh") == NULL && strstr(uri, "+libssh") == NULL;
}

static void learn_host(struct libvirt_conn *conn, const char *uri)
{
    const char *type = virConnectGetType(conn->conn);
    snprintf(conn->type, sizeof(conn->type), "%s", type != NULL ? type : "");
    conn->local = is_local(uri);
    char *capabilities CLEANUP_FREE = virConnectGetCapabilities(conn->conn);
    conn->dac = capabilities != NULL && strcmp(conn->type, "QEMU") == 0 && strstr(capabilities, "<model>dac<") != NULL;
}

int libvirt_open(const char *uri, virt_event_fn *on_event, void *arg, struct virt **ret, struct error *reterr)
{
    int rc = need_events(reterr);
    if (rc < 0)
        return rc;
    struct libvirt_conn *conn = MEM_NEW(struct libvirt_conn);
    if (conn == NULL)
        return err_set(reterr, ERR_NOMEM, "no memory for a connection");
    *conn = (struct libvirt_conn){.base = {&libvirt_ops}, .on_event = on_event, .arg = arg, .refs = 1};
    gate_init(&conn->gate);
    pthread_mutex_init(&conn->lock, NULL);
    pthread_mutex_init(&conn->net_lock, NULL);
    conn->conn = virConnectOpen(uri);
    if (conn->conn == NULL) {
        rc = libvirt_fail(conn, reterr, "the host does not accept a connection");
        libvirt_conn_unref(conn);
        return rc;
    }
    learn_host(conn, uri);
    register_events(conn);
    *ret = &conn->base;
    return 0;
}
