/* Choosing a free address of a DHCP range. Pure; one owner. */
#ifndef CARREL_VIRT_RANGE_H
#define CARREL_VIRT_RANGE_H

#include "lib/base/err.h"

#include <stddef.h>
#include <stdint.h>

#define RANGE_USED_MAX 1048576 /* a network of more reservations and leases than this is refused */

/* Addresses in host byte order that are taken; zero-initialise, then free with range_done. */
struct range {
    uint32_t *used;
    size_t count, cap;
};

void range_done(struct range *range);
/* ERR_NOMEM, ERR_TOO_BIG. */
int range_use(struct range *range, uint32_t address);
/* The lowest address of first … last that is not in use. Sorts the range. ERR_NO_SPACE when there is none. */
int range_pick(struct range *range, uint32_t first, uint32_t last, uint32_t *ret);

#endif
