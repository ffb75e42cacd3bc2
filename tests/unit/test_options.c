/* lib/base/options: one table gives struct, parser and texts. */
#include "lib/base/mem.h"
#include "lib/base/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define CONF(X)                                                                                                        \
    X(STR, site, name, "main", 1, 0, "", false, "Name of the site")                                                    \
    X(STR, site, key, "", 1, 0, "", false, "Key file")                                                                 \
    X(INT, site, workers, "4", 1, 64, "threads", false, "Threads")                                                     \
    X(TIME, limits, idle, "10m", 0, 86400000, "", true, "Idle limit")                                                  \
    X(SIZE, limits, body, "64k", 0, 0, "", false, "Body limit")                                                        \
    X(BOOL, limits, strict, "on", 0, 0, "", false, "Strictness")                                                       \
    X(LIST, limits, servers, "a, b", 0, 0, "", false, "Servers")
struct conf {
    CONF(OPTION_FIELD)
};
#define OPTION_STRUCT struct conf
static const struct option_def defs[] = {CONF(OPTION_DEF)};
static const struct option_set set = OPTION_SET("carrel-test", "a test", "/nonexistent/carrel.conf", defs);

static int load(struct conf *c, const char *text, struct error *e)
{
    char path[] = "/tmp/carrel-options-XXXXXX";
    int fd CLEANUP_CLOSE = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(options_defaults(&set, c, e), 0);
    int r = options_load(&set, c, path, e);
    unlink(path);
    return r;
}

static void values_and_units_are_read(void **state)
{
    (void)state;
    struct conf c = {0};
    struct error e = {0};
    int r =
        load(&c, "[site]\nkey = /k\nworkers = 8\n[limits]\nidle = 90s\nbody=2M\nstrict = no\nservers = x y,z\n", &e);
    assert_int_equal(r, 0);
    assert_string_equal(c.name, "main");
    assert_string_equal(c.key, "/k");
    assert_int_equal(c.workers, 8);
    assert_int_equal(c.idle, 90000);
    assert_int_equal(c.body, 2 << 20);
    assert_false(c.strict);
    const char *cursor = c.servers;
    char word[8];
    int words = 0;
    while (options_list_next(&cursor, word, sizeof(word)))
        words++;
    assert_int_equal(words, 3);
    assert_string_equal(word, "z");
    options_done(&set, &c);
}

static void refused(const char *text, const char *line, const char *why)
{
    struct conf c = {0};
    struct error e = {0};
    assert_int_equal(load(&c, text, &e), ERR_CONFIG);
    if (strstr(e.text, line) == NULL || strstr(e.text, why) == NULL)
        fail_msg("\"%s\" lacks \"%s\" or \"%s\"", e.text, line, why);
    options_done(&set, &c);
}

static void mistakes_name_file_and_line(void **state)
{
    (void)state;
    refused("[site]\nkey=/k\nworker = 8\n", ":3: ", "worker is not an option");
    refused("[site]\nworkers = 65\n", ":2: ", "outside 1 to 64 threads");
    refused("[site]\nworkers = many\n", ":2: ", "not a whole number");
    refused("[limits]\nidle = 5 parsecs\n", ":2: ", "not a time");
    refused("[limits]\nstrict = perhaps\n", ":2: ", "neither on nor off");
    refused("[site]\nname =\n", ":2: ", "must not be empty");
    refused("[site]\nwhat is this\n", ":2", "not a line of the form");
    refused("[site]\nname = x\n", "/tmp/", "key is missing: Key file");
    refused("[limits]\nidle = 99999999999999999999s\n", ":2: ", "not a time");
}

static void missing_file_is_told_apart(void **state)
{
    (void)state;
    struct conf c = {0};
    struct error e = {0};
    assert_int_equal(options_load(&set, &c, "/nonexistent/x.conf", &e), ERR_NOT_FOUND);
    options_done(&set, &c);
}

static void texts_name_every_option(void **state)
{
    (void)state;
    void (*const writers[])(const struct option_set *, FILE *) = {options_write_help, options_write_sample,
                                                                  options_write_man};
    for (size_t i = 0; i < ARRAY_LEN(writers); i++) {
        char *text CLEANUP_FREE = NULL;
        size_t len = 0;
        FILE *f = open_memstream(&text, &len);
        writers[i](&set, f);
        fclose(f);
        for (size_t k = 0; k < ARRAY_LEN(defs); k++)
            assert_non_null(strstr(text, defs[k].name));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_and_units_are_read),
        cmocka_unit_test(mistakes_name_file_and_line),
        cmocka_unit_test(missing_file_is_told_apart),
        cmocka_unit_test(texts_name_every_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
