/* The libvirt XML of a desktop's machine. Pure; any thread. Every text is escaped. */
#ifndef CARREL_VIRT_DOMAIN_XML_H
#define CARREL_VIRT_DOMAIN_XML_H

#include "lib/base/buf.h"
#include "lib/virt/virt.h"

#define DOMAIN_XML_MAX 65536

struct domain_xml_host {
    const char *type; /* libvirt's domain type: "kvm", "qemu", "test" */
    bool dac;         /* the host manages file owners; see docs/decisions/0030 */
};

/* Append the definition to `out`. spec as checked by virt_domain_define. Errors: ERR_TOO_BIG, ERR_NOMEM. */
int domain_xml_write(const struct virt_domain_spec *spec, const struct domain_xml_host *host, struct buf *out);

#endif
