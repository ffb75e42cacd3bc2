/* Words of the command line: what is understood, and the sentence for what is not. */
#include "client/carrelctl/parse.h"

#include "lib/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WORDS_MAX 24

/* Splits at blanks and parses. */
static int parse(const char *line, struct invocation *inv, struct error *e)
{
    static char copy[512];
    static char *argv[WORDS_MAX];
    int argc = 1;

    argv[0] = "carrelctl";
    snprintf(copy, sizeof(copy), "%s", line);
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
        argv[argc++] = word;
    argv[argc] = NULL;
    memset(inv, 0, sizeof(*inv));
    memset(e, 0, sizeof(*e));
    return parse_words(argc, argv, inv, e);
}

static void options_may_stand_anywhere(void **state)
{
    static const char *const lines[] = {
        "-o json pool create office --image debian@1 --min 2",
        "pool -o json create --min=2 office --image debian@1",
        "pool create --image=debian@1 office --min 2 --output json",
    };
    struct invocation inv;
    struct error e;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        assert_int_equal(parse(lines[i], &inv, &e), 0);
        assert_string_equal(inv.command->verb, "create");
        assert_string_equal(inv.args[0], "office");
        assert_string_equal(parse_option(&inv, "min"), "2");
        assert_string_equal(parse_option(&inv, "image"), "debian@1");
        assert_null(parse_option(&inv, "max"));
        assert_null(parse_option(&inv, "no such"));
        assert_string_equal(inv.globals[GLOBAL_OUTPUT], "json");
    }
}

static void words_after_dashes_are_the_clients(void **state)
{
    struct invocation inv;
    struct error e;

    (void)state;
    assert_int_equal(parse("connect office --print-command -- /f --wait", &inv, &e), 0);
    assert_int_equal(inv.n_rest, 2);
    assert_string_equal(inv.rest[0], "/f");
    assert_string_equal(inv.rest[1], "--wait");
    assert_non_null(parse_option(&inv, "print-command"));
    assert_int_equal(parse("pool list -- x", &inv, &e), ERR_INVALID);
}

static void a_value_may_look_like_an_option(void **state)
{
    struct invocation inv;
    struct error e;

    (void)state;
    assert_int_equal(parse("entitlement add office --group --wheel", &inv, &e), 0);
    assert_string_equal(parse_option(&inv, "group"), "--wheel");
}

static void help_needs_no_arguments(void **state)
{
    struct invocation inv;
    struct error e;

    (void)state;
    assert_int_equal(parse("--help", &inv, &e), 0);
    assert_null(inv.command);
    assert_int_equal(parse("pool --help", &inv, &e), 0);
    assert_string_equal(inv.noun, "pool");
    assert_int_equal(parse("pool create -h", &inv, &e), 0);
    assert_string_equal(inv.command->verb, "create");
}

static void mistakes_get_a_sentence(void **state)
{
    static const struct {
        const char *line, *says;
    } cases[] = {
        {"", "nothing to do"},
        {"pool", "pool needs a verb"},
        {"poool list", "did you mean pool?"},
        {"pool lst", "did you mean list?"},
        {"xyzzy", "there is no command"},
        {"pool list extra", "one word too many"},
        {"pool show", "pool is missing"},
        {"pool create office", "--image IMAGE is missing"},
        {"pool create office --image debian", "NAME@VERSION"},
        {"pool create office --image debian@0", "NAME@VERSION"},
        {"pool create office --image Debian@1", "NAME@VERSION"},
        {"pool create office --image debian@1 --min two", "--min must be a whole number"},
        {"pool create office --image debian@1 --min -1", "--min must be a whole number"},
        {"pool create office --image debian@1 --kind loose", "one of floating|dedicated"},
        {"pool create office --image debian@1 --kind float", "one of floating|dedicated"},
        {"pool create office --image debian@1 --grace soon", "a time such as"},
        {"pool create office --image debian@1 --imag x", "did you mean --image?"},
        {"pool create office --image debian@1 --image debian@2", "--image is given twice"},
        {"pool create office --image debian@1 --wait=yes", "--wait takes no value"},
        {"pool create office --image", "--image needs a value: IMAGE"},
        {"pool scale office", "at least one of"},
        {"entitlement add office", "exactly one of --group and --user"},
        {"entitlement add office --group a --user b", "exactly one of --group and --user"},
        {"pool list --url https://a --socket /b", "exclude each other"},
        {"pool list -x", "there is no option"},
        {"image publish debian@99999999999", "NAME@VERSION"},
        {"login alice --password secret", "there is no option --password"},
        {"login alice --password-stdn", "did you mean --password-stdin?"},
        {"pool show \xff\xfe", "not UTF-8"},
    };
    struct invocation inv;
    struct error e;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(parse(cases[i].line, &inv, &e), ERR_INVALID);
        if (!strstr(e.text, cases[i].says))
            fail_msg("\"%s\" says \"%s\", not \"%s\"", cases[i].line, e.text, cases[i].says);
    }
}

static void times(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {{"500ms", 500},   {"30s", 30000},    {"30", 30000}, {"10m", 600000},
                {"8h", 28800000}, {"7d", 604800000}, {"0", 0}};
    static const char *const bad[] = {"", "s", "-1s", "1w", "1 s", "99999d", "1.5h", "99999999999999999999"};
    int64_t ms;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_int_equal(parse_time(good[i].text, &ms), 0);
        assert_int_equal(ms, good[i].ms);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(parse_time(bad[i], &ms), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_may_stand_anywhere),      cmocka_unit_test(words_after_dashes_are_the_clients),
        cmocka_unit_test(a_value_may_look_like_an_option), cmocka_unit_test(help_needs_no_arguments),
        cmocka_unit_test(mistakes_get_a_sentence),         cmocka_unit_test(times),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
