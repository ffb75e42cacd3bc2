#include "gateway/relay/flow.h"

#include <errno.h>
#include <fcntl.h>

#define ROUND_BYTES (1024 * 1024) /* then the other connections of this worker have their turn */

/* What one step of a pump came to. */
enum step { STEP_ON, STEP_WAIT, STEP_END, STEP_LOST, STEP_NO_MEMORY };

void flow_init(struct flow *flow, struct stock *stock, struct stream *from, struct stream *to)
{
    *flow = (struct flow){.from = from, .to = to, .stock = stock};
    flow->splices = !stream_is_tls(from) && !stream_is_tls(to);
}

static void give_back(struct flow *flow)
{
    if (flow->pipe != NULL)
        stock_give_pipe(flow->stock, flow->pipe, flow->held == 0);
    if (flow->buffer != NULL)
        stock_give_buffer(flow->stock, flow->buffer);
    flow->pipe = NULL;
    flow->buffer = NULL;
    flow->start = 0;
}

void flow_done(struct flow *flow)
{
    give_back(flow);
    flow->held = 0;
}

static enum step read_copied(struct flow *flow)
{
    if (flow->buffer == NULL)
        flow->buffer = stock_take_buffer(flow->stock);
    if (flow->buffer == NULL)
        return STEP_NO_MEMORY;
    flow->start = 0;
    switch (stream_read(flow->from, flow->buffer->data, sizeof(flow->buffer->data), &flow->held, NULL)) {
    case 0:
        return STEP_ON;
    case ERR_AGAIN:
        return STEP_WAIT;
    case ERR_CLOSED:
        return STEP_END;
    default:
        return STEP_LOST;
    }
}

static enum step read_spliced(struct flow *flow)
{
    if (flow->pipe == NULL)
        flow->pipe = stock_take_pipe(flow->stock);
    if (flow->pipe == NULL) {
        flow->splices = false;
        return read_copied(flow);
    }
    ssize_t n =
        splice(stream_fd(flow->from), NULL, flow->pipe->in, NULL, STOCK_PIPE_SIZE, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (n > 0) {
        flow->held = (size_t)n;
        return STEP_ON;
    }
    if (n == 0)
        return STEP_END;
    if (errno == EAGAIN || errno == EINTR)
        return STEP_WAIT;
    if (errno != EINVAL)
        return STEP_LOST;
    give_back(flow);
    flow->splices = false; /* a socket that cannot be spliced */
    return read_copied(flow);
}

static enum step write_copied(struct flow *flow)
{
    size_t n = 0;
    switch (stream_write(flow->to, flow->buffer->data + flow->start, flow->held, &n, NULL)) {
    case 0:
        flow->start += n;
        flow->held -= n;
        flow->bytes += n;
        return STEP_ON;
    case ERR_AGAIN:
        return STEP_WAIT;
    default:
        return STEP_LOST;
    }
}

static enum step write_spliced(struct flow *flow)
{
    ssize_t n = splice(flow->pipe->out, NULL, stream_fd(flow->to), NULL, flow->held, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (n > 0) {
        flow->held -= (size_t)n;
        flow->bytes += (uint64_t)n;
        return STEP_ON;
    }
    return n < 0 && (errno == EAGAIN || errno == EINTR) ? STEP_WAIT : STEP_LOST;
}

static enum flow_state deliver(struct flow *flow)
{
    while (flow->held > 0) {
        enum step step = flow->pipe != NULL ? write_spliced(flow) : write_copied(flow);
        if (step == STEP_WAIT)
            return FLOW_BLOCKED;
        if (step != STEP_ON)
            return FLOW_SINK_LOST;
    }
    return FLOW_MORE;
}

static enum flow_state pump(struct flow *flow)
{
    uint64_t stop = flow->bytes + ROUND_BYTES;
    for (;;) {
        enum flow_state state = deliver(flow);
        if (state != FLOW_MORE)
            return state;
        if (flow->ended)
            return FLOW_ENDED;
        if (flow->bytes >= stop)
            return FLOW_MORE;
        switch (flow->splices ? read_spliced(flow) : read_copied(flow)) {
        case STEP_ON:
            break;
        case STEP_WAIT:
            return FLOW_DRY;
        case STEP_END:
            flow->ended = true;
            break;
        case STEP_NO_MEMORY:
            return FLOW_NO_MEMORY;
        case STEP_LOST:
        default:
            return FLOW_SOURCE_LOST;
        }
    }
}

enum flow_state flow_pump(struct flow *flow)
{
    enum flow_state state = pump(flow);
    if (flow->held == 0)
        give_back(flow);
    return state;
}
