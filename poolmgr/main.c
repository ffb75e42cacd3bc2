/* carrel-poolmgr: images, linked clones, pools and their desktops. One loop; see docs/decisions/0060. */
#include "lib/base/log.h"
#include "lib/base/secret.h"
#include "lib/proto/doc.h"
#include "poolmgr/daemon.h"

#include <stdio.h>

static int run(struct daemon *d)
{
    struct error e = {0};
    int r = daemon_start(d, &e);

    if (r) {
        log_event(EV_START_FAILED, LOG_ERR(&e));
    } else {
        log_event(EV_STARTED, LOG_STR("socket", d->conf.internal_socket), LOG_STR("storage_dir", d->conf.storage_dir),
                  LOG_STR("domain_prefix", d->conf.domain_prefix));
        leader_start(d->manager.leader);
        loop_run(d->manager.loop);
        log_event(EV_STOPPING, LOG_STR("program", "carrel-poolmgr"));
    }
    if (!daemon_stop(d))
        _exit(r ? 1 : 0);
    return r ? 1 : 0;
}

int main(int argc, char **argv)
{
    static struct daemon d;
    struct error e = {0};
    enum log_level level = LOG_LEVEL_INFO;

    secret_harden_process();
    doc_wipe_on_free();
    int status = options_start(&poolmgr_conf_set, &d.conf, argc, argv);
    bool checked = status < 0 || (!status && d.conf.storage_dir);
    if (checked && poolmgr_conf_check(&d.conf, &e)) {
        fprintf(stderr, "carrel-poolmgr: %s\n", err_message(&e));
        status = 1;
    }
    if (status < 0) {
        log_level_parse(d.conf.log_level, &level);
        log_init("carrel-poolmgr", STDERR_FILENO, level);
        status = run(&d);
    }
    options_done(&poolmgr_conf_set, &d.conf);
    return status;
}
