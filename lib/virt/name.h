/* Checks of names and addresses that reach a hypervisor. Pure; any thread. All accept NULL and then say no. */
#ifndef CARREL_VIRT_NAME_H
#define CARREL_VIRT_NAME_H

#include "lib/virt/virt.h"

/* 1 to VIRT_NAME_SIZE - 1 of letters, digits, '.', '_', '-', '+', not beginning with '.' or '-'. */
bool name_is_domain(const char *s);
/* RFC 1123 label: letters, digits, inner hyphens, at most 63. */
bool name_is_hostname(const char *s);
/* Linux interface name, at most 15 of the characters of a domain name. */
bool name_is_interface(const char *s);
/* Absolute, printable UTF-8, shorter than PATH_MAX, without "..", "//" or a comma (which QEMU's option syntax splits
 * at). */
bool name_is_path(const char *s);
bool name_is_uuid(const char *s);
/* aa:bb:cc:dd:ee:ff, unicast. */
bool name_is_mac(const char *s);
/* Dotted quad, host byte order in *ret. */
bool name_parse_ipv4(const char *s, uint32_t *ret);
void name_format_ipv4(uint32_t address, char ret[VIRT_ADDRESS_SIZE]);

#endif
