/* Channels of simulated hosts: the host's end of a guest's serial port; see fake_host.h. */
#include "lib/virt/fake_host.h"
#include "lib/virt/fake_loop.h"

#include <stdio.h>
#include <string.h>

struct piece {
    struct fake_channel *channel;
    struct error why;
    size_t len;
    char data[];
};

static struct piece *piece_new(struct fake_channel *channel, const void *data, size_t len)
{
    struct piece *piece = mem_zalloc(1, sizeof(*piece) + len);
    if (piece == NULL)
        abort(); /* a simulation without memory ends its process */
    piece->channel = channel;
    piece->len = len;
    if (len > 0)
        memcpy(piece->data, data, len);
    return piece;
}

static void deliver(void *arg)
{
    struct piece *piece = arg;
    if (piece->channel->handlers.data != NULL)
        piece->channel->handlers.data(piece->channel->arg, piece->data, piece->len);
}

static void deliver_end(void *arg)
{
    struct piece *piece = arg;
    if (piece->channel->handlers.closed != NULL)
        piece->channel->handlers.closed(piece->channel->arg, &piece->why);
}

void fake_channel_say(struct fake_channel *channel, const void *data, size_t len)
{
    const char *bytes = data;
    while (len > 0) {
        size_t some = len < 65536 ? len : 65536;
        fake_loop_add(0, channel, deliver, piece_new(channel, bytes, some));
        bytes += some;
        len -= some;
    }
}

void fake_channel_end(struct fake_channel *channel, const char *why)
{
    if (channel->domain == NULL)
        return;
    channel->domain->channels[channel->helper ? 0 : 1] = NULL;
    channel->domain = NULL;
    struct piece *piece = piece_new(channel, NULL, 0);
    err_set(&piece->why, ERR_CLOSED, "%s", why);
    fake_loop_add(0, channel, deliver_end, piece);
}

static int open_channel(struct fake_conn *conn, const char *name, bool helper, struct fake_channel *channel,
                        struct error *reterr)
{
    struct fake_domain *domain = fake_domain_find(conn->host, name);
    if (domain == NULL)
        return err_set(reterr, ERR_NOT_FOUND, "no domain %s", name);
    if (domain->state != VIRT_DOMAIN_RUNNING && domain->state != VIRT_DOMAIN_PAUSED)
        return err_set(reterr, ERR_ILLEGAL_MOVE, "domain %s is not running", name);
    struct fake_channel **slot = &domain->channels[helper ? 0 : 1];
    if (*slot != NULL)
        fake_channel_end(*slot, "the channel was opened by another");
    channel->domain = domain;
    *slot = channel;
    return 0;
}

int fake_channel_open(struct virt *virt, const char *domain, const char *name,
                      const struct virt_channel_handlers *handlers, void *arg, struct virt_channel **ret,
                      struct error *reterr)
{
    struct fake_conn *conn = (struct fake_conn *)virt;
    bool helper = strcmp(name, VIRT_CHANNEL_CARREL) == 0;
    if (!helper && strcmp(name, VIRT_CHANNEL_QGA) != 0)
        return err_set(reterr, ERR_NOT_FOUND, "no channel %s", name);
    struct fake_channel *channel = MEM_NEW(struct fake_channel);
    if (channel == NULL)
        return err_set(reterr, ERR_NOMEM, "no memory for a channel");
    *channel = (struct fake_channel){
        .base = {virt->ops}, .host = conn->host, .conn = conn, .helper = helper, .handlers = *handlers, .arg = arg};
    buf_init(&channel->line, FAKE_LINE_MAX);
    struct virt_channel *before = *ret;
    int rc = fake_enter(conn, FAKE_CHANNEL, reterr);
    if (rc == 0) {
        rc = open_channel(conn, domain, helper, channel, reterr);
        if (rc == 0) {
            *ret = &channel->base;
            if (helper)
                fake_guest_greet(channel->domain);
        }
        rc = fake_leave(conn, FAKE_CHANNEL, rc, reterr);
    }
    if (rc < 0) {
        *ret = before;
        fake_channel_close(&channel->base);
    }
    return rc;
}

int fake_channel_send(struct virt_channel *base, const void *data, size_t len, struct error *reterr)
{
    struct fake_channel *channel = (struct fake_channel *)base;
    pthread_mutex_lock(&channel->host->lock);
    int rc = channel->domain == NULL ? err_set(reterr, ERR_CLOSED, "the desktop's channel is closed")
                                     : fake_guest_receive(channel, data, len, reterr);
    pthread_mutex_unlock(&channel->host->lock);
    return rc;
}

void fake_channel_close(struct virt_channel *base)
{
    struct fake_channel *channel = (struct fake_channel *)base;
    pthread_mutex_lock(&channel->host->lock);
    if (channel->domain != NULL)
        channel->domain->channels[channel->helper ? 0 : 1] = NULL;
    channel->domain = NULL;
    pthread_mutex_unlock(&channel->host->lock);
    fake_loop_cancel(channel);
    buf_done(&channel->line);
    free(channel);
}
