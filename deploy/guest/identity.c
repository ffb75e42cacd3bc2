#include "deploy/guest/identity.h"

#include "deploy/guest/sha256.h"
#include "lib/base/mem.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The first size - 1 bytes of a file as text; "" when it cannot be read. */
static void file_text(const char *root, const char *path, char *out, size_t size)
{
    char full[PATH_MAX];
    size_t len = 0;
    out[0] = '\0';
    if (snprintf(full, sizeof(full), "%s%s", root, path) >= (int)sizeof(full))
        return;
    int fd CLEANUP_CLOSE = open(full, O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && len < size - 1) {
        ssize_t n = read(fd, out + len, size - 1 - len);
        if (n <= 0)
            break;
        len += (size_t)n;
    }
    out[len] = '\0';
}

static int base64_digit(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *p = c != '\0' ? strchr(digits, c) : NULL;
    return p != NULL ? (int)(p - digits) : -1;
}

/* RFC 7468: base64 lines between the two markers. */
void identity_pem_sha256(const char *pem, char ret_hex[65])
{
    static const char begin[] = "-----BEGIN CERTIFICATE-----", end[] = "-----END CERTIFICATE-----";
    uint8_t der[8192];
    size_t len = 0;
    uint32_t bits = 0;
    int n = 0;
    ret_hex[0] = '\0';
    const char *p = strstr(pem, begin);
    const char *stop = p != NULL ? strstr(p, end) : NULL;
    if (stop == NULL)
        return;
    for (p += strlen(begin); p < stop && len < sizeof(der); p++) {
        int digit = base64_digit(*p);
        if (digit < 0)
            continue;
        bits = bits << 6 | (uint32_t)digit;
        n += 6;
        if (n >= 8) {
            n -= 8;
            der[len++] = (uint8_t)(bits >> n);
        }
    }
    if (len > 0 && len < sizeof(der))
        sha256_hex(der, len, ret_hex);
}

/* One of /proc/net/tcp and tcp6: "  0: 00000000:0D3D 00000000:0000 0A …"; 0A is LISTEN. */
static bool table_listens(const char *root, const char *path)
{
    char full[PATH_MAX], line[512], want[16];
    if (snprintf(full, sizeof(full), "%s%s", root, path) >= (int)sizeof(full))
        return false;
    FILE *f = fopen(full, "re");
    if (f == NULL)
        return false;
    snprintf(want, sizeof(want), "%04X", IDENTITY_RDP_PORT);
    bool found = false;
    while (!found && fgets(line, sizeof(line), f) != NULL) {
        char port[8] = "", state[8] = "";
        found = sscanf(line, " %*[^:]: %*[0-9A-F]:%7[0-9A-F] %*s %7s", port, state) == 2 && strcmp(port, want) == 0 &&
                strcmp(state, "0A") == 0;
    }
    fclose(f);
    return found;
}

bool identity_rdp_listening(const char *root)
{
    return table_listens(root, "/proc/net/tcp6") || table_listens(root, "/proc/net/tcp");
}

static void os_name(const char *text, char *out, size_t size)
{
    const char *p = strstr(text, "PRETTY_NAME=\"");
    if (p == NULL)
        return;
    p += strlen("PRETTY_NAME=\"");
    size_t len = strcspn(p, "\"\n");
    snprintf(out, size, "%.*s", (int)(len < size ? len : size - 1), p);
}

static bool is_hex(const char *s, size_t digits)
{
    return strspn(s, "0123456789abcdef") == digits && s[digits] == '\0';
}

void identity_read(const char *root, struct guest_identity *ret)
{
    struct guest_identity i = {.version = GUEST_VERSION};
    char text[16384];
    file_text(root, "/etc/machine-id", i.machine_id, sizeof(i.machine_id));
    if (!is_hex(i.machine_id, 32))
        i.machine_id[0] = '\0';
    if (gethostname(i.hostname, sizeof(i.hostname) - 1) < 0)
        i.hostname[0] = '\0';
    file_text(root, "/etc/xrdp/cert.pem", text, sizeof(text));
    identity_pem_sha256(text, i.rdp_cert_sha256);
    file_text(root, "/etc/os-release", text, sizeof(text));
    os_name(text, i.os, sizeof(i.os));
    snprintf(i.helper_version, sizeof(i.helper_version), "%s", IDENTITY_HELPER_VERSION);
    i.rdp_listening = identity_rdp_listening(root);
    *ret = i;
}
