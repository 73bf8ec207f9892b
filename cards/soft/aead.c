/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Authenticated encryption: GCM and CCM of SM4 and AES, by libgcrypt.
 *
 * A job in one piece takes the key's cached context, a running one keeps it until it ends. In one piece, `out` holds
 * plaintext only once the tag held; where it did not, `out` is wiped. In several pieces the caller sees to that.
 */
#include <stdlib.h>
#include <string.h>

#include "cards/soft/soft_internal.h"

static bool tag_len_ok(enum aead mode, unsigned len)
{
    if (len < 4 || len > CARD_TAG_MAX)
        return false;
    return mode == AEAD_CCM ? len % 2 == 0 : len == 4 || len == 8 || len >= 12;
}

/* Is a message of that many bytes within what the mode can count? */
static bool data_len_ok(enum aead mode, unsigned nonce_len, uint64_t len)
{
    unsigned bits = 8 * (15 - nonce_len);

    if (mode == AEAD_GCM)
        return len <= (UINT64_C(1) << 36) - 32;
    return bits >= 64 || len < UINT64_C(1) << bits;
}

static uint32_t check(const struct card_job *job, uint64_t data_len, enum cipher *cipher, enum aead *mode)
{
    uint32_t status = alg_aead(job->alg, cipher, mode);

    if (status == SDR_OK)
        status = key_fits(job->key, *cipher);
    if (status != SDR_OK)
        return status;
    if (*mode == AEAD_CCM ? job->nonce_len < 7 || job->nonce_len > 13
                          : job->nonce_len < 1 || job->nonce_len > CARD_NONCE_MAX)
        return SDR_INARGERR;
    return tag_len_ok(*mode, job->tag_len) && data_len_ok(*mode, job->nonce_len, data_len) ? SDR_OK : SDR_INARGERR;
}

static bool begin(gcry_cipher_hd_t handle, enum aead mode, const struct card_job *job, uint64_t aad_len,
                  uint64_t data_len)
{
    uint64_t lengths[3] = {data_len, aad_len, job->tag_len};

    if (gcry_cipher_reset(handle) != 0 || gcry_cipher_setiv(handle, job->nonce, job->nonce_len) != 0)
        return false;
    return mode == AEAD_GCM || gcry_cipher_ctl(handle, GCRYCTL_SET_CCM_LENGTHS, lengths, sizeof(lengths)) == 0;
}

static uint32_t run(gcry_cipher_hd_t handle, struct card_job *job, bool decrypt)
{
    if (job->aad_len && gcry_cipher_authenticate(handle, job->aad, job->aad_len) != 0)
        return SDR_SYMOPERR;
    if (!decrypt) {
        if (gcry_cipher_encrypt(handle, job->out, job->in_len, job->in, job->in_len) != 0 ||
            gcry_cipher_gettag(handle, job->tag, job->tag_len) != 0)
            return SDR_SYMOPERR;
        return SDR_OK;
    }
    if (gcry_cipher_decrypt(handle, job->out, job->in_len, job->in, job->in_len) != 0)
        return SDR_SYMOPERR;
    return gcry_cipher_checktag(handle, job->tag, job->tag_len) == 0 ? SDR_OK : SDR_MACERR;
}

static unsigned kind_of(enum cipher cipher, enum aead mode)
{
    return KIND_AEAD + (unsigned)cipher * AEADS + (unsigned)mode;
}

uint32_t aead_job(struct card_job *job, bool decrypt)
{
    enum cipher cipher;
    enum aead mode;
    uint32_t status = check(job, job->in_len, &cipher, &mode);
    void *handle;

    if (status != SDR_OK)
        return status;
    if (job->in_len > SOFT_MAX_DATA || job->aad_len > SOFT_MAX_DATA)
        return SDR_INARGERR;
    if (job->out_cap < job->in_len)
        return SDR_OUTARGERR;
    handle = context_take(job->key, kind_of(cipher, mode));
    if (!handle)
        return SDR_NOBUFFER;
    status = begin(handle, mode, job, job->aad_len, job->in_len) ? run(handle, job, decrypt) : SDR_SYMOPERR;
    context_put(job->key, kind_of(cipher, mode), handle); /* each use begins with a reset */
    if (status == SDR_OK)
        job->out_len = job->in_len;
    else
        explicit_bzero(job->out, job->in_len);
    return status;
}

uint32_t aead_start(struct card_job *job)
{
    struct card_state *state;
    enum cipher cipher;
    enum aead mode;
    uint32_t status = check(job, job->total_data, &cipher, &mode);

    job->state = NULL;
    if (status != SDR_OK)
        return status;
    state = calloc(1, sizeof(*state));
    if (!state)
        return SDR_NOBUFFER;
    state->kind = STATE_AEAD;
    state->key = key_ref(job->key);
    state->aead_kind = kind_of(cipher, mode);
    state->decrypt = job->decrypt;
    state->tag_len = job->tag_len;
    state->counted = mode == AEAD_CCM;
    state->aad_left = job->total_aad;
    state->data_left = job->total_data;
    state->aead = context_take(job->key, state->aead_kind);
    if (!state->aead || !begin(state->aead, mode, job, job->total_aad, job->total_data)) {
        status = state->aead ? SDR_SYMOPERR : SDR_NOBUFFER;
        state_free(state);
        return status;
    }
    job->state = state;
    return SDR_OK;
}

/* The operation cannot go on: no tag may come of it. */
static uint32_t end_badly(struct card_state *state, uint32_t status)
{
    state->finished = true;
    return status;
}

uint32_t aead_update(struct card_job *job, bool aad)
{
    struct card_state *state = job->state;
    gcry_error_t failed;

    if (!state || state->kind != STATE_AEAD || state->finished || (aad && state->fed))
        return SDR_STEPERR;
    if (job->in_len > SOFT_MAX_DATA)
        return SDR_INARGERR;
    if (!aad && job->out_cap < job->in_len)
        return SDR_OUTARGERR;
    if (!job->in_len)
        return SDR_OK;
    if (state->counted && job->in_len > (aad ? state->aad_left : state->data_left))
        return end_badly(state, SDR_INARGERR);
    if (state->counted && !aad && state->aad_left)
        return end_badly(state, SDR_STEPERR);
    if (aad) {
        state->aad_left -= job->in_len;
        failed = gcry_cipher_authenticate(state->aead, job->in, job->in_len);
        return failed ? end_badly(state, SDR_SYMOPERR) : SDR_OK;
    }
    state->fed = true;
    state->data_left -= job->in_len;
    failed = state->decrypt ? gcry_cipher_decrypt(state->aead, job->out, job->in_len, job->in, job->in_len)
                            : gcry_cipher_encrypt(state->aead, job->out, job->in_len, job->in, job->in_len);
    if (failed) {
        explicit_bzero(job->out, job->in_len);
        return end_badly(state, SDR_SYMOPERR);
    }
    job->out_len = job->in_len;
    return SDR_OK;
}

uint32_t aead_finish(struct card_job *job)
{
    struct card_state *state = job->state;

    if (!state || state->kind != STATE_AEAD || state->finished)
        return SDR_STEPERR;
    if (state->counted && (state->aad_left || state->data_left))
        return SDR_STEPERR;
    state->finished = true;
    if (!state->fed) { /* of nothing at all: the libraries want to hear it */
        uint8_t nothing = 0;

        if ((state->decrypt ? gcry_cipher_decrypt(state->aead, &nothing, 0, &nothing, 0)
                            : gcry_cipher_encrypt(state->aead, &nothing, 0, &nothing, 0)) != 0)
            return SDR_SYMOPERR;
    }
    if (state->decrypt) {
        if (job->tag_len != state->tag_len)
            return SDR_INARGERR;
        return gcry_cipher_checktag(state->aead, job->tag, state->tag_len) == 0 ? SDR_OK : SDR_MACERR;
    }
    job->tag_len = state->tag_len;
    return gcry_cipher_gettag(state->aead, job->tag, state->tag_len) == 0 ? SDR_OK : SDR_SYMOPERR;
}
