/* carrel-gateway: supervisor, or one of its workers when the supervisor says so in the environment. */
#include "gateway/supervisor/conf.h"
#include "gateway/supervisor/supervisor.h"
#include "gateway/worker/worker.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    struct gateway_conf conf = {0};
    struct inherit inherit;
    struct error e = {0};
    const char *worker = getenv(INHERIT_VARIABLE);
    int status = options_start(&gateway_options, &conf, argc, argv);
    if (status < 0 && gateway_conf_check(&conf, &e) < 0)
        status = 1;
    if (status < 0 && worker != NULL && inherit_read(worker, &inherit, &e) < 0)
        status = 1;
    if (e.code != 0)
        fprintf(stderr, "carrel-gateway: %s\n", err_message(&e));
    if (status < 0) {
        unsetenv(INHERIT_VARIABLE);
        status = worker != NULL ? worker_run(&conf, &inherit) : supervisor_run(&conf, argv);
    }
    options_done(&gateway_options, &conf);
    return status;
}
