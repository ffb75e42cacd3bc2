/* Columns stay aligned and rows stay rows, whatever the cells hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/carrelctl/table.h"

static const struct table_column columns[] = {{"NAME", false}, {"SIZE", true}, {"STATE", false}};

static char *printed(struct table *table, bool colour)
{
    char *out = NULL;
    size_t size;
    FILE *f = open_memstream(&out, &size);

    table_print(table, f, colour);
    fclose(f);
    return out;
}

static void fill(struct table *table)
{
    table_cell(table, "büro", TABLE_PLAIN);
    table_cell(table, "7", TABLE_PLAIN);
    table_cell(table, "ready", TABLE_GOOD);
    table_cell(table, "a\nb", TABLE_PLAIN);
    table_cell(table, "1234567", TABLE_PLAIN);
    table_cell(table, NULL, TABLE_PLAIN);
}

static void test_aligned(void **state)
{
    struct table *table = table_new(columns, 3);

    (void)state;
    fill(table);
    table_cell(table, "half a row is not printed", TABLE_PLAIN);
    assert_int_equal(table_rows(table), 2);
    char *out = printed(table, false);
    assert_string_equal(out, "NAME       SIZE  STATE\n"
                             "büro          7  ready\n"
                             "a\\x0ab  1234567  -\n");
    free(out);
    table_free(table);
}

static void test_colour_only_when_asked(void **state)
{
    struct table *table = table_new(columns, 3);

    (void)state;
    fill(table);
    char *plain = printed(table, false), *coloured = printed(table, true);
    assert_null(strchr(plain, '\033'));
    assert_non_null(strstr(coloured, "\033[32mready\033[0m"));
    free(plain);
    free(coloured);
    table_free(table);
}

static void test_empty(void **state)
{
    struct table *table = table_new(columns, 3);
    char *out = printed(table, false);

    (void)state;
    assert_string_equal(out, "NAME  SIZE  STATE\n");
    free(out);
    table_free(table);
    table_free(NULL);
}

static void test_many_rows(void **state)
{
    struct table *table = table_new(columns, 3);

    (void)state;
    for (int i = 0; i < 3000; i++)
        assert_true(table_cell(table, "x", TABLE_PLAIN));
    assert_int_equal(table_rows(table), 1000);
    table_free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_aligned),
        cmocka_unit_test(test_colour_only_when_asked),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_many_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
