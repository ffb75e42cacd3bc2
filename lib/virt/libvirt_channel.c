/* Hosts through libvirt: guests' serial ports as libvirt streams, which work over every transport; contracts in
 * virt.h. The stream is read and written in the event thread only; senders queue. */
#include "lib/virt/libvirt_conn.h"

#include <stdio.h>
#include <string.h>

#define PIECE       65536
#define PIECES_MAX  16 /* of one channel before others have their turn */
#define READ_EVENTS (VIR_STREAM_EVENT_READABLE | VIR_STREAM_EVENT_ERROR | VIR_STREAM_EVENT_HANGUP)

void libvirt_channel_ref(struct libvirt_channel *channel)
{
    pthread_mutex_lock(&channel->lock);
    channel->refs++;
    pthread_mutex_unlock(&channel->lock);
}

void libvirt_channel_unref(struct libvirt_channel *channel)
{
    pthread_mutex_lock(&channel->lock);
    int left = --channel->refs;
    pthread_cond_broadcast(&channel->dropped);
    pthread_mutex_unlock(&channel->lock);
    if (left > 0)
        return;
    if (channel->stream != NULL)
        virStreamFree(channel->stream);
    gate_done(&channel->gate);
    pthread_cond_destroy(&channel->dropped);
    pthread_mutex_destroy(&channel->lock);
    free(channel->queue);
    free(channel);
}

static void drop(int timer, void *arg)
{
    virEventRemoveTimeout(timer);
    libvirt_channel_unref(arg);
}

/* A call of on_stream may still be on its way when its callback is removed, and libvirt 9.0 never calls the function
 * that should tell of its end (remoteStreamCallbackFree asks for the wrong field). Calls and timers run in one thread:
 * when the timer runs, the call is over. Without memory for a timer the channel is never freed. */
static void unwatch(struct libvirt_channel *channel)
{
    virStreamEventRemoveCallback(channel->stream);
    if (virEventAddTimeout(0, drop, channel, NULL) >= 0)
        return;
    pthread_mutex_lock(&channel->lock);
    channel->stuck = true;
    pthread_mutex_unlock(&channel->lock);
}

/* Whether this call ended it; it is unwatched then. */
static bool end_once(struct libvirt_channel *channel)
{
    pthread_mutex_lock(&channel->lock);
    bool first = !channel->ended;
    channel->ended = true;
    bool watched = channel->watched;
    channel->watched = false;
    pthread_mutex_unlock(&channel->lock);
    if (watched)
        unwatch(channel);
    return first;
}

void libvirt_channel_end(struct libvirt_channel *channel, const char *why)
{
    struct error error = {0};
    err_set(&error, ERR_CLOSED, "%s", why);
    if (!end_once(channel) || channel->handlers.closed == NULL || !gate_enter(&channel->gate))
        return;
    channel->handlers.closed(channel->arg, &error);
    gate_leave(&channel->gate);
}

static void read_some(struct libvirt_channel *channel)
{
    char piece[PIECE];
    for (int i = 0; i < PIECES_MAX; i++) {
        int got = virStreamRecv(channel->stream, piece, sizeof(piece));
        if (got == -2)
            return;
        if (got <= 0) {
            libvirt_channel_end(channel, got == 0 ? "the desktop's channel ended" : "the desktop's channel failed");
            return;
        }
        if (!gate_enter(&channel->gate))
            return;
        if (channel->handlers.data != NULL)
            channel->handlers.data(channel->arg, piece, (size_t)got);
        gate_leave(&channel->gate);
    }
}

/* With the lock held. */
static int write_queue(struct libvirt_channel *channel)
{
    while (channel->queue_len > 0) {
        int put = virStreamSend(channel->stream, channel->queue, channel->queue_len);
        if (put < 0)
            return put == -2 ? 0 : -1;
        channel->queue_len -= (size_t)put;
        memmove(channel->queue, channel->queue + put, channel->queue_len);
    }
    channel->writing = false;
    return virStreamEventUpdateCallback(channel->stream, READ_EVENTS);
}

static void on_stream(virStreamPtr stream, int events, void *arg)
{
    (void)stream;
    struct libvirt_channel *channel = arg;
    if ((events & VIR_STREAM_EVENT_READABLE) != 0)
        read_some(channel);
    int rc = 0;
    pthread_mutex_lock(&channel->lock);
    if ((events & VIR_STREAM_EVENT_WRITABLE) != 0 && !channel->ended)
        rc = write_queue(channel);
    pthread_mutex_unlock(&channel->lock);
    if (rc < 0)
        libvirt_channel_end(channel, "writing to the desktop's channel failed");
    if ((events & (VIR_STREAM_EVENT_ERROR | VIR_STREAM_EVENT_HANGUP)) != 0)
        libvirt_channel_end(channel, "the desktop's channel was closed");
}

static int open_stream(struct libvirt_channel *channel, const char *name, const char *port, struct error *reterr)
{
    struct libvirt_conn *conn = channel->conn;
    virDomainPtr domain CLEANUP_DOMAIN = virDomainLookupByName(conn->conn, name);
    if (domain == NULL)
        return libvirt_fail(conn, reterr, "looking for the domain");
    if (virDomainIsActive(domain) == 0)
        return err_set(reterr, ERR_ILLEGAL_MOVE, "domain %s is not running", name);
    channel->stream = virStreamNew(conn->conn, VIR_STREAM_NONBLOCK);
    if (channel->stream == NULL)
        return libvirt_fail(conn, reterr, "opening a stream");
    if (virDomainOpenChannel(domain, port, channel->stream, VIR_DOMAIN_CHANNEL_FORCE) == 0)
        return 0;
    struct error why = {0};
    int rc = libvirt_fail(conn, &why, "opening the channel");
    if (rc == ERR_VIRT && strstr(why.text, "cannot find") != NULL)
        rc = ERR_NOT_FOUND; /* libvirt has no code of its own for it */
    return err_set_lib(reterr, rc, why.lib_code, "%s", why.text);
}

/* From here on callbacks may come. */
static int watch(struct libvirt_channel *channel, struct error *reterr)
{
    struct libvirt_conn *conn = channel->conn;
    pthread_mutex_lock(&conn->lock);
    bool lost = conn->lost;
    channel->next = conn->channels;
    conn->channels = channel;
    pthread_mutex_unlock(&conn->lock);
    if (lost)
        return err_set(reterr, ERR_HOST_DOWN, "the connection to the host is lost");
    libvirt_channel_ref(channel);
    pthread_mutex_lock(&channel->lock);
    channel->watched = !channel->ended;
    int rc = channel->watched ? virStreamEventAddCallback(channel->stream, READ_EVENTS, on_stream, channel, NULL) : -1;
    channel->watched = rc == 0;
    pthread_mutex_unlock(&channel->lock);
    if (rc == 0)
        return 0;
    libvirt_channel_unref(channel);
    return libvirt_fail(conn, reterr, "watching the channel");
}

int libvirt_channel_open(struct virt *virt, const char *domain, const char *name,
                         const struct virt_channel_handlers *handlers, void *arg, struct virt_channel **ret,
                         struct error *reterr)
{
    struct libvirt_channel *channel = MEM_NEW(struct libvirt_channel);
    if (channel == NULL)
        return err_set(reterr, ERR_NOMEM, "no memory for a channel");
    *channel = (struct libvirt_channel){
        .base = {virt->ops}, .conn = (struct libvirt_conn *)virt, .handlers = *handlers, .arg = arg, .refs = 1};
    gate_init(&channel->gate);
    pthread_mutex_init(&channel->lock, NULL);
    pthread_cond_init(&channel->dropped, NULL);
    int rc = open_stream(channel, domain, name, reterr);
    struct virt_channel *before = *ret;
    *ret = &channel->base;
    if (rc == 0)
        rc = watch(channel, reterr);
    if (rc < 0) {
        *ret = before;
        libvirt_channel_close(&channel->base);
    }
    return rc;
}

int libvirt_channel_send(struct virt_channel *base, const void *data, size_t len, struct error *reterr)
{
    struct libvirt_channel *channel = (struct libvirt_channel *)base;
    int rc = 0;
    pthread_mutex_lock(&channel->lock);
    if (channel->ended)
        rc = err_set(reterr, ERR_CLOSED, "the desktop's channel is closed");
    else if (channel->queue_len + len > VIRT_CHANNEL_QUEUE_MAX)
        rc = err_set(reterr, ERR_BUSY, "the desktop does not read its channel");
    else
        rc = mem_grow(&channel->queue, &channel->queue_cap, channel->queue_len + len, 1, VIRT_CHANNEL_QUEUE_MAX);
    if (rc == 0 && len > 0) {
        memcpy(channel->queue + channel->queue_len, data, len);
        channel->queue_len += len;
        if (!channel->writing &&
            virStreamEventUpdateCallback(channel->stream, READ_EVENTS | VIR_STREAM_EVENT_WRITABLE) == 0)
            channel->writing = true;
    }
    pthread_mutex_unlock(&channel->lock);
    return rc;
}

static void unlink_channel(struct libvirt_channel *channel)
{
    pthread_mutex_lock(&channel->conn->lock);
    for (struct libvirt_channel **at = &channel->conn->channels; *at != NULL; at = &(*at)->next)
        if (*at == channel) {
            *at = channel->next;
            break;
        }
    pthread_mutex_unlock(&channel->conn->lock);
}

void libvirt_channel_close(struct virt_channel *base)
{
    struct libvirt_channel *channel = (struct libvirt_channel *)base;
    gate_shut(&channel->gate);
    unlink_channel(channel);
    (void)end_once(channel);
    if (channel->stream != NULL)
        virStreamAbort(channel->stream);
    /* The stream holds the connection: it is freed here, so that closing the connection never falls to the event
     * thread, which must not wait for a host. */
    pthread_mutex_lock(&channel->lock);
    while (channel->refs > 1 && !channel->stuck)
        pthread_cond_wait(&channel->dropped, &channel->lock);
    pthread_mutex_unlock(&channel->lock);
    libvirt_channel_unref(channel);
}
