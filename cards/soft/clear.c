/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clear.c: SM2 keys that come from outside: in clear for the debugging functions of GM/T 0018, in an envelope for the
 * import of a pair; and envelopes that are turned over to somebody else.
 */
#include <openssl/bn.h>
#include <openssl/err.h>
#include <string.h>

#include "cards/soft/soft_internal.h"

/* private number -> pair; SDR_KEYERR where it is none */
static uint32_t pair_complete(const uint8_t number[CARD_ECC_PRIVATE], uint8_t pair[CARD_ECC_PRIVATE + CARD_ECC_POINT])
{
    const EC_GROUP *group = sm2_group();
    EC_POINT *point = group ? EC_POINT_new(group) : NULL;
    BIGNUM *d = BN_secure_new();
    uint8_t octets[1 + CARD_ECC_POINT];
    uint32_t status = SDR_KEYERR;

    memcpy(pair, number, CARD_ECC_PRIVATE);
    if (!point || !d) {
        status = SDR_NOBUFFER;
    } else if (sm2_in_range(pair, 1) && BN_bin2bn(pair, CARD_ECC_PRIVATE, d)) {
        BN_set_flags(d, BN_FLG_CONSTTIME);
        if (EC_POINT_mul(group, point, d, NULL, NULL, NULL) == 1 &&
            EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, octets, sizeof(octets), NULL) ==
                sizeof(octets)) {
            memcpy(pair + CARD_ECC_PRIVATE, octets + 1, CARD_ECC_POINT);
            status = SDR_OK;
        }
    }
    EC_POINT_clear_free(point);
    BN_clear_free(d);
    if (status != SDR_OK)
        ERR_clear_error();
    return status;
}

/* Runs a job with the private key whose number stands in front of `in`. */
static uint32_t run_clear(struct card *card, struct card_job *job, uint32_t (*run)(struct card_job *job))
{
    uint8_t pair[CARD_ECC_PRIVATE + CARD_ECC_POINT];
    struct card_job inner = *job;
    uint32_t status;

    if (job->in_len <= CARD_ECC_PRIVATE)
        return SDR_INARGERR;
    status = pair_complete(job->in, pair);
    if (status == SDR_OK)
        status = key_import(card, CARD_KEY_SM2_PRIVATE, pair, sizeof(pair), &inner.key);
    explicit_bzero(pair, sizeof(pair));
    if (status != SDR_OK)
        return status;
    inner.in += CARD_ECC_PRIVATE;
    inner.in_len -= CARD_ECC_PRIVATE;
    status = run(&inner);
    job->out_len = status == SDR_OK ? inner.out_len : 0;
    key_unref(inner.key);
    return status;
}

uint32_t sign_clear(struct card *card, struct card_job *job)
{
    return run_clear(card, job, sm2_sign);
}

uint32_t decrypt_clear(struct card *card, struct card_job *job)
{
    return run_clear(card, job, sm2_decrypt_job);
}

uint32_t pke_rewrap(struct card_job *job)
{
    uint8_t plain[CARD_PKE_MAX];
    size_t len = job->in_len - CARD_PKE_HEAD;
    uint32_t status = SDR_OK;

    if (job->in_len <= CARD_PKE_HEAD || len > sizeof(plain) || !job->aux)
        return SDR_INARGERR;
    if (job->out_cap < job->in_len)
        return SDR_OUTARGERR;
    if (!sm2_point_ok(job->aux))
        return SDR_KEYERR;
    status = sm2_decrypt(job->key, job->in, job->in_len, plain);
    if (status == SDR_OK)
        status = sm2_encrypt(NULL, job->aux, plain, len, job->out);
    if (status == SDR_OK)
        job->out_len = job->in_len;
    explicit_bzero(plain, sizeof(plain));
    return status;
}

/* The private number, under a symmetric key of the card's. */
static uint32_t number_decrypt(struct card *card, uint32_t alg, const uint8_t *key_bytes, size_t key_len,
                               const uint8_t wrapped[CARD_ECC_PRIVATE], uint8_t number[CARD_ECC_PRIVATE])
{
    uint8_t iv[CARD_IV] = {0};
    struct card_key *key = NULL;
    enum cipher cipher;
    enum mode mode;
    uint32_t status = alg_sym(alg, &cipher, &mode);

    if (status == SDR_OK && mode != MODE_ECB)
        status = SDR_ALGMODNOTSUPPORT;
    if (status == SDR_OK)
        status = key_import(card, CARD_KEY_SYMMETRIC, key_bytes, key_len, &key);
    if (status == SDR_OK)
        status = key_fits(key, cipher);
    if (status == SDR_OK)
        status = sym_crypt(key, cipher, mode, true, iv, wrapped, number, CARD_ECC_PRIVATE);
    key_unref(key);
    return status;
}

uint32_t unenvelope(struct card *card, struct card_job *job)
{
    const uint8_t *point = job->in + CARD_ECC_PRIVATE, *cipher = point + CARD_ECC_POINT;
    uint8_t key[CARD_PKE_MAX], number[CARD_ECC_PRIVATE], pair[CARD_ECC_PRIVATE + CARD_ECC_POINT];
    size_t front = CARD_ECC_PRIVATE + CARD_ECC_POINT, len = job->in_len - front - CARD_PKE_HEAD;
    uint32_t status;

    if (job->in_len <= front + CARD_PKE_HEAD || (len != 16 && len != 24 && len != 32))
        return SDR_INARGERR;
    if (job->out_cap < sizeof(pair))
        return SDR_OUTARGERR;
    status = sm2_decrypt(job->key, cipher, job->in_len - front, key);
    if (status == SDR_OK)
        status = number_decrypt(card, job->alg, key, len, job->in, number);
    if (status == SDR_OK)
        status = pair_complete(number, pair);
    if (status == SDR_OK && memcmp(pair + CARD_ECC_PRIVATE, point, CARD_ECC_POINT) != 0)
        status = SDR_KEYERR; /* the envelope's public key is another's */
    if (status == SDR_OK) {
        memcpy(job->out, pair, sizeof(pair));
        job->out_len = sizeof(pair);
    }
    explicit_bzero(key, sizeof(key));
    explicit_bzero(number, sizeof(number));
    explicit_bzero(pair, sizeof(pair));
    return status;
}
