/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wait.h: the waiting rule, one pure function for both ends.
 *
 * Whoever waits for the peer calls wait_decide() after each look that found nothing and does what it says. A wake-up
 * costs the waker about 10 us and the sleeper more, so short waits are worth spinning; but where there are fewer free
 * cores than pollers a spinner holds the core that the peer, or the card, needs (measured: three times slower), so
 * there it gives the core away at every look (sched_yield), or sleeps. A wait is never without end: blocking is for at
 * most WAIT_BLOCK_MS, then the caller looks at the generation and at its deadline, and asks again.
 */
#ifndef CARDMUX_PROTO_WAIT_H
#define CARDMUX_PROTO_WAIT_H

#include <stdbool.h>
#include <stdint.h>

#define WAIT_BLOCK_MS 100

enum wait_mode {
    WAIT_ADAPTIVE = 0,
    WAIT_SLEEP, /* never polls: sleeps at once */
    WAIT_POLL,  /* never sleeps; still yields where crowded */
};

enum wait_action {
    WAIT_DO_SPIN = 0, /* look again (a pause instruction in between) */
    WAIT_DO_YIELD,    /* sched_yield, look again */
    WAIT_DO_ANNOUNCE, /* tell the peer that you sleep, fence, look once more */
    WAIT_DO_BLOCK,    /* announced and looked: block for at most WAIT_BLOCK_MS */
};

struct wait_input {
    enum wait_mode mode;
    bool crowded;         /* fewer free cores than pollers */
    bool announced;       /* WAIT_DO_ANNOUNCE was done for this wait */
    uint32_t looks;       /* empty looks of this wait */
    uint64_t waited_ns;   /* since it began */
    uint64_t expected_ns; /* how long the peer is expected to take (mean of late calls); 0: unknown */
};

enum wait_action wait_decide(const struct wait_input *in);

/* The next mean of service time: 7/8 old + 1/8 new, what is beyond 10 ms counted as 10 ms. */
uint64_t wait_expect(uint64_t mean_ns, uint64_t sample_ns);

#endif
