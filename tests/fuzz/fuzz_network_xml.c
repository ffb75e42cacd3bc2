/* Definitions of networks, as a host tells them. */
/* fuzz also: lib/virt/network_xml.c lib/virt/name.c lib/virt/xml.c -I/usr/include/libxml2 -lxml2 */
#include "lib/virt/network_xml.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct network_xml network = {0};
    if (network_xml_read((const char *)data, size, &network, NULL) < 0)
        return 0;
    /* What was read can be asked for again. */
    for (size_t i = 0; i < network.host_count; i++) {
        struct buf out;
        buf_init(&out, 4096);
        if (network_xml_write_host(network.hosts[i].mac, network.hosts[i].name, network.hosts[i].address, &out) < 0)
            abort();
        buf_done(&out);
    }
    network_xml_done(&network);
    return 0;
}
