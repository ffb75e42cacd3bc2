#include "linkedclone/qcow2.h"

#include "lib/base/mem.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define MAGIC           0x514649fbu
#define V2_LENGTH       72u
#define V3_LENGTH       104u
#define EXT_END         0u
#define EXT_BACKING     0xe2792acau
#define EXT_DATA_FILE   0x44415441u
#define FEATURE_DIRTY   (UINT64_C(1) << 0)
#define FEATURE_CORRUPT (UINT64_C(1) << 1)
#define FEATURE_DATA    (UINT64_C(1) << 2)
#define FEATURES_KNOWN  UINT64_C(0x1f)
#define EXTENSIONS_MAX  64
#define SIZE_MAX_BYTES  (UINT64_C(1) << 56) /* more than any guest disk that QEMU makes */

static uint32_t u32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint64_t u64(const unsigned char *p)
{
    return (uint64_t)u32(p) << 32 | u32(p + 4);
}

static int bad(struct error *reterr, const char *why)
{
    return err_set(reterr, ERR_IMAGE, "not a usable qcow2 image: %s", why);
}

/* Names with control characters are no file names that a person gave. */
static int copy_name(const unsigned char *from, size_t len, char *to, size_t size)
{
    if (len == 0 || len >= size)
        return -1;
    for (size_t i = 0; i < len; i++)
        if (from[i] < 32 || from[i] == 127)
            return -1;
    memcpy(to, from, len);
    to[len] = '\0';
    return 0;
}

static int read_extensions(const unsigned char *data, size_t from, size_t end, struct qcow2_header *header,
                           struct error *reterr)
{
    for (int i = 0; i < EXTENSIONS_MAX; i++) {
        if (end - from < 8)
            return 0; /* the end mark may be missing when the header is full */
        uint32_t type = u32(data + from), len = u32(data + from + 4);
        from += 8;
        if (type == EXT_END)
            return 0;
        if (len > end - from)
            return bad(reterr, "an extension of its header is longer than the header");
        if (type == EXT_BACKING &&
            copy_name(data + from, len, header->backing_format, sizeof(header->backing_format)) < 0)
            return bad(reterr, "the name of its backing format is damaged");
        if (type == EXT_DATA_FILE)
            header->data_file = true;
        size_t padded = ((size_t)len + 7) & ~(size_t)7;
        from = padded > end - from ? end : from + padded;
    }
    return bad(reterr, "its header has too many extensions");
}

static int read_backing(const unsigned char *data, size_t len, struct qcow2_header *header, struct error *reterr)
{
    uint64_t offset = u64(data + 8);
    uint32_t size = u32(data + 16);
    if (offset == 0)
        return 0;
    if (size > QCOW2_BACKING_MAX || offset > len || size > len - offset)
        return bad(reterr, "the name of its backing file lies outside its header");
    if (copy_name(data + offset, size, header->backing, sizeof(header->backing)) < 0)
        return bad(reterr, "the name of its backing file is damaged");
    return 0;
}

static int check_fixed(const unsigned char *data, size_t len, struct qcow2_header *header, struct error *reterr)
{
    if (len < V2_LENGTH || u32(data) != MAGIC)
        return bad(reterr, "its first bytes are not those of the format");
    header->version = u32(data + 4);
    if (header->version != 2 && header->version != 3)
        return bad(reterr, "neither version 2 nor 3");
    if (header->version == 3 && len < V3_LENGTH)
        return bad(reterr, "the file is too short");
    header->cluster_bits = u32(data + 20);
    if (header->cluster_bits < 9 || header->cluster_bits > 21)
        return bad(reterr, "its cluster size is out of bounds");
    header->virtual_size = u64(data + 24);
    if (header->virtual_size > SIZE_MAX_BYTES)
        return bad(reterr, "its size is out of bounds");
    header->crypt_method = u32(data + 32);
    header->snapshots = u32(data + 60);
    return 0;
}

int qcow2_parse(const void *bytes, size_t len, struct qcow2_header *ret, struct error *reterr)
{
    const unsigned char *data = bytes;
    struct qcow2_header header = {0};
    size_t length = V2_LENGTH;
    if (len > QCOW2_HEADER_MAX)
        len = QCOW2_HEADER_MAX;
    int rc = check_fixed(data, len, &header, reterr);
    if (rc < 0)
        return rc;
    size_t end = (size_t)1 << header.cluster_bits; /* extensions and names lie in the first cluster */
    if (end > len)
        end = len;
    if (header.version == 3) {
        header.incompatible_features = u64(data + 72);
        length = u32(data + 100);
        if (length < V3_LENGTH || length > end || length % 8 != 0)
            return bad(reterr, "the length of its header is out of bounds");
        if ((header.incompatible_features & ~FEATURES_KNOWN) != 0)
            return bad(reterr, "it needs features that are not known here");
    }
    header.dirty = (header.incompatible_features & FEATURE_DIRTY) != 0;
    header.corrupt = (header.incompatible_features & FEATURE_CORRUPT) != 0;
    header.data_file = (header.incompatible_features & FEATURE_DATA) != 0;
    rc = read_backing(data, end, &header, reterr);
    /* The name of the backing file follows the extensions and ends them. */
    uint64_t name_at = u64(data + 8);
    if (rc == 0 && name_at >= length && name_at < end)
        end = (size_t)name_at;
    if (rc == 0)
        rc = read_extensions(data, length, end, &header, reterr);
    if (rc == 0)
        *ret = header;
    return rc;
}

int qcow2_read(int fd, struct qcow2_header *ret, struct error *reterr)
{
    char *data CLEANUP_FREE = mem_zalloc(1, QCOW2_HEADER_MAX);
    if (data == NULL)
        return err_set(reterr, ERR_NOMEM, "no memory to read an image's header");
    size_t len = 0;
    while (len < QCOW2_HEADER_MAX) {
        ssize_t n = pread(fd, data + len, QCOW2_HEADER_MAX - len, (off_t)len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set_errno(reterr, ERR_IO, errno, "reading an image's header");
        if (n == 0)
            break;
        len += (size_t)n;
    }
    return qcow2_parse(data, len, ret, reterr);
}
