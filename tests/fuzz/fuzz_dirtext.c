/* Names that people type and DNs that a directory shows. What is escaped never holds a byte with a meaning. */
/* fuzz also: auth/dirtext.c */
#include "auth/dirtext.h"
#include "lib/base/mem.h"

#include <ldap.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The filter that an escaped value makes must match that very value and nothing else: one item, no wildcard. */
static void check_filter(const char *escaped)
{
    for (const char *c = escaped; *c != '\0'; c++)
        if (strchr("()*", *c) != NULL || (unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f)
            abort();
}

static void check_dn(const char *value)
{
    char escaped[3 * 512 + 1], dn[3 * 512 + 16];
    if (!dirtext_escape_dn(value, escaped, sizeof(escaped)) || *value == '\0')
        return;
    snprintf(dn, sizeof(dn), "cn=%s,dc=x", escaped);
    if (strlen(dn) >= DIRTEXT_DN_MAX)
        return;
    char *back CLEANUP_FREE = dirtext_dn_first_value(dn);
    if (back == NULL || strcmp(back, value) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char value[512], filter[DIRTEXT_FILTER_MAX];
    size_t len = size < sizeof(value) ? size : sizeof(value) - 1;
    memcpy(value, data, len);
    value[len] = '\0';
    dirtext_name_ok((const char *)data, size);
    if (dirtext_escape_filter(value, filter, sizeof(filter)))
        check_filter(filter);
    dirtext_expand(value, "x)(uid=*", filter, sizeof(filter));
    char *key CLEANUP_FREE = dirtext_dn_key(value), *first CLEANUP_FREE = dirtext_dn_first_value(value);
    if (dirtext_name_ok(value, len))
        check_dn(value);
    (void)key;
    (void)first;
    return 0;
}
