/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pulse.c: is anybody there? A daemon that has ended leaves a region that looks well, and a stream within a virtual
 * device of its own that nobody ends; the kernel of a guest knows nothing of either.
 *
 *   HEARD     completions come, or questions are answered; so it is as long as nobody waits
 *   MUTE      for PATIENCE of waiting nothing was drained, and no question answered (layout.h). Other ways are tried,
 * if there are any; where one opens, the flights are lost as with a broker that was replaced. Else all wait on HOPELESS
 * mute, and a call has waited for its whole deadline in vain. A call is not even sent, and ends after HOPELESS_MS,
 * unless the question with which it begins is answered, or another way has opened
 *
 * From each of them a sign of life leads back to HEARD, with sessions and all: a daemon that was stopped, or slow, goes
 * on where it was. So nothing is given up by being mute but time, unless there is a way that does answer; and what
 * then happens is right also where the old way's broker was only slow: it may end what was sent, but nobody repeats
 * what must not be done twice, and its queue pair is left to it as any that is closed.
 *
 * Patience is counted in looks, none of which counts for more than it should have taken: a program or machine that was
 * stopped for a while learns nothing from the time that has passed.
 *
 * Another way is taken only where the old one, asked once more when the other was open, is silent still: the daemon of
 * both may have been stopped, and go on just when the other way opens.
 *
 * A stream has no page for questions. Where a deadline has passed there, and nothing has come since, the next who waits
 * sends a request that is answered at once by who is there (one for each silence), and its answer, or any other, is the
 * sign of life. So nobody leaves a stream where one call was slow. Without other ways calls wait as ever.
 */
#include "frontend/client/pulse.h"

#include <time.h>

#include "cardmux/sdf.h"

#define PATIENCE_NS    5000000000u /* and at most half of the deadline */
#define LOOK_LONGEST   (2 * WAIT_BLOCK_MS * 1000000ull)
#define SEEK_NS        1000000000u /* between two searches for another way */
#define SEEK_LONGEST   2000000000u /* and at most a quarter of the deadline */
#define TAKE_NS        500000000u  /* for the locks, to take what was found */
#define HOPELESS_MS    100
#define HOPELESS_CHECK 1 /* ms between two looks for the answer */

static void heard(struct link *link)
{
    if (atomic_load_explicit(&link->mute, memory_order_relaxed) == LINK_MUTE)
        atomic_store_explicit(&link->mute, LINK_HEARD, memory_order_relaxed);
}

/* Another number is a sign of life. For a stream under poll. */
static uint32_t sign(const struct queue *queue)
{
    return queue->pumped ? queue->cq_pos : queue_answered(queue);
}

/* One thread at a time, and not all the time. True: a way is open, in link->spare. The caller has a slot or both locks,
   so the queue is not replaced meanwhile. */
static bool seek(struct link *link)
{
    uint64_t now = monotonic_ns(), due = atomic_load(&link->seek_ns);
    uint64_t budget = atomic_load(&link->deadline_ns) / 4;
    if (link->queue.sole || now < due || !atomic_compare_exchange_strong(&link->seek_ns, &due, UINT64_MAX))
        return false;
    bool found = link_seek(link, budget < SEEK_LONGEST ? budget : SEEK_LONGEST);
    atomic_store(&link->seek_ns, monotonic_ns() + SEEK_NS);
    return found;
}

/* Under both locks, attached: is there a sign of life after `seen`, or one within HOPELESS_MS? LINK_STALE, SDR_OK,
   SDR_COMMFAIL. */
static uint32_t wait_for_sign(struct link *link, uint32_t seen)
{
    struct queue *queue = &link->queue;
    if (!queue->pumped)
        queue_ask(queue);
    for (int ms = 0; ms < HOPELESS_MS; ms += HOPELESS_CHECK) {
        if (queue_stale(queue) || !queue_alive(queue))
            return LINK_STALE;
        if (sign(queue) != seen || queue_ready(queue)) {
            heard(link);
            return SDR_OK;
        }
        nanosleep(&(struct timespec){.tv_nsec = HOPELESS_CHECK * 1000000}, NULL);
    }
    return SDR_COMMFAIL;
}

/* Under both locks, with another way open: takes it, unless the old one has given a sign of life since `seen`, or gives
   one now, or has a broker that is new. LINK_STALE: what flew is lost. */
static uint32_t leave(struct link *link, uint32_t attach, uint32_t seen)
{
    uint32_t status = LINK_STALE;
    if (link->attached && link_current(link, attach))
        status = wait_for_sign(link, seen);
    if (status == SDR_COMMFAIL && link_take_spare(link))
        return LINK_STALE;
    if (status == LINK_STALE)
        link_look_locked(link);
    if (!link->dead) /* else it is the next one */
        link_drop_spare(link);
    return status;
}

/* The sign of life of this moment, where there is asking; a stream is asked where it is silent, once. */
static bool ask(struct link *link, uint32_t attach, uint32_t *seen)
{
    struct queue *queue = &link->queue;
    if (!queue->pumped) {
        *seen = queue_answered(queue);
        if (queue->answers)
            queue_ask(queue);
        return queue->answers;
    }
    if (!atomic_load_explicit(&link->silent, memory_order_relaxed) ||
        !link_lock(&link->poll, WAIT_BLOCK_MS * 1000000ull))
        return false;
    bool silent = atomic_load_explicit(&link->silent, memory_order_relaxed);
    if (silent && atomic_load_explicit(&link->mute, memory_order_relaxed) != LINK_ASKED && link_probe(link, attach))
        atomic_store_explicit(&link->mute, LINK_ASKED, memory_order_relaxed);
    *seen = sign(queue);
    pthread_mutex_unlock(&link->poll);
    return silent;
}

bool pulse_gone(struct link *link, struct pulse *pulse, uint64_t now)
{
    struct queue *queue = &link->queue;
    uint32_t attach = atomic_load(&link->attach), seen;
    uint64_t span = now - pulse->at, patience = atomic_load(&link->deadline_ns) / 2;
    if (!queue_alive(queue))
        return true;
    pulse->at = now;
    if (!ask(link, attach, &seen)) {
        pulse->asked = false;
        return false;
    }
    if (!pulse->asked || seen != pulse->seen || attach != pulse->attach) {
        if (pulse->asked)
            heard(link);
        *pulse = (struct pulse){.at = now, .attach = attach, .seen = seen, .asked = true};
    } else {
        pulse->quiet_ns += span < LOOK_LONGEST ? span : LOOK_LONGEST;
    }
    if (pulse->quiet_ns < (patience < PATIENCE_NS ? patience : PATIENCE_NS))
        return false;
    if (!queue->pumped)
        atomic_store_explicit(&link->mute, LINK_MUTE, memory_order_relaxed);
    if (!seek(link))
        return false;
    if (!link_lock_both(link, TAKE_NS)) {
        link_drop_spare(link);
        return false;
    }
    bool gone = leave(link, attach, seen) == LINK_STALE;
    link_unlock_both(link);
    return gone;
}

uint32_t pulse_hopeless(struct link *link, uint32_t attach)
{
    uint32_t status = LINK_STALE;
    if (!link_lock_both(link, HOPELESS_MS * 1000000ull)) /* who has them asks */
        return atomic_load(&link->mute) == LINK_MUTE ? SDR_COMMFAIL : SDR_OK;
    if (link->attached && link_current(link, attach)) {
        uint32_t seen = sign(&link->queue);
        status = wait_for_sign(link, seen);
        if (status == SDR_COMMFAIL && seek(link))
            status = leave(link, attach, seen);
        if (status == LINK_STALE)
            link_look_locked(link);
    }
    link_unlock_both(link);
    return status;
}
