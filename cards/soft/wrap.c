/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Session keys: made in the card and handed out encrypted, taken in encrypted, or handed out once more. The key bytes
 * pass through a local buffer that is wiped, never through the job's buffers in clear.
 */
#include <openssl/rand.h>
#include <string.h>

#include "cards/soft/soft_internal.h"

static bool length_ok(size_t len)
{
    return len == 16 || len == 24 || len == 32;
}

uint32_t key_bytes_make(unsigned bits, uint8_t bytes[CARD_SYM_KEY_MAX], size_t *len)
{
    *len = bits / 8u;
    if (bits % 8 || !length_ok(*len))
        return SDR_INARGERR;
    return RAND_priv_bytes(bytes, (int)*len) == 1 ? SDR_OK : SDR_RANDERR;
}

uint32_t key_generate_pke(struct card *card, struct card_job *job)
{
    uint8_t bytes[CARD_SYM_KEY_MAX];
    size_t len;
    uint32_t status = key_bytes_make(job->in_key_bits, bytes, &len);

    if (status == SDR_OK && job->out_cap < CARD_PKE_HEAD + len)
        status = SDR_OUTARGERR;
    if (status == SDR_OK)
        status = sm2_encrypt(job->key, job->aux, bytes, len, job->out);
    if (status == SDR_OK)
        status = key_import(card, CARD_KEY_SYMMETRIC, bytes, len, &job->new_key);
    if (status == SDR_OK)
        job->out_len = CARD_PKE_HEAD + len;
    explicit_bzero(bytes, sizeof(bytes));
    return status;
}

uint32_t key_import_pke(struct card *card, struct card_job *job)
{
    uint8_t bytes[CARD_TLS_SECRET];
    uint32_t status;

    if (job->in_len < CARD_PKE_HEAD ||
        (!length_ok(job->in_len - CARD_PKE_HEAD) && job->in_len != CARD_PKE_HEAD + CARD_TLS_SECRET))
        return SDR_INARGERR;
    status = sm2_decrypt(job->key, job->in, job->in_len, bytes);
    if (status == SDR_OK)
        status = key_import(card, CARD_KEY_SYMMETRIC, bytes, job->in_len - CARD_PKE_HEAD, &job->new_key);
    explicit_bzero(bytes, sizeof(bytes));
    return status;
}

static uint32_t kek_alg(const struct card_job *job, enum cipher *cipher, enum mode *mode)
{
    uint32_t status = alg_sym(job->alg, cipher, mode);

    if (status != SDR_OK)
        return status;
    if (*mode != MODE_ECB && *mode != MODE_CBC)
        return SDR_ALGMODNOTSUPPORT;
    return key_fits(job->key, *cipher);
}

uint32_t key_generate_kek(struct card *card, struct card_job *job)
{
    uint8_t bytes[CARD_SYM_KEY_MAX], wrapped[CARD_SYM_KEY_MAX], iv[CARD_IV];
    enum cipher cipher;
    enum mode mode;
    size_t len;
    uint32_t status = kek_alg(job, &cipher, &mode);

    if (status != SDR_OK)
        return status;
    status = key_bytes_make(job->in_key_bits, bytes, &len);
    if (status == SDR_OK && len % BLOCK) /* 192 bits do not fill blocks, and there is no padding */
        status = SDR_INARGERR;
    if (status == SDR_OK && job->out_cap < len)
        status = SDR_OUTARGERR;
    if (status == SDR_OK) {
        memcpy(iv, job->iv, CARD_IV);
        status = sym_crypt(job->key, cipher, mode, false, iv, bytes, wrapped, len);
    }
    if (status == SDR_OK)
        status = key_import(card, CARD_KEY_SYMMETRIC, bytes, len, &job->new_key);
    if (status == SDR_OK) {
        memcpy(job->iv, iv, CARD_IV);
        memcpy(job->out, wrapped, len);
        job->out_len = len;
    }
    explicit_bzero(bytes, sizeof(bytes));
    return status;
}

uint32_t key_import_kek(struct card *card, struct card_job *job)
{
    uint8_t bytes[CARD_SYM_KEY_MAX], iv[CARD_IV];
    enum cipher cipher;
    enum mode mode;
    uint32_t status = kek_alg(job, &cipher, &mode);

    if (status != SDR_OK)
        return status;
    if (job->in_len % BLOCK || !length_ok(job->in_len))
        return SDR_INARGERR;
    memcpy(iv, job->iv, CARD_IV);
    status = sym_crypt(job->key, cipher, mode, true, iv, job->in, bytes, job->in_len);
    if (status == SDR_OK)
        status = key_import(card, CARD_KEY_SYMMETRIC, bytes, job->in_len, &job->new_key);
    if (status == SDR_OK)
        memcpy(job->iv, iv, CARD_IV);
    explicit_bzero(bytes, sizeof(bytes));
    return status;
}

const uint8_t *session_key_bytes(const struct card_key *key, size_t *len)
{
    if (!key || key->type != CARD_KEY_SYMMETRIC || !length_ok(secret_len(key->secret)))
        return NULL;
    *len = secret_len(key->secret);
    return secret_bytes(key->secret);
}

uint32_t key_export_pke(struct card_job *job)
{
    size_t len;
    const uint8_t *bytes = session_key_bytes(job->key, &len);
    uint32_t status;

    if (!bytes)
        return SDR_KEYTYPEERR;
    if (!job->aux)
        return SDR_INARGERR;
    if (job->out_cap < CARD_PKE_HEAD + len)
        return SDR_OUTARGERR;
    status = sm2_encrypt(NULL, job->aux, bytes, len, job->out);
    if (status == SDR_OK)
        job->out_len = CARD_PKE_HEAD + len;
    return status;
}

uint32_t key_export_kek(struct card_job *job)
{
    uint8_t iv[CARD_IV];
    enum cipher cipher;
    enum mode mode;
    size_t len;
    const uint8_t *bytes = session_key_bytes(job->key2, &len);
    uint32_t status = kek_alg(job, &cipher, &mode);

    if (status != SDR_OK)
        return status;
    if (!bytes)
        return SDR_KEYTYPEERR;
    if (len % BLOCK)
        return SDR_INARGERR;
    if (job->out_cap < len)
        return SDR_OUTARGERR;
    memcpy(iv, job->iv, CARD_IV);
    status = sym_crypt(job->key, cipher, mode, false, iv, bytes, job->out, len);
    if (status == SDR_OK) {
        memcpy(job->iv, iv, CARD_IV);
        job->out_len = len;
    }
    return status;
}
