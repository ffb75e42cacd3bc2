/* Accounts of a desktop, on copies of the files: made, repaired, given a password, removed; nothing else is touched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <crypt.h>
#include <sys/stat.h>
#include <unistd.h>

#include "deploy/guest/accounts.h"
#include "deploy/guest/tree.h"

#define PASSWD "root:x:0:0:root:/root:/bin/bash\nxrdp:x:104:107::/run/xrdp:/usr/sbin/nologin\n"
#define SHADOW "root:*:20000:0:99999:7:::\nxrdp:!:20000::::::\n"
#define GROUP  "root:x:0:\nxrdp:x:107:\n"

static char root[64];

static void path_of(const char *name, char out[128])
{
    snprintf(out, 128, "%s%s", root, name);
}

static void put(const char *name, const char *text)
{
    char path[128];
    path_of(name, path);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static const char *get(const char *name)
{
    static char text[8192];
    char path[128];
    path_of(name, path);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
    fclose(f);
    return text;
}

static void dir(const char *name)
{
    char path[128];
    path_of(name, path);
    assert_int_equal(mkdir(path, 0755), 0);
}

static int set_up(void **state)
{
    (void)state;
    strcpy(root, "/tmp/carrel-accounts-XXXXXX");
    assert_non_null(mkdtemp(root));
    dir("/etc");
    dir("/home");
    dir("/etc/skel");
    dir("/etc/skel/.config");
    put("/etc/passwd", PASSWD);
    put("/etc/shadow", SHADOW);
    put("/etc/group", GROUP);
    put("/etc/skel/.bashrc", "# shell\n");
    put("/etc/skel/.config/x", "1\n");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return tree_remove(root, NULL);
}

static bool exists(const char *name)
{
    char path[128];
    struct stat st;
    path_of(name, path);
    return lstat(path, &st) == 0;
}

static bool password_is(const char *user, const char *password)
{
    char want[64], hash[256];
    struct crypt_data data = {0};
    snprintf(want, sizeof(want), "\n%s:", user);
    const char *line = strstr(get("/etc/shadow"), want);
    assert_non_null(line);
    assert_int_equal(sscanf(line + strlen(want), "%255[^:]", hash), 1);
    return strcmp(crypt_r(password, hash, &data), hash) == 0;
}

static void test_made(void **state)
{
    (void)state;
    struct error e = {0};
    uid_t uid = 0;
    assert_int_equal(accounts_set(root, "alice", "first", "Alice: the, one", &e), 0);
    assert_string_equal(get("/etc/passwd"), PASSWD "alice:x:1000:1000:Alice  the  one:/home/alice:/bin/bash\n");
    assert_string_equal(get("/etc/group"), GROUP "alice:x:1000:\n");
    assert_true(password_is("alice", "first"));
    assert_false(password_is("alice", "second"));
    assert_string_equal(get("/home/alice/.bashrc"), "# shell\n");
    assert_string_equal(get("/home/alice/.config/x"), "1\n");
    assert_int_equal(accounts_uid(root, "alice", &uid, &e), 0);
    assert_int_equal(uid, 1000);
}

static void test_again(void **state)
{
    (void)state;
    struct error e = {0};
    assert_int_equal(accounts_set(root, "alice", "first", "", &e), 0);
    assert_int_equal(accounts_set(root, "bob", "other", "", &e), 0);
    put("/home/alice/mine", "kept\n");
    assert_int_equal(accounts_set(root, "alice", "second", "", &e), 0);
    assert_true(password_is("alice", "second"));
    assert_true(password_is("bob", "other"));
    assert_string_equal(get("/home/alice/mine"), "kept\n");
    assert_non_null(strstr(get("/etc/passwd"), "bob:x:1001:1001:"));
}

static void test_system_account(void **state)
{
    (void)state;
    struct error e = {0};
    assert_int_equal(accounts_set(root, "root", "x", "", &e), ERR_DENIED);
    assert_int_equal(accounts_set(root, "xrdp", "x", "", &e), ERR_DENIED);
    assert_int_equal(accounts_remove(root, "root", &e), ERR_DENIED);
    assert_string_equal(get("/etc/shadow"), SHADOW);
    assert_string_equal(get("/etc/passwd"), PASSWD);
}

static void test_removed(void **state)
{
    (void)state;
    struct error e = {0};
    char path[128];
    uid_t uid;
    assert_int_equal(accounts_set(root, "alice", "first", "", &e), 0);
    put("/outside", "stays\n");
    path_of("/home/alice/link", path);
    assert_int_equal(symlink("../../outside", path), 0);
    path_of("/home/alice/linkdir", path);
    assert_int_equal(symlink("../../etc", path), 0);
    assert_int_equal(accounts_remove(root, "alice", &e), 0);
    assert_false(exists("/home/alice"));
    assert_string_equal(get("/outside"), "stays\n");
    assert_string_equal(get("/etc/passwd"), PASSWD);
    assert_string_equal(get("/etc/shadow"), SHADOW);
    assert_string_equal(get("/etc/group"), GROUP);
    assert_int_equal(accounts_uid(root, "alice", &uid, &e), ERR_NOT_FOUND);
    assert_int_equal(accounts_remove(root, "alice", &e), 0);
}

static void test_half_made(void **state)
{
    (void)state;
    struct error e = {0};
    dir("/home/.alice.carrel"); /* power was lost while the home was being filled */
    put("/home/.alice.carrel/part", "");
    assert_int_equal(accounts_set(root, "alice", "first", "", &e), 0);
    assert_false(exists("/home/alice/part"));
    assert_true(exists("/home/alice/.bashrc"));
    put("/etc/shadow", SHADOW); /* … or before its password was written */
    assert_int_equal(accounts_set(root, "alice", "first", "", &e), 0);
    assert_true(password_is("alice", "first"));
}

static void test_home_is_a_link(void **state)
{
    (void)state;
    struct error e = {0};
    char path[128];
    path_of("/home/alice", path);
    assert_int_equal(symlink("../etc", path), 0);
    assert_int_equal(accounts_set(root, "alice", "first", "", &e), ERR_CONFLICT);
}

static void test_prefix_is_not_the_name(void **state)
{
    (void)state;
    struct error e = {0};
    assert_int_equal(accounts_set(root, "ann", "first", "", &e), 0);
    assert_int_equal(accounts_set(root, "anna", "second", "", &e), 0);
    assert_int_equal(accounts_remove(root, "ann", &e), 0);
    assert_non_null(strstr(get("/etc/passwd"), "\nanna:x:1001:"));
    assert_true(password_is("anna", "second"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_made, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_system_account, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_removed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_half_made, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_home_is_a_link, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_prefix_is_not_the_name, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
