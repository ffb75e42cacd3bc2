#include "tests/fakes/fakesite.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define REQUEST_MAX 65536

struct fakesite {
    enum fakesite_kind kind;
    const struct fakesite_entry *entries;
    size_t n_entries;
    unsigned *used;
    char url[128];
    int listener;
    int stop[2];
    SSL_CTX *tls;
    pthread_t thread;
    pthread_mutex_t lock; /* of journal */
    char *journal;
    size_t journal_len;
};

static void need(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "fakesite: %s failed\n", what);
    exit(1);
}

static X509 *make_cert(EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key, const char *name, const char *extension)
{
    X509 *cert = X509_new();
    X509_NAME *subject = X509_get_subject_name(cert);
    X509V3_CTX ctx;
    X509_EXTENSION *ext;

    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), issuer ? 2 : 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -60);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, key);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(cert, issuer ? X509_get_subject_name(issuer) : subject);
    X509V3_set_ctx(&ctx, issuer ? issuer : cert, cert, NULL, NULL, 0);
    ext = X509V3_EXT_conf_nid(NULL, &ctx, issuer ? NID_subject_alt_name : NID_basic_constraints, extension);
    need(ext && X509_add_ext(cert, ext, -1), "an extension");
    X509_EXTENSION_free(ext);
    need(X509_sign(cert, issuer_key ? issuer_key : key, EVP_sha256()) > 0, "signing");
    return cert;
}

static void write_pem(const char *directory, const char *name, X509 *cert, EVP_PKEY *key)
{
    char path[256];

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    FILE *f = fopen(path, "w");
    need(f && (cert ? PEM_write_X509(f, cert) : PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL)), path);
    fclose(f);
}

static SSL_CTX *make_tls(const char *directory)
{
    /* RDP servers want RSA. */
    EVP_PKEY *ca_key = EVP_EC_gen("P-256"), *key = EVP_RSA_gen(2048);
    X509 *ca = make_cert(ca_key, NULL, NULL, "fake authority", "critical,CA:TRUE");
    X509 *cert = make_cert(key, ca, ca_key, "fake site", "DNS:localhost,IP:127.0.0.1");
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

    write_pem(directory, "ca.pem", ca, NULL);
    write_pem(directory, "cert.pem", cert, NULL);
    write_pem(directory, "key.pem", NULL, key);
    need(SSL_CTX_use_certificate(ctx, cert) == 1 && SSL_CTX_use_PrivateKey(ctx, key) == 1, "the certificate");
    X509_free(ca);
    X509_free(cert);
    EVP_PKEY_free(ca_key);
    EVP_PKEY_free(key);
    return ctx;
}

struct peer {
    int fd;
    SSL *ssl;
};

static ssize_t peer_read(struct peer *p, char *buf, size_t size)
{
    return p->ssl ? SSL_read(p->ssl, buf, (int)size) : read(p->fd, buf, size);
}

static bool peer_write(struct peer *p, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = p->ssl ? SSL_write(p->ssl, data, (int)len) : write(p->fd, data, len);
        if (n <= 0)
            return false;
        data += n;
        len -= (size_t)n;
    }
    return true;
}

/* A whole request: its head and as much body as Content-Length says. 0 = the peer left. */
static size_t read_request(struct peer *p, char *buf, size_t size)
{
    size_t len = 0, want = 0;

    while (len + 1 < size && (want == 0 || len < want)) {
        ssize_t n = peer_read(p, buf + len, size - 1 - len);
        if (n <= 0)
            return 0;
        len += (size_t)n;
        buf[len] = '\0';
        const char *end = strstr(buf, "\r\n\r\n"), *length = strcasestr(buf, "\r\nContent-Length:");
        if (end)
            want = (size_t)(end + 4 - buf) + (length && length < end ? strtoul(length + 17, NULL, 10) : 0);
    }
    return len;
}

static void note(struct fakesite *site, const char *request, size_t len)
{
    pthread_mutex_lock(&site->lock);
    site->journal = realloc(site->journal, site->journal_len + len + 2);
    need(site->journal != NULL, "memory");
    memcpy(site->journal + site->journal_len, request, len);
    site->journal_len += len;
    site->journal[site->journal_len++] = '\n';
    site->journal[site->journal_len] = '\0';
    pthread_mutex_unlock(&site->lock);
}

static const struct fakesite_entry *find(struct fakesite *site, const char *request)
{
    static const struct fakesite_entry unknown = {.status = 404,
                                                  .type = "application/problem+json",
                                                  .body =
                                                      "{\"type\":\"urn:carrel:problem:not_found\",\"status\":404,"
                                                      "\"code\":\"not_found\",\"detail\":\"There is no such thing.\"}"};

    for (size_t i = 0; i < site->n_entries; i++) {
        const struct fakesite_entry *e = &site->entries[i];
        size_t method = strlen(e->method), path = strlen(e->path);
        if (strncmp(request, e->method, method) == 0 && request[method] == ' ' &&
            strncmp(request + method + 1, e->path, path) == 0 && request[method + 1 + path] == ' ' &&
            (e->times == 0 || site->used[i] < e->times)) {
            site->used[i]++;
            return e;
        }
    }
    return &unknown;
}

static bool answer(struct peer *p, const struct fakesite_entry *e)
{
    const char *body = e->body ? e->body : "";
    char head[512], blanks[4096];
    int len = snprintf(
        head, sizeof(head), "HTTP/1.1 %d Fake\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
        e->status, e->type ? e->type : "application/json", strlen(body) + e->blanks + (e->cut ? 100 : 0));

    if (e->status == 204)
        len = snprintf(head, sizeof(head), "HTTP/1.1 204 Fake\r\nConnection: close\r\n\r\n");
    memset(blanks, ' ', sizeof(blanks));
    bool ok = peer_write(p, head, (size_t)len) && peer_write(p, body, strlen(body));
    for (size_t left = e->blanks; ok && left > 0;) {
        size_t part = left < sizeof(blanks) ? left : sizeof(blanks);
        ok = peer_write(p, blanks, part);
        left -= part;
    }
    return ok;
}

static void serve(struct fakesite *site, int fd)
{
    struct peer p = {.fd = fd, .ssl = site->tls ? SSL_new(site->tls) : NULL};
    char *request = malloc(REQUEST_MAX);
    size_t len = 0;

    need(request != NULL, "memory");
    if (!p.ssl || (SSL_set_fd(p.ssl, fd) == 1 && SSL_accept(p.ssl) == 1))
        len = read_request(&p, request, REQUEST_MAX);
    if (len > 0) {
        const struct fakesite_entry *e = find(site, request);
        struct pollfd fds[] = {{.fd = fd, .events = POLLIN}, {.fd = site->stop[0], .events = POLLIN}};
        note(site, request, len);
        if (e->silent)
            poll(fds, 2, -1);
        else
            answer(&p, e);
    }
    if (p.ssl)
        SSL_shutdown(p.ssl);
    SSL_free(p.ssl);
    ERR_clear_error();
    close(fd);
    free(request);
}

static void *run(void *arg)
{
    struct fakesite *site = arg;
    struct pollfd fds[] = {{.fd = site->listener, .events = POLLIN}, {.fd = site->stop[0], .events = POLLIN}};

    while (poll(fds, 2, -1) > 0 && !fds[1].revents) {
        int fd = accept4(site->listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
            serve(site, fd);
    }
    return NULL;
}

static void listen_unix(struct fakesite *site, const char *directory)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};

    snprintf(at.sun_path, sizeof(at.sun_path), "%s/site.sock", directory);
    snprintf(site->url, sizeof(site->url), "%s", at.sun_path);
    site->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    need(bind(site->listener, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(site->listener, 16) == 0, "listening");
}

static void listen_tcp(struct fakesite *site)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(at);

    site->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    need(bind(site->listener, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(site->listener, 16) == 0 &&
             getsockname(site->listener, (struct sockaddr *)&at, &size) == 0,
         "listening");
    snprintf(site->url, sizeof(site->url), "%s:%d",
             site->kind == FAKESITE_TLS ? "https://localhost" : "http://127.0.0.1", ntohs(at.sin_port));
}

struct fakesite *fakesite_start(enum fakesite_kind kind, const char *directory, const struct fakesite_entry *entries,
                                size_t n)
{
    struct fakesite *site = calloc(1, sizeof(*site));

    need(site != NULL, "memory");
    signal(SIGPIPE, SIG_IGN);
    site->kind = kind;
    site->entries = entries;
    site->n_entries = n;
    site->used = calloc(n + 1, sizeof(*site->used));
    site->journal = strdup("");
    need(site->used && site->journal && pipe2(site->stop, O_CLOEXEC) == 0, "memory or a pipe");
    pthread_mutex_init(&site->lock, NULL);
    if (kind == FAKESITE_TLS)
        site->tls = make_tls(directory);
    if (kind == FAKESITE_UNIX)
        listen_unix(site, directory);
    else
        listen_tcp(site);
    need(pthread_create(&site->thread, NULL, run, site) == 0, "starting the thread");
    return site;
}

void fakesite_stop(struct fakesite *site)
{
    if (!site)
        return;
    close(site->stop[1]);
    pthread_join(site->thread, NULL);
    close(site->stop[0]);
    close(site->listener);
    if (site->kind == FAKESITE_UNIX)
        unlink(site->url);
    SSL_CTX_free(site->tls);
    pthread_mutex_destroy(&site->lock);
    free(site->journal);
    free(site->used);
    free(site);
}

const char *fakesite_url(const struct fakesite *site)
{
    return site->url;
}

char *fakesite_journal(struct fakesite *site)
{
    pthread_mutex_lock(&site->lock);
    char *copy = strdup(site->journal);
    pthread_mutex_unlock(&site->lock);
    return copy;
}
