#include "deploy/guest/notify.h"

#include "lib/base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int address(const char *path, struct sockaddr_un *ret)
{
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(ret->sun_path))
        return ERR_TOO_BIG;
    strcpy(ret->sun_path, path);
    return 0;
}

int notify_listen(const char *path, int *ret_fd, struct error *reterr)
{
    struct sockaddr_un a;
    if (address(path, &a) < 0)
        return err_set(reterr, ERR_TOO_BIG, "the socket's path is too long");
    unlink(path);
    int fd CLEANUP_CLOSE = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int on = 1;
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || chmod(path, 0600) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0)
        return err_set_errno(reterr, ERR_IO, errno, "cannot listen on %s", path);
    *ret_fd = TAKE_FD(fd);
    return 0;
}

static bool from_root(struct msghdr *m)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
        struct ucred who;
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_CREDENTIALS)
            continue;
        memcpy(&who, CMSG_DATA(c), sizeof(who));
        return who.uid == 0;
    }
    return false;
}

int notify_receive(int fd, bool *ret_open, char ret_user[GUEST_USER_SIZE], pid_t *ret_pid)
{
    char text[128], control[CMSG_SPACE(sizeof(struct ucred))], what[8] = "", user[GUEST_USER_SIZE] = "";
    struct iovec iov = {text, sizeof(text) - 1};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
    int pid = 0;
    ssize_t n = recvmsg(fd, &m, 0);
    if (n < 0)
        return ERR_AGAIN;
    text[n] = '\0';
    if (!from_root(&m) || sscanf(text, "%7s %32s %d", what, user, &pid) != 3 || pid < 2 || !guest_user_valid(user))
        return ERR_PROTOCOL;
    *ret_open = strcmp(what, "open") == 0;
    strcpy(ret_user, user);
    *ret_pid = pid;
    return 0;
}

int notify_send(const char *path, const char *pam_type, const char *user, pid_t pid)
{
    char text[128];
    struct sockaddr_un a;
    bool open = pam_type != NULL && strcmp(pam_type, "open_session") == 0;
    if (pam_type == NULL || user == NULL || (!open && strcmp(pam_type, "close_session") != 0))
        return 0;
    int n = snprintf(text, sizeof(text), "%s %s %d", open ? "open" : "close", user, (int)pid);
    if (n >= (int)sizeof(text) || address(path, &a) < 0)
        return ERR_TOO_BIG;
    int fd CLEANUP_CLOSE = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return fd >= 0 && sendto(fd, text, (size_t)n, 0, (struct sockaddr *)&a, sizeof(a)) == n ? 0 : ERR_IO;
}
