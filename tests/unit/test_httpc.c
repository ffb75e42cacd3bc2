/* lib/net/httpc on a loop: answers, streams with pauses, deadlines, cancelling, unreachable servers. */
#include "tests/unit/net_site.h"

#include "lib/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static struct site site;

/* One exchange and what became of it. */
struct call {
    struct loop *loop;
    struct httpc *httpc;
    struct httpc_exchange *exchange;
    struct loop_timer *timer;
    int heads, dones, err, status;
    size_t bytes, kept, pauses;
    bool pause_each; /* say ERR_BUSY before every piece */
    bool paused;
    size_t give_up_at, cancel_at;
    char text[256];
};

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

static void on_done(int err, const struct error *e, const struct httpc_response *response, void *arg)
{
    struct call *call = arg;
    call->dones++;
    call->err = err;
    call->exchange = NULL;
    if (response != NULL) {
        call->status = response->status;
        call->kept = response->body_len;
        snprintf(call->text, sizeof(call->text), "%s", response->body);
    }
    if (err != 0)
        assert_int_equal(e->code, err);
    loop_stop(call->loop);
}

static void on_head(const struct httpc_response *response, void *arg)
{
    struct call *call = arg;
    call->heads++;
    call->status = response->status;
}

static void resume(void *arg)
{
    struct call *call = arg;
    httpc_resume(call->exchange);
}

static int on_data(const void *data, size_t len, void *arg)
{
    struct call *call = arg;
    assert_int_equal(call->heads, 1);
    (void)data;
    if (call->pause_each && !call->paused) {
        call->paused = true;
        call->pauses++;
        loop_timer_start(call->timer, 0, 0);
        return ERR_BUSY;
    }
    call->paused = false;
    call->bytes += len;
    if (call->cancel_at != 0 && call->bytes >= call->cancel_at) {
        httpc_cancel(call->exchange);
        loop_stop(call->loop);
        return 0;
    }
    return call->give_up_at != 0 && call->bytes >= call->give_up_at ? ERR_IO : 0;
}

static void open_call(struct call *call)
{
    assert_int_equal(loop_new(&call->loop, NULL), 0);
    assert_int_equal(httpc_new(call->loop, 16, &call->httpc, NULL), 0);
    call->timer = loop_timer_new(call->loop, resume, call);
}

static void close_call(struct call *call)
{
    httpc_free(call->httpc);
    loop_timer_free(call->timer);
    loop_free(call->loop);
}

static struct httpc_request to(const char *path)
{
    return (struct httpc_request){.target = {.base_url = "http://localhost", .unix_path = site.unix_path},
                                  .path = path};
}

static void begin(struct call *call, const struct httpc_request *request, bool stream)
{
    struct httpc_handlers handlers = {
        .done = on_done, .head = stream ? on_head : NULL, .data = stream ? on_data : NULL, .arg = call};
    assert_int_equal(httpc_start(call->httpc, request, &handlers, &call->exchange, NULL), 0);
    assert_int_equal(call->dones, 0);
}

static void test_whole_answer(void **state)
{
    (void)state;
    struct call call = {0};
    open_call(&call);
    struct httpc_request request = to("/echo");
    request.method = "POST";
    request.body = "abc";
    request.body_len = 3;
    begin(&call, &request, false);
    loop_run(call.loop);
    assert_int_equal(call.dones, 1);
    assert_int_equal(call.err, 0);
    assert_int_equal(call.status, 200);
    assert_non_null(strstr(call.text, "\"body\":\"abc\""));
    close_call(&call);
}

static void test_any_status_is_an_answer(void **state)
{
    (void)state;
    struct call call = {0};
    open_call(&call);
    struct httpc_request request = to("/nothing");
    begin(&call, &request, false);
    loop_run(call.loop);
    assert_int_equal(call.err, 0);
    assert_int_equal(call.status, 404);
    close_call(&call);
}

static void test_stream_with_a_pause_before_each_piece(void **state)
{
    (void)state;
    struct call call = {.pause_each = true};
    open_call(&call);
    struct httpc_request request = to("/flood/1000000");
    begin(&call, &request, true);
    loop_run(call.loop);
    assert_int_equal(call.err, 0);
    assert_int_equal(call.heads, 1);
    assert_int_equal(call.bytes, 1000000);
    assert_int_equal(call.kept, 0);
    assert_true(call.pauses > 3);
    close_call(&call);
}

static void test_receiver_gives_up(void **state)
{
    (void)state;
    struct call call = {.give_up_at = 50000};
    open_call(&call);
    struct httpc_request request = to("/flood/100000000");
    begin(&call, &request, true);
    loop_run(call.loop);
    assert_int_equal(call.dones, 1);
    assert_int_equal(call.err, ERR_CANCELLED);
    close_call(&call);
}

static void test_cancel_inside_data(void **state)
{
    (void)state;
    struct call call = {.cancel_at = 50000};
    int gone = site.gone;
    open_call(&call);
    struct httpc_request request = to("/flood/100000000");
    begin(&call, &request, true);
    loop_run(call.loop);
    assert_int_equal(call.dones, 0);
    site_wait(&site.gone, gone + 1); /* the server sees it at once */
    close_call(&call);
    assert_int_equal(call.dones, 0);
}

static void test_answer_larger_than_the_bound(void **state)
{
    (void)state;
    struct call call = {0};
    open_call(&call);
    struct httpc_request request = to("/flood/5000");
    request.max_body = 4999;
    begin(&call, &request, false);
    loop_run(call.loop);
    assert_int_equal(call.err, ERR_TOO_BIG);
    close_call(&call);
}

static void test_nobody_there(void **state)
{
    (void)state;
    struct call call = {0};
    open_call(&call);
    struct httpc_request request = to("/echo");
    request.target.unix_path = "/nonexistent/socket";
    begin(&call, &request, false);
    loop_run(call.loop);
    assert_int_equal(call.err, ERR_UNREACHABLE);
    close_call(&call);
}

static void drop_held(struct site *s, void *arg)
{
    (void)arg;
    while (s->held_count > 0)
        httpd_end(s->held[--s->held_count], false);
}

static void test_deadline(void **state)
{
    (void)state;
    struct call call = {0};
    open_call(&call);
    struct httpc_request request = to("/hold");
    request.total_ms = 100;
    int gone = site.gone;
    begin(&call, &request, false);
    loop_run(call.loop);
    assert_int_equal(call.err, ERR_TIMEOUT);
    site_wait(&site.gone, gone + 1);
    site_call(&site, drop_held, NULL);
    close_call(&call);
}

static void test_free_ends_what_runs(void **state)
{
    (void)state;
    struct call call = {0};
    open_call(&call);
    struct httpc_request request = to("/hold");
    int holding = site.holding;
    int gone = site.gone;
    begin(&call, &request, false);
    while (site.holding == holding)
        loop_run_once(call.loop, false);
    close_call(&call);
    assert_int_equal(call.dones, 1);
    assert_int_equal(call.err, ERR_CANCELLED);
    site_wait(&site.gone, gone + 1);
    site_call(&site, drop_held, NULL);
}

static void test_server_that_breaks_off(void **state)
{
    (void)state;
    struct call call = {0};
    open_call(&call);
    struct httpc_request request = to("/hold");
    int holding = site.holding;
    begin(&call, &request, false);
    while (site.holding == holding)
        loop_run_once(call.loop, false);
    site_call(&site, drop_held, NULL);
    loop_run(call.loop);
    assert_int_equal(call.err, ERR_IO);
    close_call(&call);
}

static void count_done(int err, const struct error *e, const struct httpc_response *response, void *arg)
{
    struct call *call = arg;
    (void)e;
    assert_int_equal(err, 0);
    assert_int_equal(response->status, 200);
    if (++call->dones == 200)
        loop_stop(call->loop);
}

static void test_more_requests_than_connections(void **state)
{
    (void)state;
    struct call call = {0};
    open_call(&call);
    struct httpc_request request = to("/echo");
    struct httpc_handlers handlers = {.done = count_done, .arg = &call};
    for (int i = 0; i < 200; i++)
        assert_int_equal(httpc_start(call.httpc, &request, &handlers, NULL, NULL), 0);
    loop_run(call.loop);
    assert_int_equal(call.dones, 200);
    assert_true(httpd_connections(site.httpd) <= 32);
    close_call(&call);
}

static void test_bad_requests_are_refused(void **state)
{
    (void)state;
    struct call call = {0};
    struct error e = {0};
    struct httpc_handlers handlers = {.done = on_done, .arg = &call};
    open_call(&call);
    struct httpc_request request = to("echo");
    assert_int_equal(httpc_start(call.httpc, &request, &handlers, NULL, &e), ERR_INVALID);
    request.path = NULL;
    assert_int_equal(httpc_start(call.httpc, &request, &handlers, NULL, &e), ERR_INVALID);
    assert_int_equal(call.dones, 0);
    close_call(&call);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_answer),
        cmocka_unit_test(test_any_status_is_an_answer),
        cmocka_unit_test(test_stream_with_a_pause_before_each_piece),
        cmocka_unit_test(test_receiver_gives_up),
        cmocka_unit_test(test_cancel_inside_data),
        cmocka_unit_test(test_answer_larger_than_the_bound),
        cmocka_unit_test(test_nobody_there),
        cmocka_unit_test(test_deadline),
        cmocka_unit_test(test_free_ends_what_runs),
        cmocka_unit_test(test_server_that_breaks_off),
        cmocka_unit_test(test_more_requests_than_connections),
        cmocka_unit_test(test_bad_requests_are_refused),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
