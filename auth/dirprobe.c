#include "auth/dirprobe.h"

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"

#include <pthread.h>
#include <time.h>

#define TICK_MS 250
#define IDLE_MS 10000 /* a server that nobody used for so long is asked as well */

struct dirprobe {
    struct dirserver *const *servers;
    size_t count;
    const char *base;
    int64_t probe_ms;
    pthread_t thread;
    pthread_mutex_t lock; /* guards `stop` */
    pthread_cond_t wake;
    bool stop;
};

static void ignore_row(void *arg, struct dirconn_entry *entry)
{
    (void)arg;
    (void)entry;
}

static int probe_work(struct dirconn *conn, int64_t deadline_ms, void *arg, struct error *reterr)
{
    static const char *const none[] = {"1.1", NULL}; /* RFC 4511 section 4.5.1.8: no attributes */
    struct dirprobe *probe = arg;
    struct dirconn_query query = {.base = probe->base, .filter = "(objectClass=*)", .attributes = none, .limit = 1};
    return dirconn_search(conn, &query, deadline_ms, ignore_row, NULL, reterr);
}

static void log_failed(struct dirserver *server, const struct error *why)
{
    if (dirserver_failed(server))
        log_event(EV_DIRECTORY_SERVER_DOWN, LOG_STR("server", dirserver_uri(server)), LOG_ERR(why));
}

void dirprobe_worked(struct dirserver *server)
{
    if (dirserver_worked(server))
        log_event(EV_DIRECTORY_SERVER_UP, LOG_STR("server", dirserver_uri(server)));
}

void dirprobe_failed(struct dirprobe *probe, struct dirserver *server, const struct error *why)
{
    log_failed(server, why);
    pthread_cond_signal(&probe->wake);
}

static void probe_server(struct dirprobe *probe, struct dirserver *server)
{
    struct error why = {0};
    int64_t deadline = clock_mono_ms() + probe->probe_ms;
    int rc = dirserver_run(server, DIRSERVER_SEARCH, probe->probe_ms, deadline, probe_work, probe, &why);
    if (rc == 0)
        dirprobe_worked(server);
    else
        log_failed(server, &why);
}

/* False when the probe is to stop. */
static bool wait_tick(struct dirprobe *probe)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += TICK_MS * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    pthread_mutex_lock(&probe->lock);
    if (!probe->stop)
        pthread_cond_timedwait(&probe->wake, &probe->lock, &until);
    bool go_on = !probe->stop;
    pthread_mutex_unlock(&probe->lock);
    return go_on;
}

static bool stopped(struct dirprobe *probe)
{
    pthread_mutex_lock(&probe->lock);
    bool stop = probe->stop;
    pthread_mutex_unlock(&probe->lock);
    return stop;
}

static void *probe_main(void *arg)
{
    struct dirprobe *probe = arg;
    do {
        for (size_t i = 0; i < probe->count && !stopped(probe); i++)
            if (dirserver_probe_due(probe->servers[i], IDLE_MS))
                probe_server(probe, probe->servers[i]);
    } while (wait_tick(probe));
    return NULL;
}

int dirprobe_start(struct dirserver *const *servers, size_t count, const char *base, int64_t probe_ms,
                   struct dirprobe **ret, struct error *reterr)
{
    struct dirprobe *probe = MEM_NEW(struct dirprobe);
    pthread_condattr_t monotonic;
    if (!probe)
        return err_set(reterr, ERR_NOMEM, "out of memory");
    *probe = (struct dirprobe){.servers = servers, .count = count, .base = base, .probe_ms = probe_ms};
    pthread_mutex_init(&probe->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&probe->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    int rc = pthread_create(&probe->thread, NULL, probe_main, probe);
    if (rc != 0) {
        free(probe);
        return err_set_errno(reterr, ERR_NOMEM, rc, "no thread for the directory's probe");
    }
    *ret = probe;
    return 0;
}

void dirprobe_free(struct dirprobe *probe)
{
    if (!probe)
        return;
    pthread_mutex_lock(&probe->lock);
    probe->stop = true;
    pthread_cond_signal(&probe->wake);
    pthread_mutex_unlock(&probe->lock);
    pthread_join(probe->thread, NULL);
    pthread_cond_destroy(&probe->wake);
    pthread_mutex_destroy(&probe->lock);
    free(probe);
}
