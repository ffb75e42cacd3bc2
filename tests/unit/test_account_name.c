/* account_name.c: directory names to account names in a desktop. */
#include "poolmgr/account_name.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void assert_account(const char *name)
{
    size_t n = strlen(name);

    assert_in_range(n, 1, 32);
    assert_true(name[0] >= 'a' && name[0] <= 'z');
    assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-"), n);
}

static const char *map(const char *person)
{
    static char names[4][ACCOUNT_NAME_SIZE];
    static unsigned at;
    char *name = names[at++ % 4];

    assert_int_equal(account_name(person, name, NULL), 0);
    assert_account(name);
    return name;
}

static void ordinary_names_stay(void **state)
{
    (void)state;
    assert_string_equal(map("alice"), "alice");
    assert_string_equal(map("Alice"), "alice");
    assert_string_equal(map("b-o_b2"), "b-o_b2");
    assert_string_equal(map("abcdefghijklmnopqrstuvwxyz012345"), "abcdefghijklmnopqrstuvwxyz012345");
}

static void lossy_names_differ(void **state)
{
    (void)state;
    assert_string_not_equal(map("anna.berg"), map("anna berg"));
    assert_string_not_equal(map("anna.berg"), map("anna-berg"));
    assert_string_equal(map("Anna.Berg"), map("anna.berg"));
    assert_int_equal(strncmp(map("anna.berg@example.org"), "anna-berg-example-org-", 22), 0);
    assert_string_not_equal(map("7of9"), map("u7of9"));
    assert_string_not_equal(map("\xc3\xa4nne"), map("\xc3\xb6nne"));
    assert_string_not_equal(map("abcdefghijklmnopqrstuvwxyz0123456"), map("abcdefghijklmnopqrstuvwxyz0123457"));
}

static void accounts_of_the_guest_are_never_touched(void **state)
{
    (void)state;
    const char *const names[] = {"root", "ROOT",         "xrdp", "systemd-network",
                                 "_apt", "carrel-guest", "sudo", "messagebus"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *name = map(names[i]);
        assert_string_not_equal(name, names[i]);
        assert_string_not_equal(name, "root");
        assert_int_not_equal(strncmp(name, "systemd-", 8), 0);
        assert_int_not_equal(strncmp(name, "carrel-", 7), 0);
        assert_int_not_equal(name[0], '_');
    }
}

static void refuses_what_is_no_name(void **state)
{
    (void)state;
    char name[ACCOUNT_NAME_SIZE] = "as it was", longer[ACCOUNT_PERSON_MAX + 2];
    struct error e = {0};

    memset(longer, 'a', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    assert_int_equal(account_name("", name, &e), ERR_INVALID);
    assert_int_equal(account_name("a\nb", name, NULL), ERR_INVALID);
    assert_int_equal(account_name("a\x7f", name, NULL), ERR_INVALID);
    assert_int_equal(account_name("\xff\xfe", name, NULL), ERR_INVALID);
    assert_int_equal(account_name(longer, name, NULL), ERR_INVALID);
    assert_string_equal(name, "as it was");
    longer[ACCOUNT_PERSON_MAX] = '\0';
    assert_int_equal(account_name(longer, name, NULL), 0);
}

/* Any bytes give a refusal or a valid account. */
static void any_bytes(void **state)
{
    (void)state;
    uint32_t seed = 1;

    for (int round = 0; round < 200000; round++) {
        char person[24], name[ACCOUNT_NAME_SIZE];
        size_t n = 0, length = 1 + (unsigned)round % 20;
        while (n < length) {
            seed = seed * 1664525u + 1013904223u;
            char c = (char)(seed >> 24);
            person[n++] = c ? c : 'x';
            if (round % 2)
                person[n - 1] &= 0x7f;
            if (!person[n - 1])
                person[n - 1] = '.';
        }
        person[n] = '\0';
        if (!account_name(person, name, NULL))
            assert_account(name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ordinary_names_stay),
        cmocka_unit_test(lossy_names_differ),
        cmocka_unit_test(accounts_of_the_guest_are_never_touched),
        cmocka_unit_test(refuses_what_is_no_name),
        cmocka_unit_test(any_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
