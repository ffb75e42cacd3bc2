/* Headers of qcow2 images, as people bring them. */
/* fuzz also: linkedclone/qcow2.c */
#include "linkedclone/qcow2.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct qcow2_header header;
    if (qcow2_parse(data, size, &header, NULL) < 0)
        return 0;
    if (strnlen(header.backing, sizeof(header.backing)) > QCOW2_BACKING_MAX ||
        strnlen(header.backing_format, sizeof(header.backing_format)) == sizeof(header.backing_format) ||
        header.cluster_bits > 21 || header.version < 2)
        abort();
    return 0;
}
