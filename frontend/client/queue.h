/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue.h: the front end's end of one queue pair: attach, publish, take, wait. No locks: the caller sees to it that
 * publishing and taking each happen on one thread at a time. No allocation after queue_open.
 *
 *   CLOSED --queue_open--> ATTACHED --new generation--> OPEN --queue_attach--> ATTACHED ...
 *                                                        any --reach not alive--> DEAD (queue_again makes another)
 */
#ifndef CARDMUX_CLIENT_QUEUE_H
#define CARDMUX_CLIENT_QUEUE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "frontend/reach/reach.h"
#include "proto/layout.h"
#include "proto/ring.h"
#include "proto/wait.h"

struct queue {
    struct reach *reach;
    struct shm_span qp;          /* = reach->qp, here for speed */
    bool pumped;                 /* the reach has a `look` */
    bool sole;                   /* this way was named: no other may take its place */
    bool answers;                /* the broker says that it answers questions */
    bool refused;                /* the last queue_attach ended because of what waiting does not change */
    char tenant[40];             /* as whom the host knows us, and must know us at any other door; empty where `sole` */
    _Atomic uint64_t generation; /* 0: never attached. Read by threads that wait while another one attaches */
    uint32_t epoch;
    uint32_t sq_pos; /* next to publish */
    uint32_t cq_pos; /* next to take */
    uint64_t free_slots;
    _Atomic uint32_t deadline_ms;
    enum wait_mode wait;
    struct wait_pressure pressure;
    uint64_t doorbells, sleeps;
    uint64_t stale; /* completions that were not ours: dropped */
};

/* Opens the first way that works, and attaches. SDR_ code and text[REACH_TEXT]. */
uint32_t queue_open(struct queue *queue, const char *reach, const char *where, char *text);
/* Another way than `old`'s, as the same tenant, within budget_ns; `old` stays as it is. */
uint32_t queue_elsewhere(struct queue *queue, const struct queue *old, uint64_t budget_ns, char *text);
/* Opens `old`'s way anew, or another one at which the host knows us as the same tenant, in its place; `old` stays as it
   is. Takes until `old`'s deadline after since_ns at most. */
uint32_t queue_again(struct queue *queue, const struct queue *old, uint64_t since_ns, char *text);
/* Leaves the queue pair (unless dead) and closes. */
void queue_close(struct queue *queue);
/* Child of a fork: gives it up without a trace. */
void queue_forget(struct queue *queue);

/* Epoch handshake with the broker of the current generation: all slots free, positions at 1. Waits for a broker until
   deadline_ms after since_ns. SDR_OK, SDR_COMMFAIL. */
uint32_t queue_attach(struct queue *queue, uint64_t since_ns, char *text);
static inline uint64_t queue_generation(const struct queue *queue)
{
    return atomic_load_explicit(&queue->generation, memory_order_relaxed);
}

static inline uint64_t queue_deadline_ns(const struct queue *queue)
{
    return atomic_load_explicit(&queue->deadline_ms, memory_order_relaxed) * 1000000ull;
}

/* True where the broker was replaced since queue_attach. One load of a shared line. */
static inline bool queue_stale(const struct queue *queue)
{
    return shm_load64(queue->qp, offsetof(struct cm_control, generation)) != queue_generation(queue);
}

static inline int queue_slot_take(struct queue *queue)
{
    if (!queue->free_slots)
        return -1;
    int slot = __builtin_ctzll(queue->free_slots);
    queue->free_slots &= queue->free_slots - 1;
    return slot;
}

static inline void queue_slot_free(struct queue *queue, unsigned slot)
{
    queue->free_slots |= 1ull << (slot & CM_RING_MASK);
}

/* Fills in generation, epoch, pos and publishes. queue_ring after the last of a burst. */
static inline void queue_publish(struct queue *queue, struct cm_sqe *sqe)
{
    sqe->generation = queue_generation(queue);
    sqe->epoch = queue->epoch;
    sqe->pos = queue->sq_pos;
    cm_entry_publish(queue->qp, CM_QP_SQ, queue->sq_pos++, sqe);
}

/* Rings the broker if it said that it sleeps. */
static inline void queue_ring(struct queue *queue)
{
    shm_fence();
    if (shm_load32(queue->qp, offsetof(struct cm_control, broker_sleeps))) {
        queue->doorbells++;
        queue->reach->driver->ring(queue->reach);
    }
}

/* Before a look at the completion ring that does not sleep: fetches what has come, where the host does not put it
   there. What was fetched must be taken before this thread sleeps. */
static inline void queue_fetch(const struct queue *queue)
{
    if (queue->pumped)
        queue->reach->driver->look(queue->reach);
}

/* Is the completion at `pos` there? */
static inline bool queue_reached(const struct queue *queue, uint32_t pos)
{
    size_t off = cm_entry_offset(CM_QP_CQ, pos) + 60;
    if (shm_load32(queue->qp, off) == pos)
        return true;
    if (!queue->pumped)
        return false;
    queue_fetch(queue);
    return shm_load32(queue->qp, off) == pos;
}

/* Is there something to take? Does not copy. */
static inline bool queue_ready(const struct queue *queue)
{
    return queue_reached(queue, queue->cq_pos);
}

/* Takes the next completion of this generation and epoch. */
static inline bool queue_take(struct queue *queue, struct cm_cqe *cqe)
{
    if (!cm_entry_take(queue->qp, CM_QP_CQ, queue->cq_pos, cqe))
        return false;
    if (cqe->generation != queue_generation(queue) || cqe->epoch != queue->epoch) {
        queue->stale++;
        return false;
    }
    queue->cq_pos++;
    return true;
}

/* Sleeping: announce, look again, block (at most timeout_ms), retract. `at` is the completion position to be woken at.
 */
void queue_announce(struct queue *queue, uint32_t at);
void queue_block(struct queue *queue, int timeout_ms);
void queue_retract(struct queue *queue);

static inline bool queue_crowded(const struct queue *queue)
{
    return shm_load32(queue->qp, offsetof(struct cm_control, crowded)) & CM_CROWDED_OWN;
}

/* Do programs of others want the cores, as the broker or this end found out? */
static inline bool queue_pressed(const struct queue *queue, uint64_t now)
{
    return shm_load32(queue->qp, offsetof(struct cm_control, crowded)) & CM_CROWDED_OTHER ||
           wait_pressed(&queue->pressure, now);
}

/* Is anybody there? (layout.h) Asked of a broker that `answers`; it has heard it when `answered` is another. */
static inline uint32_t queue_answered(const struct queue *queue)
{
    return shm_load32(queue->qp, offsetof(struct cm_control, answered));
}

static inline void queue_ask(struct queue *queue)
{
    shm_store32(queue->qp, offsetof(struct cm_control, asked), queue_answered(queue) + 1);
    shm_fence();
    __atomic_fetch_add(&queue->doorbells, 1, __ATOMIC_RELAXED);
    queue->reach->driver->ring(queue->reach);
}

static inline bool queue_alive(const struct queue *queue)
{
    return queue->reach->driver->alive(queue->reach);
}

uint64_t monotonic_ns(void);

/* Counts the forks between the first queue_open and this process: who remembers another number is a child's copy.
   getpid would be a system call. */
extern unsigned queue_forks;

#define LOOK_CLOSE_NS 8000u

static inline void cpu_pause(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Between two looks. Long before the answer is due the looks are few: where two cores are threads of one, a spinner
   takes from the card what it spends on looking. */
static inline void look_pause(uint64_t waited_ns, uint64_t expected_ns)
{
    for (unsigned n = waited_ns + LOOK_CLOSE_NS < expected_ns ? 8 : 1; n; n--)
        cpu_pause();
}

#endif
