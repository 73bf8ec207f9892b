/* SPDX-License-Identifier: Apache-2.0 */
/*
 * card_run.c: jobs to the card and back.
 *
 * An inline card runs here and now, on the broker's thread. Any other card gets jobs in bursts and gives them back in
 * any order; at most jobs_in_card_max are there at a time, so that what waits waits in the tenants' own rings, where
 * the turn of each counts.
 */
#include "backend/broker/broker.h"

#include <limits.h>

#define BURST 32

/* Each active tenant has a part of the card's depth to itself: one that floods cannot take it all, and the parts
 * together keep the card busy. */
bool card_has_room(const struct broker *broker, const struct tenant *tenant)
{
    if (broker->caps.flags & CARD_INLINE)
        return true;
    unsigned part = broker->active_tenants ? broker->jobs_in_card_max / broker->active_tenants : UINT_MAX;
    if (part < broker->caps.parallel)
        part = broker->caps.parallel;
    return broker->jobs_in_card < broker->jobs_in_card_max && tenant->in_card < part;
}

void card_start(struct broker *broker, struct job *job)
{
    if (broker->caps.flags & CARD_INLINE) {
        broker->driver->run(broker->card, &job->card);
        job_complete(broker, job);
        return;
    }
    struct card_job *card = &job->card;
    if (broker->driver->submit(broker->card, &card, 1) == 1) {
        broker->jobs_in_card++;
        job->channel->tenant->in_card++;
        return;
    }
    job->card.status = SDR_HARDFAIL; /* it promised more depth than it has */
    job_complete(broker, job);
}

unsigned card_collect(struct broker *broker)
{
    struct card_job *done[BURST];
    unsigned total = 0;
    if (!broker->jobs_in_card)
        return 0;
    for (;;) {
        size_t n = broker->driver->collect(broker->card, done, BURST);
        struct channel *last = NULL;
        for (size_t i = 0; i < n; i++) {
            struct job *job = done[i]->owner;
            struct channel *channel = job->channel;
            bool gone = channel->region->gone;
            broker->jobs_in_card--;
            channel->tenant->in_card--;
            if (last && last != channel)
                channel_notify(broker, last);
            if (broker->card_failed)
                card_void(broker, job);
            channel_set_back(broker, channel);
            job_complete(broker, job);
            last = gone ? NULL : channel;
        }
        if (last)
            channel_notify(broker, last);
        total += (unsigned)n;
        if (n < BURST)
            return total;
    }
}
