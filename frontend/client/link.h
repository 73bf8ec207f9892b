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
 *             FLYING -> LOST            whoever notices that the broker was replaced or the host side is gone
 *             FLYING -> ABANDONED       owner, at its deadline; the slot is given back when the late completion comes,
 *                                       or with those that are lost
 *             DONE, LOST -> IDLE        owner
 *
 * Attachments. `attach` counts up at the moment that the loss of a broker is noticed, so a session that remembers
 * another number knows that it is lost without a look at shared memory; `attached` says whether the present number
 * stands for a broker yet. Who has a slot may use `queue` freely; who has none may do so only under a lock, since the
 * queue is replaced (link_recover, when no slot is in use) where the host side had gone. Slots are had only of the
 * present attachment, and only while it stands for a broker (slot_claim).
 *
 * Sleeping. One waiter at a time sleeps on the reach (`sleeper`), the others on the futex word `events`, which moves
 * when a flight of another thread was drained and when the sleeper leaves. Each sleep ends after WAIT_BLOCK_MS at the
 * latest.
 *
 * Deadlines. `since` is when a call last made headway (0: it has not waited yet): from then on it has the deadline, for
 * all that it waits for together, lost brokers, another way to the host and other threads' locks included.
 *
 * Whether anybody is there at all is asked by those who wait: pulse.c.
 *
 * Lock order: poll, submit, the process's lock (link.c).
 */
#ifndef CARDMUX_CLIENT_LINK_H
#define CARDMUX_CLIENT_LINK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
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

/* Does anybody seem to be there? pulse.c */
enum link_mute {
    LINK_HEARD = 0,
    LINK_MUTE, /* nobody, and nobody answers */
    LINK_ASKED /* a stream that is silent was asked; written under poll */
};

struct link {
    pthread_mutex_t poll;
    pthread_mutex_t submit;
    struct queue queue;
    _Atomic uint64_t free;   /* slots */
    _Atomic uint32_t attach; /* never 0 */
    _Atomic uint32_t events; /* futex */
    _Atomic uint32_t followers;
    _Atomic uint32_t waiters; /* threads in wait_any, where the queue is pumped */
    _Atomic uint32_t sleeper;
    _Atomic uint64_t sleeper_mine; /* slots of the sleeper */
    _Atomic bool attached;         /* written under poll and submit */
    bool dead;                     /* under poll and submit: the host side is gone */
    bool inherited;                /* under the process's lock: the parent's, not opened anew in this process yet */
    uint64_t failed_ns;            /* under poll and submit: when it could not be attached */
    _Atomic uint64_t deadline_ns;  /* the queue's, for who may not look at that */
    _Atomic bool silent;           /* a deadline passed, and nothing was answered since */
    _Atomic uint8_t mute;          /* enum link_mute */
    _Atomic uint64_t seek_ns;      /* no search for another way before; UINT64_MAX: one is under way */
    struct queue spare;            /* under the process's lock: another way, where spare.reach is set: while its finder
                                      looks once more at the old one, and then until link_recover takes it */
    unsigned refs;
    _Atomic uint64_t expected_ns[CM_OP_END]; /* mean service time; a hint: an update may be lost */
    /* Threads that slept to the end though their completion had been taken, or lay there with nobody on the reach to
       take it: lost wake-ups, for tests. */
    _Atomic uint32_t overslept;
    struct flight flights[CM_SLOTS];
};

#define LINK_STALE   0xffffffffu /* the attachment is lost */
#define CALL_PENDING 0xfffffffeu /* not sent */
#define CALL_LOST    0xfffffffdu /* sent, and the broker was lost before the answer */

/* Runs the calls whose status is CALL_PENDING in the attachment `attach`. SDR_OK when all were answered, LINK_STALE
   (some are CALL_PENDING or CALL_LOST), SDR_COMMFAIL (deadline: all have a status). The caller has no slot any more. */
uint32_t link_run(struct link *link, uint32_t attach, uint32_t session, struct call *calls, size_t n, uint64_t *since);

/* Makes the link attached to the current broker, opening it anew, maybe by another way, where the host side was gone.
 * Gives the attachment's number. Not for a thread that has a slot. */
uint32_t link_recover(struct link *link, uint32_t *attach, uint64_t *since);

/* Looks whether the broker was replaced or the host side is gone, and if so marks what is lost. Not while another
   thread holds the locks for long: it does so itself, before it waits for a broker. */
void link_look(struct link *link);
void link_look_locked(struct link *link); /* under both locks */

/* Opens another way within about budget_ns, to lie ready (`spare`); by a thread that has a slot, or both locks. Its
   caller takes it or drops it. */
bool link_seek(struct link *link, uint64_t budget_ns);
/* Gives the present way up for the spare one: what flies is lost, and link_recover takes the other. Under both locks;
   false where there is no spare one. */
bool link_take_spare(struct link *link);
void link_drop_spare(struct link *link);

/* Sends a request of which nobody waits for the answer: a sign of life when it comes, for who has no other. Under poll.
   False: not sent. */
bool link_probe(struct link *link, uint32_t attach);

/* Poll and submit, within about that time. */
bool link_lock_both(struct link *link, uint64_t ns);
void link_unlock_both(struct link *link);

/* Wakes the threads that wait for `landed`, whoever sleeps how. Under poll. */
void link_wake(struct link *link, uint64_t landed);

/* Locks within about that time, or not. */
bool link_lock(pthread_mutex_t *lock, uint64_t ns);

/* Is nothing known of a loss since then? No look at shared memory; link_run takes the last look. */
static inline bool link_current(struct link *link, uint32_t attach)
{
    return atomic_load_explicit(&link->attach, memory_order_acquire) == attach;
}

/* A `since` from which the deadline is over: what is sent with it is not waited for. */
static inline uint64_t link_since_over(struct link *link)
{
    return (monotonic_ns() - atomic_load_explicit(&link->deadline_ns, memory_order_relaxed)) | 1;
}

/* Is the deadline of that `since` over? */
static inline bool link_over(struct link *link, uint64_t since)
{
    return since && monotonic_ns() - since >= atomic_load_explicit(&link->deadline_ns, memory_order_relaxed);
}

/* An abandoned slot comes back; access codes and keys do not stay in the region. */
static inline void flight_reclaim(struct link *link, unsigned slot)
{
    explicit_bzero(shm_bytes(link->queue.qp, cm_param_offset(slot), CM_PARAM_SIZE), CM_PARAM_SIZE);
    explicit_bzero(shm_bytes(link->queue.qp, cm_slot_offset(slot), CM_SLOT_SIZE), CM_SLOT_SIZE);
    atomic_store_explicit(&link->flights[slot].state, FLIGHT_IDLE, memory_order_relaxed);
    atomic_fetch_or(&link->free, 1ull << slot);
}

#endif
