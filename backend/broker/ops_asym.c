/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ops_asym.c: handlers of RSA, SM2 key agreement, envelopes, keys in clear, and ECDSA. All of it goes to workers.
 *
 * Session keys under RSA. Who sees whether an unwrapping worked can, with many tries, learn what is in somebody else's
 * envelope. The card answers all failures alike and after the same time (cardmux/card.h), and here a tenant's failures
 * are counted: more than UNWRAP_BURST of them, beyond UNWRAP_PER_S, and nothing is unwrapped for it until they have
 * been forgotten at that rate. A caller whose envelopes are good never meets the limit. The bare private operation on
 * the pair that opens envelopes tells all of what is in one, whatever its form: it is only for tenants that the
 * operator allows it, and each of them counts.
 */
#include "backend/broker/ops_key.h"

#include <stdlib.h>

#define UNWRAP_BURST   256u
#define UNWRAP_PER_S   16u
#define UNWRAP_TELL_NS 60000000000u /* a line in the log a minute, at most */

static bool unwrap_refused(struct tenant *tenant)
{
    uint64_t now = clock_ns(), passed = (now - tenant->bad_unwraps_at) * UNWRAP_PER_S / 1000000000u;
    if (passed) {
        tenant->bad_unwraps = passed < tenant->bad_unwraps ? tenant->bad_unwraps - (uint32_t)passed : 0;
        tenant->bad_unwraps_at = now;
    }
    return tenant->bad_unwraps >= UNWRAP_BURST;
}

static void unwrap_count(struct tenant *tenant)
{
    if (++tenant->bad_unwraps < UNWRAP_BURST)
        return;
    uint64_t now = clock_ns();
    if (tenant->bad_unwraps_told && now - tenant->bad_unwraps_told < UNWRAP_TELL_NS)
        return;
    tenant->bad_unwraps_told = now;
    broker_log(
        "tenant %s: more than %u RSA envelopes did not open, or were opened bare: a program gone wrong, or an attack "
        "on its keys; more are taken at %u a second only",
        tenant->record.name, UNWRAP_BURST, UNWRAP_PER_S);
}

static void unwrap_finish(struct broker *broker, struct job *job)
{
    (void)broker;
    if (job->card.status == SDR_ENCDATAERR)
        unwrap_count(job->channel->tenant);
}

/* The encrypting pair of the index, for taking something out of an RSA envelope. */
static struct keypair *find_unwrapping(struct job *job)
{
    struct keypair *pair = find_own_pair(job, VAULT_KEY_RSA);
    if (pair && unwrap_refused(job->channel->tenant)) {
        refuse(job, CM_GATE_LIMIT, SDR_SKOPERR);
        return NULL;
    }
    if (pair)
        job->finish = unwrap_finish;
    return pair;
}

static size_t modulus(const struct keypair *pair)
{
    return pair->bits / 8;
}

enum step op_rsa_export(struct broker *broker, struct job *job)
{
    (void)broker;
    if (job->sqe.arg != WHICH_SIGN && job->sqe.arg != WHICH_ENCRYPT)
        return refuse(job, CM_GATE_ARG, SDR_INARGERR);
    struct keypair *pair = find_pair(job, VAULT_KEY_RSA);
    if (!pair)
        return STEP_DONE;
    size_t size = CARD_RSA_PUBLIC_SIZE(modulus(pair));
    job->big = malloc(size);
    if (!job->big)
        return refuse(job, CM_GATE_LIMIT, SDR_NOBUFFER);
    job->big_len = job->card.out_len = size;
    memcpy(job->big, pair->rsa_public + (job->sqe.arg == WHICH_ENCRYPT ? size : 0), size);
    job->card.out = job->big;
    job->reply = REPLY_DATA;
    return STEP_DONE;
}

enum step op_rsa_keypair(struct broker *broker, struct job *job)
{
    (void)broker;
    if (!vault_kind_bits_ok(VAULT_KEY_RSA, job->sqe.arg))
        return refuse(job, CM_GATE_ARG, SDR_INARGERR);
    job->big_len = CARD_RSA_PRIVATE_SIZE(job->sqe.arg / 8);
    job->big = malloc(job->big_len);
    if (!job->big)
        return refuse(job, CM_GATE_LIMIT, SDR_NOBUFFER);
    job->secret = true;
    job->card.op = CARD_RSA_KEYPAIR;
    job->card.in_key_bits = (uint16_t)job->sqe.arg;
    job->card.out = job->big;
    job->card.out_cap = job->big_len;
    job->reply = REPLY_DATA;
    job->task.lengthy = true;
    return on_worker(job);
}

enum step op_key_generate_ipk_rsa(struct broker *broker, struct job *job)
{
    (void)broker;
    if (!session_key_bits_ok(job->sqe.arg))
        return refuse(job, CM_GATE_ARG, SDR_INARGERR);
    struct keypair *pair = find_pair(job, VAULT_KEY_RSA);
    if (!pair)
        return STEP_DONE;
    job_use_key(job, pair->encrypt);
    job->card.op = CARD_KEY_GENERATE_RSA;
    job->card.in_key_bits = (uint16_t)job->sqe.arg;
    job->makes_handle = true;
    result_in_data(job);
    return on_worker(job);
}

enum step op_key_generate_epk_rsa(struct broker *broker, struct job *job)
{
    (void)broker;
    if (!session_key_bits_ok(job->sqe.arg))
        return refuse(job, CM_GATE_ARG, SDR_INARGERR);
    job->card.op = CARD_KEY_GENERATE_RSA;
    job->card.in_key_bits = (uint16_t)job->sqe.arg;
    job->makes_handle = true;
    result_in_data(job);
    return on_worker(job);
}

enum step op_key_import_isk_rsa(struct broker *broker, struct job *job)
{
    (void)broker;
    struct keypair *pair = find_unwrapping(job);
    if (!pair)
        return STEP_DONE;
    job_use_key(job, pair->encrypt);
    job->card.op = CARD_KEY_IMPORT_RSA;
    job->makes_handle = true;
    return on_worker(job);
}

enum step op_rsa_rewrap(struct broker *broker, struct job *job)
{
    (void)broker;
    struct keypair *pair = find_unwrapping(job);
    if (!pair)
        return STEP_DONE;
    job_use_key(job, pair->encrypt);
    job->card.op = CARD_RSA_REWRAP;
    result_in_data(job);
    return on_worker(job);
}

enum step op_rsa_public_external(struct broker *broker, struct job *job)
{
    (void)broker;
    job->card.op = CARD_RSA_PUBLIC;
    result_in_data(job);
    return on_worker(job);
}

enum step op_rsa_public_internal(struct broker *broker, struct job *job)
{
    (void)broker;
    if (job->sqe.arg != WHICH_SIGN && job->sqe.arg != WHICH_ENCRYPT)
        return refuse(job, CM_GATE_ARG, SDR_INARGERR);
    struct keypair *pair = find_pair(job, VAULT_KEY_RSA);
    if (!pair)
        return STEP_DONE;
    job_use_key(job, job->sqe.arg == WHICH_ENCRYPT ? pair->encrypt : pair->sign);
    job->card.op = CARD_RSA_PUBLIC;
    result_in_data(job);
    return on_worker(job);
}

/* What it opens are session keys, in clear: as a KEK's handle, and so for whom that is. */
static bool may_open_bare(const struct job *job)
{
    return job->channel->tenant->record.flags & VAULT_TENANT_KEK_HANDLE && !class_denied(job, C_EXPORT);
}

static void bare_finish(struct broker *broker, struct job *job)
{
    (void)broker;
    unwrap_count(job->channel->tenant);
}

enum step op_rsa_private_internal(struct broker *broker, struct job *job)
{
    (void)broker;
    if (job->sqe.arg != WHICH_SIGN && job->sqe.arg != WHICH_ENCRYPT)
        return refuse(job, CM_GATE_ARG, SDR_INARGERR);
    bool opens = job->sqe.arg == WHICH_ENCRYPT;
    if (opens && !may_open_bare(job))
        return refuse(job, CM_GATE_POLICY, SDR_NOTSUPPORT);
    struct keypair *pair = opens ? find_unwrapping(job) : find_own_pair(job, VAULT_KEY_RSA);
    if (!pair)
        return STEP_DONE;
    job_use_key(job, opens ? pair->encrypt : pair->sign);
    if (opens)
        job->finish = bare_finish;
    job->secret = true;
    job->card.op = CARD_RSA_PRIVATE;
    result_in_data(job);
    return on_worker(job);
}

enum step op_rsa_private_external(struct broker *broker, struct job *job)
{
    (void)broker;
    job->secret = true;
    job->card.op = CARD_RSA_PRIVATE;
    result_in_data(job);
    return on_worker(job);
}

enum step op_pke_rewrap(struct broker *broker, struct job *job)
{
    (void)broker;
    struct keypair *pair = find_own_pair(job, VAULT_KEY_SM2);
    if (!pair)
        return STEP_DONE;
    job_use_key(job, pair->encrypt);
    job->card.op = CARD_PKE_REWRAP;
    job->card.aux = job->param;
    result_in_data(job);
    return on_worker(job);
}

/* Of the sponsor between its two calls: who it is, and which key it brings. */
struct agreement {
    uint32_t index, bits, id_len;
    uint8_t own[CARD_ECC_POINT]; /* what the peer was told: the key at the index may be another one later */
    uint8_t id[];
};

/* Own point and temporary one go out together: the card wrote the second. */
static void agree_reply(struct job *job, const struct keypair *pair)
{
    memcpy(job->out, pair->encrypt_public, CARD_ECC_POINT);
    job->card.out = job->out + CARD_ECC_POINT;
    job->card.out_cap = CARD_ECC_POINT;
    job->reply = REPLY_PARAM;
}

static void agree_replied(struct job *job)
{
    job->card.out = job->out;
    job->card.out_len = 2 * CARD_ECC_POINT;
}

static void agree_start_finish(struct broker *broker, struct job *job)
{
    if (job->card.status != SDR_OK)
        return;
    uint32_t id_len = job->sqe.data_len;
    struct agreement *agreement = malloc(sizeof *agreement + id_len);
    if (!agreement) {
        broker->driver->key_free(broker->card, job->card.new_key);
        job->card.status = SDR_NOBUFFER;
        return;
    }
    *agreement = (struct agreement){.index = job->sqe.key, .bits = job->sqe.arg, .id_len = id_len};
    memcpy(agreement->own, job->out, sizeof agreement->own);
    memcpy(agreement->id, job->card.in, id_len);
    job->card.status = session_add_agreement(broker, job->session, job->card.new_key, agreement, &job->value);
    agree_replied(job);
}

/* A session key's length, or that of a secret to derive a channel's keys from. */
static bool agreed_bits_ok(uint32_t bits)
{
    return session_key_bits_ok(bits) || bits == 8 * CARD_TLS_SECRET;
}

enum step op_agree_start(struct broker *broker, struct job *job)
{
    (void)broker;
    if (!agreed_bits_ok(job->sqe.arg))
        return refuse(job, CM_GATE_ARG, SDR_INARGERR);
    struct keypair *pair = find_own_pair(job, VAULT_KEY_SM2);
    if (!pair)
        return STEP_DONE;
    job->card.op = CARD_AGREE_START;
    agree_reply(job, pair);
    job->finish = agree_start_finish;
    return on_worker(job);
}

/* An agreement is for one key. */
static void agree_conclude_finish(struct broker *broker, struct job *job)
{
    if (job->card.status == SDR_OK)
        session_drop_key(broker, job->session, job->sqe.key);
}

/* Own id and peer's id, one after the other, in place of what was copied in. */
static bool ids_join(struct job *job, const uint8_t *own, size_t own_len)
{
    size_t peer_len = job->sqe.data_len;
    uint8_t *both = malloc(own_len + peer_len);
    if (!both)
        return false;
    memcpy(both, own, own_len);
    memcpy(both + own_len, job->card.in, peer_len);
    free(job->big);
    job->big = both;
    job->big_len = own_len + peer_len;
    job->card.in = both;
    job->card.in_len = job->big_len;
    return true;
}

enum step op_agree_conclude(struct broker *broker, struct job *job)
{
    (void)broker;
    struct key *temporary = session_agreement(job->session, job->sqe.key);
    if (!temporary)
        return refuse(job, CM_GATE_KEY, SDR_KEYNOTEXIST);
    const struct agreement *agreement = temporary->agreement;
    struct keypair *pair = find_pair_at(job, VAULT_KEY_SM2, agreement->index);
    if (!pair)
        return STEP_DONE;
    if (memcmp(agreement->own, pair->encrypt_public, sizeof agreement->own) != 0)
        return refuse(job, CM_GATE_KEY, SDR_KEYNOTEXIST);
    if (!ids_join(job, agreement->id, agreement->id_len))
        return refuse(job, CM_GATE_LIMIT, SDR_NOBUFFER);
    job_use_key(job, pair->encrypt);
    job_use_key2(job, temporary);
    job->card.op = CARD_AGREE_FINISH;
    job->card.in_key_bits = (uint16_t)agreement->bits;
    job->card.arg = CARD_AGREE_ID(agreement->id_len);
    job->card.aux = job->param;
    job->card.aux2 = job->param + CARD_ECC_POINT;
    job->makes_handle = true;
    job->finish = agree_conclude_finish;
    return on_worker(job);
}

static void agree_respond_finish(struct broker *broker, struct job *job)
{
    (void)broker;
    if (job->card.status == SDR_OK)
        agree_replied(job);
}

enum step op_agree_respond(struct broker *broker, struct job *job)
{
    (void)broker;
    uint32_t own_len;
    memcpy(&own_len, job->param + 2 * CARD_ECC_POINT, sizeof own_len);
    if (!agreed_bits_ok(job->sqe.arg) || own_len < 1 || own_len > CARD_ID_MAX || own_len >= job->sqe.data_len)
        return refuse(job, CM_GATE_ARG, SDR_INARGERR);
    struct keypair *pair = find_own_pair(job, VAULT_KEY_SM2);
    if (!pair)
        return STEP_DONE;
    job_use_key(job, pair->encrypt);
    job->card.op = CARD_AGREE_FINISH;
    job->card.in_key_bits = (uint16_t)job->sqe.arg;
    job->card.arg = CARD_AGREE_ID(own_len) | CARD_AGREE_RESPONDER;
    job->card.aux = job->param;
    job->card.aux2 = job->param + CARD_ECC_POINT;
    job->makes_handle = true;
    agree_reply(job, pair);
    job->finish = agree_respond_finish;
    return on_worker(job);
}

enum step op_sign_clear(struct broker *broker, struct job *job)
{
    (void)broker;
    job->secret = true;
    job->card.op = CARD_SIGN_CLEAR;
    result_in_param(job);
    return on_worker(job);
}

enum step op_pke_decrypt_clear(struct broker *broker, struct job *job)
{
    (void)broker;
    job->secret = true;
    job->card.op = CARD_PKE_DECRYPT_CLEAR;
    result_in_data(job);
    return on_worker(job);
}

enum step op_p256_export(struct broker *broker, struct job *job)
{
    (void)broker;
    struct keypair *pair = find_pair(job, VAULT_KEY_P256);
    if (!pair)
        return STEP_DONE;
    memcpy(job->out, pair->sign_public, CARD_ECC_POINT);
    result_in_param(job);
    job->card.out_len = CARD_ECC_POINT;
    return STEP_DONE;
}

enum step op_p256_keypair(struct broker *broker, struct job *job)
{
    (void)broker;
    job->secret = true;
    job->card.op = CARD_KEYPAIR_GENERATE;
    job->card.alg = SGD_ECDSA_P256;
    result_in_param(job);
    return on_worker(job);
}

enum step op_p256_sign(struct broker *broker, struct job *job)
{
    (void)broker;
    return sign_with_own(job, VAULT_KEY_P256);
}

enum step op_p256_verify(struct broker *broker, struct job *job)
{
    (void)broker;
    job->card.alg = SGD_ECDSA_P256;
    return verify_under_point(job);
}
