#include "auth/account.h"

#include "lib/base/mem.h"

#include <ldap.h>
#include <stdlib.h>
#include <string.h>

/* Active Directory answers invalidCredentials for all of these and says why as "..., data 533, v...". */
static const struct {
    long data;
    int err;
} ad_data[] = {
    {0x525, ERR_BAD_CREDENTIALS},  {0x52e, ERR_BAD_CREDENTIALS},  {0x530, ERR_ACCOUNT_DISABLED},
    {0x531, ERR_ACCOUNT_DISABLED}, {0x532, ERR_PASSWORD_EXPIRED}, {0x533, ERR_ACCOUNT_DISABLED},
    {0x701, ERR_ACCOUNT_EXPIRED},  {0x773, ERR_PASSWORD_EXPIRED}, {0x775, ERR_ACCOUNT_LOCKED},
};

static int ad_verdict(const char *diagnostic)
{
    const char *at = diagnostic ? strstr(diagnostic, "AcceptSecurityContext error, data ") : NULL;
    if (!at)
        return 0;
    long data = strtol(at + strlen("AcceptSecurityContext error, data "), NULL, 16);
    for (size_t i = 0; i < ARRAY_LEN(ad_data); i++)
        if (ad_data[i].data == data)
            return ad_data[i].err;
    return 0;
}

static int policy_verdict(int policy_error)
{
    switch (policy_error) {
    case PP_passwordExpired:
    case PP_changeAfterReset:
        return ERR_PASSWORD_EXPIRED;
    case PP_accountLocked:
        return ERR_ACCOUNT_LOCKED;
    default:
        return 0;
    }
}

static int result_verdict(int result)
{
    switch (result) {
    case LDAP_SUCCESS:
        return 0;
    case LDAP_INVALID_CREDENTIALS:
    case LDAP_NO_SUCH_OBJECT:
    case LDAP_INVALID_DN_SYNTAX:
    case LDAP_INAPPROPRIATE_AUTH: /* the entry has no password */
    case LDAP_CONSTRAINT_VIOLATION:
        return ERR_BAD_CREDENTIALS;
    case LDAP_INSUFFICIENT_ACCESS:
    case LDAP_UNWILLING_TO_PERFORM:
        return ERR_ACCOUNT_DISABLED;
    default:
        return ERR_DIRECTORY_DOWN;
    }
}

int account_verdict(int result, const char *diagnostic, int policy_error, struct error *reterr)
{
    int verdict = policy_verdict(policy_error);
    if (verdict == 0 && result == LDAP_INVALID_CREDENTIALS)
        verdict = ad_verdict(diagnostic);
    if (verdict == 0)
        verdict = result_verdict(result);
    if (verdict == 0)
        return 0;
    return err_set_lib(reterr, verdict, result, "%s (directory: %s%s%s)", err_text(verdict), ldap_err2string(result),
                       diagnostic && *diagnostic ? ", " : "", diagnostic ? diagnostic : "");
}
