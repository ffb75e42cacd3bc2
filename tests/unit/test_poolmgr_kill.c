/* carrel-poolmgr, the program, killed (SIGKILL) again and again at random moments of its work on a simulated host. The
 * host lives in the program's memory, so each death takes all domains with it as well: what remains are rows and files,
 * and from these it has to find its way. The judge reads rows and files itself. */
#include "tests/unit/poolmgr_site.h"

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/model/pool.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define ROUNDS 40

static const char *program(void)
{
    const char *named = getenv("CARREL_POOLMGR");

    return named ? named : "build/bin/carrel-poolmgr";
}

static pid_t start_program(const char *conf, const char *log)
{
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid)
        return pid;
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    dup2(fd, STDERR_FILENO);
    execl(program(), program(), "-c", conf, (char *)NULL);
    _exit(127);
}

static void write_conf(const struct site *site, const char *conf)
{
    FILE *f = fopen(conf, "w");

    assert_non_null(f);
    fprintf(f,
            "[poolmgr]\nstore = %s\ninternal_socket = %s/pm.sock\nstorage_dir = %s/storage\nlog_level = notice\n"
            "[limits]\ndisk_reserve = 1M\n[desktops]\nrdp_port = 33890\n[times]\npass = 200ms\nprobe = 50ms\n",
            site->uri, site->dir, site->dir);
    assert_int_equal(fclose(f), 0);
}

/* Something to do in every round: people come and go, pools grow and shrink. */
static void stir(struct site *site, unsigned round)
{
    struct store_session *open CLEANUP_FREE = NULL;
    const struct store_session_filter filter = {.open_only = true};
    struct store_session s;
    size_t count = 0;
    char person[32];

    snprintf(person, sizeof person, "person%u", round);
    site_connect(site, "office", person, &s);
    assert_int_equal(store_session_list(site->store, &filter, NULL, &open, &count, NULL), 0);
    for (size_t i = 0; i < count; i += 2)
        store_session_ask(site->store, open[i].id, SESSION_INTENT_LOGOFF, NULL);
    site_scale(site, "works", round % 4, 6, round % 3);
}

static void end_all_sessions(struct site *site)
{
    struct store_session *open CLEANUP_FREE = NULL;
    const struct store_session_filter filter = {.open_only = true};
    size_t count = 0;

    assert_int_equal(store_session_list(site->store, &filter, NULL, &open, &count, NULL), 0);
    for (size_t i = 0; i < count; i++)
        store_session_ask(site->store, open[i].id, SESSION_INTENT_LOGOFF, NULL);
}

static bool has_converged(struct site *site)
{
    return site_has(site, "office", -1, 3) && site_has(site, "office", DESKTOP_READY, 3) &&
           site_has(site, "works", -1, 2) && site_has(site, "works", DESKTOP_READY, 2) && site_overlays(site) == 5;
}

static void converges(struct site *site)
{
    int64_t end = clock_mono_ms() + 120000;

    site_scale(site, "office", 3, 8, 0);
    site_scale(site, "works", 2, 6, 0);
    end_all_sessions(site);
    while (!has_converged(site) && clock_mono_ms() < end)
        usleep(50000);
    site_judge(site);
    assert_true(has_converged(site));
}

static void killed_forty_times_it_converges(void **state)
{
    struct site *site = *state;
    char conf[128], log[128];
    unsigned seed = 20261122;

    snprintf(conf, sizeof conf, "%s/poolmgr.conf", site->dir);
    snprintf(log, sizeof log, "%s/poolmgr.log", site->dir);
    write_conf(site, conf);
    site_add_pool(site, "office", 3, 8, 1);
    site_add_pool(site, "works", 2, 6, 0);
    for (unsigned round = 0; round < ROUNDS; round++) {
        pid_t pid = start_program(conf, log);
        usleep((useconds_t)(rand_r(&seed) % 200000));
        stir(site, round);
        usleep((useconds_t)(rand_r(&seed) % 500000));
        assert_int_equal(kill(pid, SIGKILL), 0);
        int status = 0;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status)); /* it did not end by itself before */
    }
    pid_t pid = start_program(conf, log);
    converges(site);
    assert_int_equal(kill(pid, SIGTERM), 0);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static int open_site(void **state)
{
    struct site *site = MEM_NEW(struct site);

    site_open(site, "fake:h1?rdp=1&rdp_port=33890&define_ms=5&start_ms=20&boot_ms=60&destroy_ms=10");
    site_stop(site);
    *state = site;
    return 0;
}

static int close_site(void **state)
{
    site_close(*state);
    free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(killed_forty_times_it_converges, open_site, close_site),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
