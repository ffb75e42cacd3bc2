/* lib/net/httpd before clients that are slow, greedy, vanishing or hostile. */
#include "tests/unit/net_site.h"

#include "lib/base/mem.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static struct site site;
static uv_check_t rounds;
static atomic_int round_count;

static void count_round(uv_check_t *handle)
{
    (void)handle;
    round_count++;
}

static void start_counting(struct site *s, void *arg)
{
    (void)arg;
    uv_check_init(loop_uv(s->loop), &rounds);
    uv_check_start(&rounds, count_round);
}

static void stop_counting(struct site *s, void *arg)
{
    (void)s;
    (void)arg;
    uv_close((uv_handle_t *)&rounds, NULL);
}

static int start(void **state)
{
    static const struct httpd_limits limits = {.max_head = 4096,
                                               .max_connections = 300,
                                               .head_ms = 3000,
                                               .body_ms = 600,
                                               .idle_ms = 600,
                                               .write_ms = 600,
                                               .max_pending = 65536,
                                               .sse_keepalive_ms = 300};
    (void)state;
    site_start(&site, &limits);
    site_call(&site, start_counting, NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    site_call(&site, stop_counting, NULL);
    site_stop(&site);
    return 0;
}

static void answer_held(struct site *s, void *arg)
{
    (void)arg;
    while (s->held_count > 0)
        httpd_respond(s->held[--s->held_count], 200, "text/plain", "later", 5);
}

/* What is sent, and a part of the answer; the connection must be closed behind it. */
static void expect_last_answer(const char *request, const char *status, const char *code)
{
    char text[4096];
    int fd = site_connect(&site, false);
    site_send(fd, request);
    site_read_all(fd, text, sizeof(text));
    assert_non_null(strstr(text, status));
    assert_non_null(strstr(text, code));
    assert_non_null(strstr(text, "Connection: close"));
    close(fd);
}

static void test_malformed_requests(void **state)
{
    (void)state;
    static const struct {
        const char *request, *status, *code;
    } cases[] = {
        {"GET /echo HTTP/1.1\r\n\r\n", "400 Bad Request", "bad_request"},
        {"GET /echo HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400", "bad_request"},
        {"GET  /echo HTTP/1.1\r\nHost: a\r\n\r\n", "400", "bad_request"},
        {"GET /echo HTTP/2.0\r\nHost: a\r\n\r\n", "505", "version"},
        {"GET http://x/echo HTTP/1.1\r\nHost: a\r\n\r\n", "400", "bad_request"},
        {"GET /echo HTTP/1.1\r\nHost : a\r\n\r\n", "400", "bad_request"},
        {"GET /echo HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", "400", "bad_request"},
        {"GET /echo HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", "400", "bad_request"},
        {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n", "400", "bad_request"},
        {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "400", "bad_request"},
        {"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "411", "length_required"},
        {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", "400", "bad_request"},
        {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100001\r\n\r\n", "413", "body_too_large"},
        {"GET /echo%00 HTTP/1.1\r\nHost: a\r\n\r\n", "400", "bad_request"},
        {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "400", "bad_request"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_last_answer(cases[i].request, cases[i].status, cases[i].code);
}

static void test_head_that_is_too_large(void **state)
{
    (void)state;
    char *request CLEANUP_FREE = mem_zalloc(1, 6000);
    strcpy(request, "GET /echo HTTP/1.1\r\nHost: a\r\nX-Long: ");
    memset(request + strlen(request), 'a', 5000);
    expect_last_answer(request, "431", "header_too_large");
}

static void test_too_many_header_lines(void **state)
{
    (void)state;
    char request[4096] = "GET /echo HTTP/1.1\r\nHost: a\r\n";
    for (int i = 0; i < 70; i++)
        strcat(request, "X: y\r\n");
    strcat(request, "\r\n");
    expect_last_answer(request, "431", "header_too_large");
}

static void test_slow_head_and_slow_body(void **state)
{
    (void)state;
    expect_last_answer("GET /echo HTTP/1.1\r\nHost: ", "408", "request_timeout");
    expect_last_answer("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc", "408", "request_timeout");
}

static void test_silent_and_idle_connections_are_closed(void **state)
{
    (void)state;
    char text[4096];
    int fd = site_connect(&site, true);
    assert_int_equal(site_read_all(fd, text, sizeof(text)), 0);
    close(fd);
    fd = site_connect(&site, true);
    site_send(fd, "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
    site_read_all(fd, text, sizeof(text));
    assert_non_null(strstr(text, "200 OK"));
    assert_null(strstr(text, "408"));
    close(fd);
}

static void test_answer_survives_a_body_that_nobody_reads(void **state)
{
    (void)state;
    char text[4096];
    int fd = site_connect(&site, true);
    site_send(fd, "POST /hold HTTP/1.1\r\nHost: a\r\nContent-Length: 50000\r\n\r\n");
    char *junk CLEANUP_FREE = mem_zalloc(1, 50001);
    memset(junk, 'j', 50000);
    send(fd, junk, 50000, MSG_NOSIGNAL);
    site_read_all(fd, text, sizeof(text));
    assert_non_null(strstr(text, "413 Content Too Large"));
    assert_non_null(strstr(text, "body_too_large"));
    close(fd);
}

/* Where a pending answer with one more byte, or with a client that left, burned a core (decision 0040). */
static void test_pending_answers_cost_no_rounds(void **state)
{
    (void)state;
    char text[4096];
    int ahead = site_connect(&site, true);
    int holding = site.holding;
    int gone = site.gone;
    site_send(ahead, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    site_wait(&site.holding, holding + 1);
    site_send(ahead, "GET /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    int left = site_connect(&site, true);
    site_send(left, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    site_wait(&site.holding, holding + 2);
    site_send(left, "x");
    close(left);
    site_wait(&site.gone, gone + 1);
    int before = round_count;
    usleep(600000);
    assert_in_range(round_count - before, 0, 100); /* the sweep's, four a second; a spin makes ten thousands */
    site_call(&site, answer_held, NULL);
    site_read_all(ahead, text, sizeof(text));
    assert_non_null(strstr(text, "later"));
    assert_non_null(strstr(text, "\"path\":\"/echo\"")); /* what was sent ahead is served next */
    close(ahead);
}

static void test_reader_that_stalls_is_cut_off(void **state)
{
    (void)state;
    int gone = site.gone;
    int small = 4096;
    int fd = site_connect(&site, true);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    site_send(fd, "GET /flood/100000000 HTTP/1.1\r\nHost: a\r\n\r\n");
    site_wait(&site.gone, gone + 1);
    close(fd);
}

static void test_event_stream_that_nobody_reads_is_bounded(void **state)
{
    (void)state;
    int gone = site.gone;
    int fd = site_connect(&site, false);
    site_send(fd, "GET /torrent HTTP/1.1\r\nHost: a\r\n\r\n");
    site_wait(&site.gone, gone + 1);
    close(fd);
}

static void end_held(struct site *s, void *arg)
{
    (void)arg;
    while (s->held_count > 0)
        httpd_sse_end(s->held[--s->held_count]);
}

static void test_silent_event_stream_is_kept_alive(void **state)
{
    (void)state;
    char text[4096];
    int fd = site_connect(&site, false);
    int holding = site.holding;
    site_send(fd, "GET /listen HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    site_wait(&site.holding, holding + 1);
    site_read_until(fd, text, sizeof(text), "\r\n:\n\n\r\n");
    site_read_until(fd, text, sizeof(text), ":\n\n");
    site_call(&site, end_held, NULL);
    site_read_all(fd, text, sizeof(text));
    assert_non_null(strstr(text, "0\r\n\r\n"));
    close(fd);
}

static void test_http10_stream_ends_with_the_connection(void **state)
{
    (void)state;
    char text[4096];
    int fd = site_connect(&site, false);
    site_send(fd, "GET /events HTTP/1.0\r\n\r\n");
    site_read_all(fd, text, sizeof(text));
    assert_null(strstr(text, "chunked"));
    assert_non_null(
        strstr(text, "\r\n\r\nevent: session\nid: 7\ndata: first line\ndata: second line\n\ndata: plain\n\n"));
    close(fd);
}

static void test_two_hundred_at_once(void **state)
{
    (void)state;
    enum { COUNT = 200 };
    int fds[COUNT];
    char text[4096];
    for (int i = 0; i < COUNT; i++)
        fds[i] = site_connect(&site, i % 2 == 0);
    for (int i = COUNT - 1; i >= 0; i--) {
        char request[128];
        snprintf(request, sizeof(request), "GET /echo/n%d HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", i);
        site_send(fds[i], request);
    }
    for (int i = 0; i < COUNT; i++) {
        char name[32];
        snprintf(name, sizeof(name), "\"name\":\"n%d\"", i);
        site_read_all(fds[i], text, sizeof(text));
        assert_non_null(strstr(text, name));
        close(fds[i]);
    }
}

static void test_more_than_the_limit_wait_their_turn(void **state)
{
    (void)state;
    enum { COUNT = 320 };
    int fds[COUNT];
    char text[4096];
    for (int i = 0; i < COUNT; i++)
        fds[i] = site_connect(&site, true);
    for (int i = 0; i < COUNT; i++)
        send(fds[i], "GET /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 51, MSG_NOSIGNAL);
    for (int i = 0; i < COUNT; i++) {
        site_read_all(fds[i], text, sizeof(text));
        assert_non_null(strstr(text, "200 OK"));
        close(fds[i]);
    }
}

static void test_client_that_resets(void **state)
{
    (void)state;
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    int gone = site.gone;
    int holding = site.holding;
    int fd = site_connect(&site, true);
    site_send(fd, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    site_wait(&site.holding, holding + 1);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    close(fd);
    site_wait(&site.gone, gone + 1);
    site_call(&site, answer_held, NULL);
    assert_int_equal(site.held_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_malformed_requests),
        cmocka_unit_test(test_head_that_is_too_large),
        cmocka_unit_test(test_too_many_header_lines),
        cmocka_unit_test(test_slow_head_and_slow_body),
        cmocka_unit_test(test_silent_and_idle_connections_are_closed),
        cmocka_unit_test(test_answer_survives_a_body_that_nobody_reads),
        cmocka_unit_test(test_pending_answers_cost_no_rounds),
        cmocka_unit_test(test_reader_that_stalls_is_cut_off),
        cmocka_unit_test(test_event_stream_that_nobody_reads_is_bounded),
        cmocka_unit_test(test_silent_event_stream_is_kept_alive),
        cmocka_unit_test(test_http10_stream_ends_with_the_connection),
        cmocka_unit_test(test_two_hundred_at_once),
        cmocka_unit_test(test_more_than_the_limit_wait_their_turn),
        cmocka_unit_test(test_client_that_resets),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
