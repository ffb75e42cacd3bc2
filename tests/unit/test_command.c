/* The command table keeps its own promises: everything else is made from it. */
#include "client/carrelctl/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void nouns_stand_together(void **state)
{
    (void)state;
    for (size_t i = 1; i < n_commands; i++)
        for (size_t j = 0; j + 1 < i; j++)
            if (strcmp(commands[i].noun, commands[j].noun) == 0)
                assert_string_equal(commands[i].noun, commands[i - 1].noun);
}

static void commands_are_found_by_their_words(void **state)
{
    bool without_verb;

    (void)state;
    for (size_t i = 0; i < n_commands; i++) {
        assert_ptr_equal(command_find(commands[i].noun, commands[i].verb), &commands[i]);
        assert_true(command_has_noun(commands[i].noun, &without_verb));
        assert_int_equal(without_verb, commands[i].verb == NULL);
    }
    assert_null(command_find("pool", NULL));
    assert_null(command_find("pool", "destroy"));
    assert_null(command_find("login", "now"));
    assert_false(command_has_noun("pools", &without_verb));
}

/* Every {part} of both paths is an argument that goes into paths, and every such argument stands in them. */
static void check_path(const struct command *c, const char *path)
{
    size_t parts = 0, arguments = 0;

    for (const char *p = path; p && (p = strchr(p, '{')); p++) {
        bool found = false;
        for (const struct param *a = c->args; a && a->name; a++)
            found |=
                a->use == PARAM_PATH && strncmp(p + 1, a->name, strlen(a->name)) == 0 && p[1 + strlen(a->name)] == '}';
        assert_true(found);
        parts++;
    }
    for (const struct param *a = c->args; a && a->name; a++)
        arguments += a->use == PARAM_PATH;
    assert_int_equal(parts, arguments);
}

static void check_param(const struct param *p, bool is_option)
{
    assert_non_null(p->help);
    assert_true((p->help[0] >= 'A' && p->help[0] <= 'Z') || strncmp(p->help, "NAME", 4) == 0);
    assert_true(p->help[strlen(p->help) - 1] != '.');
    if (is_option)
        assert_int_equal(p->value == NULL, p->kind == PARAM_FLAG);
    assert_int_equal(p->choices != NULL, p->kind == PARAM_CHOICE);
}

static void every_command_is_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < n_commands; i++) {
        const struct command *c = &commands[i];
        assert_true(command_params(c->args) <= COMMAND_ARGS_MAX);
        assert_true(command_params(c->options) <= COMMAND_OPTIONS_MAX);
        assert_non_null(c->method);
        check_path(c, c->path);
        if (c->own_path)
            check_path(c, c->own_path);
        for (const struct param *p = c->args; p && p->name; p++)
            check_param(p, false);
        for (const struct param *p = c->options; p && p->name; p++) {
            check_param(p, true);
            assert_int_equal(command_option(c->options, p->name), p - c->options);
            /* `image import` has a version of its own. */
            if (strcmp(p->name, "version") != 0)
                assert_int_equal(command_option(globals, p->name), -1);
        }
    }
    for (const struct param *p = globals; p->name; p++)
        check_param(p, true);
    assert_int_equal(command_params(globals), GLOBAL_COUNT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nouns_stand_together),
        cmocka_unit_test(commands_are_found_by_their_words),
        cmocka_unit_test(every_command_is_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
