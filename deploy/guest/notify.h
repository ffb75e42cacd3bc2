/* From PAM to carrel-guest: `carrel-guest notify`, which pam_exec runs when a desktop session opens and closes, sends
 * one datagram to the running helper over a socket that only root can reach. */
#ifndef CARREL_GUEST_NOTIFY_H
#define CARREL_GUEST_NOTIFY_H

#include "lib/proto/guest.h"

#include <sys/types.h>

/* The listening end; non-blocking. Errors: ERR_IO. */
int notify_listen(const char *path, int *ret_fd, struct error *reterr);

/* The next message: a session of `user` in process `pid` opened or closed. ERR_AGAIN: no more. ERR_PROTOCOL: from
 * somebody who is not root, or malformed; it is dropped. */
int notify_receive(int fd, bool *ret_open, char ret_user[GUEST_USER_SIZE], pid_t *ret_pid);

/* The sending end: PAM_TYPE and PAM_USER from the environment, `pid` the process that owns the session. Never waits.
 * Returns 0, also for PAM_TYPEs that are none of ours; ERR_IO when the helper does not listen. */
int notify_send(const char *path, const char *pam_type, const char *user, pid_t pid);

#endif
