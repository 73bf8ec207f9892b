/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ops_key.c: handlers of key pairs, private-key rights, session keys and public-key operations.
 *
 * Index operations use the tenant's own table: the sign pair of an index for signing and verifying, its encrypt pair
 * for the rest. What uses a private key needs the session's right to the index, else SDR_PARDENY (GM/T 0018 clause on
 * SDF_GetPrivateKeyAccessRight).
 */
#include "backend/broker/ops_key.h"

#include "backend/broker/keycache.h"

/* SM2 has two numberings in the field; the operation says which use is meant, the id only that it is SM2. */
static bool alg_is_sm2(uint32_t alg)
{
    return alg == SGD_SM2 || alg == SGD_SM2_1 || alg == SGD_SM2_2 || alg == SGD_SM2_3;
}

struct keypair *find_pair_at(struct job *job, enum vault_key_kind kind, uint32_t index)
{
    struct tenant *tenant = job->channel->tenant;
    struct keypair *pair = keycache_pair(tenant->broker, tenant, kind, index);
    if (!pair && !job_wants(job, kind, index))
        refuse(job, CM_GATE_KEY, SDR_KEYNOTEXIST);
    return pair;
}

struct keypair *find_pair(struct job *job, enum vault_key_kind kind)
{
    return find_pair_at(job, kind, job->sqe.key);
}

/* An index without an access code, where the policy demands one. */
static bool lacks_code(const struct job *job, const struct keypair *pair)
{
    return !pair->has_code && job->channel->tenant->policy.codes == VAULT_CODES_ALWAYS;
}

struct keypair *find_own_pair(struct job *job, enum vault_key_kind kind)
{
    struct keypair *pair = find_pair(job, kind);
    if (pair && lacks_code(job, pair)) {
        refuse(job, CM_GATE_POLICY, SDR_PARDENY);
        return NULL;
    }
    if (pair && !session_has_right(job->session, pair->index)) {
        refuse(job, CM_GATE_RIGHT, SDR_PARDENY);
        return NULL;
    }
    return pair;
}

bool session_key_bits_ok(uint32_t bits)
{
    return bits == 128 || bits == 192 || bits == 256;
}

void result_in_data(struct job *job)
{
    job->card.out = job->out;
    job->card.out_cap = JOB_BYTES;
    job->reply = REPLY_DATA;
}

void result_in_param(struct job *job)
{
    job->card.out = job->out;
    job->card.out_cap = JOB_BYTES;
    job->reply = REPLY_PARAM;
}

/* Some pair of the index: code and right are the index's, whatever kinds of pair it has. */
static struct keypair *find_any_pair(struct job *job)
{
    struct tenant *tenant = job->channel->tenant;
    for (unsigned kind = 1; kind < VAULT_KEY_KINDS; kind++) {
        struct keypair *pair = kind == VAULT_KEY_KEK
                                   ? NULL
                                   : keycache_pair(tenant->broker, tenant, (enum vault_key_kind)kind, job->sqe.key);
        if (pair)
            return pair;
    }
    if (!job_wants(job, 0, job->sqe.key))
        refuse(job, CM_GATE_KEY, SDR_KEYNOTEXIST);
    return NULL;
}

static uint32_t grant(struct session *session, uint32_t index)
{
    for (unsigned i = 0; i < session->right_count; i++)
        if (session->rights[i].index == index) {
            session->rights[i].count += session->rights[i].count < UINT32_MAX;
            return SDR_OK;
        }
    if (session->right_count >= SESSION_RIGHTS_MAX)
        return SDR_NOBUFFER;
    session->rights[session->right_count].index = index;
    session->rights[session->right_count++].count = 1;
    return SDR_OK;
}

static void check_code(struct broker *broker, struct task *task)
{
    struct job *job = (struct job *)((char *)task - offsetof(struct job, task));
    char error[VAULT_ERROR_TEXT] = "";
    enum vault_result result = vault_code_check(broker->vault, job->channel->tenant->record.id, job->sqe.key,
                                                job->sqe.param_len ? job->param : NULL, job->sqe.param_len, error);
    explicit_bzero(job->param, sizeof job->param);
    audit_code(broker, &job->channel->tenant->record, job->sqe.key, result);
    switch (result) {
    case VAULT_OK:
        job->card.status = SDR_OK;
        break;
    case VAULT_BAD_CODE:
    case VAULT_LOCKED:
        job->card.status = SDR_PRKRERR;
        break;
    case VAULT_NOT_FOUND:
        job->card.status = SDR_KEYNOTEXIST;
        break;
    default:
        broker_log("tenant %s, key %u: access code cannot be checked: %s", job->channel->tenant->record.name,
                   job->sqe.key, error);
        job->card.status = SDR_HARDFAIL;
        break;
    }
}

void job_finish_on_broker(struct broker *broker, struct task *task)
{
    struct job *job = (struct job *)((char *)task - offsetof(struct job, task));
    struct channel *channel = job->channel;
    bool gone = channel->region->gone; /* then the job's end frees it */
    if (task->lengthy)
        channel->tenant->making--;
    else
        channel->tenant->working--;
    if (broker->card_failed)
        card_void(broker, job);
    job_complete(broker, job);
    if (!gone)
        channel_notify(broker, channel);
}

static void right_finish(struct broker *broker, struct job *job)
{
    (void)broker;
    bool codes_same = job->value == job->channel->tenant->codes_set;
    job->value = 0;
    if (job->card.status == SDR_OK && !codes_same)
        job->card.status = SDR_PRKRERR; /* it may have been right a moment ago */
    if (job->card.status == SDR_OK)
        job->card.status = grant(job->session, job->sqe.key);
}

enum step op_right_get(struct broker *broker, struct job *job)
{
    (void)broker;
    job->secret = true;
    struct keypair *pair = find_any_pair(job);
    if (!pair)
        return STEP_DONE;
    if (lacks_code(job, pair))
        return refuse(job, CM_GATE_POLICY, SDR_PARDENY);
    job->finish = right_finish;
    job->value = job->channel->tenant->codes_set;
    if (!pair->has_code && !job->sqe.param_len)
        return STEP_DONE;
    if (!pair->has_code || !job->sqe.param_len) { /* a code where there is none, none where there is one */
        job->card.status = SDR_PRKRERR;
        return STEP_DONE;
    }
    job->task.work = check_code;
    job->task.done = job_finish_on_broker;
    return STEP_WORK;
}

enum step op_right_release(struct broker *broker, struct job *job)
{
    (void)broker;
    struct session *session = job->session;
    for (unsigned i = 0; i < session->right_count; i++)
        if (session->rights[i].index == job->sqe.key) {
            if (!--session->rights[i].count)
                session->rights[i] = session->rights[--session->right_count];
            return STEP_DONE;
        }
    if (!find_any_pair(job))
        return STEP_DONE;
    return refuse(job, CM_GATE_RIGHT, SDR_PARDENY);
}

enum step op_export_public(struct broker *broker, struct job *job)
{
    (void)broker;
    if (job->sqe.arg != WHICH_SIGN && job->sqe.arg != WHICH_ENCRYPT)
        return refuse(job, CM_GATE_ARG, SDR_INARGERR);
    struct keypair *pair = find_pair(job, VAULT_KEY_SM2);
    if (!pair)
        return STEP_DONE;
    memcpy(job->out, job->sqe.arg == WHICH_SIGN ? pair->sign_public : pair->encrypt_public, CARD_ECC_POINT);
    result_in_param(job);
    job->card.out_len = CARD_ECC_POINT;
    return STEP_DONE;
}

static void run_on_worker(struct broker *broker, struct task *task)
{
    struct job *job = (struct job *)((char *)task - offsetof(struct job, task));
    broker->driver->run(broker->card, &job->card);
}

enum step on_worker(struct job *job)
{
    job->task.work = run_on_worker;
    job->task.done = job_finish_on_broker;
    return STEP_WORK;
}

enum step op_keypair_generate(struct broker *broker, struct job *job)
{
    (void)broker;
    if (!alg_is_sm2(job->sqe.alg))
        return refuse(job, CM_GATE_ALG, SDR_ALGNOTSUPPORT);
    if (job->sqe.arg != 256)
        return refuse(job, CM_GATE_ARG, SDR_INARGERR);
    job->secret = true;
    job->card.op = CARD_KEYPAIR_GENERATE;
    result_in_param(job);
    return on_worker(job);
}

enum step op_key_generate_ipk(struct broker *broker, struct job *job)
{
    (void)broker;
    if (!session_key_bits_ok(job->sqe.arg))
        return refuse(job, CM_GATE_ARG, SDR_INARGERR);
    struct keypair *pair = find_pair(job, VAULT_KEY_SM2);
    if (!pair)
        return STEP_DONE;
    job_use_key(job, pair->encrypt);
    job->card.op = CARD_KEY_GENERATE_PKE;
    job->card.in_key_bits = (uint16_t)job->sqe.arg;
    job->makes_handle = true;
    result_in_data(job);
    return STEP_CARD;
}

enum step op_key_generate_epk(struct broker *broker, struct job *job)
{
    (void)broker;
    if (!alg_is_sm2(job->sqe.alg))
        return refuse(job, CM_GATE_ALG, SDR_ALGNOTSUPPORT);
    if (!session_key_bits_ok(job->sqe.arg))
        return refuse(job, CM_GATE_ARG, SDR_INARGERR);
    job->card.op = CARD_KEY_GENERATE_PKE;
    job->card.in_key_bits = (uint16_t)job->sqe.arg;
    job->card.aux = job->param;
    job->makes_handle = true;
    result_in_data(job);
    return STEP_CARD;
}

enum step op_key_import_isk(struct broker *broker, struct job *job)
{
    (void)broker;
    struct keypair *pair = find_own_pair(job, VAULT_KEY_SM2);
    if (!pair)
        return STEP_DONE;
    job_use_key(job, pair->encrypt);
    job->card.op = CARD_KEY_IMPORT_PKE;
    job->card.out_cap = JOB_BYTES;
    job->makes_handle = true;
    return STEP_CARD;
}

static enum step with_kek(struct job *job, enum card_op op)
{
    struct tenant *tenant = job->channel->tenant;
    struct kek *kek = keycache_kek(tenant->broker, tenant, job->sqe.key);
    if (!kek)
        return job_wants(job, VAULT_KEY_KEK, job->sqe.key) ? STEP_DONE : refuse(job, CM_GATE_KEY, SDR_KEYNOTEXIST);
    job_use_key(job, kek->key);
    job->card.op = (uint16_t)op;
    memset(job->card.iv, 0, sizeof job->card.iv);
    job->makes_handle = true;
    return STEP_CARD;
}

enum step op_key_generate_kek(struct broker *broker, struct job *job)
{
    (void)broker;
    if (!session_key_bits_ok(job->sqe.arg))
        return refuse(job, CM_GATE_ARG, SDR_INARGERR);
    job->card.in_key_bits = (uint16_t)job->sqe.arg;
    result_in_data(job);
    return with_kek(job, CARD_KEY_GENERATE_KEK);
}

enum step op_key_import_kek(struct broker *broker, struct job *job)
{
    (void)broker;
    job->card.out_cap = JOB_BYTES;
    return with_kek(job, CARD_KEY_IMPORT_KEK);
}

enum step op_key_destroy(struct broker *broker, struct job *job)
{
    if (!session_drop_key(broker, job->session, job->sqe.key))
        return refuse(job, CM_GATE_KEY, SDR_KEYNOTEXIST);
    return STEP_DONE;
}

enum step op_verify_external(struct broker *broker, struct job *job)
{
    (void)broker;
    if (!alg_is_sm2(job->sqe.alg))
        return refuse(job, CM_GATE_ALG, SDR_ALGNOTSUPPORT);
    job->card.op = CARD_VERIFY;
    job->card.aux = job->param;
    job->card.in = job->param + 64;
    job->card.in_len = 32;
    job->card.aux2 = job->param + 96;
    return STEP_CARD;
}

enum step op_sign_internal(struct broker *broker, struct job *job)
{
    (void)broker;
    struct keypair *pair = find_own_pair(job, VAULT_KEY_SM2);
    if (!pair)
        return STEP_DONE;
    job_use_key(job, pair->sign);
    job->card.op = CARD_SIGN;
    job->card.in = job->param;
    job->card.in_len = 32;
    result_in_param(job);
    return STEP_CARD;
}

enum step op_verify_internal(struct broker *broker, struct job *job)
{
    (void)broker;
    struct keypair *pair = find_pair(job, VAULT_KEY_SM2);
    if (!pair)
        return STEP_DONE;
    job_use_key(job, pair->sign);
    job->card.op = CARD_VERIFY;
    job->card.in = job->param;
    job->card.in_len = 32;
    job->card.aux2 = job->param + 32;
    return STEP_CARD;
}

enum step op_pke_encrypt_external(struct broker *broker, struct job *job)
{
    (void)broker;
    if (!alg_is_sm2(job->sqe.alg))
        return refuse(job, CM_GATE_ALG, SDR_ALGNOTSUPPORT);
    job->secret = true; /* the plaintext was copied in */
    job->card.op = CARD_PKE_ENCRYPT;
    job->card.aux = job->param;
    result_in_data(job);
    return STEP_CARD;
}

enum step op_pke_encrypt_internal(struct broker *broker, struct job *job)
{
    (void)broker;
    if (!alg_is_sm2(job->sqe.alg))
        return refuse(job, CM_GATE_ALG, SDR_ALGNOTSUPPORT);
    struct keypair *pair = find_pair(job, VAULT_KEY_SM2);
    if (!pair)
        return STEP_DONE;
    job_use_key(job, pair->encrypt);
    job->secret = true;
    job->card.op = CARD_PKE_ENCRYPT;
    result_in_data(job);
    return STEP_CARD;
}

enum step op_pke_decrypt_internal(struct broker *broker, struct job *job)
{
    (void)broker;
    if (!alg_is_sm2(job->sqe.alg))
        return refuse(job, CM_GATE_ALG, SDR_ALGNOTSUPPORT);
    struct keypair *pair = find_own_pair(job, VAULT_KEY_SM2);
    if (!pair)
        return STEP_DONE;
    job_use_key(job, pair->encrypt);
    job->secret = true;
    job->card.op = CARD_PKE_DECRYPT;
    result_in_data(job);
    return STEP_CARD;
}
