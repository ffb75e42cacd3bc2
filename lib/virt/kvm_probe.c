#include "lib/virt/kvm_probe.h"

#include "lib/base/clock.h"
#include "lib/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

#define GUEST_STATUS 85 /* isa-debug-exit makes (value << 1) | 1 of the guest's 0x2a */

/* cli; mov al, 0x2a; out 0xf4, al; hlt; jmp to hlt */
static const unsigned char guest_code[] = {0xfa, 0xb0, 0x2a, 0xe6, 0xf4, 0xf4, 0xeb, 0xfd};

static int boot_sector(void)
{
    unsigned char sector[512] = {0};
    memcpy(sector, guest_code, sizeof(guest_code));
    sector[510] = 0x55;
    sector[511] = 0xaa;
    int fd CLEANUP_CLOSE = memfd_create("boot", 0); /* QEMU opens it by number, so it is inherited */
    if (fd < 0 || write(fd, sector, sizeof(sector)) != sizeof(sector))
        return -1;
    return TAKE_FD(fd);
}

static int start(int disk, pid_t *ret)
{
    char drive[96];
    snprintf(drive, sizeof(drive), "file=/proc/self/fd/%d,format=raw,if=ide,snapshot=on", disk);
    char *argv[] = {(char[]){"qemu-system-x86_64"},
                    (char[]){"-accel"},
                    (char[]){"kvm"},
                    (char[]){"-machine"},
                    (char[]){"pc"},
                    (char[]){"-m"},
                    (char[]){"16"},
                    (char[]){"-nodefaults"},
                    (char[]){"-no-user-config"},
                    (char[]){"-display"},
                    (char[]){"none"},
                    (char[]){"-device"},
                    (char[]){"isa-debug-exit,iobase=0xf4,iosize=1"},
                    (char[]){"-drive"},
                    drive,
                    NULL};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    int rc = posix_spawnp(ret, argv[0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    return rc;
}

/* The exit status, -1 when it was ended by a signal, -2 when the time was up. */
static int await(pid_t pid)
{
    int64_t deadline = clock_mono_ns() + (int64_t)KVM_PROBE_MS * 1000000;
    int status = 0;
    for (;;) {
        pid_t done = waitpid(pid, &status, WNOHANG);
        if (done == pid)
            return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
        if (done < 0 && errno != EINTR)
            return -1;
        if (clock_mono_ns() > deadline)
            break;
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    return -2;
}

static bool probe(char *ret_reason, size_t size)
{
    if (access("/dev/kvm", R_OK | W_OK) != 0) {
        snprintf(ret_reason, size, "there is no usable /dev/kvm: %s", strerror(errno));
        return false;
    }
    int disk CLEANUP_CLOSE = boot_sector();
    pid_t pid = 0;
    int rc = disk < 0 ? errno : start(disk, &pid);
    if (rc != 0) {
        snprintf(ret_reason, size, "qemu-system-x86_64 does not start: %s", strerror(rc));
        return false;
    }
    int status = await(pid);
    if (status == GUEST_STATUS)
        snprintf(ret_reason, size, "a small guest ran with KVM");
    else if (status == -2)
        snprintf(ret_reason, size, "KVM is there, but a guest of one sector did not end within %d ms", KVM_PROBE_MS);
    else
        snprintf(ret_reason, size, "QEMU refuses KVM here (its status is %d)", status);
    return status == GUEST_STATUS;
}

bool kvm_probe(char *ret_reason, size_t size)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static bool known, works;
    static char reason[160];
    pthread_mutex_lock(&lock);
    if (!known)
        works = probe(reason, sizeof(reason));
    known = true;
    snprintf(ret_reason, size, "%s", reason);
    bool answer = works;
    pthread_mutex_unlock(&lock);
    return answer;
}
