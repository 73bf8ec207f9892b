/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/wait.h"

#define SPIN_MIN_NS  20000u   /* twice a wake-up: sleeping is never cheaper than this */
#define SPIN_MAX_NS  400000u  /* an SM2 operation; after it the core is given away at each look */
#define AWAIT_MAX_NS 2000000u /* an answer expected later than this is worth a wake-up */
#define YIELD_MIN_NS 100000u  /* beyond what was expected */
#define EXPECT_MAX   10000000u
#define PRESSED_MIN  20000000u
#define PRESSED_MAX  1000000000u

enum wait_action wait_decide(const struct wait_input *in)
{
    if (in->announced)
        return WAIT_DO_BLOCK;
    if (in->mode == WAIT_SLEEP)
        return WAIT_DO_ANNOUNCE;
    if (in->mode == WAIT_POLL)
        return in->crowded || (in->looks & 0x3ff) == 0x3ff ? WAIT_DO_YIELD : WAIT_DO_SPIN;

    if (in->pressed)
        return !in->crowded && in->expected_ns <= SPIN_MIN_NS && in->waited_ns < SPIN_MIN_NS ? WAIT_DO_SPIN
                                                                                            : WAIT_DO_ANNOUNCE;

    /* for at least the expected time, or not at all */
    uint64_t await = in->expected_ns > AWAIT_MAX_NS ? 0 : in->expected_ns * 2;
    if (in->crowded)
        await *= 3; /* others have their turns meanwhile; sleeping would cost them a wake-up */
    if (await < SPIN_MIN_NS && in->expected_ns <= AWAIT_MAX_NS)
        await = SPIN_MIN_NS;
    if (in->waited_ns < await && in->waited_ns < SPIN_MAX_NS && in->expected_ns < SPIN_MAX_NS)
        return in->crowded ? WAIT_DO_YIELD : WAIT_DO_SPIN;
    if (in->waited_ns < await + YIELD_MIN_NS)
        return WAIT_DO_YIELD;
    return WAIT_DO_ANNOUNCE;
}

void wait_polled(struct wait_pressure *pressure, uint64_t then_ns, uint64_t now_ns)
{
    if (now_ns - then_ns < WAIT_LOST_NS || now_ns < then_ns || wait_pressed(pressure, now_ns))
        return;
    uint64_t until = atomic_load_explicit(&pressure->until_ns, memory_order_relaxed);
    uint64_t span = atomic_load_explicit(&pressure->span_ns, memory_order_relaxed);
    if (!span || now_ns - until > span)
        span = PRESSED_MIN;
    else
        span = span * 2 < PRESSED_MAX ? span * 2 : PRESSED_MAX;
    atomic_store_explicit(&pressure->span_ns, span, memory_order_relaxed);
    atomic_store_explicit(&pressure->until_ns, now_ns + span, memory_order_relaxed);
}

uint64_t wait_expect(uint64_t mean_ns, uint64_t sample_ns)
{
    if (sample_ns > EXPECT_MAX)
        sample_ns = EXPECT_MAX;
    return mean_ns ? mean_ns - mean_ns / 8 + sample_ns / 8 : sample_ns;
}
