#include "client/carrelctl/rdp.h"

#include "lib/base/mem.h"
#include "lib/base/text.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

/* The descriptor under which the client finds its arguments. */
#define ARGS_FD 3

/* No line of the client's arguments may be more than one: a newline in a password would begin a new argument. */
static bool is_line(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return false;
    return true;
}

static bool is_host(const char *text)
{
    return *text && *text != '-' && strlen(text) < 256 &&
           text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]")] == '\0';
}

static bool is_token(const char *text)
{
    return *text && strlen(text) < 160 &&
           text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._~-")] == '\0';
}

static int check_door(const struct rdp_door *door, struct error *reterr)
{
    if (!is_host(door->host) || door->port < 1 || door->port > 65535)
        return err_set(reterr, ERR_INVALID, "the address of the door is not valid");
    if (!is_token(door->token))
        return err_set(reterr, ERR_INVALID, "the ticket is not valid");
    if (door->username && !is_line(door->username))
        return err_set(reterr, ERR_INVALID, "the user name for the desktop is not valid");
    if (door->password && !is_line(door->password))
        return err_set(reterr, ERR_INVALID, "the password for the desktop is not valid");
    if ((door->domain && !is_line(door->domain)) || (door->title && !is_line(door->title)))
        return err_set(reterr, ERR_INVALID, "the domain or the name of the pool is not valid");
    return 0;
}

static int add_extra(char *const *extra, size_t n_extra, struct buf *ret, struct error *reterr)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < n_extra; i++) {
        if (!is_line(extra[i]))
            return err_set(reterr, ERR_INVALID, "an option for the client holds a control character");
        r = buf_printf(ret, "%s\n", extra[i]);
    }
    return r;
}

int rdp_args(const struct rdp_door *door, char *const *extra, size_t n_extra, bool masked, struct buf *ret,
             struct error *reterr)
{
    int r = check_door(door, reterr);

    if (r < 0)
        return r;
    r = buf_printf(ret, "/v:%s:%d\n/load-balance-info:Cookie: msts=%s\n/cert:deny\n/log-level:ERROR\n", door->host,
                   door->port, masked ? "********" : door->token);
    if (r == 0 && door->title)
        r = buf_printf(ret, "/t:%s\n", door->title);
    if (r == 0 && door->username)
        r = buf_printf(ret, "/u:%s\n", door->username);
    if (r == 0 && door->domain && *door->domain)
        r = buf_printf(ret, "/d:%s\n", door->domain);
    if (r == 0 && door->password)
        r = buf_printf(ret, "/p:%s\n", masked ? "********" : door->password);
    if (r == 0)
        r = add_extra(extra, n_extra, ret, reterr);
    return r == ERR_TOO_BIG || r == ERR_NOMEM ? err_set(reterr, r, "the client's options are too long") : r;
}

static char *along_path(const char *name)
{
    const char *path = getenv("PATH");

    if (strchr(name, '/'))
        return access(name, X_OK) == 0 ? mem_strdup(name) : NULL;
    for (const char *p = path ? path : "/usr/bin:/bin"; p; p = strchr(p, ':') ? strchr(p, ':') + 1 : NULL) {
        char *full = mem_printf("%.*s/%s", (int)strcspn(p, ":"), p, name);
        if (full && access(full, X_OK) == 0)
            return full;
        free(full);
    }
    return NULL;
}

static int wait_for_end(pid_t pid)
{
    int status = 0;

    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return 255;
    return WIFSIGNALED(status) ? RDP_SIGNALLED + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Whether `client --version` says FreeRDP 3. */
static bool is_version_3(const char *client)
{
    char text[1024];
    size_t len = 0;
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) < 0)
        return false;
    pid_t pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR);
        dup2(null, 0);
        dup2(fds[1], 1);
        dup2(null, 2);
        execl(client, client, "--version", (char *)NULL);
        _exit(127);
    }
    close(fds[1]);
    while (pid > 0 && len + 1 < sizeof(text)) {
        ssize_t n = read(fds[0], text + len, sizeof(text) - 1 - len);
        if (n <= 0)
            break;
        len += (size_t)n;
    }
    text[len] = '\0';
    close(fds[0]);
    if (pid > 0)
        wait_for_end(pid);
    return strstr(text, "FreeRDP version 3.") != NULL;
}

int rdp_find(const char *wanted, char **ret, struct error *reterr)
{
    const char *names[] = {wanted ? wanted : "xfreerdp3", wanted ? NULL : "xfreerdp"};
    const char *too_old = NULL;

    for (size_t i = 0; i < ARRAY_LEN(names) && names[i]; i++) {
        char *client CLEANUP_FREE = along_path(names[i]);
        if (client && is_version_3(client)) {
            *ret = TAKE_PTR(client);
            return 0;
        }
        if (client)
            too_old = names[i];
    }
    if (too_old)
        return err_set(reterr, ERR_UNSUPPORTED, "%s is not a client of FreeRDP 3", too_old);
    return err_set(reterr, ERR_NOT_FOUND, "there is no RDP client%s%s", wanted ? " called " : "", wanted ? wanted : "");
}

/* In the child: the pipe becomes ARGS_FD and the client takes over. */
static void become_client(const char *client, int pipe_fd, const char *ca)
{
    char from[32];

    /* dup2 onto itself would leave close-on-exec set. */
    if (pipe_fd == ARGS_FD ? fcntl(pipe_fd, F_SETFD, 0) < 0 : dup2(pipe_fd, ARGS_FD) < 0)
        _exit(126);
    if (ca && setenv("SSL_CERT_FILE", ca, 1) < 0)
        _exit(126);
    snprintf(from, sizeof(from), "/args-from:fd:%d", ARGS_FD);
    execl(client, client, from, (char *)NULL);
    _exit(127);
}

int rdp_run(const char *client, const struct buf *args, const char *ca, int *ret_status, struct error *reterr)
{
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) < 0)
        return err_set_errno(reterr, ERR_IO, errno, "cannot make a pipe");
    int reader CLEANUP_CLOSE = fds[0], writer CLEANUP_CLOSE = fds[1];
    /* Within the pipe's capacity, which the compulsory maximum of `args` keeps to. */
    ssize_t n = write(writer, args->data, args->len);
    if (n < 0 || (size_t)n != args->len)
        return err_set_errno(reterr, ERR_IO, n < 0 ? errno : EIO, "cannot give the client its arguments");
    close(TAKE_FD(writer));
    pid_t pid = fork();
    if (pid < 0)
        return err_set_errno(reterr, ERR_IO, errno, "cannot start the client");
    if (pid == 0)
        become_client(client, reader, ca);
    /* Ctrl-C in the terminal is the client's; we stay to say what became of the session. */
    struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
    sigaction(SIGINT, &ignore, &before);
    *ret_status = wait_for_end(pid);
    sigaction(SIGINT, &before, NULL);
    return 0;
}

/* XF_EXIT_CODE of FreeRDP 3 (client/X11/xfreerdp.h). 127 is ours: the client could not be started. */
static const struct {
    int first, last;
    enum rdp_end end;
    const char *why;
} ends[] = {
    {0, 5, RDP_CLOSED, ""},
    {11, 12, RDP_CLOSED, ""},
    {6, 10, RDP_FAILED, "it was refused"},
    {13, 31, RDP_FAILED, "a licence is asked for"},
    {126, 127, RDP_FAILED, "the client cannot be started"},
    {128, 128, RDP_FAILED, "the client does not know an option"},
    {129, 129, RDP_FAILED, "the client has no memory"},
    {132, 132, RDP_FAILED, "the desktop did not accept the account"},
    {133, 133, RDP_FAILED, "client and desktop have no kind of security in common"},
    {134, 135, RDP_FAILED, "the desktop did not accept the account"},
    {136, 138, RDP_FAILED, "the client gave up"},
    {139, 140, RDP_FAILED, "the gateway's name is not known"},
    {131, 131, RDP_FAILED, "the gateway cannot be reached"},
    {141, 141, RDP_FAILED, "the gateway cannot be reached"},
    {143, 143, RDP_FAILED, "the gateway's certificate cannot be trusted"},
    {144, 144, RDP_FAILED, "the account may not use the desktop"},
    {148, 148, RDP_FAILED, "the account's password has expired"},
};

enum rdp_end rdp_end_of(int status, const char **ret_why)
{
    *ret_why = "";
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        if (status >= ends[i].first && status <= ends[i].last) {
            *ret_why = ends[i].why;
            return ends[i].end;
        }
    }
    return RDP_LOST;
}
