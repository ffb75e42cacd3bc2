/* What a directory's answer to a bind means for the account. Pure, any thread.
 * Sources: RFC 4511 section 4.1.9 (result codes), draft-behera-ldap-password-policy-10 (response control), Microsoft KB
 * 218185
 * ("data 532" and its kin in Active Directory's diagnostic message). */
#ifndef CARREL_AUTH_ACCOUNT_H
#define CARREL_AUTH_ACCOUNT_H

#include "lib/base/err.h"

#define ACCOUNT_NO_POLICY (-1)

/* result: LDAP result code of the bind. diagnostic: its message, may be NULL. policy_error: LDAPPasswordPolicyError of
 * the response control, ACCOUNT_NO_POLICY when there was none. Returns 0 (in), ERR_BAD_CREDENTIALS, ERR_ACCOUNT_*,
 * ERR_PASSWORD_EXPIRED, or ERR_DIRECTORY_DOWN for an answer that says nothing about the account (busy, unavailable,
 * ...). `reterr` gets the sentence for the operator. */
int account_verdict(int result, const char *diagnostic, int policy_error, struct error *reterr);

#endif
