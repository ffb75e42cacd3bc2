#include "lib/virt/virt.h"

#include "lib/base/id.h"
#include "lib/virt/driver.h"
#include "lib/virt/name.h"

#include <stdio.h>
#include <string.h>

int virt_open(const char *uri, virt_event_fn *on_event, void *arg, struct virt **ret, struct error *reterr)
{
    if (uri == NULL || uri[0] == '\0' || strlen(uri) > 1023)
        return err_set(reterr, ERR_INVALID, "a host needs a URI of at most 1023 characters");
    if (strncmp(uri, "fake:", 5) == 0)
        return fake_open(uri, on_event, arg, ret, reterr);
    return libvirt_open(uri, on_event, arg, ret, reterr);
}

void virt_close(struct virt *virt)
{
    if (virt != NULL)
        virt->ops->close(virt);
}

bool virt_alive(struct virt *virt)
{
    return virt->ops->alive(virt);
}

int virt_host_info(struct virt *virt, struct virt_host_info *ret, struct error *reterr)
{
    return virt->ops->host_info(virt, ret, reterr);
}

static int check_image(const struct virt_image *image, const char *what, struct error *reterr)
{
    if (!name_is_path(image->path))
        return err_set(reterr, ERR_INVALID, "the %s needs an absolute path", what);
    if (image->format == NULL || (strcmp(image->format, "qcow2") != 0 && strcmp(image->format, "raw") != 0))
        return err_set(reterr, ERR_INVALID, "the %s's format must be named: qcow2 or raw", what);
    return 0;
}

static int check_files(const struct virt_domain_spec *spec, struct error *reterr)
{
    if (spec->backing_count > VIRT_CHAIN_MAX)
        return err_set(reterr, ERR_INVALID, "the disk has more than %d backing files", VIRT_CHAIN_MAX);
    int rc = check_image(&spec->disk, "disk", reterr);
    for (size_t i = 0; rc == 0 && i < spec->backing_count; i++)
        rc = check_image(&spec->backing[i], "backing file", reterr);
    if (rc < 0)
        return rc;
    if ((spec->kernel != NULL && !name_is_path(spec->kernel)) || (spec->initrd != NULL && !name_is_path(spec->initrd)))
        return err_set(reterr, ERR_INVALID, "kernel and initrd need absolute paths");
    if (spec->kernel == NULL && (spec->initrd != NULL || spec->cmdline != NULL))
        return err_set(reterr, ERR_INVALID, "an initrd or a command line needs a kernel");
    if (spec->serial_log != NULL && !name_is_path(spec->serial_log))
        return err_set(reterr, ERR_INVALID, "the serial log needs an absolute path");
    return 0;
}

static int check_spec(const struct virt_domain_spec *spec, struct error *reterr)
{
    if (!name_is_domain(spec->name))
        return err_set(reterr, ERR_INVALID, "not a usable domain name");
    if (spec->uuid != NULL && !name_is_uuid(spec->uuid))
        return err_set(reterr, ERR_INVALID, "not a UUID");
    if (spec->memory_mib < 16 || spec->memory_mib > 16u * 1024 * 1024)
        return err_set(reterr, ERR_INVALID, "memory must be 16 MiB to 16 TiB");
    if (spec->vcpus < 1 || spec->vcpus > 512)
        return err_set(reterr, ERR_INVALID, "there must be 1 to 512 virtual CPUs");
    if (spec->network != NULL && !name_is_domain(spec->network))
        return err_set(reterr, ERR_INVALID, "not a usable network name");
    if (spec->mac != NULL && !name_is_mac(spec->mac))
        return err_set(reterr, ERR_INVALID, "not a MAC address of one card (six hexadecimal pairs, unicast)");
    return check_files(spec, reterr);
}

int virt_domain_define(struct virt *virt, const struct virt_domain_spec *spec, struct error *reterr)
{
    int rc = check_spec(spec, reterr);
    return rc < 0 ? rc : virt->ops->domain_define(virt, spec, reterr);
}

static int check_domain(const char *name, struct error *reterr)
{
    return name_is_domain(name) ? 0 : err_set(reterr, ERR_INVALID, "not a usable domain name");
}

int virt_domain_start(struct virt *virt, const char *name, struct error *reterr)
{
    int rc = check_domain(name, reterr);
    return rc < 0 ? rc : virt->ops->domain_start(virt, name, reterr);
}

int virt_domain_shutdown(struct virt *virt, const char *name, struct error *reterr)
{
    int rc = check_domain(name, reterr);
    return rc < 0 ? rc : virt->ops->domain_shutdown(virt, name, reterr);
}

int virt_domain_destroy(struct virt *virt, const char *name, struct error *reterr)
{
    int rc = check_domain(name, reterr);
    return rc < 0 ? rc : virt->ops->domain_destroy(virt, name, reterr);
}

int virt_domain_undefine(struct virt *virt, const char *name, struct error *reterr)
{
    int rc = check_domain(name, reterr);
    return rc < 0 ? rc : virt->ops->domain_undefine(virt, name, reterr);
}

int virt_domain_state(struct virt *virt, const char *name, enum virt_domain_state *ret, struct error *reterr)
{
    int rc = check_domain(name, reterr);
    return rc < 0 ? rc : virt->ops->domain_state(virt, name, ret, reterr);
}

int virt_domain_list(struct virt *virt, const char *prefix, struct virt_domain **ret, size_t *ret_count,
                     struct error *reterr)
{
    return virt->ops->domain_list(virt, prefix != NULL ? prefix : "", ret, ret_count, reterr);
}

static int check_network(const char *network, struct error *reterr)
{
    return name_is_domain(network) ? 0 : err_set(reterr, ERR_INVALID, "not a usable network name");
}

int virt_network_ensure(struct virt *virt, const struct virt_network_spec *spec, struct error *reterr)
{
    uint32_t address, first, last;
    int rc = check_network(spec->name, reterr);
    if (rc < 0)
        return rc;
    if (spec->bridge != NULL && !name_is_interface(spec->bridge))
        return err_set(reterr, ERR_INVALID, "not a usable bridge name (at most 15 characters)");
    if (spec->prefix_length < 8 || spec->prefix_length > 30)
        return err_set(reterr, ERR_INVALID, "the prefix length must be 8 to 30");
    if (!name_parse_ipv4(spec->address, &address) || !name_parse_ipv4(spec->range_first, &first) ||
        !name_parse_ipv4(spec->range_last, &last))
        return err_set(reterr, ERR_INVALID, "the network needs an IPv4 address and a range of such");
    uint32_t mask = ~(UINT32_MAX >> spec->prefix_length);
    if ((first & mask) != (address & mask) || (last & mask) != (address & mask) || first > last ||
        (address >= first && address <= last))
        return err_set(reterr, ERR_INVALID, "the DHCP range must lie in the network, beside the host's own address");
    return virt->ops->network_ensure(virt, spec, reterr);
}

int virt_network_remove(struct virt *virt, const char *network, struct error *reterr)
{
    int rc = check_network(network, reterr);
    return rc < 0 ? rc : virt->ops->network_remove(virt, network, reterr);
}

int virt_net_reserve(struct virt *virt, const char *network, const char *mac, const char *hostname,
                     char ret_address[VIRT_ADDRESS_SIZE], struct error *reterr)
{
    int rc = check_network(network, reterr);
    if (rc < 0)
        return rc;
    if (!name_is_mac(mac))
        return err_set(reterr, ERR_INVALID, "not a MAC address of one card (six hexadecimal pairs, unicast)");
    if (!name_is_hostname(hostname))
        return err_set(reterr, ERR_INVALID, "not a host name (letters, digits and inner hyphens, at most 63)");
    return virt->ops->net_reserve(virt, network, mac, hostname, ret_address, reterr);
}

int virt_net_release(struct virt *virt, const char *network, const char *mac, struct error *reterr)
{
    int rc = check_network(network, reterr);
    if (rc < 0)
        return rc;
    if (!name_is_mac(mac))
        return err_set(reterr, ERR_INVALID, "not a MAC address of one card (six hexadecimal pairs, unicast)");
    return virt->ops->net_release(virt, network, mac, reterr);
}

int virt_channel_open(struct virt *virt, const char *domain, const char *channel,
                      const struct virt_channel_handlers *handlers, void *arg, struct virt_channel **ret,
                      struct error *reterr)
{
    int rc = check_domain(domain, reterr);
    if (rc < 0)
        return rc;
    if (channel == NULL || channel[0] == '\0' || strlen(channel) >= VIRT_NAME_SIZE)
        return err_set(reterr, ERR_INVALID, "not a usable channel name");
    return virt->ops->channel_open(virt, domain, channel, handlers, arg, ret, reterr);
}

int virt_channel_send(struct virt_channel *channel, const void *data, size_t len, struct error *reterr)
{
    if (len > VIRT_CHANNEL_QUEUE_MAX)
        return err_set(reterr, ERR_TOO_BIG, "%zu bytes are more than a channel takes", len);
    return channel->ops->channel_send(channel, data, len, reterr);
}

void virt_channel_close(struct virt_channel *channel)
{
    if (channel != NULL)
        channel->ops->channel_close(channel);
}

const char *virt_event_name(enum virt_event_kind kind)
{
    static const char *const names[] = {
        [VIRT_EVENT_STARTED] = "started",       [VIRT_EVENT_STOPPED] = "stopped",
        [VIRT_EVENT_CRASHED] = "crashed",       [VIRT_EVENT_PAUSED] = "paused",
        [VIRT_EVENT_RESUMED] = "resumed",       [VIRT_EVENT_DEFINED] = "defined",
        [VIRT_EVENT_UNDEFINED] = "undefined",   [VIRT_EVENT_AGENT_UP] = "agent-up",
        [VIRT_EVENT_AGENT_DOWN] = "agent-down", [VIRT_EVENT_LOST] = "lost",
    };
    return (size_t)kind < ARRAY_LEN(names) ? names[kind] : "?";
}

const char *virt_domain_state_name(enum virt_domain_state state)
{
    static const char *const names[] = {
        [VIRT_DOMAIN_STOPPED] = "stopped", [VIRT_DOMAIN_RUNNING] = "running", [VIRT_DOMAIN_PAUSED] = "paused",
        [VIRT_DOMAIN_CRASHED] = "crashed", [VIRT_DOMAIN_UNKNOWN] = "unknown",
    };
    return (size_t)state < ARRAY_LEN(names) ? names[state] : "?";
}

void virt_mac_from_name(const char *name, char ret[VIRT_MAC_SIZE])
{
    char hex[ID_HASH_SIZE];
    id_hash(name, strlen(name), hex);
    snprintf(ret, VIRT_MAC_SIZE, "52:%.2s:%.2s:%.2s:%.2s:%.2s", hex, hex + 2, hex + 4, hex + 6, hex + 8);
}

void virt_uuid_from_name(const char *name, char ret[VIRT_UUID_SIZE])
{
    static const char variant[] = "89ab";
    char hex[ID_HASH_SIZE];
    id_hash(name, strlen(name), hex);
    unsigned top = (unsigned)(hex[16] <= '9' ? hex[16] - '0' : hex[16] - 'a' + 10);
    snprintf(ret, VIRT_UUID_SIZE, "%.8s-%.4s-8%.3s-%c%.3s-%.12s", hex, hex + 8, hex + 13, variant[top & 3], hex + 17,
             hex + 20);
}
