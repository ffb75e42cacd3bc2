#include "linkedclone/command.h"

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define STATUS_NO_PROGRAM 127
#define POLL_MS           200
#define COMPLAINT_MAX     4096

struct run {
    const struct command *command;
    pid_t pid;
    int out, err; /* pipes; -1 at their end */
    struct buf complaint;
    int64_t deadline; /* monotonic ms, 0 = none */
};

/* In the child, between fork and exec: async-signal-safe calls only. */
static void exec_child(const struct command *command, int out, int err, pid_t parent)
{
    int null = open("/dev/null", O_RDONLY);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent || null < 0 || dup2(null, 0) < 0 ||
        dup2(out, 1) < 0 || dup2(err, 2) < 0)
        _exit(126);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execvp(command->argv[0], (char *const *)command->argv);
    _exit(STATUS_NO_PROGRAM);
}

static int start(struct run *run, struct error *reterr)
{
    int out[2], err[2];
    if (pipe2(out, O_CLOEXEC) < 0)
        return err_set_errno(reterr, ERR_IO, errno, "a pipe for %s", run->command->argv[0]);
    if (pipe2(err, O_CLOEXEC) < 0) {
        int why = errno;
        close(out[0]);
        close(out[1]);
        return err_set_errno(reterr, ERR_IO, why, "a pipe for %s", run->command->argv[0]);
    }
    pid_t parent = getpid();
    run->pid = fork();
    int why = errno;
    if (run->pid == 0)
        exec_child(run->command, out[1], err[1], parent);
    close(out[1]);
    close(err[1]);
    run->out = out[0];
    run->err = err[0];
    return run->pid > 0 ? 0 : err_set_errno(reterr, ERR_IO, why, "starting %s", run->command->argv[0]);
}

/* False at the pipe's end. */
static bool take_output(struct run *run)
{
    char data[4096];
    ssize_t n = read(run->out, data, sizeof(data));
    if (n > 0 && run->command->output != NULL)
        run->command->output(run->command->arg, data, (size_t)n);
    return n > 0 || (n < 0 && errno == EINTR);
}

static bool take_complaint(struct run *run)
{
    char data[1024];
    ssize_t n = read(run->err, data, sizeof(data));
    if (n > 0)
        (void)buf_append(&run->complaint, data, (size_t)n); /* what does not fit is not needed */
    return n > 0 || (n < 0 && errno == EINTR);
}

static int interrupted(const struct run *run, struct error *reterr)
{
    if (run->command->cancel != NULL && atomic_load(run->command->cancel))
        return err_set(reterr, ERR_CANCELLED, "%s was cancelled", run->command->argv[0]);
    if (run->deadline != 0 && clock_mono_ns() / 1000000 > run->deadline)
        return err_set(reterr, ERR_TIMEOUT, "%s did not end within %u ms", run->command->argv[0],
                       run->command->deadline_ms);
    return 0;
}

static int follow(struct run *run, struct error *reterr)
{
    while (run->out >= 0 || run->err >= 0) {
        int rc = interrupted(run, reterr);
        if (rc < 0)
            return rc;
        struct pollfd fds[2] = {{.fd = run->out, .events = POLLIN}, {.fd = run->err, .events = POLLIN}};
        if (poll(fds, 2, POLL_MS) < 0 && errno != EINTR)
            return err_set_errno(reterr, ERR_IO, errno, "waiting for %s", run->command->argv[0]);
        if (fds[0].revents != 0 && !take_output(run))
            close(TAKE_FD(run->out));
        if (fds[1].revents != 0 && !take_complaint(run))
            close(TAKE_FD(run->err));
    }
    return 0;
}

static int judge(struct run *run, int status, struct error *reterr)
{
    const char *name = run->command->argv[0];
    char words[256];
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == STATUS_NO_PROGRAM && run->complaint.len == 0)
        return err_set(reterr, ERR_UNSUPPORTED, "%s is not installed", name);
    size_t len = run->complaint.len;
    while (len > 0 && run->complaint.data[len - 1] == '\n')
        len--;
    text_quote(buf_str(&run->complaint), len, 200, words, sizeof(words));
    if (strstr(buf_str(&run->complaint), strerror(ENOSPC)) != NULL)
        return err_set(reterr, ERR_NO_SPACE, "%s: %s", name, words);
    return err_set(reterr, ERR_IMAGE, "%s refuses: %s", name, words);
}

int command_run(const struct command *command, struct error *reterr)
{
    struct run run = {.command = command, .out = -1, .err = -1};
    buf_init(&run.complaint, COMPLAINT_MAX);
    if (command->deadline_ms != 0)
        run.deadline = clock_mono_ns() / 1000000 + command->deadline_ms;
    int rc = start(&run, reterr);
    if (rc == 0)
        rc = follow(&run, reterr);
    mem_close_fd(&run.out);
    mem_close_fd(&run.err);
    if (run.pid > 0) {
        int status = 0;
        if (rc < 0)
            kill(run.pid, SIGKILL);
        while (waitpid(run.pid, &status, 0) < 0 && errno == EINTR)
            continue;
        if (rc == 0)
            rc = judge(&run, status, reterr);
    }
    buf_done(&run.complaint);
    return rc;
}
