#include "tests/store/pg_server.h"

#include <libpq-fe.h>

#include <errno.h>
#include <glob.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[128];
static char bin[256];
static pid_t server = -1;
static bool durable;

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    exit(1);
}

static void find_bin(void)
{
    glob_t g;
    if (glob("/usr/lib/postgresql/*/bin/postgres", 0, NULL, &g) != 0 || g.gl_pathc == 0)
        die("the store's tests need PostgreSQL's server: apt-get install postgresql");
    snprintf(bin, sizeof(bin), "%.*s", (int)(strrchr(g.gl_pathv[g.gl_pathc - 1], '/') - g.gl_pathv[g.gl_pathc - 1]),
             g.gl_pathv[g.gl_pathc - 1]);
    globfree(&g);
}

/* In the child: PostgreSQL refuses to run as root. */
static void become_postgres(void)
{
    if (geteuid() != 0)
        return;
    const struct passwd *pw = getpwnam("postgres");
    if (pw == NULL || initgroups("postgres", pw->pw_gid) != 0 || setgid(pw->pw_gid) != 0 || setuid(pw->pw_uid) != 0)
        _exit(126);
}

static pid_t spawn(char *const argv[])
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    become_postgres();
    prctl(PR_SET_PDEATHSIG, SIGQUIT);
    char log[192];
    snprintf(log, sizeof(log), "%s/log", folder);
    if (freopen(log, "a", stdout) == NULL || dup2(fileno(stdout), 2) < 0 || chdir(folder) != 0)
        _exit(126);
    execv(argv[0], argv);
    _exit(127);
}

static void print_log(void)
{
    char command[192];
    snprintf(command, sizeof(command), "tail -n 20 %s/log >&2", folder);
    if (system(command) != 0)
        fprintf(stderr, "no log of the server\n");
}

static void launch(void)
{
    char exe[300], data[192], conninfo[256];
    snprintf(exe, sizeof(exe), "%s/postgres", bin);
    snprintf(data, sizeof(data), "%s/data", folder);
    char *argv[] = {exe,
                    "-D",
                    data,
                    "-k",
                    folder,
                    "-c",
                    "listen_addresses=",
                    "-c",
                    (char *)(durable ? "fsync=on" : "fsync=off"),
                    "-c",
                    "max_connections=80",
                    "-c",
                    "shared_buffers=32MB",
                    "-c",
                    "deadlock_timeout=100ms",
                    NULL};
    server = spawn(argv);
    snprintf(conninfo, sizeof(conninfo), "host=%s user=postgres dbname=postgres", folder);
    for (int i = 0; PQping(conninfo) != PQPING_OK; i++) {
        if (i > 600 || waitpid(server, NULL, WNOHANG) == server) {
            print_log();
            die("the private PostgreSQL did not start");
        }
        usleep(100000);
    }
}

void pg_server_start(void)
{
    const char *tmp = getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp";
    char exe[300], data[192];
    int status = -1;
    find_bin();
    snprintf(folder, sizeof(folder), "%.80s/carrel-pg-XXXXXX", tmp);
    if (mkdtemp(folder) == NULL)
        die("mkdtemp %s: %s", folder, strerror(errno));
    const struct passwd *pw = getpwnam("postgres");
    if (geteuid() == 0 && (pw == NULL || chown(folder, pw->pw_uid, pw->pw_gid) != 0))
        die("there is no user postgres: apt-get install postgresql");
    snprintf(exe, sizeof(exe), "%s/initdb", bin);
    snprintf(data, sizeof(data), "%s/data", folder);
    char *argv[] = {exe, "-D", data, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync", NULL};
    pid_t pid = spawn(argv);
    if (waitpid(pid, &status, 0) != pid || status != 0) {
        print_log();
        die("initdb failed");
    }
    launch();
}

void pg_server_start_durable(void)
{
    durable = true;
    pg_server_start();
}

void pg_server_halt(void)
{
    if (server <= 0)
        return;
    kill(server, SIGINT);
    waitpid(server, NULL, 0);
    server = -1;
}

void pg_server_restart(void)
{
    pg_server_halt();
    launch();
}

void pg_server_stop(void)
{
    char command[192];
    pg_server_halt();
    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    if (folder[0] != '\0' && system(command) != 0)
        fprintf(stderr, "%s is left over\n", folder);
}

const char *pg_server_folder(void)
{
    return folder;
}
