/* What a figure was measured on. Reads /proc once; any thread. */
#ifndef CARREL_BENCH_MACHINE_H
#define CARREL_BENCH_MACHINE_H

#include <jansson.h>

/* {cpu, cores, memory_mib, kernel, system, compiler, virtual}. New reference; NULL when memory is out. */
json_t *machine_describe(void);

/* Load averages of 1, 5 and 15 minutes as an array. New reference. */
json_t *machine_load(void);

/* Now as "2026-01-31T12:00:00Z". New reference. */
json_t *machine_time(void);

#endif
