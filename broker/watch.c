#include "broker/watch.h"

#include "broker/session_json.h"
#include "broker/vault.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/proto/doc.h"

#include <string.h>

struct watcher {
    struct watch *watch;
    struct watcher *next, *prev;
    struct httpd_request *req;
    char session[ID_SIZE];
    char *last; /* the text that was sent last */
};

/* A look at the store: the watched sessions, each once, sorted by id. */
struct look {
    struct workpool_job job;
    struct watch *watch;
    struct session_view *views; /* row.id is set before, the rest by the worker */
    int *results;
    size_t count;
};

struct watch {
    struct broker *broker;
    struct loop_timer *timer;
    struct watcher *watchers;
    int64_t count;
    struct look *look; /* under way; NULL = none */
    bool again;        /* something changed meanwhile */
};

static void unlink_watcher(struct watcher *w)
{
    struct watch *watch = w->watch;
    if (w->prev != NULL)
        w->prev->next = w->next;
    else
        watch->watchers = w->next;
    if (w->next != NULL)
        w->next->prev = w->prev;
    watch->count--;
}

static void watcher_end(struct watcher *w)
{
    unlink_watcher(w);
    httpd_on_gone(w->req, NULL, NULL);
    httpd_sse_end(w->req);
    free(w->last);
    free(w);
}

static void on_gone(struct httpd_request *req, void *arg)
{
    (void)req;
    watcher_end(arg);
}

/* Sends what is new. The stream ends with the state that the person waited for. */
static void tell(struct watcher *w, const struct session_view *view)
{
    bool ready = false;
    json_t *doc CLEANUP(doc_freep) = session_json_own(w->watch->broker, view, NULL, &ready);
    char *text = doc != NULL ? doc_write(doc) : NULL;
    if (text == NULL)
        return;
    if (w->last != NULL && strcmp(w->last, text) == 0) {
        free(text);
        return;
    }
    int rc = httpd_sse_send(w->req, "session", NULL, text);
    if (w->last != NULL)
        secret_wipe(w->last, strlen(w->last));
    free(w->last);
    w->last = text;
    if (rc != 0 || ready || view->row.state == SESSION_ENDED) {
        secret_wipe(text, strlen(text));
        watcher_end(w);
    }
}

static int by_id(const void *a, const void *b)
{
    return strcmp(((const struct session_view *)a)->row.id, ((const struct session_view *)b)->row.id);
}

static void look_free(struct look *look)
{
    free(look->views);
    free(look->results);
    free(look);
}

static struct look *look_new(struct watch *watch)
{
    struct look *look = MEM_NEW(struct look);
    size_t room = (size_t)watch->count, n = 0;
    if (look == NULL)
        return NULL;
    look->watch = watch;
    look->views = MEM_ARRAY(struct session_view, room);
    look->results = MEM_ARRAY(int, room);
    if (look->views == NULL || look->results == NULL) {
        look_free(look);
        return NULL;
    }
    for (struct watcher *w = watch->watchers; w != NULL; w = w->next)
        text_copy(look->views[n++].row.id, ID_SIZE, w->session);
    qsort(look->views, n, sizeof(look->views[0]), by_id);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || by_id(&look->views[i], &look->views[look->count - 1]) != 0)
            look->views[look->count++] = look->views[i];
    return look;
}

static void look_work(struct workpool_job *job, void *thread_data)
{
    (void)thread_data;
    struct look *look = CONTAINER_OF(job, struct look, job);
    for (size_t i = 0; i < look->count; i++) {
        char id[ID_SIZE];
        text_copy(id, sizeof(id), look->views[i].row.id);
        look->results[i] = session_load(look->watch->broker->store, id, NULL, &look->views[i], NULL);
        if (look->results[i] != 0 &&
            look->results[i] != ERR_NOT_FOUND) { /* the store is down: no use in asking for each */
            for (; i < look->count; i++)
                look->results[i] = ERR_STORE_DOWN;
        }
    }
}

static void start_look(struct watch *watch);

static void distribute(struct watch *watch, struct look *look)
{
    for (struct watcher *w = watch->watchers, *next; w != NULL; w = next) {
        struct session_view key = {0};
        next = w->next;
        text_copy(key.row.id, sizeof(key.row.id), w->session);
        struct session_view *view = bsearch(&key, look->views, look->count, sizeof(key), by_id);
        int rc = view != NULL ? look->results[view - look->views] : ERR_STORE_DOWN;
        if (rc == 0)
            tell(w, view);
        else if (rc == ERR_NOT_FOUND)
            watcher_end(w);
    }
}

static void looked(struct workpool_job *job, int status)
{
    struct look *look = CONTAINER_OF(job, struct look, job);
    struct watch *watch = look->watch;
    watch->look = NULL;
    if (status == 0)
        distribute(watch, look);
    look_free(look);
    if (watch->count == 0)
        loop_timer_stop(watch->timer);
    else if (watch->again && status != ERR_CANCELLED)
        start_look(watch);
}

static void start_look(struct watch *watch)
{
    watch->again = watch->look != NULL;
    if (watch->look != NULL || watch->count == 0)
        return;
    struct look *look = look_new(watch);
    if (look == NULL)
        return;
    look->job = (struct workpool_job){.work = look_work, .done = looked, .deadline_ms = clock_mono_ms() + 5000};
    if (workpool_submit(watch->broker->store_work, &look->job) != 0)
        look_free(look); /* the timer comes again */
    else
        watch->look = look;
}

static void on_timer(void *arg)
{
    struct watch *watch = arg;
    if (watch->look == NULL)
        start_look(watch);
}

int watch_new(struct broker *broker, struct watch **ret, struct error *reterr)
{
    struct watch *watch = MEM_NEW(struct watch);
    struct loop_timer *timer = watch != NULL ? loop_timer_new(broker->loop, on_timer, watch) : NULL;
    if (timer == NULL) {
        free(watch);
        return err_set(reterr, ERR_NOMEM, "out of memory");
    }
    watch->broker = broker;
    watch->timer = timer;
    *ret = watch;
    return 0;
}

void watch_free(struct watch *watch)
{
    if (watch == NULL)
        return;
    while (watch->watchers != NULL)
        watcher_end(watch->watchers);
    loop_timer_free(watch->timer);
    free(watch);
}

int watch_add(struct watch *watch, struct httpd_request *take_req, const struct session_view *view)
{
    struct watcher *w = watch->count < watch->broker->conf.watchers_max ? MEM_NEW(struct watcher) : NULL;
    if (w == NULL)
        return ERR_BUSY;
    w->watch = watch;
    w->req = take_req;
    text_copy(w->session, sizeof(w->session), view->row.id);
    w->next = watch->watchers;
    if (w->next != NULL)
        w->next->prev = w;
    watch->watchers = w;
    watch->count++;
    httpd_sse_begin(take_req); /* that the client has gone is told by on_gone */
    httpd_on_gone(take_req, on_gone, w);
    uint64_t every = (uint64_t)watch->broker->conf.watch;
    if (!loop_timer_running(watch->timer))
        loop_timer_start(watch->timer, every, every);
    tell(w, view);
    return 0;
}

void watch_poke(struct watch *watch)
{
    start_look(watch);
}
