/* What a desktop writes to the pool manager and what a host writes to a desktop: the line cutter and both decoders.
 * What is accepted can be written again and is read as the same. */
#include "lib/proto/guest.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void message(const char *line, size_t len)
{
    static struct guest_message m, again;
    struct error e = {0};
    struct buf out;
    if (guest_message_decode(line, len, &m, &e) < 0)
        return;
    buf_init(&out, GUEST_LINE_MAX + 1);
    int r = guest_message_encode(&m, &out);
    if (r < 0 && r != ERR_TOO_BIG)
        abort();
    if (r == 0 && (guest_message_decode(out.data, out.len - 1, &again, &e) < 0 || memcmp(&m, &again, sizeof(m)) != 0))
        abort();
    buf_done(&out);
}

static void request(const char *line, size_t len)
{
    struct guest_request q = {0}, again = {0};
    struct error e = {0};
    struct buf out;
    if (guest_request_decode(line, len, &q, &e) < 0)
        return;
    buf_init(&out, GUEST_LINE_MAX + 1);
    if (guest_request_encode(&q, &out) < 0 || guest_request_decode(out.data, out.len - 1, &again, &e) < 0 ||
        memcmp(&q, &again, sizeof(q)) != 0)
        abort();
    buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct guest_lines lines;
    guest_lines_init(&lines);
    for (size_t at = 0; at < size;) {
        const char *line;
        size_t len, step = size - at < 777 ? size - at : 777;
        long used = guest_lines_feed(&lines, (const char *)data + at, step);
        if (used < 0)
            break;
        at += (size_t)used;
        for (int r; (r = guest_lines_next(&lines, &line, &len)) != ERR_AGAIN;) {
            if (r == 0 && (len > GUEST_LINE_MAX || line[len] != '\0'))
                abort();
            if (r != 0)
                continue;
            message(line, len);
            request(line, len);
        }
    }
    guest_lines_done(&lines);
    return 0;
}
