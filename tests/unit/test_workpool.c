/* lib/net/workpool: order, bounds, deadlines, shutdown. No step waits for a clock longer than it must. */
#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/net/workpool.h"

#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct job {
    struct workpool_job base;
    sem_t *wait_for; /* work() waits for it */
    sem_t *started;
    pthread_t worker;
    int done_calls;
    int status;
    int *order;
    int number;
    struct loop *loop;
    struct workpool *resubmit;
};

static void work(struct workpool_job *base, void *thread_data)
{
    struct job *job = CONTAINER_OF(base, struct job, base);
    (void)thread_data;
    job->worker = pthread_self();
    if (job->started != NULL)
        sem_post(job->started);
    if (job->wait_for != NULL)
        sem_wait(job->wait_for);
}

static int finished;

static void done(struct workpool_job *base, int status)
{
    struct job *job = CONTAINER_OF(base, struct job, base);
    job->done_calls++;
    job->status = status;
    if (job->order != NULL)
        job->order[finished] = job->number;
    finished++;
    if (job->resubmit != NULL) {
        struct workpool *pool = TAKE_PTR(job->resubmit);
        assert_int_equal(workpool_submit(pool, base), 0);
    }
}

static struct loop *make_loop(void)
{
    struct loop *loop = NULL;
    assert_int_equal(loop_new(&loop, NULL), 0);
    finished = 0;
    return loop;
}

static struct workpool *make_pool(struct loop *loop, unsigned threads, unsigned queue_max)
{
    struct workpool *pool = NULL;
    struct workpool_options options = {.name = "test", .threads = threads, .queue_max = queue_max};
    assert_int_equal(workpool_new(loop, &options, &pool, NULL), 0);
    return pool;
}

static void run_until(struct loop *loop, int count)
{
    while (finished < count)
        loop_run_once(loop, true);
}

static void test_done_comes_back_to_the_loop(void **state)
{
    (void)state;
    struct loop *loop = make_loop();
    struct workpool *pool = make_pool(loop, 2, 8);
    struct job job = {.base = {.work = work, .done = done}};
    assert_int_equal(workpool_submit(pool, &job.base), 0);
    run_until(loop, 1);
    assert_int_equal(job.done_calls, 1);
    assert_int_equal(job.status, 0);
    assert_false(pthread_equal(job.worker, pthread_self()));
    workpool_free(pool);
    loop_free(loop);
}

static void test_order_and_bound(void **state)
{
    (void)state;
    struct loop *loop = make_loop();
    struct workpool *pool = make_pool(loop, 1, 3);
    sem_t gate, started;
    sem_init(&gate, 0, 0);
    sem_init(&started, 0, 0);
    int order[8] = {0};
    struct job jobs[5];
    memset(jobs, 0, sizeof(jobs));
    for (int i = 0; i < 5; i++)
        jobs[i] = (struct job){.base = {.work = work, .done = done}, .order = order, .number = i};
    jobs[0].wait_for = &gate;
    jobs[0].started = &started;
    assert_int_equal(workpool_submit(pool, &jobs[0].base), 0);
    sem_wait(&started);
    for (int i = 1; i <= 3; i++)
        assert_int_equal(workpool_submit(pool, &jobs[i].base), 0);
    assert_int_equal(workpool_submit(pool, &jobs[4].base), ERR_BUSY);
    unsigned waiting, running;
    workpool_load(pool, &waiting, &running);
    assert_int_equal(waiting, 3);
    assert_int_equal(running, 1);
    sem_post(&gate);
    run_until(loop, 4);
    for (int i = 0; i < 4; i++)
        assert_int_equal(order[i], i);
    assert_int_equal(jobs[4].done_calls, 0);
    workpool_free(pool);
    loop_free(loop);
}

static void test_deadline_passes_while_all_threads_hang(void **state)
{
    (void)state;
    struct loop *loop = make_loop();
    struct workpool *pool = make_pool(loop, 1, 3);
    sem_t gate, started;
    sem_init(&gate, 0, 0);
    sem_init(&started, 0, 0);
    struct job hanging = {.base = {.work = work, .done = done}, .wait_for = &gate, .started = &started};
    struct job late = {.base = {.work = work, .done = done, .deadline_ms = clock_mono_ms() + 1}};
    assert_int_equal(workpool_submit(pool, &hanging.base), 0);
    sem_wait(&started);
    assert_int_equal(workpool_submit(pool, &late.base), 0);
    run_until(loop, 1);
    assert_int_equal(late.status, ERR_TIMEOUT);
    assert_int_equal(hanging.done_calls, 0);
    sem_post(&gate);
    run_until(loop, 2);
    assert_int_equal(hanging.status, 0);
    workpool_free(pool);
    loop_free(loop);
}

static void test_free_cancels_what_waits_and_waits_for_what_runs(void **state)
{
    (void)state;
    struct loop *loop = make_loop();
    struct workpool *pool = make_pool(loop, 1, 3);
    sem_t gate, started;
    sem_init(&gate, 0, 0);
    sem_init(&started, 0, 0);
    struct job running = {.base = {.work = work, .done = done}, .wait_for = &gate, .started = &started};
    struct job waiting = {.base = {.work = work, .done = done}};
    assert_int_equal(workpool_submit(pool, &running.base), 0);
    sem_wait(&started);
    assert_int_equal(workpool_submit(pool, &waiting.base), 0);
    sem_post(&gate);
    workpool_free(pool);
    assert_int_equal(running.done_calls, 1);
    assert_int_equal(running.status, 0);
    assert_int_equal(waiting.done_calls, 1);
    assert_true(waiting.status == ERR_CANCELLED || waiting.status == 0);
    loop_free(loop);
}

static void test_done_may_submit_again(void **state)
{
    (void)state;
    struct loop *loop = make_loop();
    struct workpool *pool = make_pool(loop, 1, 1);
    struct job job = {.base = {.work = work, .done = done}, .resubmit = pool};
    assert_int_equal(workpool_submit(pool, &job.base), 0);
    run_until(loop, 2);
    assert_int_equal(job.done_calls, 2);
    workpool_free(pool);
    loop_free(loop);
}

static int starts, ends;
static pthread_mutex_t counter = PTHREAD_MUTEX_INITIALIZER;

static void *thread_start(void *arg)
{
    pthread_mutex_lock(&counter);
    starts++;
    pthread_mutex_unlock(&counter);
    return arg;
}

static void thread_end(void *thread_data, void *arg)
{
    assert_ptr_equal(thread_data, arg);
    pthread_mutex_lock(&counter);
    ends++;
    pthread_mutex_unlock(&counter);
}

static void data_work(struct workpool_job *base, void *thread_data)
{
    struct job *job = CONTAINER_OF(base, struct job, base);
    job->number = *(int *)thread_data;
}

static void test_each_thread_has_its_own_data(void **state)
{
    (void)state;
    struct loop *loop = make_loop();
    int value = 42;
    struct workpool *pool = NULL;
    struct workpool_options options = {.name = "a-name-longer-than-a-thread's",
                                       .threads = 3,
                                       .queue_max = 1,
                                       .thread_start = thread_start,
                                       .thread_end = thread_end,
                                       .arg = &value};
    assert_int_equal(workpool_new(loop, &options, &pool, NULL), 0);
    struct job job = {.base = {.work = data_work, .done = done}};
    assert_int_equal(workpool_submit(pool, &job.base), 0);
    run_until(loop, 1);
    assert_int_equal(job.number, 42);
    workpool_free(pool);
    assert_int_equal(starts, 3);
    assert_int_equal(ends, 3);
    loop_free(loop);
}

static void test_bad_bounds_are_refused(void **state)
{
    (void)state;
    struct loop *loop = make_loop();
    struct workpool *pool = NULL;
    struct error e = {0};
    struct workpool_options none = {.name = "x", .threads = 0, .queue_max = 1};
    struct workpool_options no_queue = {.name = "x", .threads = 1, .queue_max = 0};
    assert_int_equal(workpool_new(loop, &none, &pool, &e), ERR_INVALID);
    assert_int_equal(workpool_new(loop, &no_queue, &pool, &e), ERR_INVALID);
    assert_null(pool);
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_done_comes_back_to_the_loop),
        cmocka_unit_test(test_order_and_bound),
        cmocka_unit_test(test_deadline_passes_while_all_threads_hang),
        cmocka_unit_test(test_free_cancels_what_waits_and_waits_for_what_runs),
        cmocka_unit_test(test_done_may_submit_again),
        cmocka_unit_test(test_each_thread_has_its_own_data),
        cmocka_unit_test(test_bad_bounds_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
