/* The RDP client's arguments: nothing of the site may become an argument of its own, and nothing secret a word of a
 * command line. */
#include "client/carrelctl/rdp.h"

#include "lib/base/mem.h"

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

static const struct rdp_door good = {.host = "gateway.example",
                                     .port = 3389,
                                     .token = "abc-DEF_1",
                                     .title = "office",
                                     .username = "alice",
                                     .password = "it's \"x\" \\ y",
                                     .domain = ""};

static char *args(const struct rdp_door *door, char *const *extra, size_t n, bool masked, int expect)
{
    struct error e = {0};
    struct buf b;

    buf_init(&b, RDP_ARGS_MAX);
    assert_int_equal(rdp_args(door, extra, n, masked, &b, &e), expect);
    char *text = mem_strdup(buf_str(&b));
    buf_done(&b);
    return text;
}

static void one_argument_a_line(void **state)
{
    char *extra[] = {"/f", "+clipboard"};
    char *text = args(&good, extra, 2, false, 0);

    (void)state;
    assert_string_equal(
        text, "/v:gateway.example:3389\n/load-balance-info:Cookie: msts=abc-DEF_1\n/cert:deny\n/log-level:ERROR\n"
              "/t:office\n/u:alice\n/p:it's \"x\" \\ y\n/f\n+clipboard\n");
    free(text);
}

static void masked_shows_no_secret(void **state)
{
    char *text = args(&good, NULL, 0, true, 0);

    (void)state;
    assert_null(strstr(text, "abc-DEF_1"));
    assert_null(strstr(text, "it's"));
    assert_non_null(strstr(text, "/p:********\n"));
    free(text);
}

static void without_an_account_the_desktop_asks(void **state)
{
    struct rdp_door door = good;
    char *text;

    (void)state;
    door.username = door.password = door.title = NULL;
    door.domain = "CORP";
    text = args(&door, NULL, 0, false, 0);
    assert_null(strstr(text, "/u:"));
    assert_null(strstr(text, "/p:"));
    assert_non_null(strstr(text, "/d:CORP\n"));
    free(text);
}

static void values_that_would_be_arguments_are_refused(void **state)
{
    char long_token[200], *newline[] = {"/f\n/cert:ignore"};
    struct rdp_door cases[] = {good, good, good, good, good, good, good, good, good, good};

    (void)state;
    memset(long_token, 'a', sizeof(long_token) - 1);
    long_token[sizeof(long_token) - 1] = '\0';
    cases[0].host = "a\n/cert:ignore";
    cases[1].host = "-x";
    cases[2].host = "";
    cases[3].port = 0;
    cases[4].token = "a b";
    cases[5].token = "a\r\nCookie";
    cases[6].token = long_token;
    cases[7].username = "alice\n/cert:ignore";
    cases[8].password = "p\n/cert:ignore";
    cases[9].title = "t\x1b[2J";
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        free(args(&cases[i], NULL, 0, false, ERR_INVALID));
    free(args(&good, newline, 1, false, ERR_INVALID));
}

static void too_much_is_refused(void **state)
{
    char *extra[1] = {malloc(RDP_ARGS_MAX + 1)};

    (void)state;
    memset(extra[0], 'x', RDP_ARGS_MAX);
    extra[0][RDP_ARGS_MAX] = '\0';
    free(args(&good, extra, 1, false, ERR_TOO_BIG));
    free(extra[0]);
}

/* A stand-in for the client: tells its version, else writes down what it got and ends with the status in the variable
 * STATUS. */
static void write_client(const char *path, const char *version)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    fprintf(f,
            "#!/bin/sh\nif [ \"$1\" = --version ]; then echo 'This is FreeRDP version %s'; exit 0; fi\n"
            "{ echo \"argv $*\"; echo \"ca $SSL_CERT_FILE\"; cat <&3; } >\"$0.got\"\nexit ${STATUS:-0}\n",
            version);
    fclose(f);
    assert_int_equal(chmod(path, 0755), 0);
}

static void the_client_must_be_of_version_3(void **state)
{
    char dir[] = "/tmp/test_rdp.XXXXXX", path[64], search[128], *client = NULL;
    struct error e = {0};

    (void)state;
    assert_non_null(mkdtemp(dir));
    setenv("PATH", dir, 1);
    assert_int_equal(rdp_find(NULL, &client, &e), ERR_NOT_FOUND);
    assert_int_equal(rdp_find("/nonexistent", &client, &e), ERR_NOT_FOUND);
    snprintf(search, sizeof(search), "%s:/bin:/usr/bin", dir);
    setenv("PATH", search, 1);
    snprintf(path, sizeof(path), "%s/myrdp", dir);
    write_client(path, "2.11.7");
    assert_int_equal(rdp_find("myrdp", &client, &e), ERR_UNSUPPORTED);
    write_client(path, "3.10.3");
    assert_int_equal(rdp_find("myrdp", &client, &e), 0);
    assert_string_equal(client, path);
    free(client);
    unlink(path);
    rmdir(dir);
}

static void secrets_come_through_the_pipe(void **state)
{
    char dir[] = "/tmp/test_rdp.XXXXXX", path[64], got_path[80], got[1024] = "";
    struct error e = {0};
    struct buf b;
    int status = -1;

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/client", dir);
    snprintf(got_path, sizeof(got_path), "%s.got", path);
    write_client(path, "3.10.3");
    buf_init(&b, RDP_ARGS_MAX);
    assert_int_equal(rdp_args(&good, NULL, 0, false, &b, &e), 0);
    setenv("STATUS", "131", 1);
    assert_int_equal(rdp_run(path, &b, "/etc/site-ca.pem", &status, &e), 0);
    assert_int_equal(status, 131);
    FILE *f = fopen(got_path, "r");
    assert_non_null(f);
    got[fread(got, 1, sizeof(got) - 1, f)] = '\0';
    fclose(f);
    assert_ptr_equal(strstr(got, "argv /args-from:fd:3\nca /etc/site-ca.pem\n/v:gateway.example:3389\n"), got);
    assert_non_null(strstr(got, "msts=abc-DEF_1\n"));
    buf_done(&b);
    unlink(got_path);
    unlink(path);
    rmdir(dir);
}

static void statuses_tell_what_happened(void **state)
{
    static const struct {
        int status;
        enum rdp_end end;
        const char *why;
    } cases[] = {
        {0, RDP_CLOSED, ""},
        {2, RDP_CLOSED, ""},
        {11, RDP_CLOSED, ""},
        {7, RDP_FAILED, "refused"},
        {127, RDP_FAILED, "started"},
        {143, RDP_FAILED, "certificate"},
        {132, RDP_FAILED, "account"},
        {147, RDP_LOST, ""},
        {130, RDP_LOST, ""},
        {255, RDP_LOST, ""},
        {RDP_SIGNALLED + 15, RDP_LOST, ""},
        {-1, RDP_LOST, ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *why = NULL;
        assert_int_equal(rdp_end_of(cases[i].status, &why), cases[i].end);
        assert_non_null(strstr(why, cases[i].why));
        assert_int_equal(why[0] != '\0', cases[i].end == RDP_FAILED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_argument_a_line),
        cmocka_unit_test(masked_shows_no_secret),
        cmocka_unit_test(without_an_account_the_desktop_asks),
        cmocka_unit_test(values_that_would_be_arguments_are_refused),
        cmocka_unit_test(too_much_is_refused),
        cmocka_unit_test(the_client_must_be_of_version_3),
        cmocka_unit_test(secrets_come_through_the_pipe),
        cmocka_unit_test(statuses_tell_what_happened),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
