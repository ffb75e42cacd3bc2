/* carrel-guest: the helper inside a desktop. It makes the account that a session needs, tells logon and logoff, and
 * says who this desktop is, over the virtio-serial port org.carrel.guest.0 (docs/golden-image.md). One thread, one poll
 * loop, static.
 *
 *   carrel-guest           serve the port (root; started by the guest's init)
 *   carrel-guest notify    run by pam_exec: pass PAM_TYPE and PAM_USER on to the serving one
 *   carrel-guest --version */
#include "deploy/guest/accounts.h"
#include "deploy/guest/desktops.h"
#include "deploy/guest/identity.h"
#include "deploy/guest/notify.h"
#include "deploy/guest/port.h"
#include "lib/base/mem.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define STATE_DIR      "/run/carrel"
#define NOTIFY_PATH    STATE_DIR "/guest.sock"
#define PORT_PATH      "/dev/virtio-ports/" GUEST_PORT_NAME
#define LISTEN_WAIT_MS 100 /* between looks whether the RDP port listens already */
#define KILL_TRIES     50  /* of 20 ms, before an account is removed */

struct helper {
    struct port port;
    struct desktops desktops;
    int notify_fd;
    bool rdp_listening; /* as last told to the host */
};

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void send_up(struct helper *h)
{
    struct guest_message m = {.kind = GUEST_MESSAGE_UP, .has_identity = true};
    identity_read("", &m.identity);
    h->rdp_listening = m.identity.rdp_listening;
    port_send(&h->port, &m);
}

static void send_event(struct helper *h, enum guest_message_kind kind, const char *user)
{
    struct guest_message m = {.kind = kind};
    strcpy(m.user, user);
    port_send(&h->port, &m);
}

static void fill_sessions(const struct desktops *d, struct guest_message *m)
{
    m->has_sessions = true;
    m->n_sessions = d->count;
    for (size_t i = 0; i < d->count; i++) {
        strcpy(m->sessions[i].user, d->list[i].user);
        strcpy(m->sessions[i].state, d->list[i].kill_ms != 0 ? "closing" : "open");
    }
}

static int do_logoff(struct helper *h, const char *user, struct error *e)
{
    uid_t uid;
    int r = accounts_uid("", user, &uid, e);
    if (r == 0)
        desktops_logoff(&h->desktops, user, uid, now_ms());
    return r;
}

static int do_account_remove(const char *user, struct error *e)
{
    uid_t uid;
    int r = accounts_uid("", user, &uid, e);
    if (r == ERR_NOT_FOUND)
        return 0;
    if (r < 0)
        return r;
    for (int i = 0; desktops_signal_uid(uid, SIGKILL) > 0; i++) {
        if (i == KILL_TRIES)
            return err_set(e, ERR_BUSY, "programs of that person cannot be ended");
        nanosleep(&(struct timespec){0, 20 * 1000 * 1000}, NULL);
    }
    return accounts_remove("", user, e);
}

static int do_request(struct helper *h, const struct guest_request *q, struct guest_message *m, struct error *e)
{
    switch (q->cmd) {
    case GUEST_CMD_HELLO:
        m->has_identity = true;
        identity_read("", &m->identity);
        return 0;
    case GUEST_CMD_ACCOUNT:
        return accounts_set("", q->user, q->password, q->fullname, e);
    case GUEST_CMD_ACCOUNT_REMOVE:
        return do_account_remove(q->user, e);
    case GUEST_CMD_LOGOFF:
        return do_logoff(h, q->user, e);
    case GUEST_CMD_SESSIONS:
        fill_sessions(&h->desktops, m);
        return 0;
    }
    return ERR_UNSUPPORTED;
}

/* One line from the host. Without a usable id there is nobody to answer: such a line is passed over. */
static void on_line(void *arg, int r, const char *line, size_t len)
{
    struct helper *h = arg;
    struct guest_request q = {0};
    struct guest_message m = {.kind = GUEST_MESSAGE_ANSWER};
    struct error e = {0};
    if (r == 0)
        r = guest_request_decode(line, len, &q, &e);
    if (r == 0)
        r = do_request(h, &q, &m, &e);
    m.id = q.id;
    guest_request_wipe(&q);
    if (m.id == 0)
        return;
    if (r < 0) {
        m = (struct guest_message){.kind = GUEST_MESSAGE_REFUSAL, .id = m.id};
        snprintf(m.error, sizeof(m.error), "%.*s", GUEST_ERROR_SIZE - 1, e.code != 0 ? err_message(&e) : err_text(r));
    }
    port_send(&h->port, &m);
}

static void on_notify(struct helper *h)
{
    bool open;
    char user[GUEST_USER_SIZE];
    pid_t pid;
    int r;
    while ((r = notify_receive(h->notify_fd, &open, user, &pid)) != ERR_AGAIN) {
        if (r < 0)
            continue;
        if (open && desktops_open(&h->desktops, user, pid) == 0)
            send_event(h, GUEST_MESSAGE_LOGON, user);
        else if (!open && desktops_close(&h->desktops, pid, user) == 0)
            send_event(h, GUEST_MESSAGE_LOGOFF, user);
    }
}

/* Sessions whose process ended without PAM having said so. */
static void on_pidfds(struct helper *h, const struct pollfd *polled, size_t n)
{
    pid_t dead[GUEST_SESSIONS_MAX];
    size_t n_dead = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < h->desktops.count; k++)
            if (polled[i].revents != 0 && h->desktops.list[k].pidfd == polled[i].fd)
                dead[n_dead++] = h->desktops.list[k].pid;
    for (size_t i = 0; i < n_dead; i++) {
        char user[GUEST_USER_SIZE];
        if (desktops_close(&h->desktops, dead[i], user) == 0)
            send_event(h, GUEST_MESSAGE_LOGOFF, user);
    }
}

/* What is due without anybody asking; returns how long poll may sleep, -1 = for ever. */
static int tick(struct helper *h)
{
    int wait = desktops_tick(&h->desktops, now_ms());
    if (port_check(&h->port))
        send_up(h);
    if (!h->port.connected)
        return wait < 0 || wait > PORT_RETRY_MS ? PORT_RETRY_MS : wait;
    if (h->port.overflow && h->port.out.len == 0) {
        h->port.overflow = false;
        send_up(h);
    }
    if (h->rdp_listening)
        return wait;
    if (identity_rdp_listening(""))
        send_up(h);
    return wait < 0 || wait > LISTEN_WAIT_MS ? LISTEN_WAIT_MS : wait;
}

static void serve(struct helper *h)
{
    for (;;) {
        struct pollfd fds[2 + GUEST_SESSIONS_MAX];
        int wait = tick(h);
        size_t n = h->desktops.count;
        fds[0] = port_pollfd(&h->port);
        fds[1] = (struct pollfd){.fd = h->notify_fd, .events = POLLIN};
        for (size_t i = 0; i < n; i++)
            fds[2 + i] = (struct pollfd){.fd = h->desktops.list[i].pidfd, .events = POLLIN};
        if (poll(fds, 2 + n, wait) < 0)
            continue;
        if (fds[1].revents != 0)
            on_notify(h);
        on_pidfds(h, fds + 2, n);
        if ((fds[0].revents & POLLOUT) != 0)
            port_flush(&h->port);
        if ((fds[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0)
            port_read(&h->port, on_line, h);
    }
}

static int fail(const struct error *e)
{
    fprintf(stderr, "carrel-guest: %s\n", err_message(e));
    return 1;
}

int main(int argc, char **argv)
{
    static struct helper h;
    struct error e = {0};
    if (argc == 2 && strcmp(argv[1], "notify") == 0)
        return notify_send(NOTIFY_PATH, getenv("PAM_TYPE"), getenv("PAM_USER"), getppid()) < 0;
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("carrel-guest %s\n", IDENTITY_HELPER_VERSION);
        return 0;
    }
    if (argc != 1) {
        fprintf(stderr, "usage: carrel-guest [notify | --version]\n");
        return 2;
    }
    umask(077);
    signal(SIGPIPE, SIG_IGN);
    mkdir(STATE_DIR, 0700);
    if (notify_listen(NOTIFY_PATH, &h.notify_fd, &e) < 0)
        return fail(&e);
    desktops_init(&h.desktops, STATE_DIR);
    port_init(&h.port, PORT_PATH);
    serve(&h);
    return 0;
}
