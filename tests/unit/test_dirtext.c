/* Names, filters, DNs, groups and the breaker: the parts of auth/ without a directory. */
#include "auth/account.h"
#include "auth/breaker.h"
#include "auth/dirgroups.h"
#include "auth/dirtext.h"
#include "lib/base/mem.h"

#include <ldap.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void names(void **state)
{
    (void)state;
    static const char *const good[] = {"a", "alice", "j\xc3\xb6rg", "a b", "alice@example.test", "o(dd)*\\"};
    static const char *const bad[] = {"",         " a",   "a ",       "a\n",          "\x7f",
                                      "\xc2\x85", "\xff", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_true(dirtext_name_ok(good[i], strlen(good[i])));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(dirtext_name_ok(bad[i], strlen(bad[i])));
    assert_false(dirtext_name_ok("a\0b", 3));
    char longest[DIRTEXT_NAME_MAX + 1];
    memset(longest, 'x', sizeof(longest));
    assert_true(dirtext_name_ok(longest, DIRTEXT_NAME_MAX));
    assert_false(dirtext_name_ok(longest, sizeof(longest)));
}

static void filters(void **state)
{
    (void)state;
    char out[64], small[8];
    assert_true(dirtext_escape_filter("a*(b)\\\xc3\xb6", out, sizeof(out)));
    assert_string_equal(out, "a\\2a\\28b\\29\\5c\\c3\\b6");
    assert_false(dirtext_escape_filter("((((", small, sizeof(small)));
    assert_string_equal(small, "");
    assert_true(dirtext_expand("(|(uid=%u)(mail=%u))", "a)", out, sizeof(out)));
    assert_string_equal(out, "(|(uid=a\\29)(mail=a\\29))");
    assert_true(dirtext_expand("100%%", "x", out, sizeof(out)));
    assert_string_equal(out, "100%");
    assert_false(dirtext_expand("%s", "x", out, sizeof(out)));
    assert_false(dirtext_expand("trailing %", "x", out, sizeof(out)));
    assert_false(dirtext_expand("(uid=%u)", "aaaaaaaa", small, sizeof(small)));
}

static void dns(void **state)
{
    (void)state;
    char out[64];
    assert_true(dirtext_escape_dn(" #a,b+c\"d\\ ", out, sizeof(out)));
    assert_string_equal(out, "\\ #a\\,b\\+c\\\"d\\\\\\ ");
    char *one CLEANUP_FREE = dirtext_dn_key("CN=Odd\\2C Group, OU=X,dc=example");
    char *two CLEANUP_FREE = dirtext_dn_key("cn=odd\\, group,ou=x,DC=Example");
    assert_string_equal(one, two);
    char *value CLEANUP_FREE = dirtext_dn_first_value("cn=Odd\\2C Group,ou=x");
    assert_string_equal(value, "Odd, Group");
    assert_null(dirtext_dn_key("no dn at all"));
    char longest[DIRTEXT_DN_MAX + 8];
    memset(longest, 'a', sizeof(longest));
    memcpy(longest, "cn=", 3);
    longest[sizeof(longest) - 1] = '\0';
    assert_null(dirtext_dn_key(longest));
}

/* A directory in which each group n lies in n+1, n+2 and, every tenth, in group 0: deep and full of cycles. */
struct made_up {
    int groups, questions;
};

static int made_up_parents(void *arg, const char *const *members, size_t count, dirgroups_found *found, void *found_arg,
                           struct error *reterr)
{
    (void)reterr;
    struct made_up *dir = arg;
    char dn[64];
    dir->questions++;
    for (size_t i = 0; i < count; i++) {
        int n = 0;
        if (sscanf(members[i], "cn=g%d,dc=x", &n) != 1)
            n = -1;
        for (int to = n + 1; to <= n + 2 && to < dir->groups; to++) {
            snprintf(dn, sizeof(dn), "cn=g%d,dc=x", to);
            found(found_arg, dn, NULL);
        }
        if (n % 10 == 0)
            found(found_arg, "CN=G0,DC=X", NULL);
    }
    return 0;
}

static void groups_end_and_come_once(void **state)
{
    (void)state;
    struct made_up dir = {.groups = 20};
    struct dirgroups_source source = {.parents = made_up_parents, .arg = &dir};
    struct person *person CLEANUP(person_freep) = person_new("p", "uid=p,dc=x", NULL);
    assert_int_equal(dirgroups_resolve(&source, person, NULL), 0);
    assert_int_equal(person->n_groups, 20);
    assert_string_equal(person->groups[0].cn, "g0");
    assert_false(person->truncated);
    assert_true(dir.questions <= DIRGROUPS_DEPTH);
}

static void groups_are_bounded(void **state)
{
    (void)state;
    struct made_up dir = {.groups = 100000};
    struct dirgroups_source source = {.parents = made_up_parents, .arg = &dir};
    struct person *person CLEANUP(person_freep) = person_new("p", "uid=p,dc=x", NULL);
    assert_int_equal(dirgroups_resolve(&source, person, NULL), 0);
    assert_true(person->truncated);
    for (int i = 0; i < 3 * PERSON_GROUPS_MAX; i++) {
        char dn[32];
        snprintf(dn, sizeof(dn), "cn=more%d,dc=x", i);
        person_add_group(person, dn, NULL, 1);
    }
    assert_int_equal(person->n_groups, PERSON_GROUPS_MAX);
}

static void breakers(void **state)
{
    (void)state;
    struct breaker b = {0};
    assert_true(breaker_allows(&b));
    assert_true(breaker_failed(&b, 1000));
    assert_false(breaker_failed(&b, 1100));
    assert_false(breaker_allows(&b));
    assert_false(breaker_probe_due(&b, 2099));
    assert_true(breaker_probe_due(&b, 2100));
    for (int i = 0; i < 100; i++)
        breaker_failed(&b, 5000);
    assert_int_equal(b.probe_at_ms, 5000 + BREAKER_PROBE_MAX_MS);
    assert_true(breaker_worked(&b));
    assert_false(breaker_worked(&b));
    assert_true(breaker_allows(&b));
}

static void verdicts(void **state)
{
    (void)state;
    static const struct {
        int result;
        const char *diagnostic;
        int policy, verdict;
    } cases[] = {
        {LDAP_SUCCESS, NULL, ACCOUNT_NO_POLICY, 0},
        {LDAP_SUCCESS, "", PP_changeAfterReset, ERR_PASSWORD_EXPIRED},
        {LDAP_INVALID_CREDENTIALS, NULL, ACCOUNT_NO_POLICY, ERR_BAD_CREDENTIALS},
        {LDAP_INVALID_CREDENTIALS, NULL, PP_accountLocked, ERR_ACCOUNT_LOCKED},
        {LDAP_INVALID_CREDENTIALS, NULL, PP_passwordExpired, ERR_PASSWORD_EXPIRED},
        {LDAP_INVALID_CREDENTIALS,
         "80090308: LdapErr: DSID-0C09, comment: AcceptSecurityContext error, data 533, v4563", ACCOUNT_NO_POLICY,
         ERR_ACCOUNT_DISABLED},
        {LDAP_INVALID_CREDENTIALS, "AcceptSecurityContext error, data 775, v", ACCOUNT_NO_POLICY, ERR_ACCOUNT_LOCKED},
        {LDAP_INVALID_CREDENTIALS, "AcceptSecurityContext error, data 701, v", ACCOUNT_NO_POLICY, ERR_ACCOUNT_EXPIRED},
        {LDAP_INVALID_CREDENTIALS, "AcceptSecurityContext error, data 773, v", ACCOUNT_NO_POLICY, ERR_PASSWORD_EXPIRED},
        {LDAP_INVALID_CREDENTIALS, "AcceptSecurityContext error, data 52e, v", ACCOUNT_NO_POLICY, ERR_BAD_CREDENTIALS},
        {LDAP_BUSY, NULL, ACCOUNT_NO_POLICY, ERR_DIRECTORY_DOWN},
        {LDAP_UNAVAILABLE, NULL, ACCOUNT_NO_POLICY, ERR_DIRECTORY_DOWN},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(account_verdict(cases[i].result, cases[i].diagnostic, cases[i].policy, NULL),
                         cases[i].verdict);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),    cmocka_unit_test(filters),
        cmocka_unit_test(dns),      cmocka_unit_test(groups_end_and_come_once),
        cmocka_unit_test(breakers), cmocka_unit_test(groups_are_bounded),
        cmocka_unit_test(verdicts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
