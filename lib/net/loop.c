#include "lib/net/loop.h"

#include "lib/base/mem.h"

#include <pthread.h>
#include <signal.h>

#define LOOP_SIGNALS_MAX 8

struct loop_signal {
    uv_signal_t handle;
    void (*fn)(int signum, void *arg);
    void *arg;
};

struct loop {
    uv_loop_t uv;
    uv_async_t wake;
    struct loop_signal signals[LOOP_SIGNALS_MAX];
    unsigned signal_count;
    pthread_mutex_t lock; /* first, last and each task's next and queued */
    struct loop_task *first, *last;
};

struct loop_timer {
    uv_timer_t handle;
    void (*fn)(void *arg);
    void *arg;
};

static struct loop_task *take_posted(struct loop *loop)
{
    pthread_mutex_lock(&loop->lock);
    struct loop_task *task = loop->first;
    if (task != NULL) {
        loop->first = task->next;
        if (loop->first == NULL)
            loop->last = NULL;
        task->next = NULL;
        task->queued = false;
    }
    pthread_mutex_unlock(&loop->lock);
    return task;
}

static void run_posted(uv_async_t *wake)
{
    struct loop *loop = wake->data;
    /* What is posted meanwhile waits for the next round, so that input and timers get their turn. */
    pthread_mutex_lock(&loop->lock);
    const struct loop_task *last = loop->last;
    pthread_mutex_unlock(&loop->lock);
    for (bool more = last != NULL; more;) {
        struct loop_task *task = take_posted(loop);
        if (task == NULL)
            return;
        more = task != last;
        task->run(task); /* may free it or post it again */
    }
    pthread_mutex_lock(&loop->lock);
    if (loop->first != NULL)
        uv_async_send(&loop->wake);
    pthread_mutex_unlock(&loop->lock);
}

int loop_new(struct loop **ret_loop, struct error *reterr)
{
    struct loop *loop = MEM_NEW(struct loop);
    if (loop == NULL)
        return err_set(reterr, ERR_NOMEM, "no memory for the event loop");
    int r = uv_loop_init(&loop->uv);
    if (r < 0) {
        free(loop);
        return err_set_lib(reterr, ERR_IO, r, "cannot make an event loop: %s", uv_strerror(r));
    }
    loop->uv.data = loop;
    r = uv_async_init(&loop->uv, &loop->wake, run_posted);
    if (r < 0) {
        uv_loop_close(&loop->uv);
        free(loop);
        return err_set_lib(reterr, ERR_IO, r, "cannot make the loop's wake-up descriptor: %s", uv_strerror(r));
    }
    loop->wake.data = loop;
    pthread_mutex_init(&loop->lock, NULL);
    signal(SIGPIPE, SIG_IGN);
    *ret_loop = loop;
    return 0;
}

void loop_free(struct loop *loop)
{
    if (loop == NULL)
        return;
    while (take_posted(loop) != NULL)
        continue;
    uv_close((uv_handle_t *)&loop->wake, NULL);
    for (unsigned i = 0; i < loop->signal_count; i++)
        uv_close((uv_handle_t *)&loop->signals[i].handle, NULL);
    /* Close callbacks of others may close more handles; a handle that somebody forgot must not hang the end. */
    for (int round = 0; round < 100 && uv_loop_close(&loop->uv) == UV_EBUSY; round++)
        uv_run(&loop->uv, UV_RUN_NOWAIT);
    pthread_mutex_destroy(&loop->lock);
    free(loop);
}

uv_loop_t *loop_uv(struct loop *loop)
{
    return &loop->uv;
}

void loop_run(struct loop *loop)
{
    uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void loop_run_once(struct loop *loop, bool wait)
{
    uv_run(&loop->uv, wait ? UV_RUN_ONCE : UV_RUN_NOWAIT);
}

void loop_stop(struct loop *loop)
{
    uv_stop(&loop->uv);
}

void loop_post(struct loop *loop, struct loop_task *task)
{
    pthread_mutex_lock(&loop->lock);
    if (!task->queued) {
        task->queued = true;
        task->next = NULL;
        if (loop->last != NULL)
            loop->last->next = task;
        else
            loop->first = task;
        loop->last = task;
    }
    /* Inside the lock: the loop's thread may free the task, and the loop, as soon as the task has run. */
    uv_async_send(&loop->wake);
    pthread_mutex_unlock(&loop->lock);
}

bool loop_unpost(struct loop *loop, struct loop_task *task)
{
    pthread_mutex_lock(&loop->lock);
    struct loop_task *before = NULL;
    struct loop_task *at = loop->first;
    while (at != NULL && at != task) {
        before = at;
        at = at->next;
    }
    if (at != NULL) {
        if (before != NULL)
            before->next = task->next;
        else
            loop->first = task->next;
        if (loop->last == task)
            loop->last = before;
        task->next = NULL;
        task->queued = false;
    }
    pthread_mutex_unlock(&loop->lock);
    return at != NULL;
}

static void signal_arrived(uv_signal_t *handle, int signum)
{
    struct loop_signal *s = handle->data;
    s->fn(signum, s->arg);
}

int loop_on_signal(struct loop *loop, int signum, void (*fn)(int signum, void *arg), void *arg, struct error *reterr)
{
    for (unsigned i = 0; i < loop->signal_count; i++) {
        if (loop->signals[i].handle.signum == signum) {
            loop->signals[i].fn = fn;
            loop->signals[i].arg = arg;
            return 0;
        }
    }
    if (loop->signal_count == LOOP_SIGNALS_MAX)
        return err_set(reterr, ERR_TOO_BIG, "more than %d signals are watched", LOOP_SIGNALS_MAX);
    struct loop_signal *s = &loop->signals[loop->signal_count];
    int r = uv_signal_init(&loop->uv, &s->handle);
    if (r < 0)
        return err_set_lib(reterr, ERR_IO, r, "cannot watch signal %d: %s", signum, uv_strerror(r));
    loop->signal_count++;
    s->handle.data = s;
    s->fn = fn;
    s->arg = arg;
    r = uv_signal_start(&s->handle, signal_arrived, signum);
    if (r < 0)
        return err_set_lib(reterr, ERR_IO, r, "cannot watch signal %d: %s", signum, uv_strerror(r));
    return 0;
}

struct loop_timer *loop_timer_new(struct loop *loop, void (*fn)(void *arg), void *arg)
{
    struct loop_timer *timer = MEM_NEW(struct loop_timer);
    if (timer == NULL)
        return NULL;
    uv_timer_init(&loop->uv, &timer->handle);
    timer->handle.data = timer;
    timer->fn = fn;
    timer->arg = arg;
    return timer;
}

static void timer_fired(uv_timer_t *handle)
{
    struct loop_timer *timer = handle->data;
    timer->fn(timer->arg);
}

void loop_timer_start(struct loop_timer *timer, uint64_t delay_ms, uint64_t repeat_ms)
{
    /* libuv counts from its cached time, which is old after a long callback. */
    uv_update_time(timer->handle.loop);
    uv_timer_start(&timer->handle, timer_fired, delay_ms, repeat_ms);
}

void loop_timer_stop(struct loop_timer *timer)
{
    uv_timer_stop(&timer->handle);
}

bool loop_timer_running(const struct loop_timer *timer)
{
    return uv_is_active((const uv_handle_t *)&timer->handle) != 0;
}

static void timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void loop_timer_free(struct loop_timer *timer)
{
    if (timer != NULL)
        uv_close((uv_handle_t *)&timer->handle, timer_closed);
}
