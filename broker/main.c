/* carrel-broker: logs people in, hands them their desktops, opens gateways' doors by ticket, takes administrators'
 * orders. */
#include "broker/broker.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/proto/doc.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const char *conf_file; /* what SIGHUP reads again */

static void on_stop(int signum, void *arg)
{
    struct broker *broker = arg;
    log_event(EV_STOPPING, LOG_INT("signal", signum));
    loop_stop(broker->loop);
}

/* Takes over what is marked reloadable: the log level. Bad contents change nothing. */
static void on_reload(int signum, void *arg)
{
    (void)signum;
    (void)arg;
    struct broker_conf fresh = {0};
    struct error why = {0};
    enum log_level level;
    int rc = options_defaults(&broker_conf_set, &fresh, &why);
    if (rc == 0)
        rc = options_load(&broker_conf_set, &fresh, conf_file, &why);
    if (rc == 0)
        rc = broker_conf_check(&fresh, &why);
    if (rc == 0 && log_level_parse(fresh.log_level, &level) == 0) {
        log_set_level(level);
        log_event(EV_CONFIG_RELOADED, LOG_STR("log_level", fresh.log_level));
    } else {
        log_event(EV_CONFIG_BAD, LOG_ERR(&why));
    }
    options_done(&broker_conf_set, &fresh);
}

static int watch_signals(struct broker *broker, struct error *reterr)
{
    int rc = loop_on_signal(broker->loop, SIGTERM, on_stop, broker, reterr);
    if (rc == 0)
        rc = loop_on_signal(broker->loop, SIGINT, on_stop, broker, reterr);
    if (rc == 0)
        rc = loop_on_signal(broker->loop, SIGHUP, on_reload, broker, reterr);
    return rc;
}

static int start_failed(const struct error *why)
{
    log_event(EV_START_FAILED, LOG_ERR(why));
    return 1;
}

static int serve(struct broker *broker)
{
    struct error why = {0};
    int rc = broker_start(broker, &why);
    if (rc == 0)
        rc = watch_signals(broker, &why);
    if (rc != 0) {
        start_failed(&why);
    } else {
        log_event(EV_STARTED, LOG_STR("socket", broker->conf.socket),
                  LOG_STR("internal_socket", broker->conf.internal_socket),
                  LOG_STR("store", store_engine(broker->store)));
        loop_run(broker->loop);
    }
    broker_stop(broker);
    return rc != 0;
}

int main(int argc, char **argv)
{
    static struct broker broker;
    struct error why = {0};
    enum log_level level = LOG_LEVEL_INFO;
    log_init("carrel-broker", STDERR_FILENO, level);
    conf_file = broker_conf_set.file;
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], "-c") == 0)
            conf_file = argv[i + 1];
    int status = options_start(&broker_conf_set, &broker.conf, argc, argv);
    if (status < 0 && broker_conf_check(&broker.conf, &why) != 0)
        status = start_failed(&why);
    if (status < 0) {
        log_level_parse(broker.conf.log_level, &level);
        log_set_level(level);
        umask(077);
        secret_harden_process();
        doc_wipe_on_free();
        status = serve(&broker);
    }
    options_done(&broker_conf_set, &broker.conf);
    return status;
}
