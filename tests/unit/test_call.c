/* Requests as the command table makes them, and the sites that are accepted. */
#include "client/carrelctl/call.h"

#include "lib/base/mem.h"
#include "lib/proto/doc.h"

#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct invocation parsed(const char *line)
{
    static char copy[512];
    static char *argv[24];
    struct invocation inv;
    struct error e = {0};
    int argc = 1;

    argv[0] = "carrelctl";
    snprintf(copy, sizeof(copy), "%s", line);
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
        argv[argc++] = word;
    argv[argc] = NULL;
    if (parse_words(argc, argv, &inv, &e) < 0)
        fail_msg("%s", e.text);
    return inv;
}

static void paths(void **state)
{
    static const struct {
        const char *line;
        bool own;
        const char *path;
    } cases[] = {
        {"pool list", false, "/api/v1/admin/pools"},
        {"pool list", true, "/api/v1/pools"},
        {"pool show office", true, "/api/v1/admin/pools/office"},
        {"image publish debian-desktop@1", false, "/api/v1/admin/images/debian-desktop@1/publish"},
        {"desktop list --pool a/b?c", false, "/api/v1/admin/desktops?pool=a%2Fb%3Fc"},
        {"session list --open --pool office", false, "/api/v1/admin/sessions?pool=office&open=1"},
        {"session show ../x", false, "/api/v1/admin/sessions/..%2Fx"},
        {"entitlement remove office --group Büro", false, "/api/v1/admin/entitlements?pool=office&group=B%C3%BCro"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct invocation inv = parsed(cases[i].line);
        char *path = call_path(&inv, cases[i].own);
        assert_string_equal(path, cases[i].path);
        free(path);
    }
}

static void bodies(void **state)
{
    struct invocation inv;
    struct error e = {0};
    json_t *body = NULL;

    (void)state;
    inv = parsed("pool create office --image d@1 --min 2 --memory 384 --grace 10m --kind floating --wait");
    assert_int_equal(call_body(&inv, &body, &e), 0);
    char *text = json_dumps(body, JSON_COMPACT);
    assert_string_equal(
        text,
        "{\"name\":\"office\",\"image\":\"d@1\",\"kind\":\"floating\",\"min\":2,\"memory_mib\":384,\"grace_s\":600}");
    free(text);
    json_decref(body);

    inv = parsed("image import d disk.qcow2 --format qcow2 --kernel /boot/k --publish");
    assert_int_equal(call_body(&inv, &body, &e), 0);
    char here[4096], want[4200];
    assert_non_null(getcwd(here, sizeof(here)));
    snprintf(want, sizeof(want), "%s/disk.qcow2", here);
    assert_string_equal(json_string_value(json_object_get(body, "path")), want);
    assert_string_equal(json_string_value(json_object_get(body, "kernel")), "/boot/k");
    assert_null(json_object_get(body, "publish"));
    json_decref(body);

    inv = parsed("pool list");
    body = NULL;
    assert_int_equal(call_body(&inv, &body, &e), 0);
    assert_null(body);
}

static void urls(void **state)
{
    static const struct {
        const char *url, *kept; /* NULL: refused */
    } cases[] = {
        {"https://host", "https://host"},
        {"https://host:8443/", "https://host:8443"},
        {"https://[::1]:8443", "https://[::1]:8443"},
        {"http://127.0.0.1:80", "http://127.0.0.1:80"},
        {"http://localhost", "http://localhost"},
        {"http://[::1]:80", "http://[::1]:80"},
        {"http://host", NULL},
        {"http://localhost.evil", NULL},
        {"http://127.0.0.1.evil", NULL},
        {"https://", NULL},
        {"https://user@host", NULL},
        {"https://host/path", NULL},
        {"https://host?x", NULL},
        {"ftp://host", NULL},
        {"host", NULL},
        {"", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct site site = {0};
        struct failure f = {0};
        assert_int_equal(site_set_url(&site, cases[i].url, &f), cases[i].kept ? OUTCOME_OK : OUTCOME_USAGE);
        if (cases[i].kept)
            assert_string_equal(site.url, cases[i].kept);
        site_done(&site);
    }
}

static void problems_become_sentences_and_statuses(void **state)
{
    static const struct {
        int status;
        const char *code;
        enum outcome outcome;
        const char *hint;
    } cases[] = {
        {401, "bad_credentials", OUTCOME_REFUSED, "Check the name"},
        {401, "unauthorized", OUTCOME_REFUSED, "Log in first"},
        {401, "some_new_code", OUTCOME_REFUSED, "Log in first"},
        {403, "not_entitled", OUTCOME_REFUSED, "entitlement list"},
        {404, "not_found", OUTCOME_REFUSED, ""},
        {503, "directory_down", OUTCOME_REFUSED, "Try again"},
        {502, "http_502", OUTCOME_UNREACHABLE, ""},
        {504, "broker_slow", OUTCOME_UNREACHABLE, ""},
        {503, "broker_down", OUTCOME_UNREACHABLE, ""},
        {403, "admin_not_here", OUTCOME_REFUSED, "inward"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct problem p;
        struct failure f;
        problem_set(&p, cases[i].status, cases[i].code, "A sentence.");
        assert_int_equal(outcome_problem(&f, &p), cases[i].outcome);
        assert_string_equal(f.text, "A sentence.");
        assert_string_equal(f.code, cases[i].code);
        assert_true(cases[i].hint[0] ? strstr(f.hint, cases[i].hint) != NULL : f.hint[0] == '\0');
    }
}

static void sentences_of_a_site_cannot_steer_the_terminal(void **state)
{
    struct failure f;
    char *out = NULL;
    size_t size;
    FILE *stream = open_memstream(&out, &size);

    (void)state;
    outcome_fail(&f, OUTCOME_REFUSED, "no \x1b[2Jdesktop\nfor you");
    outcome_print(&f, stream);
    fclose(stream);
    assert_string_equal(out, "carrelctl: no \\x1b[2Jdesktop\\x0afor you.\n");
    free(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths),
        cmocka_unit_test(bodies),
        cmocka_unit_test(urls),
        cmocka_unit_test(problems_become_sentences_and_statuses),
        cmocka_unit_test(sentences_of_a_site_cannot_steer_the_terminal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
