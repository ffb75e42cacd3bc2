/* lib/net/stream and tls: two ends of a socket pair on one loop, plain and with TLS, pins, reload, resumption. */
#include "lib/net/stream.h"

#include "lib/base/mem.h"
#include "tests/unit/net_site.h"

#include <errno.h>
#include <openssl/rand.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define BIG 3000000

static struct loop *loop;
static char cert_a[64], key_a[64], cert_b[64], key_b[64], dir[64];

/* One end: writes `to_send` bytes of a pattern, reads until `to_read` came. */
struct end {
    struct stream *stream;
    size_t to_send, sent, to_read, got;
    int err;
    bool hangup;
    bool tiny_reads; /* so that TLS keeps bytes of a record back */
};

static int start(void **state)
{
    (void)state;
    snprintf(dir, sizeof(dir), "/tmp/carrel-stream-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(cert_a, sizeof(cert_a), "%s/a.pem", dir);
    snprintf(key_a, sizeof(key_a), "%s/a.key", dir);
    snprintf(cert_b, sizeof(cert_b), "%s/b.pem", dir);
    snprintf(key_b, sizeof(key_b), "%s/b.key", dir);
    site_make_cert(cert_a, key_a);
    site_make_cert(cert_b, key_b);
    return loop_new(&loop, NULL);
}

static int stop(void **state)
{
    (void)state;
    loop_free(loop);
    unlink(cert_a);
    unlink(key_a);
    unlink(cert_b);
    unlink(key_b);
    return rmdir(dir);
}

static void on_event(struct stream *s, unsigned events, void *arg)
{
    struct end *end = arg;
    char piece[8192];
    size_t n;
    int r = 0;
    end->hangup = end->hangup || (events & STREAM_HANGUP);
    while (r == 0 && end->sent < end->to_send) {
        size_t left = end->to_send - end->sent;
        for (size_t i = 0; i < sizeof(piece); i++)
            piece[i] = (char)((end->sent + i) * 7 % 251);
        r = stream_write(s, piece, left < sizeof(piece) ? left : sizeof(piece), &n, NULL);
        end->sent += r == 0 ? n : 0;
    }
    if (r != 0 && r != ERR_AGAIN)
        end->err = r;
    r = 0;
    for (int turns = 0; r == 0 && turns < 3 && end->got < end->to_read; turns++) {
        r = stream_read(s, piece, end->tiny_reads ? 100 : sizeof(piece), &n, NULL);
        for (size_t i = 0; r == 0 && i < n; i++)
            assert_int_equal(piece[i], (char)((end->got + i) * 7 % 251));
        end->got += r == 0 ? n : 0;
    }
    if (r != 0 && r != ERR_AGAIN && end->err == 0)
        end->err = r;
    unsigned want = end->got < end->to_read ? (unsigned)STREAM_READABLE : (unsigned)STREAM_HANGUP;
    want |= end->sent < end->to_send ? STREAM_WRITABLE : 0;
    stream_watch(s, end->err != 0 ? 0 : want);
}

static void connect_ends(struct end *client, SSL_CTX *client_tls, const char *host, struct end *server,
                         SSL_CTX *server_tls)
{
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    assert_int_equal(stream_new(loop, fds[0], client_tls, false, host, &client->stream, NULL), 0);
    assert_int_equal(stream_new(loop, fds[1], server_tls, true, NULL, &server->stream, NULL), 0);
    stream_set_handler(client->stream, on_event, client);
    stream_set_handler(server->stream, on_event, server);
    stream_watch(client->stream, STREAM_READABLE | STREAM_WRITABLE);
    stream_watch(server->stream, STREAM_READABLE | STREAM_WRITABLE);
}

static bool is_done(const struct end *end)
{
    return end->err != 0 || (end->sent == end->to_send && end->got == end->to_read);
}

static void exchange(struct end *client, struct end *server)
{
    while (!is_done(client) || !is_done(server))
        loop_run_once(loop, true);
}

static void free_ends(struct end *client, struct end *server)
{
    stream_free(client->stream);
    stream_free(server->stream);
    loop_run_once(loop, false);
}

static struct tls_server *make_server(const char *cert, const char *key)
{
    struct tls_server *tls = NULL;
    struct tls_server_options options = {.cert_file = cert, .key_file = key};
    assert_int_equal(tls_server_new(&options, &tls, NULL), 0);
    return tls;
}

static struct tls_client *make_client(const char *pin, const char *ca)
{
    struct tls_client *tls = NULL;
    struct tls_client_options options = {.pin_sha256 = pin, .ca_file = ca};
    assert_int_equal(tls_client_new(&options, &tls, NULL), 0);
    return tls;
}

static void test_plain_both_ways(void **state)
{
    (void)state;
    struct end a = {.to_send = BIG, .to_read = BIG};
    struct end b = {.to_send = BIG, .to_read = BIG};
    connect_ends(&a, NULL, NULL, &b, NULL);
    exchange(&a, &b);
    assert_int_equal(a.err, 0);
    assert_int_equal(a.got + b.got, 2 * BIG);
    assert_false(stream_is_tls(a.stream));
    free_ends(&a, &b);
}

static void test_tls_both_ways_with_small_reads(void **state)
{
    (void)state;
    struct tls_server *server = make_server(cert_a, key_a);
    char pin[TLS_FINGERPRINT_SIZE];
    tls_server_fingerprint(server, pin);
    struct tls_client *client = make_client(pin, NULL);
    struct end a = {.to_send = BIG, .to_read = 300000, .tiny_reads = true};
    struct end b = {.to_send = 300000, .to_read = BIG};
    connect_ends(&a, tls_client_ctx(client), NULL, &b, tls_server_ctx(server));
    exchange(&a, &b);
    assert_int_equal(a.err, 0);
    assert_int_equal(b.err, 0);
    assert_int_equal(tls_check_pin(stream_ssl(a.stream), pin, NULL), 0);
    assert_string_equal(SSL_get_version(stream_ssl(a.stream)), "TLSv1.3");
    free_ends(&a, &b);
    tls_server_free(server);
    tls_client_free(client);
}

static int try_handshake(SSL_CTX *client, const char *host, SSL_CTX *server)
{
    struct end a = {.to_send = 1, .to_read = 1};
    struct end b = {.to_send = 1, .to_read = 1};
    connect_ends(&a, client, host, &b, server);
    exchange(&a, &b);
    int err = a.err;
    free_ends(&a, &b);
    return err;
}

static void test_pin_ca_and_name_are_checked(void **state)
{
    (void)state;
    struct tls_server *a = make_server(cert_a, key_a);
    struct tls_server *b = make_server(cert_b, key_b);
    char pin[TLS_FINGERPRINT_SIZE];
    tls_server_fingerprint(a, pin);
    struct tls_client *pinned = make_client(pin, NULL);
    struct tls_client *by_ca = make_client(NULL, cert_a);
    assert_int_equal(try_handshake(tls_client_ctx(pinned), NULL, tls_server_ctx(a)), 0);
    assert_int_equal(try_handshake(tls_client_ctx(pinned), NULL, tls_server_ctx(b)), ERR_TLS);
    assert_int_equal(try_handshake(tls_client_ctx(by_ca), "localhost", tls_server_ctx(a)), 0);
    assert_int_equal(try_handshake(tls_client_ctx(by_ca), "elsewhere", tls_server_ctx(a)), ERR_TLS);
    assert_int_equal(try_handshake(tls_client_ctx(by_ca), "localhost", tls_server_ctx(b)), ERR_TLS);
    tls_server_free(a);
    tls_server_free(b);
    tls_client_free(pinned);
    tls_client_free(by_ca);
}

static void test_old_tls_is_refused(void **state)
{
    (void)state;
    struct tls_server *server = make_server(cert_a, key_a);
    SSL_CTX *old = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_security_level(old, 0);
    SSL_CTX_set_min_proto_version(old, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(old, TLS1_1_VERSION);
    assert_int_equal(try_handshake(old, NULL, tls_server_ctx(server)), ERR_TLS);
    SSL_CTX_free(old);
    tls_server_free(server);
}

static void test_reload_and_its_failure(void **state)
{
    (void)state;
    struct error e = {0};
    char before[TLS_FINGERPRINT_SIZE], after[TLS_FINGERPRINT_SIZE];
    struct tls_server *server = make_server(cert_b, key_b);
    tls_server_fingerprint(server, before);
    assert_int_equal(truncate(cert_b, 10), 0);
    assert_int_equal(tls_server_reload(server, &e), ERR_TLS);
    assert_non_null(strstr(e.text, cert_b));
    tls_server_fingerprint(server, after);
    assert_string_equal(before, after);
    site_make_cert(cert_b, key_b);
    assert_int_equal(tls_server_reload(server, &e), 0);
    tls_server_fingerprint(server, after);
    assert_string_not_equal(before, after);
    tls_server_free(server);
}

static void test_files_that_do_not_fit(void **state)
{
    (void)state;
    struct error e = {0};
    struct tls_server *server = NULL;
    struct tls_server_options mixed = {.cert_file = cert_a, .key_file = key_b};
    struct tls_server_options missing = {.cert_file = "/nonexistent.pem", .key_file = key_b};
    assert_int_equal(tls_server_new(&mixed, &server, &e), ERR_TLS);
    assert_non_null(strstr(e.text, key_b));
    assert_int_equal(tls_server_new(&missing, &server, &e), ERR_TLS);
    assert_non_null(strstr(e.text, "/nonexistent.pem"));
    assert_null(server);
}

/* Tickets of one worker are good at another that has the same keys, and only there. */
static void test_tickets_are_shared(void **state)
{
    (void)state;
    unsigned char keys[TLS_TICKET_KEYS_SIZE];
    assert_int_equal(RAND_bytes(keys, sizeof(keys)), 1);
    struct tls_server *workers[3];
    for (int i = 0; i < 3; i++) {
        workers[i] = make_server(cert_a, key_a);
        keys[0] = (unsigned char)(i == 2); /* the third has others */
        assert_int_equal(tls_server_set_ticket_keys(workers[i], keys, NULL), 0);
    }
    assert_int_equal(tls_server_reload(workers[1], NULL), 0); /* keeps them */
    char pin[TLS_FINGERPRINT_SIZE];
    tls_server_fingerprint(workers[0], pin);
    struct tls_client *client = make_client(pin, NULL);
    SSL_SESSION *session = NULL;
    for (int i = 0; i < 3; i++) {
        struct end a = {.to_send = 1, .to_read = 1};
        struct end b = {.to_send = 1, .to_read = 1};
        connect_ends(&a, tls_client_ctx(client), NULL, &b, tls_server_ctx(workers[i]));
        if (session != NULL)
            SSL_set_session(stream_ssl(a.stream), session);
        exchange(&a, &b);
        assert_int_equal(SSL_session_reused(stream_ssl(a.stream)), i == 1);
        if (session == NULL)
            session = SSL_get1_session(stream_ssl(a.stream));
        SSL_set_shutdown(stream_ssl(a.stream), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
        free_ends(&a, &b);
    }
    SSL_SESSION_free(session);
    tls_client_free(client);
    for (int i = 0; i < 3; i++)
        tls_server_free(workers[i]);
}

static void test_hangup_is_told_while_nothing_is_read(void **state)
{
    (void)state;
    struct end a = {.to_send = 1};
    struct end b = {.to_read = 1};
    connect_ends(&a, NULL, NULL, &b, NULL);
    exchange(&a, &b);
    assert_false(b.hangup);
    stream_free(a.stream);
    while (!b.hangup)
        loop_run_once(loop, true);
    stream_free(b.stream);
    loop_run_once(loop, false);
}

static void test_shutdown_ends_one_direction(void **state)
{
    (void)state;
    struct end a = {.to_send = 10, .to_read = 20};
    struct end b = {.to_send = 20, .to_read = 11};
    connect_ends(&a, NULL, NULL, &b, NULL);
    while (a.sent < 10)
        loop_run_once(loop, true);
    stream_shutdown(a.stream);
    exchange(&a, &b);
    assert_int_equal(b.err, ERR_CLOSED);
    assert_int_equal(a.err, 0);
    assert_int_equal(a.got, 20);
    free_ends(&a, &b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_both_ways),
        cmocka_unit_test(test_tls_both_ways_with_small_reads),
        cmocka_unit_test(test_pin_ca_and_name_are_checked),
        cmocka_unit_test(test_old_tls_is_refused),
        cmocka_unit_test(test_reload_and_its_failure),
        cmocka_unit_test(test_files_that_do_not_fit),
        cmocka_unit_test(test_tickets_are_shared),
        cmocka_unit_test(test_hangup_is_told_while_nothing_is_read),
        cmocka_unit_test(test_shutdown_ends_one_direction),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
