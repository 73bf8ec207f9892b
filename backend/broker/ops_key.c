/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ops_key.c: handlers of key pairs, session keys and public-key operations.
 *
 * Index operations use the tenant's own table: the sign pair of an index for signing and verifying, its encrypt pair
 * for the rest. What uses a private key needs the session's right to the index, what uses a KEK that has an access code
 * the right to that KEK, else SDR_PARDENY (rights.c).
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

struct keypair *find_own_pair(struct job *job, enum vault_key_kind kind)
{
    struct keypair *pair = find_pair(job, kind);
    if (pair && lacks_code(job, pair->has_code)) {
        refuse(job, CM_GATE_POLICY, SDR_PARDENY);
        return NULL;
    }
    if (pair && !session_has_right(job->session, kind, pair->index)) {
        refuse(job, CM_GATE_RIGHT, SDR_PARDENY);
        return NULL;
    }
    return pair;
}

bool session_key_bits_ok(uint32_t bits)
{
    return bits == 128 || bits == 192 || bits == 256;
}

bool class_denied(const struct job *job, enum cm_class class)
{
    return job->channel->tenant->policy.denied.denied_classes >> class & 1;
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

void job_finish_on_broker(struct broker *broker, struct task *task)
{
    struct job *job = (struct job *)((char *)task - offsetof(struct job, task));
    struct channel *channel = job->channel;
    bool gone = channel->region->gone; /* then the job's end frees it */
    if (task->lengthy)
        lengthy_next(broker, channel->tenant);
    else
        channel->tenant->working--;
    if (broker->card_failed)
        card_void(broker, job);
    channel_set_back(broker, channel);
    job_complete(broker, job);
    if (!gone)
        channel_notify(broker, channel);
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

/* The KEK of that index, where the session may use it; NULL as from find_pair. */
static struct kek *find_kek(struct job *job, uint32_t index)
{
    struct tenant *tenant = job->channel->tenant;
    struct kek *kek = keycache_kek(tenant->broker, tenant, index);
    if (!kek) {
        if (!job_wants(job, VAULT_KEY_KEK, index))
            refuse(job, CM_GATE_KEY, SDR_KEYNOTEXIST);
        return NULL;
    }
    if (lacks_code(job, kek->has_code)) {
        refuse(job, CM_GATE_POLICY, SDR_PARDENY);
        return NULL;
    }
    if (kek->has_code && !session_has_right(job->session, VAULT_KEY_KEK, kek->index)) {
        refuse(job, CM_GATE_RIGHT, SDR_PARDENY);
        return NULL;
    }
    return kek;
}

static enum step with_kek(struct job *job, enum card_op op)
{
    struct kek *kek = find_kek(job, job->sqe.key);
    if (!kek)
        return STEP_DONE;
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

/* The session key of the handle, for a way out of the card; NULL: refused. */
static struct key *key_to_export(struct job *job)
{
    struct key *key = session_key(job->session, job->sqe.key);
    if (!key) {
        refuse(job, CM_GATE_KEY, SDR_KEYNOTEXIST);
        return NULL;
    }
    if (key->kek) { /* a KEK's: what it has wrapped would leave with it */
        refuse(job, CM_GATE_KEY, SDR_KEYTYPEERR);
        return NULL;
    }
    return key;
}

enum step op_kek_handle(struct broker *broker, struct job *job)
{
    struct kek *kek = find_kek(job, job->sqe.key);
    if (kek)
        job->card.status = session_add_kek(broker, job->session, kek, &job->value);
    return STEP_DONE;
}

enum step op_key_export_kek(struct broker *broker, struct job *job)
{
    (void)broker;
    struct key *key = key_to_export(job);
    if (!key)
        return STEP_DONE;
    struct kek *kek = find_kek(job, job->sqe.arg);
    if (!kek)
        return STEP_DONE;
    job_use_key(job, kek->key);
    job_use_key2(job, key);
    job->card.op = CARD_KEY_EXPORT_KEK;
    memset(job->card.iv, 0, sizeof job->card.iv);
    result_in_data(job);
    return STEP_CARD;
}

enum step op_key_export_epk(struct broker *broker, struct job *job)
{
    (void)broker;
    struct key *key = key_to_export(job);
    if (!key)
        return STEP_DONE;
    job_use_key(job, key);
    job->card.op = CARD_KEY_EXPORT_PKE;
    job->card.aux = job->param;
    result_in_data(job);
    return STEP_CARD;
}

enum step op_key_export_epk_rsa(struct broker *broker, struct job *job)
{
    (void)broker;
    struct key *key = key_to_export(job);
    if (!key)
        return STEP_DONE;
    job_use_key(job, key);
    job->card.op = CARD_KEY_EXPORT_RSA;
    result_in_data(job);
    return on_worker(job);
}

enum step op_key_destroy(struct broker *broker, struct job *job)
{
    if (!session_drop_key(broker, job->session, job->sqe.key))
        return refuse(job, CM_GATE_KEY, SDR_KEYNOTEXIST);
    return STEP_DONE;
}

enum step sign_with_own(struct job *job, enum vault_key_kind kind)
{
    struct keypair *pair = find_own_pair(job, kind);
    if (!pair)
        return STEP_DONE;
    job_use_key(job, pair->sign);
    job->card.op = CARD_SIGN;
    job->card.in = job->param;
    job->card.in_len = 32;
    result_in_param(job);
    return STEP_CARD;
}

enum step verify_under_point(struct job *job)
{
    job->card.op = CARD_VERIFY;
    job->card.aux = job->param;
    job->card.in = job->param + 64;
    job->card.in_len = 32;
    job->card.aux2 = job->param + 96;
    return STEP_CARD;
}

enum step op_verify_external(struct broker *broker, struct job *job)
{
    (void)broker;
    return alg_is_sm2(job->sqe.alg) ? verify_under_point(job) : refuse(job, CM_GATE_ALG, SDR_ALGNOTSUPPORT);
}

enum step op_sign_internal(struct broker *broker, struct job *job)
{
    (void)broker;
    return sign_with_own(job, VAULT_KEY_SM2);
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
