/* What qemu-img tells of a hostile image, and manifests of image versions. The first byte picks the reader. */
/* fuzz also: linkedclone/image_source.c linkedclone/manifest.c linkedclone/command.c linkedclone/qcow2.c */
#include "linkedclone/image_source.h"
#include "linkedclone/manifest.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void manifest(const char *text, size_t len)
{
    struct manifest m, again;
    char *written = NULL;
    if (manifest_read(text, len, &m, NULL) < 0 || manifest_write(&m, &written, NULL) < 0)
        return;
    if (manifest_read(written, strlen(written), &again, NULL) < 0 || again.virtual_size != m.virtual_size)
        abort();
    free(written);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t virtual_size = 0;
    if (size == 0)
        return 0;
    if (data[0] % 2 == 0)
        manifest((const char *)data + 1, size - 1);
    else if (image_source_judge((const char *)data + 1, size - 1, "/in/a.vmdk", "vmdk", &virtual_size, NULL) == 0 &&
             virtual_size == 0)
        abort();
    return 0;
}
