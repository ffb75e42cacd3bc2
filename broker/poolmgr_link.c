#include "broker/poolmgr_link.h"

#include "lib/net/httpc.h"
#include "lib/proto/pm.h"

struct poolmgr_link {
    struct broker *broker;
    struct httpc *client;
    struct loop_task task;
    bool running; /* a wake-up is on its way */
    bool again;   /* and another was asked for meanwhile */
};

static void send_wake(struct poolmgr_link *link);

static void on_woken(int err, const struct error *e, const struct httpc_response *response, void *arg)
{
    struct poolmgr_link *link = arg;
    (void)err; /* a pool manager that is down looks by itself when it comes up */
    (void)e;
    (void)response;
    link->running = false;
    if (link->again && err != ERR_CANCELLED)
        send_wake(link);
}

static void send_wake(struct poolmgr_link *link)
{
    const struct httpc_request request = {
        .target = {.base_url = "http://localhost", .unix_path = link->broker->conf.socket},
        .method = "POST",
        .path = PM_WAKE_PATH,
        .max_body = PM_BODY_MAX,
        .connect_ms = 1000,
        .total_ms = 3000};
    const struct httpc_handlers handlers = {.done = on_woken, .arg = link};
    link->again = false;
    link->running = httpc_start(link->client, &request, &handlers, NULL, NULL) == 0;
}

static void on_posted(struct loop_task *task)
{
    struct poolmgr_link *link = CONTAINER_OF(task, struct poolmgr_link, task);
    if (link->running)
        link->again = true;
    else
        send_wake(link);
}

int poolmgr_link_new(struct broker *broker, struct poolmgr_link **ret, struct error *reterr)
{
    struct poolmgr_link *link = MEM_NEW(struct poolmgr_link);
    if (link == NULL)
        return err_set(reterr, ERR_NOMEM, "out of memory");
    link->broker = broker;
    link->task.run = on_posted;
    int r = httpc_new(broker->loop, 2, &link->client, reterr);
    if (r < 0) {
        free(link);
        return r;
    }
    *ret = link;
    return 0;
}

void poolmgr_link_free(struct poolmgr_link *link)
{
    if (link == NULL)
        return;
    loop_unpost(link->broker->loop, &link->task);
    httpc_free(link->client);
    free(link);
}

void poolmgr_wake(struct poolmgr_link *link)
{
    if (link != NULL)
        loop_post(link->broker->loop, &link->task);
}
