/* SPDX-License-Identifier: Apache-2.0 */
/*
 * region_back.c: memory that was set back.
 *
 * A virtual machine whose device is ivshmem is set back to a snapshot by QEMU (loadvm), and with its memory goes the
 * region, under a broker that knows nothing of it: the same QEMU, the same connection. The front ends in it wait at
 * positions that are long past, in sessions that may have ended since, and what the rings show was true once.
 *
 * Each channel has a mark, which changes whenever the broker wakes for it or begins it anew, and stands in its control
 * page. An older one there says that the memory was set back to before that. As long as the broker stays awake for a
 * channel the mark stays, but the place of its last completion moves, and is looked at too. Where neither tells,
 * nothing was completed since the snapshot, nor anything taken: a machine stands still while it is saved or loaded, and
 * the broker sleeps long before that is over.
 *
 * Looked at before a channel is believed anything: when it wakes, sleeps or is reset, about once a second, and before
 * what took longer than its turn (a worker, a card with threads) is answered, as it would be answered to whoever waits
 * at that position now.
 *
 * What follows is what follows the end of a broker, for the whole region: it has another generation, each channel when
 * its last job has ended; until then nothing is taken and nothing answered. Sessions end. Slots are not wiped: a front
 * end may be filling one.
 *
 * A tenant that writes there itself gets what it asks for, and harms nobody else.
 */
#include "backend/broker/broker.h"

#define TELL_NS UINT64_C(10000000000) /* a line of each tenant, at most */

void channel_mark(struct channel *channel)
{
    channel->mark++;
    shm_store32(channel->qp, offsetof(struct cm_control, mark), channel->mark);
}

static bool as_left(const struct channel *channel)
{
    uint32_t last = channel->cq_pos - 1;
    return shm_load32(channel->qp, offsetof(struct cm_control, mark)) == channel->mark &&
           (channel->cq_pos == 1 || shm_load32(channel->qp, cm_entry_offset(CM_QP_CQ, last) + 60) == last);
}

/* It may be the tenant's game, and each connection is another region. */
static void tell(struct tenant *tenant)
{
    uint64_t now = clock_ns();
    tenant->set_backs++;
    if (tenant->set_backs_told && now - tenant->set_backs_told < TELL_NS)
        return;
    broker_log(
        "tenant %s: memory that it shares with us was set back (times since this was last told: %u): the sessions "
        "there end",
        tenant->record.name, tenant->set_backs);
    tenant->set_backs = 0;
    tenant->set_backs_told = now;
}

bool channel_set_back(struct broker *broker, struct channel *channel)
{
    struct region *region = channel->region;
    if (channel->stream || channel->port || region->gone)
        return false;
    if (channel->renewing)
        return true;
    if (as_left(channel))
        return false;
    region->renewals++;
    tell(region->tenant);
    region_write_header(broker, region);
    for (unsigned i = 0; i < region->qp_count; i++)
        region->channels[i].renewing = true;
    for (unsigned i = 0; i < region->qp_count; i++)
        channel_activate(broker, &region->channels[i]);
    return true;
}

void channel_renew(struct broker *broker, struct channel *channel)
{
    channel->renewing = false;
    channel_begin(broker, channel);
    cm_ring_clear(channel->qp, CM_QP_CQ);
    /* Whoever owned it then owns it again, as after the start of a broker. A reset instead would wipe the slots, of
       which he may be taking a result at this moment. */
    channel->epoch = shm_load32(channel->qp, offsetof(struct cm_control, epoch_wanted));
    channel->used = ~0ull;
    channel->generation = region_generation(broker, channel->region);
    channel_mark(channel);
    shm_store32(channel->qp, offsetof(struct cm_control, broker_sleeps), !channel->active);
    shm_store32(channel->qp, offsetof(struct cm_control, crowded), channel->crowded);
    shm_store32(channel->qp, offsetof(struct cm_control, epoch), channel->epoch);
    shm_store64(channel->qp, offsetof(struct cm_control, generation), channel->generation);
    if (channel->epoch)
        channel_wake(channel); /* it may sleep */
}
