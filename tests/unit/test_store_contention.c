/* lib/store under contention: several processes with several threads each on one store, writers killed in the middle.
 */
#include "lib/base/clock.h"
#include "lib/model/pool.h"
#include "lib/store/store_assignment.h"
#include "lib/store/store_lease.h"
#include "tests/store/rows.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROCESSES 3
#define THREADS   6
#define EACH      6
#define PEOPLE    (PROCESSES * THREADS * EACH)
#define DESKTOPS  40

/* In a child: exits 1 with a sentence when a store operation fails; CMocka must not be used there. */
#define must(call)                                                                                                     \
    do {                                                                                                               \
        struct error e_ = {0};                                                                                         \
        if ((call) != 0) {                                                                                             \
            fprintf(stderr, "%s: %s\n", #call, err_message(&e_));                                                      \
            _exit(1);                                                                                                  \
        }                                                                                                              \
    } while (0)

struct worker {
    struct store *store;
    int process, thread;
};

static void *ask_for_desktops(void *arg)
{
    const struct worker *w = arg;
    for (int i = 0; i < EACH; i++) {
        char person[32];
        struct store_session s;
        uint32_t place;
        snprintf(person, sizeof(person), "p%d-%d-%d", w->process, w->thread, i);
        const struct store_session_want want = {"office", person, person, ROWS_NOW};
        must(store_session_open(w->store, &want, &s, &place, NULL, &e_));
    }
    return NULL;
}

static void be_a_broker(const char *uri, int process)
{
    const struct store_options options = {.uri = uri, .connections = 4, .busy_ms = 30000};
    struct store *store = NULL;
    pthread_t threads[THREADS];
    struct worker workers[THREADS];
    must(store_open(&options, &store, &e_));
    for (int t = 0; t < THREADS; t++) {
        workers[t] = (struct worker){store, process, t};
        pthread_create(&threads[t], NULL, ask_for_desktops, &workers[t]);
    }
    for (int t = 0; t < THREADS; t++)
        pthread_join(threads[t], NULL);
    store_close(store);
    _exit(0);
}

static void wait_for_eof(int fd)
{
    char c;
    while (read(fd, &c, 1) > 0)
        ;
}

/* Makes desktops ready one by one while people ask, as poolmgr does. The last one when all have asked (`asked` is at
 * its end): of two who ask at the very same moment either may count as the first. */
static void be_a_poolmgr(const char *uri, int asked)
{
    static const enum desktop_state way[] = {DESKTOP_REQUESTED, DESKTOP_CLONING, DESKTOP_DEFINED,
                                             DESKTOP_STARTING,  DESKTOP_BOOTING, DESKTOP_READY};
    const struct store_options options = {.uri = uri, .busy_ms = 30000};
    struct store *store = NULL;
    must(store_open(&options, &store, &e_));
    for (int i = 0; i < DESKTOPS; i++) {
        struct store_desktop d;
        if (i == DESKTOPS - 1)
            wait_for_eof(asked);
        must(store_desktop_add(store, 0, "office", "pm", ROWS_NOW, &d, &e_));
        for (size_t s = 0; s + 1 < ARRAY_LEN(way); s++)
            must(store_desktop_move(store, 0, d.id, way[s], way[s + 1], "pm", 0, NULL, ROWS_NOW + i, &e_));
        must(store_assignment_fill(store, "office", ROWS_NOW, NULL, NULL, &e_));
    }
    store_close(store);
    _exit(0);
}

/* SQLite's handles must not be carried into a child. */
static void close_before_fork(struct fixture *f)
{
    store_close(f->store);
    f->store = NULL;
}

static void wait_for_all(const pid_t *pids, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int status = -1;
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
}

static struct store_session *all_sessions(struct store *store, size_t *ret_count)
{
    struct store_session *rows = NULL;
    assert_ok(store_session_list(store, NULL, NULL, &rows, ret_count, ERR));
    return rows;
}

/* Everybody has one session; as many have a desktop as there are; no desktop has two; nobody waits before somebody
 * who was served. */
static void check_fairness(struct store *store, size_t people, size_t desktops)
{
    size_t count = 0, served = 0;
    struct store_session *rows = all_sessions(store, &count);
    assert_int_equal(count, people);
    bool waited = false;
    for (size_t i = 0; i < count; i++) {
        if (rows[i].desktop[0] == '\0') {
            waited = true;
            continue;
        }
        served++;
        assert_false(waited);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(rows[i].desktop, rows[k].desktop);
    }
    free(rows);
    assert_int_equal(served, desktops < people ? desktops : people);
}

static void m_desktops_go_to_the_first_m_of_many_who_ask_at_once(void **state)
{
    struct fixture *f = *state;
    pid_t pids[PROCESSES + 1];
    int asked[2];
    rows_pool(f->store, "office", POOL_KIND_FLOATING);
    close_before_fork(f);
    assert_int_equal(pipe(asked), 0);
    for (int p = 0; p < PROCESSES; p++) {
        pids[p] = fork();
        if (pids[p] == 0)
            be_a_broker(f->uri, p);
    }
    close(asked[1]);
    pids[PROCESSES] = fork();
    if (pids[PROCESSES] == 0)
        be_a_poolmgr(f->uri, asked[0]);
    close(asked[0]);
    wait_for_all(pids, PROCESSES + 1);
    f->store = fixture_open(f);
    check_fairness(f->store, PEOPLE, DESKTOPS);
}

static void one_person_asking_everywhere_at_once_gets_one_session(void **state)
{
    struct fixture *f = *state;
    pid_t pids[4];
    struct store_desktop d;
    size_t count = 0;
    rows_pool(f->store, "office", POOL_KIND_FLOATING);
    rows_ready(f->store, "office", &d);
    rows_ready(f->store, "office", &d);
    close_before_fork(f);
    for (int p = 0; p < 4; p++) {
        pids[p] = fork();
        if (pids[p] != 0)
            continue;
        const struct store_options options = {.uri = f->uri, .busy_ms = 30000};
        const struct store_session_want want = {"office", "alice", "A", ROWS_NOW};
        struct store *store = NULL;
        struct store_session s;
        uint32_t place;
        must(store_open(&options, &store, &e_));
        for (int i = 0; i < 10; i++)
            must(store_session_open(store, &want, &s, &place, NULL, &e_));
        store_close(store);
        _exit(place == 0 ? 0 : 1);
    }
    wait_for_all(pids, 4);
    f->store = fixture_open(f);
    free(all_sessions(f->store, &count));
    assert_int_equal(count, 1);
}

static void of_many_candidates_one_leads(void **state)
{
    struct fixture *f = *state;
    pid_t pids[6];
    int won = 0;
    close_before_fork(f);
    for (int p = 0; p < 6; p++) {
        pids[p] = fork();
        if (pids[p] != 0)
            continue;
        const struct store_options options = {.uri = f->uri, .busy_ms = 30000};
        struct store *store = NULL;
        int64_t gen;
        char holder[16];
        must(store_open(&options, &store, &e_));
        snprintf(holder, sizeof(holder), "m%d", p);
        int rc = store_lease_take(store, STORE_LEASE_POOLMGR, holder, 10000, ROWS_NOW, &gen, NULL);
        store_close(store);
        _exit(rc == 0 ? 0 : rc == ERR_CONFLICT ? 2 : 1);
    }
    for (int p = 0; p < 6; p++) {
        int status = -1;
        assert_int_equal(waitpid(pids[p], &status, 0), pids[p]);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 1);
        won += WEXITSTATUS(status) == 0;
    }
    assert_int_equal(won, 1);
}

/* Ends each session at once and opens the next: every write touches five tables. Counts what was confirmed. */
static void churn(const char *uri, int process, volatile int *confirmed)
{
    const struct store_options options = {.uri = uri, .busy_ms = 30000};
    struct store *store = NULL;
    must(store_open(&options, &store, &e_));
    for (int i = 0;; i++) {
        char person[32];
        struct store_session s;
        struct store_session_end end;
        uint32_t place;
        snprintf(person, sizeof(person), "k%d-%d", process, i);
        const struct store_session_want want = {"office", person, person, ROWS_NOW};
        must(store_session_open(store, &want, &s, &place, NULL, &e_));
        __atomic_add_fetch(confirmed, 1, __ATOMIC_SEQ_CST);
        must(store_session_end(store, 0, s.id, SESSION_END_LOGOFF, 0, ROWS_NOW, &end, &e_));
    }
}

/* Read row by row, and not through the operations under test. */
static void check_consistency(struct store *store)
{
    size_t sessions = 0, desktops = 0;
    struct store_session *s = all_sessions(store, &sessions);
    struct store_desktop *d = NULL;
    assert_ok(store_desktop_list(store, NULL, NULL, &d, &desktops, ERR));
    for (size_t i = 0; i < desktops; i++) {
        struct store_assignment a;
        if (d[i].assignment[0] == '\0')
            continue;
        assert_int_equal(d[i].state, DESKTOP_READY);
        assert_ok(store_assignment_get(store, d[i].assignment, &a, ERR));
        assert_int_equal(a.state, ASSIGNMENT_OPEN);
        assert_string_equal(a.desktop, d[i].id);
    }
    for (size_t i = 0; i < sessions; i++) {
        struct store_assignment a;
        if (s[i].assignment[0] == '\0')
            continue;
        assert_ok(store_assignment_get(store, s[i].assignment, &a, ERR));
        assert_int_equal(a.state, s[i].state == SESSION_ENDED ? ASSIGNMENT_RELEASED : ASSIGNMENT_OPEN);
    }
    free(s);
    free(d);
}

static void a_writer_killed_in_the_middle_leaves_a_consistent_store(void **state)
{
    struct fixture *f = *state;
    size_t count = 0;
    volatile int *confirmed = mmap(NULL, sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(confirmed, MAP_FAILED);
    rows_pool(f->store, "office", POOL_KIND_FLOATING);
    struct store_desktop d;
    for (int i = 0; i < 60; i++)
        rows_ready(f->store, "office", &d);
    for (int round = 0; round < 6; round++) {
        int goal = *confirmed + 10 + round;
        close_before_fork(f);
        pid_t pid = fork();
        if (pid == 0)
            churn(f->uri, round, confirmed);
        while (__atomic_load_n(confirmed, __ATOMIC_SEQ_CST) < goal)
            usleep(500);
        kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        f->store = fixture_open(f);
        /* PostgreSQL notices the lost client on its own; SQLite's lock goes with the process. */
        (void)rows_session(f->store, "office", "still works", NULL);
        check_consistency(f->store);
    }
    free(all_sessions(f->store, &count));
    assert_true((int)count >= *confirmed);
    munmap((void *)(uintptr_t)confirmed, sizeof(int));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_BOTH(m_desktops_go_to_the_first_m_of_many_who_ask_at_once),
        FIXTURE_BOTH(one_person_asking_everywhere_at_once_gets_one_session),
        FIXTURE_BOTH(of_many_candidates_one_leads),
        FIXTURE_BOTH(a_writer_killed_in_the_middle_leaves_a_consistent_store),
    };
    return cmocka_run_group_tests_name("store_contention", tests, fixture_start, fixture_stop);
}
