/* What this desktop says of itself: machine-id, host name, RDP certificate, system. Runs in carrel-guest. */
#ifndef CARREL_GUEST_IDENTITY_H
#define CARREL_GUEST_IDENTITY_H

#include "lib/proto/guest.h"

#define IDENTITY_RDP_PORT       3389
#define IDENTITY_HELPER_VERSION "1.0"

/* Read afresh what is there; what cannot be read stays empty. `root` as in accounts.h. */
void identity_read(const char *root, struct guest_identity *ret);

/* Whether something listens on TCP port 3389, IPv4 or IPv6. */
bool identity_rdp_listening(const char *root);

/* SHA-256 (FIPS 180-4) of the DER in the first certificate of a PEM text, as 64 hex digits; "" if there is none. */
void identity_pem_sha256(const char *pem, char ret_hex[65]);

#endif
