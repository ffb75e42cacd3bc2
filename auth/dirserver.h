/* One server of a directory: its idle connections and its health. Any worker thread, and the directory's probe thread;
 * its own lock inside. Invariants: search connections are bound as the service account, bind connections as whoever
 * came last and are used for nothing else. When the server fails every idle connection to it is closed. */
#ifndef CARREL_AUTH_DIRSERVER_H
#define CARREL_AUTH_DIRSERVER_H

#include "auth/dirconn.h"

struct dirserver;

enum dirserver_use { DIRSERVER_SEARCH, DIRSERVER_BIND, DIRSERVER_USES };

struct dirserver_account {
    const char *dn; /* "" = search anonymously */
    const struct secret *password;
};

/* take_target: owned from here on, also on failure. account: borrowed, must outlive the server. connect_ms: for TCP,
 * TLS and the service bind together. NULL when memory is out. */
struct dirserver *dirserver_new(struct dirconn_target *take_target, const struct dirserver_account *account,
                                int64_t connect_ms);
void dirserver_free(struct dirserver *server);

const char *dirserver_uri(const struct dirserver *server);

/* Something done on a connection. Returns as dirconn_bind() and dirconn_search() do. */
typedef int dirserver_work(struct dirconn *conn, int64_t deadline_ms, void *arg, struct error *reterr);

/* Runs `work` on an idle connection or a new one, and on a new one again when an idle one proves to be stale.
 * work_ms: how long the work itself may take; deadline_ms: the end of all. Errors: those of `work`; ERR_TIMEOUT,
 * ERR_UNREACHABLE, ERR_TLS, ERR_NOMEM; ERR_DIRECTORY_DOWN when the service account cannot bind. */
int dirserver_run(struct dirserver *server, enum dirserver_use use, int64_t work_ms, int64_t deadline_ms,
                  dirserver_work *work, void *arg, struct error *reterr);

/* Health. Each returns true when this call changed it, so that the caller logs it once. */
bool dirserver_failed(struct dirserver *server);
bool dirserver_worked(struct dirserver *server);
bool dirserver_usable(struct dirserver *server);
/* A probe is due: the server failed and its wait is over, or nobody has used it for `idle_ms`. */
bool dirserver_probe_due(struct dirserver *server, int64_t idle_ms);

#endif
