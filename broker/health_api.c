#include "broker/health_api.h"

#include "broker/lines.h"
#include "broker/openapi.h"

bool health_alive(struct call *call)
{
    call->answer = json_pack("{ss}", "status", "ok");
    return false;
}

struct ready_state {
    int store;
    struct error why;
};

int health_ready_work(struct call *call, struct error *reterr)
{
    struct ready_state *state = MEM_NEW(struct ready_state);
    if (state == NULL)
        return err_set(reterr, ERR_NOMEM, "out of memory");
    call->state = state;
    call->state_free = free;
    state->store = store_ping(call->broker->store, &state->why);
    return 0;
}

/* 200 or 503 with the same body: a load balancer looks at the status, a person at the words. */
bool health_ready(struct call *call)
{
    const struct ready_state *state = call->state;
    struct error why = {0};
    int directory = call->broker->auth->ops->ready(call->broker->auth, &why);
    call->status = state->store == 0 && directory == 0 ? 200 : 503;
    call->answer = json_pack("{ss ss ss sI}", "status", call->status == 200 ? "ready" : "not ready", "store",
                             state->store == 0 ? "ok" : err_message(&state->why), "directory",
                             directory == 0 ? "ok" : err_message(&why), "gateway_workers",
                             (json_int_t)lines_count(call->broker->lines));
    return false;
}

bool openapi_answer(struct call *call)
{
    call->answer = openapi_document();
    return false;
}
