/* The writer thread of an engine with one writer: group commit. Internal to lib/store.
 *
 * Callers queue an operation and sleep. The thread takes all that wait (bounded), runs each in a savepoint inside one
 * transaction, commits once and wakes them. An operation that fails is undone alone. When the commit itself fails, or
 * an error ended the transaction, each operation is done again alone, so that one bad operation fails nobody else. */
#ifndef CARREL_STORE_WRITER_H
#define CARREL_STORE_WRITER_H

#include "lib/store/store_tx.h"

/* Start the thread. take_conn is closed with it. */
int writer_start(struct store *store, struct store_conn *take_conn, struct writer **ret_writer, struct error *reterr);
/* Finish what waits, end the thread, close the connection. NULL is fine. */
void writer_stop(struct writer *writer);
/* Run one operation and wait for its commit. ERR_BUSY: too many are waiting. */
int writer_run(struct writer *writer, store_tx_fn *fn, void *arg, struct error *reterr);

#endif
