/* SPDX-License-Identifier: Apache-2.0 */
/* pulse.h: whether anybody is at the other end; project-internal to frontend/client. Theory in pulse.c. */
#ifndef CARDMUX_CLIENT_PULSE_H
#define CARDMUX_CLIENT_PULSE_H

#include "frontend/client/link.h"

/* Of one wait: all zero but `at`, when it began. */
struct pulse {
    uint64_t at; /* the last look */
    uint64_t quiet_ns;
    uint32_t attach; /* in which it was asked last */
    uint32_t seen;   /* the sign of life then */
    bool asked;
};

/* About each WAIT_BLOCK_MS of a wait, by a thread that has a slot. True: what flies is lost, since the host side is
   gone, or nobody is there and another way is. */
bool pulse_gone(struct link *link, struct pulse *pulse, uint64_t now);

static inline bool pulse_is_hopeless(struct link *link)
{
    return atomic_load_explicit(&link->silent, memory_order_relaxed) &&
           atomic_load_explicit(&link->mute, memory_order_relaxed) == LINK_MUTE;
}

/* Before a call is sent where it is hopeless, by a thread that has no slot. SDR_OK: a sign of life;
   LINK_STALE: the attachment is lost; SDR_COMMFAIL: nobody is there. */
uint32_t pulse_hopeless(struct link *link, uint32_t attach);

#endif
