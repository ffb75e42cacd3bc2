#include "lib/virt/fake_loop.h"

#include "lib/base/mem.h"

#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/eventfd.h>
#include <time.h>

struct task {
    struct task *next;
    int64_t due_ns;
    const void *owner;
    fake_task_fn *fn;
    void *arg;
};

struct watch {
    int fd;
    const void *owner;
    void (*fn)(int fd, void *arg);
    void *arg;
};

#define WATCH_MAX 16384

static struct {
    pthread_mutex_t lock;
    pthread_cond_t idle; /* `running` became NULL */
    pthread_t thread;
    bool started;
    int wake;           /* eventfd */
    struct task *tasks; /* by due time, then by age */
    struct watch *watches;
    size_t watch_count, watch_cap;
    const void *running; /* owner of the callback that runs */
} loop = {.lock = PTHREAD_MUTEX_INITIALIZER, .idle = PTHREAD_COND_INITIALIZER, .wake = -1};

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void call_begin(const void *owner)
{
    loop.running = owner;
    pthread_mutex_unlock(&loop.lock);
}

static void call_end(void)
{
    pthread_mutex_lock(&loop.lock);
    loop.running = NULL;
    pthread_cond_broadcast(&loop.idle);
}

static void run_due_tasks(void)
{
    while (loop.tasks != NULL && loop.tasks->due_ns <= now_ns()) {
        struct task *task = loop.tasks;
        loop.tasks = task->next;
        call_begin(task->owner);
        task->fn(task->arg);
        free(task->arg);
        free(task);
        call_end();
    }
}

static struct watch *find_watch(int fd)
{
    for (size_t i = 0; i < loop.watch_count; i++)
        if (loop.watches[i].fd == fd)
            return &loop.watches[i];
    return NULL;
}

static void run_ready_watches(const struct pollfd *fds, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        if (fds[i].revents == 0)
            continue;
        /* An earlier callback may have ended this one. */
        struct watch *watch = find_watch(fds[i].fd);
        if (watch == NULL)
            continue;
        struct watch copy = *watch;
        call_begin(copy.owner);
        copy.fn(copy.fd, copy.arg);
        call_end();
    }
}

static int wait_ms(void)
{
    if (loop.tasks == NULL)
        return -1;
    int64_t left = loop.tasks->due_ns - now_ns();
    return left <= 0 ? 0 : (int)((left + 999999) / 1000000);
}

static void *loop_main(void *unused)
{
    (void)unused;
    static struct pollfd fds[WATCH_MAX + 1];
    pthread_mutex_lock(&loop.lock);
    for (;;) {
        fds[0] = (struct pollfd){.fd = loop.wake, .events = POLLIN};
        size_t count = loop.watch_count + 1;
        for (size_t i = 1; i < count; i++)
            fds[i] = (struct pollfd){.fd = loop.watches[i - 1].fd, .events = POLLIN};
        int timeout = wait_ms();
        pthread_mutex_unlock(&loop.lock);
        int ready = poll(fds, count, timeout);
        pthread_mutex_lock(&loop.lock);
        uint64_t rung;
        if (ready > 0 && fds[0].revents != 0 && read(loop.wake, &rung, sizeof(rung)) < 0)
            continue;
        run_due_tasks();
        if (ready > 0)
            run_ready_watches(fds, count);
    }
    return NULL;
}

/* With the lock held. Without memory or threads a simulation cannot go on: it ends its process. */
static void wake_up(void)
{
    if (!loop.started) {
        loop.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (loop.wake < 0 || pthread_create(&loop.thread, NULL, loop_main, NULL) != 0)
            abort();
        loop.started = true;
    }
    uint64_t one = 1;
    if (write(loop.wake, &one, sizeof(one)) < 0)
        return; /* the counter is full: it will wake anyway */
}

void fake_loop_add(uint32_t delay_ms, const void *owner, fake_task_fn *fn, void *take_arg)
{
    struct task *task = MEM_NEW(struct task);
    if (task == NULL)
        abort();
    *task = (struct task){.due_ns = now_ns() + (int64_t)delay_ms * 1000000, .owner = owner, .fn = fn, .arg = take_arg};
    pthread_mutex_lock(&loop.lock);
    struct task **at = &loop.tasks;
    while (*at != NULL && (*at)->due_ns <= task->due_ns)
        at = &(*at)->next;
    task->next = *at;
    *at = task;
    wake_up();
    pthread_mutex_unlock(&loop.lock);
}

void fake_loop_watch(int fd, const void *owner, void (*fn)(int fd, void *arg), void *arg)
{
    pthread_mutex_lock(&loop.lock);
    if (mem_grow(&loop.watches, &loop.watch_cap, loop.watch_count + 1, sizeof(*loop.watches), WATCH_MAX) < 0)
        abort();
    loop.watches[loop.watch_count++] = (struct watch){fd, owner, fn, arg};
    wake_up();
    pthread_mutex_unlock(&loop.lock);
}

void fake_loop_unwatch(int fd)
{
    pthread_mutex_lock(&loop.lock);
    struct watch *watch = find_watch(fd);
    if (watch != NULL)
        *watch = loop.watches[--loop.watch_count];
    pthread_mutex_unlock(&loop.lock);
}

static void drop_tasks(const void *owner)
{
    struct task **at = &loop.tasks;
    while (*at != NULL) {
        struct task *task = *at;
        if (task->owner != owner) {
            at = &task->next;
            continue;
        }
        *at = task->next;
        free(task->arg);
        free(task);
    }
}

void fake_loop_cancel(const void *owner)
{
    pthread_mutex_lock(&loop.lock);
    for (;;) {
        drop_tasks(owner);
        for (size_t i = 0; i < loop.watch_count;)
            if (loop.watches[i].owner == owner)
                loop.watches[i] = loop.watches[--loop.watch_count];
            else
                i++;
        if (loop.running != owner || pthread_equal(pthread_self(), loop.thread))
            break;
        pthread_cond_wait(&loop.idle, &loop.lock);
    }
    pthread_mutex_unlock(&loop.lock);
}
