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
 * A stream is asked nothing. It is hopeless where a deadline has passed and nothing has come since: other ways are
 * tried then, before each call but not more often than once in SEEK_NS. If there is none, calls wait as ever.
 */
#include "frontend/client/pulse.h"

#include <time.h>

#include "cardmux/sdf.h"

#define PATIENCE_NS    5000000000u /* and at most half of the deadline */
#define LOOK_LONGEST   (2 * WAIT_BLOCK_MS * 1000000ull)
#define SEEK_NS        1000000000u /* between two searches for another way */
#define SEEK_LONGEST   2000000000u /* and at most a quarter of the deadline */
#define HOPELESS_MS    100
#define HOPELESS_CHECK 1 /* ms between two looks for the answer */

static void heard(struct link *link)
{
    if (atomic_load_explicit(&link->mute, memory_order_relaxed))
        atomic_store_explicit(&link->mute, LINK_HEARD, memory_order_relaxed);
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

bool pulse_gone(struct link *link, struct pulse *pulse, uint64_t now)
{
    struct queue *queue = &link->queue;
    if (!queue_alive(queue))
        return true;
    if (!queue->answers)
        return false;
    uint32_t answered = queue_answered(queue);
    uint64_t span = now - pulse->at, patience = atomic_load(&link->deadline_ns) / 2;
    if (!pulse->asked || answered != pulse->seen) {
        if (pulse->asked)
            heard(link);
        pulse->asked = true;
        pulse->seen = answered;
        pulse->quiet_ns = 0;
    } else {
        pulse->quiet_ns += span < LOOK_LONGEST ? span : LOOK_LONGEST;
    }
    pulse->at = now;
    queue_ask(queue);
    if (pulse->quiet_ns < (patience < PATIENCE_NS ? patience : PATIENCE_NS))
        return false;
    atomic_store_explicit(&link->mute, LINK_MUTE, memory_order_relaxed);
    return seek(link) && link_take_spare(link);
}

/* Under both locks, attached. */
static uint32_t wait_for_sign(struct link *link)
{
    struct queue *queue = &link->queue;
    uint32_t seen = queue_answered(queue);
    queue_ask(queue);
    for (int ms = 0; ms < HOPELESS_MS; ms += HOPELESS_CHECK) {
        if (queue_stale(queue) || !queue_alive(queue))
            return LINK_STALE;
        if (queue_answered(queue) != seen || queue_ready(queue)) {
            heard(link);
            return SDR_OK;
        }
        nanosleep(&(struct timespec){.tv_nsec = HOPELESS_CHECK * 1000000}, NULL);
    }
    return SDR_COMMFAIL;
}

uint32_t pulse_hopeless(struct link *link, uint32_t attach)
{
    uint32_t status = LINK_STALE;
    bool found = false;
    if (!link_lock_both(link, HOPELESS_MS * 1000000ull)) /* who has them asks */
        return atomic_load(&link->mute) == LINK_MUTE ? SDR_COMMFAIL : SDR_OK;
    if (link->attached && link_current(link, attach)) {
        bool pumped = link->queue.pumped;
        status = pumped ? SDR_OK : wait_for_sign(link);
        if (status == SDR_COMMFAIL || (pumped && !queue_ready(&link->queue)))
            found = seek(link);
    }
    link_unlock_both(link);
    if (found && (link_take_spare(link) || !link_current(link, attach)))
        return LINK_STALE;
    if (status == LINK_STALE)
        link_look(link);
    return status;
}
