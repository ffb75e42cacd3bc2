/* Time. Any thread. Tests set a fake clock. */
#ifndef CARREL_BASE_CLOCK_H
#define CARREL_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

/* Milliseconds since the Unix epoch: for the store and for people. */
int64_t clock_wall_ms(void);
/* Monotonic milliseconds: for deadlines inside a process. */
int64_t clock_mono_ms(void);
/* Monotonic nanoseconds: for measuring. Never faked. */
int64_t clock_mono_ns(void);

/* RFC 3339 in UTC with milliseconds, "2026-11-22T16:55:58.123Z". */
#define CLOCK_TEXT_SIZE 32
void clock_text(int64_t wall_ms, char ret_text[CLOCK_TEXT_SIZE]);

/* Tests only: both clocks stand at these values until moved again; negative = real time. */
void clock_fake_set(int64_t wall_ms, int64_t mono_ms);
void clock_fake_advance(int64_t ms);

#endif
