#include "lib/virt/xml.h"

static const char *entity(char c)
{
    switch (c) {
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '&':
        return "&amp;";
    case '\'':
        return "&apos;";
    case '"':
        return "&quot;";
    default:
        return (unsigned char)c < 32 && c != '\t' && c != '\n' ? "?" : NULL;
    }
}

int xml_escape(struct buf *out, const char *text)
{
    int rc = 0;
    while (rc == 0 && *text != '\0') {
        size_t plain = 0;
        while (text[plain] != '\0' && entity(text[plain]) == NULL)
            plain++;
        rc = buf_append(out, text, plain);
        text += plain;
        if (rc == 0 && *text != '\0')
            rc = buf_append_str(out, entity(*text++));
    }
    return rc;
}
