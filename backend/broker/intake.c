/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake.c: from a submission in shared memory to a job.
 *
 * The 64 bytes are copied once (cm_entry_take); from there on only the copy is looked at. Generation and epoch of
 * somebody else mean "nothing there". Then the one gate: cm_gate_check for what the submission alone tells, the
 * session, and the tenant's limits; below it, handlers take lengths and slot for granted. Whatever is parsed is copied
 * too, before a handler sees it.
 */
#include "backend/broker/keycache.h"

#include <stdlib.h>

static op_handler *const handlers[CM_OP_END] = {
    [CM_OP_ECHO] = op_echo,
    [CM_OP_SESSION_OPEN] = op_session_open,
    [CM_OP_SESSION_CLOSE] = op_session_close,
    [CM_OP_DEVICE_INFO] = op_device_info,
    [CM_OP_RANDOM] = op_random,
    [CM_OP_RIGHT_GET] = op_right_get,
    [CM_OP_RIGHT_RELEASE] = op_right_release,
    [CM_OP_EXPORT_PUBLIC] = op_export_public,
    [CM_OP_KEYPAIR_GENERATE] = op_keypair_generate,
    [CM_OP_KEY_GENERATE_IPK] = op_key_generate_ipk,
    [CM_OP_KEY_GENERATE_EPK] = op_key_generate_epk,
    [CM_OP_KEY_IMPORT_ISK] = op_key_import_isk,
    [CM_OP_KEY_GENERATE_KEK] = op_key_generate_kek,
    [CM_OP_KEY_IMPORT_KEK] = op_key_import_kek,
    [CM_OP_KEY_DESTROY] = op_key_destroy,
    [CM_OP_VERIFY_EXTERNAL] = op_verify_external,
    [CM_OP_SIGN_INTERNAL] = op_sign_internal,
    [CM_OP_VERIFY_INTERNAL] = op_verify_internal,
    [CM_OP_PKE_ENCRYPT_EXTERNAL] = op_pke_encrypt_external,
    [CM_OP_PKE_ENCRYPT_INTERNAL] = op_pke_encrypt_internal,
    [CM_OP_PKE_DECRYPT_INTERNAL] = op_pke_decrypt_internal,
    [CM_OP_ENCRYPT] = op_encrypt,
    [CM_OP_DECRYPT] = op_decrypt,
    [CM_OP_MAC] = op_mac,
    [CM_OP_HASH_INIT] = op_hash_init,
    [CM_OP_HASH_UPDATE] = op_hash_update,
    [CM_OP_HASH_FINAL] = op_hash_final,
    [CM_OP_HASH] = op_hash,
    [CM_OP_MAC_INIT] = op_mac_init,
    [CM_OP_MAC_UPDATE] = op_mac_update,
    [CM_OP_MAC_FINAL] = op_mac_final,
    [CM_OP_AEAD_ENCRYPT] = op_aead_encrypt,
    [CM_OP_AEAD_DECRYPT] = op_aead_decrypt,
    [CM_OP_STATE_HASH] = op_state_hash,
    [CM_OP_STATE_MAC] = op_state_mac,
    [CM_OP_STATE_AEAD] = op_state_aead,
    [CM_OP_STATE_UPDATE] = op_state_update,
    [CM_OP_STATE_CRYPT] = op_state_crypt,
    [CM_OP_STATE_FINAL] = op_state_final,
    [CM_OP_STATE_COPY] = op_state_copy,
    [CM_OP_STATE_FREE] = op_state_free,
    [CM_OP_KEY_IMPORT] = op_key_import,
    [CM_OP_SECTOR_ENCRYPT] = op_sector_encrypt,
    [CM_OP_SECTOR_DECRYPT] = op_sector_decrypt,
    [CM_OP_TENANT_INFO] = op_tenant_info,
    [CM_OP_KEY_IMPORT_DEBUG] = op_key_import,
    [CM_OP_RSA_EXPORT] = op_rsa_export,
    [CM_OP_RSA_KEYPAIR] = op_rsa_keypair,
    [CM_OP_KEY_GENERATE_IPK_RSA] = op_key_generate_ipk_rsa,
    [CM_OP_KEY_GENERATE_EPK_RSA] = op_key_generate_epk_rsa,
    [CM_OP_KEY_IMPORT_ISK_RSA] = op_key_import_isk_rsa,
    [CM_OP_RSA_REWRAP] = op_rsa_rewrap,
    [CM_OP_RSA_PUBLIC_EXTERNAL] = op_rsa_public_external,
    [CM_OP_RSA_PUBLIC_INTERNAL] = op_rsa_public_internal,
    [CM_OP_RSA_PRIVATE_INTERNAL] = op_rsa_private_internal,
    [CM_OP_RSA_PRIVATE_EXTERNAL] = op_rsa_private_external,
    [CM_OP_PKE_REWRAP] = op_pke_rewrap,
    [CM_OP_AGREE_START] = op_agree_start,
    [CM_OP_AGREE_CONCLUDE] = op_agree_conclude,
    [CM_OP_AGREE_RESPOND] = op_agree_respond,
    [CM_OP_SIGN_CLEAR] = op_sign_clear,
    [CM_OP_PKE_DECRYPT_CLEAR] = op_pke_decrypt_clear,
    [CM_OP_KEY_EXPORT_EPK] = op_key_export_epk,
    [CM_OP_KEY_EXPORT_EPK_RSA] = op_key_export_epk_rsa,
    [CM_OP_KEY_EXPORT_KEK] = op_key_export_kek,
    [CM_OP_DERIVE_TLS] = op_derive_tls,
    [CM_OP_DERIVE_TLS_EPK] = op_derive_tls_epk,
    [CM_OP_DERIVE_IKE] = op_derive_ike,
    [CM_OP_DERIVE_IKE_EPK] = op_derive_ike_epk,
    [CM_OP_DERIVE_IPSEC] = op_derive_ipsec,
    [CM_OP_DERIVE_IPSEC_EPK] = op_derive_ipsec_epk,
    [CM_OP_P256_EXPORT] = op_p256_export,
    [CM_OP_P256_KEYPAIR] = op_p256_keypair,
    [CM_OP_P256_SIGN] = op_p256_sign,
    [CM_OP_P256_VERIFY] = op_p256_verify,
    [CM_OP_FILE_CREATE] = op_file_create,
    [CM_OP_FILE_READ] = op_file_read,
    [CM_OP_FILE_WRITE] = op_file_write,
    [CM_OP_FILE_DELETE] = op_file_delete,
    [CM_OP_KEK_RIGHT_GET] = op_right_get,
    [CM_OP_KEK_RIGHT_RELEASE] = op_right_release,
    [CM_OP_KEK_HANDLE] = op_kek_handle,
    [CM_OP_PAIR_IMPORT] = op_pair_import,
};

static uint32_t gate_status(enum cm_gate reason)
{
    return reason == CM_GATE_OP ? SDR_NOTSUPPORT : SDR_INARGERR;
}

static void reject(struct channel *channel, const struct cm_sqe *sqe, enum cm_gate reason, uint32_t status)
{
    channel->tenant->counters.rejects[reason]++;
    channel->tenant->counters.errors++;
    channel_answer(channel, sqe, status);
}

/* Copies what is parsed; in place otherwise. False: no memory. */
static bool job_fill_input(struct job *job, const struct cm_op_info *info)
{
    const struct cm_sqe *sqe = &job->sqe;
    struct channel *channel = job->channel;
    if (sqe->param_len)
        shm_copy_in(job->param, channel->qp, cm_param_offset(sqe->slot), sqe->param_len);
    job->card.in_len = sqe->data_len;
    if (!(info->traits & T_COPY)) {
        job->card.in = job->card.out = shm_bytes(channel->qp, cm_slot_offset(sqe->slot), CM_SLOT_SIZE);
        return true;
    }
    uint8_t *copy = job->data;
    if (sqe->data_len > sizeof job->data) {
        job->big_len = sqe->data_len;
        copy = job->big = malloc(job->big_len);
        if (!copy)
            return false;
    }
    if (sqe->data_len)
        shm_copy_in(copy, channel->qp, cm_slot_offset(sqe->slot), sqe->data_len);
    job->card.in = copy;
    job->card.out = job->out;
    return true;
}

static struct job *job_make(struct broker *broker, struct channel *channel, const struct cm_sqe *sqe)
{
    struct job *job = job_take(broker);
    if (!job)
        return NULL;
    job->sqe = *sqe;
    job->channel = channel;
    job->session = NULL;
    job->key = job->key2 = NULL;
    job->finish = NULL;
    job->reply = REPLY_NONE;
    job->makes_handle = job->secret = job->secret_out = false;
    job->wants = job->kept = false;
    job->absent = 0;
    job->value = 0;
    job->big = NULL;
    job->task.lengthy = false;
    struct card_job *card = &job->card;
    card->op = 0; /* none yet: some never have one */
    card->derive = NULL;
    card->alg = sqe->alg;
    card->key = card->key2 = NULL;
    card->state = NULL;
    card->aux = card->aux2 = NULL;
    card->out_cap = 0;
    memcpy(card->iv, sqe->iv, sizeof card->iv);
    card->status = SDR_OK;
    card->out_len = 0;
    card->new_key = NULL;
    card->owner = job;
    channel->busy |= 1ull << sqe->slot;
    channel->used |= 1ull << sqe->slot;
    channel->jobs++;
    return job;
}

static void start(struct broker *broker, struct channel *channel, const struct cm_sqe *sqe, struct session *session)
{
    const struct cm_op_info *info = cm_op_info(sqe->op);
    struct job *job = job_make(broker, channel, sqe);
    if (!job) {
        reject(channel, sqe, CM_GATE_LIMIT, SDR_NOBUFFER);
        return;
    }
    if (session) {
        session->refs++;
        job->session = session;
    }
    broker->clock_due += sqe->op == CM_OP_ECHO ? 0 : CLOCK_DUE;
    if (__builtin_expect(job_fill_input(job, info), 1)) {
        job_run(broker, job);
    } else {
        refuse(job, CM_GATE_LIMIT, SDR_NOBUFFER);
        job_complete(broker, job);
    }
}

void job_run(struct broker *broker, struct job *job)
{
    struct channel *channel = job->channel;
    enum step step = handlers[job->sqe.op](broker, job);
    if (__builtin_expect(job->wants, 0)) {
        keycache_fetch(broker, job);
        return;
    }
    switch (step) {
    case STEP_DONE:
        job_complete(broker, job);
        break;
    case STEP_CARD:
        card_start(broker, job);
        break;
    case STEP_WORK:
        if (job->task.lengthy) {
            lengthy_start(broker, job);
            break;
        }
        channel->tenant->working++;
        pool_submit(broker, &job->task);
        break;
    }
}

/* Must a submission wait in front of the gate because card or pool are full, or too many wait for keys? It then waits
 * at the cost of its own channel only. */
static bool must_stall(const struct broker *broker, const struct channel *channel, const struct cm_sqe *sqe)
{
    const struct cm_op_info *info = cm_op_info(sqe->op);
    if (!info)
        return false;
    if (sqe->op == CM_OP_RSA_KEYPAIR)
        return false; /* waits in a line of its own: lengthy_start */
    if (info->fields & F_KEY && channel->tenant->key_waits >= KEY_WAITS_MAX)
        return true;
    if (info->traits & T_SLOW)
        /* so many that no worker waits for the next pass, so few that others' need not queue behind them */
        return channel->tenant->working > broker->pool.thread_count;
    return !card_has_room(broker, channel->tenant);
}

bool intake_stalls(const struct broker *broker, const struct channel *channel)
{
    return channel->has_stalled && must_stall(broker, channel, &channel->stalled);
}

/* A public-key operation on this thread takes longer than a turn's share: the others' turn comes after each. */
static bool ends_turn(const struct broker *broker, const struct cm_sqe *sqe)
{
    const struct cm_op_info *info = cm_op_info(sqe->op);
    return info && info->traits & T_ASYM && broker->caps.flags & CARD_INLINE && broker->active_tenants > 1;
}

/* What the tenant's policy says of the operation: SDR_OK, or the code to refuse it with. */
static uint32_t policy_status(const struct tenant *tenant, const struct cm_op_info *info, const struct cm_sqe *sqe)
{
    if ((uint32_t)(info->traits & T_ASKED) >> T_ASKED_SHIFT & ~tenant->record.flags)
        return SDR_NOTSUPPORT;
    if (!tenant->restricted)
        return SDR_OK;
    switch (cm_policy_judge(&tenant->policy.denied, info, sqe->alg)) {
    case CM_DENIED_CLASS:
        return SDR_NOTSUPPORT;
    case CM_DENIED_ALG:
        return SDR_ALGNOTSUPPORT;
    default:
        return SDR_OK;
    }
}

/* What only tidies up: it is done also while the card has failed. */
static bool needs_no_card(uint16_t op)
{
    return op == CM_OP_SESSION_CLOSE || op == CM_OP_KEY_DESTROY || op == CM_OP_RIGHT_RELEASE ||
           op == CM_OP_KEK_RIGHT_RELEASE || op == CM_OP_STATE_FREE;
}

static void admit(struct broker *broker, struct channel *channel, const struct cm_sqe *sqe)
{
    enum cm_gate reason = cm_gate_check(sqe, channel->busy);
    if (reason != CM_GATE_OK) {
        reject(channel, sqe, reason, gate_status(reason));
        return;
    }
    const struct cm_op_info *info = cm_op_info(sqe->op);
    uint32_t status = policy_status(channel->tenant, info, sqe);
    if (status != SDR_OK) {
        reject(channel, sqe, CM_GATE_POLICY, status);
        return;
    }
    if (__builtin_expect(broker->card_failed, 0) && !needs_no_card(sqe->op)) {
        channel->tenant->counters.errors++;
        channel_answer(channel, sqe, SDR_HARDFAIL);
        return;
    }
    struct session *session = NULL;
    if (info->fields & F_SESSION) {
        session = session_find(channel, sqe->session);
        if (!session) {
            reject(channel, sqe, CM_GATE_SESSION, SDR_INARGERR);
            return;
        }
    }
    start(broker, channel, sqe, session);
}

unsigned intake(struct broker *broker, struct channel *channel, unsigned max)
{
    unsigned taken = 0;
    while (taken < max && channel->jobs < CM_SLOTS) {
        struct cm_sqe sqe;
        if (channel->has_stalled) {
            sqe = channel->stalled;
        } else {
            if (!cm_entry_take(channel->qp, CM_QP_SQ, channel->sq_pos, &sqe))
                break;
            if (sqe.generation != channel->generation || sqe.epoch != channel->epoch) {
                if (channel->stale_pos != channel->sq_pos)
                    channel->tenant->counters.rejects[CM_GATE_STALE]++;
                channel->stale_pos = channel->sq_pos;
                break;
            }
            channel->sq_pos++;
        }
        if (must_stall(broker, channel, &sqe)) {
            channel->stalled = sqe;
            channel->has_stalled = true;
            break;
        }
        channel->has_stalled = false;
        broker->clock_due++; /* what is refused too: or a flood of it would never use up its turn */
        admit(broker, channel, &sqe);
        taken++;
        if (ends_turn(broker, &sqe)) {
            channel->turn_over = true;
            break;
        }
    }
    return taken;
}
