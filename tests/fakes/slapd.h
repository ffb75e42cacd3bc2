/* Real slapd servers for tests: each with a directory of its own under build/, on a loopback port of its own. The
 * people and groups are those of slapd.ldif. Tests only; one thread. */
#ifndef CARREL_TESTS_SLAPD_H
#define CARREL_TESTS_SLAPD_H

#include <sys/types.h>

struct slapd {
    char dir[256];
    char ldap_uri[64], ldaps_uri[64]; /* ldap://127.0.0.1:PORT */
    int port, tls_port;
    pid_t pid;
};

#define SLAPD_BIND_DN       "cn=carrel,dc=example,dc=test"
#define SLAPD_BIND_PASSWORD "service-secret"

/* Makes a CA and a certificate for 127.0.0.1 under `dir`/ca.pem, server.pem, server.key; a second CA that signed
 * nothing: other-ca.pem. */
void slapd_make_certificates(const char *dir);

/* Starts a filled server named `name` with the certificates of `cert_dir` and waits until it answers. Fails the test
 * otherwise. */
void slapd_start(struct slapd *slapd, const char *name, const char *cert_dir);
/* Starts it again on its old ports after slapd_stop(). */
void slapd_restart(struct slapd *slapd);
/* SIGKILL and wait. */
void slapd_stop(struct slapd *slapd);

/* A TCP port of the loopback that listens and never answers. ret_fd: close it to end. */
int slapd_tarpit(int *ret_fd);
/* A port that nobody listens on. */
int slapd_free_port(void);

#endif
