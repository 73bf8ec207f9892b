/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hist.h: a histogram of durations with a relative error of at most 1/32, for percentiles.
 *
 * Logarithmic with 32 linear steps in each octave, as HDR histograms are: adding is a few instructions and one store,
 * merging is adding up. Durations up to 2^41 ns (36 minutes); longer ones are counted in the last bucket. A struct hist
 * of zeros is empty, so one can live in shared memory. Not thread-safe: one per thread, merged afterwards.
 */
#ifndef CARDMUX_BENCH_HIST_H
#define CARDMUX_BENCH_HIST_H

#include <stdint.h>

#define HIST_STEP_BITS  5u
#define HIST_STEPS      (1u << HIST_STEP_BITS)
#define HIST_OCTAVE_MAX 40u
#define HIST_BUCKETS    ((HIST_OCTAVE_MAX - HIST_STEP_BITS + 2u) * HIST_STEPS)

struct hist {
    uint64_t total;
    uint64_t max_ns;
    uint64_t count[HIST_BUCKETS];
};

static inline uint32_t hist_bucket(uint64_t ns)
{
    if (ns < HIST_STEPS)
        return (uint32_t)ns;
    uint32_t octave = 63u - (uint32_t)__builtin_clzll(ns);
    if (octave > HIST_OCTAVE_MAX)
        return HIST_BUCKETS - 1u;
    return (octave - HIST_STEP_BITS + 1u) * HIST_STEPS +
           ((uint32_t)(ns >> (octave - HIST_STEP_BITS)) & (HIST_STEPS - 1u));
}

static inline void hist_add(struct hist *hist, uint64_t ns)
{
    hist->count[hist_bucket(ns)]++;
    hist->total++;
    if (ns > hist->max_ns)
        hist->max_ns = ns;
}

void hist_merge(struct hist *into, const struct hist *from);
/* The smallest duration that a bucket holds, and the middle of what it holds. */
uint64_t hist_bucket_low(uint32_t bucket);
double hist_bucket_middle(uint32_t bucket);
/* The duration that a share p (0..1) of the samples does not exceed, in ns: the middle of its bucket. 0 where empty. */
double hist_percentile(const struct hist *hist, double p);

#endif
