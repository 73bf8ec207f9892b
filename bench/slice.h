/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slice.h: one slice, and how many callers in several processes run it over the same window.
 *
 *   parent: sets begin and end (a moment ahead), counts `phase` up, wakes all, blocks on `finished`
 *   caller: runs from the wake-up on (warm-up, not counted); at its first look at the clock at or after `begin` notes
 *           operations, time and its own CPU clock; at the first at or after `end` again, and that is its slice; then
 * it drains, checks what it kept, adds 1 to `finished` and blocks on `phase`
 *
 * Between slices nobody runs: callers block in futex(2). Rates are operations by time between a caller's own two looks,
 * so that it does not matter when exactly it looked; unless it was kept from looking for a tenth of the window or
 * longer: then its operations before the end count, over the whole window. A caller looks at the clock at every
 * operation, or with echo at every eighth (a look costs about 25 ns, an echo 350).
 */
#ifndef CARDMUX_BENCH_SLICE_H
#define CARDMUX_BENCH_SLICE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "bench/clock.h"
#include "bench/hist.h"

#define SLICE_TEXT    160
#define SLICE_WARM_NS 30000000u

/* What one caller reports; cumulative fields say so. */
struct slice_result {
    double ops_per_s;
    uint64_t ops;       /* in the window */
    uint64_t cpu_ns;    /* of this thread in the window */
    uint64_t all_ops;   /* with warm-up and draining */
    uint64_t doorbells; /* this slice, with warm-up and draining */
    uint64_t sleeps;
    uint64_t errors;  /* cumulative: wrong status, wrong result */
    uint64_t checked; /* cumulative: results compared */
    _Atomic uint32_t failed;
    char text[SLICE_TEXT]; /* failed: why */
    struct hist hist;      /* cumulative, in windows only */
};

struct slice_control {
    _Atomic uint32_t phase;    /* futex: counts up with each slice */
    _Atomic uint32_t finished; /* futex: callers that are ready or done with this phase */
    _Atomic uint32_t quit;
    uint32_t callers;
    uint64_t begin_ns, end_ns; /* written before phase */
    struct slice_result results[];
};

/* Shared with children forked later; NULL: no memory. */
struct slice_control *slice_control_new(uint32_t callers);
void slice_control_free(struct slice_control *control);

/* Parent. slice_start lets all callers run for warm-up and seconds. slice_wait waits until `finished` callers are done,
   for at most timeout_ms; false: time is up or a signal came (look at one's children, then call it again). */
void slice_start(struct slice_control *control, double seconds);
bool slice_wait(struct slice_control *control, int timeout_ms);
void slice_quit(struct slice_control *control);

/* Caller: says it is ready (or done), then waits for the phase after `phase`. False: quit. */
void slice_finished(struct slice_control *control);
bool slice_next(struct slice_control *control, uint32_t *phase);

/* One caller's measuring of one slice. */
struct meter {
    uint64_t begin_ns, end_ns;
    struct slice_result *result;
    uint32_t stride; /* the clock is looked at for each stride-th operation */
    bool on;
    bool over;    /* draining: nothing counts any more */
    uint64_t ops; /* since the slice's start */
    uint64_t at_ops, at_ns, at_cpu;
};

void meter_start(struct meter *meter, uint64_t begin_ns, uint64_t end_ns, uint32_t stride, struct slice_result *result);
/* The rare half of meter_tick: a window's edge. */
bool meter_edge(struct meter *meter, uint64_t now);

/* After an operation was counted. False: the window is over. */
static inline bool meter_tick(struct meter *meter, uint64_t now)
{
    if (meter->on ? now < meter->end_ns : now < meter->begin_ns)
        return true;
    return meter_edge(meter, now);
}

static inline void meter_latency(struct meter *meter, uint64_t ns)
{
    if (meter->on)
        hist_add(&meter->result->hist, ns);
}

#endif
