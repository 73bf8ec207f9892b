/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/reference.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <stdlib.h>
#include <string.h>

struct ref_sm2 {
    EVP_PKEY *pkey;
};

static struct ref_sm2 *wrap(EVP_PKEY *pkey)
{
    struct ref_sm2 *pair = pkey ? calloc(1, sizeof(*pair)) : NULL;
    if (!pair) {
        EVP_PKEY_free(pkey);
        return NULL;
    }
    pair->pkey = pkey;
    return pair;
}

struct ref_sm2 *ref_sm2_new(void)
{
    return wrap(EVP_PKEY_Q_keygen(NULL, NULL, "SM2"));
}

struct ref_sm2 *ref_sm2_public(const uint8_t point[64])
{
    uint8_t encoded[65] = {4};
    memcpy(encoded + 1, point, 64);
    EVP_PKEY *pkey = NULL;
    char group[] = "SM2";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
                           OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, encoded, sizeof(encoded)),
                           OSSL_PARAM_construct_end()};
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "SM2", NULL);
    if (ctx && EVP_PKEY_fromdata_init(ctx) == 1)
        EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params);
    EVP_PKEY_CTX_free(ctx);
    return wrap(pkey);
}

void ref_sm2_free(struct ref_sm2 *pair)
{
    if (!pair)
        return;
    EVP_PKEY_free(pair->pkey);
    free(pair);
}

void ref_sm2_export(const struct ref_sm2 *pair, uint8_t priv[32], uint8_t point[64])
{
    BIGNUM *x = NULL, *y = NULL, *k = NULL;
    memset(point, 0, 64);
    if (EVP_PKEY_get_bn_param(pair->pkey, OSSL_PKEY_PARAM_EC_PUB_X, &x) == 1 &&
        EVP_PKEY_get_bn_param(pair->pkey, OSSL_PKEY_PARAM_EC_PUB_Y, &y) == 1) {
        BN_bn2binpad(x, point, 32);
        BN_bn2binpad(y, point + 32, 32);
    }
    if (priv && EVP_PKEY_get_bn_param(pair->pkey, OSSL_PKEY_PARAM_PRIV_KEY, &k) == 1)
        BN_bn2binpad(k, priv, 32);
    BN_free(x);
    BN_free(y);
    BN_clear_free(k);
}

/* DER INTEGER of a 32-byte big-endian number. Returns its length, at most 35. */
static size_t der_integer(const uint8_t number[32], uint8_t *der)
{
    size_t skip = 0;
    while (skip < 31 && number[skip] == 0)
        skip++;
    size_t pad = number[skip] >> 7;
    size_t len = 32 - skip + pad;
    der[0] = 2;
    der[1] = (uint8_t)len;
    der[2] = 0;
    memcpy(der + 2 + pad, number + skip, 32 - skip);
    return 2 + len;
}

static bool der_number(const uint8_t **at, const uint8_t *end, uint8_t number[32])
{
    const uint8_t *p = *at;
    if (end - p < 2 || p[0] != 2 || p[1] > 33 || end - p < 2 + p[1] || p[1] == 0)
        return false;
    size_t len = p[1];
    p += 2;
    *at = p + len;
    if (len == 33) {
        p++;
        len--;
    }
    memset(number, 0, 32);
    memcpy(number + 32 - len, p, len);
    return true;
}

bool ref_sm2_sign(struct ref_sm2 *pair, const uint8_t e[32], uint8_t sig[64])
{
    uint8_t der[80];
    size_t len = sizeof(der);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(pair->pkey, NULL);
    bool ok = ctx && EVP_PKEY_sign_init(ctx) == 1 && EVP_PKEY_sign(ctx, der, &len, e, 32) == 1;
    EVP_PKEY_CTX_free(ctx);
    const uint8_t *at = der + 2;
    return ok && der_number(&at, der + len, sig) && der_number(&at, der + len, sig + 32);
}

bool ref_sm2_verify(struct ref_sm2 *pair, const uint8_t e[32], const uint8_t sig[64])
{
    uint8_t der[80];
    size_t len = 2;
    len += der_integer(sig, der + len);
    len += der_integer(sig + 32, der + len);
    der[0] = 0x30;
    der[1] = (uint8_t)(len - 2);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(pair->pkey, NULL);
    bool ok = ctx && EVP_PKEY_verify_init(ctx) == 1 && EVP_PKEY_verify(ctx, der, len, e, 32) == 1;
    EVP_PKEY_CTX_free(ctx);
    return ok;
}

bool ref_sm2_decrypt(struct ref_sm2 *pair, const uint8_t *cipher, size_t len, uint8_t *plain, size_t *plain_len)
{
    uint8_t der[256];
    size_t c = len - 96, n = 3;
    if (len <= 96 || c > 100) /* session keys only */
        return false;
    n += der_integer(cipher, der + n);
    n += der_integer(cipher + 32, der + n);
    der[n++] = 4;
    der[n++] = 32;
    memcpy(der + n, cipher + 64, 32);
    n += 32;
    der[n++] = 4;
    der[n++] = (uint8_t)c;
    memcpy(der + n, cipher + 96, c);
    n += c;
    /* a sequence of 128 bytes or more has a length of two bytes, a shorter one of one */
    uint8_t *start = der;
    size_t body = n - 3;
    if (body < 128) {
        start = der + 1;
        start[1] = (uint8_t)body;
    } else {
        der[1] = 0x81;
        der[2] = (uint8_t)body;
    }
    start[0] = 0x30;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(pair->pkey, NULL);
    bool ok = ctx && EVP_PKEY_decrypt_init(ctx) == 1 &&
              EVP_PKEY_decrypt(ctx, plain, plain_len, start, (size_t)(der + n - start)) == 1;
    EVP_PKEY_CTX_free(ctx);
    return ok;
}

bool ref_encrypt(const char *name, const uint8_t *key, const uint8_t iv[16], const uint8_t *in, size_t len,
                 uint8_t *out)
{
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, name, NULL);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n = 0, last = 0;
    bool ok = cipher && ctx && EVP_EncryptInit_ex2(ctx, cipher, key, iv, NULL) == 1 &&
              EVP_CIPHER_CTX_set_padding(ctx, 0) == 1 && EVP_EncryptUpdate(ctx, out, &n, in, (int)len) == 1 &&
              EVP_EncryptFinal_ex(ctx, out + n, &last) == 1 && (size_t)(n + last) == len;
    EVP_CIPHER_CTX_free(ctx);
    EVP_CIPHER_free(cipher);
    return ok;
}

bool ref_digest(const char *name, const uint8_t *in, size_t len, uint8_t *digest, size_t *digest_len)
{
    return EVP_Q_digest(NULL, name, NULL, in, len, digest, digest_len) == 1;
}
