/* Waiting for the disk once for many files. Worker threads only. */
#ifndef CARREL_LINKEDCLONE_DURABLE_H
#define CARREL_LINKEDCLONE_DURABLE_H

#include "lib/base/err.h"

#include <stddef.h>

/* fsync all of `fds`, side by side: fsyncs that wait at once share the journal's commit and the device's flush (5 ms
 * each on a virtual disk; one after the other they allow 180 files a second). syncfs would wait for the guests' dirty
 * pages on the same file system too. Returns when all are durable; ERR_IO or ERR_NO_SPACE of one of them else. */
int durable_sync(const int *fds, size_t count, struct error *reterr);

#endif
