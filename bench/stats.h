/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stats.h: what is said about a row of slices. Median and quartiles, because a slice that something disturbed must not
 * move the figure; ratios per pair of slices that ran one after the other, because the machine drifts.
 */
#ifndef CARDMUX_BENCH_STATS_H
#define CARDMUX_BENCH_STATS_H

#include <stddef.h>

/* The quantile q (0..1) of n values, between two of them by linear interpolation. Sorts `values`. 0 where n is 0. */
double stats_quantile(double *values, size_t n, double q);
double stats_median(double *values, size_t n);
/* (third quartile - first quartile) / median; 0 where that makes no sense. */
double stats_spread(double *values, size_t n);
/* out[i] = a[i] / b[i] for the pairs where both are above 0; returns how many. */
size_t stats_ratios(const double *a, const double *b, size_t n, double *out);

#endif
