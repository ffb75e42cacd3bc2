/* carrel-broker: sets up what the parts share, runs the loop, takes it down again. */
#include "broker/api.h"
#include "broker/broker.h"
#include "broker/parts.h"
#include "lib/base/log.h"
#include "lib/base/secret.h"
#include "lib/proto/doc.h"

#include <signal.h>

static void on_stop(int signum, void *arg)
{
    struct broker *broker = arg;
    log_event(EV_STOPPING, LOG_INT("signal", signum));
    loop_stop(broker->loop);
}

static int open_store(struct broker *broker, struct error *reterr)
{
    const struct store_options options = {
        .uri = broker->conf.uri, .migrate = true, .connections = (unsigned)broker->conf.threads};
    return store_open(&options, &broker->store, reterr);
}

static int open_pool(struct broker *broker, const char *name, int64_t threads, unsigned queue, struct workpool **ret,
                     struct error *reterr)
{
    const struct workpool_options options = {.name = name, .threads = (unsigned)threads, .queue_max = queue};
    return workpool_new(broker->loop, &options, ret, reterr);
}

static int start(struct broker *broker, struct error *reterr)
{
    int r = loop_new(&broker->loop, reterr);
    if (r == 0)
        r = loop_on_signal(broker->loop, SIGTERM, on_stop, broker, reterr);
    if (r == 0)
        r = loop_on_signal(broker->loop, SIGINT, on_stop, broker, reterr);
    if (r == 0)
        r = open_store(broker, reterr);
    if (r == 0)
        r = open_pool(broker, "store", broker->conf.threads, 4096, &broker->store_pool, reterr);
    if (r == 0)
        r = open_pool(broker, "directory", broker->conf.login_threads, 1024, &broker->directory_pool, reterr);
    if (r == 0)
        r = parts_start(broker, reterr);
    if (r == 0)
        r = api_start(broker, reterr);
    return r;
}

/* Servers first, so that nobody asks for what is being taken down; pools next, since their jobs use the rest. */
static void stop(struct broker *broker)
{
    httpd_free(broker->api);
    httpd_free(broker->local);
    httpd_free(broker->internal);
    workpool_free(broker->directory_pool);
    workpool_free(broker->store_pool);
    parts_stop(broker);
    store_close(broker->store);
    loop_free(broker->loop);
}

int main(int argc, char **argv)
{
    static struct broker broker;
    struct error e = {0};
    enum log_level level = LOG_LEVEL_INFO;
    int status = options_start(&conf_set, &broker.conf, argc, argv);
    if (status >= 0)
        return status;
    if (log_level_parse(broker.conf.log_level, &level) < 0) {
        fprintf(stderr, "carrel-broker: log_level = %s is none of error, warning, notice, info, debug\n",
                broker.conf.log_level);
        return 1;
    }
    log_init("carrel-broker", 2, level);
    secret_harden_process();
    doc_wipe_on_free();
    int r = start(&broker, &e);
    if (r == 0) {
        log_event(EV_STARTED, LOG_STR("store", store_engine(broker.store)), LOG_STR("api", broker.conf.api_socket));
        loop_run(broker.loop);
    } else {
        log_event(EV_START_FAILED, LOG_ERR(&e));
    }
    stop(&broker);
    options_done(&conf_set, &broker.conf);
    return r == 0 ? 0 : 1;
}
