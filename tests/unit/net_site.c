#include "tests/unit/net_site.h"

#include "lib/base/mem.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static void on_echo(struct httpd_request *req, void *arg)
{
    size_t len;
    const char *body = httpd_body(req, &len);
    const struct httpd_peer *peer = httpd_peer(req);
    const char *x = httpd_header(req, "x-test");
    const char *name = httpd_param(req, "name");
    const char *q = httpd_query_param(req, "q");
    const char *w = httpd_query_param(req, "w");
    (void)arg;
    json_t *doc =
        json_pack("{ss ss ss* ss* ss* ss* ss# sb si sb ss sb}", "method", httpd_method(req), "path", httpd_path(req),
                  "name", name, "q", q, "w", w, "x", x, "body", body, len, "unix", peer->is_unix, "uid", (int)peer->uid,
                  "tls", peer->tls, "address", peer->address, "root", httpd_from_local_root(req));
    const char *header_name, *value;
    json_t *headers = json_object();
    for (size_t i = 0; httpd_header_at(req, i, &header_name, &value); i++)
        json_object_set_new(headers, header_name, json_string(value));
    json_object_set_new(doc, "headers", headers);
    httpd_json(req, 200, doc);
}

static void hold_gone(struct httpd_request *req, void *arg)
{
    struct site *site = arg;
    (void)req;
    site->gone++;
}

static void on_hold(struct httpd_request *req, void *arg)
{
    struct site *site = arg;
    httpd_on_gone(req, hold_gone, site);
    site->held[site->held_count++] = req;
    site->holding++;
}

/* More than any socket buffer takes; each piece when the one before is gone. */
struct flood {
    struct httpd_request *req;
    struct site *site;
    int64_t left;
};

static void flood_more(struct httpd_request *req, void *arg)
{
    static const char piece[16384] = {'x'};
    struct flood *flood = arg;
    while (flood->left > 0) {
        size_t n = flood->left < (int64_t)sizeof(piece) ? (size_t)flood->left : sizeof(piece);
        int r = httpd_write(req, piece, n);
        if (r == ERR_BUSY) {
            httpd_on_drain(req, flood_more, flood);
            return;
        }
        if (r < 0)
            return; /* gone tells */
        flood->left -= (int64_t)n;
    }
    free(flood);
    httpd_end(req, true);
}

static void flood_gone(struct httpd_request *req, void *arg)
{
    struct flood *flood = arg;
    flood->site->gone++;
    free(flood);
    httpd_end(req, false);
}

static void on_flood(struct httpd_request *req, void *arg)
{
    struct flood *flood = MEM_NEW(struct flood);
    flood->req = req;
    flood->site = arg;
    flood->left = atol(httpd_param(req, "bytes"));
    httpd_on_gone(req, flood_gone, flood);
    if (httpd_begin(req, 200, "application/octet-stream", -1) == 0)
        flood_more(req, flood);
}

static void on_events(struct httpd_request *req, void *arg)
{
    (void)arg;
    httpd_sse_begin(req);
    httpd_sse_send(req, "session", "7", "first line\nsecond line");
    httpd_sse_send(req, NULL, NULL, "plain");
    httpd_sse_end(req);
}

/* Events until the client has gone, without ever waiting for it. */
static void on_torrent(struct httpd_request *req, void *arg)
{
    struct site *site = arg;
    char text[1024];
    memset(text, 'e', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    httpd_sse_begin(req);
    while (httpd_sse_send(req, NULL, NULL, text) == 0)
        continue;
    site->gone++;
    httpd_sse_end(req);
}

static void on_listen(struct httpd_request *req, void *arg)
{
    struct site *site = arg;
    httpd_on_gone(req, hold_gone, site);
    httpd_sse_begin(req);
    site->held[site->held_count++] = req;
    site->holding++;
}

static void on_error(struct httpd_request *req, void *arg)
{
    struct error e = {0};
    (void)arg;
    httpd_set_header(req, "Retry-After", "3");
    httpd_set_header(req, "X-Bad", "a\r\nSet-Cookie: b");
    httpd_problem_err(req, ERR_NOT_FOUND, err_set(&e, ERR_NOT_FOUND, "no pool is called x") < 0 ? &e : NULL);
}

static void raw_event(struct stream *s, unsigned events, void *arg)
{
    (void)s;
    (void)events;
    (void)arg;
}

static bool on_raw(struct stream *stream, const void *first, size_t len, const struct httpd_peer *peer, void *arg)
{
    struct site *site = arg;
    size_t n;
    (void)peer;
    snprintf(site->raw_first, sizeof(site->raw_first), "%.*s", (int)len, (const char *)first);
    if (strncmp(site->raw_first, "RDG_OUT_DATA ", 13) != 0)
        return false;
    stream_set_handler(stream, raw_event, site);
    assert_int_equal(stream_write(stream, "RAW", 3, &n, NULL), 0);
    site->raw = stream;
    return true;
}

static void on_closed(const struct httpd_peer *peer, void *arg)
{
    struct site *site = arg;
    (void)peer;
    site->closed++;
}

static const struct httpd_route routes[] = {
    {"GET", "/echo", on_echo, 0},
    {"POST", "/echo", on_echo, 100000},
    {"GET", "/echo/{name}", on_echo, 0},
    {"GET", "/hold", on_hold, 0},
    {"POST", "/hold", on_hold, 100},
    {"GET", "/flood/{bytes}", on_flood, 0},
    {"GET", "/events", on_events, 0},
    {"GET", "/torrent", on_torrent, 0},
    {"GET", "/listen", on_listen, 0},
    {"GET", "/error", on_error, 0},
    {"*", "/any/*", on_echo, 100},
    {"GET", "/readyz", on_echo, 0},
    {"*", "/api/v1/echo", on_echo, 100000},
    {"GET", "/api/v1/echo/{name}", on_echo, 0},
    {"GET", "/api/v1/hold", on_hold, 0},
    {"GET", "/api/v1/flood/{bytes}", on_flood, 0},
    {"GET", "/api/v1/events", on_events, 0},
    {"GET", "/api/v1/listen", on_listen, 0},
    {"GET", "/api/v1/error", on_error, 0},
    {"*", "/api/v1/admin/*", on_echo, 0},
    {"*", "/internal/v1/*", on_echo, 0},
};

void site_make_cert(const char *cert_file, const char *key_file)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    assert_non_null(key);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_set_version(cert, X509_VERSION_3);
    X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
    X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
    X509_set_pubkey(cert, key);
    X509_NAME *name = X509_get_subject_name(cert);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1, -1, 0);
    X509_set_issuer_name(cert, name);
    X509_EXTENSION *san = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "DNS:localhost");
    X509_add_ext(cert, san, -1);
    X509_EXTENSION_free(san);
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    FILE *f = fopen(cert_file, "w");
    assert_non_null(f);
    PEM_write_X509(f, cert);
    fclose(f);
    f = fopen(key_file, "w");
    assert_non_null(f);
    PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL);
    fclose(f);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static void *site_main(void *arg)
{
    struct site *site = arg;
    loop_run(site->loop);
    return NULL;
}

static void run_call(struct loop_task *task)
{
    struct site *site = CONTAINER_OF(task, struct site, task);
    site->call_fn(site, site->call_arg);
    pthread_mutex_lock(&site->lock);
    site->call_done = true;
    pthread_cond_signal(&site->called);
    pthread_mutex_unlock(&site->lock);
}

void site_call(struct site *site, void (*fn)(struct site *site, void *arg), void *arg)
{
    site->call_fn = fn;
    site->call_arg = arg;
    site->call_done = false;
    site->task.run = run_call;
    loop_post(site->loop, &site->task);
    pthread_mutex_lock(&site->lock);
    while (!site->call_done)
        pthread_cond_wait(&site->called, &site->lock);
    pthread_mutex_unlock(&site->lock);
}

void site_start(struct site *site, const struct httpd_limits *limits)
{
    struct error e = {0};
    memset(site, 0, sizeof(*site));
    pthread_mutex_init(&site->lock, NULL);
    pthread_cond_init(&site->called, NULL);
    snprintf(site->dir, sizeof(site->dir), "/tmp/carrel-net-XXXXXX");
    assert_non_null(mkdtemp(site->dir));
    snprintf(site->unix_path, sizeof(site->unix_path), "%s/http.sock", site->dir);
    snprintf(site->cert_file, sizeof(site->cert_file), "%s/cert.pem", site->dir);
    snprintf(site->key_file, sizeof(site->key_file), "%s/key.pem", site->dir);
    site_make_cert(site->cert_file, site->key_file);
    assert_int_equal(loop_new(&site->loop, &e), 0);
    struct tls_server_options tls = {.cert_file = site->cert_file, .key_file = site->key_file};
    assert_int_equal(tls_server_new(&tls, &site->tls, &e), 0);
    tls_server_fingerprint(site->tls, site->fingerprint);
    struct httpd_options options = {.routes = routes,
                                    .route_count = ARRAY_LEN(routes),
                                    .arg = site,
                                    .extra_headers = "X-Site: test\r\n",
                                    .on_raw = on_raw,
                                    .on_closed = on_closed};
    if (limits != NULL)
        options.limits = *limits;
    struct httpd_listener *plain, *over_tls;
    assert_int_equal(httpd_new(site->loop, &options, &site->httpd, &e), 0);
    assert_int_equal(httpd_listen_unix(site->httpd, site->unix_path, 0600, (uid_t)-1, (gid_t)-1, NULL, &e), 0);
    assert_int_equal(httpd_listen_tcp(site->httpd, "127.0.0.1", 0, NULL, &plain, &e), 0);
    assert_int_equal(httpd_listen_tcp(site->httpd, "127.0.0.1", 0, site->tls, &over_tls, &e), 0);
    site->port = httpd_listener_port(plain);
    site->tls_port = httpd_listener_port(over_tls);
    assert_int_equal(pthread_create(&site->thread, NULL, site_main, site), 0);
}

static void stop_loop(struct site *site, void *arg)
{
    (void)arg;
    loop_stop(site->loop);
}

void site_stop(struct site *site)
{
    site_call(site, stop_loop, NULL);
    pthread_join(site->thread, NULL);
    for (unsigned i = 0; i < site->held_count; i++)
        if (site->held[i] != NULL)
            httpd_problem(site->held[i], 503, "stopped", NULL, "The test is over.");
    stream_free(site->raw);
    httpd_free(site->httpd);
    tls_server_free(site->tls);
    loop_free(site->loop);
    unlink(site->cert_file);
    unlink(site->key_file);
    assert_int_equal(access(site->unix_path, F_OK), -1);
    assert_int_equal(rmdir(site->dir), 0);
}

int site_connect(struct site *site, bool tcp)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    struct sockaddr_in in = {
        .sin_family = AF_INET, .sin_port = htons(site->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    snprintf(un.sun_path, sizeof(un.sun_path), "%s", site->unix_path);
    int fd = socket(tcp ? AF_INET : AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct sockaddr *a = tcp ? (const struct sockaddr *)&in : (const struct sockaddr *)&un;
    assert_int_equal(connect(fd, a, tcp ? sizeof(in) : sizeof(un)), 0);
    struct timeval patience = {.tv_sec = 10};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    return fd;
}

void site_send(int fd, const char *text)
{
    size_t len = strlen(text);
    assert_int_equal(send(fd, text, len, MSG_NOSIGNAL), len);
}

size_t site_read_all(int fd, char *ret, size_t size)
{
    size_t len = 0;
    while (len < size - 1) {
        ssize_t n = recv(fd, ret + len, size - 1 - len, 0);
        if (n <= 0)
            break;
        len += (size_t)n;
    }
    ret[len] = '\0';
    return len;
}

void site_read_until(int fd, char *ret, size_t size, const char *stop)
{
    size_t len = 0;
    ret[0] = '\0';
    while (strstr(ret, stop) == NULL && len < size - 1) {
        ssize_t n = recv(fd, ret + len, size - 1 - len, 0);
        if (n <= 0)
            break;
        len += (size_t)n;
        ret[len] = '\0';
    }
    assert_non_null(strstr(ret, stop));
}

void site_wait(atomic_int *counter, int value)
{
    while (*counter < value)
        usleep(1000);
}
