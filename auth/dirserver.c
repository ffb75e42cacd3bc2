#include "auth/dirserver.h"

#include "auth/breaker.h"
#include "lib/base/clock.h"
#include "lib/base/mem.h"

#include <pthread.h>

#define IDLE_MAX     32    /* connections kept for each use */
#define IDLE_KEEP_MS 60000 /* a firewall may have forgotten an older one */

struct idle {
    struct dirconn *conns[IDLE_MAX];
    size_t count;
};

struct dirserver {
    struct dirconn_target target;
    const struct dirserver_account *account;
    int64_t connect_ms;
    pthread_mutex_t lock; /* guards what follows */
    struct breaker breaker;
    struct idle idle[DIRSERVER_USES];
    uint64_t generation; /* connections taken before the last failure are not kept */
    int64_t heard_ms;    /* when it last proved to work or to fail; 0 = never */
};

struct dirserver *dirserver_new(struct dirconn_target *take_target, const struct dirserver_account *account,
                                int64_t connect_ms)
{
    struct dirserver *server = MEM_NEW(struct dirserver);
    if (!server) {
        dirconn_target_done(take_target);
        return NULL;
    }
    server->target = *take_target;
    *take_target = (struct dirconn_target){0};
    server->account = account;
    server->connect_ms = connect_ms;
    pthread_mutex_init(&server->lock, NULL);
    return server;
}

static void close_all(struct idle idle[DIRSERVER_USES])
{
    for (size_t use = 0; use < DIRSERVER_USES; use++)
        while (idle[use].count > 0)
            dirconn_free(idle[use].conns[--idle[use].count]);
}

void dirserver_free(struct dirserver *server)
{
    if (!server)
        return;
    close_all(server->idle);
    dirconn_target_done(&server->target);
    pthread_mutex_destroy(&server->lock);
    free(server);
}

const char *dirserver_uri(const struct dirserver *server)
{
    return server->target.uri;
}

/* The youngest idle connection, NULL when there is none. */
static struct dirconn *take_idle(struct dirserver *server, enum dirserver_use use, uint64_t *ret_generation)
{
    struct dirconn *conn = NULL, *stale = NULL;
    pthread_mutex_lock(&server->lock);
    struct idle *idle = &server->idle[use];
    *ret_generation = server->generation;
    if (idle->count > 0)
        conn = idle->conns[--idle->count];
    if (conn && clock_mono_ms() - dirconn_used_ms(conn) > IDLE_KEEP_MS)
        stale = TAKE_PTR(conn);
    pthread_mutex_unlock(&server->lock);
    dirconn_free(stale);
    return conn;
}

static void give_back(struct dirserver *server, enum dirserver_use use, struct dirconn *conn, uint64_t generation)
{
    pthread_mutex_lock(&server->lock);
    struct idle *idle = &server->idle[use];
    if (generation == server->generation && idle->count < IDLE_MAX)
        idle->conns[idle->count++] = TAKE_PTR(conn);
    pthread_mutex_unlock(&server->lock);
    dirconn_free(conn);
}

/* A connection that was just made, bound as the service account when it is for searching. */
static int open_new(struct dirserver *server, enum dirserver_use use, int64_t deadline_ms, struct dirconn **ret,
                    struct error *reterr)
{
    int64_t until = clock_mono_ms() + server->connect_ms;
    struct dirconn *conn = NULL;
    if (until > deadline_ms)
        until = deadline_ms;
    int rc = dirconn_open(&server->target, until, &conn, reterr);
    if (rc != 0)
        return rc;
    if (use == DIRSERVER_SEARCH && *server->account->dn) {
        rc = dirconn_bind(conn, server->account->dn, server->account->password, until, reterr);
        if (rc != 0) {
            dirconn_free(conn);
            err_prefix(reterr, "%s: the service account \"%s\" cannot bind", server->target.uri, server->account->dn);
            return rc == ERR_TIMEOUT || rc == ERR_UNREACHABLE ? rc : ERR_DIRECTORY_DOWN;
        }
    }
    *ret = conn;
    return 0;
}

static bool conn_broken(int rc)
{
    return rc == ERR_TIMEOUT || rc == ERR_UNREACHABLE || rc == ERR_NOMEM;
}

static int64_t sooner(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int dirserver_run(struct dirserver *server, enum dirserver_use use, int64_t work_ms, int64_t deadline_ms,
                  dirserver_work *work, void *arg, struct error *reterr)
{
    for (;;) {
        uint64_t generation = 0;
        struct dirconn *conn = take_idle(server, use, &generation);
        bool pooled = conn != NULL;
        int rc = pooled ? 0 : open_new(server, use, deadline_ms, &conn, reterr);
        if (rc != 0)
            return rc;
        rc = work(conn, sooner(deadline_ms, clock_mono_ms() + work_ms), arg, reterr);
        if (!conn_broken(rc)) {
            give_back(server, use, conn, generation);
            return rc;
        }
        dirconn_free(conn);
        /* A server that was restarted has closed the idle ones: no fault of its own. Each round uses one up. */
        if (rc != ERR_UNREACHABLE || !pooled)
            return rc;
    }
}

bool dirserver_failed(struct dirserver *server)
{
    struct idle idle[DIRSERVER_USES];
    pthread_mutex_lock(&server->lock);
    int64_t now = clock_mono_ms();
    bool opened = breaker_failed(&server->breaker, now);
    for (size_t use = 0; use < DIRSERVER_USES; use++) {
        idle[use] = server->idle[use];
        server->idle[use].count = 0;
    }
    server->generation++;
    server->heard_ms = now;
    pthread_mutex_unlock(&server->lock);
    close_all(idle);
    return opened;
}

bool dirserver_worked(struct dirserver *server)
{
    pthread_mutex_lock(&server->lock);
    bool closed = breaker_worked(&server->breaker);
    server->heard_ms = clock_mono_ms();
    pthread_mutex_unlock(&server->lock);
    return closed;
}

bool dirserver_usable(struct dirserver *server)
{
    pthread_mutex_lock(&server->lock);
    bool usable = breaker_allows(&server->breaker);
    pthread_mutex_unlock(&server->lock);
    return usable;
}

bool dirserver_probe_due(struct dirserver *server, int64_t idle_ms)
{
    pthread_mutex_lock(&server->lock);
    int64_t now = clock_mono_ms();
    bool due = server->breaker.open ? breaker_probe_due(&server->breaker, now)
                                    : server->heard_ms == 0 || now - server->heard_ms >= idle_ms;
    pthread_mutex_unlock(&server->lock);
    return due;
}
