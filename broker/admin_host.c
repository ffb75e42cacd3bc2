/* Hosts: the rows that the pool manager connects to. */
#include "broker/admin.h"
#include "broker/poolmgr_link.h"
#include "broker/when.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/store/store_desktop.h"
#include "lib/store/store_host.h"

#include <string.h>

static json_t *host_json(struct call *call, const struct store_host *h)
{
    const struct store_desktop_filter filter = {.host = h->name};
    struct store_desktop *desktops CLEANUP_FREE = NULL;
    size_t count = 0;
    if (store_desktop_list(call->broker->store, &filter, NULL, &desktops, &count, NULL) < 0)
        count = 0;
    return json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:o, s:s, s:o}", "name", h->name, "uri", h->uri, "state",
                     h->state, "labels", h->labels, "cpus", (json_int_t)h->vcpus, "memory_mib",
                     (json_int_t)h->memory_mib, "max_desktops", (json_int_t)h->max_desktops, "desktops",
                     (json_int_t)count, "seen_at", when_json(h->seen_at), "error", h->error, "created_at",
                     when_json(h->created_at));
}

void admin_host_list(struct call *call)
{
    struct store_host *hosts CLEANUP_FREE = NULL;
    struct error e = {0};
    size_t count = 0;
    int r = store_host_list(call->broker->store, &hosts, &count, &e);
    if (r < 0) {
        call_refuse_err(call, r, &e);
        return;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, host_json(call, &hosts[i]));
    call_reply(call, 200, json_pack("{s:o}", "hosts", list));
}

static int read_host(const json_t *body, struct store_host *host, struct error *e)
{
    int r = doc_copy(body, "name", DOC_REQUIRED, host->name, sizeof(host->name), e);
    if (r == 0)
        r = doc_copy(body, "uri", DOC_REQUIRED, host->uri, sizeof(host->uri), e);
    if (r == 0)
        r = doc_copy(body, "labels", DOC_OPTIONAL, host->labels, sizeof(host->labels), e);
    if (r == 0)
        r = doc_int(body, "max_desktops", DOC_OPTIONAL, 0, 100000, &host->max_desktops, e);
    if (r == 0 && !text_is_name(host->name, 40))
        r = err_set(e, ERR_INVALID, "a name has letters a-z, digits and inner hyphens, at most 40");
    if (r == 0 && strchr(host->uri, ':') == NULL)
        r = err_set(e, ERR_INVALID, "the URI must be libvirt's, for example qemu:///system");
    return r;
}

void admin_host_add(struct call *call)
{
    static const char *const names[] = {"name", "uri", "labels", "max_desktops", NULL};
    struct store_host host = {0};
    struct error e = {0};
    if (!call_body_only(call, names))
        return;
    int r = read_host(call->body, &host, &e);
    if (r == 0)
        r = store_host_add(call->broker->store, &host, call->now_ms, &e);
    if (r == 0)
        r = store_host_get(call->broker->store, host.name, &host, &e);
    if (r < 0) {
        call_refuse_err(call, r, &e);
        return;
    }
    log_event(EV_ADMIN_ACT, LOG_STR("user", call->username), LOG_STR("act", "host add"), LOG_STR("object", host.name));
    poolmgr_wake(call->broker->poolmgr);
    call_reply(call, 201, host_json(call, &host));
}
