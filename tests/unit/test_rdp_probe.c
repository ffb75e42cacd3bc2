/* rdp_probe.c: the judge of answers byte by byte, and probes against real listening sockets on loopback. */
#include "poolmgr/rdp_probe.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static const uint8_t tls_answer[] = {3, 0, 0, 19, 14, 0xd0, 0, 0, 0x12, 0x34, 0, 2, 0x1f, 8, 0, 1, 0, 0, 0};

static void judges_answers(void **state)
{
    (void)state;
    uint8_t a[19];
    enum rdp_probe_security s = RDP_PROBE_STANDARD;

    memcpy(a, tls_answer, sizeof a);
    for (size_t n = 0; n < sizeof a; n++)
        assert_int_equal(rdp_probe_parse(a, n, &s), ERR_AGAIN);
    assert_int_equal(rdp_probe_parse(a, sizeof a, &s), 0);
    assert_int_equal(s, RDP_PROBE_TLS);
    a[15] = 2;
    assert_int_equal(rdp_probe_parse(a, sizeof a, &s), 0);
    assert_int_equal(s, RDP_PROBE_NLA);
    a[15] = 4; /* RDSTLS was not asked for */
    assert_int_equal(rdp_probe_parse(a, sizeof a, &s), ERR_PROTOCOL);
    a[11] = 3, a[15] = 2; /* failure: SSL_NOT_ALLOWED_BY_SERVER */
    assert_int_equal(rdp_probe_parse(a, sizeof a, &s), 0);
    assert_int_equal(s, RDP_PROBE_STANDARD);
    a[5] = 0xe0;
    assert_int_equal(rdp_probe_parse(a, sizeof a, &s), ERR_PROTOCOL);
    const uint8_t old[] = {3, 0, 0, 11, 6, 0xd0, 0, 0, 0, 0, 0};
    assert_int_equal(rdp_probe_parse(old, sizeof old, &s), 0);
    assert_int_equal(s, RDP_PROBE_STANDARD);
    assert_int_equal(rdp_probe_parse((const uint8_t *)"SSH-2.0-x", 9, &s), ERR_PROTOCOL);
}

static void survives_any_bytes(void **state)
{
    (void)state;
    uint32_t seed = 7, good = 0;

    for (int round = 0; round < 300000; round++) {
        uint8_t a[19];
        enum rdp_probe_security s = RDP_PROBE_STANDARD;
        memcpy(a, tls_answer, sizeof a);
        for (int i = 0; i < 2; i++) {
            seed = seed * 1664525u + 1013904223u;
            a[(seed >> 8) % sizeof a] = (uint8_t)(seed >> 24);
        }
        int r = rdp_probe_parse(a, (seed >> 4) % (sizeof a + 1), &s);
        assert_true(r == 0 || r == ERR_AGAIN || r == ERR_PROTOCOL);
        good += r == 0;
    }
    assert_true(good > 0);
}

/* A server that answers one connection: with `answer` byte by byte, or closes at once, or keeps silent. */
struct server {
    int listener;
    const uint8_t *answer;
    size_t size;
    int silent;
    uint8_t asked[RDP_PROBE_REQUEST_SIZE];
    ssize_t asked_size;
};

static void *serve(void *arg)
{
    struct server *server = arg;
    int fd = accept(server->listener, NULL, NULL);

    server->asked_size = recv(fd, server->asked, sizeof server->asked, MSG_WAITALL);
    for (size_t i = 0; i < server->size; i++)
        if (send(fd, server->answer + i, 1, MSG_NOSIGNAL) != 1)
            break;
    if (server->silent) {
        char end;
        if (recv(fd, &end, 1, 0) < 0) /* until the probe gives up */
            server->asked_size = -1;
    }
    close(fd);
    return NULL;
}

static uint16_t open_port(int *ret_fd)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;

    *ret_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(*ret_fd >= 0);
    assert_int_equal(bind(*ret_fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(*ret_fd, 4), 0);
    assert_int_equal(getsockname(*ret_fd, (struct sockaddr *)&address, &size), 0);
    return ntohs(address.sin_port);
}

struct outcome {
    int calls;
    int code;
    enum rdp_probe_security security;
};

static void note(int code, enum rdp_probe_security security, void *arg)
{
    struct outcome *outcome = arg;

    outcome->calls++;
    outcome->code = code;
    outcome->security = security;
}

static struct outcome probe(const char *address, uint16_t port, uint32_t deadline_ms)
{
    uv_loop_t loop;
    struct outcome outcome = {0};
    struct rdp_probe *p = NULL;

    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(rdp_probe_start(&loop, address, port, deadline_ms, note, &outcome, &p, NULL), 0);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    assert_int_equal(outcome.calls, 1);
    return outcome;
}

static struct outcome probe_server(struct server *server, uint32_t deadline_ms)
{
    pthread_t thread;
    uint16_t port = open_port(&server->listener);

    assert_int_equal(pthread_create(&thread, NULL, serve, server), 0);
    struct outcome outcome = probe("127.0.0.1", port, deadline_ms);
    pthread_join(thread, NULL);
    close(server->listener);
    return outcome;
}

static void an_rdp_server(void **state)
{
    (void)state;
    struct server server = {.answer = tls_answer, .size = sizeof tls_answer};
    struct outcome outcome = probe_server(&server, 20000);

    assert_int_equal(outcome.code, 0);
    assert_int_equal(outcome.security, RDP_PROBE_TLS);
    assert_int_equal(server.asked_size, RDP_PROBE_REQUEST_SIZE);
    assert_int_equal(server.asked[5], 0xe0);
}

static void other_servers(void **state)
{
    (void)state;
    struct server ssh = {.answer = (const uint8_t *)"SSH-2.0-OpenSSH_9.2", .size = 19};
    assert_int_equal(probe_server(&ssh, 20000).code, ERR_PROTOCOL);
    struct server closes = {0};
    assert_int_equal(probe_server(&closes, 20000).code, ERR_CLOSED);
    struct server half = {.answer = tls_answer, .size = 5, .silent = 1};
    assert_int_equal(probe_server(&half, 150).code, ERR_TIMEOUT);
}

static void nobody_there(void **state)
{
    (void)state;
    int fd;
    uint16_t port = open_port(&fd);

    close(fd);
    assert_int_equal(probe("127.0.0.1", port, 20000).code, ERR_UNREACHABLE);
    struct rdp_probe *p = NULL;
    assert_int_equal(rdp_probe_start(uv_default_loop(), "desk.example", 1, 1, note, NULL, &p, NULL), ERR_INVALID);
    assert_null(p);
}

static void cancelled_in_the_middle(void **state)
{
    (void)state;
    int fd;
    uint16_t port = open_port(&fd);
    uv_loop_t loop;
    struct outcome outcome = {0};
    struct rdp_probe *p = NULL;

    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(rdp_probe_start(&loop, "127.0.0.1", port, 20000, note, &outcome, &p, NULL), 0);
    uv_run(&loop, UV_RUN_ONCE);
    rdp_probe_cancel(p);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    assert_int_equal(outcome.calls, 0);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judges_answers), cmocka_unit_test(survives_any_bytes),
        cmocka_unit_test(an_rdp_server),  cmocka_unit_test(other_servers),
        cmocka_unit_test(nobody_there),   cmocka_unit_test(cancelled_in_the_middle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
