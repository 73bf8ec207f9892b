/* SPDX-License-Identifier: Apache-2.0 */
/* complete.c: from a finished job to a completion in shared memory, and the wake-up if one was asked for. */
#include "backend/broker/stream.h"

#include <stdlib.h>

struct job *job_take(struct broker *broker)
{
    struct job *job = broker->free_jobs;
    if (job) {
        broker->free_jobs = job->next;
        return job;
    }
    if (broker->jobs_made >= JOBS_MAX)
        return NULL;
    job = calloc(1, sizeof *job);
    if (job)
        broker->jobs_made++;
    return job;
}

static void job_give(struct broker *broker, struct job *job)
{
    if (job->secret) {
        explicit_bzero(job->param, sizeof job->param);
        explicit_bzero(job->data, sizeof job->data);
        explicit_bzero(job->out, sizeof job->out);
        if (job->big)
            explicit_bzero(job->big, job->big_len);
    } else if (job->secret_out) {
        explicit_bzero(job->big ? job->big : job->out, job->card.out_cap);
    }
    free(job->big);
    job->big = NULL;
    job->next = broker->free_jobs;
    broker->free_jobs = job;
}

static void publish(struct channel *channel, struct cm_cqe *cqe)
{
    cqe->pos = channel->cq_pos;
    cm_entry_publish(channel->qp, CM_QP_CQ, channel->cq_pos++, cqe);
}

void channel_answer(struct channel *channel, const struct cm_sqe *sqe, uint32_t status)
{
    struct cm_cqe cqe = {.generation = sqe->generation,
                         .epoch = sqe->epoch,
                         .tag = sqe->tag,
                         .op = sqe->op,
                         .slot = sqe->slot < CM_SLOTS ? sqe->slot : 0xffff,
                         .status = status};
    publish(channel, &cqe);
}

/* Results go out before the completion that tells of them. */
static void job_reply(struct job *job, struct cm_cqe *cqe)
{
    struct channel *channel = job->channel;
    const struct card_job *card = &job->card;
    switch (job->reply) {
    case REPLY_NONE:
        break;
    case REPLY_PARAM:
        shm_copy_out(channel->qp, cm_param_offset(job->sqe.slot), card->out, card->out_len);
        cqe->param_len = (uint16_t)card->out_len;
        break;
    case REPLY_IN_PLACE:
        cqe->data_len = (uint32_t)card->out_len;
        break;
    case REPLY_DATA:
        shm_copy_out(channel->qp, cm_slot_offset(job->sqe.slot), card->out, card->out_len);
        cqe->data_len = (uint32_t)card->out_len;
        break;
    case REPLY_BOTH:
        shm_copy_out(channel->qp, cm_slot_offset(job->sqe.slot), card->out, card->out_len);
        shm_copy_out(channel->qp, cm_param_offset(job->sqe.slot), job->out, job->reply_param_len);
        cqe->data_len = (uint32_t)card->out_len;
        cqe->param_len = job->reply_param_len;
        break;
    }
}

void job_complete(struct broker *broker, struct job *job)
{
    struct channel *channel = job->channel;
    struct admin_counters *counters = &channel->tenant->counters;
    struct card_job *card = &job->card;
    struct cm_cqe cqe = {.generation = job->sqe.generation,
                         .epoch = job->sqe.epoch,
                         .tag = job->sqe.tag,
                         .op = job->sqe.op,
                         .slot = job->sqe.slot};
    if (job->finish)
        job->finish(broker, job);
    if (job->makes_handle && card->status == SDR_OK)
        card->status = session_add_key(broker, job->session, card->new_key, &job->value);
    cqe.status = card->status;
    counters->operations++;
    if (card->status == SDR_OK) {
        cqe.value = job->value;
        memcpy(cqe.iv, card->iv, sizeof cqe.iv);
        if (__builtin_expect(!channel->renewing, 1))
            job_reply(job, &cqe);
        counters->bytes += job->sqe.data_len;
    } else {
        counters->errors++;
    }
    channel->busy &= ~(1ull << job->sqe.slot);
    channel->jobs--;
    if (__builtin_expect(!channel->renewing, 1))
        publish(channel, &cqe);
    if (job->key)
        key_release(broker, job->key);
    if (job->key2)
        key_release(broker, job->key2);
    if (job->session)
        session_release(broker, job->session);
    job_give(broker, job);
    if (channel->region->gone)
        region_release(broker, channel->region);
    else if (!channel->active)
        channel_activate(broker, channel); /* a reset or a stalled submission may have waited for this */
}

void channel_notify(struct broker *broker, struct channel *channel)
{
    (void)broker;
    if (channel->stream) {
        stream_push(channel->stream);
        return;
    }
    shm_fence();
    uint32_t wake_at = shm_load32(channel->qp, offsetof(struct cm_control, wake_at));
    if (!wake_at || wake_at == channel->rung_at || !cm_pos_reached(channel->cq_pos - 1, wake_at))
        return;
    channel->rung_at = wake_at;
    channel_wake(channel);
}
