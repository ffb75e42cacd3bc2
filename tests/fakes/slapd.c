#include "tests/fakes/slapd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void run(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void run(const char *fmt, ...)
{
    char command[2048];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(command, sizeof(command), fmt, ap);
    va_end(ap);
    if (system(command) != 0)
        fail_msg("this failed: %s", command);
}

void slapd_make_certificates(const char *dir)
{
    run("mkdir -p %s && cd %s && exec 2>log && for ca in ca other-ca; do "
        "openssl req -x509 -newkey rsa:2048 -nodes -keyout $ca.key -out $ca.pem -days 30 -subj /CN=$ca "
        "-addext basicConstraints=critical,CA:TRUE || exit 1; done; "
        "openssl req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=slapd && "
        "printf 'subjectAltName=IP:127.0.0.1' >ext && "
        "openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out server.pem -days 30 -extfile "
        "ext",
        dir, dir);
}

static int bound_socket(int *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

int slapd_free_port(void)
{
    int port;
    close(bound_socket(&port));
    return port;
}

int slapd_tarpit(int *ret_fd)
{
    int port;
    *ret_fd = bound_socket(&port);
    assert_int_equal(listen(*ret_fd, 64), 0);
    return port;
}

static bool answers(int port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool up = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
    close(fd);
    return up;
}

void slapd_restart(struct slapd *slapd)
{
    char conf[300], listen_on[200], log[300];
    snprintf(conf, sizeof(conf), "%s/slapd.conf", slapd->dir);
    snprintf(log, sizeof(log), "%s/slapd.log", slapd->dir);
    snprintf(listen_on, sizeof(listen_on), "ldap://127.0.0.1:%d ldap://127.0.0.2:%d ldaps://127.0.0.1:%d", slapd->port,
             slapd->port, slapd->tls_port);
    slapd->pid = fork();
    if (slapd->pid == 0) {
        int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
        dup2(fd, 1);
        dup2(fd, 2);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execl("/usr/sbin/slapd", "slapd", "-f", conf, "-h", listen_on, "-d", "0", (char *)NULL);
        _exit(127);
    }
    assert_true(slapd->pid > 0);
    for (int i = 0; i < 500 && !answers(slapd->port); i++)
        usleep(20000);
    if (!answers(slapd->port))
        fail_msg("slapd does not answer; see %s", log);
}

static void write_conf(const struct slapd *slapd, const char *cert_dir)
{
    char path[300];
    snprintf(path, sizeof(path), "%s/slapd.conf", slapd->dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    for (const char *const *s = (const char *const[]){"core", "cosine", "nis", "inetorgperson", NULL}; *s; s++)
        fprintf(f, "include /etc/ldap/schema/%s.schema\n", *s);
    fprintf(
        f,
        "modulepath /usr/lib/ldap\nmoduleload back_mdb\nmoduleload ppolicy\nmoduleload memberof\n"
        "TLSCACertificateFile %s/ca.pem\nTLSCertificateFile %s/server.pem\nTLSCertificateKeyFile %s/server.key\n"
        "pidfile %s/pid\nsizelimit size.soft=500 size.hard=1000\n"
        "database mdb\nsuffix dc=example,dc=test\nrootdn cn=root,dc=example,dc=test\nrootpw root\ndirectory %s/db\n"
        "index objectClass,uid,member,memberUid,cn eq\noverlay ppolicy\nppolicy_default cn=policy,dc=example,dc=test\n"
        "ppolicy_use_lockout\n"
        "access to attrs=userPassword by anonymous auth by * none\naccess to * by dn.exact=\"" SLAPD_BIND_DN
        "\" read by * none\n",
        cert_dir, cert_dir, cert_dir, slapd->dir, slapd->dir);
    fclose(f);
}

void slapd_start(struct slapd *slapd, const char *name, const char *cert_dir)
{
    *slapd = (struct slapd){.port = slapd_free_port(), .tls_port = slapd_free_port()};
    snprintf(slapd->dir, sizeof(slapd->dir), "build/test/slapd-%d-%s", (int)getpid(), name);
    snprintf(slapd->ldap_uri, sizeof(slapd->ldap_uri), "ldap://127.0.0.1:%d", slapd->port);
    snprintf(slapd->ldaps_uri, sizeof(slapd->ldaps_uri), "ldaps://127.0.0.1:%d", slapd->tls_port);
    run("rm -rf %s && mkdir -p %s/db", slapd->dir, slapd->dir);
    write_conf(slapd, cert_dir);
    run("/usr/sbin/slapadd -q -f %s/slapd.conf -l tests/fakes/slapd.ldif 2>%s/slapadd.log", slapd->dir, slapd->dir);
    slapd_restart(slapd);
}

void slapd_stop(struct slapd *slapd)
{
    if (slapd->pid <= 0)
        return;
    kill(slapd->pid, SIGKILL);
    waitpid(slapd->pid, NULL, 0);
    slapd->pid = 0;
}
