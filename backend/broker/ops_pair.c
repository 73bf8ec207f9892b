/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ops_pair.c: an encrypting pair that comes from outside, and takes the place of the one that an index has.
 *
 * So a certification authority gives a user the pair that it made for him (GM/T 0016's ENVELOPEDKEYBLOB): it knows the
 * point of his signing pair, which never left the card, and sends the other pair under a key that is under that point.
 * The card opens it, and refuses a pair whose halves do not fit. What stands in the 64 bytes of the private number is
 * not the same everywhere: most encrypt all of them, with the number at their end, some the number alone, at their end
 * or at their beginning. In ECB these are two places where it can be, and the public half tells which it was.
 *
 * The old pair is lost, so each replacement is recorded as an operator's act is: begun before, refused where that cannot
 * be written, and its end after. None is only counted: what may go on without end is bounded here, for each tenant, to
 * PAIRS_BURST replacements and then one in PAIR_NS.
 */
#include <stdio.h>

#include "backend/broker/keycache.h"
#include "backend/broker/ops_key.h"

#define NUMBER      CARD_ECC_PRIVATE
#define PAIRS_BURST 64u
#define PAIR_NS     10000000000u

/* The envelope that the card opens begins at `in`: the number's 32 bytes, then the point. */
static uint32_t open_at(struct broker *broker, const struct job *job, const uint8_t *in, struct vault_secret *pair)
{
    struct card_job card = {.op = CARD_UNENVELOPE,
                            .alg = job->sqe.alg,
                            .key = job->key->card,
                            .in = in,
                            .in_len = job->card.in_len - NUMBER,
                            .out = pair->bytes,
                            .out_cap = sizeof pair->bytes};
    if (broker->card_failed)
        return SDR_HARDFAIL;
    broker->driver->run(broker->card, &card);
    pair->len = card.status == SDR_OK ? card.out_len : 0;
    return broker->card_failed ? SDR_HARDFAIL : card.status;
}

static uint32_t open_pair(struct broker *broker, struct job *job, struct vault_secret *pair)
{
    uint8_t first[NUMBER], *data = job->data;
    uint32_t status = open_at(broker, job, data + NUMBER, pair);
    if (status == SDR_OK || status == SDR_ENCDATAERR || status == SDR_HARDFAIL)
        return status;
    memcpy(first, data, NUMBER);
    memcpy(data + NUMBER, first, NUMBER);
    return open_at(broker, job, data + NUMBER, pair);
}

static uint32_t keep_pair(struct broker *broker, const struct vault_tenant *tenant, const struct job *job,
                          const struct vault_secret *pair)
{
    char error[VAULT_ERROR_TEXT] = "";
    struct audit_entry entry;
    audit_entry(&entry, AUDIT_KEY_IMPORT, tenant, "");
    audit_key_target(VAULT_KEY_SM2, job->sqe.key, entry.target);
    entry.by = AUDIT_BY_TENANT;
    entry.result = AUDIT_BEGUN;
    snprintf(entry.detail, sizeof entry.detail, "replaces=encrypt");
    enum vault_result result = audit_note(broker->audit, &entry, &entry.of, error);
    if (result == VAULT_OK) {
        result = vault_pair_replace(broker->vault, tenant->id, job->sqe.key, job->param, pair, error);
        entry.result = result == VAULT_OK ? AUDIT_OK : AUDIT_FAILED;
        if (result != VAULT_OK)
            audit_text(entry.detail, sizeof entry.detail, error);
        audit_tell(broker->audit, &entry);
        vault_head_keep(broker->vault, NULL);
    }
    if (result != VAULT_OK && result != VAULT_NOT_FOUND)
        broker_log("tenant %s, key %u: its encrypting pair is not replaced: %s", tenant->name, job->sqe.key, error);
    return result == VAULT_OK ? SDR_OK : result == VAULT_NOT_FOUND ? SDR_KEYNOTEXIST : SDR_HARDFAIL;
}

/* On a worker's thread. */
static void pair_work(struct broker *broker, struct task *task)
{
    struct job *job = (struct job *)((char *)task - offsetof(struct job, task));
    struct vault_secret *pair = vault_secret_new();
    job->card.status = pair ? open_pair(broker, job, pair) : SDR_NOBUFFER;
    if (job->card.status == SDR_OK)
        job->card.status = keep_pair(broker, &job->channel->tenant->record, job, pair);
    job->kept = job->card.status == SDR_OK;
    vault_secret_free(pair);
}

/* May the tenant replace one more? It is charged with it. */
static bool pair_charge(struct tenant *tenant)
{
    uint64_t now = clock_ns(), passed = (now - tenant->pairs_at) / PAIR_NS;
    if (passed) {
        tenant->pairs = passed < tenant->pairs ? tenant->pairs - (uint32_t)passed : 0;
        tenant->pairs_at += passed * PAIR_NS;
    }
    if (tenant->pairs >= PAIRS_BURST)
        return false;
    tenant->pairs++;
    return true;
}

/* What is in the card, or on its way, is the old one. */
static void pair_finish(struct broker *broker, struct job *job)
{
    struct tenant *tenant = job->channel->tenant;
    if (job->card.status != SDR_OK && job->card.status != SDR_HARDFAIL && job->card.status != SDR_KEYNOTEXIST &&
        tenant->pairs)
        tenant->pairs--; /* it came to no entry */
    keycache_forget(broker, job->channel->tenant, VAULT_KEY_SM2, job->sqe.key);
}

enum step op_pair_import(struct broker *broker, struct job *job)
{
    (void)broker;
    struct keypair *pair = find_own_pair(job, VAULT_KEY_SM2);
    if (!pair)
        return STEP_DONE;
    if (!pair_charge(job->channel->tenant))
        return refuse(job, CM_GATE_LIMIT, SDR_NOBUFFER);
    job_use_key(job, pair->sign);
    memcpy(job->param, pair->sign_public, CARD_ECC_POINT); /* whose envelope it is */
    job->finish = pair_finish;
    job->task.work = pair_work;
    job->task.done = job_finish_on_broker;
    return STEP_WORK;
}
