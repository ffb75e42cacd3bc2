#include "auth/dirtext.h"

#include "lib/base/mem.h"
#include "lib/base/text.h"

#include <ldap.h>
#include <string.h>

bool dirtext_name_ok(const char *name, size_t len)
{
    if (len == 0 || len > DIRTEXT_NAME_MAX || !text_is_utf8(name, len))
        return false;
    if (name[0] == ' ' || name[len - 1] == ' ')
        return false;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)name[i];
        if (c < 0x20 || c == 0x7f)
            return false;
        /* U+0080 to U+009F: the C1 controls. */
        if (c == 0xc2 && i + 1 < len && (unsigned char)name[i + 1] < 0xa0)
            return false;
    }
    return true;
}

static void put_hex(char *out, unsigned char c)
{
    static const char digits[] = "0123456789abcdef";
    out[0] = '\\';
    out[1] = digits[c >> 4];
    out[2] = digits[c & 15];
}

static bool filter_special(unsigned char c)
{
    return c < 0x20 || c >= 0x7f || strchr("()*\\", c) != NULL;
}

bool dirtext_escape_filter(const char *value, char *out, size_t size)
{
    size_t at = 0;
    if (size == 0)
        return false;
    for (const unsigned char *s = (const unsigned char *)value; *s; s++) {
        size_t need = filter_special(*s) ? 3 : 1;
        if (at + need >= size) {
            out[0] = '\0';
            return false;
        }
        if (need == 3)
            put_hex(out + at, *s);
        else
            out[at] = (char)*s;
        at += need;
    }
    out[at] = '\0';
    return true;
}

bool dirtext_escape_dn(const char *value, char *out, size_t size)
{
    size_t len = strlen(value), at = 0;
    if (size == 0)
        return false;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)value[i];
        bool edge = (i == 0 && (c == ' ' || c == '#')) || (i == len - 1 && c == ' ');
        bool hex = c < 0x20 || c >= 0x7f;
        bool slash = edge || strchr("\"+,;<=>\\", c) != NULL;
        size_t need = hex ? 3 : slash ? 2 : 1;
        if (at + need >= size) {
            out[0] = '\0';
            return false;
        }
        if (hex) {
            put_hex(out + at, c);
        } else {
            if (slash)
                out[at] = '\\';
            out[at + need - 1] = (char)c;
        }
        at += need;
    }
    out[at] = '\0';
    return true;
}

bool dirtext_expand(const char *pattern, const char *value, char *out, size_t size)
{
    size_t at = 0;
    for (const char *p = pattern; *p; p++) {
        if (at + 1 >= size)
            return false;
        if (*p != '%' || p[1] == '%') {
            p += *p == '%';
            out[at++] = *p;
            continue;
        }
        if (*++p != 'u' || !dirtext_escape_filter(value, out + at, size - at))
            return false;
        at += strlen(out + at);
    }
    if (at >= size)
        return false;
    out[at] = '\0';
    return true;
}

char *dirtext_dn_key(const char *dn)
{
    char *normal = NULL;
    if (strlen(dn) >= DIRTEXT_DN_MAX)
        return NULL;
    if (ldap_dn_normalize(dn, LDAP_DN_FORMAT_LDAP, &normal, LDAP_DN_FORMAT_LDAPV3) != LDAP_SUCCESS || !normal)
        return NULL;
    char *key = mem_strdup(normal);
    ldap_memfree(normal);
    if (key != NULL)
        text_lower(key);
    return key;
}

char *dirtext_dn_first_value(const char *dn)
{
    LDAPDN parts = NULL;
    char *value = NULL;
    if (strlen(dn) >= DIRTEXT_DN_MAX || ldap_str2dn(dn, &parts, LDAP_DN_FORMAT_LDAPV3) != LDAP_SUCCESS)
        return NULL;
    if (parts && parts[0] && parts[0][0]) {
        const struct berval *first = &parts[0][0]->la_value;
        if (first->bv_len > 0 && !memchr(first->bv_val, '\0', first->bv_len))
            value = mem_strndup(first->bv_val, first->bv_len);
    }
    ldap_dnfree(parts);
    return value;
}
