#include "lib/virt/name.h"

#include "lib/base/text.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

static bool all_of(const char *s, size_t max, const char *also)
{
    size_t len = s != NULL ? strlen(s) : 0;
    if (len == 0 || len > max)
        return false;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c > 126 || (!isalnum(c) && strchr(also, c) == NULL))
            return false;
    }
    return true;
}

bool name_is_domain(const char *s)
{
    return all_of(s, VIRT_NAME_SIZE - 1, "._-+") && s[0] != '.' && s[0] != '-';
}

bool name_is_hostname(const char *s)
{
    return all_of(s, 63, "-") && s[0] != '-' && s[strlen(s) - 1] != '-';
}

bool name_is_interface(const char *s)
{
    return all_of(s, 15, "._-+") && s[0] != '.' && s[0] != '-';
}

bool name_is_path(const char *s)
{
    if (s == NULL || s[0] != '/' || strlen(s) >= PATH_MAX || !text_is_utf8(s, strlen(s)))
        return false;
    for (const char *p = s; *p != '\0'; p++)
        if ((unsigned char)*p < 32 || *p == 127 || *p == ',')
            return false;
    if (strstr(s, "//") != NULL || strstr(s, "/../") != NULL)
        return false;
    size_t len = strlen(s);
    return len > 1 && s[len - 1] != '/' && !(len >= 3 && strcmp(s + len - 3, "/..") == 0);
}

bool name_is_uuid(const char *s)
{
    if (s == NULL || strlen(s) != VIRT_UUID_SIZE - 1)
        return false;
    for (size_t i = 0; i < VIRT_UUID_SIZE - 1; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? s[i] != '-' : !isxdigit((unsigned char)s[i]))
            return false;
    }
    return true;
}

bool name_is_mac(const char *s)
{
    if (s == NULL || strlen(s) != VIRT_MAC_SIZE - 1)
        return false;
    for (size_t i = 0; i < VIRT_MAC_SIZE - 1; i++)
        if (i % 3 == 2 ? s[i] != ':' : !isxdigit((unsigned char)s[i]))
            return false;
    return strchr("02468aceACE", s[1]) != NULL;
}

bool name_parse_ipv4(const char *s, uint32_t *ret)
{
    struct in_addr address;
    if (s == NULL || inet_pton(AF_INET, s, &address) != 1)
        return false;
    *ret = ntohl(address.s_addr);
    return true;
}

void name_format_ipv4(uint32_t address, char ret[VIRT_ADDRESS_SIZE])
{
    snprintf(ret, VIRT_ADDRESS_SIZE, "%u.%u.%u.%u", address >> 24, (address >> 16) & 255, (address >> 8) & 255,
             address & 255);
}
