/* The ratio of two figures measured in turns, and how far it can be trusted.
 *
 * Pure; any thread. Ours and the peer's are measured in pairs close together in time, so each pair's ratio is free of
 * most of the machine's noise. Ratios multiply, so the mean and Student's interval are taken of their logarithms.
 */
#ifndef CARREL_BENCH_RATIO_H
#define CARREL_BENCH_RATIO_H

#include <stdbool.h>
#include <stddef.h>

struct ratio {
    double ours;      /* median of ours, in the caller's unit */
    double peer;      /* median of the peer's, same unit */
    double ratio;     /* geometric mean of ours/peer over the pairs */
    double low, high; /* 95 % confidence interval of `ratio`; both equal to it when there is only one pair */
    size_t pairs;
};

/* ours[i] and peer[i] belong together; all must be finite and above zero, n at least 1.
 * Returns false, and leaves ret untouched, when they are not. */
bool ratio_of(const double *ours, const double *peer, size_t n, struct ratio *ret);

/* Median; n at least 1. Sorts `values` in place. */
double ratio_median(double *values, size_t n);

/* The value below which the share `q` (0..1) of the sorted `values` lies (nearest rank); n at least 1. */
double ratio_quantile(const double *sorted, size_t n, double q);

#endif
