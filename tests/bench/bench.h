/* The bench harness: what a bench program calls to measure beside a peer and to report rows.
 *
 * A bench is a program `bench_<name>` (TOOLS in tests/bench/module.mk) that `tests/bench/run` starts as `bench_<name>
 * --out FILE`; `bench_report` merges the files into build/bench.json and prints the table. Single-threaded use.
 *
 *     struct bench *bench = bench_open(argc, argv, "clones");
 *     struct ratio r;
 *     if (bench_alternate(9, make_ours, make_peer, &ctx, &r) < 0)
 *         return bench_fail(bench, "the peer did not start");
 *     bench_compare(bench, "linked clones a second, beside qemu-img create", &r, BENCH_AT_LEAST, 50);
 *     return bench_close(bench);
 *
 * A row has the keys what, ours, peer, ratio, asked, met, and no other. The unit stands in `what`. A row that does not
 * meet what is asked is no failure of the run: the bench ran. Only what could not be measured is (bench_fail).
 */
#ifndef CARREL_BENCH_BENCH_H
#define CARREL_BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>

#include "tests/bench/ratio.h"

struct bench;

enum bench_asked {
    BENCH_NOTHING,  /* the figure is told, nothing is asked of it */
    BENCH_AT_LEAST, /* ours/peer must not be below the threshold */
    BENCH_AT_MOST,  /* ours/peer must not be above it */
};

/* name: of the bench, borrowed; rows are titled "<name>: <what>". Options read: --out FILE (where the rows go; without
 * it they are printed only), --quick (see bench_quick). Exits 2 on another option. Never NULL: exits 1 when memory is
 * out. */
struct bench *bench_open(int argc, char **argv, const char *name);

/* True when --quick was given: fewer rounds, to see that the bench works and not to quote its figures. */
bool bench_quick(const struct bench *bench);

/* One measurement: does the work and stores its figure. Returns 0; a negative number ends the bench (it has said why on
 * stderr). */
typedef int bench_measure(void *ctx, double *ret_figure);

/* Measures both once unrecorded (caches, page faults), then in `pairs` pairs; the order within a pair changes from pair
 * to pair, so that drift of the machine touches both alike. Returns 0, or the negative number of the measurement that
 * failed; -1 when a figure is not above zero or pairs is 0. */
int bench_alternate(size_t pairs, bench_measure *ours, bench_measure *peer, void *ctx, struct ratio *ret);

/* Ours beside a peer measured in this run. threshold: of ours/peer. Judged by the mean; whether the 95 % interval lies
 * wholly on one side of the threshold is told beside the row ("sure"). */
void bench_compare(struct bench *bench, const char *what, const struct ratio *r, enum bench_asked asked,
                   double threshold);

/* Ours beside a fixed limit (a published figure, a budget) in the same unit; limit above zero. ours/limit must be ≥ 1
 * or ≤ 1. */
void bench_limit(struct bench *bench, const char *what, double ours, double limit, enum bench_asked asked);

/* A figure without a peer. */
void bench_tell(struct bench *bench, const char *what, double ours);

/* A sentence about the conditions, for the reader of the report (the peer's version, its configuration). printf-like.
 */
void bench_note(struct bench *bench, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Writes the rows and frees. Returns the exit status: 0, or 1 when they could not be written or there are none. */
int bench_close(struct bench *bench);

/* Says on stderr why the bench could not run, and frees. Returns the exit status 1. */
int bench_fail(struct bench *bench, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Seconds on the monotonic clock, and CPU seconds used by this process and its waited-for children. */
double bench_now(void);
double bench_cpu(void);

#endif
