/* Messages between gateway and broker. The first byte picks the decoder; what was decoded is encoded and decoded again.
 */
#include "lib/proto/gw.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define AGAIN(kind, text, size)                                                                                        \
    do {                                                                                                               \
        struct gw_##kind m, back;                                                                                      \
        struct buf out;                                                                                                \
        if (gw_##kind##_decode(text, size, &m, NULL) < 0)                                                              \
            break;                                                                                                     \
        buf_init(&out, GW_MESSAGE_MAX);                                                                                \
        if (gw_##kind##_encode(&m, &out) < 0 || gw_##kind##_decode(out.data, out.len, &back, NULL) < 0)                \
            abort();                                                                                                   \
        buf_done(&out);                                                                                                \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const char *text = (const char *)data + 1;
    struct gw_hello hello = {0};
    struct gw_hello_answer answer = {0};
    switch (data[0] % 6) {
    case 0:
        AGAIN(redeem, text, size - 1);
        break;
    case 1:
        AGAIN(grant, text, size - 1);
        break;
    case 2:
        AGAIN(command, text, size - 1);
        break;
    case 3:
        AGAIN(closed, text, size - 1);
        break;
    case 4:
        gw_hello_decode(text, size - 1, &hello, NULL);
        gw_hello_done(&hello);
        break;
    default:
        gw_hello_answer_decode(text, size - 1, &answer, NULL);
        gw_hello_answer_done(&answer);
        break;
    }
    return 0;
}
