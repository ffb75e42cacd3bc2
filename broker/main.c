/* carrel-broker: logs people in, hands them their desktops, opens gateways' doors by ticket, takes administrators'
 * orders. */
#include "broker/broker.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/proto/doc.h"

#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

static void on_stop(int signum, void *arg)
{
    struct broker *broker = arg;
    log_event(EV_STOPPING, LOG_INT("signal", signum));
    loop_stop(broker->loop);
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
        rc = loop_on_signal(broker->loop, SIGTERM, on_stop, broker, &why);
    if (rc == 0)
        rc = loop_on_signal(broker->loop, SIGINT, on_stop, broker, &why);
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
