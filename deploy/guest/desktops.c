#include "deploy/guest/desktops.h"

#include "deploy/guest/accounts.h"
#include "lib/base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void state_path(const struct desktops *d, pid_t pid, char out[256])
{
    snprintf(out, 256, "%s/session.%d", d->state_dir, (int)pid);
}

static void state_write(const struct desktops *d, const struct desktop_session *s)
{
    char path[256];
    state_path(d, s->pid, path);
    FILE *f = fopen(path, "we");
    if (f == NULL)
        return; /* only a restart of carrel-guest would miss it */
    fprintf(f, "%s\n", s->user);
    fclose(f);
}

/* Whether the process is one of xrdp-sesman: after a restart a number may have been given to another. */
static bool is_sesman(pid_t pid)
{
    char path[64], comm[32] = "";
    snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return false;
    bool yes = fgets(comm, sizeof(comm), f) != NULL && strncmp(comm, "xrdp-sesman", 11) == 0;
    fclose(f);
    return yes;
}

static void state_take_over(struct desktops *d, pid_t pid)
{
    char path[256], user[GUEST_USER_SIZE + 1] = "";
    state_path(d, pid, path);
    FILE *f = fopen(path, "re");
    if (f != NULL) {
        if (fgets(user, sizeof(user), f) == NULL)
            user[0] = '\0';
        fclose(f);
    }
    user[strcspn(user, "\n")] = '\0';
    if (!is_sesman(pid) || desktops_open(d, user, pid) < 0)
        unlink(path);
}

void desktops_init(struct desktops *d, const char *state_dir)
{
    memset(d, 0, sizeof(*d));
    snprintf(d->state_dir, sizeof(d->state_dir), "%s", state_dir);
    DIR *dir = opendir(state_dir);
    if (dir == NULL)
        return;
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        int pid;
        if (sscanf(e->d_name, "session.%d", &pid) == 1 && pid > 1)
            state_take_over(d, pid);
    }
    closedir(dir);
}

void desktops_done(struct desktops *d)
{
    for (size_t i = 0; i < d->count; i++)
        close(d->list[i].pidfd);
    d->count = 0;
}

static struct desktop_session *find(struct desktops *d, pid_t pid)
{
    for (size_t i = 0; i < d->count; i++)
        if (d->list[i].pid == pid)
            return &d->list[i];
    return NULL;
}

int desktops_open(struct desktops *d, const char *user, pid_t pid)
{
    if (!guest_user_valid(user))
        return ERR_INVALID;
    if (find(d, pid) != NULL)
        return ERR_EXISTS;
    if (d->count == GUEST_SESSIONS_MAX)
        return ERR_TOO_BIG;
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0)
        return ERR_NOT_FOUND;
    struct desktop_session *s = &d->list[d->count++];
    *s = (struct desktop_session){.pid = pid, .pidfd = fd};
    strcpy(s->user, user);
    state_write(d, s);
    return 0;
}

int desktops_close(struct desktops *d, pid_t pid, char ret_user[GUEST_USER_SIZE])
{
    char path[256];
    struct desktop_session *s = find(d, pid);
    if (s == NULL)
        return ERR_NOT_FOUND;
    strcpy(ret_user, s->user);
    close(s->pidfd);
    state_path(d, pid, path);
    unlink(path);
    *s = d->list[--d->count];
    return 0;
}

size_t desktops_signal_uid(uid_t uid, int sig)
{
    size_t n = 0;
    DIR *dir = opendir("/proc");
    if (dir == NULL || uid < 1000) {
        if (dir != NULL)
            closedir(dir);
        return 0;
    }
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        struct stat st;
        int pid;
        if (sscanf(e->d_name, "%d", &pid) != 1 || fstatat(dirfd(dir), e->d_name, &st, 0) < 0 || st.st_uid != uid)
            continue;
        if (kill(pid, sig) == 0)
            n++;
    }
    closedir(dir);
    return n;
}

void desktops_logoff(struct desktops *d, const char *user, uid_t uid, int64_t now_ms)
{
    desktops_signal_uid(uid, SIGTERM);
    for (size_t i = 0; i < d->count; i++)
        if (strcmp(d->list[i].user, user) == 0 && d->list[i].kill_ms == 0)
            d->list[i].kill_ms = now_ms + DESKTOPS_GRACE_MS;
}

int desktops_tick(struct desktops *d, int64_t now_ms)
{
    int next = -1;
    for (size_t i = 0; i < d->count; i++) {
        struct desktop_session *s = &d->list[i];
        uid_t uid;
        if (s->kill_ms == 0)
            continue;
        if (s->kill_ms <= now_ms) {
            if (accounts_uid("", s->user, &uid, NULL) == 0)
                desktops_signal_uid(uid, SIGKILL);
            s->kill_ms = now_ms + DESKTOPS_GRACE_MS;
        }
        int left = (int)(s->kill_ms - now_ms);
        next = next < 0 || left < next ? left : next;
    }
    return next;
}
