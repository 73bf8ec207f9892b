/* SPDX-License-Identifier: Apache-2.0 */
/* ops_data.c: handlers of sessions, random, symmetric, MAC and hash operations. Below the gate: lengths and slot hold.
 */
#include "backend/broker/broker.h"

#include <stdlib.h>

enum step refuse(struct job *job, enum cm_gate reason, uint32_t status)
{
    job->channel->tenant->counters.rejects[reason]++;
    job->card.status = status;
    return STEP_DONE;
}

void job_use_key(struct job *job, struct key *key)
{
    key->refs++;
    key->uses++;
    job->key = key;
    job->card.key = key->card;
}

void job_use_key2(struct job *job, struct key *key)
{
    key->refs++;
    job->key2 = key;
    job->card.key2 = key->card;
}

enum step op_session_open(struct broker *broker, struct job *job)
{
    job->card.status = session_make(broker, job->channel, &job->value);
    if (job->card.status != SDR_OK)
        return refuse(job, CM_GATE_LIMIT, job->card.status);
    return STEP_DONE;
}

enum step op_session_close(struct broker *broker, struct job *job)
{
    session_end(broker, job->session);
    return STEP_DONE;
}

/* A virtual card does not boast of what the tenant may not use. */
static void hide_denied(DEVICEINFO *info, const struct cm_policy *denied)
{
    static const struct {
        enum cm_alg alg;
        uint32_t asym, sym, hash;
    } abilities[] = {
        {A_RSA, SGD_RSA & 0xffff0000u, 0, 0},
        {A_SM2, SGD_SM2 & 0xffff0000u, 0, 0},
        {A_SM1, 0, SGD_SM1, 0},
        {A_SM4, 0, SGD_SM4, 0},
        {A_ZUC, 0, SGD_ZUC, 0},
        {A_AES, 0, SGD_AES, 0},
        {A_SM3, 0, 0, SGD_SM3},
        {A_SHA1, 0, 0, SGD_SHA1},
        {A_SHA2, 0, 0, SGD_SHA256 | SGD_SHA224 | SGD_SHA384 | SGD_SHA512},
    };
    for (size_t i = 0; i < sizeof abilities / sizeof *abilities; i++)
        if (denied->denied_algs >> abilities[i].alg & 1) {
            info->AsymAlgAbility[0] &= ~abilities[i].asym;
            info->SymAlgAbility &= ~abilities[i].sym;
            info->HashAlgAbility &= ~abilities[i].hash;
        }
    if (denied->denied_classes >> C_FILES & 1)
        info->BufferSize = 0;
}

/* DEVICEINFO of GM/T 0018, field by field; all of it is ours to tell, nothing of the physical card's serial shows. */
enum step op_device_info(struct broker *broker, struct job *job)
{
    const struct card_caps *caps = &broker->caps;
    const struct tenant *tenant = job->channel->tenant;
    DEVICEINFO info;
    memset(&info, 0, sizeof info);
    memcpy(info.IssuerName, caps->issuer, sizeof info.IssuerName);
    memcpy(info.DeviceName, caps->name, sizeof info.DeviceName);
    memcpy(info.DeviceSerial, tenant->record.serial, sizeof info.DeviceSerial);
    info.DeviceVersion = caps->device_version;
    info.StandardVersion = 2; /* GM/T 0018-2023 */
    info.AsymAlgAbility[0] = caps->asym_alg[0];
    info.AsymAlgAbility[1] = caps->asym_alg[1];
    info.SymAlgAbility = caps->sym_alg;
    info.HashAlgAbility = caps->hash_alg;
    info.BufferSize = tenant->policy.max_file_bytes;
    hide_denied(&info, &tenant->policy.denied);
    _Static_assert(sizeof info == 100 && sizeof info <= JOB_BYTES, "DEVICEINFO");
    memcpy(job->out, &info, sizeof info);
    job->card.out = job->out;
    job->card.out_len = sizeof info;
    job->reply = REPLY_PARAM;
    return STEP_DONE;
}

enum step op_echo(struct broker *broker, struct job *job)
{
    if (!(broker->caps.flags & CARD_CAN_ECHO))
        return refuse(job, CM_GATE_ALG, SDR_NOTSUPPORT);
    job->card.op = CARD_ECHO;
    job->card.out_cap = CM_SLOT_SIZE;
    job->reply = REPLY_IN_PLACE;
    return STEP_CARD;
}

bool job_use_handle(struct job *job)
{
    struct key *key = session_key(job->session, job->sqe.key);
    if (key)
        job_use_key(job, key);
    else
        refuse(job, CM_GATE_KEY, SDR_KEYNOTEXIST);
    return key != NULL;
}

static enum step cipher(struct job *job, enum card_op op)
{
    if (!job_use_handle(job))
        return STEP_DONE;
    job->card.op = (uint16_t)op;
    job->card.out_cap = CM_SLOT_SIZE;
    job->card.block = 0;
    job->reply = REPLY_IN_PLACE;
    return STEP_CARD;
}

enum step op_encrypt(struct broker *broker, struct job *job)
{
    (void)broker;
    return cipher(job, CARD_ENCRYPT);
}

enum step op_decrypt(struct broker *broker, struct job *job)
{
    (void)broker;
    return cipher(job, CARD_DECRYPT);
}

static void result_in_param(struct job *job)
{
    job->card.out = job->out;
    job->card.out_cap = CARD_DIGEST_MAX;
    job->reply = REPLY_PARAM;
}

enum step op_mac(struct broker *broker, struct job *job)
{
    (void)broker;
    if (!job_use_handle(job))
        return STEP_DONE;
    job->card.op = CARD_MAC;
    result_in_param(job);
    return STEP_CARD;
}

enum step op_hash(struct broker *broker, struct job *job)
{
    (void)broker;
    job->card.op = CARD_HASH;
    result_in_param(job);
    return STEP_CARD;
}

/*
 * Running states. A session has one hash and one MAC; while a job uses a state it is `busy` and everything else that
 * wants it is out of step. A state that a start replaces is freed when the new one is there.
 */
static void hash_init_finish(struct broker *broker, struct job *job)
{
    struct session *session = job->session;
    session->hash_busy = false;
    if (job->card.status != SDR_OK)
        return;
    if (session->hash)
        broker->driver->state_free(broker->card, session->hash);
    session->hash = job->card.state;
}

static void hash_finish(struct broker *broker, struct job *job)
{
    struct session *session = job->session;
    session->hash_busy = false;
    if (job->sqe.op != CM_OP_HASH_FINAL && job->card.status == SDR_OK)
        return;
    broker->driver->state_free(broker->card, session->hash);
    session->hash = NULL;
}

static void mac_init_finish(struct broker *broker, struct job *job)
{
    struct session *session = job->session;
    session->mac_busy = false;
    if (job->card.status != SDR_OK)
        return;
    if (session->mac)
        broker->driver->state_free(broker->card, session->mac);
    session->mac = job->card.state;
}

static void mac_finish(struct broker *broker, struct job *job)
{
    struct session *session = job->session;
    session->mac_busy = false;
    if (job->sqe.op != CM_OP_MAC_FINAL && job->card.status == SDR_OK)
        return;
    broker->driver->state_free(broker->card, session->mac);
    session->mac = NULL;
}

enum step op_hash_init(struct broker *broker, struct job *job)
{
    (void)broker;
    if (job->session->hash_busy)
        return refuse(job, CM_GATE_STEP, SDR_STEPERR);
    bool with_z = job->sqe.param_len != 0;
    if (with_z != (job->sqe.data_len != 0) || (with_z && job->sqe.param_len != CARD_ECC_POINT))
        return refuse(job, CM_GATE_PARAM, SDR_INARGERR);
    job->session->hash_busy = true;
    job->card.op = CARD_HASH_START;
    job->card.aux = with_z ? job->param : NULL;
    job->finish = hash_init_finish;
    return STEP_CARD;
}

static enum step hash_step(struct job *job, enum card_op op)
{
    struct session *session = job->session;
    if (!session->hash || session->hash_busy)
        return refuse(job, CM_GATE_STEP, SDR_STEPERR);
    session->hash_busy = true;
    job->card.op = (uint16_t)op;
    job->card.state = session->hash;
    job->finish = hash_finish;
    return STEP_CARD;
}

enum step op_hash_update(struct broker *broker, struct job *job)
{
    (void)broker;
    return hash_step(job, CARD_HASH_UPDATE);
}

enum step op_hash_final(struct broker *broker, struct job *job)
{
    (void)broker;
    result_in_param(job);
    return hash_step(job, CARD_HASH_FINISH);
}

enum step op_mac_init(struct broker *broker, struct job *job)
{
    (void)broker;
    if (job->session->mac_busy)
        return refuse(job, CM_GATE_STEP, SDR_STEPERR);
    if (!job_use_handle(job))
        return STEP_DONE;
    job->session->mac_busy = true;
    job->card.op = CARD_MAC_START;
    job->finish = mac_init_finish;
    return STEP_CARD;
}

static enum step mac_step(struct job *job, enum card_op op)
{
    struct session *session = job->session;
    if (!session->mac || session->mac_busy)
        return refuse(job, CM_GATE_STEP, SDR_STEPERR);
    session->mac_busy = true;
    job->card.op = (uint16_t)op;
    job->card.state = session->mac;
    job->finish = mac_finish;
    return STEP_CARD;
}

enum step op_mac_update(struct broker *broker, struct job *job)
{
    (void)broker;
    return mac_step(job, CARD_MAC_UPDATE);
}

enum step op_mac_final(struct broker *broker, struct job *job)
{
    (void)broker;
    result_in_param(job);
    return mac_step(job, CARD_MAC_FINISH);
}
