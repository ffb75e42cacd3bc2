/* SHA-256 of a whole message (FIPS 180-4). Its own code, so that carrel-guest is a small static program. */
#ifndef CARREL_GUEST_SHA256_H
#define CARREL_GUEST_SHA256_H

#include <stddef.h>
#include <stdint.h>

void sha256_hex(const void *data, size_t len, char ret_hex[65]);

#endif
