#include "lib/virt/network_xml.h"

#include "lib/base/text.h"
#include "lib/virt/name.h"
#include "lib/virt/xml.h"

#include <libxml/parser.h>
#include <libxml/tree.h>
#include <stdio.h>
#include <string.h>

#define HOSTS_MAX 1048576

static void netmask(uint32_t prefix_length, char ret[VIRT_ADDRESS_SIZE])
{
    name_format_ipv4(~(UINT32_MAX >> prefix_length), ret);
}

/* Names and addresses were checked: none can hold markup. */
int network_xml_write(const struct virt_network_spec *spec, struct buf *out)
{
    char mask[VIRT_ADDRESS_SIZE];
    netmask(spec->prefix_length, mask);
    int rc =
        buf_printf(out, "<network xmlns:dnsmasq='http://libvirt.org/schemas/network/dnsmasq/1.0'>\n<name>%s</name>%s\n",
                   spec->name, spec->nat ? "<forward mode='nat'/>" : "");
    if (rc == 0 && spec->bridge != NULL)
        rc = buf_printf(out, "<bridge name='%s' stp='off' delay='0'/>\n", spec->bridge);
    else if (rc == 0)
        rc = buf_append_str(out, "<bridge stp='off' delay='0'/>\n");
    if (rc == 0)
        rc = buf_printf(out,
                        "<ip address='%s' netmask='%s'><dhcp><range start='%s' end='%s'>"
                        "<lease expiry='2' unit='minutes'/></range></dhcp></ip>\n"
                        "<dnsmasq:options><dnsmasq:option value='no-ping'/></dnsmasq:options>\n</network>\n",
                        spec->address, mask, spec->range_first, spec->range_last);
    return rc;
}

int network_xml_write_host(const char *mac, const char *name, uint32_t address, struct buf *out)
{
    char text[VIRT_ADDRESS_SIZE];
    name_format_ipv4(address, text);
    int rc = buf_append_str(out, "<host");
    if (rc == 0 && mac[0] != '\0')
        rc = buf_printf(out, " mac='%s'", mac);
    if (rc == 0 && name[0] != '\0') {
        rc = buf_append_str(out, " name='");
        if (rc == 0)
            rc = xml_escape(out, name);
        if (rc == 0)
            rc = buf_append_str(out, "'");
    }
    if (rc == 0 && address != 0)
        rc = buf_printf(out, " ip='%s'", text);
    return rc == 0 ? buf_append_str(out, "/>") : rc;
}

static bool is_element(const xmlNode *node, const char *name)
{
    return node->type == XML_ELEMENT_NODE && strcmp((const char *)node->name, name) == 0;
}

/* The attribute's text when it fits; false else. */
static bool attribute(const xmlNode *node, const char *name, char *ret, size_t size)
{
    xmlChar *value = xmlGetNoNsProp(node, (const xmlChar *)name);
    bool fits = value != NULL && text_copy(ret, size, (const char *)value) == 0;
    xmlFree(value);
    return fits;
}

static uint32_t address_of(const xmlNode *node, const char *name)
{
    char text[VIRT_ADDRESS_SIZE];
    uint32_t address = 0;
    if (!attribute(node, name, text, sizeof(text)) || !name_parse_ipv4(text, &address))
        return 0;
    return address;
}

static int read_host(const xmlNode *node, struct network_xml *network)
{
    struct network_xml_host host = {.address = address_of(node, "ip")};
    if (!attribute(node, "mac", host.mac, sizeof(host.mac)) || !name_is_mac(host.mac))
        host.mac[0] = '\0';
    if (!attribute(node, "name", host.name, sizeof(host.name)))
        host.name[0] = '\0';
    int rc = mem_grow(&network->hosts, &network->host_cap, network->host_count + 1, sizeof(host), HOSTS_MAX);
    if (rc == 0)
        network->hosts[network->host_count++] = host;
    return rc;
}

static int read_dhcp(const xmlNode *dhcp, struct network_xml *network)
{
    int rc = 0;
    for (const xmlNode *node = dhcp->children; rc == 0 && node != NULL; node = node->next) {
        if (is_element(node, "range") && network->first == 0) {
            network->first = address_of(node, "start");
            network->last = address_of(node, "end");
        } else if (is_element(node, "host"))
            rc = read_host(node, network);
    }
    return rc;
}

static int read_network(const xmlNode *root, struct network_xml *network)
{
    int rc = 0;
    for (const xmlNode *ip = root->children; rc == 0 && ip != NULL; ip = ip->next) {
        if (!is_element(ip, "ip") || network->address != 0)
            continue;
        network->address = address_of(ip, "address");
        for (const xmlNode *node = ip->children; rc == 0 && node != NULL; node = node->next)
            if (is_element(node, "dhcp"))
                rc = read_dhcp(node, network);
    }
    return rc;
}

int network_xml_read(const char *text, size_t len, struct network_xml *ret, struct error *reterr)
{
    if (len > NETWORK_XML_MAX)
        return err_set(reterr, ERR_TOO_BIG, "the network's definition has more than %d bytes", NETWORK_XML_MAX);
    xmlDoc *doc = xmlReadMemory(text, (int)len, NULL, NULL, XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    xmlNode *root = doc != NULL ? xmlDocGetRootElement(doc) : NULL;
    struct network_xml network = {0};
    int rc = root == NULL || !is_element(root, "network")
                 ? err_set(reterr, ERR_PROTOCOL, "the host's definition of the network cannot be read")
                 : read_network(root, &network);
    xmlFreeDoc(doc);
    if (rc < 0) {
        network_xml_done(&network);
        return rc;
    }
    *ret = network;
    return 0;
}

void network_xml_done(struct network_xml *network)
{
    free(network->hosts);
    *network = (struct network_xml){0};
}
