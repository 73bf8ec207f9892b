/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Block ciphers: the bulk path.
 *
 * One job is: take the context that is cached for this key, set the IV, one call into the library, work out the IV that
 * the next call continues with, put the context back. The chained IV is taken from the buffers, since asking a library
 * for it costs more than reading 16 bytes. `in` and `out` may be in memory that a tenant writes at the same time: what
 * it changes is its own data and its own next IV, nothing of which is used as a length or an address here.
 *
 * CFB and OFB may end in part of a block. That part is done here, with one ECB block from the same key: then the IV
 * that is left is a full block again, whichever library did the rest: for OFB the key stream block that was used in
 * part, for CFB the part of the cipher block filled up with key stream. It does not continue the stream (the chain has
 * ended), but it never repeats key stream either.
 */
#include <openssl/err.h>
#include <string.h>

#include "cards/soft/soft_internal.h"

#define ECB_CHUNK 1024u

static void counter_add(uint8_t counter[BLOCK], size_t blocks)
{
    uint64_t carry = blocks;

    for (size_t i = BLOCK; i-- > 0 && carry;) {
        carry += counter[i];
        counter[i] = (uint8_t)carry;
        carry >>= 8;
    }
}

static bool gcrypt_run(gcry_cipher_hd_t handle, enum mode mode, bool decrypt, const uint8_t iv[CARD_IV],
                       const uint8_t *in, uint8_t *out, size_t len)
{
    gcry_error_t failed;

    failed = mode == MODE_CTR ? gcry_cipher_setctr(handle, iv, CARD_IV) : gcry_cipher_setiv(handle, iv, CARD_IV);
    if (failed)
        return false;
    failed = decrypt ? gcry_cipher_decrypt(handle, out, len, in, len) : gcry_cipher_encrypt(handle, out, len, in, len);
    return !failed;
}

static bool crypto_run(EVP_CIPHER_CTX *ctx, enum mode mode, const uint8_t iv[CARD_IV], const uint8_t *in, uint8_t *out,
                       size_t len)
{
    int done = 0;

    if (mode != MODE_ECB && EVP_CipherInit_ex2(ctx, NULL, NULL, iv, -1, NULL) != 1)
        return false;
    return EVP_CipherUpdate(ctx, out, &done, in, (int)len) == 1 && (size_t)done == len;
}

/* Whole blocks, or any length for CTR. */
static bool blocks_run(struct card_key *key, enum cipher cipher, enum mode mode, bool decrypt,
                       const uint8_t iv[CARD_IV], const uint8_t *in, uint8_t *out, size_t len)
{
    unsigned kind = sym_kind(cipher, mode, decrypt);
    void *context = context_take(key, kind);
    bool ok;

    if (!context)
        return false;
    if (sym_by_gcrypt(cipher, mode, decrypt))
        ok = gcrypt_run(context, mode, decrypt, iv, in, out, len);
    else
        ok = crypto_run(context, mode, iv, in, out, len);
    if (ok)
        context_put(key, kind, context);
    else
        context_drop(kind, context);
    return ok;
}

/*
 * SM4-ECB, out of the two modes in which libgcrypt does many blocks at once: five times as fast as block by block.
 * CBC decryption gives D(X[i]) ^ X[i-1], and CFB decryption of X[1], X[2] ... with the IV X[0] gives X[i+1] ^ E(X[i]);
 * what is too much is taken off again. The input is copied first, since it is needed twice and may change meanwhile.
 */
static bool ecb_by_chain(struct card_key *key, bool decrypt, const uint8_t *in, uint8_t *out, size_t len)
{
    static const uint8_t zero[CARD_IV];
    uint8_t copy[ECB_CHUNK + BLOCK];
    enum mode mode = decrypt ? MODE_CBC : MODE_CFB;
    unsigned kind = sym_kind(CIPHER_SM4, mode, true);
    void *context = context_take(key, kind);
    bool ok = context != NULL;

    for (size_t step; ok && len; in += step, out += step, len -= step) {
        step = len < ECB_CHUNK ? len : ECB_CHUNK;
        memcpy(copy, in, step);
        memset(copy + step, 0, BLOCK);
        ok = gcrypt_run(context, mode, true, decrypt ? zero : copy, decrypt ? copy : copy + BLOCK, out, step);
        for (size_t i = decrypt ? BLOCK : 0; ok && i < step; i++)
            out[i] ^= decrypt ? copy[i - BLOCK] : copy[i + BLOCK];
    }
    explicit_bzero(copy, sizeof(copy));
    if (ok)
        context_put(key, kind, context);
    else
        context_drop(kind, context);
    return ok;
}

static bool tail_run(struct card_key *key, enum cipher cipher, enum mode mode, bool decrypt, uint8_t iv[CARD_IV],
                     const uint8_t *in, uint8_t *out, size_t len)
{
    uint8_t stream[BLOCK];
    bool ok = blocks_run(key, cipher, MODE_ECB, false, NULL, iv, stream, BLOCK);

    if (ok) {
        memcpy(iv, stream, BLOCK);
        for (size_t i = 0; i < len; i++) {
            uint8_t from = in[i], to = from ^ stream[i];

            out[i] = to;
            if (mode == MODE_CFB)
                iv[i] = decrypt ? from : to;
        }
    }
    explicit_bzero(stream, sizeof(stream));
    return ok;
}

uint32_t sym_crypt(struct card_key *key, enum cipher cipher, enum mode mode, bool decrypt, uint8_t iv[CARD_IV],
                   const uint8_t *in, uint8_t *out, size_t len)
{
    size_t tail = mode == MODE_CFB || mode == MODE_OFB ? len % BLOCK : 0;
    size_t whole = len - tail;
    uint8_t last[BLOCK];

    if (whole) {
        /* in place, the last input block is gone afterwards */
        if (whole >= BLOCK && mode != MODE_ECB && mode != MODE_CTR)
            memcpy(last, in + whole - BLOCK, BLOCK);
        if (cipher == CIPHER_SM4 && mode == MODE_ECB && whole > BLOCK) {
            if (!ecb_by_chain(key, decrypt, in, out, whole))
                goto failed;
        } else if (!blocks_run(key, cipher, mode, decrypt, iv, in, out, whole)) {
            goto failed;
        }
        switch (mode) {
        case MODE_CBC:
        case MODE_CFB:
            memcpy(iv, decrypt ? last : out + whole - BLOCK, BLOCK);
            break;
        case MODE_OFB:
            for (size_t i = 0; i < BLOCK; i++)
                iv[i] = last[i] ^ out[whole - BLOCK + i];
            break;
        case MODE_CTR:
            counter_add(iv, (whole + BLOCK - 1) / BLOCK);
            break;
        default:
            break;
        }
    }
    if (tail && !tail_run(key, cipher, mode, decrypt, iv, in + whole, out + whole, tail))
        goto failed;
    return SDR_OK;
failed:
    ERR_clear_error();
    explicit_bzero(out, len);
    return SDR_SYMOPERR;
}

uint32_t sym_job(struct card_job *job, bool decrypt)
{
    enum cipher cipher;
    enum mode mode;
    uint32_t status = alg_sym(job->alg, &cipher, &mode);

    if (status != SDR_OK) {
        xts_job(job, decrypt, &status);
        return status;
    }
    if (mode == MODE_MAC)
        return SDR_ALGMODNOTSUPPORT;
    status = key_fits(job->key, cipher);
    if (status != SDR_OK)
        return status;
    if (job->in_len > SOFT_MAX_DATA || ((mode == MODE_ECB || mode == MODE_CBC) && job->in_len % BLOCK))
        return SDR_INARGERR;
    if (job->out_cap < job->in_len)
        return SDR_OUTARGERR;
    if (job->in_len) {
        status = sym_crypt(job->key, cipher, mode, decrypt, job->iv, job->in, job->out, job->in_len);
        if (status != SDR_OK)
            return status;
    }
    job->out_len = job->in_len;
    return SDR_OK;
}
