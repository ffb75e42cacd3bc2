/* Pipes and buffers that relays borrow while bytes are in flight, and only then. Worker's loop thread.
 *
 * A relay at rest holds neither, so that idle sessions cost no buffer memory. What comes back is kept for the next
 * borrower up to a bound, what is above it is freed. Nothing is allocated for a packet once the stock is warm.
 * Invariant: a pipe that comes back is empty; one with bytes left in it is closed instead. */
#ifndef CARREL_GATEWAY_RELAY_STOCK_H
#define CARREL_GATEWAY_RELAY_STOCK_H

#include "lib/base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* A TLS record is at most 16 KiB; four of them are one borrowed buffer. */
#define STOCK_BUFFER_SIZE 65536
/* Bytes that a pipe shall hold; the kernel may give less (fs.pipe-user-pages-soft). */
#define STOCK_PIPE_SIZE (512 * 1024)

struct stock;

struct stock_pipe {
    int out; /* read end */
    int in;  /* write end */
    struct stock_pipe *next;
};

struct stock_buffer {
    struct stock_buffer *next;
    char data[STOCK_BUFFER_SIZE];
};

/* keep_max: pipes, and buffers, that are kept while nobody borrows them. NULL when out of memory. */
struct stock *stock_new(size_t keep_max);
/* Everything must have come back. NULL is fine. */
void stock_free(struct stock *stock);

/* NULL when descriptors or memory are out. */
struct stock_pipe *stock_take_pipe(struct stock *stock);
/* empty: nothing is left in it. */
void stock_give_pipe(struct stock *stock, struct stock_pipe *pipe, bool empty);
struct stock_buffer *stock_take_buffer(struct stock *stock);
void stock_give_buffer(struct stock *stock, struct stock_buffer *buffer);
/* What is lent now, for tests and figures. */
size_t stock_lent(const struct stock *stock);

#endif
