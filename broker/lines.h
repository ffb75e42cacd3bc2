/* The lines to gateway workers: each holds one event stream by which it is told to drop connections. Also what each
 * worker says that it carries, so that connections which the store has ended by other hands (grace over, desktop lost)
 * are dropped too. Loop's thread. Invariants: what has to be dropped is closed in the store before; a command that
 * finds no stream waits, bounded, and a worker's next hello makes up for lost ones. */
#ifndef CARREL_BROKER_LINES_H
#define CARREL_BROKER_LINES_H

#include "broker/broker.h"

int lines_new(struct broker *broker, struct lines **ret, struct error *reterr);
/* Ends all streams. */
void lines_free(struct lines *lines);

/* The worker's command stream; an older one of it ends. take_req: owned from entry. */
void lines_open(struct lines *lines, const char *worker, struct httpd_request *take_req);

/* Tells `worker` to drop a connection. reason: a few words for its log and the client. */
void lines_drop(struct lines *lines, const char *worker, const char *connection, const char *reason);

/* What workers carry. forget_all: before a hello is worked on. */
void lines_carries(struct lines *lines, const char *worker, const char *connection);
void lines_forget(struct lines *lines, const char *connection);
void lines_forget_all(struct lines *lines, const char *worker);

/* Looks now whether the store still has open what is carried, drops the rest. For the timer, and after changes. */
void lines_reconcile(struct lines *lines);

/* How many workers hold a stream. */
size_t lines_count(const struct lines *lines);

#endif
