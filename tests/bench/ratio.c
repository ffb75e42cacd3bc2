#include "tests/bench/ratio.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

double ratio_median(double *values, size_t n)
{
    qsort(values, n, sizeof(*values), by_value);
    return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

double ratio_quantile(const double *sorted, size_t n, double q)
{
    double rank = ceil(q * (double)n);

    if (rank < 1)
        return sorted[0];
    return sorted[rank >= (double)n ? n - 1 : (size_t)rank - 1];
}

/* Student's t at 97.5 %, by degrees of freedom; beyond the table the Cornish-Fisher expansion is right to 4 digits. */
static double student_975(size_t df)
{
    static const double t[] = {0,     12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
                               2.201, 2.179,  2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086};
    const double z = 1.959964;

    if (df < sizeof(t) / sizeof(t[0]))
        return t[df];
    double v = (double)df;
    return z + (z * z * z + z) / (4 * v) + (5 * pow(z, 5) + 16 * z * z * z + 3 * z) / (96 * v * v);
}

static double median_of_copy(const double *values, size_t n)
{
    double *copy = malloc(n * sizeof(*copy));

    if (!copy)
        return NAN;
    memcpy(copy, values, n * sizeof(*copy));
    double median = ratio_median(copy, n);
    free(copy);
    return median;
}

bool ratio_of(const double *ours, const double *peer, size_t n, struct ratio *ret)
{
    double sum = 0, squares = 0;

    if (n == 0)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!(ours[i] > 0) || !(peer[i] > 0) || !isfinite(ours[i]) || !isfinite(peer[i]))
            return false;
        sum += log(ours[i] / peer[i]);
    }
    double mean = sum / (double)n;
    for (size_t i = 0; i < n; i++)
        squares += pow(log(ours[i] / peer[i]) - mean, 2);
    double half = n > 1 ? student_975(n - 1) * sqrt(squares / (double)(n - 1) / (double)n) : 0;

    *ret = (struct ratio){.ours = median_of_copy(ours, n),
                          .peer = median_of_copy(peer, n),
                          .ratio = exp(mean),
                          .low = exp(mean - half),
                          .high = exp(mean + half),
                          .pairs = n};
    return true;
}
