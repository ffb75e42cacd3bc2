#include "gateway/relay/relay.h"

#include "gateway/relay/flow.h"
#include "lib/base/clock.h"
#include "lib/base/id.h"
#include "lib/base/mem.h"
#include "lib/base/text.h"

/* How long the other side may go on after one has ended. */
#define HALF_CLOSED_MS 30000

static const struct sm_state states[RELAY_STATE_COUNT] = {
    [RELAY_OPEN] = {"open", SM_TO(RELAY_CLIENT_ENDED) | SM_TO(RELAY_DESKTOP_ENDED) | SM_TO(RELAY_OVER), 0},
    [RELAY_CLIENT_ENDED] = {"client-ended", SM_TO(RELAY_OVER), HALF_CLOSED_MS},
    [RELAY_DESKTOP_ENDED] = {"desktop-ended", SM_TO(RELAY_OVER), HALF_CLOSED_MS},
    [RELAY_OVER] = {"over", 0, 0},
};
const struct sm relay_sm = {"relay", states, RELAY_STATE_COUNT};

struct relay {
    struct relay_options options;
    char id[ID_SIZE];
    int state;
    enum gw_reason first_end; /* of the side that ended first */
    struct stream *client, *desktop;
    struct flow up, down;
    struct loop_timer *timer;  /* the next of the deadlines below; idle is looked at only when it rings */
    struct loop_task too_soon; /* an end that was found before relay_new returned */
    enum gw_reason too_soon_reason;
    bool starting;
    int64_t limit_at; /* clock_mono_ms(); 0 = none */
    int64_t state_until;
    int64_t last_bytes_at; /* as seen by the timer */
    uint64_t last_bytes;
};

static void free_streams(struct relay *relay)
{
    flow_done(&relay->up);
    flow_done(&relay->down);
    stream_free(relay->client);
    stream_free(relay->desktop);
    relay->client = NULL;
    relay->desktop = NULL;
}

void relay_free(struct relay *relay)
{
    if (relay == NULL)
        return;
    free_streams(relay);
    loop_timer_free(relay->timer);
    loop_unpost(relay->options.loop, &relay->too_soon);
    free(relay);
}

void relay_end(struct relay *relay, enum gw_reason reason)
{
    if (relay->state == RELAY_OVER)
        return;
    if (relay->starting) {
        relay->too_soon_reason = reason;
        loop_post(relay->options.loop, &relay->too_soon);
        return;
    }
    sm_move(&relay_sm, relay->id, &relay->state, RELAY_OVER, NULL);
    free_streams(relay);
    loop_timer_stop(relay->timer);
    relay->options.on_end(relay, reason, relay->options.arg);
}

static void ended_too_soon(struct loop_task *task)
{
    struct relay *relay = CONTAINER_OF(task, struct relay, too_soon);
    relay_end(relay, relay->too_soon_reason);
}

static int64_t earlier(int64_t a, int64_t b)
{
    return b != 0 && (a == 0 || b < a) ? b : a;
}

static void set_timer(struct relay *relay, int64_t now)
{
    int64_t at = earlier(relay->limit_at, relay->state_until);
    if (relay->options.idle_s > 0)
        at = earlier(at, relay->last_bytes_at + relay->options.idle_s * 1000);
    if (at != 0)
        loop_timer_start(relay->timer, at > now ? (uint64_t)(at - now) : 0, 0);
}

static void timer_rang(void *arg)
{
    struct relay *relay = arg;
    int64_t now = clock_mono_ms();
    uint64_t bytes = relay->up.bytes + relay->down.bytes;
    if (bytes != relay->last_bytes) {
        relay->last_bytes = bytes;
        relay->last_bytes_at = now;
    }
    if (relay->limit_at != 0 && now >= relay->limit_at)
        relay_end(relay, GW_REASON_LIMIT);
    else if (relay->state_until != 0 && now >= relay->state_until)
        relay_end(relay, relay->first_end);
    else if (relay->options.idle_s > 0 && now - relay->last_bytes_at >= relay->options.idle_s * 1000)
        relay_end(relay, GW_REASON_IDLE);
    else
        set_timer(relay, now);
}

/* One direction has delivered its last byte. */
static void half_ended(struct relay *relay, const struct flow *flow)
{
    bool up = flow == &relay->up;
    enum gw_reason reason = up ? GW_REASON_CLIENT_CLOSED : GW_REASON_DESKTOP_CLOSED;
    if (relay->state != RELAY_OPEN) {
        if (relay->first_end != reason)
            relay_end(relay, relay->first_end);
        return;
    }
    int64_t now = clock_mono_ms();
    relay->first_end = reason;
    sm_move(&relay_sm, relay->id, &relay->state, up ? RELAY_CLIENT_ENDED : RELAY_DESKTOP_ENDED, NULL);
    relay->state_until = sm_deadline(&relay_sm, relay->state, now);
    set_timer(relay, now);
    stream_shutdown(flow->to);
}

/* Returns whether the relay still lives. */
static bool pump(struct relay *relay, struct flow *flow)
{
    bool up = flow == &relay->up;
    switch (flow_pump(flow)) {
    case FLOW_DRY:
    case FLOW_BLOCKED:
    case FLOW_MORE:
        return true;
    case FLOW_ENDED:
        half_ended(relay, flow);
        return relay->state != RELAY_OVER;
    case FLOW_NO_MEMORY:
        relay_end(relay, GW_REASON_FAILED);
        return false;
    case FLOW_SOURCE_LOST:
        relay_end(relay, up ? GW_REASON_CLIENT_CLOSED : GW_REASON_DESKTOP_CLOSED);
        return false;
    case FLOW_SINK_LOST:
    default:
        relay_end(relay, up ? GW_REASON_DESKTOP_CLOSED : GW_REASON_CLIENT_CLOSED);
        return false;
    }
}

/* A stream is read while what came from it has been delivered, and watched for room while something waits for it. */
static unsigned interest(const struct flow *from_it, const struct flow *to_it)
{
    unsigned events = 0;
    if (!from_it->ended && from_it->held == 0)
        events |= STREAM_READABLE;
    if (to_it->held > 0)
        events |= STREAM_WRITABLE;
    return events;
}

static void watch(struct relay *relay)
{
    stream_watch(relay->client, interest(&relay->up, &relay->down));
    stream_watch(relay->desktop, interest(&relay->down, &relay->up));
}

/* `end` was told to on_end and the relay may be freed: nothing may be touched when a pump says so. */
static void client_event(struct stream *s, unsigned events, void *arg)
{
    struct relay *relay = arg;
    (void)s;
    if ((events & STREAM_WRITABLE) && !pump(relay, &relay->down))
        return;
    if ((events & STREAM_READABLE) && !pump(relay, &relay->up))
        return;
    watch(relay);
}

static void desktop_event(struct stream *s, unsigned events, void *arg)
{
    struct relay *relay = arg;
    (void)s;
    if ((events & STREAM_READABLE) && !pump(relay, &relay->down))
        return;
    if ((events & STREAM_WRITABLE) && !pump(relay, &relay->up))
        return;
    watch(relay);
}

static void start(struct relay *relay)
{
    int64_t now = clock_mono_ms();
    relay->limit_at = relay->options.limit_s > 0 ? now + relay->options.limit_s * 1000 : 0;
    relay->last_bytes_at = now;
    set_timer(relay, now);
    flow_init(&relay->up, relay->options.stock, relay->client, relay->desktop);
    flow_init(&relay->down, relay->options.stock, relay->desktop, relay->client);
    stream_set_handler(relay->client, client_event, relay);
    stream_set_handler(relay->desktop, desktop_event, relay);
    relay->starting = true;
    pump(relay, &relay->down);
    pump(relay, &relay->up);
    relay->starting = false;
    watch(relay);
}

int relay_new(const struct relay_options *options, struct stream *take_client, struct stream *take_desktop,
              struct relay **ret_relay, struct error *reterr)
{
    struct relay *relay = MEM_NEW(struct relay);
    struct loop_timer *timer = relay != NULL ? loop_timer_new(options->loop, timer_rang, relay) : NULL;
    if (timer == NULL) {
        free(relay);
        stream_free(take_client);
        stream_free(take_desktop);
        return err_set(reterr, ERR_NOMEM, "no memory for a relay");
    }
    relay->options = *options;
    relay->options.id = NULL;
    text_copy(relay->id, sizeof(relay->id), options->id);
    relay->timer = timer;
    relay->too_soon.run = ended_too_soon;
    relay->client = take_client;
    relay->desktop = take_desktop;
    start(relay);
    *ret_relay = relay;
    return 0;
}

void relay_bytes(const struct relay *relay, uint64_t *ret_up, uint64_t *ret_down)
{
    *ret_up = relay->up.bytes;
    *ret_down = relay->down.bytes;
}
