/* SPDX-License-Identifier: Apache-2.0 */
/*
 * derive.c: keys of secure channels, from a secret that is a session key.
 *
 * A protocol's function fills one buffer with key material; the rest is the same for all of them. The material is cut
 * into keys, in order, and what comes out in clear behind them. The keys either become keys of this card, all or none,
 * or leave encrypted to a point. The material is in one place on the stack, and wiped.
 */
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <stdio.h>
#include <string.h>

#include "cards/soft/soft_internal.h"

#define KEYS         4u
#define MASTER       48u
#define RANDOM       32u
#define CLEAR_MAX    16u
#define MATERIAL_MAX (KEYS * CARD_DERIVE_KEY_MAX + 2 * CLEAR_MAX)

uint32_t derive_fetch(struct card *card, char *error)
{
    card->tls_prf = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_TLS1_PRF, NULL);
    if (card->tls_prf)
        return SDR_OK;
    ERR_clear_error();
    snprintf(error, CARD_ERROR_TEXT,
             "the software card needs %s, which this libcrypto does not have; install a libcrypto built with it",
             OSSL_KDF_NAME_TLS1_PRF);
    return SDR_ALGNOTSUPPORT;
}

void derive_free(struct card *card)
{
    EVP_KDF_free(card->tls_prf);
}

/* PRF(secret, label, a || b); the label without its end. TLS 1.2 and TLCP have the one hash; with MD5 and SHA-1, which
   libcrypto would take for what TLS had before, nobody gets here. */
static bool tls_prf(EVP_KDF *prf, const char *hash, const uint8_t *secret, size_t secret_len, const char *label,
                    const uint8_t *a, const uint8_t *b, uint8_t *out, size_t len)
{
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)(uintptr_t)hash, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET, (void *)(uintptr_t)secret, secret_len),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, (void *)(uintptr_t)label, strlen(label)),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, (void *)(uintptr_t)a, RANDOM),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, (void *)(uintptr_t)b, RANDOM),
        OSSL_PARAM_construct_end()};
    EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(prf);
    bool ok = ctx && EVP_KDF_derive(ctx, out, len, params) == 1;

    EVP_KDF_CTX_free(ctx);
    if (!ok)
        ERR_clear_error();
    return ok;
}

static const char *tls_hash(uint32_t alg)
{
    enum hash hash;

    if (alg_hash(alg, &hash) != SDR_OK)
        return NULL;
    return hash == HASH_SM3 ? "SM3" : hash == HASH_SHA256 ? "SHA256" : hash == HASH_SHA384 ? "SHA384" : NULL;
}

static uint32_t tls_material(struct card *card, const struct card_job *job, uint8_t *out, size_t len)
{
    const uint8_t *client = job->in, *server = job->in + RANDOM;
    const char *hash = tls_hash(job->alg);
    uint8_t master[MASTER];
    bool ok;

    if (!hash)
        return SDR_ALGNOTSUPPORT;
    if (job->derive->text_len[0] != RANDOM || job->derive->text_len[1] != RANDOM || job->in_len != (size_t)2 * RANDOM)
        return SDR_INARGERR;
    ok = tls_prf(card->tls_prf, hash, secret_bytes(job->key->secret), secret_len(job->key->secret), "master secret",
                 client, server, master, sizeof(master)) &&
         tls_prf(card->tls_prf, hash, master, sizeof(master), "key expansion", server, client, out, len);
    explicit_bzero(master, sizeof(master));
    return ok ? SDR_OK : SDR_SYMOPERR;
}

/* How much is wanted of each? */
static uint32_t judge(const struct card_job *job, size_t *keys, size_t *clear)
{
    const struct card_derive *derive = job->derive;
    size_t sealed = 0;

    *keys = 0;
    if (!derive || !job->in)
        return SDR_INARGERR;
    *clear = (size_t)derive->clear_len[0] + derive->clear_len[1];
    if (derive->clear_len[0] > CLEAR_MAX || derive->clear_len[1] > CLEAR_MAX)
        return SDR_INARGERR;
    for (unsigned i = 0; i < KEYS; i++) {
        size_t len = derive->key_len[i];

        if (len && (len < CARD_DERIVE_KEY_MIN || len > CARD_DERIVE_KEY_MAX))
            return SDR_INARGERR;
        *keys += len;
        sealed += len ? CARD_PKE_HEAD + len : 0;
    }
    if (!*keys)
        return SDR_INARGERR;
    if (job->out_cap < *clear + (job->aux ? sealed : 0))
        return SDR_OUTARGERR;
    if (!job->key)
        return SDR_KEYNOTEXIST;
    return job->key->type == CARD_KEY_SYMMETRIC ? SDR_OK : SDR_KEYTYPEERR;
}

static uint32_t keys_make(struct card *card, struct card_derive *derive, const uint8_t *material)
{
    uint32_t status = SDR_OK;

    for (unsigned i = 0; i < KEYS && status == SDR_OK; i++) {
        if (derive->key_len[i])
            status = key_import(card, CARD_KEY_SYMMETRIC, material, derive->key_len[i], &derive->keys[i]);
        material += derive->key_len[i];
    }
    for (unsigned i = 0; i < KEYS && status != SDR_OK; i++) {
        key_unref(derive->keys[i]);
        derive->keys[i] = NULL;
    }
    return status;
}

/* *at: how far `out` is filled. */
static uint32_t keys_seal(const struct card_job *job, const uint8_t *material, size_t *at)
{
    uint32_t status = SDR_OK;

    for (unsigned i = 0; i < KEYS && status == SDR_OK; i++) {
        size_t len = job->derive->key_len[i];

        if (len)
            status = sm2_encrypt(NULL, job->aux, material, len, job->out + *at);
        *at += len ? CARD_PKE_HEAD + len : 0;
        material += len;
    }
    return status;
}

uint32_t derive_tls(struct card *card, struct card_job *job)
{
    uint8_t material[MATERIAL_MAX];
    size_t keys, clear, at = 0;
    uint32_t status = judge(job, &keys, &clear);

    if (status == SDR_OK)
        status = tls_material(card, job, material, keys + clear);
    if (status == SDR_OK)
        status = job->aux ? keys_seal(job, material, &at) : keys_make(card, job->derive, material);
    if (status == SDR_OK) {
        if (clear)
            memcpy(job->out + at, material + keys, clear);
        job->out_len = at + clear;
    }
    explicit_bzero(material, sizeof(material));
    return status;
}
