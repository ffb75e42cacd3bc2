/* Networks of simulated hosts; see fake_host.h. */
#include "lib/virt/fake_host.h"
#include "lib/virt/name.h"
#include "lib/virt/range.h"

#include <stdio.h>
#include <string.h>

#define LEASES_MAX 65536

static struct fake_net *find_net(struct fake_host *host, const char *name)
{
    for (struct fake_net *net = host->nets; net != NULL; net = net->next)
        if (strcmp(net->name, name) == 0)
            return net;
    return NULL;
}

static struct fake_net *make_net(struct fake_host *host, const char *name)
{
    struct fake_net *net = MEM_NEW(struct fake_net);
    if (net == NULL)
        return NULL;
    snprintf(net->name, sizeof(net->name), "%s", name);
    net->address = 0x7f000001u | ((64 + (host->index & 127)) << 16);
    net->first = net->address + 9;
    net->last = net->address + 0xfff9;
    net->next = host->nets;
    host->nets = net;
    return net;
}

static struct fake_lease *find_lease(struct fake_net *net, const char *mac)
{
    for (size_t i = 0; net != NULL && i < net->lease_count; i++)
        if (strcasecmp(net->leases[i].mac, mac) == 0)
            return &net->leases[i];
    return NULL;
}

uint32_t fake_net_address(struct fake_host *host, const char *network, const char *mac)
{
    const struct fake_lease *lease = find_lease(find_net(host, network), mac);
    return lease != NULL ? lease->address : 0;
}

const char *fake_net_hostname(struct fake_host *host, const char *network, const char *mac)
{
    const struct fake_lease *lease = find_lease(find_net(host, network), mac);
    return lease != NULL ? lease->hostname : NULL;
}

static int ensure(struct fake_host *host, const struct virt_network_spec *spec, struct error *reterr)
{
    uint32_t address;
    name_parse_ipv4(spec->address, &address);
    struct fake_net *net = find_net(host, spec->name);
    if (net != NULL && net->address != address)
        return err_set(reterr, ERR_CONFLICT, "network %s has another address", spec->name);
    if (net == NULL)
        net = make_net(host, spec->name);
    if (net == NULL)
        return err_set(reterr, ERR_NOMEM, "no memory for a network");
    net->address = address;
    name_parse_ipv4(spec->range_first, &net->first);
    name_parse_ipv4(spec->range_last, &net->last);
    return 0;
}

int fake_network_ensure(struct virt *virt, const struct virt_network_spec *spec, struct error *reterr)
{
    struct fake_conn *conn = (struct fake_conn *)virt;
    int rc = fake_enter(conn, FAKE_NET, reterr);
    return rc < 0 ? rc : fake_leave(conn, FAKE_NET, ensure(conn->host, spec, reterr), reterr);
}

int fake_network_remove(struct virt *virt, const char *network, struct error *reterr)
{
    struct fake_conn *conn = (struct fake_conn *)virt;
    int rc = fake_enter(conn, FAKE_NET, reterr);
    if (rc < 0)
        return rc;
    for (struct fake_net **at = &conn->host->nets; *at != NULL; at = &(*at)->next) {
        struct fake_net *net = *at;
        if (strcmp(net->name, network) != 0)
            continue;
        *at = net->next;
        free(net->leases);
        free(net);
        break;
    }
    return fake_leave(conn, FAKE_NET, 0, reterr);
}

static int pick(struct fake_net *net, uint32_t *ret)
{
    struct range used = {0};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < net->lease_count; i++)
        rc = range_use(&used, net->leases[i].address);
    if (rc == 0)
        rc = range_pick(&used, net->first, net->last, ret);
    range_done(&used);
    return rc;
}

static int reserve(struct fake_host *host, const char *network, const char *mac, const char *hostname,
                   char ret_address[VIRT_ADDRESS_SIZE], struct error *reterr)
{
    struct fake_net *net = find_net(host, network);
    if (net == NULL)
        net = make_net(host, network);
    if (net == NULL)
        return err_set(reterr, ERR_NOMEM, "no memory for a network");
    struct fake_lease *lease = find_lease(net, mac);
    if (lease == NULL) {
        uint32_t address = 0;
        int rc = pick(net, &address);
        if (rc == 0)
            rc = mem_grow(&net->leases, &net->lease_cap, net->lease_count + 1, sizeof(*net->leases), LEASES_MAX);
        if (rc < 0)
            return err_set(reterr, rc, "network %s has no free address", network);
        lease = &net->leases[net->lease_count++];
        *lease = (struct fake_lease){.address = address};
        snprintf(lease->mac, sizeof(lease->mac), "%s", mac);
    }
    snprintf(lease->hostname, sizeof(lease->hostname), "%s", hostname);
    name_format_ipv4(lease->address, ret_address);
    return 0;
}

int fake_net_reserve(struct virt *virt, const char *network, const char *mac, const char *hostname,
                     char ret_address[VIRT_ADDRESS_SIZE], struct error *reterr)
{
    struct fake_conn *conn = (struct fake_conn *)virt;
    int rc = fake_enter(conn, FAKE_RESERVE, reterr);
    if (rc < 0)
        return rc;
    return fake_leave(conn, FAKE_RESERVE, reserve(conn->host, network, mac, hostname, ret_address, reterr), reterr);
}

int fake_net_release(struct virt *virt, const char *network, const char *mac, struct error *reterr)
{
    struct fake_conn *conn = (struct fake_conn *)virt;
    int rc = fake_enter(conn, FAKE_RELEASE, reterr);
    if (rc < 0)
        return rc;
    struct fake_net *net = find_net(conn->host, network);
    struct fake_lease *lease = find_lease(net, mac);
    if (lease != NULL)
        *lease = net->leases[--net->lease_count];
    return fake_leave(conn, FAKE_RELEASE, 0, reterr);
}
