/* SPDX-License-Identifier: Apache-2.0 */
/*
 * derive.c: keys of secure channels, from a secret that is a session key.
 *
 * A protocol's function fills one buffer with key material; the rest is the same for all of them. The material is cut
 * into keys, in order, and what comes out in clear behind them. The keys either become keys of this card, all or none,
 * or leave encrypted to a point. The material is in one place on the stack, and wiped.
 *
 * TLS's function is libcrypto's; those of IKE are made of HMAC, which libgcrypt does in its secure memory.
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
#define NONCE_MIN    8u
#define NONCE_MAX    256u
#define COOKIE       8u
#define PROTOCOL     1u
#define SPI          4u
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

/* The hashes that a PRF is made of. */
static uint32_t prf_hash(uint32_t alg, enum hash *hash)
{
    uint32_t status = alg_hash(alg, hash);

    if (status == SDR_OK && *hash != HASH_SM3 && *hash != HASH_SHA256 && *hash != HASH_SHA384)
        status = SDR_ALGNOTSUPPORT;
    return status;
}

static uint32_t tls_material(struct card *card, const struct card_job *job, uint8_t *out, size_t len)
{
    static const char *const names[HASHES] = {[HASH_SM3] = "SM3", [HASH_SHA256] = "SHA256", [HASH_SHA384] = "SHA384"};
    const uint8_t *client = job->in, *server = job->in + RANDOM;
    uint8_t master[MASTER];
    enum hash hash;
    bool ok;
    uint32_t status = prf_hash(job->alg, &hash);

    if (status != SDR_OK)
        return status;
    if (job->derive->text_len[0] != RANDOM || job->derive->text_len[1] != RANDOM)
        return SDR_INARGERR;
    ok = tls_prf(card->tls_prf, names[hash], secret_bytes(job->key->secret), secret_len(job->key->secret),
                 "master secret", client, server, master, sizeof(master)) &&
         tls_prf(card->tls_prf, names[hash], master, sizeof(master), "key expansion", server, client, out, len);
    explicit_bzero(master, sizeof(master));
    return ok ? SDR_OK : SDR_SYMOPERR;
}

struct part {
    const uint8_t *bytes;
    size_t len;
};

/* PRF(key, parts one behind the other), all of it. out may be a part. */
static bool hmac(enum hash hash, const uint8_t *key, size_t key_len, const struct part *parts, size_t n, uint8_t *out)
{
    gcry_md_hd_t md;
    bool ok = gcry_md_open(&md, hash_gcrypt(hash), GCRY_MD_FLAG_HMAC | GCRY_MD_FLAG_SECURE) == 0;

    if (!ok)
        return false;
    ok = gcry_md_setkey(md, key, key_len) == 0;
    for (size_t i = 0; i < n && ok; i++)
        gcry_md_write(md, parts[i].bytes, parts[i].len);
    if (ok)
        memcpy(out, gcry_md_read(md, 0), hash_size(hash));
    gcry_md_close(md);
    return ok;
}

static bool nonce_ok(unsigned len)
{
    return len >= NONCE_MIN && len <= NONCE_MAX;
}

static uint32_t ike_judge(const struct card_derive *derive, size_t hash_len)
{
    for (unsigned i = 0; i < 2; i++) /* keys of the PRF are as long as what it gives */
        if (!nonce_ok(derive->text_len[i]) || derive->text_len[2 + i] != COOKIE ||
            (derive->key_len[i] && derive->key_len[i] != hash_len))
            return SDR_INARGERR;
    return derive->key_len[2] <= hash_len && !derive->key_len[3] ? SDR_OK : SDR_INARGERR;
}

/* SKEYID   = PRF(HASH(Ni | Nr), CKY-I | CKY-R)
   SKEYID_d = PRF(SKEYID, CKY-I | CKY-R | 0)
   SKEYID_a = PRF(SKEYID, SKEYID_d | CKY-I | CKY-R | 1)
   SKEYID_e = PRF(SKEYID, SKEYID_a | CKY-I | CKY-R | 2), of which a cipher's key is the beginning */
static uint32_t ike_material(struct card *card, const struct card_job *job, uint8_t *out, size_t len)
{
    static const uint8_t numbers[3] = {0, 1, 2};
    const struct card_derive *derive = job->derive;
    size_t nonces = (size_t)derive->text_len[0] + derive->text_len[1], n;
    uint8_t skeyid[CARD_DIGEST_MAX], chain[CARD_DIGEST_MAX];
    const struct part cookies = {job->in + nonces, (size_t)2 * COOKIE};
    enum hash hash;
    bool ok;
    uint32_t status = prf_hash(job->alg, &hash);

    (void)card;
    (void)len;
    n = status == SDR_OK ? hash_size(hash) : 0;
    status = status == SDR_OK ? ike_judge(derive, n) : status;
    if (status != SDR_OK)
        return status;
    gcry_md_hash_buffer(hash_gcrypt(hash), chain, job->in, nonces);
    ok = hmac(hash, chain, n, &cookies, 1, skeyid);
    for (unsigned i = 0; i < 3 && ok; i++) {
        const struct part parts[] = {{chain, i ? n : 0}, cookies, {&numbers[i], 1}};

        ok = hmac(hash, skeyid, n, parts, 3, chain);
        memcpy(out, chain, derive->key_len[i]);
        out += derive->key_len[i];
    }
    explicit_bzero(skeyid, sizeof(skeyid));
    explicit_bzero(chain, sizeof(chain));
    return ok ? SDR_OK : SDR_NOBUFFER;
}

/* KEYMAT = K1 | K2 | ...    K1 = PRF(SKEYID_d, protocol | SPI | Ni | Nr)
                              Kn = PRF(SKEYID_d, Kn-1 | protocol | SPI | Ni | Nr) */
static uint32_t ipsec_material(struct card *card, const struct card_job *job, uint8_t *out, size_t len)
{
    const struct card_derive *derive = job->derive;
    uint8_t chain[CARD_DIGEST_MAX];
    enum hash hash;
    bool ok = true;
    uint32_t status = prf_hash(job->alg, &hash);

    (void)card;
    if (status != SDR_OK)
        return status;
    if (derive->text_len[0] != PROTOCOL || derive->text_len[1] != SPI || !nonce_ok(derive->text_len[2]) ||
        !nonce_ok(derive->text_len[3]) || derive->key_len[2] || derive->key_len[3])
        return SDR_INARGERR;
    for (size_t at = 0, n = hash_size(hash); at < len && ok; at += n) {
        const struct part parts[] = {{chain, at ? n : 0}, {job->in, job->in_len}};

        ok = hmac(hash, secret_bytes(job->key->secret), secret_len(job->key->secret), parts, 2, chain);
        memcpy(out + at, chain, len - at < n ? len - at : n);
    }
    explicit_bzero(chain, sizeof(chain));
    return ok ? SDR_OK : SDR_NOBUFFER;
}

/* How much is wanted of each, and is what is there as long as it is said to be? */
static uint32_t judge(const struct card_job *job, size_t clear_most, size_t *keys, size_t *clear)
{
    const struct card_derive *derive = job->derive;
    size_t sealed = 0, texts = 0;

    *keys = 0;
    if (!derive || !job->in)
        return SDR_INARGERR;
    *clear = (size_t)derive->clear_len[0] + derive->clear_len[1];
    if (derive->clear_len[0] > clear_most || derive->clear_len[1] > clear_most)
        return SDR_INARGERR;
    for (unsigned i = 0; i < KEYS; i++) {
        size_t len = derive->key_len[i];

        if (len && (len < CARD_DERIVE_KEY_MIN || len > CARD_DERIVE_KEY_MAX))
            return SDR_INARGERR;
        *keys += len;
        sealed += len ? CARD_PKE_HEAD + len : 0;
        texts += derive->text_len[i];
    }
    if (!*keys || texts != job->in_len)
        return SDR_INARGERR;
    return job->out_cap < *clear + (job->aux ? sealed : 0) ? SDR_OUTARGERR : SDR_OK;
}

static uint32_t key_judge(const struct card_job *job)
{
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

uint32_t derive_keys(struct card *card, struct card_job *job)
{
    uint8_t material[MATERIAL_MAX];
    bool tls = job->op == CARD_DERIVE_TLS, ike = job->op == CARD_DERIVE_IKE;
    size_t keys, clear, at = 0;
    uint32_t status = judge(job, tls ? CLEAR_MAX : 0, &keys, &clear);

    if (status == SDR_OK && !ike)
        status = key_judge(job);
    if (status == SDR_OK)
        status = (tls ? tls_material : ike ? ike_material : ipsec_material)(card, job, material, keys + clear);
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
