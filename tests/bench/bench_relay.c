/* One relayed stream, desktop to client, beside HAProxy in TCP mode with splice: bytes a second, and CPU for a
 * gigabyte.
 *
 * Both relays get the same bytes from the same source and end in the same sink, in turns. The source answers the
 * Connection Request as a desktop with NLA does, so that ours relays raw; then it sends as fast as it can. The sink
 * throws the bytes away in the kernel (MSG_TRUNC), so that the relay is what is measured. CPU is that of the relaying
 * process alone (schedstat). */
#include "tests/bench/bench.h"
#include "tests/bench/site.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROUNDS_MAX 64
#define GIGABYTE   1e9

struct lane { /* one of the two relays */
    int port;
    pid_t pid;
    double cpu[ROUNDS_MAX]; /* seconds for a gigabyte, the warm-up first */
    size_t rounds;
};

struct race {
    struct site site;
    struct lane ours, peer;
    size_t bytes; /* of one measurement */
};

/* The Connection Confirm that selects NLA. */
static const unsigned char confirm[19] = {3, 0, 0, 19, 14, 0xd0, 0, 0, 0, 0, 0, 2, 0, 8, 0, 2, 0, 0, 0};

static size_t make_request(unsigned char *ret)
{
    static const char line[] = "Cookie: msts=bench-0\r\n";
    static const unsigned char negotiation[8] = {1, 0, 8, 0, 3, 0, 0, 0};
    size_t len = 11 + strlen(line) + sizeof(negotiation);
    const unsigned char head[11] = {3, 0, 0, (unsigned char)len, (unsigned char)(len - 5), 0xe0, 0, 0, 0, 0, 0};
    memcpy(ret, head, 11);
    memcpy(ret + 11, line, strlen(line));
    memcpy(ret + 11 + strlen(line), negotiation, sizeof(negotiation));
    return len;
}

/* Sends until the sink has had enough. */
static void serve_one(int fd)
{
    static char block[256 * 1024];
    unsigned char in[300];
    if (recv(fd, in, sizeof(in), 0) > 0 && send(fd, confirm, sizeof(confirm), MSG_NOSIGNAL) == sizeof(confirm))
        while (send(fd, block, sizeof(block), MSG_NOSIGNAL) > 0)
            ;
    close(fd);
}

static void __attribute__((noreturn)) serve(int listener)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fd >= 0)
            serve_one(fd);
    }
}

static int drain(int fd, size_t bytes)
{
    while (bytes > 0) {
        ssize_t n = recv(fd, NULL, bytes < 4 << 20 ? bytes : 4 << 20, MSG_TRUNC);
        if (n <= 0)
            return -1;
        bytes -= (size_t)n;
    }
    return 0;
}

static int open_stream(int port)
{
    unsigned char out[64], in[sizeof(confirm)];
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    size_t len = make_request(out);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0 && send(fd, out, len, 0) == (ssize_t)len &&
        recv(fd, in, sizeof(in), MSG_WAITALL) == (ssize_t)sizeof(in))
        return fd;
    fprintf(stderr, "bench_relay: no stream through port %d: %s\n", port, strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

static int measure(struct race *race, struct lane *lane, double *ret_figure)
{
    int fd = open_stream(lane->port);
    if (fd < 0 || drain(fd, race->bytes / 16) < 0) /* windows and pipes have grown then */
        return -1;
    double cpu = site_cpu(lane->pid), began = bench_now();
    int r = drain(fd, race->bytes);
    double took = bench_now() - began;
    cpu = site_cpu(lane->pid) - cpu;
    close(fd);
    if (r < 0 || took <= 0 || lane->rounds == ROUNDS_MAX)
        return -1;
    lane->cpu[lane->rounds++] = cpu / ((double)race->bytes / GIGABYTE);
    *ret_figure = (double)race->bytes / took / 1e6;
    usleep(50000); /* the source is back at accept */
    return 0;
}

static int measure_ours(void *ctx, double *ret_figure)
{
    struct race *race = ctx;
    return measure(race, &race->ours, ret_figure);
}

static int measure_peer(void *ctx, double *ret_figure)
{
    struct race *race = ctx;
    return measure(race, &race->peer, ret_figure);
}

static int start_source(struct race *race, int *ret_port)
{
    int listener = site_listen(ret_port);
    if (listener < 0)
        return -1;
    pid_t pid = site_fork(&race->site);
    if (pid == 0)
        serve(listener);
    close(listener);
    return pid > 0 ? 0 : -1;
}

static int start_ours(struct race *race, int source)
{
    char text[2048];
    snprintf(text, sizeof(text), "bench-0 127.0.0.1 %d raw - 0 0\n", source);
    race->ours.port = site_free_port();
    if (site_write(&race->site, "tickets", text) < 0 || site_certificate(&race->site) < 0)
        return -1;
    snprintf(text, sizeof(text),
             "[gateway]\nname = bench\nworkers = 1\n[listen]\nhttps =\nrdp = 127.0.0.1:%d\n[tls]\ncertificate = "
             "%s/site.crt\nkey = %s/site.key\n[broker]\ninternal_socket = %s/broker.sock\n",
             race->ours.port, race->site.dir, race->site.dir, race->site.dir);
    if (site_write(&race->site, "gateway.conf", text) < 0)
        return -1;
    const char *broker[] = {"build/tools/stub_broker", "@broker.sock", "@tickets", NULL};
    const char *gateway[] = {"build/bin/carrel-gateway", "-c", "@gateway.conf", NULL};
    if (site_start(&race->site, "broker.log", broker) < 0)
        return -1;
    pid_t supervisor = site_start(&race->site, "gateway.log", gateway);
    if (supervisor < 0 || site_wait_port(race->ours.port) < 0)
        return -1;
    race->ours.pid = site_child_of(supervisor);
    return race->ours.pid > 0 && site_wait_line(&race->site, "broker.log", "hello bench.0") == 0 ? 0 : -1;
}

static const char haproxy_form[] = "global\n    nbthread 1\n    maxconn 100\n"
                                   "defaults\n    mode tcp\n    option splice-request\n    option splice-response\n"
                                   "    timeout connect 5s\n    timeout client 60s\n    timeout server 60s\n"
                                   "listen rdp\n    bind 127.0.0.1:%d\n    server desktop 127.0.0.1:%d\n";

static int start_peer(struct race *race, int source)
{
    char text[1024];
    race->peer.port = site_free_port();
    snprintf(text, sizeof(text), haproxy_form, race->peer.port, source);
    if (site_write(&race->site, "haproxy.cfg", text) < 0)
        return -1;
    const char *haproxy[] = {"/usr/sbin/haproxy", "-db", "-f", "@haproxy.cfg", NULL};
    race->peer.pid = site_start(&race->site, "haproxy.log", haproxy);
    return race->peer.pid > 0 ? site_wait_port(race->peer.port) : -1;
}

static int start(struct race *race)
{
    int source = 0;
    if (site_init(&race->site) < 0 || start_source(race, &source) < 0)
        return -1;
    return start_ours(race, source) < 0 ? -1 : start_peer(race, source);
}

int main(int argc, char **argv)
{
    struct bench *bench = bench_open(argc, argv, "relay");
    struct race race = {.bytes = bench_quick(bench) ? 128 << 20 : (size_t)1 << 30};
    struct ratio speed, cpu;
    char version[160];
    size_t pairs = bench_quick(bench) ? 3 : 11;
    if (start(&race) < 0) {
        site_done(&race.site);
        return bench_fail(bench, "the gateway, its stand-ins or HAProxy did not start");
    }
    int r = bench_alternate(pairs, measure_ours, measure_peer, &race, &speed);
    site_done(&race.site);
    if (r < 0 || !ratio_of(race.ours.cpu + 1, race.peer.cpu + 1, pairs, &cpu))
        return bench_fail(bench, "a stream broke off");
    bench_compare(bench, "one plain stream, MB/s, beside HAProxy with splice", &speed, BENCH_AT_LEAST, 1.0);
    bench_compare(bench, "CPU seconds of the relay for 1 GB, beside HAProxy with splice", &cpu, BENCH_AT_MOST, 0.8);
    site_first_line("haproxy -v", version, sizeof(version));
    bench_note(bench, "peer: %s; mode tcp, splice both ways, one thread; ours: one worker; %zu MiB a measurement",
               version, race.bytes >> 20);
    return bench_close(bench);
}
