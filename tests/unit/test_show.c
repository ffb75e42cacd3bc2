/* Answers of a server as cells, tables, JSON and YAML. */
#include "client/carrelctl/show.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW 1763830000000

static const struct column columns[] = {{"POOL", "name", COLUMN_TEXT},
                                        {"STATE", "state", COLUMN_STATE},
                                        {"MIN", "min", COLUMN_NUMBER},
                                        {"AGE", "created_at", COLUMN_AGE},
                                        {0}};

static char *shown(enum show_form form, const char *list, const char *answer, int expect)
{
    char *out = NULL;
    size_t size;
    FILE *f = open_memstream(&out, &size);
    struct show show = {.out = f, .form = form, .now_ms = NOW};
    json_t *doc = json_loads(answer, 0, NULL);

    assert_non_null(doc);
    assert_int_equal(show_answer(&show, columns, list, doc), expect);
    fclose(f);
    json_decref(doc);
    return out;
}

static void check(enum show_form form, const char *list, const char *answer, const char *want)
{
    char *got = shown(form, list, answer, 0);

    assert_string_equal(got, want);
    free(got);
}

static void lists_are_tables(void **state)
{
    (void)state;
    check(SHOW_TABLE, "pools",
          "{\"pools\":[{\"name\":\"office\",\"state\":\"open\",\"min\":2,\"created_at\":1763829940000},"
          "{\"name\":\"b\\u001b[2J\",\"state\":\"closed\",\"min\":null}]}",
          "POOL      STATE   MIN  AGE\n"
          "office    open      2  60s\n"
          "b\\x1b[2J  closed    -    -\n");
    check(SHOW_TABLE, "pools", "{\"pools\":[]}", "POOL  STATE  MIN  AGE\n");
}

static void what_no_column_names_is_shown_too(void **state)
{
    (void)state;
    check(SHOW_TABLE, NULL,
          "{\"name\":\"office\",\"colour\":\"red\",\"doors\":[\"rdp\",\"web\"],\"empty\":null,\"memory_mib\":384,"
          "\"grace_s\":7200,\"s\":1}",
          "POOL    office\n"
          "COLOUR  red\n"
          "DOORS   rdp, web\n"
          "MEMORY  384 MiB\n"
          "GRACE   2h\n"
          "S       1\n");
}

static void answers_of_another_shape_are_refused(void **state)
{
    (void)state;
    free(shown(SHOW_TABLE, "pools", "{\"hosts\":[]}", ERR_PROTOCOL));
    free(shown(SHOW_TABLE, "pools", "{\"pools\":{}}", ERR_PROTOCOL));
    free(shown(SHOW_JSON, NULL, "[1]", ERR_PROTOCOL));
    /* Rows that are no objects are rows of nothing. */
    check(SHOW_TABLE, "pools", "{\"pools\":[7]}", "POOL  STATE  MIN  AGE\n-     -        -    -\n");
}

static void json_is_what_the_server_sent(void **state)
{
    (void)state;
    check(SHOW_JSON, "pools", "{\"pools\":[{\"name\":\"Büro\"}]}", "[\n  {\n    \"name\": \"Büro\"\n  }\n]\n");
    /* With a direction mark in it, nothing but ASCII reaches the terminal. */
    check(SHOW_JSON, "pools", "{\"pools\":[{\"name\":\"Büro\\u202e\"}]}",
          "[\n  {\n    \"name\": \"B\\u00FCro\\u202E\"\n  }\n]\n");
}

static void yaml_quotes_what_would_be_read_otherwise(void **state)
{
    (void)state;
    check(SHOW_YAML, NULL,
          "{\"name\":\"office-001\",\"no\":\"no\",\"number\":\"12\",\"real\":12,\"empty\":\"\",\"none\":null,\"list\":["
          "true,\"a: b\"],"
          "\"nothing\":[],\"bell\":\"x\\u0007\"}",
          "name: office-001\n"
          "\"no\": \"no\"\n"
          "number: \"12\"\n"
          "real: 12\n"
          "empty: \"\"\n"
          "none: null\n"
          "list:\n"
          "- true\n"
          "- \"a: b\"\n"
          "nothing: []\n"
          "bell: \"x\\a\"\n");
}

static void cells(void **state)
{
    static const struct {
        struct column column;
        const char *object, *want;
    } cases[] = {
        {{"", "a.b", COLUMN_TEXT}, "{\"a\":{\"b\":\"deep\"}}", "deep"},
        {{"", "a.b", COLUMN_TEXT}, "{\"a\":3}", ""},
        {{"", "n", COLUMN_IMAGE}, "{\"n\":\"debian\",\"version\":3}", "debian@3"},
        {{"", "n", COLUMN_IMAGE}, "{\"n\":\"debian\"}", "debian"},
        {{"", "n", COLUMN_BYTES}, "{\"n\":2147483648}", "2.0 GiB"},
        {{"", "n", COLUMN_BYTES}, "{\"n\":0}", ""},
        {{"", "n", COLUMN_BYTES}, "{\"n\":\"big\"}", ""},
        {{"", "n", COLUMN_MIB}, "{\"n\":384}", "384 MiB"},
        {{"", "n", COLUMN_MIB}, "{\"n\":9223372036854775807}", ""},
        {{"", "n", COLUMN_PERCENT}, "{\"n\":40}", "40 %"},
        {{"", "n", COLUMN_LIST}, "{\"n\":[\"a\",\"b\",3]}", "a, b"},
        {{"", "n", COLUMN_AGE}, "{\"n\":1763829995000}", "5s"},
        {{"", "n", COLUMN_AGE}, "{\"n\":\"2025-11-22T16:45:40.000Z\"}", "60s"},
        {{"", "n", COLUMN_AGE}, "{\"n\":\"yesterday\"}", ""},
        {{"", "n", COLUMN_AGE}, "{\"n\":1763830005000}", "0s"},
        {{"", "n", COLUMN_UNTIL}, "{\"n\":1763830600000}", "10m"},
        {{"", "n", COLUMN_UNTIL}, "{\"n\":1763829000000}", "over"},
        {{"", "n", COLUMN_UNTIL}, "{\"n\":0}", ""},
        {{"", "n", COLUMN_TEXT}, "{\"n\":true}", "yes"},
        {{"", "n", COLUMN_TEXT}, "{\"n\":{\"ready\":2,\"booting\":1}}", "ready 2, booting 1"},
        {{"", "n", COLUMN_TEXT}, "{\"n\":{}}", ""},
        {{"", "n", COLUMN_SECONDS}, "{\"n\":600}", "10m"},
        {{"", "n", COLUMN_SECONDS}, "{\"n\":-1}", "-1"},
        {{"", "n", COLUMN_NUMBER}, "{\"n\":1.5}", "1.5"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_t *object = json_loads(cases[i].object, 0, NULL);
        char *got = show_cell(&cases[i].column, object, NOW);
        assert_string_equal(got, cases[i].want);
        free(got);
        json_decref(object);
    }
}

static void forms(void **state)
{
    (void)state;
    assert_int_equal(show_form_of(NULL), SHOW_TABLE);
    assert_int_equal(show_form_of("table"), SHOW_TABLE);
    assert_int_equal(show_form_of("json"), SHOW_JSON);
    assert_int_equal(show_form_of("yaml"), SHOW_YAML);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_are_tables),
        cmocka_unit_test(what_no_column_names_is_shown_too),
        cmocka_unit_test(answers_of_another_shape_are_refused),
        cmocka_unit_test(json_is_what_the_server_sent),
        cmocka_unit_test(yaml_quotes_what_would_be_read_otherwise),
        cmocka_unit_test(cells),
        cmocka_unit_test(forms),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
