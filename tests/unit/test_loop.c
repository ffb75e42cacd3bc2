/* lib/net/loop: posted tasks, timers, signals, the end. */
#include "lib/net/loop.h"

#include "lib/base/mem.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct loop *loop;
static int calls;
static char order[16];

struct task {
    struct loop_task base;
    char name;
    struct task *drop;
    bool again;
};

static void run_task(struct loop_task *base)
{
    struct task *task = CONTAINER_OF(base, struct task, base);
    size_t len = strlen(order);
    order[len] = task->name;
    order[len + 1] = '\0';
    if (task->drop != NULL)
        assert_true(loop_unpost(loop, &task->drop->base));
    if (task->again) {
        task->again = false;
        loop_post(loop, base);
    }
    if (task->name == 'z')
        loop_stop(loop);
}

static int start(void **state)
{
    (void)state;
    calls = 0;
    order[0] = '\0';
    return loop_new(&loop, NULL);
}

static int stop(void **state)
{
    (void)state;
    loop_free(loop);
    return 0;
}

static void test_tasks_run_in_order_once(void **state)
{
    (void)state;
    struct task a = {.base = {.run = run_task}, .name = 'a'};
    struct task b = {.base = {.run = run_task}, .name = 'b'};
    struct task z = {.base = {.run = run_task}, .name = 'z'};
    loop_post(loop, &a.base);
    loop_post(loop, &b.base);
    loop_post(loop, &a.base); /* queued already */
    loop_post(loop, &z.base);
    loop_run(loop);
    assert_string_equal(order, "abz");
    assert_false(loop_unpost(loop, &a.base));
}

static void test_task_may_post_itself_and_unpost_others(void **state)
{
    (void)state;
    struct task b = {.base = {.run = run_task}, .name = 'b'};
    struct task z = {.base = {.run = run_task}, .name = 'z'};
    struct task a = {.base = {.run = run_task}, .name = 'a', .drop = &b};
    struct task c = {.base = {.run = run_task}, .name = 'c', .again = true};
    loop_post(loop, &a.base);
    loop_post(loop, &b.base);
    loop_post(loop, &c.base);
    while (strlen(order) < 3)
        loop_run_once(loop, true);
    loop_post(loop, &z.base);
    loop_run(loop);
    assert_string_equal(order, "accz");
}

static void *post_many(void *arg)
{
    struct task *tasks = arg;
    for (int i = 0; i < 1000; i++)
        loop_post(loop, &tasks[i].base);
    return NULL;
}

static void count_task(struct loop_task *task)
{
    (void)task;
    calls++;
}

static void test_other_threads_post(void **state)
{
    (void)state;
    static struct task tasks[4][1000];
    pthread_t threads[4];
    memset(tasks, 0, sizeof(tasks));
    for (int t = 0; t < 4; t++)
        for (int i = 0; i < 1000; i++)
            tasks[t][i].base.run = count_task;
    for (int t = 0; t < 4; t++)
        assert_int_equal(pthread_create(&threads[t], NULL, post_many, tasks[t]), 0);
    while (calls < 4000)
        loop_run_once(loop, true);
    for (int t = 0; t < 4; t++)
        pthread_join(threads[t], NULL);
    assert_int_equal(calls, 4000);
}

static void on_timer(void *arg)
{
    struct loop_timer **timer = arg;
    if (++calls == 3) {
        loop_timer_free(*timer);
        loop_stop(loop);
    }
}

static void test_timer_repeats_and_may_free_itself(void **state)
{
    (void)state;
    struct loop_timer *timer = loop_timer_new(loop, on_timer, &timer);
    assert_non_null(timer);
    assert_false(loop_timer_running(timer));
    loop_timer_start(timer, 1, 1);
    assert_true(loop_timer_running(timer));
    loop_run(loop);
    assert_int_equal(calls, 3);
}

static void on_signal(int signum, void *arg)
{
    assert_int_equal(signum, SIGUSR1);
    assert_ptr_equal(arg, &calls);
    calls++;
    loop_stop(loop);
}

static void test_signals_arrive_on_the_loop(void **state)
{
    (void)state;
    assert_int_equal(loop_on_signal(loop, SIGUSR1, on_signal, NULL, NULL), 0);
    assert_int_equal(loop_on_signal(loop, SIGUSR1, on_signal, &calls, NULL), 0); /* replaces */
    kill(getpid(), SIGUSR1);
    loop_run(loop);
    assert_int_equal(calls, 1);
}

static void test_end_drops_what_was_posted(void **state)
{
    (void)state;
    struct task a = {.base = {.run = run_task}, .name = 'a'};
    struct loop *kept = loop;
    struct loop *short_lived = NULL;
    assert_int_equal(loop_new(&short_lived, NULL), 0);
    loop_post(short_lived, &a.base);
    loop_free(short_lived);
    loop_free(NULL);
    assert_string_equal(order, "");
    loop = kept;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_tasks_run_in_order_once, start, stop),
        cmocka_unit_test_setup_teardown(test_task_may_post_itself_and_unpost_others, start, stop),
        cmocka_unit_test_setup_teardown(test_other_threads_post, start, stop),
        cmocka_unit_test_setup_teardown(test_timer_repeats_and_may_free_itself, start, stop),
        cmocka_unit_test_setup_teardown(test_signals_arrive_on_the_loop, start, stop),
        cmocka_unit_test_setup_teardown(test_end_drops_what_was_posted, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
