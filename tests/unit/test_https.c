/* gateway/https: the door with its limits and pages, and the way to the broker, before a stand-in broker (net_site). */
#include "gateway/https/https.h"
#include "lib/base/mem.h"
#include "tests/unit/net_site.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

struct door {
    struct loop *loop;
    struct https *https;
    uint16_t port;
    pthread_t thread;
    struct loop_task task;
    bool drain;
    char url[64];
};

static struct site broker;
static struct door door;

static void *door_main(void *arg)
{
    loop_run(((struct door *)arg)->loop);
    return NULL;
}

static void on_task(struct loop_task *task)
{
    struct door *d = CONTAINER_OF(task, struct door, task);
    if (d->drain)
        https_drain(d->https);
    else
        loop_stop(d->loop);
}

static const char *web_dir = "web";

static void door_open(struct door *d, bool admin_api, unsigned max_per_address, const char *broker_socket)
{
    struct error e = {0};
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    memset(d, 0, sizeof(*d));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(fd, 64), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    d->port = ntohs(a.sin_port);
    snprintf(d->url, sizeof(d->url), "https://localhost:%u", d->port);
    assert_int_equal(loop_new(&d->loop, &e), 0);
    struct https_options options = {.loop = d->loop,
                                    .tls = broker.tls,
                                    .broker_socket = broker_socket,
                                    .web_dir = web_dir,
                                    .admin_api = admin_api,
                                    .max_per_address = max_per_address};
    assert_int_equal(https_new(&options, &d->https, &e), 0);
    assert_int_equal(https_listen(d->https, fd, &e), 0);
    d->task.run = on_task;
    assert_int_equal(pthread_create(&d->thread, NULL, door_main, d), 0);
}

static void door_close(struct door *d)
{
    d->drain = false;
    loop_post(d->loop, &d->task);
    pthread_join(d->thread, NULL);
    https_free(d->https);
    loop_free(d->loop);
}

static int start(void **state)
{
    (void)state;
    site_start(&broker, NULL);
    door_open(&door, false, 0, broker.unix_path);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    door_close(&door);
    site_stop(&broker);
    return 0;
}

static struct httpc_request at(const struct door *d, const char *path)
{
    return (struct httpc_request){.target = {.base_url = d->url, .pin_sha256 = broker.fingerprint}, .path = path};
}

static void get(const struct door *d, const char *path, struct httpc_response *ret_response)
{
    struct httpc_request request = at(d, path);
    struct error e = {0};
    assert_int_equal(httpc_call(&request, ret_response, &e), 0);
}

static const char *member(json_t *doc, const char *key)
{
    return json_string_value(json_object_get(doc, key));
}

static void expect_status(const struct door *d, const char *path, int status, const char *code)
{
    struct httpc_response response;
    get(d, path, &response);
    assert_int_equal(response.status, status);
    if (code != NULL)
        assert_non_null(strstr(response.body, code));
    httpc_response_done(&response);
}

static void test_page_with_strict_headers(void **state)
{
    (void)state;
    struct httpc_response response;
    get(&door, "/", &response);
    assert_int_equal(response.status, 200);
    assert_string_equal(response.content_type, "text/html; charset=utf-8");
    assert_non_null(strstr(response.body, "Carrel"));
    assert_null(strstr(response.body, "<script"));
    assert_non_null(strstr(httpc_header(&response, "content-security-policy"), "default-src 'none'"));
    assert_string_equal(httpc_header(&response, "x-content-type-options"), "nosniff");
    assert_non_null(httpc_header(&response, "strict-transport-security"));
    char *tag CLEANUP_FREE = mem_printf("If-None-Match: %s", httpc_header(&response, "etag"));
    httpc_response_done(&response);
    const char *headers[] = {tag, NULL};
    struct httpc_request request = at(&door, "/");
    request.headers = headers;
    assert_int_equal(httpc_call(&request, &response, NULL), 0);
    assert_int_equal(response.status, 304);
    httpc_response_done(&response);
    expect_status(&door, "/web/style.css", 200, "font-family");
    expect_status(&door, "/web/module.mk", 404, "not_found");
    expect_status(&door, "/web/..%2f..%2fMakefile", 400, NULL);
    expect_status(&door, "/healthz", 200, "ok");
}

static void test_request_passes_with_few_headers(void **state)
{
    (void)state;
    const char *headers[] = {"Authorization: Bearer t", "X-Forwarded-For: 10.0.0.1", "Cookie: a=b", "X-Other: 1", NULL};
    struct httpc_request request = at(&door, "/api/v1/echo?q=1%20%3D&w=2");
    request.method = "POST";
    request.headers = headers;
    request.body = "{\"x\":true}";
    request.body_len = 10;
    struct httpc_response response;
    assert_int_equal(httpc_call(&request, &response, NULL), 0);
    assert_int_equal(response.status, 200);
    assert_string_equal(httpc_header(&response, "x-site"), "test");
    assert_non_null(httpc_header(&response, "content-security-policy"));
    json_t *doc = json_loads(response.body, 0, NULL);
    json_t *got = json_object_get(doc, "headers");
    assert_string_equal(member(doc, "method"), "POST");
    assert_string_equal(member(doc, "q"), "1 =");
    assert_string_equal(member(doc, "body"), "{\"x\":true}");
    assert_string_equal(member(got, "Authorization"), "Bearer t");
    assert_string_equal(member(got, "X-Forwarded-For"), "127.0.0.1");
    assert_string_equal(member(got, "X-Forwarded-Proto"), "https");
    assert_string_equal(member(got, "Content-Type"), "application/json");
    assert_null(json_object_get(got, "Cookie"));
    assert_null(json_object_get(got, "X-Other"));
    /* the gateway may run as root: what it passes through is not root's */
    assert_true(json_is_false(json_object_get(doc, "root")));
    json_decref(doc);
    httpc_response_done(&response);
}

static void test_escapes_reach_the_broker_unchanged(void **state)
{
    (void)state;
    struct httpc_response response;
    get(&door, "/api/v1/echo/B%C3%BCro%201", &response);
    json_t *doc = json_loads(response.body, 0, NULL);
    assert_string_equal(member(doc, "path"), "/api/v1/echo/B%C3%BCro%201");
    json_decref(doc);
    httpc_response_done(&response);
}

static void test_refusals_come_through(void **state)
{
    (void)state;
    struct httpc_response response;
    get(&door, "/api/v1/error", &response);
    assert_int_equal(response.status, 404);
    assert_string_equal(response.content_type, "application/problem+json");
    assert_string_equal(httpc_header(&response, "retry-after"), "3");
    httpc_response_done(&response);
    expect_status(&door, "/api/v1/nothing", 404, "not_found");
    expect_status(&door, "/readyz", 200, NULL);
}

static void test_what_is_not_offered(void **state)
{
    (void)state;
    expect_status(&door, "/internal/v1/wake", 404, "not_found");
    expect_status(&door, "/api/v1/admin", 403, "admin_not_here");
    expect_status(&door, "/api/v1/admin/pools", 403, "admin_not_here");
    expect_status(&door, "/api/v1/%61dmin/pools", 403, "admin_not_here");
    expect_status(&door, "/api/v1/echo/../admin/pools", 400, NULL);
    expect_status(&door, "/api/v1/echo/..%2fadmin", 400, NULL);
    expect_status(&door, "/api/v1//admin/pools", 400, NULL);
    struct door inward;
    door_open(&inward, true, 0, broker.unix_path);
    expect_status(&inward, "/api/v1/admin/pools", 200, NULL);
    expect_status(&inward, "/internal/v1/wake", 404, "not_found");
    door_close(&inward);
}

static void test_large_answer_passes_whole(void **state)
{
    (void)state;
    struct httpc_request request = at(&door, "/api/v1/flood/3000000");
    struct httpc_response response;
    request.max_body = 4000000;
    assert_int_equal(httpc_call(&request, &response, NULL), 0);
    assert_int_equal(response.body_len, 3000000);
    httpc_response_done(&response);
}

static void send_event(struct site *site, void *arg)
{
    httpd_sse_send(site->held[site->held_count - 1], "session", NULL, arg);
}

static int seen;

static bool on_event(const struct httpc_event *event, void *arg)
{
    (void)arg;
    seen++;
    assert_string_equal(event->event, "session");
    return false;
}

static void *listen_to_events(void *arg)
{
    struct httpc_request request = at(&door, "/api/v1/listen");
    struct httpc_response response;
    (void)arg;
    assert_int_equal(httpc_call_events(&request, on_event, NULL, &response, NULL), 0);
    httpc_response_done(&response);
    return NULL;
}

static void end_held(struct site *site, void *arg)
{
    (void)arg;
    httpd_sse_end(site->held[--site->held_count]);
}

static void test_events_pass_at_once_and_the_end_is_noticed(void **state)
{
    (void)state;
    pthread_t listener;
    int gone = broker.gone;
    seen = 0;
    assert_int_equal(pthread_create(&listener, NULL, listen_to_events, NULL), 0);
    site_wait(&broker.holding, 1);
    /* the stream stays open: the client only ends because this one event arrives */
    site_call(&broker, send_event, "now");
    pthread_join(listener, NULL);
    assert_int_equal(seen, 1);
    /* the broker learns through the gateway that the client has left */
    site_wait(&broker.gone, gone + 1);
    site_call(&broker, end_held, NULL);
}

static void test_broker_down(void **state)
{
    (void)state;
    struct door lonely;
    struct httpc_response response;
    door_open(&lonely, false, 0, "/nonexistent/broker.sock");
    get(&lonely, "/api/v1/pools", &response);
    assert_int_equal(response.status, 503);
    assert_string_equal(httpc_header(&response, "retry-after"), "2");
    assert_non_null(strstr(response.body, "broker_down"));
    httpc_response_done(&response);
    expect_status(&lonely, "/", 200, "Carrel");
    door_close(&lonely);
}

static void test_without_pages_the_api_is_served(void **state)
{
    (void)state;
    struct door bare;
    web_dir = "/nonexistent";
    door_open(&bare, false, 0, broker.unix_path);
    web_dir = "web";
    expect_status(&bare, "/", 404, "not_found");
    expect_status(&bare, "/api/v1/echo", 200, NULL);
    door_close(&bare);
}

static int dial(const struct door *d)
{
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons(d->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    struct timeval patience = {.tv_sec = 10};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    return fd;
}

static void test_connections_per_address(void **state)
{
    (void)state;
    struct door tight;
    char byte;
    door_open(&tight, false, 2, broker.unix_path);
    int first = dial(&tight);
    int second = dial(&tight);
    int third = dial(&tight);
    assert_int_equal(recv(third, &byte, 1, 0), 0); /* closed at once */
    close(third);
    close(second);
    close(first);
    /* their places are free again, as soon as the door has seen them go */
    struct httpc_request request = at(&tight, "/healthz");
    struct httpc_response response;
    while (httpc_call(&request, &response, NULL) < 0)
        usleep(2000);
    assert_int_equal(response.status, 200);
    httpc_response_done(&response);
    door_close(&tight);
}

static void test_drain_lets_an_answer_finish(void **state)
{
    (void)state;
    struct door going;
    pthread_t listener;
    door_open(&going, false, 0, broker.unix_path);
    struct door kept = door;
    door = going;
    int holding = broker.holding;
    seen = 0;
    assert_int_equal(pthread_create(&listener, NULL, listen_to_events, NULL), 0);
    site_wait(&broker.holding, holding + 1);
    going.drain = true;
    loop_post(going.loop, &going.task);
    site_call(&broker, send_event, "late");
    pthread_join(listener, NULL);
    assert_int_equal(seen, 1);
    site_call(&broker, end_held, NULL);
    door = kept;
    door_close(&going);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_page_with_strict_headers),
        cmocka_unit_test(test_request_passes_with_few_headers),
        cmocka_unit_test(test_escapes_reach_the_broker_unchanged),
        cmocka_unit_test(test_refusals_come_through),
        cmocka_unit_test(test_what_is_not_offered),
        cmocka_unit_test(test_large_answer_passes_whole),
        cmocka_unit_test(test_events_pass_at_once_and_the_end_is_noticed),
        cmocka_unit_test(test_broker_down),
        cmocka_unit_test(test_without_pages_the_api_is_served),
        cmocka_unit_test(test_connections_per_address),
        cmocka_unit_test(test_drain_lets_an_answer_finish),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
