/* bench logon_storm: many people log in at once, each login → pools → connect → redeemed ticket.
 *
 * The broker is asked as gateways ask it: over its API socket, connections kept. Two passes: as many at once as it
 * takes (the rate), then arrivals at half of that rate (the latency a person sees). slapd's own rate of binds is
 * measured in the same run, around both. Runs beside the broker and slapd on the same machine, and takes part of its
 * processors.
 */
#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/net/httpc.h"
#include "lib/proto/doc.h"
#include "lib/proto/gw.h"
#include "tests/bench/bench.h"
#include "tests/bench/storm_site.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLIENTS      32
#define BIND_THREADS 8
#define PAIRS        8

struct storm;

/* One person on the way. */
struct visitor {
    struct storm *storm;
    size_t person;
    int64_t
        began_ns; /* in the second pass: when the person should have begun, so that waiting for a free client counts */
    enum { AT_LOGIN, AT_POOLS, AT_CONNECT, AT_REDEEM } step;
    char bearer[160];
    char ticket[GW_TICKET_SIZE];
};

struct storm {
    const struct storm_site *site;
    struct loop *loop;
    struct httpc *httpc;
    struct loop_timer *timer;
    size_t first, next, end; /* people of this pass; next: who has not begun */
    size_t waiting;          /* arrived, but no client is free */
    size_t running, done, failed;
    bool paced;
    double rate;
    int64_t began_ns;
    double *latencies_ms; /* by order of completion */
    struct visitor visitors[CLIENTS];
    struct visitor *idle[CLIENTS];
    size_t n_idle;
    char failure[256];
};

static void begin_person(struct storm *storm);
static void take_step(struct visitor *v);

static void finish(struct visitor *v, const char *failure)
{
    struct storm *storm = v->storm;

    if (failure) {
        storm->failed++;
        snprintf(storm->failure, sizeof(storm->failure), "%s", failure);
    } else {
        storm->latencies_ms[storm->done] = (double)(clock_mono_ns() - v->began_ns) / 1e6;
        storm->done++;
    }
    storm->running--;
    storm->idle[storm->n_idle++] = v;
    begin_person(storm);
    if (storm->running == 0 && storm->next == storm->end)
        loop_stop(storm->loop);
}

static bool copy_text(const json_t *doc, const char *name, char *buf, size_t size)
{
    const char *text = json_string_value(json_object_get(doc, name));

    return text && (size_t)snprintf(buf, size, "%s", text) < size;
}

/* Takes from the answer what the next step needs. */
static bool digest(struct visitor *v, const json_t *doc)
{
    char token[128];

    switch (v->step) {
    case AT_LOGIN:
        if (!copy_text(doc, "token", token, sizeof(token)))
            return false;
        snprintf(v->bearer, sizeof(v->bearer), "Authorization: Bearer %s", token);
        return true;
    case AT_POOLS:
        return json_array_size(json_object_get(doc, "pools")) == 1;
    case AT_CONNECT:
        return copy_text(doc, "ticket", v->ticket, sizeof(v->ticket));
    case AT_REDEEM:
        return json_object_get(doc, "connection") != NULL;
    }
    return false;
}

static void on_answer(int err, const struct error *e, const struct httpc_response *response, void *arg)
{
    static const char *const names[] = {"login", "pools", "connect", "redeem"};
    struct visitor *v = arg;
    json_t *doc CLEANUP(doc_freep) = NULL;
    char failure[256];

    if (err == 0 && response->status == 200 && doc_parse(response->body, response->body_len, &doc, NULL) == 0 &&
        digest(v, doc)) {
        if (v->step == AT_REDEEM) {
            finish(v, NULL);
        } else {
            v->step++;
            take_step(v);
        }
        return;
    }
    snprintf(failure, sizeof(failure), "%s: %s", names[v->step], err < 0 ? err_message(e) : response->body);
    finish(v, failure);
}

static int body_of(const struct visitor *v, struct buf *body)
{
    char name[32], password[48];
    struct gw_redeem redeem = {
        .door = GW_DOOR_RDP, .address = "127.0.0.1", .gateway = "bench.0", .instance = "i-bench"};

    switch (v->step) {
    case AT_LOGIN:
        storm_person(v->person, name, password);
        return buf_printf(body, "{\"username\":\"%s\",\"password\":\"%s\"}", name, password);
    case AT_CONNECT:
        return buf_append_str(body, "{\"door\":\"rdp\"}");
    case AT_REDEEM:
        snprintf(redeem.ticket, sizeof(redeem.ticket), "%s", v->ticket);
        return gw_redeem_encode(&redeem, body);
    case AT_POOLS:
        break;
    }
    return 0;
}

static void take_step(struct visitor *v)
{
    static const char *const paths[] = {"/api/v1/login", "/api/v1/pools", "/api/v1/pools/" STORM_POOL "/connect",
                                        GW_REDEEM_PATH};
    const struct storm_site *site = v->storm->site;
    bool inward = v->step == AT_REDEEM;
    const char *headers[] = {"X-Forwarded-For: 127.0.0.1", v->step == AT_LOGIN || inward ? NULL : v->bearer, NULL};
    const struct httpc_handlers handlers = {.done = on_answer, .arg = v};
    struct error e = {0};
    struct buf body;

    buf_init(&body, 4096);
    int r = body_of(v, &body);
    const struct httpc_request request = {
        .target = {.base_url = "http://localhost", .unix_path = inward ? site->internal_socket : site->api_socket},
        .method = v->step == AT_POOLS ? "GET" : "POST",
        .path = paths[v->step],
        .headers = inward ? NULL : headers,
        .body = body.len ? body.data : NULL,
        .body_len = body.len,
    };
    if (r == 0)
        r = httpc_start(v->storm->httpc, &request, &handlers, NULL, &e);
    buf_done(&body);
    if (r < 0)
        finish(v, err_message(&e));
}

static void begin_person(struct storm *storm)
{
    if (storm->n_idle == 0 || storm->next == storm->end || (storm->paced && storm->waiting == 0))
        return;
    struct visitor *v = storm->idle[--storm->n_idle];
    *v = (struct visitor){.storm = storm, .person = storm->next++, .began_ns = clock_mono_ns()};
    if (storm->paced) {
        v->began_ns = storm->began_ns + (int64_t)((double)(v->person - storm->first) / storm->rate * 1e9);
        storm->waiting--;
    }
    storm->running++;
    take_step(v);
}

/* Lets in those whose time has come. */
static void on_tick(void *arg)
{
    struct storm *storm = arg;
    size_t due = (size_t)((double)(clock_mono_ns() - storm->began_ns) / 1e9 * storm->rate) + 1;
    size_t begun = storm->next - storm->first;

    if (due > storm->end - storm->first)
        due = storm->end - storm->first;
    storm->waiting = due > begun ? due - begun : 0;
    while (storm->waiting > 0 && storm->n_idle > 0 && storm->next < storm->end)
        begin_person(storm);
}

/* Lets `people` in. rate: arrivals a second, 0 = as fast as it goes. ret_rate: how many a second got through.
 * -1: one did not get in. */
static int run_pass(struct storm *storm, size_t people, double rate, double *ret_rate)
{
    storm->paced = rate > 0;
    storm->rate = rate;
    storm->first = storm->next;
    storm->end = storm->next + people;
    storm->done = storm->failed = storm->waiting = 0;
    storm->began_ns = clock_mono_ns();
    if (storm->paced)
        loop_timer_start(storm->timer, 0, 1);
    for (size_t i = 0; !storm->paced && i < CLIENTS; i++)
        begin_person(storm);
    loop_run(storm->loop);
    loop_timer_stop(storm->timer);
    *ret_rate = (double)storm->done / ((double)(clock_mono_ns() - storm->began_ns) / 1e9);
    if (storm->failed > 0)
        fprintf(stderr, "%zu of %zu people did not get in; the last: %s\n", storm->failed, people, storm->failure);
    return storm->failed == 0 ? 0 : -1;
}

static int measure_logons(void *ctx, double *ret)
{
    struct storm *storm = ctx;

    return run_pass(storm, storm->site->people / 2 / (PAIRS + 1), 0, ret);
}

static int measure_binds(void *ctx, double *ret)
{
    struct storm *storm = ctx;
    struct error e = {0};
    int r = storm_bind_rate(storm->site, BIND_THREADS, storm->site->people * 2, ret, &e);

    if (r < 0)
        fprintf(stderr, "%s\n", err_message(&e));
    return r;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

struct figures {
    struct ratio beside; /* logons beside binds, both a second */
    double p50, p99, cpu_ms, memory;
};

static int measure(struct storm *storm, struct figures *f)
{
    const struct storm_site *site = storm->site;
    double cpu = storm_broker_cpu(site), unused = 0;

    int r = bench_alternate(PAIRS, measure_logons, measure_binds, storm, &f->beside);
    if (r < 0)
        return r;
    f->cpu_ms = (storm_broker_cpu(site) - cpu) * 1000 / (double)storm->next;
    r = run_pass(storm, site->people - storm->next, f->beside.ours / 2, &unused);
    if (r < 0)
        return r;
    qsort(storm->latencies_ms, storm->done, sizeof(double), by_value);
    f->p50 = ratio_quantile(storm->latencies_ms, storm->done, 0.5);
    f->p99 = ratio_quantile(storm->latencies_ms, storm->done, 0.99);
    f->memory = storm_broker_memory(site);
    return 0;
}

static int storm_open(struct storm *storm, const struct storm_site *site, struct error *e)
{
    *storm = (struct storm){.site = site, .latencies_ms = MEM_ARRAY(double, site->people)};
    int r = storm->latencies_ms ? loop_new(&storm->loop, e) : err_set(e, ERR_NOMEM, "out of memory");
    if (r == 0)
        r = httpc_new(storm->loop, CLIENTS * 2, &storm->httpc, e);
    if (r == 0) {
        storm->timer = loop_timer_new(storm->loop, on_tick, storm);
        r = storm->timer ? 0 : err_set(e, ERR_NOMEM, "out of memory");
    }
    for (size_t i = 0; i < CLIENTS; i++)
        storm->idle[storm->n_idle++] = &storm->visitors[i];
    return r;
}

static void storm_close(struct storm *storm)
{
    loop_timer_free(storm->timer);
    httpc_free(storm->httpc);
    loop_free(storm->loop);
    free(storm->latencies_ms);
}

int main(int argc, char **argv)
{
    struct bench *bench = bench_open(argc, argv, "logon_storm");
    size_t people = bench_quick(bench) ? 300 : 1800;
    static struct storm storm;
    struct storm_site site;
    struct figures f = {0};
    struct error e = {0};

    if (storm_site_start(&site, "build/bin/carrel-broker", people, &e) < 0)
        return bench_fail(bench, "%s", err_message(&e));
    int r = storm_open(&storm, &site, &e);
    if (r < 0)
        fprintf(stderr, "%s\n", err_message(&e));
    else
        r = measure(&storm, &f);
    storm_close(&storm);
    site.keep = r < 0;
    storm_site_stop(&site);
    if (r < 0)
        return bench_fail(bench, "the storm did not come to its end; logs are in %s", site.dir);
    bench_limit(bench, "logons a second, limit StoreFront's 500 a minute", f.beside.ours, 500.0 / 60, BENCH_AT_LEAST);
    bench_compare(bench, "logons a second, beside slapd's own binds a second", &f.beside, BENCH_NOTHING, 0);
    bench_limit(bench, "ms from login to redeemed ticket at half that rate, p50, limit RDS' 200", f.p50, 200,
                BENCH_AT_MOST);
    bench_limit(bench, "ms from login to redeemed ticket at half that rate, p99, limit 250", f.p99, 250, BENCH_AT_MOST);
    bench_limit(bench, "MiB of memory, the broker's most, limit 200", f.memory, 200, BENCH_AT_MOST);
    bench_tell(bench, "ms of the broker's CPU for a logon", f.cpu_ms);
    bench_note(bench,
               "%zu people, %d at once; broker on SQLite over its unix socket (no client TLS), StartTLS to one slapd; "
               "desktops are rows; generator, broker and slapd on the same processors",
               people, CLIENTS);
    return bench_close(bench);
}
