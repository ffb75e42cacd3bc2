/* linkedclone/command: a program's end, words, time and cancelling become our errors. */
#include "linkedclone/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static int run(const char *script, struct command command, struct error *error)
{
    const char *argv[] = {"sh", "-c", script, NULL};
    command.argv = argv;
    return command_run(&command, error);
}

static void collect(void *arg, const char *data, size_t len)
{
    (void)buf_append(arg, data, len);
}

static void its_output_comes_whole(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 1 << 20);
    struct command command = {.output = collect, .arg = &out};
    assert_int_equal(run("seq 1 20000; echo noise >&2", command, NULL), 0);
    assert_int_equal(out.len, 108894);
    assert_string_equal(buf_str(&out) + out.len - 6, "20000\n");
    buf_done(&out);
}

static void failures_are_told_in_its_words(void **state)
{
    (void)state;
    struct error error = {0};
    assert_int_equal(run("echo 'that is \"no\" image' >&2; exit 1", (struct command){0}, &error), ERR_IMAGE);
    assert_non_null(strstr(error.text, "that is"));
    assert_null(strchr(error.text, '\n'));
    assert_int_equal(run("echo 'write: No space left on device' >&2; exit 1", (struct command){0}, &error),
                     ERR_NO_SPACE);
    assert_int_equal(run("kill -9 $$", (struct command){0}, &error), ERR_IMAGE);
    const char *missing[] = {"no-such-program-here", NULL};
    struct command command = {.argv = missing};
    assert_int_equal(command_run(&command, &error), ERR_UNSUPPORTED);
}

static void one_that_hangs_is_ended(void **state)
{
    (void)state;
    struct error error = {0};
    atomic_bool cancel = true;
    assert_int_equal(run("exec sleep 1000", (struct command){.deadline_ms = 50}, &error), ERR_TIMEOUT);
    assert_int_equal(run("exec sleep 1000", (struct command){.cancel = &cancel}, &error), ERR_CANCELLED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_output_comes_whole),
        cmocka_unit_test(failures_are_told_in_its_words),
        cmocka_unit_test(one_that_hangs_is_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
