#include "gateway/worker/worker.h"

#include "gateway/https/https.h"
#include "gateway/link/link.h"
#include "gateway/rdp/door.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/secret.h"
#include "lib/net/loop.h"
#include "lib/net/tls.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#define FLUSH_MS 3000 /* for the last reports to the broker */

struct worker {
    const struct gateway_conf *conf;
    const struct inherit *inherit;
    char name[GW_NAME_SIZE];
    char program[32];
    struct loop *loop;
    struct tls_server *rdp_tls, *https_tls;
    struct link *link;
    struct rdp_door *rdp;
    struct https *https;
    struct loop_timer *flush;
    int64_t flush_left_ms;
};

static int read_ticket_keys(int fd, struct tls_server *tls, struct error *reterr)
{
    unsigned char keys[TLS_TICKET_KEYS_SIZE];
    if (pread(fd, keys, sizeof(keys), 0) != (ssize_t)sizeof(keys))
        return err_set_errno(reterr, ERR_IO, errno, "cannot read the TLS ticket keys");
    int r = tls_server_set_ticket_keys(tls, keys, reterr);
    secret_wipe(keys, sizeof(keys));
    return r;
}

/* The same certificate twice: RDP clients offer no ALPN, browsers must be told HTTP/1.1. */
static int open_tls(struct worker *worker, bool no_alpn, struct tls_server **ret_tls, struct error *reterr)
{
    const struct tls_server_options options = {
        .cert_file = worker->conf->certificate, .key_file = worker->conf->key, .no_alpn = no_alpn};
    int r = tls_server_new(&options, ret_tls, reterr);
    return r < 0 ? r : read_ticket_keys(worker->inherit->tickets, *ret_tls, reterr);
}

static int open_link(struct worker *worker, struct error *reterr)
{
    const struct link_options options = {.loop = worker->loop,
                                         .broker = worker->conf->internal_socket,
                                         .name = worker->name,
                                         .queue_max = (unsigned)worker->conf->reports};
    return link_new(&options, &worker->link, reterr);
}

static int open_rdp(struct worker *worker, struct error *reterr)
{
    const struct rdp_door_options options = {.loop = worker->loop,
                                             .link = worker->link,
                                             .tls = worker->rdp_tls,
                                             .max_connections = (unsigned)worker->conf->rdp_connections};
    int r = rdp_door_new(&options, &worker->rdp, reterr);
    for (size_t i = 0; i < worker->inherit->rdp_count && r == 0; i++)
        r = rdp_door_listen(worker->rdp, worker->inherit->rdp[i], reterr);
    return r;
}

static int open_https(struct worker *worker, struct error *reterr)
{
    const struct gateway_conf *conf = worker->conf;
    const struct https_options options = {.loop = worker->loop,
                                          .tls = worker->https_tls,
                                          .broker_socket = conf->api_socket,
                                          .web_dir = conf->web_dir,
                                          .admin_api = conf->admin_api,
                                          .max_connections = (unsigned)conf->https_connections,
                                          .max_per_address = (unsigned)conf->https_per_address};
    if (worker->inherit->https_count == 0)
        return 0;
    int r = https_new(&options, &worker->https, reterr);
    for (size_t i = 0; i < worker->inherit->https_count && r == 0; i++)
        r = https_listen(worker->https, worker->inherit->https[i], reterr);
    return r;
}

/* Connections have been cut; the broker should hear of them before this process is gone. */
static void flush(void *arg)
{
    struct worker *worker = arg;
    worker->flush_left_ms -= 50;
    bool busy = rdp_door_connections(worker->rdp) > 0 || link_waiting(worker->link) > 0 ||
                (worker->https != NULL && https_connections(worker->https) > 0);
    if (worker->flush_left_ms <= 0 || !busy)
        loop_stop(worker->loop);
}

static void on_stop(int signum, void *arg)
{
    struct worker *worker = arg;
    (void)signum;
    if (loop_timer_running(worker->flush))
        return;
    log_event(EV_STOPPING, LOG_STR("worker", worker->name), LOG_INT("connections", rdp_door_connections(worker->rdp)));
    rdp_door_stop(worker->rdp);
    if (worker->https != NULL)
        https_drain(worker->https);
    worker->flush_left_ms = FLUSH_MS;
    loop_timer_start(worker->flush, 50, 50);
}

static void on_reload(int signum, void *arg)
{
    struct worker *worker = arg;
    struct error e = {0};
    (void)signum;
    if (tls_server_reload(worker->rdp_tls, &e) < 0 || tls_server_reload(worker->https_tls, &e) < 0)
        log_event(EV_GATEWAY_CERT_BAD, LOG_STR("worker", worker->name), LOG_ERR(&e));
    else
        log_event(EV_GATEWAY_CERT_LOADED, LOG_STR("worker", worker->name));
}

static int watch_signals(struct worker *worker, struct error *reterr)
{
    int r = loop_on_signal(worker->loop, SIGTERM, on_stop, worker, reterr);
    if (r == 0)
        r = loop_on_signal(worker->loop, SIGINT, on_stop, worker, reterr);
    if (r == 0)
        r = loop_on_signal(worker->loop, SIGHUP, on_reload, worker, reterr);
    /* Without its supervisor a worker would hold the port for ever. */
    if (r == 0 && (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != worker->inherit->supervisor))
        r = err_set(reterr, ERR_CANCELLED, "the supervisor has gone");
    return r;
}

static int start(struct worker *worker, struct error *reterr)
{
    int r = loop_new(&worker->loop, reterr);
    if (r == 0)
        r = watch_signals(worker, reterr);
    if (r == 0)
        r = open_tls(worker, true, &worker->rdp_tls, reterr);
    if (r == 0)
        r = open_tls(worker, false, &worker->https_tls, reterr);
    if (r == 0)
        r = open_link(worker, reterr);
    if (r == 0)
        r = open_rdp(worker, reterr);
    if (r == 0)
        r = open_https(worker, reterr);
    if (r < 0)
        return r;
    worker->flush = loop_timer_new(worker->loop, flush, worker);
    return worker->flush != NULL ? 0 : err_set(reterr, ERR_NOMEM, "no memory for a timer");
}

static void stop(struct worker *worker)
{
    loop_timer_free(worker->flush);
    https_free(worker->https);
    rdp_door_free(worker->rdp);
    link_free(worker->link);
    tls_server_free(worker->rdp_tls);
    tls_server_free(worker->https_tls);
    loop_free(worker->loop);
}

int worker_run(const struct gateway_conf *conf, const struct inherit *inherit)
{
    struct worker worker = {.conf = conf, .inherit = inherit};
    struct error e = {0};
    enum log_level level = LOG_LEVEL_NOTICE;
    snprintf(worker.name, sizeof(worker.name), "%s.%d", conf->name, inherit->worker);
    snprintf(worker.program, sizeof(worker.program), "carrel-gateway[%d]", inherit->worker);
    log_level_parse(conf->log_level, &level);
    log_init(worker.program, STDERR_FILENO, level);
    secret_harden_process();
    int r = start(&worker, &e);
    if (r == 0) {
        log_event(EV_GATEWAY_WORKER_UP, LOG_STR("worker", worker.name), LOG_INT("pid", getpid()));
        loop_run(worker.loop);
    } else {
        log_event(EV_START_FAILED, LOG_STR("worker", worker.name), LOG_ERR(&e));
    }
    stop(&worker);
    return r == 0 ? 0 : 1;
}
