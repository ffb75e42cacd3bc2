/* As much of T.125 MCS and GCC as it takes to end an RDP connection with a reason. Pure; any thread.
 *
 * A client shows a person a reason only behind its Client Info PDU: [MS-RDPBCGR] 1.3.1.1, steps 2 to 5. These functions
 * read the four fixed packets of those steps and write the answers. Nothing of a client's settings is kept.
 * Layouts: [MS-RDPBCGR] 2.2.1.3 to 2.2.1.12, 2.2.5.1; examples in 4.1. docs/decisions/0046. */
#ifndef CARREL_PROTO_MCS_H
#define CARREL_PROTO_MCS_H

#include "lib/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MCS_PACKET_MAX   4096 /* bytes of a packet that has to be read whole */
#define MCS_CHANNELS_MAX 31   /* static virtual channels, [MS-RDPBCGR] 2.2.1.3.4 */
#define MCS_ANSWER_MAX   256  /* bytes that any answer needs */

/* What a client's packet is. */
enum mcs_kind {
    MCS_CONNECT_INITIAL,
    MCS_ERECT_DOMAIN,
    MCS_ATTACH_USER,
    MCS_CHANNEL_JOIN,
    MCS_SEND_DATA, /* Client Info and everything behind it; told as soon as the head is there */
    MCS_DISCONNECT
};

struct mcs_packet {
    enum mcs_kind kind;
    size_t length;     /* bytes in all; of MCS_SEND_DATA perhaps more than have arrived */
    uint16_t channel;  /* MCS_CHANNEL_JOIN */
    unsigned channels; /* MCS_CONNECT_INITIAL: static virtual channels */
    bool errinfo;      /* MCS_CONNECT_INITIAL: the client understands Set Error Info */
};

/* 0; ERR_AGAIN (incomplete); ERR_PROTOCOL; ERR_TOO_BIG. */
int mcs_parse(const uint8_t *data, size_t len, struct mcs_packet *ret, struct error *reterr);

/* Answers into `ret` (MCS_ANSWER_MAX bytes); each returns its length.
 * requested: the protocols of the Connection Request; a client checks that they come back. */
size_t mcs_write_connect_response(unsigned channels, uint32_t requested, uint8_t *ret);
size_t mcs_write_attach_user_confirm(uint8_t *ret);
size_t mcs_write_channel_join_confirm(uint16_t channel, uint8_t *ret);
/* "Valid client": the licensing step that stands before everything else. */
size_t mcs_write_license(uint8_t *ret);
/* errinfo: [MS-RDPBCGR] 2.2.5.1.1. */
size_t mcs_write_set_error_info(uint32_t errinfo, uint8_t *ret);
size_t mcs_write_disconnect(uint8_t *ret);

/* [MS-RDPBCGR] 2.2.5.1.1, those that say something to a person at this door. */
#define MCS_ERRINFO_DENIED          0x00000007u /* the server denied the connection */
#define MCS_ERRINFO_CB_NOT_FOUND    0x00000400u /* the target endpoint could not be found */
#define MCS_ERRINFO_CB_CANCELLED    0x00000409u /* the connection was cancelled */
#define MCS_ERRINFO_CB_BOOT_TIMEOUT 0x00000411u /* the endpoint did not become ready in time */

#endif
