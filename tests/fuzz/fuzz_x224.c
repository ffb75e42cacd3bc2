/* First packets of an RDP connection. The first byte picks the parser, the rest is the packet. */
#include "lib/proto/x224.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void request(const uint8_t *data, size_t size)
{
    struct x224_request m, again;
    uint8_t stripped[X224_REQUEST_MAX];
    if (x224_request_parse(data, size, &m, NULL) < 0)
        return;
    /* What is passed on is a request of the same meaning without a line. */
    size_t len = x224_request_strip(data, &m, stripped);
    if (x224_request_parse(stripped, len, &again, NULL) < 0 || again.line_end != again.line_start ||
        again.protocols != m.protocols || again.flags != m.flags || again.length != len)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct x224_confirm confirm;
    struct x224_preconn preconn;
    switch (data[0] % 3) {
    case 0:
        request(data + 1, size - 1);
        break;
    case 1:
        x224_confirm_parse(data + 1, size - 1, &confirm, NULL);
        break;
    default:
        x224_preconn_parse(data + 1, size - 1, &preconn, NULL);
        break;
    }
    return 0;
}
