/* Hosts through libvirt: facts about the host, and domains; contracts in virt.h. */
#include "lib/base/text.h"
#include "lib/virt/domain_xml.h"
#include "lib/virt/kvm_probe.h"
#include "lib/virt/libvirt_conn.h"

#include <stdio.h>
#include <string.h>

/* -- the host -- */

static void learn_kvm(struct libvirt_conn *conn, struct virt_host_info *info)
{
    if (strcmp(conn->type, "QEMU") != 0) {
        snprintf(info->kvm_reason, sizeof(info->kvm_reason), "the host runs no QEMU");
        return;
    }
    char *caps CLEANUP_FREE = virConnectGetDomainCapabilities(conn->conn, NULL, "x86_64", NULL, "kvm", 0);
    if (caps == NULL) {
        virResetLastError();
        snprintf(info->kvm_reason, sizeof(info->kvm_reason), "the host's libvirt offers no KVM");
        return;
    }
    if (conn->local) {
        info->kvm_works = kvm_probe(info->kvm_reason, sizeof(info->kvm_reason));
        return;
    }
    info->kvm_works = true;
    snprintf(info->kvm_reason, sizeof(info->kvm_reason), "the host's libvirt offers KVM");
}

int libvirt_host_info(struct virt *virt, struct virt_host_info *ret, struct error *reterr)
{
    struct libvirt_conn *conn = (struct libvirt_conn *)virt;
    struct virt_host_info info = {.cpus = 0};
    virNodeInfo node;
    if (virNodeGetInfo(conn->conn, &node) < 0)
        return libvirt_fail(conn, reterr, "the host does not tell its size");
    char *hostname CLEANUP_FREE = virConnectGetHostname(conn->conn);
    if (hostname == NULL)
        return libvirt_fail(conn, reterr, "the host does not tell its name");
    snprintf(info.hostname, sizeof(info.hostname), "%s", hostname);
    snprintf(info.driver, sizeof(info.driver), "%s", conn->type);
    snprintf(info.cpu_model, sizeof(info.cpu_model), "%.*s", (int)sizeof(node.model), node.model);
    info.memory_mib = node.memory / 1024;
    info.memory_free_mib = virNodeGetFreeMemory(conn->conn) >> 20;
    info.cpus = node.cpus;
    learn_kvm(conn, &info);
    *ret = info;
    return 0;
}

/* -- finding -- */

static int find(struct libvirt_conn *conn, const char *name, virDomainPtr *ret, struct error *reterr)
{
    *ret = virDomainLookupByName(conn->conn, name);
    return *ret != NULL ? 0 : libvirt_fail(conn, reterr, "looking for the domain");
}

static bool is_active(virDomainPtr domain)
{
    return virDomainIsActive(domain) == 1;
}

/* -- defining -- */

static int check_namesake(struct libvirt_conn *conn, const struct virt_domain_spec *spec, struct error *reterr)
{
    char ours[VIRT_UUID_SIZE], theirs[VIR_UUID_STRING_BUFLEN];
    virDomainPtr domain CLEANUP_DOMAIN = virDomainLookupByName(conn->conn, spec->name);
    if (domain == NULL)
        return libvirt_last() == VIR_ERR_NO_DOMAIN ? 0 : libvirt_fail(conn, reterr, "looking for the domain");
    virt_uuid_from_name(spec->name, ours);
    if (virDomainGetUUIDString(domain, theirs) < 0)
        return libvirt_fail(conn, reterr, "reading the domain's UUID");
    if (strcasecmp(theirs, spec->uuid != NULL ? spec->uuid : ours) != 0)
        return err_set(reterr, ERR_EXISTS, "the host has another domain named %s (%s)", spec->name, theirs);
    return 0;
}

static const char *domain_type(const struct libvirt_conn *conn, enum virt_accel accel)
{
    if (strcmp(conn->type, "TEST") == 0)
        return "test";
    return accel == VIRT_ACCEL_KVM ? "kvm" : "qemu";
}

/* A host where KVM does not work gets a code of its own, which libvirt only says in words. */
static int pass_on(const struct error *why, struct error *reterr)
{
    static const char *const words[] = {"virt type 'kvm'", "KVM kernel module", "failed to initialize KVM",
                                        "failed to initialize kvm", "KVM is not available"};
    int code = why->code;
    for (size_t i = 0; code == ERR_VIRT && i < ARRAY_LEN(words); i++)
        if (strstr(why->text, words[i]) != NULL)
            code = ERR_UNSUPPORTED;
    return err_set_lib(reterr, code, why->lib_code, "%s", why->text);
}

int libvirt_domain_define(struct virt *virt, const struct virt_domain_spec *spec, struct error *reterr)
{
    struct libvirt_conn *conn = (struct libvirt_conn *)virt;
    int rc = check_namesake(conn, spec, reterr);
    if (rc < 0)
        return rc;
    struct buf xml CLEANUP(buf_done);
    buf_init(&xml, DOMAIN_XML_MAX);
    struct domain_xml_host host = {domain_type(conn, spec->accel), conn->dac};
    rc = domain_xml_write(spec, &host, &xml);
    if (rc < 0)
        return err_set(reterr, rc, "the domain's definition does not fit %d bytes", DOMAIN_XML_MAX);
    virDomainPtr domain CLEANUP_DOMAIN = virDomainDefineXML(conn->conn, buf_str(&xml));
    if (domain != NULL)
        return 0;
    struct error why = {0};
    (void)libvirt_fail(conn, &why, "defining the domain");
    return pass_on(&why, reterr);
}

int libvirt_domain_undefine(struct virt *virt, const char *name, struct error *reterr)
{
    struct libvirt_conn *conn = (struct libvirt_conn *)virt;
    virDomainPtr domain CLEANUP_DOMAIN = NULL;
    int rc = find(conn, name, &domain, reterr);
    if (rc < 0)
        return rc == ERR_NOT_FOUND ? 0 : rc;
    if (virDomainIsPersistent(domain) == 0)
        return 0;
    unsigned flags = VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA |
                     VIR_DOMAIN_UNDEFINE_NVRAM | VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA;
    if (virDomainUndefineFlags(domain, flags) == 0 || libvirt_last() == VIR_ERR_NO_DOMAIN)
        return 0;
    /* Drivers without these things refuse the flags. */
    bool refused = libvirt_last() == VIR_ERR_INVALID_ARG || libvirt_last() == VIR_ERR_NO_SUPPORT;
    if (refused && virDomainUndefine(domain) == 0)
        return 0;
    return libvirt_fail(conn, reterr, "undefining the domain");
}

/* -- power -- */

int libvirt_domain_start(struct virt *virt, const char *name, struct error *reterr)
{
    struct libvirt_conn *conn = (struct libvirt_conn *)virt;
    virDomainPtr domain CLEANUP_DOMAIN = NULL;
    int rc = find(conn, name, &domain, reterr);
    if (rc < 0)
        return rc;
    if (virDomainCreate(domain) == 0)
        return 0;
    struct error why = {0};
    (void)libvirt_fail(conn, &why, "starting the domain");
    if (why.code == ERR_VIRT && is_active(domain))
        return 0; /* it was running, or another call was faster */
    return pass_on(&why, reterr);
}

int libvirt_domain_shutdown(struct virt *virt, const char *name, struct error *reterr)
{
    struct libvirt_conn *conn = (struct libvirt_conn *)virt;
    virDomainPtr domain CLEANUP_DOMAIN = NULL;
    int rc = find(conn, name, &domain, reterr);
    if (rc < 0)
        return rc;
    if (virDomainShutdown(domain) == 0)
        return 0;
    rc = libvirt_fail(conn, reterr, "shutting the domain down");
    return rc == ERR_VIRT && !is_active(domain) ? 0 : rc;
}

int libvirt_domain_destroy(struct virt *virt, const char *name, struct error *reterr)
{
    struct libvirt_conn *conn = (struct libvirt_conn *)virt;
    virDomainPtr domain CLEANUP_DOMAIN = NULL;
    int rc = find(conn, name, &domain, reterr);
    if (rc < 0)
        return rc == ERR_NOT_FOUND ? 0 : rc;
    if (virDomainDestroy(domain) == 0 || libvirt_last() == VIR_ERR_NO_DOMAIN)
        return 0;
    rc = libvirt_fail(conn, reterr, "powering the domain off");
    return rc == ERR_VIRT && virDomainIsActive(domain) == 0 ? 0 : rc;
}

/* -- states -- */

static enum virt_domain_state state_of(int state, int reason)
{
    switch (state) {
    case VIR_DOMAIN_RUNNING:
    case VIR_DOMAIN_BLOCKED:
    case VIR_DOMAIN_SHUTDOWN:
        return VIRT_DOMAIN_RUNNING;
    case VIR_DOMAIN_PAUSED:
    case VIR_DOMAIN_PMSUSPENDED:
        return VIRT_DOMAIN_PAUSED;
    case VIR_DOMAIN_SHUTOFF:
        return reason == VIR_DOMAIN_SHUTOFF_CRASHED ? VIRT_DOMAIN_CRASHED : VIRT_DOMAIN_STOPPED;
    case VIR_DOMAIN_CRASHED:
        return VIRT_DOMAIN_CRASHED;
    default:
        return VIRT_DOMAIN_UNKNOWN;
    }
}

int libvirt_domain_state(struct virt *virt, const char *name, enum virt_domain_state *ret, struct error *reterr)
{
    struct libvirt_conn *conn = (struct libvirt_conn *)virt;
    virDomainPtr domain CLEANUP_DOMAIN = NULL;
    int rc = find(conn, name, &domain, reterr);
    if (rc < 0)
        return rc;
    int state, reason;
    if (virDomainGetState(domain, &state, &reason, 0) < 0)
        return libvirt_fail(conn, reterr, "reading the domain's state");
    *ret = state_of(state, reason);
    return 0;
}

struct listing {
    struct virt_domain *domains;
    size_t count, cap;
};

#define LIST_MAX 1048576

static int add(struct listing *listing, const virDomainStatsRecord *record, const char *prefix, bool persistent)
{
    const char *name = virDomainGetName(record->dom);
    if (name == NULL || strncmp(name, prefix, strlen(prefix)) != 0)
        return 0;
    int rc = mem_grow(&listing->domains, &listing->cap, listing->count + 1, sizeof(*listing->domains), LIST_MAX);
    if (rc < 0)
        return rc;
    struct virt_domain *out = &listing->domains[listing->count];
    if (text_copy(out->name, sizeof(out->name), name) < 0 || virDomainGetUUIDString(record->dom, out->uuid) < 0)
        return 0; /* longer than any name of ours */
    int state = -1, reason = 0;
    (void)virTypedParamsGetInt(record->params, record->nparams, "state.state", &state);
    (void)virTypedParamsGetInt(record->params, record->nparams, "state.reason", &reason);
    out->state = state_of(state, reason);
    out->persistent = persistent;
    listing->count++;
    return 0;
}

/* One call for all states, and one that does not wait for domains whose QEMU hangs. */
static int add_all(struct libvirt_conn *conn, const char *prefix, bool persistent, struct listing *listing,
                   struct error *reterr)
{
    virDomainStatsRecordPtr *records = NULL;
    unsigned which =
        persistent ? VIR_CONNECT_GET_ALL_DOMAINS_STATS_PERSISTENT : VIR_CONNECT_GET_ALL_DOMAINS_STATS_TRANSIENT;
    unsigned nowait = strcmp(conn->type, "QEMU") == 0 ? VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT : 0;
    int count = virConnectGetAllDomainStats(conn->conn, VIR_DOMAIN_STATS_STATE, &records, which | nowait);
    if (count < 0)
        return libvirt_fail(conn, reterr, "listing the domains");
    int rc = 0;
    for (int i = 0; rc == 0 && i < count; i++)
        rc = add(listing, records[i], prefix, persistent);
    virDomainStatsRecordListFree(records);
    return rc < 0 ? err_set(reterr, rc, "there are too many domains to list") : 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct virt_domain *)a)->name, ((const struct virt_domain *)b)->name);
}

int libvirt_domain_list(struct virt *virt, const char *prefix, struct virt_domain **ret, size_t *ret_count,
                        struct error *reterr)
{
    struct libvirt_conn *conn = (struct libvirt_conn *)virt;
    struct listing listing = {.count = 0};
    int rc = add_all(conn, prefix, true, &listing, reterr);
    if (rc == 0)
        rc = add_all(conn, prefix, false, &listing, reterr);
    if (rc < 0) {
        free(listing.domains);
        return rc;
    }
    if (listing.count > 1)
        qsort(listing.domains, listing.count, sizeof(*listing.domains), by_name);
    *ret = listing.domains;
    *ret_count = listing.count;
    return 0;
}
