/* SPDX-License-Identifier: Apache-2.0 */
/* Digests, one-shot and running, and the Z of SM2's first preprocessing. libgcrypt does all of them (see alg.c). And
   what all running states have in common. */
#include <stdlib.h>
#include <string.h>

#include "cards/soft/soft_internal.h"

void state_free(struct card_state *state)
{
    if (!state)
        return;
    gcry_md_close(state->md);
    if (state->aead)
        context_put(state->key, state->aead_kind, state->aead);
    key_unref(state->key);
    explicit_bzero(state, sizeof(*state));
    free(state);
}

/* GM/T 0009 section 8: Z = SM3(ENTL || id || a || b || xG || yG || x || y) */
void sm2_z(const uint8_t *id, size_t id_len, const uint8_t point[CARD_ECC_POINT], uint8_t z[32])
{
    uint8_t entl[2] = {(uint8_t)(id_len * 8 >> 8), (uint8_t)(id_len * 8)};
    gcry_buffer_t parts[4] = {
        {.data = entl, .len = sizeof(entl)},
        {.data = (void *)(uintptr_t)id, .len = id_len},
        {.data = (void *)(uintptr_t)sm2_curve, .len = sizeof(sm2_curve)},
        {.data = (void *)(uintptr_t)point, .len = CARD_ECC_POINT},
    };

    gcry_md_hash_buffers(GCRY_MD_SM3, 0, z, parts, 4);
}

static void take_in_z(gcry_md_hd_t md, const uint8_t *id, size_t id_len, const uint8_t point[CARD_ECC_POINT])
{
    uint8_t z[32];

    sm2_z(id, id_len, point, z);
    gcry_md_write(md, z, sizeof(z));
}

uint32_t hash_start(struct card_job *job)
{
    struct card_state *state;
    enum hash hash;
    uint32_t status = alg_hash(job->alg, &hash);

    job->state = NULL;
    if (status != SDR_OK)
        return status;
    if (job->aux ? hash != HASH_SM3 || job->in_len < 1 || job->in_len > CARD_ID_MAX : job->in_len != 0)
        return SDR_INARGERR;
    if (job->aux && !sm2_point_ok(job->aux))
        return SDR_KEYERR;
    state = calloc(1, sizeof(*state));
    if (!state || gcry_md_open(&state->md, hash_gcrypt(hash), 0) != 0) {
        state_free(state);
        return SDR_NOBUFFER;
    }
    state->hash = hash;
    if (job->aux)
        take_in_z(state->md, job->in, job->in_len, job->aux);
    job->state = state;
    return SDR_OK;
}

uint32_t hash_update(struct card_job *job)
{
    struct card_state *state = job->state;

    if (!state || state->kind != STATE_HASH || state->finished)
        return SDR_STEPERR;
    if (job->in_len > SOFT_MAX_DATA)
        return SDR_INARGERR;
    if (job->in_len)
        gcry_md_write(state->md, job->in, job->in_len);
    return SDR_OK;
}

uint32_t hash_finish(struct card_job *job)
{
    struct card_state *state = job->state;

    if (!state || state->kind != STATE_HASH || state->finished)
        return SDR_STEPERR;
    if (job->out_cap < hash_size(state->hash))
        return SDR_OUTARGERR;
    memcpy(job->out, gcry_md_read(state->md, 0), hash_size(state->hash));
    job->out_len = hash_size(state->hash);
    state->finished = true;
    return SDR_OK;
}

uint32_t hash_job(struct card_job *job)
{
    uint8_t digest[CARD_DIGEST_MAX]; /* of its own: in == out is allowed */
    enum hash hash;
    uint32_t status = alg_hash(job->alg, &hash);

    if (status != SDR_OK)
        return status;
    if (job->in_len > SOFT_MAX_DATA)
        return SDR_INARGERR;
    if (job->out_cap < hash_size(hash))
        return SDR_OUTARGERR;
    gcry_md_hash_buffer(hash_gcrypt(hash), digest, job->in, job->in_len);
    memcpy(job->out, digest, hash_size(hash));
    job->out_len = hash_size(hash);
    return SDR_OK;
}

uint32_t state_copy(struct card_job *job)
{
    struct card_state *from = job->state, *state;

    job->state = NULL;
    if (!from || from->kind == STATE_AEAD || from->finished)
        return SDR_STEPERR;
    state = calloc(1, sizeof(*state));
    if (!state)
        return SDR_NOBUFFER;
    *state = *from;
    state->md = NULL;
    if (state->key)
        key_ref(state->key);
    if (from->md && gcry_md_copy(&state->md, from->md) != 0) {
        state->md = NULL;
        state_free(state);
        return SDR_NOBUFFER;
    }
    job->state = state;
    return SDR_OK;
}
