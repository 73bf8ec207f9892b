/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/hist.h"

void hist_merge(struct hist *into, const struct hist *from)
{
    for (uint32_t i = 0; i < HIST_BUCKETS; i++)
        into->count[i] += from->count[i];
    into->total += from->total;
    if (from->max_ns > into->max_ns)
        into->max_ns = from->max_ns;
}

uint64_t hist_bucket_low(uint32_t bucket)
{
    if (bucket < HIST_STEPS)
        return bucket;
    uint32_t octave = bucket / HIST_STEPS - 1u + HIST_STEP_BITS;
    uint64_t step = bucket % HIST_STEPS;
    return (HIST_STEPS + step) << (octave - HIST_STEP_BITS);
}

double hist_bucket_middle(uint32_t bucket)
{
    if (bucket < 2u * HIST_STEPS)
        return (double)bucket; /* one value each */
    uint64_t low = hist_bucket_low(bucket);
    uint64_t width = 1ull << (bucket / HIST_STEPS - 1u);
    return (double)low + (double)(width - 1u) / 2.0;
}

double hist_percentile(const struct hist *hist, double p)
{
    if (hist->total == 0)
        return 0;
    double rank = p * (double)hist->total;
    uint64_t seen = 0;
    for (uint32_t i = 0; i < HIST_BUCKETS; i++) {
        seen += hist->count[i];
        if (hist->count[i] != 0 && (double)seen >= rank) {
            double middle = hist_bucket_middle(i);
            return middle < (double)hist->max_ns ? middle : (double)hist->max_ns;
        }
    }
    return (double)hist->max_ns;
}
