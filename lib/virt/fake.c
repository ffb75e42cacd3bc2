#include "lib/virt/fake.h"

#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "lib/virt/driver.h"
#include "lib/virt/fake_host.h"
#include "lib/virt/fake_loop.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static struct {
    pthread_mutex_t lock;
    struct fake_host *hosts;
    uint32_t count;
} registry = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct fake_host *host_new(const char *name)
{
    struct fake_host *host = MEM_NEW(struct fake_host);
    if (host == NULL)
        abort(); /* a simulation without memory ends its process */
    snprintf(host->name, sizeof(host->name), "%s", name);
    host->index = registry.count++;
    host->memory_mib = 65536;
    host->cpus = 16;
    host->rdp_port = 3389;
    pthread_mutex_init(&host->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&host->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    host->next = registry.hosts;
    registry.hosts = host;
    return host;
}

struct fake_host *fake_host_get(const char *name)
{
    pthread_mutex_lock(&registry.lock);
    struct fake_host *host = registry.hosts;
    while (host != NULL && strcmp(host->name, name) != 0)
        host = host->next;
    if (host == NULL)
        host = host_new(name);
    pthread_mutex_unlock(&registry.lock);
    return host;
}

static void host_free(struct fake_host *host)
{
    pthread_mutex_lock(&host->lock);
    for (struct fake_domain *d = host->domains, *next; d != NULL; d = next) {
        next = d->next;
        fake_rdp_close(d);
        free(d);
    }
    host->domains = NULL;
    pthread_mutex_unlock(&host->lock);
    fake_loop_cancel(host);
    for (struct fake_net *net = host->nets, *next; net != NULL; net = next) {
        next = net->next;
        free(net->leases);
        free(net);
    }
    pthread_cond_destroy(&host->changed);
    pthread_mutex_destroy(&host->lock);
    free(host);
}

void fake_reset(void)
{
    pthread_mutex_lock(&registry.lock);
    struct fake_host *hosts = TAKE_PTR(registry.hosts);
    registry.count = 0;
    pthread_mutex_unlock(&registry.lock);
    while (hosts != NULL) {
        struct fake_host *next = hosts->next;
        host_free(hosts);
        hosts = next;
    }
}

/* -- calls -- */

static bool broken(const struct fake_conn *conn)
{
    return conn->lost || conn->host->down;
}

static void wait_delay(struct fake_conn *conn, uint32_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    while (!broken(conn) && pthread_cond_timedwait(&conn->host->changed, &conn->host->lock, &until) == 0)
        continue;
}

int fake_enter(struct fake_conn *conn, enum fake_op op, struct error *reterr)
{
    struct fake_fault *fault = &conn->host->ops[op];
    pthread_mutex_lock(&conn->host->lock);
    fault->calls++;
    if (fault->delay_ms > 0)
        wait_delay(conn, fault->delay_ms);
    while (fault->hang && !broken(conn))
        pthread_cond_wait(&conn->host->changed, &conn->host->lock);
    int rc = 0;
    if (broken(conn))
        rc = err_set(reterr, ERR_HOST_DOWN, "host %s cannot be reached", conn->host->name);
    else if (fault->before > 0) {
        fault->before--;
        rc = err_set(reterr, fault->before_code, "host %s was told to fail", conn->host->name);
    }
    if (rc < 0)
        pthread_mutex_unlock(&conn->host->lock);
    return rc;
}

int fake_leave(struct fake_conn *conn, enum fake_op op, int rc, struct error *reterr)
{
    struct fake_fault *fault = &conn->host->ops[op];
    if (rc == 0 && fault->after > 0) {
        fault->after--;
        rc = err_set(reterr, fault->after_code, "host %s was told to fail afterwards", conn->host->name);
    }
    pthread_mutex_unlock(&conn->host->lock);
    return rc;
}

/* -- connections and events -- */

struct notice {
    struct fake_conn *conn;
    struct virt_event event;
};

static void notify(void *arg)
{
    const struct notice *notice = arg;
    notice->conn->on_event(notice->conn->arg, &notice->event);
}

void fake_conn_event(struct fake_conn *conn, enum virt_event_kind kind, const char *domain, const char *detail)
{
    if (conn->on_event == NULL || conn->lost)
        return;
    struct notice *notice = MEM_NEW(struct notice);
    if (notice == NULL)
        abort();
    notice->conn = conn;
    notice->event.kind = kind;
    snprintf(notice->event.domain, sizeof(notice->event.domain), "%s", domain);
    snprintf(notice->event.detail, sizeof(notice->event.detail), "%s", detail);
    fake_loop_add(0, conn, notify, notice);
}

void fake_host_event(struct fake_host *host, enum virt_event_kind kind, const char *domain, const char *detail)
{
    for (struct fake_conn *conn = host->conns; conn != NULL; conn = conn->next)
        fake_conn_event(conn, kind, domain, detail);
}

static void op_close(struct virt *virt)
{
    struct fake_conn *conn = (struct fake_conn *)virt;
    pthread_mutex_lock(&conn->host->lock);
    for (struct fake_conn **at = &conn->host->conns; *at != NULL; at = &(*at)->next)
        if (*at == conn) {
            *at = conn->next;
            break;
        }
    pthread_mutex_unlock(&conn->host->lock);
    fake_loop_cancel(conn);
    free(conn);
}

static bool op_alive(struct virt *virt)
{
    struct fake_conn *conn = (struct fake_conn *)virt;
    pthread_mutex_lock(&conn->host->lock);
    bool alive = !broken(conn);
    pthread_mutex_unlock(&conn->host->lock);
    return alive;
}

static int op_host_info(struct virt *virt, struct virt_host_info *ret, struct error *reterr)
{
    struct fake_conn *conn = (struct fake_conn *)virt;
    int rc = fake_enter(conn, FAKE_HOST_INFO, reterr);
    if (rc < 0)
        return rc;
    *ret = (struct virt_host_info){.driver = "fake",
                                   .cpu_model = "simulated",
                                   .memory_mib = conn->host->memory_mib,
                                   .cpus = conn->host->cpus,
                                   .kvm_reason = "simulated hosts run nothing"};
    snprintf(ret->hostname, sizeof(ret->hostname), "%s", conn->host->name);
    return fake_leave(conn, FAKE_HOST_INFO, 0, reterr);
}

/* -- domains -- */

struct fake_domain *fake_domain_find(struct fake_host *host, const char *name)
{
    struct fake_domain *d = host->domains;
    while (d != NULL && strcmp(d->name, name) != 0)
        d = d->next;
    return d;
}

static int define(struct fake_host *host, const struct virt_domain_spec *spec, struct error *reterr)
{
    char uuid[VIRT_UUID_SIZE];
    virt_uuid_from_name(spec->name, uuid);
    if (spec->uuid != NULL)
        text_copy(uuid, sizeof(uuid), spec->uuid);
    struct fake_domain *d = fake_domain_find(host, spec->name);
    if (d != NULL && strcmp(d->uuid, uuid) != 0)
        return err_set(reterr, ERR_EXISTS, "domain %s exists with another UUID", spec->name);
    if (d == NULL) {
        d = MEM_NEW(struct fake_domain);
        if (d == NULL)
            return err_set(reterr, ERR_NOMEM, "no memory for a domain");
        *d = (struct fake_domain){.host = host, .next = host->domains, .state = VIRT_DOMAIN_STOPPED, .rdp_fd = -1};
        text_copy(d->name, sizeof(d->name), spec->name);
        text_copy(d->uuid, sizeof(d->uuid), uuid);
        fake_guest_identity(d);
        host->domains = d;
    }
    d->defined = true;
    virt_mac_from_name(spec->name, d->mac);
    if (spec->mac != NULL)
        text_copy(d->mac, sizeof(d->mac), spec->mac);
    text_copy(d->network, sizeof(d->network), spec->network != NULL ? spec->network : "");
    fake_host_event(host, VIRT_EVENT_DEFINED, d->name, "");
    return 0;
}

static int op_define(struct virt *virt, const struct virt_domain_spec *spec, struct error *reterr)
{
    struct fake_conn *conn = (struct fake_conn *)virt;
    int rc = fake_enter(conn, FAKE_DEFINE, reterr);
    return rc < 0 ? rc : fake_leave(conn, FAKE_DEFINE, define(conn->host, spec, reterr), reterr);
}

bool fake_domain_is_on(const struct fake_domain *d)
{
    return d->state == VIRT_DOMAIN_RUNNING || d->state == VIRT_DOMAIN_PAUSED;
}

static int start(struct fake_host *host, const char *name, struct error *reterr)
{
    struct fake_domain *d = fake_domain_find(host, name);
    if (d == NULL)
        return err_set(reterr, ERR_NOT_FOUND, "no domain %s", name);
    if (fake_domain_is_on(d))
        return 0;
    d->state = VIRT_DOMAIN_RUNNING;
    fake_host_event(host, VIRT_EVENT_STARTED, name, "booted");
    fake_guest_power_on(d);
    return 0;
}

static int op_start(struct virt *virt, const char *name, struct error *reterr)
{
    struct fake_conn *conn = (struct fake_conn *)virt;
    int rc = fake_enter(conn, FAKE_START, reterr);
    return rc < 0 ? rc : fake_leave(conn, FAKE_START, start(conn->host, name, reterr), reterr);
}

void fake_domain_settle(struct fake_domain *domain)
{
    if (domain->defined || fake_domain_is_on(domain))
        return;
    for (struct fake_domain **at = &domain->host->domains; *at != NULL; at = &(*at)->next)
        if (*at == domain) {
            *at = domain->next;
            free(domain);
            return;
        }
}

void fake_domain_stop(struct fake_domain *d, enum virt_event_kind kind, const char *why)
{
    if (!fake_domain_is_on(d))
        return;
    d->state = kind == VIRT_EVENT_CRASHED ? VIRT_DOMAIN_CRASHED : VIRT_DOMAIN_STOPPED;
    fake_guest_power_off(d, "the desktop is powered off");
    fake_host_event(d->host, kind, d->name, why);
    fake_domain_settle(d);
}

static int op_shutdown(struct virt *virt, const char *name, struct error *reterr)
{
    struct fake_conn *conn = (struct fake_conn *)virt;
    int rc = fake_enter(conn, FAKE_SHUTDOWN, reterr);
    if (rc < 0)
        return rc;
    struct fake_domain *d = fake_domain_find(conn->host, name);
    if (d == NULL)
        rc = err_set(reterr, ERR_NOT_FOUND, "no domain %s", name);
    else
        fake_domain_stop(d, VIRT_EVENT_STOPPED, "shutdown");
    return fake_leave(conn, FAKE_SHUTDOWN, rc, reterr);
}

static int op_destroy(struct virt *virt, const char *name, struct error *reterr)
{
    struct fake_conn *conn = (struct fake_conn *)virt;
    int rc = fake_enter(conn, FAKE_DESTROY, reterr);
    if (rc < 0)
        return rc;
    struct fake_domain *d = fake_domain_find(conn->host, name);
    if (d != NULL)
        fake_domain_stop(d, VIRT_EVENT_STOPPED, "destroyed");
    return fake_leave(conn, FAKE_DESTROY, 0, reterr);
}

static int op_undefine(struct virt *virt, const char *name, struct error *reterr)
{
    struct fake_conn *conn = (struct fake_conn *)virt;
    int rc = fake_enter(conn, FAKE_UNDEFINE, reterr);
    if (rc < 0)
        return rc;
    struct fake_domain *d = fake_domain_find(conn->host, name);
    if (d != NULL && d->defined) {
        d->defined = false;
        fake_host_event(conn->host, VIRT_EVENT_UNDEFINED, name, "");
        fake_domain_settle(d);
    }
    return fake_leave(conn, FAKE_UNDEFINE, 0, reterr);
}

static int op_state(struct virt *virt, const char *name, enum virt_domain_state *ret, struct error *reterr)
{
    struct fake_conn *conn = (struct fake_conn *)virt;
    int rc = fake_enter(conn, FAKE_STATE, reterr);
    if (rc < 0)
        return rc;
    const struct fake_domain *d = fake_domain_find(conn->host, name);
    if (d == NULL)
        rc = err_set(reterr, ERR_NOT_FOUND, "no domain %s", name);
    else
        *ret = d->state;
    return fake_leave(conn, FAKE_STATE, rc, reterr);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct virt_domain *)a)->name, ((const struct virt_domain *)b)->name);
}

static int list(const struct fake_host *host, const char *prefix, struct virt_domain **ret, size_t *ret_count)
{
    size_t count = 0;
    for (const struct fake_domain *d = host->domains; d != NULL; d = d->next)
        count++;
    struct virt_domain *domains = MEM_ARRAY(struct virt_domain, count + 1);
    if (domains == NULL)
        return ERR_NOMEM;
    count = 0;
    for (const struct fake_domain *d = host->domains; d != NULL; d = d->next) {
        if (strncmp(d->name, prefix, strlen(prefix)) != 0)
            continue;
        struct virt_domain *out = &domains[count++];
        text_copy(out->name, sizeof(out->name), d->name);
        text_copy(out->uuid, sizeof(out->uuid), d->uuid);
        out->state = d->state;
        out->persistent = d->defined;
    }
    qsort(domains, count, sizeof(*domains), by_name);
    *ret = domains;
    *ret_count = count;
    return 0;
}

static int op_list(struct virt *virt, const char *prefix, struct virt_domain **ret, size_t *ret_count,
                   struct error *reterr)
{
    struct fake_conn *conn = (struct fake_conn *)virt;
    int rc = fake_enter(conn, FAKE_LIST, reterr);
    if (rc < 0)
        return rc;
    struct virt_domain *domains CLEANUP_FREE = NULL;
    size_t count = 0;
    rc = fake_leave(conn, FAKE_LIST, list(conn->host, prefix, &domains, &count), reterr);
    if (rc < 0)
        return rc;
    *ret = TAKE_PTR(domains);
    *ret_count = count;
    return 0;
}

/* -- opening -- */

static const struct virt_ops fake_ops = {
    .name = "fake",
    .close = op_close,
    .alive = op_alive,
    .host_info = op_host_info,
    .domain_define = op_define,
    .domain_start = op_start,
    .domain_shutdown = op_shutdown,
    .domain_destroy = op_destroy,
    .domain_undefine = op_undefine,
    .domain_state = op_state,
    .domain_list = op_list,
    .network_ensure = fake_network_ensure,
    .network_remove = fake_network_remove,
    .net_reserve = fake_net_reserve,
    .net_release = fake_net_release,
    .channel_open = fake_channel_open,
    .channel_send = fake_channel_send,
    .channel_close = fake_channel_close,
};

static uint32_t *find_parameter(struct fake_host *host, const char *key)
{
    static const char *const delays[] = {
#define X(name, param) [FAKE_##name] = (param),
        FAKE_OPS(X)
#undef X
    };
    for (size_t i = 0; i < ARRAY_LEN(delays); i++)
        if (strcmp(delays[i], key) == 0)
            return &host->ops[i].delay_ms;
    const struct {
        const char *key;
        uint32_t *value;
    } others[] = {{"boot_ms", &host->boot_ms},
                  {"memory_mib", &host->memory_mib},
                  {"cpus", &host->cpus},
                  {"rdp", &host->rdp},
                  {"rdp_port", &host->rdp_port}};
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (strcmp(others[i].key, key) == 0)
            return others[i].value;
    return NULL;
}

static int read_parameters(struct fake_host *host, char *text, struct error *reterr)
{
    char *rest = NULL;
    for (char *pair = strtok_r(text, "&", &rest); pair != NULL; pair = strtok_r(NULL, "&", &rest)) {
        char *equals = strchr(pair, '=');
        if (equals != NULL)
            *equals = '\0';
        uint32_t *place = find_parameter(host, pair);
        int64_t value;
        if (place == NULL || equals == NULL || text_to_int(equals + 1, 0, 100000000, &value) < 0)
            return err_set(reterr, ERR_CONFIG, "a simulated host has no parameter %.40s with that value", pair);
        *place = (uint32_t)value;
    }
    return 0;
}

/* The host of a URI, with its parameters taken over. */
static int find_host(const char *uri, struct fake_host **ret, struct error *reterr)
{
    char text[1024];
    if (text_copy(text, sizeof(text), uri + strlen("fake:")) < 0)
        return err_set(reterr, ERR_INVALID, "the URI is too long");
    char *parameters = strchr(text, '?');
    if (parameters != NULL)
        *parameters++ = '\0';
    if (!text_is_name(text, 63))
        return err_set(reterr, ERR_CONFIG, "a simulated host is named fake:NAME (letters, digits, hyphens)");
    struct fake_host *host = fake_host_get(text);
    pthread_mutex_lock(&host->lock);
    int rc = parameters != NULL ? read_parameters(host, parameters, reterr) : 0;
    pthread_mutex_unlock(&host->lock);
    if (rc == 0)
        *ret = host;
    return rc;
}

int fake_open(const char *uri, virt_event_fn *on_event, void *arg, struct virt **ret, struct error *reterr)
{
    struct fake_host *host = NULL;
    int rc = find_host(uri, &host, reterr);
    if (rc < 0)
        return rc;
    struct fake_conn *conn = MEM_NEW(struct fake_conn);
    if (conn == NULL)
        return err_set(reterr, ERR_NOMEM, "no memory for a connection");
    *conn = (struct fake_conn){.base = {&fake_ops}, .host = host, .on_event = on_event, .arg = arg};
    rc = fake_enter(conn, FAKE_OPEN, reterr);
    if (rc == 0) {
        conn->next = host->conns;
        host->conns = conn;
        rc = fake_leave(conn, FAKE_OPEN, 0, reterr);
    }
    if (rc < 0) {
        op_close(&conn->base);
        return rc;
    }
    *ret = &conn->base;
    return 0;
}
