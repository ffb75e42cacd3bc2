/* Hosts through libvirt: networks and their reservations; contracts in virt.h. */
#include "lib/base/text.h"
#include "lib/virt/libvirt_conn.h"
#include "lib/virt/name.h"
#include "lib/virt/network_xml.h"
#include "lib/virt/range.h"

#include <stdio.h>
#include <string.h>

static int find(struct libvirt_conn *conn, const char *name, virNetworkPtr *ret, struct error *reterr)
{
    *ret = virNetworkLookupByName(conn->conn, name);
    return *ret != NULL ? 0 : libvirt_fail(conn, reterr, "looking for the network");
}

/* What the network is now; when it does not run, what it will be. */
static int read_network(struct libvirt_conn *conn, virNetworkPtr network, struct network_xml *ret, struct error *reterr)
{
    char *text CLEANUP_FREE = virNetworkGetXMLDesc(network, 0);
    if (text == NULL)
        return libvirt_fail(conn, reterr, "reading the network's definition");
    return network_xml_read(text, strlen(text), ret, reterr);
}

/* -- making and removing -- */

static int check_same(struct libvirt_conn *conn, virNetworkPtr network, const struct virt_network_spec *spec,
                      struct error *reterr)
{
    struct network_xml found CLEANUP(network_xml_done) = {0};
    uint32_t address = 0;
    int rc = read_network(conn, network, &found, reterr);
    if (rc < 0)
        return rc;
    (void)name_parse_ipv4(spec->address, &address);
    if (found.address == address)
        return 0;
    return err_set(reterr, ERR_CONFLICT, "the host has a network %s with another address than %s", spec->name,
                   spec->address);
}

static int define(struct libvirt_conn *conn, const struct virt_network_spec *spec, virNetworkPtr *ret,
                  struct error *reterr)
{
    struct buf xml CLEANUP(buf_done);
    buf_init(&xml, 65536);
    int rc = network_xml_write(spec, &xml);
    if (rc < 0)
        return err_set(reterr, rc, "the network's definition is too long");
    *ret = virNetworkDefineXML(conn->conn, buf_str(&xml));
    return *ret != NULL ? 0 : libvirt_fail(conn, reterr, "defining the network");
}

int libvirt_network_ensure(struct virt *virt, const struct virt_network_spec *spec, struct error *reterr)
{
    struct libvirt_conn *conn = (struct libvirt_conn *)virt;
    virNetworkPtr network CLEANUP_NETWORK = NULL;
    int rc = find(conn, spec->name, &network, reterr);
    if (rc == ERR_NOT_FOUND)
        rc = define(conn, spec, &network, reterr);
    else if (rc == 0)
        rc = check_same(conn, network, spec, reterr);
    if (rc < 0)
        return rc;
    if (virNetworkIsActive(network) != 1 && virNetworkCreate(network) < 0) {
        rc = libvirt_fail(conn, reterr, "starting the network");
        if (virNetworkIsActive(network) != 1)
            return rc;
    }
    if (virNetworkSetAutostart(network, 1) < 0)
        return libvirt_fail(conn, reterr, "letting the network start with the host");
    return 0;
}

int libvirt_network_remove(struct virt *virt, const char *name, struct error *reterr)
{
    struct libvirt_conn *conn = (struct libvirt_conn *)virt;
    virNetworkPtr network CLEANUP_NETWORK = NULL;
    int rc = find(conn, name, &network, reterr);
    if (rc < 0)
        return rc == ERR_NOT_FOUND ? 0 : rc;
    if (virNetworkIsActive(network) == 1 && virNetworkDestroy(network) < 0)
        return libvirt_fail(conn, reterr, "stopping the network");
    if (virNetworkUndefine(network) < 0 && libvirt_last() != VIR_ERR_NO_NETWORK)
        return libvirt_fail(conn, reterr, "undefining the network");
    return 0;
}

/* -- reservations -- */

static int update(struct libvirt_conn *conn, virNetworkPtr network, unsigned command,
                  const struct network_xml_host *host, struct error *reterr)
{
    struct buf xml CLEANUP(buf_done);
    buf_init(&xml, 1024);
    int rc = network_xml_write_host(host->mac, host->name, host->address, &xml);
    if (rc < 0)
        return err_set(reterr, rc, "the reservation is too long");
    unsigned flags = VIR_NETWORK_UPDATE_AFFECT_CONFIG;
    if (virNetworkIsActive(network) == 1)
        flags |= VIR_NETWORK_UPDATE_AFFECT_LIVE;
    if (virNetworkUpdate(network, command, VIR_NETWORK_SECTION_IP_DHCP_HOST, -1, buf_str(&xml), flags) < 0)
        return libvirt_fail(conn, reterr, "changing the network's reservations");
    return 0;
}

static const struct network_xml_host *find_mac(const struct network_xml *network, const char *mac)
{
    for (size_t i = 0; i < network->host_count; i++)
        if (strcasecmp(network->hosts[i].mac, mac) == 0)
            return &network->hosts[i];
    return NULL;
}

/* Drivers that know no leases have none. */
static int use_leases(virNetworkPtr network, const char *mac, struct range *used)
{
    virNetworkDHCPLeasePtr *leases = NULL;
    int rc = 0, count = virNetworkGetDHCPLeases(network, NULL, &leases, 0);
    for (int i = 0; i < count; i++) {
        uint32_t address;
        bool other = leases[i]->mac == NULL || strcasecmp(leases[i]->mac, mac) != 0;
        if (rc == 0 && other && name_parse_ipv4(leases[i]->ipaddr, &address))
            rc = range_use(used, address);
        virNetworkDHCPLeaseFree(leases[i]);
    }
    free(leases);
    return rc;
}

static int pick(const struct network_xml *found, virNetworkPtr network, const char *mac, uint32_t *ret,
                struct error *reterr)
{
    struct range used CLEANUP(range_done) = {0};
    if (found->first == 0 || found->last < found->first)
        return err_set(reterr, ERR_NO_SPACE, "the network has no DHCP range");
    int rc = range_use(&used, found->address);
    for (size_t i = 0; rc == 0 && i < found->host_count; i++)
        rc = range_use(&used, found->hosts[i].address);
    if (rc == 0)
        rc = use_leases(network, mac, &used);
    if (rc == 0)
        rc = range_pick(&used, found->first, found->last, ret);
    return rc < 0 ? err_set(reterr, rc, "the network's DHCP range is used up") : 0;
}

/* libvirt refuses a second entry of one name: an older card of that name has lost it. */
static int drop_namesakes(struct libvirt_conn *conn, virNetworkPtr network, const struct network_xml *found,
                          const struct network_xml_host *wanted, struct error *reterr)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < found->host_count; i++)
        if (strcasecmp(found->hosts[i].name, wanted->name) == 0 && strcasecmp(found->hosts[i].mac, wanted->mac) != 0)
            rc = update(conn, network, VIR_NETWORK_UPDATE_COMMAND_DELETE, &found->hosts[i], reterr);
    return rc;
}

static int reserve(struct libvirt_conn *conn, virNetworkPtr network, struct network_xml_host *wanted,
                   struct error *reterr)
{
    struct network_xml found CLEANUP(network_xml_done) = {0};
    int rc = read_network(conn, network, &found, reterr);
    if (rc < 0)
        return rc;
    const struct network_xml_host *ours = find_mac(&found, wanted->mac);
    if (ours != NULL && ours->address != 0) {
        wanted->address = ours->address;
        if (strcasecmp(ours->name, wanted->name) == 0)
            return 0;
        rc = drop_namesakes(conn, network, &found, wanted, reterr);
        return rc < 0 ? rc : update(conn, network, VIR_NETWORK_UPDATE_COMMAND_MODIFY, wanted, reterr);
    }
    rc = drop_namesakes(conn, network, &found, wanted, reterr);
    if (rc == 0 && ours != NULL)
        rc = update(conn, network, VIR_NETWORK_UPDATE_COMMAND_DELETE, ours, reterr);
    if (rc == 0)
        rc = pick(&found, network, wanted->mac, &wanted->address, reterr);
    return rc < 0 ? rc : update(conn, network, VIR_NETWORK_UPDATE_COMMAND_ADD_LAST, wanted, reterr);
}

int libvirt_net_reserve(struct virt *virt, const char *name, const char *mac, const char *hostname,
                        char ret_address[VIRT_ADDRESS_SIZE], struct error *reterr)
{
    struct libvirt_conn *conn = (struct libvirt_conn *)virt;
    virNetworkPtr network CLEANUP_NETWORK = NULL;
    struct network_xml_host wanted = {.address = 0};
    text_copy(wanted.mac, sizeof(wanted.mac), mac);
    text_copy(wanted.name, sizeof(wanted.name), hostname);
    text_lower(wanted.mac);
    pthread_mutex_lock(&conn->net_lock);
    int rc = find(conn, name, &network, reterr);
    if (rc == 0)
        rc = reserve(conn, network, &wanted, reterr);
    pthread_mutex_unlock(&conn->net_lock);
    if (rc == 0)
        name_format_ipv4(wanted.address, ret_address);
    return rc;
}

static int release(struct libvirt_conn *conn, virNetworkPtr network, const char *mac, struct error *reterr)
{
    struct network_xml found CLEANUP(network_xml_done) = {0};
    int rc = read_network(conn, network, &found, reterr);
    if (rc < 0)
        return rc;
    const struct network_xml_host *ours = find_mac(&found, mac);
    return ours != NULL ? update(conn, network, VIR_NETWORK_UPDATE_COMMAND_DELETE, ours, reterr) : 0;
}

int libvirt_net_release(struct virt *virt, const char *name, const char *mac, struct error *reterr)
{
    struct libvirt_conn *conn = (struct libvirt_conn *)virt;
    virNetworkPtr network CLEANUP_NETWORK = NULL;
    pthread_mutex_lock(&conn->net_lock);
    int rc = find(conn, name, &network, reterr);
    if (rc == 0)
        rc = release(conn, network, mac, reterr);
    pthread_mutex_unlock(&conn->net_lock);
    return rc == ERR_NOT_FOUND ? 0 : rc;
}
