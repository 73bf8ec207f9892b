/* SPDX-License-Identifier: Apache-2.0 */
/* ops_aead.c: handlers of authenticated encryption in one piece, of XTS, of keys in clear, and of what a tenant may
 * know of its virtual card. */
#include "backend/broker/broker.h"

bool job_read_aead(struct job *job, enum cm_aead_use use)
{
    struct cm_aead aead;
    if (!cm_aead_read(job->param, job->sqe.param_len, use, &aead)) {
        refuse(job, CM_GATE_PARAM, SDR_INARGERR);
        return false;
    }
    struct card_job *card = &job->card;
    card->nonce = aead.nonce;
    card->nonce_len = aead.nonce_len;
    card->tag_len = aead.tag_len;
    card->aad = aead.aad;
    card->aad_len = aead.aad_len;
    card->total_aad = aead.total_aad;
    card->total_data = aead.total_data;
    if (aead.tag)
        memcpy(card->tag, aead.tag, aead.tag_len);
    return true;
}

void job_in_copy(struct job *job)
{
    job->secret = true;
    job->card.out = job->big ? job->big : job->data;
    job->card.out_cap = job->sqe.data_len;
    job->reply = REPLY_DATA;
}

static void seal_finish(struct broker *broker, struct job *job)
{
    (void)broker;
    job->reply_param_len = job->card.tag_len;
    memcpy(job->out, job->card.tag, sizeof job->card.tag);
}

enum step op_aead_encrypt(struct broker *broker, struct job *job)
{
    (void)broker;
    if (!job_read_aead(job, CM_AEAD_SEAL) || !job_use_handle(job))
        return STEP_DONE;
    job_in_copy(job);
    job->card.op = CARD_AEAD_ENCRYPT;
    job->reply = REPLY_BOTH;
    job->finish = seal_finish;
    return STEP_CARD;
}

enum step op_aead_decrypt(struct broker *broker, struct job *job)
{
    (void)broker;
    if (!job_read_aead(job, CM_AEAD_OPEN) || !job_use_handle(job))
        return STEP_DONE;
    job_in_copy(job);
    job->card.op = CARD_AEAD_DECRYPT;
    return STEP_CARD;
}

/* Part of a data unit; it begins at block `arg` of it. */
static enum step sector(struct job *job, enum card_op op)
{
    uint32_t alg = job->sqe.alg;
    if (alg != SGD_SM4_XTS && alg != SGD_SM4_XTS_IEEE && alg != SGD_AES_XTS)
        return refuse(job, CM_GATE_ALG, SDR_ALGMODNOTSUPPORT);
    if (!job_use_handle(job))
        return STEP_DONE;
    job->card.op = (uint16_t)op;
    job->card.block = job->sqe.arg;
    job->card.out_cap = CM_SLOT_SIZE;
    job->reply = REPLY_IN_PLACE;
    return STEP_CARD;
}

enum step op_sector_encrypt(struct broker *broker, struct job *job)
{
    (void)broker;
    return sector(job, CARD_ENCRYPT);
}

enum step op_sector_decrypt(struct broker *broker, struct job *job)
{
    (void)broker;
    return sector(job, CARD_DECRYPT);
}

enum step op_key_import(struct broker *broker, struct job *job)
{
    job->secret = true;
    job->makes_handle = true;
    job->card.status = broker->driver->key_import(broker->card, CARD_KEY_SYMMETRIC, job->card.in, job->card.in_len,
                                                  &job->card.new_key);
    return STEP_DONE;
}

enum step op_tenant_info(struct broker *broker, struct job *job)
{
    const struct tenant *tenant = job->channel->tenant;
    struct cm_info info = {
        .max_sessions = tenant->record.max_sessions,
        .sessions = job->channel->sessions.used,
        .max_handles = tenant->record.max_handles,
        .handles = tenant->counters.handles,
        .weight = tenant->record.weight,
        .flags = tenant->record.flags & VAULT_TENANT_DEBUG ? CM_INFO_DEBUG : 0,
        .operations = tenant->counters.operations,
    };
    strncpy(info.tenant, tenant->record.name, sizeof info.tenant - 1);
    memcpy(info.card, broker->caps.name, sizeof info.card);
    memcpy(info.issuer, broker->caps.issuer, sizeof info.issuer);
    memcpy(job->out, &info, sizeof info);
    job->card.out = job->out;
    job->card.out_len = sizeof info;
    job->reply = REPLY_PARAM;
    return STEP_DONE;
}
