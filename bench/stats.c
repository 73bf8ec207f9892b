/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/stats.h"

#include <stdlib.h>

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double stats_quantile(double *values, size_t n, double q)
{
    if (n == 0)
        return 0;
    qsort(values, n, sizeof(*values), compare);
    double at = q * (double)(n - 1);
    size_t low = (size_t)at;
    if (low + 1 >= n)
        return values[n - 1];
    return values[low] + (at - (double)low) * (values[low + 1] - values[low]);
}

double stats_median(double *values, size_t n)
{
    return stats_quantile(values, n, 0.5);
}

double stats_spread(double *values, size_t n)
{
    double median = stats_median(values, n);
    if (median <= 0)
        return 0;
    return (stats_quantile(values, n, 0.75) - stats_quantile(values, n, 0.25)) / median;
}

size_t stats_ratios(const double *a, const double *b, size_t n, double *out)
{
    size_t made = 0;
    for (size_t i = 0; i < n; i++)
        if (a[i] > 0 && b[i] > 0)
            out[made++] = a[i] / b[i];
    return made;
}
