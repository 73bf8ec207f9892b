/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/wait.h"

#define SPIN_MIN_NS  20000u  /* twice a wake-up: sleeping is never cheaper than this */
#define SPIN_MAX_NS  400000u /* an SM2 operation; beyond it a wake-up is lost in the noise */
#define YIELD_MIN_NS 100000u /* after spinning, or instead of it where crowded */
#define EXPECT_MAX   10000000u

enum wait_action wait_decide(const struct wait_input *in)
{
    if (in->announced)
        return WAIT_DO_BLOCK;
    if (in->mode == WAIT_SLEEP)
        return WAIT_DO_ANNOUNCE;
    if (in->mode == WAIT_POLL)
        return in->crowded || (in->looks & 0x3ff) == 0x3ff ? WAIT_DO_YIELD : WAIT_DO_SPIN;

    uint64_t spin = in->expected_ns * 2;
    if (spin > SPIN_MAX_NS)
        spin = in->expected_ns < SPIN_MAX_NS ? SPIN_MAX_NS : 0; /* for at least the expected time, or not at all */
    else if (spin < SPIN_MIN_NS)
        spin = SPIN_MIN_NS;
    if (in->waited_ns < spin)
        return in->crowded ? WAIT_DO_YIELD : WAIT_DO_SPIN;
    if (in->waited_ns < spin + YIELD_MIN_NS)
        return WAIT_DO_YIELD;
    return WAIT_DO_ANNOUNCE;
}

uint64_t wait_expect(uint64_t mean_ns, uint64_t sample_ns)
{
    if (sample_ns > EXPECT_MAX)
        sample_ns = EXPECT_MAX;
    return mean_ns ? mean_ns - mean_ns / 8 + sample_ns / 8 : sample_ns;
}
