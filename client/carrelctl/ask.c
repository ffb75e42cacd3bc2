#include "client/carrelctl/ask.h"

#include "lib/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define PASSWORD_MAX 1024

static struct termios shown;
static int terminal = -1;

/* Both calls are async-signal-safe; a terminal without echo would outlive us. */
static void put_back(int signum)
{
    tcsetattr(terminal, TCSAFLUSH, &shown);
    _exit(128 + signum);
}

int ask_password_from(int fd, struct secret **ret, struct error *reterr)
{
    char line[PASSWORD_MAX + 1];
    size_t len = 0;
    int r = 0;

    /* A byte at a time: what follows the line is not ours. */
    while (r == 0) {
        char c;
        ssize_t n = read(fd, &c, 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            r = err_set_errno(reterr, ERR_IO, errno, "cannot read the password");
        else if (n == 0 || c == '\n')
            break;
        else if (len == PASSWORD_MAX)
            r = err_set(reterr, ERR_INVALID, "the password is longer than %d bytes", PASSWORD_MAX);
        else
            line[len++] = c;
    }
    if (r == 0 && len > 0 && line[len - 1] == '\r')
        len--;
    if (r == 0 && len == 0)
        r = err_set(reterr, ERR_INVALID, "the password is empty");
    if (r == 0 && memchr(line, '\0', len))
        r = err_set(reterr, ERR_INVALID, "the password holds a zero byte");
    if (r == 0) {
        struct secret *password = secret_new(line, len);
        if (password)
            *ret = password;
        else
            r = err_set(reterr, ERR_NOMEM, "out of memory");
    }
    secret_wipe(line, sizeof(line));
    return r;
}

int ask_password(const char *prompt, struct secret **ret, struct error *reterr)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    struct sigaction old[ARRAY_LEN(signals)], action = {.sa_handler = put_back};
    int fd CLEANUP_CLOSE = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

    if (fd < 0 || tcgetattr(fd, &shown) < 0)
        return err_set(reterr, ERR_NOT_FOUND, "there is no terminal to ask for the password");
    terminal = fd;
    for (size_t i = 0; i < ARRAY_LEN(signals); i++)
        sigaction(signals[i], &action, &old[i]);
    struct termios hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    tcsetattr(fd, TCSAFLUSH, &hidden);
    ssize_t written = write(fd, prompt, strlen(prompt));
    int r = ask_password_from(fd, ret, reterr);
    tcsetattr(fd, TCSAFLUSH, &shown);
    written = write(fd, "\n", 1);
    (void)written;
    for (size_t i = 0; i < ARRAY_LEN(signals); i++)
        sigaction(signals[i], &old[i], NULL);
    terminal = -1;
    return r;
}
