/* Kept logins: found again, replaced whole, and never read from a file that others can touch. */
#include "client/carrelctl/keep.h"

#include "lib/base/mem.h"

#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char base[64];

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static int make_base(void **state)
{
    (void)state;
    snprintf(base, sizeof(base), "/tmp/test_keep.XXXXXX");
    return mkdtemp(base) ? 0 : -1;
}

static int remove_base(void **state)
{
    (void)state;
    return nftw(base, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void save(const char *directory, const char *url, const char *user, const char *token)
{
    struct keep_login login = {
        .url = (char *)url, .ca = "/etc/ca.pem", .username = (char *)user, .is_staff = true, .expires_at = 77};
    struct error e = {0};

    login.token = secret_from_str(token);
    if (keep_save(directory, &login, &e) < 0)
        fail_msg("%s", e.text);
    secret_free(login.token);
}

static void a_login_is_found_by_its_url_and_as_the_last(void **state)
{
    struct keep_login login = {0};
    char *directory = mem_printf("%s/a/b", base);
    struct error e = {0};

    (void)state;
    assert_int_equal(keep_load(directory, NULL, &login, &e), ERR_NOT_FOUND);
    save(directory, "https://one", "alice", "token-one");
    save(directory, "https://two", "bob", "token-two");
    assert_int_equal(keep_load(directory, NULL, &login, &e), 0);
    assert_string_equal(login.username, "bob");
    keep_done(&login);
    assert_int_equal(keep_load(directory, "https://one", &login, &e), 0);
    assert_string_equal(secret_bytes(login.token), "token-one");
    assert_string_equal(login.ca, "/etc/ca.pem");
    assert_true(login.is_staff);
    assert_int_equal(login.expires_at, 77);
    keep_done(&login);
    assert_int_equal(keep_load(directory, "https://three", &login, &e), ERR_NOT_FOUND);
    free(directory);
}

static void forgotten_is_gone(void **state)
{
    struct keep_login login = {0};
    struct error e = {0};

    (void)state;
    save(base, "https://one", "alice", "t");
    assert_int_equal(keep_forget(base, "https://one", &e), 0);
    assert_int_equal(keep_forget(base, "https://one", &e), 0);
    assert_int_equal(keep_load(base, "https://one", &login, &e), ERR_NOT_FOUND);
    assert_int_equal(keep_load(base, NULL, &login, &e), ERR_NOT_FOUND);
}

/* The one file "login-…" of the directory. */
static char found[256];
static int note_login(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)type;
    if (strncmp(path + ftw->base, "login-", 6) == 0) {
        assert_int_equal(st->st_mode & 0777, 0600);
        snprintf(found, sizeof(found), "%s", path);
    }
    return 0;
}

static void files_of_others_are_refused(void **state)
{
    struct keep_login login = {0};
    struct error e = {0};

    (void)state;
    save(base, "https://one", "alice", "t");
    assert_int_equal(nftw(base, note_login, 8, FTW_PHYS), 0);
    assert_int_equal(chmod(found, 0640), 0);
    assert_int_equal(keep_load(base, "https://one", &login, &e), ERR_DENIED);
    assert_non_null(strstr(e.text, "only you can read"));
    assert_int_equal(unlink(found), 0);
    assert_int_equal(symlink("/etc/hostname", found), 0);
    assert_int_not_equal(keep_load(base, "https://one", &login, &e), 0);
    assert_null(login.token);
}

static void damaged_files_say_so(void **state)
{
    static const char *const contents[] = {"",
                                           "{",
                                           "[]",
                                           "{\"url\":\"https://one\"}",
                                           "{\"url\":\"https://other\",\"username\":\"a\",\"token\":\"t\"}",
                                           "{\"url\":\"https://one\",\"username\":\"a\",\"token\":7}"};
    struct keep_login login = {0};
    struct error e = {0};

    (void)state;
    save(base, "https://one", "alice", "t");
    assert_int_equal(nftw(base, note_login, 8, FTW_PHYS), 0);
    for (size_t i = 0; i < ARRAY_LEN(contents); i++) {
        FILE *f = fopen(found, "w");
        fputs(contents[i], f);
        fclose(f);
        assert_int_equal(keep_load(base, "https://one", &login, &e), ERR_INVALID);
        assert_non_null(strstr(e.text, "log in again"));
        assert_null(login.token);
    }
}

static void the_directory_follows_the_environment(void **state)
{
    char *got;

    (void)state;
    setenv("HOME", "/srv/alice", 1);
    unsetenv("CARREL_STATE");
    unsetenv("XDG_STATE_HOME");
    assert_string_equal(got = keep_directory(NULL), "/srv/alice/.local/state/carrel");
    free(got);
    setenv("XDG_STATE_HOME", "/x", 1);
    assert_string_equal(got = keep_directory(NULL), "/x/carrel");
    free(got);
    setenv("CARREL_STATE", "/c", 1);
    assert_string_equal(got = keep_directory(NULL), "/c");
    free(got);
    assert_string_equal(got = keep_directory("/given"), "/given");
    free(got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_login_is_found_by_its_url_and_as_the_last, make_base, remove_base),
        cmocka_unit_test_setup_teardown(forgotten_is_gone, make_base, remove_base),
        cmocka_unit_test_setup_teardown(files_of_others_are_refused, make_base, remove_base),
        cmocka_unit_test_setup_teardown(damaged_files_say_so, make_base, remove_base),
        cmocka_unit_test(the_directory_follows_the_environment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
