/* gateway/link: what a worker and a broker owe each other. The broker is an HTTP server on the same loop whose answers
 * the test holds in its hands. */
#include "gateway/link/link.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/text.h"
#include "lib/net/httpd.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define GRANT                                                                                                          \
    "{\"connection\":\"c-1\",\"session\":\"s-1\",\"target\":{\"address\":\"192.0.2.1\",\"port\":3389},"                \
    "\"security\":\"raw\"}"

struct broker {
    struct loop *loop;
    struct httpd *httpd;
    struct link *link;
    char dir[32], path[64];
    struct httpd_request *stream, *hello, *redeem; /* that wait for an answer */
    int hellos, redeems, closed, refuse_reports;
    char last_hello[512], last_closed[256], closed_ids[256];
    int answers, answer_err;
    char answer_connection[ID_SIZE], answer_code[40];
    int drops;
};

static struct broker broker;

static void on_stream(struct httpd_request *req, void *arg)
{
    (void)arg;
    broker.stream = req;
    httpd_sse_begin(req);
}

static void on_hello(struct httpd_request *req, void *arg)
{
    size_t len = 0;
    (void)arg;
    snprintf(broker.last_hello, sizeof(broker.last_hello), "%s", httpd_body(req, &len));
    broker.hellos++;
    broker.hello = req;
}

static void on_redeem(struct httpd_request *req, void *arg)
{
    (void)arg;
    broker.redeems++;
    broker.redeem = req;
}

static void on_closed(struct httpd_request *req, void *arg)
{
    size_t len = 0;
    (void)arg;
    if (broker.refuse_reports > 0) {
        broker.refuse_reports--;
        httpd_problem(req, 503, "store_down", NULL, "The store is away.");
        return;
    }
    broker.closed++;
    snprintf(broker.last_closed, sizeof(broker.last_closed), "%s", httpd_body(req, &len));
    size_t used = strlen(broker.closed_ids);
    snprintf(broker.closed_ids + used, sizeof(broker.closed_ids) - used, "%s ", httpd_param(req, "id"));
    httpd_respond(req, 204, NULL, NULL, 0);
}

static const struct httpd_route routes[] = {
    {"GET", "/internal/v1/gateways/{worker}/commands", on_stream, 0},
    {"POST", "/internal/v1/gateways/{worker}/hello", on_hello, GW_MESSAGE_MAX},
    {"POST", GW_REDEEM_PATH, on_redeem, 4096},
    {"POST", "/internal/v1/connections/{id}/closed", on_closed, 4096},
};

static void raise_broker(void)
{
    const struct httpd_options options = {.routes = routes, .route_count = ARRAY_LEN(routes)};
    assert_int_equal(httpd_new(broker.loop, &options, &broker.httpd, NULL), 0);
    assert_int_equal(httpd_listen_unix(broker.httpd, broker.path, 0600, (uid_t)-1, (gid_t)-1, NULL, NULL), 0);
}

static void drop_requests(void)
{
    if (broker.stream != NULL)
        httpd_sse_end(TAKE_PTR(broker.stream));
    if (broker.hello != NULL)
        httpd_respond(TAKE_PTR(broker.hello), 500, NULL, NULL, 0);
    if (broker.redeem != NULL)
        httpd_respond(TAKE_PTR(broker.redeem), 500, NULL, NULL, 0);
}

static void fell_broker(void)
{
    httpd_free(broker.httpd);
    broker.httpd = NULL;
    drop_requests();
}

static int begin(void **state)
{
    (void)state;
    broker = (struct broker){.dir = "/tmp/carrel-link.XXXXXX"};
    log_init("test", open("/dev/null", O_WRONLY | O_CLOEXEC), LOG_LEVEL_ERROR);
    if (mkdtemp(broker.dir) == NULL || loop_new(&broker.loop, NULL) < 0)
        return -1;
    snprintf(broker.path, sizeof(broker.path), "%s/socket", broker.dir);
    raise_broker();
    const struct link_options options = {.loop = broker.loop, .broker = broker.path, .name = "gw1.0", .queue_max = 3};
    return link_new(&options, &broker.link, NULL);
}

static int end(void **state)
{
    (void)state;
    link_free(broker.link);
    if (broker.httpd != NULL)
        fell_broker();
    loop_free(broker.loop);
    unlink(broker.path);
    rmdir(broker.dir);
    return 0;
}

/* Turns the loop until `what` is true; gives up after many turns. */
#define TURN_UNTIL(what)                                                                                               \
    do {                                                                                                               \
        for (int turns_ = 0; !(what) && turns_ < 100000; turns_++) {                                                   \
            loop_run_once(broker.loop, false);                                                                         \
            usleep(100);                                                                                               \
        }                                                                                                              \
        assert_true(what);                                                                                             \
    } while (0)

static void answer_hello(const char *body)
{
    TURN_UNTIL(broker.hello != NULL);
    httpd_respond(TAKE_PTR(broker.hello), 200, "application/json", body, strlen(body));
}

static void greet(void)
{
    answer_hello("{\"drop\":[]}");
    TURN_UNTIL(link_is_up(broker.link));
}

static void on_answer(int err, const struct error *e, const struct gw_grant *grant, const struct problem *refusal,
                      void *arg)
{
    (void)e;
    (void)arg;
    broker.answers++;
    broker.answer_err = err;
    if (grant != NULL)
        text_copy(broker.answer_connection, sizeof(broker.answer_connection), grant->connection);
    if (refusal != NULL)
        text_copy(broker.answer_code, sizeof(broker.answer_code), refusal->code);
}

static struct link_redemption *redeem(void)
{
    struct link_redemption *r = NULL;
    assert_int_equal(link_redeem(broker.link, "ticket", GW_DOOR_RDP, "192.0.2.9", on_answer, NULL, &r, NULL), 0);
    return r;
}

static void a_grant_and_a_refusal_come_back(void **state)
{
    (void)state;
    greet();
    redeem();
    TURN_UNTIL(broker.redeem != NULL);
    httpd_respond(TAKE_PTR(broker.redeem), 200, "application/json", GRANT, strlen(GRANT));
    TURN_UNTIL(broker.answers == 1);
    assert_int_equal(broker.answer_err, 0);
    assert_string_equal(broker.answer_connection, "c-1");
    redeem();
    TURN_UNTIL(broker.redeem != NULL);
    httpd_problem(TAKE_PTR(broker.redeem), 403, GW_TICKET_REFUSED, NULL, "No.");
    TURN_UNTIL(broker.answers == 2);
    assert_int_equal(broker.answer_err, ERR_TICKET_REFUSED);
    assert_string_equal(broker.answer_code, GW_TICKET_REFUSED);
}

static void a_broker_that_talks_nonsense_grants_nothing(void **state)
{
    (void)state;
    greet();
    redeem();
    TURN_UNTIL(broker.redeem != NULL);
    httpd_respond(TAKE_PTR(broker.redeem), 200, "application/json", "{\"connection\":7}", 16);
    TURN_UNTIL(broker.answers == 1);
    assert_int_equal(broker.answer_err, ERR_INVALID);
    assert_string_equal(broker.answer_connection, "");
}

static void a_redemption_waits_for_the_hello(void **state)
{
    (void)state;
    TURN_UNTIL(broker.hello != NULL);
    redeem();
    for (int i = 0; i < 300; i++) {
        loop_run_once(broker.loop, false);
        usleep(100);
    }
    assert_int_equal(broker.redeems, 0);
    greet();
    TURN_UNTIL(broker.redeems == 1);
}

static void a_hello_waits_for_redemptions(void **state)
{
    (void)state;
    greet();
    redeem();
    TURN_UNTIL(broker.redeem != NULL);
    httpd_sse_end(TAKE_PTR(broker.stream)); /* the stream breaks while the broker thinks about a ticket */
    TURN_UNTIL(broker.stream != NULL);
    for (int i = 0; i < 300; i++) {
        loop_run_once(broker.loop, false);
        usleep(100);
    }
    assert_int_equal(broker.hellos, 1);
    httpd_respond(TAKE_PTR(broker.redeem), 200, "application/json", GRANT, strlen(GRANT));
    TURN_UNTIL(broker.hellos == 2);
}

static void a_grant_nobody_waits_for_is_given_back(void **state)
{
    (void)state;
    greet();
    struct link_redemption *r = redeem();
    TURN_UNTIL(broker.redeem != NULL);
    link_redemption_cancel(r);
    httpd_respond(TAKE_PTR(broker.redeem), 200, "application/json", GRANT, strlen(GRANT));
    TURN_UNTIL(broker.closed == 1);
    assert_string_equal(broker.closed_ids, "c-1 ");
    assert_int_equal(broker.answers, 0);
}

static void on_drop(struct link_lease *lease, const char *reason)
{
    assert_true(reason[0] != '\0');
    broker.drops++;
    link_lease_remove(broker.link, lease);
}

static void leases_are_named_and_dropped_on_command(void **state)
{
    struct link_lease one = {.connection = "c-one", .drop = on_drop}, two = {.connection = "c-two", .drop = on_drop};
    (void)state;
    link_lease_add(broker.link, &one);
    link_lease_add(broker.link, &two);
    answer_hello("{\"drop\":[{\"connection\":\"c-one\",\"reason\":\"gone meanwhile\"}]}");
    TURN_UNTIL(broker.drops == 1);
    assert_non_null(strstr(broker.last_hello, "\"c-one\""));
    assert_non_null(strstr(broker.last_hello, "\"c-two\""));
    httpd_sse_send(broker.stream, "disconnect", NULL, "{\"connection\":\"c-unknown\",\"reason\":\"x\"}");
    httpd_sse_send(broker.stream, "news", NULL, "a newer broker's");
    httpd_sse_send(broker.stream, "disconnect", NULL, "not JSON");
    httpd_sse_send(broker.stream, "disconnect", NULL, "{\"connection\":\"c-two\",\"reason\":\"replaced\"}");
    TURN_UNTIL(broker.drops == 2);
    assert_true(link_is_up(broker.link));
}

static void report(const char *id)
{
    const struct gw_closed closed = {.reason = GW_REASON_IDLE, .bytes_up = 3};
    link_report(broker.link, id, &closed);
}

static void reports_are_repeated_until_they_are_taken(void **state)
{
    (void)state;
    greet();
    broker.refuse_reports = 2;
    report("c-1");
    report("c-2");
    TURN_UNTIL(broker.closed == 2);
    assert_string_equal(broker.closed_ids, "c-1 c-2 ");
    assert_non_null(strstr(broker.last_closed, "\"idle\""));
    assert_non_null(strstr(broker.last_closed, "\"gw1.0\""));
    TURN_UNTIL(link_waiting(broker.link) == 0);
}

static void without_a_broker_the_newest_reports_are_kept(void **state)
{
    (void)state;
    greet();
    fell_broker();
    TURN_UNTIL(!link_is_up(broker.link));
    for (int i = 0; i < 6; i++) {
        char id[16];
        snprintf(id, sizeof(id), "c-%d", i);
        report(id);
    }
    assert_int_equal(link_waiting(broker.link), 3);
    raise_broker();
    greet();
    TURN_UNTIL(link_waiting(broker.link) == 0);
    assert_non_null(strstr(broker.closed_ids, "c-4 c-5 "));
    assert_null(strstr(broker.closed_ids, "c-1 "));
}

static void without_a_broker_a_redemption_fails_and_says_so(void **state)
{
    (void)state;
    fell_broker();
    redeem();
    TURN_UNTIL(broker.answers == 1);
    assert_int_equal(broker.answer_err, ERR_UNREACHABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_grant_and_a_refusal_come_back, begin, end),
        cmocka_unit_test_setup_teardown(a_broker_that_talks_nonsense_grants_nothing, begin, end),
        cmocka_unit_test_setup_teardown(a_redemption_waits_for_the_hello, begin, end),
        cmocka_unit_test_setup_teardown(a_hello_waits_for_redemptions, begin, end),
        cmocka_unit_test_setup_teardown(a_grant_nobody_waits_for_is_given_back, begin, end),
        cmocka_unit_test_setup_teardown(leases_are_named_and_dropped_on_command, begin, end),
        cmocka_unit_test_setup_teardown(reports_are_repeated_until_they_are_taken, begin, end),
        cmocka_unit_test_setup_teardown(without_a_broker_the_newest_reports_are_kept, begin, end),
        cmocka_unit_test_setup_teardown(without_a_broker_a_redemption_fails_and_says_so, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
