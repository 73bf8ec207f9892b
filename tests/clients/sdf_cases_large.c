/* SPDX-License-Identifier: Apache-2.0 */
/* A program that was built for the RSA structs of 4096 bits, beside others in one process and with one libsdf.so. */
#define SGD_RSA_MAX_BITS 4096
#include <string.h>
#include "tests/clients/rsa_raw.h"
#include "tests/clients/sdf_cases.h"

#define FIELD 512u

/* m and e of a struct, as bytes; the struct is of this file's kind. */
static size_t key_bytes(const RSArefPublicKey *key, uint8_t *out)
{
    size_t len = key->bits / 8;
    memcpy(out, key->m + FIELD - len, len);
    memcpy(out + len, key->e + FIELD - 8, 8);
    return len;
}

static bool zero(const uint8_t *bytes, size_t len)
{
    uint8_t any = 0;
    for (size_t i = 0; i < len; i++)
        any |= bytes[i];
    return any == 0;
}

static void judge(struct sdf_env *env, unsigned index, size_t len)
{
    RSArefPublicKey sign, enc, host_key;
    uint8_t bytes[RSA_RAW_KEY_MAX], in[RSA_RAW_MAX] = {0, 77}, right[RSA_RAW_MAX], out[RSA_RAW_MAX], *s8 = out;
    uint8_t host[RSA_RAW_KEY_MAX];
    void *made, *s = env->session;
    unsigned n;
    memset(&sign, 0xa5, sizeof sign);
    CALL(SDR_OK, SDF_ExportSignPublicKey_RSA_4096, s, index, &sign);
    CALL(SDR_OK, SDF_ExportEncPublicKey_RSA_4096, s, index, &enc);
    if (!HOLDS(sign.bits == len * 8 && enc.bits == len * 8))
        return;
    HOLDS(zero(sign.m, FIELD - len) && zero(sign.e, FIELD - 8));
    key_bytes(&sign, bytes);
    HOLDS(rsa_raw_public(bytes, len, in, right));
    CALL(SDR_OK, SDF_ExternalPublicKeyOperation_RSA, s, &sign, in, (unsigned)len, s8, &n);
    HOLDS(n == len && memcmp(out, right, len) == 0);
    CALL(SDR_OK, SDF_InternalPrivateKeyOperation_RSA, s, index, right, (unsigned)len, s8, &n);
    HOLDS(n == len && memcmp(out, in, len) == 0);
    CALL(SDR_OK, SDF_GenerateKeyWithEPK_RSA, s, 192, &enc, out, &n, &made);
    HOLDS(n == len);
    CALL(SDR_OK, SDF_DestroyKey, s, made);
    rsa_test_key(RSA_TEST_HOST, host); /* a short key in a large struct, and back by way of the card */
    memset(&host_key, 0, sizeof host_key);
    host_key.bits = 2048;
    memcpy(host_key.m + FIELD - 256, host, 256);
    memcpy(host_key.e + FIELD - 8, host + 256, 8);
    CALL(SDR_OK, SDF_ExchangeDigitEnvelopeBaseOnRSA, s, index, &host_key, out, (unsigned)len, right, &n);
    HOLDS(n == 256 && rsa_raw_unwrap(host, 256, right, bytes) == 24);
}

void case_rsa_large(struct sdf_env *env)
{
    RSArefPublicKey key;
    RSArefPrivateKey private_key;
    unsigned char code[] = "12345678";
    uint8_t bytes[RSA_RAW_KEY_MAX], in[256] = {0, 9}, there[256], back[256];
    void *s = env->session;
    HOLDS(sizeof key == 1028 && sizeof private_key == 2820);
    CALL(SDR_OK, SDF_GetPrivateKeyAccessRight, s, 1, NULL, 0);
    CALL(SDR_OK, SDF_GetPrivateKeyAccessRight, s, 2, code, 8);
    judge(env, 1, 256);
    judge(env, 2, 384);
    CALL(SDR_OK, SDF_GenerateKeyPair_RSA_4096, s, 2048, &key, &private_key);
    HOLDS(private_key.bits == 2048 && zero(private_key.d, FIELD - 256) && key_bytes(&key, bytes) == 256);
    memcpy(bytes + 256 + 8, private_key.d + FIELD - 256, 256);
    HOLDS(rsa_raw_private(bytes, 256, in, there) && rsa_raw_public(bytes, 256, there, back));
    HOLDS(memcmp(in, back, 256) == 0);
    CALL(SDR_INARGERR, SDF_GenerateKeyPair_RSA_4096, s, 8192, &key, &private_key);
    CALL(SDR_OUTARGERR, SDF_GenerateKeyPair_RSA_4096, s, 4096, &key, NULL);
    CALL(SDR_OUTARGERR, SDF_ExportSignPublicKey_RSA_4096, s, 1, NULL);
    CALL(SDR_OUTARGERR, SDF_ExportEncPublicKey_RSA_4096, s, 1, NULL);
    key.m[0] = 1; /* something above a short modulus */
    CALL(SDR_INARGERR, SDF_ExternalPublicKeyOperation_RSA, s, &key, in, 256, back, &(unsigned){0});
}
