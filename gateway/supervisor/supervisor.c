#include "gateway/supervisor/supervisor.h"

#include "gateway/supervisor/listen.h"
#include "gateway/worker/inherit.h"
#include "lib/base/clock.h"
#include "lib/base/id.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/secret.h"
#include "lib/net/loop.h"
#include "lib/net/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define BACKOFF_MIN_MS 100
#define BACKOFF_MAX_MS 5000
#define STEADY_MS      30000 /* a worker that lived so long starts with the shortest backoff again */

extern char **environ;

struct child {
    struct supervisor *supervisor;
    size_t index;
    pid_t pid; /* 0 = not running */
    int64_t started_at;
    unsigned backoff_ms;
    struct loop_timer *restart;
};

struct supervisor {
    const struct gateway_conf *conf;
    char **argv;
    struct loop *loop;
    struct listen_set rdp, https;
    int tickets;
    size_t count;
    struct child *children;
    struct loop_timer *patience; /* while stopping */
    bool stopping;
    int status;
};

/* ---- children */

static void describe(const struct supervisor *s, size_t index, struct inherit *ret)
{
    *ret = (struct inherit){.worker = (int)index, .supervisor = (int)getpid(), .tickets = s->tickets};
    ret->rdp_count = s->rdp.addresses;
    ret->https_count = s->https.addresses;
    memcpy(ret->rdp, listen_of(&s->rdp, index), s->rdp.addresses * sizeof(int));
    memcpy(ret->https, listen_of(&s->https, index), s->https.addresses * sizeof(int));
}

static void keep_over_exec(const int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++)
        fcntl(fds[i], F_SETFD, 0);
}

/* Between fork and exec: only what is safe in a signal handler. */
static void become_worker(struct supervisor *s, const struct inherit *in, char **env)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    keep_over_exec(in->rdp, in->rdp_count);
    keep_over_exec(in->https, in->https_count);
    keep_over_exec(&in->tickets, 1);
    execve("/proc/self/exe", s->argv, env);
    _exit(127);
}

/* The environment plus the worker's variable; only the array is new. */
static char **make_env(char *variable)
{
    size_t n = 0;
    while (environ[n] != NULL)
        n++;
    char **env = MEM_ARRAY(char *, n + 2);
    if (env == NULL)
        return NULL;
    memcpy(env, environ, n * sizeof(*env));
    env[n] = variable;
    return env;
}

static int spawn(struct child *child, struct error *reterr)
{
    struct inherit in;
    char variable[INHERIT_TEXT_SIZE];
    describe(child->supervisor, child->index, &in);
    inherit_write(&in, variable);
    char **env CLEANUP_FREE = make_env(variable);
    if (env == NULL)
        return err_set(reterr, ERR_NOMEM, "no memory to start a worker");
    pid_t pid = fork();
    if (pid < 0)
        return err_set_errno(reterr, ERR_IO, errno, "cannot start a worker");
    if (pid == 0)
        become_worker(child->supervisor, &in, env);
    child->pid = pid;
    child->started_at = clock_mono_ms();
    return 0;
}

static void start_again(void *arg)
{
    struct child *child = arg;
    struct error e = {0};
    if (spawn(child, &e) == 0)
        return;
    log_event(EV_START_FAILED, LOG_INT("worker", child->index), LOG_ERR(&e));
    loop_timer_start(child->restart, BACKOFF_MAX_MS, 0);
}

static void child_died(struct child *child, int status)
{
    int64_t lived = clock_mono_ms() - child->started_at;
    child->pid = 0;
    if (child->supervisor->stopping)
        return;
    if (lived >= STEADY_MS)
        child->backoff_ms = BACKOFF_MIN_MS;
    log_event(EV_GATEWAY_WORKER_DIED, LOG_INT("worker", child->index),
              LOG_STR(WIFSIGNALED(status) ? "signal" : "status", WIFSIGNALED(status) ? strsignal(WTERMSIG(status))
                                                                 : WEXITSTATUS(status) == 0 ? "0"
                                                                                            : "failure"),
              LOG_INT("lived_ms", lived), LOG_INT("again_in_ms", child->backoff_ms));
    loop_timer_start(child->restart, child->backoff_ms, 0);
    child->backoff_ms = child->backoff_ms * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : child->backoff_ms * 2;
}

static size_t running(const struct supervisor *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->count; i++)
        n += s->children[i].pid != 0;
    return n;
}

static void signal_all(const struct supervisor *s, int signum)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->children[i].pid != 0)
            kill(s->children[i].pid, signum);
}

/* ---- signals */

static void on_child(int signum, void *arg)
{
    struct supervisor *s = arg;
    int status = 0;
    (void)signum;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
        for (size_t i = 0; i < s->count; i++)
            if (s->children[i].pid == pid)
                child_died(&s->children[i], status);
    if (s->stopping && running(s) == 0)
        loop_stop(s->loop);
}

static void out_of_patience(void *arg)
{
    struct supervisor *s = arg;
    log_event(EV_GATEWAY_WORKER_STUCK, LOG_INT("workers", running(s)));
    signal_all(s, SIGKILL);
}

static void on_stop(int signum, void *arg)
{
    struct supervisor *s = arg;
    (void)signum;
    if (s->stopping)
        return;
    s->stopping = true;
    log_event(EV_STOPPING, LOG_INT("workers", running(s)));
    for (size_t i = 0; i < s->count; i++)
        loop_timer_stop(s->children[i].restart);
    signal_all(s, SIGTERM);
    loop_timer_start(s->patience, (uint64_t)s->conf->stop_time, 0);
    if (running(s) == 0)
        loop_stop(s->loop);
}

static void on_reload(int signum, void *arg)
{
    signal_all(arg, signum);
}

static int watch_signals(struct supervisor *s, struct error *reterr)
{
    int r = loop_on_signal(s->loop, SIGCHLD, on_child, s, reterr);
    if (r == 0)
        r = loop_on_signal(s->loop, SIGTERM, on_stop, s, reterr);
    if (r == 0)
        r = loop_on_signal(s->loop, SIGINT, on_stop, s, reterr);
    if (r == 0)
        r = loop_on_signal(s->loop, SIGHUP, on_reload, s, reterr);
    return r;
}

/* ---- start */

/* A bad certificate shall stop the start here and not in a row of dying workers. */
static int check_certificate(const struct gateway_conf *conf, struct error *reterr)
{
    const struct tls_server_options options = {.cert_file = conf->certificate, .key_file = conf->key};
    struct tls_server *tls = NULL;
    int r = tls_server_new(&options, &tls, reterr);
    tls_server_free(tls);
    return r;
}

static int make_ticket_keys(struct supervisor *s, struct error *reterr)
{
    unsigned char keys[TLS_TICKET_KEYS_SIZE];
    s->tickets = memfd_create("tls-tickets", MFD_CLOEXEC);
    if (s->tickets < 0)
        return err_set_errno(reterr, ERR_IO, errno, "no file for the TLS ticket keys");
    id_random(keys, sizeof(keys));
    ssize_t n = write(s->tickets, keys, sizeof(keys));
    secret_wipe(keys, sizeof(keys));
    return n == (ssize_t)sizeof(keys) ? 0 : err_set_errno(reterr, ERR_IO, errno, "cannot keep the TLS ticket keys");
}

static int make_children(struct supervisor *s, struct error *reterr)
{
    s->children = MEM_ARRAY(struct child, s->count);
    s->patience = loop_timer_new(s->loop, out_of_patience, s);
    if (s->children == NULL || s->patience == NULL)
        return err_set(reterr, ERR_NOMEM, "no memory for %zu workers", s->count);
    for (size_t i = 0; i < s->count; i++) {
        struct child *child = &s->children[i];
        *child = (struct child){.supervisor = s, .index = i, .backoff_ms = BACKOFF_MIN_MS};
        child->restart = loop_timer_new(s->loop, start_again, child);
        if (child->restart == NULL)
            return err_set(reterr, ERR_NOMEM, "no memory for %zu workers", s->count);
    }
    return 0;
}

static int start(struct supervisor *s, struct error *reterr)
{
    int r = check_certificate(s->conf, reterr);
    if (r == 0)
        r = listen_open("https", s->conf->https, s->count, &s->https, reterr);
    if (r == 0)
        r = listen_open("rdp", s->conf->rdp, s->count, &s->rdp, reterr);
    if (r == 0 && s->rdp.addresses + s->https.addresses == 0)
        r = err_set(reterr, ERR_CONFIG, "[listen] names no address at all");
    if (r == 0)
        r = make_ticket_keys(s, reterr);
    if (r == 0)
        r = loop_new(&s->loop, reterr);
    if (r == 0)
        r = watch_signals(s, reterr);
    if (r == 0)
        r = make_children(s, reterr);
    for (size_t i = 0; i < s->count && r == 0; i++)
        r = spawn(&s->children[i], reterr);
    return r;
}

static void stop(struct supervisor *s)
{
    for (size_t i = 0; s->children != NULL && i < s->count; i++) {
        if (s->children[i].pid != 0)
            kill(s->children[i].pid, SIGKILL); /* only when the start failed half-way */
        loop_timer_free(s->children[i].restart);
    }
    loop_timer_free(s->patience);
    free(s->children);
    loop_free(s->loop);
    listen_close(&s->https);
    listen_close(&s->rdp);
    if (s->tickets >= 0)
        close(s->tickets);
}

static void allow_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int supervisor_run(const struct gateway_conf *conf, char **argv)
{
    struct supervisor s = {.conf = conf, .argv = argv, .tickets = -1};
    struct error e = {0};
    enum log_level level = LOG_LEVEL_NOTICE;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    s.count = conf->workers > 0 ? (size_t)conf->workers : (size_t)(processors > 0 ? processors : 1);
    log_level_parse(conf->log_level, &level);
    log_init("carrel-gateway", STDERR_FILENO, level);
    allow_descriptors();
    int r = start(&s, &e);
    if (r == 0) {
        log_event(EV_STARTED, LOG_STR("name", conf->name), LOG_INT("workers", s.count), LOG_STR("https", conf->https),
                  LOG_STR("rdp", conf->rdp));
        loop_run(s.loop);
    } else {
        log_event(EV_START_FAILED, LOG_ERR(&e));
    }
    stop(&s);
    return r == 0 ? 0 : 1;
}
