/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CBC-MAC and HMAC.
 *
 * CBC-MAC is CBC encryption of which only the last block leaves; the blocks before it would let somebody forge MACs of
 * shorter messages, so they go to a scratch buffer that is wiped. There is no padding: the whole must be full blocks,
 * and at least one. A running CBC-MAC keeps the chain value and what does not fill a block; it borrows the key's cached
 * context for each update.
 */
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#include "cards/soft/soft_internal.h"

#define SCRATCH 4096u

/* chain: in the IV, out the last block. len is a multiple of the block. */
static uint32_t cbc_mac(struct card_key *key, enum cipher cipher, uint8_t chain[BLOCK], const uint8_t *in, size_t len)
{
    uint8_t scratch[SCRATCH];
    size_t used = len < SCRATCH ? len : SCRATCH;
    uint32_t status = SDR_OK;

    while (len && status == SDR_OK) {
        size_t step = len < SCRATCH ? len : SCRATCH;

        status = sym_crypt(key, cipher, MODE_CBC, false, chain, in, scratch, step);
        in += step;
        len -= step;
    }
    explicit_bzero(scratch, used);
    return status;
}

/* What is asked for, and is the key fit for it? Sets *cipher or *hash. */
static uint32_t mac_alg(const struct card_job *job, bool *block, enum cipher *cipher, enum hash *hash)
{
    enum mode mode;
    uint32_t status;

    *block = alg_hash(job->alg, hash) != SDR_OK;
    if (*block) {
        status = alg_sym(job->alg, cipher, &mode);
        if (status != SDR_OK)
            return status;
        return mode == MODE_MAC ? key_fits(job->key, *cipher) : SDR_ALGMODNOTSUPPORT;
    }
    if (!job->key)
        return SDR_KEYNOTEXIST;
    return job->key->type == CARD_KEY_SYMMETRIC ? SDR_OK : SDR_KEYTYPEERR;
}

static uint32_t hmac_job(struct card_job *job, enum hash hash)
{
    unsigned kind = KIND_HMAC + (unsigned)hash;
    gcry_md_hd_t md;

    if (job->out_cap < hash_size(hash))
        return SDR_OUTARGERR;
    md = context_take(job->key, kind);
    if (!md)
        return SDR_NOBUFFER;
    gcry_md_reset(md); /* keeps the key */
    if (job->in_len)
        gcry_md_write(md, job->in, job->in_len);
    memcpy(job->out, gcry_md_read(md, 0), hash_size(hash));
    job->out_len = hash_size(hash);
    context_put(job->key, kind, md);
    return SDR_OK;
}

uint32_t mac_job(struct card_job *job)
{
    uint8_t chain[BLOCK];
    enum cipher cipher;
    enum hash hash;
    bool block;
    uint32_t status = mac_alg(job, &block, &cipher, &hash);

    if (status != SDR_OK)
        return status;
    if (job->in_len > SOFT_MAX_DATA)
        return SDR_INARGERR;
    if (!block)
        return hmac_job(job, hash);
    if (!job->in_len || job->in_len % BLOCK)
        return SDR_INARGERR;
    if (job->out_cap < BLOCK)
        return SDR_OUTARGERR;
    memcpy(chain, job->iv, BLOCK);
    status = cbc_mac(job->key, cipher, chain, job->in, job->in_len);
    if (status == SDR_OK) {
        memcpy(job->iv, chain, BLOCK);
        memcpy(job->out, chain, BLOCK);
        job->out_len = BLOCK;
    }
    return status;
}

uint32_t mac_start(struct card_job *job)
{
    struct card_state *state;
    enum cipher cipher = CIPHER_SM4;
    enum hash hash = HASH_SM3;
    bool block;
    uint32_t status = mac_alg(job, &block, &cipher, &hash);
    gcry_md_hd_t md;

    job->state = NULL;
    if (status != SDR_OK)
        return status;
    state = calloc(1, sizeof(*state));
    if (!state)
        return SDR_NOBUFFER;
    state->kind = STATE_MAC;
    state->hash = hash;
    state->cipher = cipher;
    if (block) {
        state->key = key_ref(job->key);
        memcpy(state->iv, job->iv, CARD_IV);
        job->state = state;
        return SDR_OK;
    }
    /* a keyed context of its own, copied from the cached one: the key is not worked in again */
    md = context_take(job->key, KIND_HMAC + (unsigned)hash);
    if (md) {
        gcry_md_reset(md);
        if (gcry_md_copy(&state->md, md) != 0)
            state->md = NULL;
        context_put(job->key, KIND_HMAC + (unsigned)hash, md);
    }
    if (!state->md) {
        state_free(state);
        return SDR_NOBUFFER;
    }
    job->state = state;
    return SDR_OK;
}

static uint32_t cbc_mac_update(struct card_state *state, const uint8_t *in, size_t len)
{
    uint32_t status = SDR_OK;
    size_t step;

    state->fed = state->fed || len;
    if (state->part_len) {
        step = BLOCK - state->part_len < len ? BLOCK - state->part_len : len;
        memcpy(state->part + state->part_len, in, step);
        state->part_len += step;
        in += step;
        len -= step;
        if (state->part_len < BLOCK)
            return SDR_OK;
        status = cbc_mac(state->key, state->cipher, state->iv, state->part, BLOCK);
        state->part_len = 0;
    }
    step = len - len % BLOCK;
    if (step && status == SDR_OK)
        status = cbc_mac(state->key, state->cipher, state->iv, in, step);
    if (len > step)
        memcpy(state->part, in + step, len - step);
    state->part_len = len - step;
    return status;
}

uint32_t mac_update(struct card_job *job)
{
    struct card_state *state = job->state;
    uint32_t status;

    if (!state || state->kind != STATE_MAC || state->finished)
        return SDR_STEPERR;
    if (job->in_len > SOFT_MAX_DATA)
        return SDR_INARGERR;
    if (!job->in_len)
        return SDR_OK;
    if (state->md) {
        gcry_md_write(state->md, job->in, job->in_len);
        return SDR_OK;
    }
    status = cbc_mac_update(state, job->in, job->in_len);
    if (status != SDR_OK)
        state->finished = true; /* the chain is broken: no MAC may come out of it */
    return status;
}

uint32_t mac_finish(struct card_job *job)
{
    struct card_state *state = job->state;
    size_t size;

    if (!state || state->kind != STATE_MAC || state->finished)
        return SDR_STEPERR;
    size = state->md ? hash_size(state->hash) : BLOCK;
    if (job->out_cap < size)
        return SDR_OUTARGERR;
    if (!state->md && (!state->fed || state->part_len))
        return SDR_INARGERR;
    if (state->md) {
        memcpy(job->out, gcry_md_read(state->md, 0), size);
    } else {
        memcpy(job->out, state->iv, size);
        memcpy(job->iv, state->iv, size);
    }
    job->out_len = size;
    state->finished = true;
    return SDR_OK;
}
