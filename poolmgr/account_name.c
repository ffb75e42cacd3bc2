#include "poolmgr/account_name.h"

#include "lib/base/id.h"
#include "lib/base/mem.h"
#include "lib/base/text.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define HASH_CHARS 8 /* 32 bits: enough to tell apart the few names that fold to one */

/* Accounts and groups of Debian's base system and of what a desktop image installs (base-passwd, systemd, dbus, xrdp
 * …). carrel-guest refuses system accounts as well; this keeps such a person able to work. */
static const char *const reserved[] = {
    "root",    "daemon", "bin",        "sys",      "sync",          "games",    "man",     "lp",      "mail",
    "news",    "uucp",   "proxy",      "www-data", "backup",        "list",     "irc",     "gnats",   "nobody",
    "nogroup", "adm",    "tty",        "disk",     "kmem",          "dialout",  "fax",     "voice",   "cdrom",
    "floppy",  "tape",   "sudo",       "audio",    "dip",           "operator", "src",     "shadow",  "utmp",
    "video",   "sasl",   "plugdev",    "staff",    "users",         "input",    "sgx",     "kvm",     "render",
    "crontab", "netdev", "messagebus", "sshd",     "ssh",           "polkitd",  "rtkit",   "avahi",   "geoclue",
    "pulse",   "colord", "saned",      "lightdm",  "gdm",           "sddm",     "xrdp",    "tsusers", "ssl-cert",
    "libvirt", "qemu",   "carrel",     "admin",    "administrator", "guest",    "default", "lock",
};

static bool is_reserved(const char *name)
{
    if (!strncmp(name, "systemd-", 8) || !strncmp(name, "carrel-", 7) || !strncmp(name, "_", 1))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(reserved); i++)
        if (!strcmp(name, reserved[i]))
            return true;
    return false;
}

static bool is_valid_person(const char *person, size_t length)
{
    if (!length || length > ACCOUNT_PERSON_MAX || !text_is_utf8(person, length))
        return false;
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)person[i] < 0x20 || person[i] == 0x7f)
            return false;
    return true;
}

static bool is_letter(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_allowed(char c)
{
    return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

/* Fold into `ret` (at most `limit` characters); whether nothing but the case was lost. */
static bool fold(const char *person, char *ret, size_t limit)
{
    bool exact = true;
    size_t n = 0;

    if (!is_letter((char)(person[0] | 0x20))) {
        ret[n++] = 'u';
        exact = false;
    }
    for (const char *p = person; *p; p++) {
        char c = *p >= 'A' && *p <= 'Z' ? (char)(*p | 0x20) : *p;
        if (n == limit) {
            exact = false;
            break;
        }
        if (!is_allowed(c)) {
            exact = false;
            if (n && ret[n - 1] == '-')
                continue;
            c = '-';
        }
        ret[n++] = c;
    }
    ret[n] = '\0';
    return exact;
}

int account_name(const char *person, char ret_name[ACCOUNT_NAME_SIZE], struct error *reterr)
{
    size_t length = strlen(person);
    char folded[ACCOUNT_NAME_SIZE], lower[ACCOUNT_PERSON_MAX + 1], hash[ID_HASH_SIZE];

    if (!is_valid_person(person, length))
        return err_set(reterr, ERR_INVALID,
                       "the user name is empty, too long or holds characters that no account name can");
    if (fold(person, folded, ACCOUNT_NAME_SIZE - 1) && !is_reserved(folded)) {
        memcpy(ret_name, folded, sizeof folded);
        return 0;
    }
    memcpy(lower, person, length + 1);
    text_lower(lower);
    id_hash(lower, length, hash);
    fold(person, folded, ACCOUNT_NAME_SIZE - 1 - HASH_CHARS - 1);
    size_t n = strlen(folded);
    while (n > 1 && folded[n - 1] == '-')
        n--;
    /* Not a prefix of a system account's family either, "_apt" and "systemd-x" alike. */
    snprintf(ret_name, ACCOUNT_NAME_SIZE, "%.*s-%.*s", (int)n, folded, HASH_CHARS, hash);
    if (is_reserved(ret_name))
        snprintf(ret_name, ACCOUNT_NAME_SIZE, "u-%.*s", HASH_CHARS * 2, hash);
    return 0;
}
