/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sign.c: the SM2 key of the checkpoints. Its private number is made from a secret of the vault: SM3(label || 0 ||
 * seed)
 * || SM3(label || 1 || seed), 64 bytes taken modulo (order - 1), plus 1.
 */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <stdlib.h>
#include <string.h>
#include "backend/audit/chain.h"

#define IDENTITY "1234567812345678"
#define LABEL    "cardmux audit key 1"

struct audit_key {
    EVP_PKEY *pkey;
    uint8_t point[AUDIT_POINT];
};

static struct audit_key *key_build(const uint8_t point[AUDIT_POINT], const BIGNUM *number)
{
    struct audit_key *key = calloc(1, sizeof *key);
    uint8_t encoded[1 + AUDIT_POINT] = {4};
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    OSSL_PARAM *params = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "SM2", NULL);
    memcpy(encoded + 1, point, AUDIT_POINT);
    bool ok = key && build && ctx && OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "SM2", 0) &&
              OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, encoded, sizeof encoded) &&
              (!number || OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, number)) &&
              (params = OSSL_PARAM_BLD_to_param(build)) && EVP_PKEY_fromdata_init(ctx) == 1 &&
              EVP_PKEY_fromdata(ctx, &key->pkey, number ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, params) == 1;
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    EVP_PKEY_CTX_free(ctx);
    if (ok) {
        memcpy(key->point, point, AUDIT_POINT);
        return key;
    }
    ERR_clear_error();
    audit_key_free(key);
    return NULL;
}

/* number = seed, spread evenly over 1 .. order - 1. */
static bool number_make(const uint8_t seed[AUDIT_SEED], const EC_GROUP *group, BIGNUM *number, BN_CTX *ctx)
{
    uint8_t text[sizeof LABEL + AUDIT_SEED] = LABEL, wide[2 * AUDIT_HASH];
    BIGNUM *range = BN_dup(EC_GROUP_get0_order(group));
    bool ok = true;
    memcpy(text + sizeof LABEL, seed, AUDIT_SEED);
    for (uint8_t half = 0; ok && half < 2; half++) {
        text[sizeof LABEL - 1] = half;
        ok = audit_digest(text, sizeof text, wide + half * AUDIT_HASH);
    }
    ok = ok && range && BN_sub_word(range, 1) && BN_bin2bn(wide, sizeof wide, number) &&
         BN_nnmod(number, number, range, ctx) && BN_add_word(number, 1);
    OPENSSL_cleanse(text, sizeof text);
    OPENSSL_cleanse(wide, sizeof wide);
    BN_free(range);
    return ok;
}

struct audit_key *audit_key_new(const uint8_t seed[AUDIT_SEED])
{
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_sm2);
    EC_POINT *place = group ? EC_POINT_new(group) : NULL;
    BN_CTX *ctx = BN_CTX_secure_new();
    BIGNUM *number = BN_secure_new();
    uint8_t encoded[1 + AUDIT_POINT];
    struct audit_key *key = NULL;
    if (place && ctx && number && number_make(seed, group, number, ctx) &&
        EC_POINT_mul(group, place, number, NULL, NULL, ctx) &&
        EC_POINT_point2oct(group, place, POINT_CONVERSION_UNCOMPRESSED, encoded, sizeof encoded, ctx) == sizeof encoded)
        key = key_build(encoded + 1, number);
    BN_clear_free(number);
    BN_CTX_free(ctx);
    EC_POINT_free(place);
    EC_GROUP_free(group);
    return key;
}

struct audit_key *audit_key_public(const uint8_t point[AUDIT_POINT])
{
    return key_build(point, NULL);
}

void audit_key_free(struct audit_key *key)
{
    if (!key)
        return;
    EVP_PKEY_free(key->pkey);
    free(key);
}

void audit_key_point(const struct audit_key *key, uint8_t point[AUDIT_POINT])
{
    memcpy(point, key->point, AUDIT_POINT);
}

/* A context with the identity set; NULL: libcrypto failed. */
static EVP_MD_CTX *context_new(const struct audit_key *key, bool sign)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pctx = ctx ? EVP_PKEY_CTX_new(key->pkey, NULL) : NULL;
    if (pctx && EVP_PKEY_CTX_set1_id(pctx, IDENTITY, sizeof IDENTITY - 1) == 1) {
        EVP_MD_CTX_set_pkey_ctx(ctx, pctx); /* stays ours */
        if ((sign ? EVP_DigestSignInit(ctx, NULL, EVP_sm3(), NULL, key->pkey)
                  : EVP_DigestVerifyInit(ctx, NULL, EVP_sm3(), NULL, key->pkey)) == 1)
            return ctx;
    }
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_CTX_free(pctx);
    return NULL;
}

static void context_free(EVP_MD_CTX *ctx)
{
    EVP_PKEY_CTX *pctx = ctx ? EVP_MD_CTX_get_pkey_ctx(ctx) : NULL;
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_CTX_free(pctx);
}

bool audit_sign(const struct audit_key *key, const char *bytes, size_t len, uint8_t signature[AUDIT_SIGNATURE])
{
    EVP_MD_CTX *ctx = context_new(key, true);
    uint8_t der[128];
    size_t der_len = sizeof der;
    const uint8_t *at = der;
    ECDSA_SIG *parsed = NULL;
    if (ctx && EVP_DigestSign(ctx, der, &der_len, (const uint8_t *)bytes, len) == 1)
        parsed = d2i_ECDSA_SIG(NULL, &at, (long)der_len);
    bool ok = parsed && BN_bn2binpad(ECDSA_SIG_get0_r(parsed), signature, 32) == 32 &&
              BN_bn2binpad(ECDSA_SIG_get0_s(parsed), signature + 32, 32) == 32;
    ECDSA_SIG_free(parsed);
    context_free(ctx);
    ERR_clear_error();
    return ok;
}

bool audit_signature_holds(const struct audit_key *key, const char *bytes, size_t len,
                           const uint8_t signature[AUDIT_SIGNATURE])
{
    EVP_MD_CTX *ctx = context_new(key, false);
    ECDSA_SIG *built = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(signature, 32, NULL), *s = BN_bin2bn(signature + 32, 32, NULL);
    uint8_t *der = NULL;
    int der_len = 0;
    if (built && r && s && ECDSA_SIG_set0(built, r, s)) {
        r = s = NULL;
        der_len = i2d_ECDSA_SIG(built, &der);
    }
    bool ok = ctx && der_len > 0 && EVP_DigestVerify(ctx, der, (size_t)der_len, (const uint8_t *)bytes, len) == 1;
    OPENSSL_free(der);
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(built);
    context_free(ctx);
    ERR_clear_error();
    return ok;
}
