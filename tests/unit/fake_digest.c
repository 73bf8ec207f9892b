/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/fake_digest.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include "cardmux/sdf.h"
#include "tests/clients/sm2_raw.h"

static void give_param(struct call *call, const uint8_t *bytes, size_t len)
{
    memcpy(call->param_out, bytes, len);
    call->param_out_len = len;
}

static const EVP_MD *hash_of(uint32_t alg)
{
    static const struct {
        uint32_t alg;
        const EVP_MD *(*md)(void);
    } hashes[] = {{SGD_SM3, EVP_sm3},           {SGD_SHA1, EVP_sha1},         {SGD_SHA256, EVP_sha256},
                  {SGD_SHA224, EVP_sha224},     {SGD_SHA384, EVP_sha384},     {SGD_SHA512, EVP_sha512},
                  {SGD_SHA3_224, EVP_sha3_224}, {SGD_SHA3_256, EVP_sha3_256}, {SGD_SHA3_384, EVP_sha3_384},
                  {SGD_SHA3_512, EVP_sha3_512}};
    for (size_t i = 0; i < sizeof hashes / sizeof hashes[0]; i++)
        if (hashes[i].alg == alg)
            return hashes[i].md();
    return NULL;
}

static EVP_MAC_CTX *hmac_new(const uint8_t *key, size_t len, const EVP_MD *md)
{
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);
    char name[32];
    snprintf(name, sizeof name, "%s", EVP_MD_get0_name(md));
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string("digest", name, 0), OSSL_PARAM_construct_end()};
    EVP_MAC_init(ctx, key, len, params);
    EVP_MAC_free(mac);
    return ctx;
}

static void hmac_give(struct call *call, EVP_MAC_CTX *ctx)
{
    uint8_t out[64];
    size_t n;
    EVP_MAC_final(ctx, out, &n, sizeof out);
    give_param(call, out, n);
    EVP_MAC_CTX_free(ctx);
}

bool fake_hmac(struct call *call, const uint8_t *key, size_t len)
{
    if (!hash_of(call->alg))
        return false;
    EVP_MAC_CTX *ctx = hmac_new(key, len, hash_of(call->alg));
    EVP_MAC_update(ctx, call->data, call->data_len);
    hmac_give(call, ctx);
    return true;
}

uint32_t fake_mac_step(struct fake_digest *digest, struct call *call, const uint8_t *key, size_t len)
{
    if (call->op == CM_OP_MAC_INIT) {
        EVP_MAC_CTX_free(digest->mac);
        digest->mac = hmac_new(key, len, EVP_sm3());
        return SDR_OK;
    }
    if (!digest->mac)
        return SDR_STEPERR;
    if (call->op == CM_OP_MAC_UPDATE) {
        EVP_MAC_update(digest->mac, call->data, call->data_len);
        return SDR_OK;
    }
    hmac_give(call, digest->mac);
    digest->mac = NULL;
    return SDR_OK;
}

uint32_t fake_hash(struct fake_digest *digest, struct call *call)
{
    uint8_t out[64];
    unsigned n;
    if (call->op == CM_OP_HASH) {
        if (!hash_of(call->alg))
            return SDR_ALGNOTSUPPORT;
        EVP_Digest(call->data, call->data_len, out, &n, hash_of(call->alg), NULL);
        give_param(call, out, n);
        return SDR_OK;
    }
    if (call->op == CM_OP_HASH_INIT) {
        if (!hash_of(call->alg))
            return SDR_ALGNOTSUPPORT;
        if (call->param_len && !sm2_raw_on_curve(call->param))
            return SDR_KEYERR;
        EVP_MD_CTX_free(digest->hash);
        digest->hash = EVP_MD_CTX_new();
        EVP_DigestInit_ex(digest->hash, hash_of(call->alg), NULL);
        if (call->param_len) {
            sm2_raw_z(call->param, call->data, call->data_len, out);
            EVP_DigestUpdate(digest->hash, out, 32);
        }
        return SDR_OK;
    }
    if (!digest->hash)
        return SDR_STEPERR;
    if (call->op == CM_OP_HASH_UPDATE) {
        EVP_DigestUpdate(digest->hash, call->data, call->data_len);
        return SDR_OK;
    }
    EVP_DigestFinal_ex(digest->hash, out, &n);
    give_param(call, out, n);
    EVP_MD_CTX_free(digest->hash);
    digest->hash = NULL;
    return SDR_OK;
}

void fake_digest_forget(struct fake_digest *digest)
{
    EVP_MD_CTX_free(digest->hash);
    EVP_MAC_CTX_free(digest->mac);
    digest->hash = NULL;
    digest->mac = NULL;
}
