/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ops_derive.c: handlers of what is derived for a secure channel. The parameters' form is proto/derive.h.
 *
 * Several keys come of one operation: all get handles, or none does. A key that leaves under a public key is of the
 * class key-export by the table; it is an agreement's key and needs SM2 too, which the table has no second column for.
 */
#include "backend/broker/ops_key.h"

#include <stdlib.h>

#include "proto/derive.h"

_Static_assert(CM_DERIVE_BITS_MAX == 8 * CARD_DERIVE_KEY_MAX, "what can be asked for is what a card can give");
_Static_assert(3u * (CARD_PKE_HEAD + CARD_DERIVE_KEY_MAX) <= JOB_BYTES && 2u * CM_DERIVE_RANDOM <= JOB_BYTES,
               "of four keys TLS's texts, of three all results, fit into a job: one of the two never needs `big`");
_Static_assert(CM_DERIVE_HANDLES + CM_DERIVE_CLEAR_MAX <= JOB_BYTES, "handles fit into a job");

static bool alg_denied(const struct job *job, enum cm_alg alg)
{
    return job->channel->tenant->policy.denied.denied_algs >> alg & 1;
}

/* Refuses what the policy's columns of the table cannot say. */
static bool may(struct job *job, const struct cm_derive *derive)
{
    uint32_t status = SDR_OK;
    if (derive->point && class_denied(job, C_AGREE))
        status = SDR_NOTSUPPORT;
    else if (derive->point && alg_denied(job, A_SM2))
        status = SDR_ALGNOTSUPPORT;
    if (status != SDR_OK)
        refuse(job, CM_GATE_POLICY, status);
    return status == SDR_OK;
}

void derive_forget(struct broker *broker, struct job *job)
{
    for (unsigned i = 0; i < CM_DERIVE_KEYS; i++) {
        if (job->derive.keys[i])
            broker->driver->key_free(broker->card, job->derive.keys[i]);
        job->derive.keys[i] = NULL;
    }
}

/* The keys that the card made get their handles, which go out before the bytes in clear. */
static void derive_finish(struct broker *broker, struct job *job)
{
    uint32_t handles[CM_DERIVE_KEYS] = {0}, status = job->card.status;
    if (status != SDR_OK)
        return;
    for (unsigned i = 0; i < CM_DERIVE_KEYS && status == SDR_OK; i++) {
        struct card_key *key = job->derive.keys[i];
        job->derive.keys[i] = NULL; /* from here on the session's, or gone */
        if (key)
            status = session_add_key(broker, job->session, key, &handles[i]);
    }
    if (status == SDR_OK) {
        memcpy(job->out, handles, sizeof handles);
        job->card.out = job->out;
        job->card.out_len += CM_DERIVE_HANDLES;
        return;
    }
    for (unsigned i = 0; i < CM_DERIVE_KEYS; i++)
        if (handles[i])
            session_drop_key(broker, job->session, handles[i]);
    derive_forget(broker, job);
    job->card.status = status;
}

/* Reads the parameters into the job. False: refused. */
static bool derive_read(struct job *job, enum cm_derivation kind, bool sealed, struct cm_derive *derive)
{
    job->secret = true; /* IKE's nonces are: nothing else is in what it derives from */
    if (!cm_derive_read(job->param, job->sqe.param_len, kind, sealed, job->sqe.data_len, derive)) {
        refuse(job, CM_GATE_ARG, SDR_INARGERR);
        return false;
    }
    if (!may(job, derive))
        return false;
    memset(&job->derive, 0, sizeof job->derive);
    for (unsigned i = 0; i < CM_DERIVE_TEXTS; i++)
        job->derive.text_len[i] = (uint16_t)derive->text_len[i];
    for (unsigned i = 0; i < CM_DERIVE_KEYS; i++)
        job->derive.key_len[i] = (uint8_t)(derive->bits[i] / 8);
    for (unsigned i = 0; i < CM_DERIVE_CLEARS; i++)
        job->derive.clear_len[i] = (uint8_t)derive->clear_len[i];
    job->card.derive = &job->derive;
    return true;
}

static enum step keys_stay(struct job *job, enum cm_derivation kind, enum card_op op)
{
    struct cm_derive derive;
    if (!derive_read(job, kind, false, &derive))
        return STEP_DONE;
    job->card.op = (uint16_t)op;
    job->card.out = job->out + CM_DERIVE_HANDLES;
    job->card.out_cap = sizeof job->out - CM_DERIVE_HANDLES;
    job->reply = REPLY_PARAM;
    job->finish = derive_finish;
    return STEP_CARD;
}

static enum step keys_leave(struct job *job, enum cm_derivation kind, enum card_op op)
{
    struct cm_derive derive;
    if (!derive_read(job, kind, true, &derive))
        return STEP_DONE;
    size_t len = cm_derive_sealed(&derive);
    uint8_t *out = job->out;
    if (len > sizeof job->out && !job->big) {
        job->big = out = malloc(len);
        job->big_len = len;
    }
    if (!out || (out == job->out && len > sizeof job->out))
        return refuse(job, CM_GATE_LIMIT, SDR_NOBUFFER);
    job->card.op = (uint16_t)op;
    job->card.aux = derive.point;
    job->card.out = out;
    job->card.out_cap = len;
    job->reply = REPLY_DATA;
    return on_worker(job);
}

enum step op_derive_tls(struct broker *broker, struct job *job)
{
    (void)broker;
    return job_use_handle(job) ? keys_stay(job, CM_DERIVE_TLS, CARD_DERIVE_TLS) : STEP_DONE;
}

enum step op_derive_tls_epk(struct broker *broker, struct job *job)
{
    (void)broker;
    return job_use_handle(job) ? keys_leave(job, CM_DERIVE_TLS, CARD_DERIVE_TLS) : STEP_DONE;
}

enum step op_derive_ike(struct broker *broker, struct job *job)
{
    (void)broker;
    return keys_stay(job, CM_DERIVE_IKE, CARD_DERIVE_IKE);
}

enum step op_derive_ike_epk(struct broker *broker, struct job *job)
{
    (void)broker;
    return keys_leave(job, CM_DERIVE_IKE, CARD_DERIVE_IKE);
}

enum step op_derive_ipsec(struct broker *broker, struct job *job)
{
    (void)broker;
    return job_use_handle(job) ? keys_stay(job, CM_DERIVE_IPSEC, CARD_DERIVE_IPSEC) : STEP_DONE;
}

enum step op_derive_ipsec_epk(struct broker *broker, struct job *job)
{
    (void)broker;
    return job_use_handle(job) ? keys_leave(job, CM_DERIVE_IPSEC, CARD_DERIVE_IPSEC) : STEP_DONE;
}
