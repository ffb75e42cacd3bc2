/* lib/net/httpd against httpc and bare sockets: what a well-behaved client sees. */
#include "tests/unit/net_site.h"

#include "lib/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct site site;

static int start(void **state)
{
    (void)state;
    site_start(&site, NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    site_stop(&site);
    return 0;
}

static struct httpc_request over_unix(const char *path)
{
    return (struct httpc_request){.target = {.base_url = "http://localhost", .unix_path = site.unix_path},
                                  .path = path};
}

static json_t *parse(const struct httpc_response *response)
{
    json_t *doc = json_loadb(response->body, response->body_len, 0, NULL);
    assert_non_null(doc);
    return doc;
}

static void expect_text(json_t *doc, const char *key, const char *value)
{
    assert_string_equal(json_string_value(json_object_get(doc, key)), value);
}

static void expect_problem(const struct httpc_response *response, int status, const char *code)
{
    assert_int_equal(response->status, status);
    assert_string_equal(response->content_type, "application/problem+json");
    json_t *doc = parse(response);
    expect_text(doc, "type", "about:blank");
    expect_text(doc, "code", code);
    assert_int_equal(json_integer_value(json_object_get(doc, "status")), status);
    json_decref(doc);
}

static void test_request_reaches_the_handler_whole(void **state)
{
    (void)state;
    const char *headers[] = {"X-Test: odd value", NULL};
    struct httpc_request request = over_unix("/echo?q=a%20b+c&w=%C3%A4&q=second");
    request.method = "POST";
    request.headers = headers;
    request.body = "{\"a\":1}";
    request.body_len = 7;
    struct httpc_response response;
    assert_int_equal(httpc_call(&request, &response, NULL), 0);
    assert_int_equal(response.status, 200);
    assert_string_equal(httpc_header(&response, "x-site"), "test");
    assert_string_equal(httpc_header(&response, "cache-control"), "no-store");
    json_t *doc = parse(&response);
    expect_text(doc, "method", "POST");
    expect_text(doc, "path", "/echo");
    expect_text(doc, "q", "a b c");
    expect_text(doc, "w", "\xc3\xa4");
    expect_text(doc, "x", "odd value");
    expect_text(doc, "body", "{\"a\":1}");
    assert_true(json_is_true(json_object_get(doc, "unix")));
    assert_int_equal(json_integer_value(json_object_get(doc, "uid")), getuid());
    json_decref(doc);
    httpc_response_done(&response);
}

static void test_path_parameters_are_decoded(void **state)
{
    (void)state;
    struct httpc_request request = over_unix("/echo/B%C3%BCro%201");
    struct httpc_response response;
    assert_int_equal(httpc_call(&request, &response, NULL), 0);
    json_t *doc = parse(&response);
    expect_text(doc, "name", "B\xc3\xbcro 1");
    json_decref(doc);
    httpc_response_done(&response);
}

static void test_tls_with_pin_and_with_ca(void **state)
{
    (void)state;
    char *url CLEANUP_FREE = mem_printf("https://localhost:%u", site.tls_port);
    char wrong[TLS_FINGERPRINT_SIZE];
    memset(wrong, '0', sizeof(wrong) - 1);
    wrong[sizeof(wrong) - 1] = '\0';
    struct httpc_request request = {.target = {.base_url = url, .pin_sha256 = site.fingerprint}, .path = "/echo"};
    struct httpc_response response;
    struct error e = {0};
    assert_int_equal(httpc_call(&request, &response, &e), 0);
    json_t *doc = parse(&response);
    assert_true(json_is_true(json_object_get(doc, "tls")));
    assert_false(json_is_true(json_object_get(doc, "unix")));
    expect_text(doc, "address", "127.0.0.1");
    json_decref(doc);
    httpc_response_done(&response);
    request.target.pin_sha256 = wrong;
    assert_int_equal(httpc_call(&request, &response, &e), ERR_CERT_MISMATCH);
    request.target.pin_sha256 = NULL;
    assert_int_equal(httpc_call(&request, &response, &e), ERR_TLS);
    request.target.ca_file = site.cert_file;
    assert_int_equal(httpc_call(&request, &response, &e), 0);
    httpc_response_done(&response);
}

static void test_refusals_are_problem_documents(void **state)
{
    (void)state;
    static const struct {
        const char *method, *path, *body;
        int status;
        const char *code;
    } cases[] = {
        {"GET", "/nothing", NULL, 404, "not_found"},        {"DELETE", "/echo", NULL, 405, "method_not_allowed"},
        {"GET", "/hold", "body", 413, "body_too_large"},    {"GET", "/echo/a%2Fb", NULL, 400, "bad_request"},
        {"GET", "/echo/../hold", NULL, 400, "bad_request"}, {"GET", "/error", NULL, 404, "not_found"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct httpc_request request = over_unix(cases[i].path);
        request.method = cases[i].method;
        request.body = cases[i].body;
        request.body_len = cases[i].body != NULL ? strlen(cases[i].body) : 0;
        struct httpc_response response;
        assert_int_equal(httpc_call(&request, &response, NULL), 0);
        expect_problem(&response, cases[i].status, cases[i].code);
        if (cases[i].status == 405)
            assert_string_equal(httpc_header(&response, "allow"), "GET, POST");
        httpc_response_done(&response);
    }
}

static void test_error_answer_has_sentence_and_headers(void **state)
{
    (void)state;
    struct httpc_request request = over_unix("/error");
    struct httpc_response response;
    assert_int_equal(httpc_call(&request, &response, NULL), 0);
    assert_string_equal(httpc_header(&response, "retry-after"), "3");
    assert_null(httpc_header(&response, "x-bad"));
    assert_null(httpc_header(&response, "set-cookie"));
    json_t *doc = parse(&response);
    expect_text(doc, "detail", "No pool is called x.");
    json_decref(doc);
    httpc_response_done(&response);
}

static void test_answers_keep_the_connection(void **state)
{
    (void)state;
    char text[4096];
    int fd = site_connect(&site, true);
    for (int i = 0; i < 3; i++) {
        site_send(fd, "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n");
        site_read_until(fd, text, sizeof(text), "\"path\":\"/echo\"");
        assert_null(strstr(text, "Connection: close"));
    }
    site_send(fd, "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n");
    site_read_until(fd, text, sizeof(text), "not_found");
    site_send(fd, "GET /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_true(site_read_all(fd, text, sizeof(text)) > 0);
    assert_non_null(strstr(text, "Connection: close"));
    close(fd);
}

static void test_pipelined_requests_are_answered_in_order(void **state)
{
    (void)state;
    char text[65536];
    char out[8192] = "";
    int fd = site_connect(&site, false);
    for (int i = 0; i < 60; i++)
        snprintf(out + strlen(out), sizeof(out) - strlen(out), "GET /echo/%d HTTP/1.1\r\nHost: x\r\n\r\n", i);
    strcat(out, "GET /echo/end HTTP/1.0\r\n\r\n");
    site_send(fd, out);
    site_read_all(fd, text, sizeof(text));
    const char *at = text;
    for (int i = 0; i < 60; i++) {
        char name[32];
        snprintf(name, sizeof(name), "\"name\":\"%d\"", i);
        at = strstr(at, name);
        assert_non_null(at);
    }
    assert_non_null(strstr(at, "\"name\":\"end\""));
    close(fd);
}

static void test_request_in_single_bytes(void **state)
{
    (void)state;
    char text[4096];
    const char *request = "\r\nPOST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc";
    int fd = site_connect(&site, false);
    for (const char *c = request; *c != '\0'; c++) {
        char one[2] = {*c, '\0'};
        site_send(fd, one);
    }
    site_read_until(fd, text, sizeof(text), "\"body\":\"abc\"");
    close(fd);
}

static void test_expect_continue(void **state)
{
    (void)state;
    char text[4096];
    int fd = site_connect(&site, false);
    site_send(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    site_read_until(fd, text, sizeof(text), "HTTP/1.1 100 Continue\r\n\r\n");
    site_send(fd, "abc");
    site_read_until(fd, text, sizeof(text), "\"body\":\"abc\"");
    close(fd);
}

static void test_head_has_no_body(void **state)
{
    (void)state;
    char text[4096];
    int fd = site_connect(&site, false);
    site_send(fd, "HEAD /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    site_read_all(fd, text, sizeof(text));
    assert_non_null(strstr(text, "Content-Length: "));
    assert_non_null(strstr(text, "\r\n\r\n"));
    assert_string_equal(strstr(text, "\r\n\r\n"), "\r\n\r\n");
    close(fd);
}

static void answer_held(struct site *s, void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < s->held_count; i++)
        httpd_respond(s->held[i], 200, "text/plain", "later", 5);
    s->held_count = 0;
}

static void test_answer_comes_later(void **state)
{
    (void)state;
    char text[4096];
    int fd = site_connect(&site, false);
    site_send(fd, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
    site_wait(&site.holding, 1);
    site_call(&site, answer_held, NULL);
    site_read_until(fd, text, sizeof(text), "\r\n\r\nlater");
    close(fd);
}

static void test_client_leaves_while_the_answer_is_owed(void **state)
{
    (void)state;
    int before = site.gone;
    int fd = site_connect(&site, false);
    int holding = site.holding;
    site_send(fd, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
    site_wait(&site.holding, holding + 1);
    close(fd);
    site_wait(&site.gone, before + 1);
    site_call(&site, answer_held, NULL); /* to nobody; must be harmless */
    assert_int_equal(site.held_count, 0);
}

static void test_large_stream_arrives_whole(void **state)
{
    (void)state;
    struct httpc_request request = over_unix("/flood/5000001");
    request.max_body = 6000000;
    struct httpc_response response;
    assert_int_equal(httpc_call(&request, &response, NULL), 0);
    assert_int_equal(response.body_len, 5000001);
    assert_string_equal(httpc_header(&response, "transfer-encoding"), "chunked");
    httpc_response_done(&response);
    request.max_body = 1000;
    assert_int_equal(httpc_call(&request, &response, NULL), ERR_TOO_BIG);
}

static int events_seen;

static bool on_event(const struct httpc_event *event, void *arg)
{
    (void)arg;
    if (events_seen++ == 0) {
        assert_string_equal(event->event, "session");
        assert_string_equal(event->id, "7");
        assert_string_equal(event->data, "first line\nsecond line");
    } else {
        assert_string_equal(event->event, "message");
        assert_string_equal(event->data, "plain");
    }
    return true;
}

static void test_server_sent_events(void **state)
{
    (void)state;
    struct httpc_request request = over_unix("/events");
    struct httpc_response response;
    assert_int_equal(httpc_call_events(&request, on_event, NULL, &response, NULL), 0);
    assert_int_equal(events_seen, 2);
    assert_int_equal(response.status, 200);
    httpc_response_done(&response);
    request.path = "/nothing";
    assert_int_equal(httpc_call_events(&request, on_event, NULL, &response, NULL), 0);
    expect_problem(&response, 404, "not_found");
    httpc_response_done(&response);
}

static void test_other_methods_go_to_the_raw_hook(void **state)
{
    (void)state;
    char text[4096];
    int fd = site_connect(&site, true);
    site_send(fd, "RDG_OUT_DATA /remoteDesktopGateway/ HTTP/1.1\r\nRDG-Connection-Id: {1}\r\nHost: x\r\n\r\nmore");
    site_read_until(fd, text, sizeof(text), "RAW");
    assert_non_null(strstr(site.raw_first, "RDG-Connection-Id: {1}\r\n"));
    assert_non_null(strstr(site.raw_first, "\r\n\r\nmore"));
    close(fd);
    fd = site_connect(&site, true);
    site_send(fd, "BREW /pot HTTP/1.1\r\nHost: x\r\n\r\n");
    site_read_until(fd, text, sizeof(text), "method_unknown");
    close(fd);
}

static void test_unix_socket_mode_and_stale_files(void **state)
{
    (void)state;
    struct stat st;
    struct error e = {0};
    assert_int_equal(stat(site.unix_path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    /* somebody serves it */
    assert_int_equal(httpd_listen_unix(site.httpd, site.unix_path, 0600, (uid_t)-1, (gid_t)-1, NULL, &e), ERR_EXISTS);
    /* no socket: never removed */
    assert_int_equal(httpd_listen_unix(site.httpd, site.cert_file, 0600, (uid_t)-1, (gid_t)-1, NULL, &e), ERR_EXISTS);
    assert_int_equal(access(site.cert_file, F_OK), 0);
    assert_int_equal(access(site.unix_path, F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request_reaches_the_handler_whole),
        cmocka_unit_test(test_path_parameters_are_decoded),
        cmocka_unit_test(test_tls_with_pin_and_with_ca),
        cmocka_unit_test(test_refusals_are_problem_documents),
        cmocka_unit_test(test_error_answer_has_sentence_and_headers),
        cmocka_unit_test(test_answers_keep_the_connection),
        cmocka_unit_test(test_pipelined_requests_are_answered_in_order),
        cmocka_unit_test(test_request_in_single_bytes),
        cmocka_unit_test(test_expect_continue),
        cmocka_unit_test(test_head_has_no_body),
        cmocka_unit_test(test_answer_comes_later),
        cmocka_unit_test(test_client_leaves_while_the_answer_is_owed),
        cmocka_unit_test(test_large_stream_arrives_whole),
        cmocka_unit_test(test_server_sent_events),
        cmocka_unit_test(test_other_methods_go_to_the_raw_hook),
        cmocka_unit_test(test_unix_socket_mode_and_stale_files),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
