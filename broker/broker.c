#include "broker/broker.h"

#include "broker/chores.h"
#include "broker/endpoint.h"
#include "broker/lines.h"
#include "broker/vault.h"
#include "broker/watch.h"
#include "lib/base/log.h"
#include "lib/proto/pm.h"

#define POOLMGR_CONNECTIONS 64
#define MAX_CONNECTIONS     8192 /* of each socket; watchers and gateways hold theirs */

static void on_vault_changed(struct broker *broker)
{
    if (broker->watch != NULL)
        watch_poke(broker->watch);
}

static int start_directory(struct broker *broker, struct error *reterr)
{
    struct ldap_conf conf;
    struct secret *password CLEANUP(secret_freep) = NULL;
    int rc = broker_conf_directory(&broker->conf, &conf, &password, reterr);
    if (rc == 0)
        rc = ldap_directory_new(&conf, &broker->auth, reterr);
    if (rc != 0)
        err_prefix(reterr, "[directory]");
    return rc;
}

static int start_store(struct broker *broker, struct error *reterr)
{
    struct store_options options = {
        .uri = broker->conf.store, .migrate = true, .connections = (unsigned)broker->conf.store_threads};
    int rc = store_open(&options, &broker->store, reterr);
    if (rc != 0)
        err_prefix(reterr, "the store");
    return rc;
}

static int start_workers(struct broker *broker, struct error *reterr)
{
    struct workpool_options store = {.name = "store",
                                     .threads = (unsigned)broker->conf.store_threads,
                                     .queue_max = (unsigned)broker->conf.queue_max};
    struct workpool_options directory = {.name = "directory",
                                         .threads = (unsigned)broker->conf.directory_threads,
                                         .queue_max = (unsigned)broker->conf.queue_max};
    int rc = workpool_new(broker->loop, &store, &broker->store_work, reterr);
    if (rc == 0)
        rc = workpool_new(broker->loop, &directory, &broker->directory_work, reterr);
    if (rc == 0)
        rc = httpc_new(broker->loop, POOLMGR_CONNECTIONS, &broker->httpc, reterr);
    return rc;
}

static int start_parts(struct broker *broker, struct error *reterr)
{
    int rc = vault_new(broker, on_vault_changed, &broker->vault, reterr);
    if (rc == 0)
        rc = watch_new(broker, &broker->watch, reterr);
    if (rc == 0)
        rc = lines_new(broker, &broker->lines, reterr);
    if (rc == 0)
        rc = chores_new(broker, &broker->chores, reterr);
    return rc;
}

static int listen_on(struct broker_door *door, const char *path, const char *mode, struct httpd **ret,
                     struct error *reterr)
{
    struct httpd_options options = {.arg = door, .limits = {.max_connections = MAX_CONNECTIONS}};
    options.routes = endpoint_routes(door->for_gateways, &options.route_count);
    int rc = httpd_new(door->broker->loop, &options, ret, reterr);
    if (rc == 0)
        rc = httpd_listen_unix(*ret, path, broker_conf_mode(mode), (uid_t)-1, (gid_t)-1, NULL, reterr);
    if (rc != 0)
        err_prefix(reterr, "the socket %s", path);
    return rc;
}

int broker_start(struct broker *broker, struct error *reterr)
{
    const struct broker_conf *conf = &broker->conf;
    broker->local_door = (struct broker_door){.broker = broker};
    broker->gateway_door = (struct broker_door){.broker = broker, .for_gateways = true};
    int rc = loop_new(&broker->loop, reterr);
    if (rc == 0)
        rc = start_store(broker, reterr);
    if (rc == 0)
        rc = start_directory(broker, reterr);
    if (rc == 0)
        rc = start_workers(broker, reterr);
    if (rc == 0)
        rc = start_parts(broker, reterr);
    if (rc == 0)
        rc = listen_on(&broker->local_door, conf->socket, conf->socket_mode, &broker->local, reterr);
    if (rc == 0)
        rc = listen_on(&broker->gateway_door, conf->internal_socket, conf->internal_socket_mode, &broker->gateways,
                       reterr);
    return rc;
}

void broker_stop(struct broker *broker)
{
    /* Workers first: their jobs end in the parts below, and submitting another one fails from then on. */
    workpool_free(broker->directory_work);
    workpool_free(broker->store_work);
    lines_free(broker->lines);
    watch_free(broker->watch);
    httpd_free(broker->local);
    httpd_free(broker->gateways);
    chores_free(broker->chores);
    vault_free(broker->vault);
    httpc_free(broker->httpc);
    auth_free(broker->auth);
    store_close(broker->store);
    loop_free(broker->loop);
}

static void ignore_answer(int err, const struct error *e, const struct httpc_response *response, void *arg)
{
    (void)err;
    (void)e;
    (void)response;
    (void)arg;
}

void broker_wake_poolmgr(struct broker *broker)
{
    struct httpc_request request = {
        .target = {.base_url = "http://poolmgr", .unix_path = broker->conf.poolmgr_socket},
        .method = "POST",
        .path = PM_WAKE_PATH,
        .body = "{}",
        .body_len = 2,
        .connect_ms = 1000,
        .total_ms = 5000,
    };
    struct httpc_handlers handlers = {.done = ignore_answer};
    httpc_start(broker->httpc, &request, &handlers, NULL, NULL);
}
