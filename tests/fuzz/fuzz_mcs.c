/* Packets of a client that is being refused. */
#include "lib/proto/mcs.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t out[MCS_ANSWER_MAX];
    size_t at = 0;
    while (at < size) {
        struct mcs_packet m;
        if (mcs_parse(data + at, size - at, &m, NULL) < 0 || m.kind == MCS_SEND_DATA)
            return 0;
        if (m.length == 0 || m.length > size - at || m.channels > MCS_CHANNELS_MAX)
            abort();
        if (m.kind == MCS_CONNECT_INITIAL && mcs_write_connect_response(m.channels, 1, out) > sizeof(out))
            abort();
        at += m.length;
    }
    return 0;
}
