/* SPDX-License-Identifier: Apache-2.0 */
/* flight.c: calls in flight: claiming slots, publishing, waiting together, taking results. Theory in link.h. */
#include "frontend/client/pulse.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "cardmux/sdf.h"

#define KEY_BYTES       4096u /* no key in clear is longer */
#define OVERSLEPT_LOOKS 20u   /* a millisecond apart */

static void slot_give(struct link *link, unsigned slot)
{
    atomic_store_explicit(&link->flights[slot].state, FLIGHT_IDLE, memory_order_relaxed);
    atomic_fetch_or(&link->free, 1ull << slot);
}

/* -1: none is free, or the attachment is not current any more (*stale). Claim first, look then, as who replaces the
   queue first says that the link is not attached, and then looks whether all slots are free: one of the two sees the
   other (all four are sequentially consistent). A slot that is given back at once only lets him look again. */
static int slot_claim(struct link *link, uint32_t attach, bool *stale)
{
    uint64_t free_slots = atomic_load_explicit(&link->free, memory_order_relaxed);
    while (free_slots)
        if (atomic_compare_exchange_weak(&link->free, &free_slots, free_slots & (free_slots - 1))) {
            unsigned slot = (unsigned)__builtin_ctzll(free_slots);
            if (atomic_load(&link->attach) == attach && atomic_load(&link->attached))
                return (int)slot;
            slot_give(link, slot);
            *stale = true;
            return -1;
        }
    return -1;
}

static bool any_landed(struct link *link, uint64_t mine)
{
    for (uint64_t left = mine; left; left &= left - 1)
        if (atomic_load_explicit(&link->flights[__builtin_ctzll(left)].state, memory_order_acquire) != FLIGHT_FLYING)
            return true;
    return false;
}

static void wake_followers(struct link *link)
{
    atomic_fetch_add(&link->events, 1);
    if (atomic_load(&link->followers))
        syscall(SYS_futex, &link->events, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

void link_wake(struct link *link, uint64_t landed)
{
    if (atomic_load(&link->sleeper_mine) & landed)
        link->queue.reach->driver->kick(link->queue.reach);
    wake_followers(link);
}

/* Under `poll`. Marks flights whose completion is there; wakes the threads that sleep and own one. */
static void drain(struct link *link, uint64_t mine)
{
    struct cm_cqe cqe;
    uint64_t landed = 0;
    while (queue_take(&link->queue, &cqe)) {
        if (atomic_load_explicit(&link->silent, memory_order_relaxed)) {
            atomic_store_explicit(&link->silent, false, memory_order_relaxed);
            atomic_store_explicit(&link->mute, LINK_HEARD, memory_order_relaxed);
        }
        if (cqe.tag >= CM_SLOTS)
            continue;
        struct flight *flight = &link->flights[cqe.tag];
        uint32_t state = atomic_load(&flight->state);
        if (state == FLIGHT_FLYING) {
            flight->cqe = cqe;
            if (atomic_compare_exchange_strong(&flight->state, &state, FLIGHT_DONE))
                landed |= 1ull << cqe.tag;
        }
        if (state == FLIGHT_ABANDONED)
            flight_reclaim(link, cqe.tag);
    }
    landed &= ~mine;
    if (landed)
        link_wake(link, landed);
}

static void sleep_on_reach(struct link *link, uint64_t mine)
{
    if (!link_lock(&link->poll, WAIT_BLOCK_MS * 1000000ull)) /* who holds it may be waiting for a broker */
        return;
    atomic_store(&link->sleeper_mine, mine);
    drain(link, mine);
    bool block = !any_landed(link, mine);
    if (block) {
        queue_announce(&link->queue, link->queue.cq_pos);
        block = !queue_ready(&link->queue);
    }
    pthread_mutex_unlock(&link->poll);
    if (block)
        queue_block(&link->queue, WAIT_BLOCK_MS);
    atomic_store(&link->sleeper_mine, 0);
    if (!link_lock(&link->poll, WAIT_BLOCK_MS * 1000000ull))
        return; /* the bell may ring once for nobody */
    queue_retract(&link->queue);
    drain(link, mine);
    pthread_mutex_unlock(&link->poll);
}

/* After a whole sleep, with nothing said meanwhile: was something there all the same? Whoever marks flights holds the
   lock until he has said so; whoever leaves the reach says so next, but may lose his CPU before. */
static bool overslept(struct link *link, uint64_t mine, uint32_t seen)
{
    for (unsigned looks = 0; looks < OVERSLEPT_LOOKS; looks++) {
        if (looks)
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        if (pthread_mutex_trylock(&link->poll))
            return false;
        bool there = any_landed(link, mine) || (!atomic_load(&link->sleeper) && queue_ready(&link->queue));
        pthread_mutex_unlock(&link->poll);
        if (!there || atomic_load(&link->events) != seen)
            return false;
    }
    return true;
}

static void sleep_on_events(struct link *link, uint64_t mine)
{
    struct timespec timeout = {.tv_nsec = WAIT_BLOCK_MS * 1000000l};
    atomic_fetch_add(&link->followers, 1);
    uint32_t seen = atomic_load(&link->events);
    if (!any_landed(link, mine) && atomic_load(&link->sleeper) &&
        syscall(SYS_futex, &link->events, FUTEX_WAIT_PRIVATE, seen, &timeout, NULL, 0) && errno == ETIMEDOUT &&
        overslept(link, mine, seen))
        atomic_fetch_add_explicit(&link->overslept, 1, memory_order_relaxed);
    atomic_fetch_sub(&link->followers, 1);
}

static void sleep_once(struct link *link, uint64_t mine)
{
    uint32_t nobody = 0;
    if (!atomic_compare_exchange_strong(&link->sleeper, &nobody, 1)) {
        sleep_on_events(link, mine);
        return;
    }
    sleep_on_reach(link, mine);
    atomic_store(&link->sleeper, 0);
    wake_followers(link); /* one of them sleeps on the reach next */
}

/* Over a stream a round trip is long: it pays to let another thread send its request meanwhile. */
static bool crowded(struct link *link)
{
    return queue_crowded(&link->queue) ||
           (link->queue.pumped && atomic_load_explicit(&link->waiters, memory_order_relaxed) > 1);
}

static bool landed_now(struct link *link, uint64_t mine)
{
    if (any_landed(link, mine))
        return true;
    if (pthread_mutex_trylock(&link->poll))
        return false;
    if (queue_ready(&link->queue))
        drain(link, mine);
    pthread_mutex_unlock(&link->poll);
    return any_landed(link, mine);
}

/* The clock is looked at, while polling or at the end of it. */
static void wait_look(struct link *link, struct wait_input *in, uint64_t start, bool slept)
{
    uint64_t then = start + in->waited_ns, now = monotonic_ns();
    in->waited_ns = now - start;
    if (!slept && !in->crowded) /* where it is crowded, the broker may have had the core, for us */
        wait_polled(&link->queue.pressure, then, now);
    in->crowded = crowded(link);
    in->pressed = queue_pressed(&link->queue, now);
}

/* Waits until one of `mine` (if any are) has landed, or the broker was replaced (LINK_STALE), or the deadline passed,
 * or the link died (SDR_COMMFAIL). in: mode, expected_ns; its waited_ns is how long it was. */
static uint32_t wait_until_any(struct link *link, uint64_t mine, uint64_t since, uint64_t start, struct wait_input *in)
{
    uint64_t end = since + queue_deadline_ns(&link->queue), alive_at = WAIT_BLOCK_MS * 1000000ull;
    struct pulse pulse = {.at = start};
    bool slept = false;
    in->crowded = crowded(link);
    in->pressed = queue_pressed(&link->queue, start);
    while (!landed_now(link, mine)) {
        in->looks++;
        if (!in->crowded && !in->pressed && (in->looks & 15) && in->mode != WAIT_SLEEP) {
            look_pause(in->waited_ns, in->expected_ns);
            continue;
        }
        wait_look(link, in, start, slept);
        slept = false;
        if (queue_stale(&link->queue))
            return LINK_STALE;
        if (in->waited_ns > alive_at) { /* polling finds the host side gone too */
            if (pulse_gone(link, &pulse, start + in->waited_ns))
                return LINK_STALE;
            alive_at = in->waited_ns + WAIT_BLOCK_MS * 1000000ull;
        }
        if (start + in->waited_ns > end)
            return SDR_COMMFAIL;
        switch (wait_decide(in)) {
        case WAIT_DO_SPIN:
            cpu_pause();
            break;
        case WAIT_DO_YIELD:
            sched_yield();
            break;
        case WAIT_DO_ANNOUNCE: /* announcing, the second look and blocking are one thing here: sleep_once */
        case WAIT_DO_BLOCK:
            sleep_once(link, mine);
            slept = true;
            if (!any_landed(link, mine) && !queue_alive(&link->queue))
                return LINK_STALE;
            break;
        }
    }
    wait_look(link, in, start, slept);
    return SDR_OK;
}

static uint32_t wait_any(struct link *link, uint64_t mine, uint64_t since, uint64_t start, struct wait_input *in)
{
    if (!link->queue.pumped)
        return wait_until_any(link, mine, since, start, in);
    atomic_fetch_add_explicit(&link->waiters, 1, memory_order_relaxed);
    uint32_t status = wait_until_any(link, mine, since, start, in);
    atomic_fetch_sub_explicit(&link->waiters, 1, memory_order_relaxed);
    return status;
}

/* All slots are other threads', or abandoned to a broker that does not answer: waits for one. */
static uint32_t wait_slot(struct link *link, uint32_t attach, uint64_t since)
{
    uint64_t start = monotonic_ns(), alive_at = WAIT_BLOCK_MS * 1000000ull;
    for (unsigned looks = 0; !atomic_load_explicit(&link->free, memory_order_relaxed); looks++) {
        uint64_t waited = monotonic_ns() - start;
        if (!link_current(link, attach))
            return LINK_STALE;
        if (start + waited - since > atomic_load_explicit(&link->deadline_ns, memory_order_relaxed))
            return SDR_COMMFAIL;
        if (pthread_mutex_trylock(&link->poll) == 0) { /* the queue is not ours to look at otherwise */
            bool stale = !link->attached;              /* in a fork's child there is no queue then */
            if (!stale) {
                stale = queue_stale(&link->queue) || (waited > alive_at && !queue_alive(&link->queue));
                queue_fetch(&link->queue);
                drain(link, 0);
            }
            if (waited > alive_at)
                alive_at = waited + WAIT_BLOCK_MS * 1000000ull;
            pthread_mutex_unlock(&link->poll);
            if (stale)
                return LINK_STALE;
        }
        if (looks < 10) /* to yield may cost a time slice of another program's */
            cpu_pause();
        else
            nanosleep(&(struct timespec){.tv_nsec = looks < 100 ? 50000 : 1000000}, NULL);
    }
    return SDR_OK;
}

/* Access codes and keys in clear, sent or received, do not stay in the region. */
static void wipe_slot(struct link *link, unsigned slot, const struct call *call)
{
    switch (call->op) {
    case CM_OP_RIGHT_GET:
    case CM_OP_KEK_RIGHT_GET:
    case CM_OP_KEYPAIR_GENERATE:
    case CM_OP_P256_KEYPAIR:
    case CM_OP_DERIVE_TLS: /* the initialisation vectors; the randoms were sent in clear */
        explicit_bzero(shm_bytes(link->queue.qp, cm_param_offset(slot), CM_PARAM_SIZE), CM_PARAM_SIZE);
        break;
    case CM_OP_KEY_IMPORT:
    case CM_OP_KEY_IMPORT_DEBUG:
    case CM_OP_RSA_KEYPAIR:
    case CM_OP_RSA_PRIVATE_EXTERNAL:
    case CM_OP_SIGN_CLEAR:
    case CM_OP_PKE_DECRYPT_CLEAR:
    case CM_OP_DERIVE_TLS_EPK: /* these vectors come as data */
    case CM_OP_DERIVE_IKE:     /* from the nonces all of its keys follow, from those of IPSEC with the secret only: */
    case CM_OP_DERIVE_IKE_EPK: /* but they came encrypted */
    case CM_OP_DERIVE_IPSEC:
    case CM_OP_DERIVE_IPSEC_EPK:
        explicit_bzero(shm_bytes(link->queue.qp, cm_slot_offset(slot), KEY_BYTES), KEY_BYTES);
        break;
    default:
        break;
    }
}

/* Gives up what still flies. The slots come back when the late answers do. */
static void abandon(struct link *link, uint64_t mine, struct call *const *owner)
{
    atomic_store_explicit(&link->silent, true, memory_order_relaxed);
    for (uint64_t left = mine; left; left &= left - 1) {
        unsigned slot = (unsigned)__builtin_ctzll(left);
        uint32_t state = FLIGHT_FLYING;
        owner[slot]->status = SDR_COMMFAIL;
        if (!atomic_compare_exchange_strong(&link->flights[slot].state, &state, FLIGHT_ABANDONED)) {
            wipe_slot(link, slot, owner[slot]);
            slot_give(link, slot);
        }
    }
}

/* Where a device was unplugged under us its memory reads as zeros. So it does where the host has shut the door. */
static bool memory_gone(const struct link *link)
{
    return shm_load64(link->queue.qp, offsetof(struct cm_control, generation)) == 0;
}

static bool in_place(const struct call *call)
{
    uintptr_t from = (uintptr_t)call->data, to = (uintptr_t)call->out;
    return call->out_len && from < to + call->out_len && to < from + call->data_len;
}

/* Copies a result from its slot to the caller, or says CALL_LOST: the slot may not hold it any more. A call of which
   the result was to replace the data cannot be sent again if this shows only afterwards. */
static void take_result(struct link *link, unsigned slot, struct call *call)
{
    const struct cm_cqe *cqe = &link->flights[slot].cqe;
    call->status = cqe->status;
    call->value = cqe->value;
    call->out_len = call->param_out_len = 0;
    if (memory_gone(link))
        call->status = CALL_LOST;
    if (call->status != SDR_OK)
        return;
    if (cqe->data_len > CM_SLOT_SIZE || cqe->param_len > sizeof call->param_out) {
        call->status = SDR_COMMFAIL;
        return;
    }
    if (cqe->data_len && (!call->out || cqe->data_len > call->out_cap)) {
        call->status = SDR_OUTARGERR;
        return;
    }
    if (cqe->data_len)
        shm_copy_in(call->out, link->queue.qp, cm_slot_offset(slot), cqe->data_len);
    if (cqe->param_len)
        shm_copy_in(call->param_out, link->queue.qp, cm_param_offset(slot), cqe->param_len);
    call->out_len = cqe->data_len;
    call->param_out_len = cqe->param_len;
    if (!memory_gone(link))
        memcpy(call->iv, cqe->iv, sizeof call->iv);
    else
        call->status = in_place(call) ? SDR_COMMFAIL : CALL_LOST;
}

/* Takes what has landed of `mine`; what is lost (maybe seen by another thread first) becomes CALL_LOST and sets *stale.
 * Returns the slots that still fly. */
static uint64_t take_landed(struct link *link, uint64_t mine, struct call *const *owner, bool *stale)
{
    for (uint64_t left = mine; left; left &= left - 1) {
        unsigned slot = (unsigned)__builtin_ctzll(left);
        uint32_t state = atomic_load_explicit(&link->flights[slot].state, memory_order_acquire);
        if (state == FLIGHT_FLYING)
            continue;
        if (state == FLIGHT_DONE) {
            take_result(link, slot, owner[slot]);
            *stale |= memory_gone(link);
        } else {
            owner[slot]->status = CALL_LOST;
            *stale = true;
        }
        wipe_slot(link, slot, owner[slot]);
        slot_give(link, slot);
        mine &= ~(1ull << slot);
    }
    return mine;
}

/* False where the attachment is not current any more: who holds the lock then may be waiting for a broker. While it
   stands nobody holds it for long. */
static bool lock_submit(struct link *link, uint32_t attach)
{
    if (pthread_mutex_trylock(&link->submit) == 0)
        return true;
    while (link_current(link, attach) && atomic_load(&link->attached))
        if (link_lock(&link->submit, WAIT_BLOCK_MS * 1000000ull))
            return true;
    return false;
}

/* Fills a claimed slot and publishes it; false where the attachment is not current any more (the slot is given back).
 */
static bool launch(struct link *link, uint32_t attach, uint32_t session, unsigned slot, const struct call *call)
{
    const struct cm_op_info *info = cm_op_info(call->op);
    struct cm_sqe sqe = {.tag = slot,
                         .op = call->op,
                         .slot = (uint16_t)slot,
                         .param_len = (uint16_t)call->param_len,
                         .data_len = (uint32_t)call->data_len,
                         .session = info->fields & F_SESSION ? session : 0,
                         .key = call->key,
                         .alg = call->alg,
                         .arg = call->arg};
    memcpy(sqe.iv, call->iv, sizeof sqe.iv);
    if (call->data_len)
        shm_copy_out(link->queue.qp, cm_slot_offset(slot), call->data, call->data_len);
    if (call->param_len)
        shm_copy_out(link->queue.qp, cm_param_offset(slot), call->param, call->param_len);
    bool locked = lock_submit(link, attach);
    bool current = locked && link->attached && link_current(link, attach) && !queue_stale(&link->queue);
    if (current) {
        /* release: what the slot's last owner did with its flight comes before what the next drain does */
        atomic_store_explicit(&link->flights[slot].state, FLIGHT_FLYING, memory_order_release);
        queue_publish(&link->queue, &sqe);
    }
    if (locked)
        pthread_mutex_unlock(&link->submit);
    if (!current) {
        wipe_slot(link, slot, call);
        slot_give(link, slot);
    }
    return current;
}

static void ring(struct link *link)
{
    shm_fence();
    if (shm_load32(link->queue.qp, offsetof(struct cm_control, broker_sleeps))) {
        __atomic_fetch_add(&link->queue.doorbells, 1, __ATOMIC_RELAXED);
        link->queue.reach->driver->ring(link->queue.reach);
    }
}

/* While the caller has poll nobody sees that it flew: its slot comes back as that of an abandoned one. */
bool link_probe(struct link *link, uint32_t attach)
{
    bool stale = false;
    int slot = slot_claim(link, attach, &stale);
    if (slot < 0 || !launch(link, attach, 0, (unsigned)slot, &(struct call){.op = CM_OP_ECHO}))
        return false;
    atomic_store(&link->flights[slot].state, FLIGHT_ABANDONED);
    ring(link);
    return true;
}

static uint32_t finish(struct call *calls, size_t n, uint32_t status)
{
    for (size_t i = 0; i < n; i++)
        if (calls[i].status == CALL_PENDING || calls[i].status == CALL_LOST)
            calls[i].status = status;
    return status;
}

uint32_t link_run(struct link *link, uint32_t attach, uint32_t session, struct call *calls, size_t n, uint64_t *since)
{
    struct call *owner[CM_SLOTS];
    uint64_t mine = 0;
    size_t next = 0;
    bool stale = false;
    _Atomic uint64_t *mean = &link->expected_ns[calls[0].op < CM_OP_END ? calls[0].op : 0];
    if (pulse_is_hopeless(link) && !link_over(link, *since)) {
        uint32_t status = pulse_hopeless(link, attach);
        if (status != SDR_OK)
            return status == LINK_STALE ? status : finish(calls, n, status);
    }
    for (;;) {
        bool launched = false;
        for (; next < n && !stale; next++) {
            if (calls[next].status != CALL_PENDING)
                continue;
            int slot = slot_claim(link, attach, &stale);
            if (slot < 0)
                break;
            owner[slot] = &calls[next];
            stale = !launch(link, attach, session, (unsigned)slot, &calls[next]);
            if (stale)
                break;
            mine |= 1ull << slot;
            launched = true;
        }
        if (launched)
            ring(link);
        if (!mine && (stale || next >= n))
            return stale ? LINK_STALE : SDR_OK;
        uint64_t start = monotonic_ns();
        struct wait_input in = {.mode = mine ? link->queue.wait : WAIT_ADAPTIVE,
                                .expected_ns = atomic_load_explicit(mean, memory_order_relaxed)};
        if (!*since)
            *since = start;
        uint32_t status = mine ? wait_any(link, mine, *since, start, &in) : wait_slot(link, attach, *since);
        if (status == SDR_OK)
            *since = 0;
        if (mine && status == SDR_OK)
            atomic_store_explicit(mean, wait_expect(in.expected_ns, in.waited_ns), memory_order_relaxed);
        if (status == LINK_STALE) {
            if (link_current(link, attach)) /* else another thread has seen it, and marks or has marked what is lost */
                link_look(link);
            stale = true;
        } else if (status != SDR_OK) {
            abandon(link, mine, owner);
            return finish(calls, n, status);
        }
        mine = take_landed(link, mine, owner, &stale);
    }
}
