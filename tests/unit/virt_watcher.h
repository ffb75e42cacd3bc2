/* For tests of lib/virt: collects events and channel bytes, and waits for them with a generous bound. */
#ifndef CARREL_TESTS_VIRT_WATCHER_H
#define CARREL_TESTS_VIRT_WATCHER_H

#include "lib/virt/virt.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

struct watcher {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    char events[16384]; /* "kind domain\n" … */
    char bytes[65536];  /* what channels said, NUL-ended */
    size_t len;
    bool closed;
};

static inline void watcher_init(struct watcher *w)
{
    memset(w, 0, sizeof(*w));
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->changed, NULL);
}

static inline void watcher_event(void *arg, const struct virt_event *event)
{
    struct watcher *w = arg;
    pthread_mutex_lock(&w->lock);
    size_t used = strlen(w->events);
    snprintf(w->events + used, sizeof(w->events) - used, "%s %s\n", virt_event_name(event->kind), event->domain);
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

static inline void watcher_data(void *arg, const void *data, size_t len)
{
    struct watcher *w = arg;
    pthread_mutex_lock(&w->lock);
    if (w->len + len < sizeof(w->bytes)) {
        memcpy(w->bytes + w->len, data, len);
        w->len += len;
    }
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

static inline void watcher_closed(void *arg, const struct error *why)
{
    (void)why;
    struct watcher *w = arg;
    pthread_mutex_lock(&w->lock);
    w->closed = true;
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

static const struct virt_channel_handlers watcher_handlers = {watcher_data, watcher_closed};

/* Waits until `text` stands in events (in_bytes false) or bytes; false after a minute. */
static inline bool watcher_sees(struct watcher *w, bool in_bytes, const char *text)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 60;
    pthread_mutex_lock(&w->lock);
    int rc = 0;
    while (rc == 0 && strstr(in_bytes ? w->bytes : w->events, text) == NULL)
        rc = pthread_cond_timedwait(&w->changed, &w->lock, &until);
    bool seen = strstr(in_bytes ? w->bytes : w->events, text) != NULL;
    pthread_mutex_unlock(&w->lock);
    return seen;
}

static inline bool watcher_closes(struct watcher *w)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 60;
    pthread_mutex_lock(&w->lock);
    int rc = 0;
    while (rc == 0 && !w->closed)
        rc = pthread_cond_timedwait(&w->changed, &w->lock, &until);
    bool closed = w->closed;
    pthread_mutex_unlock(&w->lock);
    return closed;
}

#endif
