#include "gateway/relay/stock.h"

#include "lib/base/mem.h"

#include <assert.h>
#include <fcntl.h>
#include <unistd.h>

struct stock {
    size_t keep_max;
    size_t pipes_kept, buffers_kept;
    size_t lent;
    struct stock_pipe *pipes;
    struct stock_buffer *buffers;
};

struct stock *stock_new(size_t keep_max)
{
    struct stock *stock = MEM_NEW(struct stock);
    if (stock != NULL)
        stock->keep_max = keep_max;
    return stock;
}

static void pipe_close(struct stock_pipe *pipe)
{
    close(pipe->out);
    close(pipe->in);
    free(pipe);
}

void stock_free(struct stock *stock)
{
    if (stock == NULL)
        return;
    assert(stock->lent == 0);
    while (stock->pipes != NULL) {
        struct stock_pipe *pipe = stock->pipes;
        stock->pipes = pipe->next;
        pipe_close(pipe);
    }
    while (stock->buffers != NULL) {
        struct stock_buffer *buffer = stock->buffers;
        stock->buffers = buffer->next;
        free(buffer);
    }
    free(stock);
}

static struct stock_pipe *pipe_open(void)
{
    int ends[2];
    struct stock_pipe *pipe = MEM_NEW(struct stock_pipe);
    if (pipe == NULL)
        return NULL;
    if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) < 0) {
        free(pipe);
        return NULL;
    }
    pipe->out = ends[0];
    pipe->in = ends[1];
    /* Refused above the user's page quota: then it stays at 64 KiB. */
    (void)fcntl(pipe->in, F_SETPIPE_SZ, STOCK_PIPE_SIZE);
    return pipe;
}

struct stock_pipe *stock_take_pipe(struct stock *stock)
{
    struct stock_pipe *pipe = stock->pipes;
    if (pipe != NULL) {
        stock->pipes = pipe->next;
        stock->pipes_kept--;
    } else {
        pipe = pipe_open();
    }
    if (pipe != NULL)
        stock->lent++;
    return pipe;
}

void stock_give_pipe(struct stock *stock, struct stock_pipe *pipe, bool empty)
{
    stock->lent--;
    if (!empty || stock->pipes_kept >= stock->keep_max) {
        pipe_close(pipe);
        return;
    }
    pipe->next = stock->pipes;
    stock->pipes = pipe;
    stock->pipes_kept++;
}

struct stock_buffer *stock_take_buffer(struct stock *stock)
{
    struct stock_buffer *buffer = stock->buffers;
    if (buffer != NULL) {
        stock->buffers = buffer->next;
        stock->buffers_kept--;
    } else {
        buffer = malloc(sizeof(*buffer));
    }
    if (buffer != NULL)
        stock->lent++;
    return buffer;
}

void stock_give_buffer(struct stock *stock, struct stock_buffer *buffer)
{
    stock->lent--;
    if (stock->buffers_kept >= stock->keep_max) {
        free(buffer);
        return;
    }
    buffer->next = stock->buffers;
    stock->buffers = buffer;
    stock->buffers_kept++;
}

size_t stock_lent(const struct stock *stock)
{
    return stock->lent;
}
