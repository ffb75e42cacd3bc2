/* People against real slapd servers, with servers that are dead, silent, frozen or not to be trusted among them. */
#include "auth/ldap.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "tests/fakes/slapd.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define LOGIN_MS 10000

static struct slapd one, two;
static char cert_dir[256], ca[300], other_ca[300];

static struct ldap_conf usual(const char *servers)
{
    static struct secret *service;
    if (!service)
        service = secret_from_str(SLAPD_BIND_PASSWORD);
    return (struct ldap_conf){
        .servers = servers,
        .starttls = true,
        .ca_file = ca,
        .bind_dn = SLAPD_BIND_DN,
        .bind_password = service,
        .user_base = "ou=people,dc=example,dc=test",
        .user_filter = "(&(objectClass=inetOrgPerson)(uid=%u))",
        .user_attribute = "uid",
        .display_attribute = "cn",
        .group_base = "ou=groups,dc=example,dc=test",
        .group_member = "member",
        .connect_ms = 2000,
        .search_ms = 2000,
        .bind_ms = 2000,
        .server_ms = 2000,
    };
}

static struct auth *directory(const struct ldap_conf *conf)
{
    struct auth *auth = NULL;
    struct error why = {0};
    if (ldap_directory_new(conf, &auth, &why) != 0)
        fail_msg("%s", why.text);
    return auth;
}

static int login_bytes(struct auth *auth, const char *name, size_t len, const char *password, struct person **ret,
                       struct error *why)
{
    struct secret *secret CLEANUP(secret_freep) = secret_from_str(password);
    return auth->ops->authenticate(auth, name, len, secret, clock_mono_ms() + LOGIN_MS, ret, why);
}

static int login(struct auth *auth, const char *name, const char *password, struct person **ret, struct error *why)
{
    return login_bytes(auth, name, strlen(name), password, ret, why);
}

static void expect_in(struct auth *auth, const char *name, const char *password)
{
    struct person *person = NULL;
    struct error why = {0};
    int rc = login(auth, name, password, &person, &why);
    if (rc != 0)
        fail_msg("%s: %s: %s", name, err_name(rc), why.text);
    person_free(person);
}

static void expect_refused(struct auth *auth, const char *name, const char *password, int code)
{
    struct person *person = NULL;
    struct error why = {0};
    int rc = login(auth, name, password, &person, &why);
    if (rc != code)
        fail_msg("%s: %s instead of %s: %s", name, err_name(rc), err_name(code), why.text);
    assert_null(person);
}

static bool in_group(const struct person *person, const char *cn)
{
    for (size_t i = 0; i < person->n_groups; i++)
        if (strcmp(person->groups[i].cn, cn) == 0)
            return true;
    return false;
}

static void who_they_are(void **state)
{
    (void)state;
    struct ldap_conf conf = usual(one.ldap_uri);
    struct auth *auth = directory(&conf);
    struct person *person = NULL;
    assert_int_equal(login(auth, "ALICE", "alice-pw", &person, NULL), 0);
    assert_string_equal(person->username, "alice");
    assert_string_equal(person->display_name, "Alice Example");
    assert_string_equal(person->dn, "uid=alice,ou=people,dc=example,dc=test");
    assert_true(in_group(person, "engineers"));
    assert_false(in_group(person, "contractors"));
    /* A group whose DN needs every kind of escaping, and the one around it. */
    assert_true(in_group(person, "odd, (group)"));
    assert_true(in_group(person, "outer-odd"));
    person_free(person);
    auth_free(auth);
}

static void wrong_and_unknown_are_one(void **state)
{
    (void)state;
    struct ldap_conf conf = usual(one.ldap_uri);
    struct auth *auth = directory(&conf);
    expect_refused(auth, "alice", "wrong", ERR_BAD_CREDENTIALS);
    expect_refused(auth, "nobody-here", "wrong", ERR_BAD_CREDENTIALS);
    expect_refused(auth, "nopassword", "wrong", ERR_BAD_CREDENTIALS);
    expect_refused(auth, "twin", "twin-pw", ERR_BAD_CREDENTIALS);
    expect_in(auth, "alice", "alice-pw");
    auth_free(auth);
}

static void an_empty_password_never_binds(void **state)
{
    (void)state;
    struct ldap_conf conf = usual(one.ldap_uri);
    struct auth *auth = directory(&conf);
    expect_refused(auth, "alice", "", ERR_BAD_CREDENTIALS);
    auth_free(auth);
}

static void a_locked_account_is_told(void **state)
{
    (void)state;
    struct ldap_conf conf = usual(one.ldap_uri);
    struct auth *auth = directory(&conf);
    expect_refused(auth, "locked", "locked-pw", ERR_ACCOUNT_LOCKED);
    auth_free(auth);
}

static void nesting_and_cycles(void **state)
{
    (void)state;
    struct ldap_conf conf = usual(one.ldap_uri);
    struct auth *auth = directory(&conf);
    struct person *person = NULL;
    assert_int_equal(login(auth, "carol", "carol-pw", &person, NULL), 0);
    assert_int_equal(person->n_groups, 2);
    assert_string_equal(person->groups[0].cn, "contractors");
    assert_string_equal(person->groups[1].cn, "engineers");
    assert_int_equal(person->groups[1].depth, 2);
    person_free(person);
    assert_int_equal(login(auth, "bob", "bob-pw", &person, NULL), 0);
    assert_int_equal(person->n_groups, 4); /* engineers and the three of the loop, once each */
    assert_true(in_group(person, "loop-a") && in_group(person, "loop-b") && in_group(person, "loop-c"));
    assert_false(person->truncated);
    person_free(person);
    auth_free(auth);
}

static void posix_groups(void **state)
{
    (void)state;
    struct ldap_conf conf = usual(one.ldap_uri);
    conf.group_posix = true;
    struct auth *auth = directory(&conf);
    struct person *person = NULL;
    assert_int_equal(login(auth, "dave", "dave-pw", &person, NULL), 0);
    assert_true(in_group(person, "printers")); /* memberUid */
    assert_true(in_group(person, "staff"));    /* gidNumber */
    assert_true(in_group(person, "printing")); /* a groupOfNames around a posixGroup */
    person_free(person);
    auth_free(auth);
}

static void hostile_names(void **state)
{
    (void)state;
    struct ldap_conf conf = usual(one.ldap_uri);
    struct auth *auth = directory(&conf);
    static const char *const names[] = {
        "*",      "al*",    "alice)(uid=*", "*)(objectClass=*", "\\2a",     "alice\\00",   "(", ")", "uid=alice",
        " alice", "alice ", "a\x01",        "\xff\xfe",         "\xc0\xaf", "\xed\xa0\x80"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        expect_refused(auth, names[i], "alice-pw", ERR_BAD_CREDENTIALS);
    char longest[5000];
    memset(longest, 'a', sizeof(longest));
    assert_int_equal(login_bytes(auth, longest, sizeof(longest), "alice-pw", NULL, NULL), ERR_BAD_CREDENTIALS);
    assert_int_equal(login_bytes(auth, "alice\0bob", 9, "alice-pw", NULL, NULL), ERR_BAD_CREDENTIALS);
    assert_int_equal(login_bytes(auth, "", 0, "alice-pw", NULL, NULL), ERR_BAD_CREDENTIALS);
    /* Names that look hostile but are somebody's. */
    expect_in(auth, "o(dd)*\\", "odd-pw");
    expect_in(auth, "j\xc3\xb6rg", "joerg-pw");
    auth_free(auth);
}

static void a_wrong_ca_is_not_trusted(void **state)
{
    (void)state;
    struct ldap_conf conf = usual(one.ldap_uri);
    conf.ca_file = other_ca;
    struct auth *auth = directory(&conf);
    expect_refused(auth, "alice", "alice-pw", ERR_DIRECTORY_DOWN);
    auth_free(auth);
    conf.servers = one.ldaps_uri;
    auth = directory(&conf);
    expect_refused(auth, "alice", "alice-pw", ERR_DIRECTORY_DOWN);
    assert_int_equal(auth->ops->ready(auth, NULL), ERR_DIRECTORY_DOWN);
    auth_free(auth);
}

static void a_certificate_of_another_name_is_not_trusted(void **state)
{
    (void)state;
    char uri[64];
    snprintf(uri, sizeof(uri), "ldap://127.0.0.2:%d", one.port);
    struct ldap_conf conf = usual(uri);
    struct auth *auth = directory(&conf);
    expect_refused(auth, "alice", "alice-pw", ERR_DIRECTORY_DOWN);
    auth_free(auth);
}

static void ldaps_works_too(void **state)
{
    (void)state;
    struct ldap_conf conf = usual(one.ldaps_uri);
    struct auth *auth = directory(&conf);
    expect_in(auth, "alice", "alice-pw");
    auth_free(auth);
}

static void a_wrong_service_password_is_the_operators_affair(void **state)
{
    (void)state;
    struct ldap_conf conf = usual(one.ldap_uri);
    struct secret *wrong CLEANUP(secret_freep) = secret_from_str("wrong");
    conf.bind_password = wrong;
    struct auth *auth = directory(&conf);
    expect_refused(auth, "alice", "alice-pw", ERR_DIRECTORY_DOWN);
    auth_free(auth);
}

/* The servers before the good one cost the first login what the budget allows, and the next ones nothing: counted in
 * attempts, since the breaker is open, not in time. */
static void get_past(const char *bad_uri)
{
    char servers[256];
    snprintf(servers, sizeof(servers), "%s %s", bad_uri, two.ldap_uri);
    struct ldap_conf conf = usual(servers);
    conf.connect_ms = conf.search_ms = conf.bind_ms = conf.server_ms = 500;
    struct auth *auth = directory(&conf);
    for (int i = 0; i < 20; i++)
        expect_in(auth, "alice", "alice-pw");
    assert_int_equal(auth->ops->ready(auth, NULL), 0);
    auth_free(auth);
}

static void dead_servers_are_passed_by(void **state)
{
    (void)state;
    char uri[64];
    snprintf(uri, sizeof(uri), "ldap://127.0.0.1:%d", slapd_free_port());
    get_past(uri);
}

static void tarpits_are_passed_by(void **state)
{
    (void)state;
    char uri[64];
    int fd;
    snprintf(uri, sizeof(uri), "ldap://127.0.0.1:%d", slapd_tarpit(&fd));
    get_past(uri);
    snprintf(uri, sizeof(uri), "ldaps://127.0.0.1:%d", slapd_tarpit(&fd));
    get_past(uri);
}

static void count_downs(enum log_id id, const char *line, void *arg)
{
    (void)line;
    int *counts = arg;
    counts[0] += id == EV_DIRECTORY_SERVER_DOWN;
    counts[1] += id == EV_DIRECTORY_SERVER_UP;
}

static void a_frozen_server_is_left_and_found_again(void **state)
{
    (void)state;
    char servers[256];
    int counts[2] = {0};
    snprintf(servers, sizeof(servers), "%s %s", one.ldap_uri, two.ldap_uri);
    struct ldap_conf conf = usual(servers);
    conf.connect_ms = conf.search_ms = conf.bind_ms = conf.server_ms = 500;
    struct auth *auth = directory(&conf);
    expect_in(auth, "alice", "alice-pw");
    log_tap(count_downs, counts);
    kill(one.pid, SIGSTOP);
    for (int i = 0; i < 20; i++)
        expect_in(auth, "alice", "alice-pw");
    kill(one.pid, SIGCONT);
    assert_int_equal(counts[0], 1);
    for (int i = 0; i < 500 && counts[1] == 0; i++)
        usleep(20000);
    log_tap(NULL, NULL);
    assert_int_equal(counts[1], 1);
    expect_in(auth, "alice", "alice-pw");
    auth_free(auth);
}

static void a_restart_is_not_noticed(void **state)
{
    (void)state;
    struct ldap_conf conf = usual(two.ldap_uri);
    struct auth *auth = directory(&conf);
    for (int i = 0; i < 3; i++) {
        expect_in(auth, "bob", "bob-pw");
        slapd_stop(&two);
        slapd_restart(&two);
    }
    expect_in(auth, "bob", "bob-pw");
    auth_free(auth);
}

static void all_down_is_said_and_ends(void **state)
{
    (void)state;
    struct ldap_conf conf = usual(two.ldap_uri);
    struct auth *auth = directory(&conf);
    expect_in(auth, "bob", "bob-pw");
    slapd_stop(&two);
    expect_refused(auth, "bob", "bob-pw", ERR_DIRECTORY_DOWN);
    expect_refused(auth, "bob", "bob-pw", ERR_DIRECTORY_DOWN);
    slapd_restart(&two);
    for (int i = 0; i < 500 && auth->ops->ready(auth, NULL) != 0; i++)
        usleep(20000);
    expect_in(auth, "bob", "bob-pw");
    auth_free(auth);
}

static void bad_configurations_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *servers, *filter, *says;
    } bad[] = {
        {"", "(uid=%u)", "no directory server is named"},
        {"http://x", "(uid=%u)", "\"http://x\" is not ldap://HOST[:PORT] or ldaps://HOST[:PORT]"},
        {"ldapi:///", "(uid=%u)", "\"ldapi:///\" is not ldap://HOST[:PORT] or ldaps://HOST[:PORT]"},
        {"ldap://x", "(uid=alice)", "user_filter \"(uid=alice)\" must hold %u for the name and no other %"},
        {"ldap://x", "(uid=%u%s)", "user_filter \"(uid=%u%s)\" must hold %u for the name and no other %"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct ldap_conf conf = usual(bad[i].servers);
        struct auth *auth = NULL;
        struct error why = {0};
        conf.user_filter = bad[i].filter;
        assert_int_equal(ldap_directory_new(&conf, &auth, &why), ERR_CONFIG);
        assert_string_equal(why.text, bad[i].says);
    }
}

static int start(void **state)
{
    (void)state;
    setenv("LDAPNOINIT", "1", 1);
    signal(SIGPIPE, SIG_IGN); /* as loop_new() does in the daemons */
    snprintf(cert_dir, sizeof(cert_dir), "build/test/slapd-certs-%d", (int)getpid());
    snprintf(ca, sizeof(ca), "%s/ca.pem", cert_dir);
    snprintf(other_ca, sizeof(other_ca), "%s/other-ca.pem", cert_dir);
    slapd_make_certificates(cert_dir);
    slapd_start(&one, "one", cert_dir);
    slapd_start(&two, "two", cert_dir);
    return 0;
}

static int remove_dirs(void)
{
    char command[128];
    snprintf(command, sizeof(command), "rm -rf build/test/slapd-%d-* build/test/slapd-certs-%d", (int)getpid(),
             (int)getpid());
    return system(command);
}

static int stop(void **state)
{
    (void)state;
    slapd_stop(&one);
    slapd_stop(&two);
    return remove_dirs() == 0 ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_they_are),
        cmocka_unit_test(wrong_and_unknown_are_one),
        cmocka_unit_test(an_empty_password_never_binds),
        cmocka_unit_test(a_locked_account_is_told),
        cmocka_unit_test(nesting_and_cycles),
        cmocka_unit_test(posix_groups),
        cmocka_unit_test(hostile_names),
        cmocka_unit_test(a_wrong_ca_is_not_trusted),
        cmocka_unit_test(a_certificate_of_another_name_is_not_trusted),
        cmocka_unit_test(ldaps_works_too),
        cmocka_unit_test(a_wrong_service_password_is_the_operators_affair),
        cmocka_unit_test(dead_servers_are_passed_by),
        cmocka_unit_test(tarpits_are_passed_by),
        cmocka_unit_test(a_frozen_server_is_left_and_found_again),
        cmocka_unit_test(a_restart_is_not_noticed),
        cmocka_unit_test(all_down_is_said_and_ends),
        cmocka_unit_test(bad_configurations_are_named),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
