/* Text that goes to and comes from an LDAP directory: what a login name may look like, RFC 4515 filter escaping, RFC
 * 4514 distinguished names. Pure: no I/O, no allocation beyond the two functions that say so. Any thread. Invariant:
 * nothing that a person typed reaches a filter or a DN other than through dirtext_escape_filter() or
 * dirtext_escape_dn(), and only after dirtext_name_ok() has accepted it. */
#ifndef CARREL_AUTH_DIRTEXT_H
#define CARREL_AUTH_DIRTEXT_H

#include <stdbool.h>
#include <stddef.h>

#define DIRTEXT_NAME_MAX                                                                                               \
    128 /* bytes of a login name; the longest that a directory of the field accepts is 104 (AD)                        \
         */
#define DIRTEXT_FILTER_MAX 4096 /* bytes of one search filter with its NUL */
#define DIRTEXT_DN_MAX     1024 /* bytes of one DN with its NUL; longer ones are ignored as members */

/* True when `name` may be looked up: 1 to DIRTEXT_NAME_MAX bytes of valid UTF-8 without control characters and without
 * white space at either end. */
bool dirtext_name_ok(const char *name, size_t len);

/* RFC 4515 section 3: NUL ( ) * \ and every byte outside printable ASCII become \XX.
 * False when `out` (of `size` bytes, NUL included) is too small; `out` then holds an empty string. */
bool dirtext_escape_filter(const char *value, char *out, size_t size);

/* RFC 4514 section 2.4: the value of one attribute inside a DN. False when `out` is too small. */
bool dirtext_escape_dn(const char *value, char *out, size_t size);

/* Writes `pattern` into `out` with every "%u" replaced by `value` escaped for a filter, "%%" by "%".
 * False when `out` is too small or the pattern has another "%" sequence. */
bool dirtext_expand(const char *pattern, const char *value, char *out, size_t size);

/* The same DN always gives the same text (case of attribute types and of ASCII letters, spaces, escapes), so that two
 * spellings compare equal. Caller frees with free(); NULL when `dn` is not a DN or is too long. */
char *dirtext_dn_key(const char *dn);

/* The value of the first RDN of `dn`, unescaped: "cn=a\,b,ou=x" gives "a,b". Caller frees; NULL when `dn` is not a DN.
 */
char *dirtext_dn_first_value(const char *dn);

#endif
