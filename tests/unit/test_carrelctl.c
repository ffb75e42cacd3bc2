/* The program itself, as a person or a script runs it, against a site that answers what each test wrote down: exit
 * statuses, what is said on which stream, what is sent, what is kept. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/fakes/fakesite.h"

#define SAID_MAX  32768
#define WORDS_MAX 32

static char base[64], program[4200];

/* What the last run said and how it ended. */
static char out[SAID_MAX], err[SAID_MAX];

static void slurp(const char *name, char *buf)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", base, name);
    FILE *f = fopen(path, "r");
    buf[0] = '\0';
    if (!f)
        return;
    buf[fread(buf, 1, SAID_MAX - 1, f)] = '\0';
    fclose(f);
}

static void spill(const char *name, const char *text, mode_t mode)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", base, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    assert_int_equal(chmod(path, mode), 0);
}

static void become(char **argv)
{
    const char *names[] = {"stdin", "stdout", "stderr"};
    char path[128];

    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof(path), "%s/%s", base, names[i]);
        int fd = open(path, i == 0 ? O_RDONLY : O_WRONLY | O_CREAT | O_TRUNC, 0600);
        dup2(fd, i);
    }
    setenv("HOME", base, 1);
    setenv("CARREL_CLIENT_LOG", base, 1);
    unsetenv("CARREL_URL");
    unsetenv("CARREL_SOCKET");
    unsetenv("CARREL_CA");
    unsetenv("CARREL_STATE");
    unsetenv("XDG_STATE_HOME");
    execv(program, argv);
    _exit(127);
}

/* Starts carrelctl with these words ("%s" of `format` apart, nothing holds blanks) and `input` on standard input. */
static pid_t start(const char *input, const char *format, va_list args)
{
    static char line[1024];
    char *argv[WORDS_MAX] = {"carrelctl"};
    int argc = 1;

    vsnprintf(line, sizeof(line), format, args);
    for (char *word = strtok(line, " "); word && argc < WORDS_MAX - 1; word = strtok(NULL, " "))
        argv[argc++] = word;
    spill("stdin", input ? input : "", 0600);
    spill("stderr", "", 0600);
    pid_t pid = fork();
    if (pid == 0)
        become(argv);
    return pid;
}

static int ended(pid_t pid)
{
    int status;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    slurp("stdout", out);
    slurp("stderr", err);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int run(const char *input, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    pid_t pid = start(input, format, args);
    va_end(args);
    return ended(pid);
}

/* The same, with Ctrl-C as soon as `word` has been said on standard error. */
static int interrupted(const char *word, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    pid_t pid = start(NULL, format, args);
    va_end(args);
    for (int i = 0; i < 500 && (slurp("stderr", err), !strstr(err, word)); i++)
        usleep(20000);
    assert_int_equal(kill(pid, SIGINT), 0);
    return ended(pid);
}

static void says(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("\"%s\" is not in \"%s\"; out \"%s\", err \"%s\"", part, text, out, err);
}

static void keeps_silent(const char *text, const char *part)
{
    if (strstr(text, part))
        fail_msg("\"%s\" is in \"%s\"", part, text);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static int make_base(void **state)
{
    *state = NULL;
    snprintf(base, sizeof(base), "/tmp/test_carrelctl.XXXXXX");
    return mkdtemp(base) ? 0 : -1;
}

static int end_base(void **state)
{
    fakesite_stop(*state);
    return nftw(base, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* method, path, status, then designated members. */
#define ANSWER(method_, path_, status_, ...)                                                                           \
    {                                                                                                                  \
        .method = method_, .path = path_, .status = status_, __VA_ARGS__                                               \
    }
#define START(state, kind, entries)                                                                                    \
    (*(state) = fakesite_start((kind), base, (entries), sizeof(entries) / sizeof((entries)[0])))

static const struct fakesite_entry login_entry =
    ANSWER("POST", "/api/v1/login", 200,
           .body = "{\"token\":\"tok-3n\",\"username\":\"ada\",\"display_name\":"
                   "\"Ada L\",\"roles\":[\"admin\"],\"expires_at\":\"2099-01-01T00:00:00.000Z\"}");

static void a_login_is_kept_and_used(void **state)
{
    const struct fakesite_entry entries[] = {
        login_entry, ANSWER("GET", "/api/v1/admin/pools", 200, .body = "{\"pools\":[{\"name\":\"office\",\"min\":2}]}"),
        ANSWER("GET", "/api/v1/pools", 200, .body = "{\"pools\":[]}"), ANSWER("POST", "/api/v1/logout", 204)};
    struct fakesite *site = START(state, FAKESITE_TLS, entries);

    assert_int_equal(
        run("pass wörd\nrest", "login ada --password-stdin --url %s --ca %s/ca.pem", fakesite_url(site), base), 0);
    says(out, "ada");
    keeps_silent(out, "tok-3n");
    assert_int_equal(run(NULL, "pool list"), 0);
    says(out, "office");
    assert_int_equal(run(NULL, "pool list --mine -o json"), 0);
    assert_string_equal(out, "[]\n");
    assert_int_equal(run(NULL, "logout"), 0);
    says(out, "Logged out of https://localhost:");
    char *journal = fakesite_journal(site);
    says(journal, "{\"username\":\"ada\",\"password\":\"pass wörd\"}");
    says(journal, "GET /api/v1/admin/pools HTTP/1.1\r\n");
    says(journal, "Authorization: Bearer tok-3n\r\n");
    free(journal);
    assert_int_equal(run(NULL, "logout"), 1);
    says(err, "no login to end");
}

static void a_wrong_password_is_refused(void **state)
{
    const struct fakesite_entry entries[] = {ANSWER("POST", "/api/v1/login", 401, .type = "application/problem+json",
                                                    .body =
                                                        "{\"type\":\"urn:carrel:problem:bad_credentials\",\"title\":"
                                                        "\"Unauthorized\",\"status\":401,\"code\":\"bad_credentials\","
                                                        "\"detail\":\"The user name or the password is wrong.\"}")};
    struct fakesite *site = START(state, FAKESITE_PLAIN, entries);

    assert_int_equal(run("x\n", "login ada --password-stdin --url %s", fakesite_url(site)), 1);
    assert_string_equal(out, "");
    says(err, "carrelctl: The user name or the password is wrong.\n");
    says(err, "Check the name");
    assert_int_equal(run("\n", "login ada --password-stdin --url %s", fakesite_url(site)), 2);
    says(err, "the password is empty");
    assert_int_equal(run(NULL, "login ada --password-stdin"), 2);
    says(err, "needs a site");
}

static void the_wrong_authority_is_not_trusted(void **state)
{
    const struct fakesite_entry entries[] = {login_entry};
    struct fakesite *site = START(state, FAKESITE_TLS, entries);
    char *journal;

    assert_int_equal(run("x\n", "login ada --password-stdin --url %s", fakesite_url(site)), 3);
    says(err, "cannot be trusted");
    says(err, "--ca FILE");
    assert_string_equal(journal = fakesite_journal(site), "");
    free(journal);
    assert_int_equal(run("x\n", "login ada --password-stdin --url %s --ca %s/none.pem", fakesite_url(site), base), 2);
    says(err, "cannot be read");
}

static void nobody_there_is_status_3(void **state)
{
    const struct fakesite_entry entries[] = {ANSWER("GET", "/api/v1/admin/hosts", 502, .body = "oops"),
                                             ANSWER("GET", "/api/v1/admin/pools", 200, .silent = true)};
    struct fakesite *site = START(state, FAKESITE_UNIX, entries);

    assert_int_equal(run(NULL, "pool list --url https://localhost:1"), 3);
    says(err, "https://localhost:1 cannot be reached");
    assert_int_equal(run(NULL, "pool list --socket %s/none.sock", base), 3);
    says(err, "none.sock cannot be reached: No such file or directory.");
    says(err, "carrel-broker");
    assert_int_equal(run(NULL, "host list --socket %s", fakesite_url(site)), 3);
    assert_int_equal(run(NULL, "pool list --timeout 1s --socket %s", fakesite_url(site)), 3);
    says(err, "does not answer in time");
}

static void what_answers_must_be_a_site(void **state)
{
    const struct fakesite_entry entries[] = {
        ANSWER("GET", "/api/v1/admin/pools", 200, .type = "text/html", .body = "<html>"),
        ANSWER("GET", "/api/v1/admin/hosts", 200, .body = "{\"hosts\":[]"),
        ANSWER("GET", "/api/v1/admin/images", 200, .body = "{\"images\":{}}"),
        ANSWER("GET", "/api/v1/admin/desktops", 200, .body = "{\"desktops\":[]}", .blanks = 20 << 20),
        ANSWER("GET", "/api/v1/admin/sessions", 200, .body = "{\"sessions\":[]}", .cut = true),
        ANSWER("GET", "/api/v1/admin/entitlements", 500, .type = "text/html", .body = "<h1>\x1b[31mTraceback</h1>"),
    };
    static const char *const nouns[] = {"pool", "host", "image", "desktop", "session"};
    struct fakesite *site = START(state, FAKESITE_UNIX, entries);

    for (size_t i = 0; i < sizeof(nouns) / sizeof(nouns[0]); i++) {
        assert_int_equal(run(NULL, "%s list --socket %s", nouns[i], fakesite_url(site)), 3);
        assert_string_equal(out, "");
        says(err, "carrelctl: ");
    }
    assert_int_equal(run(NULL, "entitlement list --socket %s", fakesite_url(site)), 1);
    keeps_silent(err, "Traceback");
}

static void the_command_line_is_checked_before_anything_is_sent(void **state)
{
    const struct fakesite_entry entries[] = {login_entry};
    struct fakesite *site = START(state, FAKESITE_UNIX, entries);
    char *journal;

    assert_int_equal(run(NULL, "pool create office --socket %s", fakesite_url(site)), 2);
    assert_int_equal(run(NULL, "pool list --url http://example.invalid"), 2);
    assert_int_equal(run(NULL, "nonsense"), 2);
    assert_int_equal(run(NULL, ""), 2);
    assert_string_equal(journal = fakesite_journal(site), "");
    free(journal);
    assert_int_equal(run(NULL, "--help"), 0);
    assert_int_equal(run(NULL, "--version"), 0);
    says(out, "carrelctl ");
}

static void an_import_is_waited_for_and_published(void **state)
{
    const struct fakesite_entry entries[] = {
        ANSWER("POST", "/api/v1/admin/images", 202,
               .body = "{\"name\":\"debian\",\"version\":1,\"state\":\"importing\",\"progress\":0}"),
        ANSWER("GET", "/api/v1/admin/images/debian@1", 200, .times = 1,
               .body = "{\"name\":\"debian\",\"version\":1,\"state\":\"importing\",\"progress\":40}"),
        ANSWER("GET", "/api/v1/admin/images/debian@1", 200,
               .body = "{\"name\":\"debian\",\"version\":1,\"state\":\"sealed\",\"progress\":100}"),
        ANSWER("POST", "/api/v1/admin/images/debian@1/publish", 200,
               .body = "{\"name\":\"debian\",\"version\":1,\"state\":\"published\"}"),
    };
    struct fakesite *site = START(state, FAKESITE_UNIX, entries);

    assert_int_equal(
        run(NULL, "image import debian /x/disk.qcow2 --format qcow2 --publish --socket %s", fakesite_url(site)), 0);
    says(err, "image debian@1: 40 %");
    says(out, "published");
    char *journal = fakesite_journal(site);
    says(journal, "{\"name\":\"debian\",\"path\":\"/x/disk.qcow2\",\"format\":\"qcow2\"}");
    free(journal);
}

static void a_failed_import_says_why(void **state)
{
    const struct fakesite_entry entries[] = {
        ANSWER("POST", "/api/v1/admin/images", 202,
               .body = "{\"name\":\"debian\",\"version\":1,\"state\":\"importing\"}"),
        ANSWER("GET", "/api/v1/admin/images/debian@1", 200,
               .body = "{\"name\":\"debian\",\"version\":1,\"state\":\"error\",\"error\":\"it has a backing file\"}"),
    };
    struct fakesite *site = START(state, FAKESITE_UNIX, entries);

    assert_int_equal(run(NULL, "image import debian /x --format qcow2 --wait --socket %s", fakesite_url(site)), 1);
    says(err, "it has a backing file");
}

static void a_pool_is_waited_for(void **state)
{
    const struct fakesite_entry entries[] = {
        ANSWER("POST", "/api/v1/admin/pools", 201, .body = "{\"name\":\"office\",\"min\":2,\"ready\":0}"),
        ANSWER("GET", "/api/v1/admin/pools/office", 200, .times = 2,
               .body = "{\"name\":\"office\",\"min\":2,\"ready\":1}"),
        ANSWER("GET", "/api/v1/admin/pools/office", 200, .body = "{\"name\":\"office\",\"min\":2,\"ready\":2}"),
    };
    struct fakesite *site = START(state, FAKESITE_UNIX, entries);

    assert_int_equal(run(NULL, "pool create office --image d@1 --min 2 --wait -o yaml --socket %s", fakesite_url(site)),
                     0);
    says(err, "pool office: 1 of 2 desktops ready\n");
    assert_string_equal(out, "name: office\nmin: 2\nready: 2\n");
    assert_int_equal(
        run(NULL, "pool create office --image d@1 --min 2 --timeout 1s --wait -q --socket %s", fakesite_url(site)), 0);
    assert_string_equal(err, "");
}

static void an_interrupt_leaves_the_work_running(void **state)
{
    const struct fakesite_entry entries[] = {
        ANSWER("POST", "/api/v1/admin/images", 202,
               .body = "{\"name\":\"debian\",\"version\":1,\"state\":\"importing\"}"),
        ANSWER("GET", "/api/v1/admin/images/debian@1", 200,
               .body = "{\"name\":\"debian\",\"version\":1,\"state\":\"importing\"}"),
    };
    struct fakesite *site = START(state, FAKESITE_UNIX, entries);

    assert_int_equal(interrupted("image debian@1: 0 %", "image import debian /x --format qcow2 --wait --socket %s",
                                 fakesite_url(site)),
                     130);
    says(err, "the work goes on at the site");
    assert_string_equal(out, "");
}

/* Stands for xfreerdp3: writes down how it was called. */
static void make_client(int status)
{
    char text[512];

    snprintf(text, sizeof(text),
             "#!/bin/sh\n[ \"$1\" = --version ] && { echo 'This is FreeRDP version 3.10.3'; exit 0; }\n"
             "{ echo \"argv $*\"; echo \"ca $SSL_CERT_FILE\"; cat <&3; } >\"$CARREL_CLIENT_LOG/client.got\"\nexit %d\n",
             status);
    spill("client", text, 0755);
}

#define SESSION(state_, more)                                                                                          \
    "{\"id\":\"s-1\",\"pool\":\"office\",\"desktop\":\"office-001\",\"state\":\"" state_ "\"," more "}"
#define READY                                                                                                          \
    "\"ready\":true,\"ticket\":\"tick3t\",\"doors\":[{\"kind\":\"web\"},{\"kind\":\"rdp\",\"host\":\"localhost\","     \
    "\"port\":3389,"                                                                                                   \
    "\"token\":\"tick3t\"}],\"credentials\":{\"username\":\"alice\",\"password\":\"s3ssion pw\",\"domain\":\"\"}"

static void log_in(struct fakesite *site)
{
    assert_int_equal(run("x\n", "login ada --password-stdin --url %s --ca %s/ca.pem", fakesite_url(site), base), 0);
}

static void connect_waits_and_starts_the_client(void **state)
{
    const struct fakesite_entry entries[] = {
        login_entry,
        ANSWER(
            "POST", "/api/v1/pools/office/connect", 200,
            .body =
                "{\"id\":\"s-1\",\"pool\":\"office\",\"state\":\"preparing\",\"ready\":false,\"position\":3,\"eta_s\":"
                "150}"),
        ANSWER("GET", "/api/v1/sessions/s-1/events", 200, .type = "text/event-stream",
               .body = ": hello\n\nevent: session\ndata: "
                       "{\"id\":\"s-1\",\"pool\":\"office\",\"state\":\"preparing\",\"ready\":false,\"position\":1}\n\n"
                       "event: other\ndata: {\"ready\":true}\n\n"
                       "event: session\ndata: " SESSION("preparing", READY) "\n\n"),
        ANSWER("GET", "/api/v1/sessions/s-1", 200,
               .body = SESSION("disconnected", "\"deadline_at\":\"2030-03-17T17:46:40.000Z\"")),
    };
    struct fakesite *site = START(state, FAKESITE_TLS, entries);
    char got[SAID_MAX];

    make_client(0);
    log_in(site);
    assert_int_equal(run(NULL, "connect office --client %s/client -- /f", base), 0);
    says(err, "waiting for a desktop of office: place 3, about 2m\n");
    says(err, "place 1\n");
    says(out, "Your session on office-001 is kept until ");
    says(out, "carrelctl connect office");
    slurp("client.got", got);
    says(got, "argv /args-from:fd:3\n");
    says(got, "/ca.pem\n/v:localhost:3389\n/load-balance-info:Cookie: msts=tick3t\n/cert:deny\n");
    says(got, "/u:alice\n/p:s3ssion pw\n/f\n");
    keeps_silent(out, "s3ssion");
    keeps_silent(err, "s3ssion");
}

static void connect_polls_where_there_are_no_events(void **state)
{
    const struct fakesite_entry entries[] = {
        login_entry,
        ANSWER("POST", "/api/v1/pools/office/connect", 200, .body = SESSION("preparing", "\"ready\":false")),
        ANSWER("GET", "/api/v1/sessions/s-1", 200, .times = 1, .body = SESSION("preparing", READY)),
        ANSWER("GET", "/api/v1/sessions/s-1", 200, .body = SESSION("ended", "\"ready\":false")),
    };
    struct fakesite *site = START(state, FAKESITE_TLS, entries);

    make_client(2);
    log_in(site);
    assert_int_equal(run(NULL, "connect office --client %s/client", base), 0);
    says(err, "desktop office-001 is being prepared\n");
    says(out, "Your session has ended.\n");
}

static void connect_can_fail_in_many_ways(void **state)
{
    const struct fakesite_entry entries[] = {
        login_entry,
        ANSWER("POST", "/api/v1/pools/office/connect", 200, .body = SESSION("preparing", READY)),
        ANSWER("POST", "/api/v1/pools/other/connect", 403, .type = "application/problem+json",
               .body =
                   "{\"status\":403,\"code\":\"not_entitled\",\"detail\":\"You have no right to the pool other.\"}"),
        ANSWER("POST", "/api/v1/pools/evil/connect", 200,
               .body =
                   SESSION("preparing", "\"ready\":true,\"ticket\":\"t\",\"doors\":[{\"kind\":\"rdp\",\"host\":\"x\\n/"
                                        "cert:ignore\",\"port\":1}]")),
        ANSWER("POST", "/api/v1/pools/doorless/connect", 200,
               .body = SESSION("preparing", "\"ready\":true,\"doors\":[]")),
        ANSWER("POST", "/api/v1/pools/over/connect", 200,
               .body = SESSION("ended", "\"ready\":false,\"end_reason\":\"pool-closed\"")),
    };
    struct fakesite *site = START(state, FAKESITE_TLS, entries);

    make_client(131);
    assert_int_equal(
        run(NULL, "connect office --client %s/client --url %s --ca %s/ca.pem", base, fakesite_url(site), base), 1);
    says(err, "nobody is logged in");
    log_in(site);
    assert_int_equal(run(NULL, "connect office --client %s/none", base), 1);
    says(err, "there is no RDP client");
    assert_int_equal(run(NULL, "connect office --client %s/client", base), 1);
    says(err, "the desktop could not be opened: the gateway cannot be reached");
    make_client(143);
    assert_int_equal(run(NULL, "connect office --client %s/client", base), 1);
    says(err, "certificate cannot be trusted");
    says(err, "hold the name localhost");
    assert_int_equal(run(NULL, "connect other --client %s/client", base), 1);
    says(err, "You have no right to the pool other.");
    assert_int_equal(run(NULL, "connect evil --client %s/client", base), 1);
    says(err, "the address of the door is not valid");
    assert_int_equal(run(NULL, "connect doorless --client %s/client", base), 1);
    says(err, "no RDP door");
    assert_int_equal(run(NULL, "connect over --client %s/client", base), 1);
    says(err, "the session ended before it began: pool-closed");
}

static void print_command_masks_secrets(void **state)
{
    const struct fakesite_entry entries[] = {
        login_entry, ANSWER("POST", "/api/v1/pools/office/connect", 200, .body = SESSION("preparing", READY))};
    struct fakesite *site = START(state, FAKESITE_TLS, entries);
    char got[SAID_MAX];

    make_client(0);
    log_in(site);
    assert_int_equal(run(NULL, "connect office --client %s/client --print-command", base), 0);
    says(out, "/args-from:fd:3");
    says(out, "msts=********\n");
    says(out, "/p:********\n");
    keeps_silent(out, "tick3t");
    slurp("client.got", got);
    assert_string_equal(got, "");
}

/* Starts a helper program with its output in the file `log` of the base. */
static pid_t spawn(const char *log, char *const *argv)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", base, log);
    pid_t pid = fork();
    if (pid == 0) {
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        dup2(fd, 1);
        dup2(fd, 2);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execvp(argv[0], argv);
        _exit(127);
    }
    return pid;
}

static bool wait_said(const char *log, const char *word, char *buf)
{
    for (int i = 0; i < 500; i++) {
        slurp(log, buf);
        if (strstr(buf, word))
            return true;
        usleep(20000);
    }
    return false;
}

static void end_helper(pid_t pid, int signum)
{
    kill(pid, signum);
    waitpid(pid, NULL, 0);
}

/* Arguments and environment of the child of `parent`, NULs as newlines. */
static void look_at_child(pid_t parent, char *buf)
{
    char path[64], line[64] = "";

    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)parent, (int)parent);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_non_null(fgets(line, sizeof(line), f));
    fclose(f);
    size_t len = 0;
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "/proc/%d/%s", atoi(line), i ? "environ" : "cmdline");
        f = fopen(path, "r");
        assert_non_null(f);
        len += fread(buf + len, 1, SAID_MAX - 1 - len, f);
        fclose(f);
    }
    for (size_t i = 0; i < len; i++)
        buf[i] = buf[i] ? buf[i] : '\n';
    buf[len] = '\0';
}

static pid_t start_words(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    pid_t pid = start(NULL, format, args);
    va_end(args);
    return pid;
}

/* A port that nobody listens on, for a server that wants one named. */
static int free_port(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&at, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    close(fd);
    return ntohs(at.sin_port);
}

/* xfreerdp3 itself, on a screen of its own, at a stand-in desktop behind the site's certificate. */
static void connect_opens_a_desktop_with_the_real_client(void **state)
{
    char session[1024], cert[128], key[128], desktop[4300], port[16], said[SAID_MAX], display[32];
    const struct fakesite_entry entries[] = {
        login_entry,
        ANSWER("POST", "/api/v1/pools/office/connect", 200, .body = session),
        ANSWER("GET", "/api/v1/sessions/s-1", 200, .body = SESSION("disconnected", "\"ready\":true")),
    };

    snprintf(port, sizeof(port), "%d", free_port());
    snprintf(session, sizeof(session),
             SESSION("preparing",
                     "\"ready\":true,\"doors\":[{\"kind\":\"rdp\",\"host\":\"localhost\",\"port\":%s,\"token\":"
                     "\"tick3t\"}],\"credentials\":{\"username\":\"alice\",\"password\":\"s3ssion/pw\"}"),
             port);
    struct fakesite *site = START(state, FAKESITE_TLS, entries);
    snprintf(cert, sizeof(cert), "%s/cert.pem", base);
    snprintf(key, sizeof(key), "%s/key.pem", base);
    snprintf(desktop, sizeof(desktop), "%.*s/tools/fake_desktop", (int)(strlen(program) - strlen("/bin/carrelctl")),
             program);
    pid_t screen =
        spawn("screen", (char *[]){"Xvfb", "-displayfd", "1", "-nolisten", "tcp", "-screen", "0", "800x600x24", NULL});
    pid_t server = spawn("desktop", (char *[]){desktop, "127.0.0.1", port, cert, key, NULL});
    assert_true(wait_said("screen", "\n", said));
    snprintf(display, sizeof(display), ":%d", atoi(said));
    setenv("DISPLAY", display, 1);
    assert_true(wait_said("desktop", "ready", said));

    log_in(site);
    pid_t ctl = start_words("connect office");
    assert_true(wait_said("desktop", "logon", said));
    says(said, "logon alice - s3ssion/pw\n");
    look_at_child(ctl, said);
    says(said, "xfreerdp3\n/args-from:fd:3\n");
    keeps_silent(said, "tick3t");
    keeps_silent(said, "s3ssion");

    end_helper(server, SIGKILL);
    assert_int_equal(ended(ctl), 1);
    says(err, "the connection to the desktop was lost");
    says(out, "Your session on office-001 is kept.");
    end_helper(screen, SIGTERM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_login_is_kept_and_used, make_base, end_base),
        cmocka_unit_test_setup_teardown(a_wrong_password_is_refused, make_base, end_base),
        cmocka_unit_test_setup_teardown(the_wrong_authority_is_not_trusted, make_base, end_base),
        cmocka_unit_test_setup_teardown(nobody_there_is_status_3, make_base, end_base),
        cmocka_unit_test_setup_teardown(what_answers_must_be_a_site, make_base, end_base),
        cmocka_unit_test_setup_teardown(the_command_line_is_checked_before_anything_is_sent, make_base, end_base),
        cmocka_unit_test_setup_teardown(an_import_is_waited_for_and_published, make_base, end_base),
        cmocka_unit_test_setup_teardown(a_failed_import_says_why, make_base, end_base),
        cmocka_unit_test_setup_teardown(an_interrupt_leaves_the_work_running, make_base, end_base),
        cmocka_unit_test_setup_teardown(a_pool_is_waited_for, make_base, end_base),
        cmocka_unit_test_setup_teardown(connect_waits_and_starts_the_client, make_base, end_base),
        cmocka_unit_test_setup_teardown(connect_polls_where_there_are_no_events, make_base, end_base),
        cmocka_unit_test_setup_teardown(connect_can_fail_in_many_ways, make_base, end_base),
        cmocka_unit_test_setup_teardown(connect_opens_a_desktop_with_the_real_client, make_base, end_base),
        cmocka_unit_test_setup_teardown(print_command_masks_secrets, make_base, end_base),
    };
    ssize_t len = readlink("/proc/self/exe", program, sizeof(program) - 32);

    /* build/test/test_carrelctl → build/bin/carrelctl, of the same build. */
    program[len > 0 ? len : 0] = '\0';
    for (int i = 0; i < 2 && strrchr(program, '/'); i++)
        *strrchr(program, '/') = '\0';
    strcat(program, "/bin/carrelctl");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
