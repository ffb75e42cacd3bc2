/* The libvirt XML of networks: written, and read back. Pure; any thread.
 *
 * What is read comes from a host and is bounded: documents of at most NETWORK_XML_MAX bytes, no external entities. */
#ifndef CARREL_VIRT_NETWORK_XML_H
#define CARREL_VIRT_NETWORK_XML_H

#include "lib/base/buf.h"
#include "lib/virt/virt.h"

#define NETWORK_XML_MAX 16777216

struct network_xml_host {
    char mac[VIRT_MAC_SIZE];
    char name[64];
    uint32_t address; /* 0 = none */
};

/* The first IPv4 address block of a network. Zero-initialise; free with network_xml_done. */
struct network_xml {
    uint32_t address;               /* of the host on it; 0 = none */
    uint32_t first, last;           /* of its first DHCP range; 0 = none */
    struct network_xml_host *hosts; /* reservations */
    size_t host_count, host_cap;
};

/* A definition. spec as checked by virt_network_ensure. Leases run for two minutes, since dnsmasq keeps a reserved
 * address back while an older lease of another card still runs; it does not ping before it offers one, which costs
 * three seconds a boot. Errors: ERR_TOO_BIG, ERR_NOMEM. */
int network_xml_write(const struct virt_network_spec *spec, struct buf *out);
/* One reservation, as virNetworkUpdate takes it; "" and 0 are left out. */
int network_xml_write_host(const char *mac, const char *name, uint32_t address, struct buf *out);

/* Errors: ERR_PROTOCOL (not XML of a network), ERR_TOO_BIG, ERR_NOMEM. Entries it cannot use are passed over. */
int network_xml_read(const char *text, size_t len, struct network_xml *ret, struct error *reterr);
void network_xml_done(struct network_xml *network);

#endif
