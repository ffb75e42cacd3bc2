/* gateway/relay: bytes between a client and a desktop over real sockets, plain (splice) and TLS (copied). */
#include "gateway/relay/relay.h"
#include "gateway/relay/stock.h"
#include "lib/base/clock.h"
#include "lib/base/id.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/net/tls.h"
#include "tests/unit/pair.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define MEGABYTE (1024 * 1024)

/* A relay whose outer ends are in the test's hands. */
struct stage {
    struct loop *loop;
    struct stock *stock;
    struct relay *relay;
    int client, desktop; /* outer ends of plain sides, non-blocking */
    int ended;
    enum gw_reason reason;
};

static void on_end(struct relay *relay, enum gw_reason reason, void *arg)
{
    struct stage *stage = arg;
    (void)relay;
    stage->ended++;
    stage->reason = reason;
}

static int begin(void **state)
{
    static struct stage stage;
    stage = (struct stage){.client = -1, .desktop = -1};
    log_init("test", open("/dev/null", O_WRONLY | O_CLOEXEC), LOG_LEVEL_ERROR);
    if (loop_new(&stage.loop, NULL) < 0)
        return -1;
    stage.stock = stock_new(4);
    *state = &stage;
    return stage.stock != NULL ? 0 : -1;
}

static int end(void **state)
{
    struct stage *stage = *state;
    relay_free(stage->relay);
    if (stage->client >= 0)
        close(stage->client);
    if (stage->desktop >= 0)
        close(stage->desktop);
    stock_free(stage->stock); /* asserts that everything came back */
    loop_free(stage->loop);
    clock_fake_set(-1, -1);
    return 0;
}

static void raise_relay(struct stage *stage, int64_t idle_s, int64_t limit_s)
{
    const struct relay_options options = {.loop = stage->loop,
                                          .stock = stage->stock,
                                          .id = "c-test",
                                          .idle_s = idle_s,
                                          .limit_s = limit_s,
                                          .on_end = on_end,
                                          .arg = stage};
    struct stream *client = NULL, *desktop = NULL;
    int inner_client = -1, inner_desktop = -1;
    pair_tcp(&stage->client, &inner_client);
    pair_tcp(&stage->desktop, &inner_desktop);
    assert_int_equal(stream_new(stage->loop, inner_client, NULL, true, NULL, &client, NULL), 0);
    assert_int_equal(stream_new(stage->loop, inner_desktop, NULL, false, NULL, &desktop, NULL), 0);
    assert_int_equal(relay_new(&options, client, desktop, &stage->relay, NULL), 0);
}

/* Turns the loop until `fd` has given `len` bytes, or its end. */
static size_t receive(struct stage *stage, int fd, uint8_t *data, size_t len)
{
    size_t got = 0;
    for (int idle = 0; got < len && idle < 20000; idle++) {
        ssize_t n = recv(fd, data + got, len - got, 0);
        if (n == 0)
            break;
        if (n > 0) {
            got += (size_t)n;
            idle = 0;
            continue;
        }
        if (errno != EAGAIN)
            break;
        loop_run_once(stage->loop, false);
    }
    return got;
}

static void turn_until_ended(struct stage *stage)
{
    for (int i = 0; i < 20000 && stage->ended == 0; i++)
        loop_run_once(stage->loop, false);
    assert_int_equal(stage->ended, 1);
}

static bool at_end(struct stage *stage, int fd)
{
    for (int i = 0; i < 20000; i++) {
        uint8_t byte;
        ssize_t n = recv(fd, &byte, 1, 0);
        if (n == 0 || (n < 0 && errno != EAGAIN))
            return true;
        loop_run_once(stage->loop, false);
    }
    return false;
}

static void every_split_position_arrives_whole(void **state)
{
    struct stage *stage = *state;
    uint8_t sent[64], got[64];
    id_random(sent, sizeof(sent));
    raise_relay(stage, 0, 0);
    for (size_t split = 0; split <= sizeof(sent); split++) {
        assert_int_equal(send(stage->client, sent, split, 0), split);
        loop_run_once(stage->loop, false);
        assert_int_equal(send(stage->client, sent + split, sizeof(sent) - split, 0), sizeof(sent) - split);
        assert_int_equal(receive(stage, stage->desktop, got, sizeof(got)), sizeof(got));
        assert_memory_equal(sent, got, sizeof(sent));
    }
    uint64_t up = 0, down = 0;
    relay_bytes(stage->relay, &up, &down);
    assert_int_equal(up, 65 * 64);
    assert_int_equal(down, 0);
}

/* Feeds both sides and reads both sides, in uneven pieces. */
static void a_megabyte_each_way_at_once(void **state)
{
    struct stage *stage = *state;
    uint8_t *up = malloc(MEGABYTE), *down = malloc(MEGABYTE), *got_up = malloc(MEGABYTE), *got_down = malloc(MEGABYTE);
    size_t sent_up = 0, sent_down = 0, have_up = 0, have_down = 0;
    assert_true(up != NULL && down != NULL && got_up != NULL && got_down != NULL);
    id_random(up, MEGABYTE);
    id_random(down, MEGABYTE);
    raise_relay(stage, 0, 0);
    for (int i = 0; i < 200000 && (have_up < MEGABYTE || have_down < MEGABYTE); i++) {
        size_t piece = 1 + (size_t)i * 7919 % 50000;
        ssize_t n = send(stage->client, up + sent_up, MEGABYTE - sent_up < piece ? MEGABYTE - sent_up : piece, 0);
        sent_up += n > 0 ? (size_t)n : 0;
        n = send(stage->desktop, down + sent_down, MEGABYTE - sent_down < piece ? MEGABYTE - sent_down : piece, 0);
        sent_down += n > 0 ? (size_t)n : 0;
        loop_run_once(stage->loop, false);
        n = recv(stage->desktop, got_up + have_up, MEGABYTE - have_up < piece ? MEGABYTE - have_up : piece, 0);
        have_up += n > 0 ? (size_t)n : 0;
        n = recv(stage->client, got_down + have_down, MEGABYTE - have_down, 0);
        have_down += n > 0 ? (size_t)n : 0;
    }
    assert_memory_equal(up, got_up, MEGABYTE);
    assert_memory_equal(down, got_down, MEGABYTE);
    assert_int_equal(stock_lent(stage->stock), 0); /* at rest nothing is borrowed */
    free(up);
    free(down);
    free(got_up);
    free(got_down);
}

static void slow_reader_stops_the_writer_and_nothing_is_lost(void **state)
{
    struct stage *stage = *state;
    static uint8_t block[65536], got[65536];
    size_t sent = 0, received = 0;
    raise_relay(stage, 0, 0);
    for (int still = 0; still < 200; still++) { /* until nothing more goes in */
        for (size_t i = 0; i < sizeof(block); i++)
            block[i] = (uint8_t)((sent + i) % 251);
        ssize_t n = send(stage->desktop, block, sizeof(block), 0);
        if (n > 0) {
            sent += (size_t)n;
            still = 0;
        }
        loop_run_once(stage->loop, false);
        assert_true(sent < 64 * MEGABYTE); /* else it is queued somewhere without a bound */
    }
    assert_true(stock_lent(stage->stock) <= 1);
    shutdown(stage->desktop, SHUT_WR);
    for (size_t n; (n = receive(stage, stage->client, got, sizeof(got))) > 0; received += n)
        for (size_t i = 0; i < n; i++)
            assert_int_equal(got[i], (received + i) % 251);
    assert_int_equal(received, sent);
}

static void half_close_is_passed_on_and_the_rest_still_comes(void **state)
{
    struct stage *stage = *state;
    uint8_t got[8];
    raise_relay(stage, 0, 0);
    assert_int_equal(send(stage->client, "request", 7, 0), 7);
    shutdown(stage->client, SHUT_WR);
    assert_int_equal(receive(stage, stage->desktop, got, sizeof(got)), 7);
    assert_true(at_end(stage, stage->desktop));
    assert_int_equal(stage->ended, 0);
    assert_int_equal(send(stage->desktop, "answer", 6, 0), 6);
    assert_int_equal(receive(stage, stage->client, got, 6), 6);
    shutdown(stage->desktop, SHUT_WR);
    turn_until_ended(stage);
    assert_int_equal(stage->reason, GW_REASON_CLIENT_CLOSED); /* it began */
}

static void desktop_that_ends_first_is_the_reason(void **state)
{
    struct stage *stage = *state;
    raise_relay(stage, 0, 0);
    shutdown(stage->desktop, SHUT_WR);
    assert_true(at_end(stage, stage->client));
    shutdown(stage->client, SHUT_WR);
    turn_until_ended(stage);
    assert_int_equal(stage->reason, GW_REASON_DESKTOP_CLOSED);
}

static void reset_of_a_side_ends_both(void **state)
{
    struct stage *stage = *state;
    const struct linger now = {1, 0};
    raise_relay(stage, 0, 0);
    setsockopt(stage->client, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    close(stage->client);
    stage->client = -1;
    turn_until_ended(stage);
    assert_int_equal(stage->reason, GW_REASON_CLIENT_CLOSED);
    assert_true(at_end(stage, stage->desktop));
}

static void end_with_bytes_in_flight_gives_everything_back(void **state)
{
    struct stage *stage = *state;
    static uint8_t block[65536];
    raise_relay(stage, 0, 0);
    for (int i = 0; i < 1000; i++) {
        (void)!send(stage->desktop, block, sizeof(block), 0);
        loop_run_once(stage->loop, false);
    }
    assert_int_equal(stock_lent(stage->stock), 1);
    relay_end(stage->relay, GW_REASON_COMMANDED);
    relay_end(stage->relay, GW_REASON_COMMANDED);
    assert_int_equal(stage->ended, 1);
    assert_int_equal(stage->reason, GW_REASON_COMMANDED);
    assert_int_equal(stock_lent(stage->stock), 0);
}

static void limit_ends_it_even_when_busy(void **state)
{
    struct stage *stage = *state;
    raise_relay(stage, 0, 1);
    for (int i = 0; i < 4000000 && stage->ended == 0; i++) {
        (void)!send(stage->client, "x", 1, 0);
        loop_run_once(stage->loop, false);
    }
    assert_int_equal(stage->ended, 1);
    assert_int_equal(stage->reason, GW_REASON_LIMIT);
}

static void silence_ends_it(void **state)
{
    struct stage *stage = *state;
    raise_relay(stage, 1, 0);
    while (stage->ended == 0)
        loop_run_once(stage->loop, true);
    assert_int_equal(stage->reason, GW_REASON_IDLE);
}

static void an_end_before_the_start_is_told_afterwards(void **state)
{
    struct stage *stage = *state;
    const struct relay_options options = {
        .loop = stage->loop, .stock = stage->stock, .id = "c-test", .on_end = on_end, .arg = stage};
    struct stream *client = NULL, *desktop = NULL;
    int inner_client = -1, inner_desktop = -1;
    pair_tcp(&stage->client, &inner_client);
    pair_tcp(&stage->desktop, &inner_desktop);
    close(stage->client);
    close(stage->desktop);
    stage->client = stage->desktop = -1;
    assert_int_equal(stream_new(stage->loop, inner_client, NULL, true, NULL, &client, NULL), 0);
    assert_int_equal(stream_new(stage->loop, inner_desktop, NULL, false, NULL, &desktop, NULL), 0);
    assert_int_equal(relay_new(&options, client, desktop, &stage->relay, NULL), 0);
    assert_int_equal(stage->ended, 0);
    turn_until_ended(stage);
}

/* ---- TLS: the outer ends are threads with blocking OpenSSL, see pair.h */

static void tls_on_both_sides_passes_a_megabyte_each_way(void **state)
{
    struct stage *stage = *state;
    const struct relay_options options = {
        .loop = stage->loop, .stock = stage->stock, .id = "c-test", .on_end = on_end, .arg = stage};
    struct pair_tls tls;
    struct stream *client = NULL, *desktop = NULL;
    int inner_client = -1, inner_desktop = -1;
    pair_tls_init(&tls);
    pair_tcp_blocking(&stage->client, &inner_client);
    pair_tcp_blocking(&stage->desktop, &inner_desktop);
    struct pair_peer *outer_client = pair_peer_start(&tls, stage->client, false, MEGABYTE);
    struct pair_peer *outer_desktop = pair_peer_start(&tls, stage->desktop, true, MEGABYTE);
    assert_int_equal(stream_new(stage->loop, inner_client, tls.server, true, NULL, &client, NULL), 0);
    assert_int_equal(stream_new(stage->loop, inner_desktop, tls.client, false, NULL, &desktop, NULL), 0);
    assert_int_equal(relay_new(&options, client, desktop, &stage->relay, NULL), 0);
    while (stage->ended == 0)
        loop_run_once(stage->loop, true);
    /* Each peer got what the other sent, and saw an orderly end. */
    assert_true(pair_peer_join(outer_client, outer_desktop));
    uint64_t up = 0, down = 0;
    relay_bytes(stage->relay, &up, &down);
    assert_int_equal(up, MEGABYTE);
    assert_int_equal(down, MEGABYTE);
    stage->client = stage->desktop = -1; /* closed by the peers */
    pair_tls_done(&tls);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_split_position_arrives_whole, begin, end),
        cmocka_unit_test_setup_teardown(a_megabyte_each_way_at_once, begin, end),
        cmocka_unit_test_setup_teardown(slow_reader_stops_the_writer_and_nothing_is_lost, begin, end),
        cmocka_unit_test_setup_teardown(half_close_is_passed_on_and_the_rest_still_comes, begin, end),
        cmocka_unit_test_setup_teardown(desktop_that_ends_first_is_the_reason, begin, end),
        cmocka_unit_test_setup_teardown(reset_of_a_side_ends_both, begin, end),
        cmocka_unit_test_setup_teardown(end_with_bytes_in_flight_gives_everything_back, begin, end),
        cmocka_unit_test_setup_teardown(limit_ends_it_even_when_busy, begin, end),
        cmocka_unit_test_setup_teardown(silence_ends_it, begin, end),
        cmocka_unit_test_setup_teardown(an_end_before_the_start_is_told_afterwards, begin, end),
        cmocka_unit_test_setup_teardown(tls_on_both_sides_passes_a_megabyte_each_way, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
