/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wait.h: the waiting rule, one pure function for both ends.
 *
 * Whoever waits for the peer calls wait_decide() after each look that found nothing and does what it says. A wake-up
 * costs the waker about 10 us and the sleeper more, so short waits are worth spinning; but where there are fewer free
 * cores than pollers a spinner holds the core that the peer, or the card, needs (measured: three times slower), so
 * there it gives the core away at every look (sched_yield), or sleeps. Where programs of others want the cores (pressed)
 * both are wrong: who yields to a busy one is back after its time slice, milliseconds later, while who sleeps is put in
 * front of it when woken. A wait is never without end: blocking is for at
 * most WAIT_BLOCK_MS, then the caller looks at the generation and at its deadline, and asks again.
 */
#ifndef CARDMUX_PROTO_WAIT_H
#define CARDMUX_PROTO_WAIT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define WAIT_BLOCK_MS 100
#define WAIT_LOST_NS  1000000u /* nobody who polls is away for so long of its own accord */

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
    bool crowded;         /* fewer free cores than pollers, all of them ours */
    bool announced;       /* WAIT_DO_ANNOUNCE was done for this wait */
    uint32_t looks;       /* empty looks of this wait */
    uint64_t waited_ns;   /* since it began */
    uint64_t expected_ns; /* how long the peer is expected to take (mean of late calls); 0: unknown */
    bool pressed;         /* others want the cores: wait_pressed, or the broker says so */
};

enum wait_action wait_decide(const struct wait_input *in);

/* Whether others want the cores, as far as this waiter (or the threads of one front end together) found out. All zero:
 * not. An update may be lost; it is a hint. */
struct wait_pressure {
    _Atomic uint64_t until_ns; /* sleep rather than poll until then */
    _Atomic uint64_t span_ns;  /* how long that was, from 20 ms; doubled up to 1 s where it is found again soon */
};

/* Two looks at the clock while polling, nothing but polling and yielding in between. */
void wait_polled(struct wait_pressure *pressure, uint64_t then_ns, uint64_t now_ns);

static inline bool wait_pressed(const struct wait_pressure *pressure, uint64_t now_ns)
{
    return now_ns < atomic_load_explicit(&pressure->until_ns, memory_order_relaxed);
}

/* The next mean of service time: 7/8 old + 1/8 new, what is beyond 10 ms counted as 10 ms. */
uint64_t wait_expect(uint64_t mean_ns, uint64_t sample_ns);

#endif
