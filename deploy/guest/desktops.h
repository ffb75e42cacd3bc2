/* The desktop sessions that are open in this guest, as PAM tells them and as their processes live.
 *
 * Runs in carrel-guest, one thread. A session is the process of xrdp-sesman that opened it: its end ends the session
 * even where PAM had no chance to say so. Invariant: one entry per process; pidfd is open. Entries are kept in small
 * files under `state_dir`, so that a restarted carrel-guest knows them. */
#ifndef CARREL_GUEST_DESKTOPS_H
#define CARREL_GUEST_DESKTOPS_H

#include "lib/proto/guest.h"

#include <sys/types.h>

struct desktop_session {
    char user[GUEST_USER_SIZE];
    pid_t pid;
    int pidfd;       /* readable when the process ended */
    int64_t kill_ms; /* monotonic; 0, or when what still runs after a logoff is killed */
};

struct desktops {
    char state_dir[128];
    size_t count;
    struct desktop_session list[GUEST_SESSIONS_MAX];
};

/* Sessions that live and are on file are taken over; files of dead ones are removed. */
void desktops_init(struct desktops *d, const char *state_dir);
void desktops_done(struct desktops *d);

/* A session began. Errors: ERR_EXISTS (known already), ERR_NOT_FOUND (no such process), ERR_TOO_BIG (64 are open),
 * ERR_INVALID (not a user name). */
int desktops_open(struct desktops *d, const char *user, pid_t pid);

/* A session ended; ret_user gets its user. ERR_NOT_FOUND: it was not known. */
int desktops_close(struct desktops *d, pid_t pid, char ret_user[GUEST_USER_SIZE]);

/* Ask the person's programs to end; what has not ended at now_ms + DESKTOPS_GRACE_MS is killed by desktops_tick. */
#define DESKTOPS_GRACE_MS 2000
void desktops_logoff(struct desktops *d, const char *user, uid_t uid, int64_t now_ms);

/* Kill what is overdue. Returns the milliseconds until it is to be called again, -1 = not needed. */
int desktops_tick(struct desktops *d, int64_t now_ms);

/* Send `sig` to all processes of `uid` (never below 1000). Returns how many there were. */
size_t desktops_signal_uid(uid_t uid, int sig);

#endif
