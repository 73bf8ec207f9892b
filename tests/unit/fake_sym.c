/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/fake_sym.h"

#include <stdlib.h>
#include <string.h>
#include "cardmux/card.h"
#include "cardmux/sdf.h"
#include "cards/soft/soft.h"
#include "proto/aead.h"

static struct card *card;
static uint32_t next_number = 1;
static int state_count;

int fake_states(void)
{
    return state_count;
}

bool fake_sym_has(uint16_t op)
{
    return op >= CM_OP_AEAD_ENCRYPT && op <= CM_OP_SECTOR_DECRYPT && op != CM_OP_KEY_IMPORT &&
           op != CM_OP_KEY_IMPORT_DEBUG;
}

static void state_end(struct fake_state *state)
{
    soft_card_driver.state_free(card, state->state);
    state->number = 0;
    state_count--;
}

void fake_sym_forget(struct fake_sym *sym)
{
    for (int i = 0; i < FAKE_STATES; i++)
        if (sym->states[i].number)
            state_end(&sym->states[i]);
}

static void run(struct card_job *job, enum card_op op)
{
    job->op = (uint16_t)op;
    soft_card_driver.run(card, job);
}

static uint32_t keep(struct fake_sym *sym, struct call *call, struct card_state *made, uint16_t start, bool decrypt)
{
    for (int i = 0; i < FAKE_STATES; i++)
        if (!sym->states[i].number) {
            sym->states[i] = (struct fake_state){next_number++, start, decrypt, made};
            state_count++;
            call->value = sym->states[i].number;
            return SDR_OK;
        }
    soft_card_driver.state_free(card, made);
    return SDR_NOBUFFER;
}

static bool read_aead(const struct call *call, enum cm_aead_use use, struct card_job *job)
{
    struct cm_aead aead;
    if (!cm_aead_read(call->param, call->param_len, use, &aead))
        return false;
    job->nonce = aead.nonce;
    job->nonce_len = aead.nonce_len;
    job->tag_len = aead.tag_len;
    job->aad = aead.aad;
    job->aad_len = aead.aad_len;
    job->total_aad = aead.total_aad;
    job->total_data = aead.total_data;
    if (aead.tag)
        memcpy(job->tag, aead.tag, aead.tag_len);
    return true;
}

/* out may be where the caller's data are. */
static uint32_t give(struct call *call, const struct card_job *job)
{
    if (job->status != SDR_OK)
        return job->status;
    if (job->out_len > call->out_cap)
        return SDR_OUTARGERR;
    if (job->out_len)
        memcpy(call->out, job->out, job->out_len);
    call->out_len = job->out_len;
    return SDR_OK;
}

static uint32_t run_once(struct call *call, struct card_job *job)
{
    bool sector = call->op == CM_OP_SECTOR_ENCRYPT || call->op == CM_OP_SECTOR_DECRYPT;
    uint8_t *copy = malloc(call->data_len + 1);
    if (call->data_len)
        memcpy(copy, call->data, call->data_len);
    job->in = job->out = copy;
    job->in_len = job->out_cap = call->data_len;
    memcpy(job->iv, call->iv, sizeof job->iv);
    job->block = call->arg;
    uint32_t status = SDR_INARGERR;
    if (sector || read_aead(call, call->op == CM_OP_AEAD_DECRYPT ? CM_AEAD_OPEN : CM_AEAD_SEAL, job)) {
        run(job, call->op == CM_OP_SECTOR_ENCRYPT   ? CARD_ENCRYPT
                 : call->op == CM_OP_SECTOR_DECRYPT ? CARD_DECRYPT
                 : call->op == CM_OP_AEAD_ENCRYPT   ? CARD_AEAD_ENCRYPT
                                                    : CARD_AEAD_DECRYPT);
        status = give(call, job);
    }
    if (status == SDR_OK && call->op == CM_OP_AEAD_ENCRYPT) {
        memcpy(call->param_out, job->tag, job->tag_len);
        call->param_out_len = job->tag_len;
    }
    free(copy);
    return status;
}

static uint32_t run_start(struct fake_sym *sym, struct call *call, struct card_job *job)
{
    enum card_op op = CARD_HASH_START;
    if (call->op == CM_OP_STATE_HASH) {
        job->in = call->data;
        job->in_len = call->data_len;
        job->aux = call->param_len ? call->param : NULL;
    } else if (call->op == CM_OP_STATE_MAC) {
        op = CARD_MAC_START;
        memcpy(job->iv, call->iv, sizeof job->iv);
    } else {
        op = CARD_AEAD_START;
        job->decrypt = call->arg == 1;
        if (call->arg > 1 || !read_aead(call, CM_AEAD_BEGIN, job))
            return SDR_INARGERR;
    }
    run(job, op);
    return job->status == SDR_OK ? keep(sym, call, job->state, (uint16_t)op, job->decrypt) : job->status;
}

static uint32_t run_end(struct call *call, struct card_job *job, struct fake_state *state)
{
    if ((state->start == CARD_AEAD_START && state->decrypt) != (call->param_len != 0))
        return SDR_INARGERR;
    job->out = call->param_out;
    job->out_cap = CARD_DIGEST_MAX;
    job->tag_len = (uint8_t)call->param_len;
    if (call->param_len)
        memcpy(job->tag, call->param, call->param_len);
    run(job, state->start == CARD_HASH_START  ? CARD_HASH_FINISH
             : state->start == CARD_MAC_START ? CARD_MAC_FINISH
                                              : CARD_AEAD_FINISH);
    call->param_out_len = job->out_len;
    if (job->status == SDR_OK && state->start == CARD_AEAD_START && !state->decrypt) {
        memcpy(call->param_out, job->tag, job->tag_len);
        call->param_out_len = job->tag_len;
    }
    state_end(state);
    return job->status;
}

static uint32_t run_with(struct fake_sym *sym, struct call *call, struct fake_state *state)
{
    struct card_job job = {.state = state->state, .in = call->data, .in_len = call->data_len};
    switch (call->op) {
    case CM_OP_STATE_FREE:
        state_end(state);
        return SDR_OK;
    case CM_OP_STATE_COPY:
        run(&job, CARD_STATE_COPY);
        return job.status == SDR_OK ? keep(sym, call, job.state, state->start, false) : job.status;
    case CM_OP_STATE_FINAL:
        return run_end(call, &job, state);
    case CM_OP_STATE_CRYPT:
        if (state->start != CARD_AEAD_START)
            return SDR_STEPERR;
        job.out = malloc(call->data_len);
        job.out_cap = call->data_len;
        run(&job, CARD_AEAD_UPDATE);
        job.status = give(call, &job);
        free(job.out);
        break;
    default:
        run(&job, state->start == CARD_HASH_START  ? CARD_HASH_UPDATE
                  : state->start == CARD_MAC_START ? CARD_MAC_UPDATE
                                                   : CARD_AEAD_UPDATE_AAD);
    }
    if (job.status != SDR_OK)
        state_end(state);
    return job.status;
}

uint32_t fake_sym_run(struct fake_sym *sym, struct call *call, const uint8_t *key, size_t key_len)
{
    char error[CARD_ERROR_TEXT];
    if (!card && soft_card_driver.open(NULL, &card, error) != SDR_OK)
        return SDR_HARDFAIL;
    if (call->op >= CM_OP_STATE_UPDATE && call->op <= CM_OP_STATE_FREE) {
        for (int i = 0; i < FAKE_STATES; i++)
            if (sym->states[i].number && sym->states[i].number == call->arg)
                return run_with(sym, call, &sym->states[i]);
        return SDR_STEPERR;
    }
    struct card_job job = {.alg = call->alg};
    if (key && soft_card_driver.key_import(card, CARD_KEY_SYMMETRIC, key, key_len, &job.key) != SDR_OK)
        return SDR_KEYERR;
    uint32_t status = call->op == CM_OP_STATE_HASH || call->op == CM_OP_STATE_MAC || call->op == CM_OP_STATE_AEAD
                          ? run_start(sym, call, &job)
                          : run_once(call, &job);
    soft_card_driver.key_free(card, job.key);
    return status;
}
