/* Help, manual and completion name everything that the table has, and programs can read them. */
#include "client/carrelctl/help.h"

#include "lib/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *written(void (*write)(FILE *))
{
    char *out = NULL;
    size_t size;
    FILE *f = open_memstream(&out, &size);

    write(f);
    fclose(f);
    return out;
}

static void everything(FILE *f)
{
    help_write(NULL, NULL, f);
}

static void lines_fit(const char *text, size_t most)
{
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
        if (strcspn(line, "\n") > most)
            fail_msg("too long: %.*s", (int)strcspn(line, "\n"), line);
}

static void help_names_every_command(void **state)
{
    char *text = written(everything);

    (void)state;
    lines_fit(text, 104);
    for (size_t i = 0; i < n_commands; i++)
        assert_non_null(strstr(text, commands[i].summary));
    for (const struct param *p = globals; p->name; p++) {
        char option[40];
        snprintf(option, sizeof(option), "--%s", p->name);
        assert_non_null(strstr(text, option));
    }
    free(text);
}

static void help_of_a_command_names_its_options(void **state)
{
    (void)state;
    for (size_t i = 0; i < n_commands; i++) {
        char *out = NULL;
        size_t size;
        FILE *f = open_memstream(&out, &size);
        help_write(commands[i].noun, &commands[i], f);
        fclose(f);
        lines_fit(out, 104);
        for (const struct param *p = commands[i].options; p && p->name; p++)
            assert_non_null(strstr(out, p->help));
        free(out);
    }
}

/* man(7) would take a line that begins with a dot for a request, and an ASCII hyphen for a typographic one. */
static void manual_is_man_source(void **state)
{
    static const char *const requests[] = {".\\\"", ".TH ", ".SH ", ".SS ", ".PP", ".TP", ".B ", ".I ", ".RI "};
    char *text = written(help_man);

    (void)state;
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1) {
        bool known = *line != '.';
        for (size_t i = 0; i < ARRAY_LEN(requests); i++)
            known |= strncmp(line, requests[i], strlen(requests[i])) == 0;
        assert_true(known);
    }
    assert_non_null(strstr(text, "\\-\\-password\\-stdin"));
    free(text);
}

static void bash_reads_the_completion(void **state)
{
    FILE *bash =
        popen("bash -c 'source /dev/stdin; COMP_WORDS=(carrelctl pool cr); COMP_CWORD=2; _carrelctl; "
              "[ \"${COMPREPLY[*]}\" = create ]; a=$?; COMP_WORDS=(carrelctl pool create x --gr); COMP_CWORD=4; "
              "_carrelctl; [ \"${COMPREPLY[*]}\" = --grace ]; exit $((a + $?))'",
              "w");

    (void)state;
    assert_non_null(bash);
    help_completion(bash);
    assert_int_equal(pclose(bash), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(help_names_every_command),
        cmocka_unit_test(help_of_a_command_names_its_options),
        cmocka_unit_test(manual_is_man_source),
        cmocka_unit_test(bash_reads_the_completion),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
