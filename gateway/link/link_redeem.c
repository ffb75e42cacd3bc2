#include "gateway/link/link_parts.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/secret.h"
#include "lib/base/text.h"

struct link_redemption {
    struct link *link;
    struct link_redemption *next, *prev;
    struct httpc_exchange *exchange; /* NULL while parked */
    link_answer *answer;             /* NULL: cancelled; a grant that still comes is given back */
    void *arg;
    struct gw_redeem request; /* wiped once it is on its way */
};

static void enlist(struct link_redemption **list, struct link_redemption *r)
{
    r->prev = NULL;
    r->next = *list;
    if (*list != NULL)
        (*list)->prev = r;
    *list = r;
}

static void delist(struct link_redemption **list, struct link_redemption *r)
{
    if (r->prev != NULL)
        r->prev->next = r->next;
    else
        *list = r->next;
    if (r->next != NULL)
        r->next->prev = r->prev;
}

static void discard(struct link_redemption *r)
{
    secret_wipe(r, sizeof(*r));
    free(r);
}

static void give_back(struct link *link, const struct gw_grant *grant)
{
    const struct gw_closed closed = {.reason = GW_REASON_CLIENT_CLOSED};
    link_report(link, grant->connection, &closed);
}

static void tell(struct link_redemption *r, int err, const struct error *e, const struct gw_grant *grant,
                 const struct problem *refusal)
{
    if (r->answer != NULL)
        r->answer(err, e, grant, refusal, r->arg);
    else if (grant != NULL)
        give_back(r->link, grant);
}

static void tell_response(struct link_redemption *r, const struct httpc_response *response)
{
    struct gw_grant grant;
    struct problem problem;
    struct error e = {0};
    if (response->status == 200) {
        int err = gw_grant_decode(response->body, response->body_len, &grant, &e);
        if (err < 0)
            log_event(EV_GATEWAY_BROKER_ODD, LOG_STR("worker", r->link->name), LOG_ERR(&e));
        tell(r, err, &e, err < 0 ? NULL : &grant, NULL);
        return;
    }
    problem_read(&problem, response->status, response->body, response->body_len);
    if (response->status == 403 || response->status == 409) {
        tell(r, ERR_TICKET_REFUSED, &e, NULL, &problem);
        return;
    }
    int err = err_set(&e, ERR_UNREACHABLE, "the broker answers with status %d (%s)", response->status, problem.code);
    tell(r, err, &e, NULL, NULL);
}

static void answered(int err, const struct error *e, const struct httpc_response *response, void *arg)
{
    struct link_redemption *r = arg;
    struct link *link = r->link;
    delist(&link->asking, r);
    if (err < 0)
        tell(r, err, e, NULL, NULL);
    else
        tell_response(r, response);
    discard(r);
    if (link->asking == NULL)
        link_quiet(link);
}

static int ask(struct link_redemption *r, struct error *reterr)
{
    struct buf body;
    struct httpc_request request = link_request(r->link, "POST", GW_REDEEM_PATH);
    const struct httpc_handlers handlers = {.done = answered, .arg = r};
    buf_init(&body, 4096);
    int rc = gw_redeem_encode(&r->request, &body);
    if (rc == 0) {
        request.body = body.data;
        request.body_len = body.len;
        request.max_body = 4096;
        rc = httpc_start(r->link->httpc, &request, &handlers, &r->exchange, reterr);
    }
    if (body.data != NULL)
        secret_wipe(body.data, body.cap);
    buf_done(&body);
    secret_wipe(r->request.ticket, sizeof(r->request.ticket));
    return rc;
}

int link_redeem(struct link *link, const char *ticket, enum gw_door door, const char *address, link_answer *answer,
                void *arg, struct link_redemption **ret_redemption, struct error *reterr)
{
    struct link_redemption *r = MEM_NEW(struct link_redemption);
    if (r == NULL)
        return err_set(reterr, ERR_NOMEM, "no memory to redeem a ticket");
    r->link = link;
    r->answer = answer;
    r->arg = arg;
    r->request.door = door;
    int rc = text_copy(r->request.ticket, sizeof(r->request.ticket), ticket);
    if (rc == 0)
        rc = text_copy(r->request.address, sizeof(r->request.address), address);
    text_copy(r->request.gateway, sizeof(r->request.gateway), link->name);
    text_copy(r->request.instance, sizeof(r->request.instance), link->instance);
    bool park = link_is_greeting(link);
    if (rc == 0 && !park)
        rc = ask(r, reterr);
    if (rc < 0) {
        discard(r);
        return rc;
    }
    enlist(park ? &link->parked : &link->asking, r);
    *ret_redemption = r;
    return 0;
}

void link_redemption_cancel(struct link_redemption *redemption)
{
    if (redemption == NULL)
        return;
    redemption->answer = NULL;
    if (redemption->exchange == NULL) {
        delist(&redemption->link->parked, redemption);
        discard(redemption);
    }
}

void link_redeem_parked(struct link *link)
{
    while (link->parked != NULL) {
        struct link_redemption *r = link->parked;
        struct error e = {0};
        delist(&link->parked, r);
        int rc = ask(r, &e);
        if (rc == 0) {
            enlist(&link->asking, r);
            continue;
        }
        tell(r, rc, &e, NULL, NULL);
        discard(r);
    }
}

void link_redeem_free(struct link *link)
{
    while (link->parked != NULL) {
        struct link_redemption *r = link->parked;
        delist(&link->parked, r);
        discard(r);
    }
    while (link->asking != NULL) {
        struct link_redemption *r = link->asking;
        delist(&link->asking, r);
        httpc_cancel(r->exchange);
        discard(r);
    }
}
