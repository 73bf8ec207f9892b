/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link.h: one queue pair shared by all threads of a process; project-internal to frontend/client.
 *
 * A slot is claimed by compare-and-swap in `free`, filled by its owner without a lock, published under `submit`, and
 * given back by its owner after it copied the result out. Whoever waits takes the completions for all: under `poll` it
 * drains the ring and marks flights.
 *
 * A flight:   IDLE -> FLYING            owner, before publishing
 *             FLYING -> DONE            whoever drains (cqe is filled in before)
 *             FLYING -> LOST            link_recover: the broker was replaced
 *             FLYING -> ABANDONED       owner, at its deadline; the slot is given back when the late completion comes,
 * or by link_recover DONE, LOST -> IDLE        owner
 *
 * Sleeping. One waiter at a time sleeps on the reach (`sleeper`), the others on the futex word `events`, which moves
 * when a flight of another thread was drained and when the sleeper leaves. Each sleep ends after WAIT_BLOCK_MS at the
 * latest.
 *
 * Lock order: poll, submit.
 */
#ifndef CARDMUX_CLIENT_LINK_H
#define CARDMUX_CLIENT_LINK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include "frontend/client/call.h"
#include "frontend/client/queue.h"

enum flight_state {
    FLIGHT_IDLE = 0,
    FLIGHT_FLYING,
    FLIGHT_DONE,
    FLIGHT_LOST,
    FLIGHT_ABANDONED
};

struct flight {
    _Atomic uint32_t state;
    struct cm_cqe cqe;
};

struct link {
    pthread_mutex_t poll;
    pthread_mutex_t submit;
    struct queue queue;
    _Atomic uint64_t free;   /* slots */
    _Atomic uint32_t attach; /* counts attachments to brokers; 0: none yet */
    _Atomic uint32_t events; /* futex */
    _Atomic uint32_t followers;
    _Atomic uint32_t sleeper;
    _Atomic uint64_t sleeper_mine; /* slots of the sleeper */
    _Atomic bool dead;             /* the host side is gone: opened anew when no slot is in use */
    bool forked;
    unsigned refs;
    uint64_t expected_ns[CM_OP_END]; /* mean service time; racy on purpose: a hint */
    struct flight flights[CM_SLOTS];
};

#define LINK_STALE   0xffffffffu /* link_run: the broker was replaced; calls with CALL_PENDING were not answered */
#define CALL_PENDING 0xfffffffeu

/* Runs the calls whose status is CALL_PENDING in the attachment `attach`. SDR_OK when all were answered, LINK_STALE,
   SDR_COMMFAIL (deadline, link dead). Each answered call has its status; after SDR_COMMFAIL all of them have one. */
uint32_t link_run(struct link *link, uint32_t attach, uint32_t session, struct call *calls, size_t n);

/* Makes the link attached to the current broker, opening it anew where the host side was gone. Gives the attachment's
 * number. */
uint32_t link_recover(struct link *link, uint32_t *attach);

static inline bool link_current(struct link *link, uint32_t attach)
{
    return attach && atomic_load_explicit(&link->attach, memory_order_acquire) == attach &&
           !queue_stale(&link->queue) && !atomic_load_explicit(&link->dead, memory_order_relaxed);
}

#endif
