/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RSA. Index 1 has 2048 bits, index 2 more, which the usual structs cannot hold; for those of 4096 bits see
 * sdf_cases_large.c. The judge is rsa_raw.c.
 */
#include <openssl/rand.h>
#include <stddef.h>
#include <string.h>
#include "tests/clients/rsa_raw.h"
#include "tests/clients/sdf_cases.h"

#define LEN 256u

/* Between the usual struct and bytes. */
static size_t key_bytes(const RSArefPublicKey *key, uint8_t *out)
{
    size_t len = key->bits / 8;
    memcpy(out, key->m + LEN - len, len);
    memcpy(out + len, key->e + LEN - 8, 8);
    return len;
}

static void key_fill(const uint8_t *bytes, RSArefPublicKey *key)
{
    memset(key, 0, sizeof *key);
    key->bits = LEN * 8;
    memcpy(key->m, bytes, LEN);
    memcpy(key->e + LEN - 8, bytes + LEN, 8);
}

static bool same_key(struct sdf_env *env, void *a, void *b)
{
    uint8_t in[16] = "one single block", x[16], y[16];
    unsigned n;
    return CALL(SDR_OK, SDF_Encrypt, env->session, a, SGD_SM4_ECB, NULL, in, 16, x, &n) &&
           CALL(SDR_OK, SDF_Decrypt, env->session, b, SGD_SM4_ECB, NULL, x, 16, y, &n) && memcmp(in, y, 16) == 0;
}

void case_rsa_export(struct sdf_env *env)
{
    struct {
        RSArefPublicKey key;
        uint8_t behind[8];
    } sign, enc;
    void *s = env->session;
    memset(&sign, 0xa5, sizeof sign);
    CALL(SDR_OK, SDF_ExportSignPublicKey_RSA, s, 1, &sign.key);
    CALL(SDR_OK, SDF_ExportEncPublicKey_RSA, s, 1, &enc.key);
    HOLDS(sizeof sign.key == 516 && sign.behind[0] == 0xa5); /* not one byte more */
    HOLDS(sign.key.bits == 2048 && sign.key.m[0] >= 0x80 && sign.key.m[255] & 1);
    HOLDS(sign.key.e[0] == 0 && sign.key.e[253] == 1 && sign.key.e[254] == 0 && sign.key.e[255] == 1);
    HOLDS(memcmp(sign.key.m, enc.key.m, LEN) != 0);
    memset(&sign, 0xa5, sizeof sign);
    CALL(SDR_OUTARGERR, SDF_ExportSignPublicKey_RSA, s, 2, &sign.key); /* it is too long for this struct */
    CALL(SDR_OUTARGERR, SDF_ExportEncPublicKey_RSA, s, 2, &sign.key);
    HOLDS(sign.key.bits == 0xa5a5a5a5);
    CALL(SDR_KEYNOTEXIST, SDF_ExportSignPublicKey_RSA, s, 3, &sign.key);
    CALL(SDR_KEYNOTEXIST, SDF_ExportEncPublicKey_RSA, s, 3, &sign.key);
    CALL(SDR_OUTARGERR, SDF_ExportSignPublicKey_RSA, s, 1, NULL);
    CALL(SDR_OUTARGERR, SDF_ExportEncPublicKey_RSA, s, 1, NULL);
    CALL(SDR_INARGERR, SDF_ExportSignPublicKey_RSA, NULL, 1, &sign.key);
    CALL(SDR_INARGERR, SDF_ExportEncPublicKey_RSA, env->device, 1, &sign.key);
}

void case_rsa_keypair(struct sdf_env *env)
{
    RSArefPublicKey public_key;
    RSArefPrivateKey private_key;
    uint8_t bytes[RSA_RAW_KEY_MAX], in[LEN] = {0, 1, 2}, there[LEN], back[LEN];
    void *s = env->session;
    HOLDS(sizeof private_key == 1412);
    CALL(SDR_OK, SDF_GenerateKeyPair_RSA, s, 2048, &public_key, &private_key);
    HOLDS(private_key.bits == 2048 && memcmp(private_key.m, public_key.m, LEN) == 0);
    HOLDS(key_bytes(&public_key, bytes) == LEN);
    memcpy(bytes + LEN + 8, private_key.d, LEN);
    HOLDS(rsa_raw_private(bytes, LEN, in, there) && rsa_raw_public(bytes, LEN, there, back));
    HOLDS(memcmp(in, back, LEN) == 0);
    CALL(SDR_INARGERR, SDF_GenerateKeyPair_RSA, s, 1024, &public_key, &private_key);
    CALL(SDR_INARGERR, SDF_GenerateKeyPair_RSA, s, 2047, &public_key, &private_key);
    CALL(SDR_OUTARGERR, SDF_GenerateKeyPair_RSA, s, 4096, &public_key, &private_key);
    CALL(SDR_OUTARGERR, SDF_GenerateKeyPair_RSA, s, 2048, NULL, &private_key);
    CALL(SDR_OUTARGERR, SDF_GenerateKeyPair_RSA, s, 2048, &public_key, NULL);
    CALL(SDR_INARGERR, SDF_GenerateKeyPair_RSA, NULL, 2048, &public_key, &private_key);
}

static void random_block(uint8_t block[LEN])
{
    RAND_bytes(block, LEN);
    block[0] &= 0x7f;
}

void case_rsa_raw(struct sdf_env *env)
{
    RSArefPublicKey key, bad;
    uint8_t bytes[RSA_RAW_PUBLIC(LEN)], in[RSA_RAW_MAX], right[LEN], out[LEN + 1];
    unsigned n = 0xdeadbeef;
    void *s = env->session;
    CALL(SDR_OK, SDF_ExportSignPublicKey_RSA, s, 1, &key);
    key_bytes(&key, bytes);
    random_block(in);
    HOLDS(rsa_raw_public(bytes, LEN, in, right));
    CALL(SDR_OK, SDF_ExternalPublicKeyOperation_RSA, s, &key, in, LEN, out, &n);
    HOLDS(n == LEN && memcmp(out, right, LEN) == 0);
    n = 7;
    CALL(SDR_OK, SDF_InternalPublicKeyOperation_RSA, s, 1, in, LEN, out, &n);
    HOLDS(n == LEN && memcmp(out, right, LEN) == 0);
    CALL(SDR_PARDENY, SDF_InternalPrivateKeyOperation_RSA, s, 1, right, LEN, out, &n);
    CALL(SDR_OK, SDF_GetPrivateKeyAccessRight, s, 1, NULL, 0);
    out[LEN] = 0x5a;
    CALL(SDR_OK, SDF_InternalPrivateKeyOperation_RSA, s, 1, right, LEN, out, &n);
    HOLDS(n == LEN && memcmp(out, in, LEN) == 0 && out[LEN] == 0x5a);
    CALL(SDR_OK, SDF_InternalPrivateKeyOperation_RSA, s, 1, right, LEN, right, &n); /* in place */
    HOLDS(memcmp(right, in, LEN) == 0);
    n = 0;
    CALL(SDR_OK, SDF_InternalPrivateKeyOperation_RSA, s, 1, right, LEN, NULL, &n); /* how long? */
    HOLDS(n == LEN);
    CALL(SDR_OK, SDF_ExternalPublicKeyOperation_RSA, s, &key, in, LEN, NULL, &n);
    CALL(SDR_OK, SDF_InternalPublicKeyOperation_RSA, s, 1, in, LEN, NULL, &n);

    memset(in, 0xff, sizeof in); /* not below the modulus */
    CALL(SDR_INARGERR, SDF_InternalPrivateKeyOperation_RSA, s, 1, in, LEN, out, &n);
    CALL(SDR_INARGERR, SDF_InternalPublicKeyOperation_RSA, s, 1, in, LEN, out, &n);
    CALL(SDR_INARGERR, SDF_ExternalPublicKeyOperation_RSA, s, &key, in, LEN, out, &n);
    static const unsigned lengths[] = {0, 1, LEN - 1, LEN + 1, 384, 512, 0xffffffff};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        CALL(SDR_INARGERR, SDF_InternalPrivateKeyOperation_RSA, s, 1, in, lengths[i], out, &n);
        CALL(SDR_INARGERR, SDF_InternalPublicKeyOperation_RSA, s, 1, in, lengths[i], out, &n);
        CALL(SDR_INARGERR, SDF_ExternalPublicKeyOperation_RSA, s, &key, in, lengths[i], out, &n);
    }
    CALL(SDR_INARGERR, SDF_InternalPrivateKeyOperation_RSA, s, 1, NULL, LEN, out, &n);
    CALL(SDR_INARGERR, SDF_InternalPublicKeyOperation_RSA, s, 1, NULL, LEN, out, &n);
    CALL(SDR_INARGERR, SDF_ExternalPublicKeyOperation_RSA, s, &key, NULL, LEN, out, &n);
    CALL(SDR_INARGERR, SDF_ExternalPublicKeyOperation_RSA, s, NULL, in, LEN, out, &n);
    CALL(SDR_OUTARGERR, SDF_InternalPrivateKeyOperation_RSA, s, 1, in, LEN, out, NULL);
    CALL(SDR_OUTARGERR, SDF_InternalPublicKeyOperation_RSA, s, 1, in, LEN, out, NULL);
    CALL(SDR_OUTARGERR, SDF_ExternalPublicKeyOperation_RSA, s, &key, in, LEN, out, NULL);
    CALL(SDR_KEYNOTEXIST, SDF_InternalPublicKeyOperation_RSA, s, 3, in, LEN, out, &n);
    CALL(SDR_KEYNOTEXIST, SDF_InternalPrivateKeyOperation_RSA, s, 3, in, LEN, out, &n);
    CALL(SDR_INARGERR, SDF_InternalPublicKeyOperation_RSA, NULL, 1, in, LEN, out, &n);
    CALL(SDR_INARGERR, SDF_InternalPrivateKeyOperation_RSA, NULL, 1, in, LEN, out, &n);
    CALL(SDR_INARGERR, SDF_ExternalPublicKeyOperation_RSA, NULL, &key, in, LEN, out, &n);
    in[0] = 0;
    for (int i = 0; i < 5; i++) { /* keys that are none */
        bad = key;
        if (i == 0)
            bad.bits = 1024;
        if (i == 1)
            bad.m[0] = 0;
        if (i == 2)
            bad.e[3] = 1; /* a longer exponent than anybody uses */
        if (i == 3)
            bad.m[255] &= 0xfe;
        if (i == 4)
            memset(bad.e, 0, sizeof bad.e);
        CALL(i < 3 ? SDR_INARGERR : SDR_KEYERR, SDF_ExternalPublicKeyOperation_RSA, s, &bad, in, LEN, out, &n);
    }
}

static void isk_refusals(struct sdf_env *env, uint8_t *wrapped)
{
    void *opened, *s = env->session;
    unsigned n;
    uint8_t out[RSA_RAW_MAX];
    RSArefPublicKey key;
    CALL(SDR_OK, SDF_ExportEncPublicKey_RSA, s, 1, &key);
    wrapped[LEN - 1] ^= 1;
    CALL(SDR_ENCDATAERR, SDF_ImportKeyWithISK_RSA, s, 1, wrapped, LEN, &opened);
    CALL(SDR_ENCDATAERR, SDF_ExchangeDigitEnvelopeBaseOnRSA, s, 1, &key, wrapped, LEN, out, &n);
    wrapped[LEN - 1] ^= 1;
    memset(out, 0xff, sizeof out);
    CALL(SDR_ENCDATAERR, SDF_ImportKeyWithISK_RSA, s, 1, out, LEN, &opened);
    CALL(SDR_INARGERR, SDF_ImportKeyWithISK_RSA, s, 1, wrapped, LEN - 1, &opened);
    CALL(SDR_INARGERR, SDF_ImportKeyWithISK_RSA, s, 1, wrapped, 0, &opened);
    CALL(SDR_INARGERR, SDF_ImportKeyWithISK_RSA, s, 1, wrapped, 0xffffffff, &opened);
    CALL(SDR_INARGERR, SDF_ImportKeyWithISK_RSA, s, 1, out, 384, &opened); /* not this key's length */
    CALL(SDR_INARGERR, SDF_ImportKeyWithISK_RSA, s, 1, NULL, LEN, &opened);
    CALL(SDR_OUTARGERR, SDF_ImportKeyWithISK_RSA, s, 1, wrapped, LEN, NULL);
    CALL(SDR_KEYNOTEXIST, SDF_ImportKeyWithISK_RSA, s, 3, wrapped, LEN, &opened);
    CALL(SDR_INARGERR, SDF_ImportKeyWithISK_RSA, NULL, 1, wrapped, LEN, &opened);
    CALL(SDR_INARGERR, SDF_ExchangeDigitEnvelopeBaseOnRSA, s, 1, NULL, wrapped, LEN, out, &n);
    CALL(SDR_INARGERR, SDF_ExchangeDigitEnvelopeBaseOnRSA, s, 1, &key, NULL, LEN, out, &n);
    CALL(SDR_INARGERR, SDF_ExchangeDigitEnvelopeBaseOnRSA, s, 1, &key, wrapped, LEN + 1, out, &n);
    CALL(SDR_OUTARGERR, SDF_ExchangeDigitEnvelopeBaseOnRSA, s, 1, &key, wrapped, LEN, out, NULL);
    CALL(SDR_KEYNOTEXIST, SDF_ExchangeDigitEnvelopeBaseOnRSA, s, 3, &key, wrapped, LEN, out, &n);
    CALL(SDR_INARGERR, SDF_ExchangeDigitEnvelopeBaseOnRSA, NULL, 1, &key, wrapped, LEN, out, &n);
}

void case_rsa_ipk_isk(struct sdf_env *env)
{
    uint8_t host[RSA_RAW_KEY_MAX], wrapped[RSA_RAW_MAX], turned[RSA_RAW_MAX], bytes[RSA_RAW_MAX], plain[32];
    uint8_t card[RSA_RAW_PUBLIC(LEN)], block[16] = {0}, x[16], y[16];
    RSArefPublicKey host_key, card_key;
    void *made, *opened, *s = env->session;
    unsigned n = 0xdeadbeef;
    rsa_test_key(RSA_TEST_HOST, host);
    key_fill(host, &host_key);
    if (!CALL(SDR_OK, SDF_GenerateKeyWithIPK_RSA, s, 1, 128, wrapped, &n, &made) || !HOLDS(n == LEN))
        return;
    CALL(SDR_PARDENY, SDF_ImportKeyWithISK_RSA, s, 1, wrapped, n, &opened);
    CALL(SDR_PARDENY, SDF_ExchangeDigitEnvelopeBaseOnRSA, s, 1, &host_key, wrapped, LEN, turned, &n);
    CALL(SDR_OK, SDF_GetPrivateKeyAccessRight, s, 1, NULL, 0);
    if (CALL(SDR_OK, SDF_ImportKeyWithISK_RSA, s, 1, wrapped, LEN, &opened)) {
        HOLDS(opened != made && same_key(env, made, opened));
        CALL(SDR_OK, SDF_DestroyKey, s, opened);
    }
    CALL(SDR_OK, SDF_ExchangeDigitEnvelopeBaseOnRSA, s, 1, &host_key, wrapped, LEN, turned, &n);
    HOLDS(n == LEN && rsa_raw_unwrap(host, LEN, turned, bytes) == 16);
    CALL(SDR_OK, SDF_Encrypt, s, made, SGD_SM4_ECB, NULL, block, 16, x, &n);
    HOLDS(memcmp(x, block, 16) != 0);
    isk_refusals(env, wrapped);
    for (size_t len = 16; len <= 32; len += 8) { /* made outside, each length; the card tells them apart by itself */
        RAND_bytes(plain, sizeof plain);
        CALL(SDR_OK, SDF_ExportEncPublicKey_RSA, s, 1, &card_key);
        key_bytes(&card_key, card);
        HOLDS(rsa_raw_wrap(card, LEN, plain, len, wrapped));
        CALL(SDR_OK, SDF_ExchangeDigitEnvelopeBaseOnRSA, s, 1, &host_key, wrapped, LEN, turned, &n);
        HOLDS(rsa_raw_unwrap(host, LEN, turned, bytes) == len && memcmp(bytes, plain, len) == 0);
        if (CALL(SDR_OK, SDF_ImportKeyWithISK_RSA, s, 1, wrapped, LEN, &opened)) {
            CALL(SDR_OK, SDF_Encrypt, s, opened, SGD_AES_ECB, NULL, block, 16, y, &n);
            CALL(SDR_OK, SDF_DestroyKey, s, opened);
        }
    }
    HOLDS(rsa_raw_wrap(card, LEN, plain, 20, wrapped)); /* a length that no session key has */
    CALL(SDR_ENCDATAERR, SDF_ImportKeyWithISK_RSA, s, 1, wrapped, LEN, &opened);
    CALL(SDR_INARGERR, SDF_GenerateKeyWithIPK_RSA, s, 1, 129, wrapped, &n, &made);
    CALL(SDR_OUTARGERR, SDF_GenerateKeyWithIPK_RSA, s, 1, 128, NULL, &n, &made);
    CALL(SDR_OUTARGERR, SDF_GenerateKeyWithIPK_RSA, s, 1, 128, wrapped, NULL, &made);
    CALL(SDR_OUTARGERR, SDF_GenerateKeyWithIPK_RSA, s, 1, 128, wrapped, &n, NULL);
    CALL(SDR_KEYNOTEXIST, SDF_GenerateKeyWithIPK_RSA, s, 3, 128, wrapped, &n, &made);
    CALL(SDR_INARGERR, SDF_GenerateKeyWithIPK_RSA, NULL, 1, 128, wrapped, &n, &made);
}

void case_rsa_epk(struct sdf_env *env)
{
    uint8_t host[RSA_RAW_KEY_MAX], wrapped[RSA_RAW_MAX], bytes[RSA_RAW_MAX];
    RSArefPublicKey key, bad;
    void *made, *s = env->session;
    unsigned n;
    rsa_test_key(RSA_TEST_HOST, host);
    key_fill(host, &key);
    for (unsigned bits = 128; bits <= 256; bits += 64) {
        n = 0xdeadbeef;
        CALL(SDR_OK, SDF_GenerateKeyWithEPK_RSA, s, bits, &key, NULL, &n, &made); /* how long? */
        HOLDS(n == LEN);
        CALL(SDR_OK, SDF_GenerateKeyWithEPK_RSA, s, bits, &key, wrapped, &n, &made);
        HOLDS(n == LEN && rsa_raw_unwrap(host, LEN, wrapped, bytes) == bits / 8);
        CALL(SDR_OK, SDF_DestroyKey, s, made);
    }
    CALL(SDR_INARGERR, SDF_GenerateKeyWithEPK_RSA, s, 100, &key, wrapped, &n, &made);
    CALL(SDR_INARGERR, SDF_GenerateKeyWithEPK_RSA, s, 128, NULL, wrapped, &n, &made);
    CALL(SDR_OUTARGERR, SDF_GenerateKeyWithEPK_RSA, s, 128, &key, wrapped, NULL, &made);
    CALL(SDR_OUTARGERR, SDF_GenerateKeyWithEPK_RSA, s, 128, &key, wrapped, &n, NULL);
    CALL(SDR_INARGERR, SDF_GenerateKeyWithEPK_RSA, NULL, 128, &key, wrapped, &n, &made);
    bad = key;
    bad.bits = 0;
    CALL(SDR_INARGERR, SDF_GenerateKeyWithEPK_RSA, s, 128, &bad, wrapped, &n, &made);
    bad = key;
    bad.m[255] &= 0xfe;
    CALL(SDR_KEYERR, SDF_GenerateKeyWithEPK_RSA, s, 128, &bad, wrapped, &n, &made);
}

void case_rsa_code(struct sdf_env *env)
{
    /* one access code and one right for all kinds of key at an index */
    uint8_t block[384] = {0}, out[384], digest[32] = {3};
    unsigned char code[] = "12345678", wrong[] = "12345670";
    ECCSignature signature;
    unsigned n;
    void *s = env->session;
    CALL(SDR_PRKRERR, SDF_GetPrivateKeyAccessRight, s, 2, NULL, 0);
    CALL(SDR_PRKRERR, SDF_GetPrivateKeyAccessRight, s, 2, wrong, 8);
    CALL(SDR_PARDENY, SDF_InternalPrivateKeyOperation_RSA, s, 2, block, 384, out, &n);
    CALL(SDR_OK, SDF_GetPrivateKeyAccessRight, s, 2, code, 8);
    CALL(SDR_OK, SDF_InternalPrivateKeyOperation_RSA, s, 2, block, 384, out, &n);
    HOLDS(n == 384);
    CALL(SDR_OK, SDF_InternalSign_ECC, s, 2, digest, 32, &signature);
    CALL(SDR_OK, SDF_ReleasePrivateKeyAccessRight, s, 2);
    CALL(SDR_PARDENY, SDF_InternalPrivateKeyOperation_RSA, s, 2, block, 384, out, &n);
    /* the same right under vendors' names */
    CALL(SDR_OK, SDF_GetPrivateKeyAccessRight_RSA, s, 2, code, 8);
    CALL(SDR_OK, SDF_InternalSign_ECC, s, 2, digest, 32, &signature);
    CALL(SDR_OK, SDF_ReleasePrivateKeyAccessRight_RSA, s, 2);
    CALL(SDR_OK, SDF_GetSignPrivateKeyAccessRight_ECC, s, 2, code, 8);
    CALL(SDR_OK, SDF_ReleaseSignPrivateKeyAccessRight_ECC, s, 2);
    CALL(SDR_OK, SDF_GetEncPrivateKeyAccessRight_ECC, s, 2, code, 8);
    CALL(SDR_OK, SDF_InternalPrivateKeyOperation_RSA, s, 2, block, 384, out, &n);
    CALL(SDR_OK, SDF_ReleaseEncPrivateKeyAccessRight_ECC, s, 2);
    CALL(SDR_PARDENY, SDF_InternalSign_ECC, s, 2, digest, 32, &signature);
}
