#include "tests/bench/site.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARGUMENTS 16

int site_init(struct site *site)
{
    *site = (struct site){.dir = "/tmp/carrel-bench.XXXXXX"};
    if (mkdtemp(site->dir) != NULL)
        return 0;
    perror("bench: no folder");
    site->dir[0] = '\0';
    return -1;
}

static void take_down(pid_t pid)
{
    kill(pid, SIGTERM);
    for (int i = 0; i < 100; i++) {
        if (waitpid(pid, NULL, WNOHANG) == pid)
            return;
        usleep(50000);
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

void site_done(struct site *site)
{
    char command[128];
    while (site->count > 0)
        take_down(site->pids[--site->count]);
    if (site->dir[0] == '\0')
        return;
    snprintf(command, sizeof(command), "rm -rf '%s'", site->dir);
    if (system(command) != 0)
        fprintf(stderr, "bench: %s stays behind\n", site->dir);
    site->dir[0] = '\0';
}

static void path_of(const struct site *site, const char *name, char ret[160])
{
    snprintf(ret, 160, "%s/%s", site->dir, name);
}

int site_write(struct site *site, const char *name, const char *text)
{
    char path[160];
    path_of(site, name, path);
    FILE *f = fopen(path, "w");
    if (f == NULL || fputs(text, f) == EOF || fclose(f) == EOF) {
        perror(path);
        return -1;
    }
    return 0;
}

int site_certificate(struct site *site)
{
    char command[400];
    snprintf(command, sizeof(command),
             "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost -keyout "
             "%s/site.key -out %s/site.crt 2>/dev/null",
             site->dir, site->dir);
    return system(command) == 0 ? 0 : -1;
}

pid_t site_fork(struct site *site)
{
    if (site->count == SITE_PROGRAMS)
        return -1;
    pid_t pid = fork();
    if (pid > 0)
        site->pids[site->count++] = pid;
    return pid;
}

static void become(const struct site *site, const char *log, const char *const *argv)
{
    static char paths[ARGUMENTS][160];
    char *args[ARGUMENTS + 1] = {NULL};
    for (size_t i = 0; i < ARGUMENTS && argv[i] != NULL; i++) {
        if (argv[i][0] == '@')
            path_of(site, argv[i] + 1, paths[i]);
        else
            snprintf(paths[i], sizeof(paths[i]), "%s", argv[i]);
        args[i] = paths[i];
    }
    int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    dup2(fd, 1);
    dup2(fd, 2);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    execv(args[0], args);
    perror(args[0]);
    _exit(127);
}

pid_t site_start(struct site *site, const char *log, const char *const *argv)
{
    char path[160];
    path_of(site, log, path);
    pid_t pid = site_fork(site);
    if (pid == 0)
        become(site, path, argv);
    return pid;
}

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

int site_listen(int *ret_port)
{
    struct sockaddr_in address = loopback(0);
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) < 0 || listen(fd, 64) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) < 0) {
        perror("bench: no listening socket");
        return -1;
    }
    *ret_port = ntohs(address.sin_port);
    return fd;
}

int site_free_port(void)
{
    int port = 0;
    int fd = site_listen(&port);
    if (fd >= 0)
        close(fd);
    return port;
}

int site_wait_port(int port)
{
    struct sockaddr_in address = loopback(port);
    for (int i = 0; i < 200; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int r = connect(fd, (struct sockaddr *)&address, sizeof(address));
        close(fd);
        if (r == 0)
            return 0;
        usleep(50000);
    }
    fprintf(stderr, "bench: nobody listens at port %d\n", port);
    return -1;
}

static int has_line(const char *path, const char *part)
{
    char line[512];
    int found = 0;
    FILE *f = fopen(path, "r");
    while (f != NULL && !found && fgets(line, sizeof(line), f) != NULL)
        found = strstr(line, part) != NULL;
    if (f != NULL)
        fclose(f);
    return found;
}

int site_wait_line(const struct site *site, const char *log, const char *part)
{
    char path[160];
    path_of(site, log, path);
    for (int i = 0; i < 200; i++) {
        if (has_line(path, part))
            return 0;
        usleep(50000);
    }
    fprintf(stderr, "bench: no line \"%s\" in %s\n", part, log);
    return -1;
}

pid_t site_child_of(pid_t pid)
{
    char path[80];
    int child = 0;
    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
    for (int i = 0; i < 100; i++) {
        FILE *f = fopen(path, "r");
        int n = f != NULL ? fscanf(f, "%d", &child) : 0;
        if (f != NULL)
            fclose(f);
        if (n == 1)
            return child;
        usleep(50000);
    }
    return -1;
}

double site_cpu(pid_t pid)
{
    char path[64];
    unsigned long long ns = 0;
    snprintf(path, sizeof(path), "/proc/%d/schedstat", (int)pid);
    FILE *f = fopen(path, "r");
    if (f == NULL || fscanf(f, "%llu", &ns) != 1)
        fprintf(stderr, "bench: %s cannot be read\n", path);
    if (f != NULL)
        fclose(f);
    return (double)ns / 1e9;
}

void site_first_line(const char *command, char *ret, size_t size)
{
    FILE *f = popen(command, "r");
    ret[0] = '\0';
    if (f == NULL || fgets(ret, (int)size, f) == NULL)
        snprintf(ret, size, "unknown");
    if (f != NULL)
        pclose(f);
    ret[strcspn(ret, "\n")] = '\0';
}
