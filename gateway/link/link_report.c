#include "gateway/link/link_parts.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/text.h"

#include <stdio.h>

#define REPORT_MAX_MS 10000 /* between attempts */

struct link_report {
    struct link_report *next;
    char path[96];
    struct buf body;
};

static void discard(struct link_report *report)
{
    buf_done(&report->body);
    free(report);
}

static void drop_first(struct link *link)
{
    struct link_report *report = link->reports;
    link->reports = report->next;
    if (link->reports == NULL)
        link->reports_end = &link->reports;
    link->report_count--;
    discard(report);
}

static void try_later(struct link *link)
{
    loop_timer_start(link->report_retry, link->report_backoff_ms, 0);
    if (link->report_backoff_ms < REPORT_MAX_MS)
        link->report_backoff_ms *= 2;
}

static void reported(int err, const struct error *e, const struct httpc_response *response, void *arg)
{
    struct link *link = arg;
    (void)e;
    link->reporting = NULL;
    if (err < 0 || response->status >= 500) {
        try_later(link);
        return;
    }
    /* 404: the broker has forgotten that connection, and so may we. */
    if (response->status >= 300 && response->status != 404)
        log_event(EV_GATEWAY_REPORT_REFUSED, LOG_STR("worker", link->name), LOG_INT("status", response->status),
                  LOG_STR("path", link->reports->path));
    link->report_backoff_ms = LINK_BACKOFF_MIN_MS;
    drop_first(link);
    link_report_kick(link);
}

void link_report_kick(struct link *link)
{
    if (link->reports == NULL || link->reporting != NULL)
        return;
    struct httpc_request request = link_request(link, "POST", link->reports->path);
    const struct httpc_handlers handlers = {.done = reported, .arg = link};
    request.body = link->reports->body.data;
    request.body_len = link->reports->body.len;
    request.max_body = 4096;
    if (httpc_start(link->httpc, &request, &handlers, &link->reporting, NULL) < 0)
        try_later(link);
}

/* The oldest that is not on its way makes room. */
static void make_room(struct link *link)
{
    struct link_report **at = link->reporting != NULL ? &link->reports->next : &link->reports;
    struct link_report *old = *at;
    if (old == NULL)
        return;
    log_event(EV_GATEWAY_REPORT_LOST, LOG_STR("worker", link->name), LOG_STR("path", old->path));
    *at = old->next;
    if (*at == NULL)
        link->reports_end = at;
    link->report_count--;
    discard(old);
}

void link_report(struct link *link, const char *connection, const struct gw_closed *closed)
{
    struct gw_closed message = *closed;
    struct link_report *report = MEM_NEW(struct link_report);
    if (report == NULL) {
        log_event(EV_OUT_OF_MEMORY, LOG_STR("worker", link->name), LOG_STR("connection", connection));
        return;
    }
    text_copy(message.gateway, sizeof(message.gateway), link->name);
    text_copy(message.instance, sizeof(message.instance), link->instance);
    snprintf(report->path, sizeof(report->path), "/internal/v1/connections/%s/closed", connection);
    buf_init(&report->body, 4096);
    if (gw_closed_encode(&message, &report->body) < 0) {
        log_event(EV_OUT_OF_MEMORY, LOG_STR("worker", link->name), LOG_STR("connection", connection));
        discard(report);
        return;
    }
    if (link->report_count >= link->options.queue_max)
        make_room(link);
    *link->reports_end = report;
    link->reports_end = &report->next;
    link->report_count++;
    if (!loop_timer_running(link->report_retry))
        link_report_kick(link);
}

size_t link_waiting(const struct link *link)
{
    return link->report_count;
}

void link_report_free(struct link *link)
{
    if (link->reporting != NULL)
        httpc_cancel(link->reporting);
    while (link->reports != NULL)
        drop_first(link);
}
