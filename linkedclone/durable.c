#include "linkedclone/durable.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#define THREADS_MAX 32
#define STACK       65536

struct work {
    const int *fds;
    size_t count;
    atomic_size_t next;
    atomic_int failed; /* errno of one that failed */
};

static void *run(void *arg)
{
    struct work *work = arg;
    for (;;) {
        size_t i = atomic_fetch_add(&work->next, 1);
        if (i >= work->count)
            return NULL;
        if (fsync(work->fds[i]) < 0)
            atomic_store(&work->failed, errno);
    }
}

int durable_sync(const int *fds, size_t count, struct error *reterr)
{
    struct work work = {.fds = fds, .count = count};
    pthread_t threads[THREADS_MAX];
    size_t wanted = count < THREADS_MAX ? count : THREADS_MAX, started = 0;
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK);
    /* The caller is one of them; with fewer threads than wanted it takes longer. */
    while (started + 1 < wanted && pthread_create(&threads[started], &attr, run, &work) == 0)
        started++;
    pthread_attr_destroy(&attr);
    run(&work);
    for (size_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    int failed = atomic_load(&work.failed);
    return failed == 0 ? 0 : err_set_errno(reterr, ERR_IO, failed, "making clones durable");
}
