/* One direction of a relay: bytes from one stream to another. Worker's loop thread.
 *
 * Between two plain sockets the bytes stay in the kernel: splice(2) into a borrowed pipe and out of it. With TLS on a
 * side, or where splice is not possible, they are copied once through a borrowed buffer. Never more than one pipe or
 * buffer is filled: while the sink takes nothing, the source is not read (backpressure).
 * Invariant: nothing is borrowed while nothing is in flight. */
#ifndef CARREL_GATEWAY_RELAY_FLOW_H
#define CARREL_GATEWAY_RELAY_FLOW_H

#include "gateway/relay/stock.h"
#include "lib/net/stream.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum flow_state {
    FLOW_DRY,         /* wait until the source is readable */
    FLOW_BLOCKED,     /* wait until the sink is writable */
    FLOW_MORE,        /* the round's share is used up; the source is still readable */
    FLOW_ENDED,       /* the source ended in order, everything has been delivered */
    FLOW_SOURCE_LOST, /* reading failed */
    FLOW_SINK_LOST,   /* writing failed */
    FLOW_NO_MEMORY    /* neither pipe nor buffer to be had */
};

struct flow {
    struct stream *from, *to; /* borrowed */
    struct stock *stock;      /* borrowed */
    struct stock_pipe *pipe;
    struct stock_buffer *buffer;
    size_t start;   /* of what is held, in the buffer */
    size_t held;    /* bytes in flight in the pipe or buffer */
    bool splices;   /* both sides plain and the kernel takes them */
    bool ended;     /* the source has no more */
    uint64_t bytes; /* delivered to the sink */
};

void flow_init(struct flow *flow, struct stock *stock, struct stream *from, struct stream *to);
/* Moves what can be moved now, at most about a megabyte. */
enum flow_state flow_pump(struct flow *flow);
/* Gives back what is borrowed. The streams are not touched. */
void flow_done(struct flow *flow);

#endif
