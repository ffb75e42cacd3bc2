#include "broker/rdpfile.h"

#include "lib/base/buf.h"

#include <stddef.h>
#include <stdlib.h>

#define RDPFILE_MAX 8192

/* name:s:text, control characters left out. */
static void put_text(struct buf *out, const char *name, const char *text)
{
    buf_printf(out, "%s:s:", name);
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c >= 0x20 && *c != 0x7f)
            buf_append(out, c, 1);
    buf_append_str(out, "\r\n");
}

char *rdpfile_write(const struct rdpfile *file)
{
    struct buf out;
    buf_init(&out, RDPFILE_MAX);
    buf_append_str(&out, "full address:s:");
    buf_printf(&out, "%s:%lld\r\n", file->host, (long long)file->port);
    buf_printf(&out, "loadbalanceinfo:s:Cookie: msts=%s\r\n", file->ticket);
    if (*file->username)
        put_text(&out, "username", file->username);
    put_text(&out, "workspace id", file->title);
    buf_append_str(&out, "use redirection server name:i:1\r\n"
                         "prompt for credentials:i:0\r\n"
                         "authentication level:i:2\r\n"
                         "enablecredsspsupport:i:0\r\n"
                         "negotiate security layer:i:1\r\n"
                         "autoreconnection enabled:i:1\r\n"
                         "redirectclipboard:i:1\r\n"
                         "smart sizing:i:0\r\n"
                         "dynamic resolution:i:1\r\n"
                         "screen mode id:i:2\r\n");
    return out.data;
}
