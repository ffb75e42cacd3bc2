/* leader.c: names of processes in leases, and two that want to lead. */
#include "poolmgr/leader.h"

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/store/store_lease.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void a_running_process_is_not_dead(void **state)
{
    char holder[STORE_SUBJECT_SIZE], named[STORE_SUBJECT_SIZE];

    (void)state;
    assert_int_equal(leader_holder("", holder, NULL), 0);
    assert_int_equal(leader_holder("pm2", named, NULL), 0);
    assert_int_equal(strncmp(named, "pm2/", 4), 0);
    assert_false(leader_holder_is_dead(holder));
    assert_false(leader_holder_is_dead(named));
}

static void what_is_not_known_is_not_dead(void **state)
{
    char holder[STORE_SUBJECT_SIZE];
    static const char *const others[] = {"", "x", "host/boot/1/2/3", "host/00000000-0000-0000-0000-000000000000/1/2/3"};

    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(leader_holder_is_dead(others[i]));
    assert_int_equal(leader_holder("", holder, NULL), 0);
    char *started = strrchr(holder, '/');
    snprintf(started, 24, "/1x"); /* not a number to its end */
    assert_false(leader_holder_is_dead(holder));
    snprintf(started, 24, "/1"); /* the same pid, started at another time: its predecessor */
    assert_true(leader_holder_is_dead(holder));
}

static void a_killed_process_is_dead(void **state)
{
    char holder[STORE_SUBJECT_SIZE] = "";
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char mine[STORE_SUBJECT_SIZE] = "";
        leader_holder("child", mine, NULL);
        _exit(write(ends[1], mine, sizeof mine) == sizeof mine ? 0 : 1);
    }
    assert_int_equal(read(ends[0], holder, sizeof holder), (ssize_t)sizeof holder);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_true(leader_holder_is_dead(holder));
    close(ends[0]);
    close(ends[1]);
}

struct contender {
    struct leader *leader;
    char holder[STORE_SUBJECT_SIZE];
    int begun, ended;
};

static void on_changed(void *arg, bool leads)
{
    struct contender *c = arg;

    if (leads)
        c->begun++;
    else
        c->ended++;
}

static void run(struct loop *loop, int64_t ms)
{
    int64_t end = clock_mono_ms() + ms;

    while (clock_mono_ms() < end) {
        loop_run_once(loop, false);
        usleep(2000);
    }
}

static void run_until_it_leads(struct loop *loop, const struct contender *c)
{
    int64_t end = clock_mono_ms() + 60000;

    while (!leader_gen(c->leader) && clock_mono_ms() < end)
        run(loop, 20);
}

/* The second stands by; when the first stops renewing, it takes over with a higher generation, never before. */
static void one_leads_and_the_other_follows(void **state)
{
    char dir[] = "/tmp/carrel-leader-XXXXXX", uri[64], command[64];
    struct loop *loop = NULL;
    struct workpool *pool = NULL;
    struct store *store = NULL;
    struct contender c[2] = {0};
    const struct workpool_options threads = {.name = "store", .threads = 2, .queue_max = 16};

    (void)state;
    log_set_level(LOG_LEVEL_ERROR);
    assert_non_null(mkdtemp(dir));
    snprintf(uri, sizeof uri, "sqlite:%s/s.db", dir);
    const struct store_options options = {.uri = uri, .migrate = true};
    assert_int_equal(store_open(&options, &store, NULL), 0);
    assert_int_equal(loop_new(&loop, NULL), 0);
    assert_int_equal(workpool_new(loop, &threads, &pool, NULL), 0);
    for (size_t i = 0; i < 2; i++) {
        snprintf(c[i].holder, sizeof c[i].holder, "contender-%zu", i);
        const struct leader_options lo = {.loop = loop,
                                          .pool = pool,
                                          .store = store,
                                          .holder = c[i].holder,
                                          .lease_ms = 3000,
                                          .changed = on_changed,
                                          .arg = &c[i]};
        c[i].leader = leader_new(&lo);
        assert_non_null(c[i].leader);
        leader_start(c[i].leader);
        run_until_it_leads(loop, &c[0]);
    }
    run(loop, 1500);
    int64_t first = leader_gen(c[0].leader);
    assert_true(first > 0);
    assert_int_equal(leader_gen(c[1].leader), 0);
    assert_string_equal(leader_who(c[1].leader), "contender-0");
    assert_int_equal(c[0].begun, 1);
    leader_stop(c[0].leader);
    run_until_it_leads(loop, &c[1]);
    assert_true(leader_gen(c[1].leader) > first);
    assert_int_equal(c[1].begun, 1);
    assert_true(leader_left_ms(c[1].leader) > 0);
    leader_fenced(c[1].leader);
    assert_int_equal(leader_gen(c[1].leader), 0);
    assert_int_equal(c[1].ended, 1);
    leader_stop(c[1].leader);
    workpool_free(pool);
    leader_free(c[0].leader);
    leader_free(c[1].leader);
    loop_free(loop);
    store_close(store);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_running_process_is_not_dead),
        cmocka_unit_test(what_is_not_known_is_not_dead),
        cmocka_unit_test(a_killed_process_is_dead),
        cmocka_unit_test(one_leads_and_the_other_follows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
