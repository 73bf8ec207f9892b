/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that stand in the virtual card and are used, or replaced, in ways that an operator must allow. */
#include <string.h>
#include "tests/clients/sdf_cases.h"
#include "tests/clients/sm2_raw.h"

/* What is encrypted under one is decrypted under the other, by each mode that chains. */
static void same_kek(struct sdf_env *env, void *a, void *b)
{
    static const unsigned algs[] = {SGD_SM4_ECB, SGD_SM4_CBC, SGD_SM4_CTR, SGD_AES_CBC};
    uint8_t text[48] = "what stands under a key encryption key", out[48], iv[16], mac[2][32];
    unsigned n;
    void *s = env->session;
    for (size_t i = 0; i < sizeof algs / sizeof *algs; i++) {
        memset(iv, (int)i, sizeof iv);
        CALL(SDR_OK, SDF_Encrypt, s, a, algs[i], iv, text, 48, out, &n);
        HOLDS(memcmp(text, out, 48) != 0);
        memset(iv, (int)i, sizeof iv);
        CALL(SDR_OK, SDF_Decrypt, s, b, algs[i], iv, out, 48, out, &n);
        HOLDS(n == 48 && memcmp(text, out, 48) == 0);
    }
    for (int i = 0; i < 2; i++) {
        memset(iv, 9, sizeof iv);
        CALL(SDR_OK, SDF_CalculateMAC, s, i ? b : a, SGD_SM4_MAC, iv, text, 48, mac[i], &n);
    }
    HOLDS(n == 16 && memcmp(mac[0], mac[1], 16) == 0);
}

/* The handle is the KEK's: it opens what the KEK has wrapped, and what it encrypts the KEK takes in. */
static void is_the_kek(struct sdf_env *env, void *kek, unsigned index)
{
    uint8_t wrapped[32], bytes[32], text[16] = "sixteen in clear", out[16], again[16];
    unsigned n;
    void *made, *s = env->session;
    CALL(SDR_OK, SDF_GenerateKeyWithKEK, s, 128, SGD_SM4_ECB, index, wrapped, &n, &made);
    CALL(SDR_OK, SDF_Encrypt, s, made, SGD_SM4_ECB, NULL, text, 16, out, &n);
    CALL(SDR_OK, SDF_DestroyKey, s, made);
    CALL(SDR_OK, SDF_Decrypt, s, kek, SGD_SM4_ECB, NULL, wrapped, 16, bytes, &n);
    if (CALL(SDR_OK, SDF_ImportKey, s, bytes, 16, &made)) {
        CALL(SDR_OK, SDF_Encrypt, s, made, SGD_SM4_ECB, NULL, text, 16, again, &n);
        HOLDS(memcmp(out, again, 16) == 0);
        CALL(SDR_OK, SDF_DestroyKey, s, made);
    }
    memset(bytes, 7, 16);
    CALL(SDR_OK, SDF_Encrypt, s, kek, SGD_SM4_ECB, NULL, bytes, 16, wrapped, &n);
    if (CALL(SDR_OK, SDF_ImportKeyWithKEK, s, SGD_SM4_ECB, index, wrapped, 16, &made)) {
        void *clear;
        CALL(SDR_OK, SDF_ImportKey, s, bytes, 16, &clear);
        same_kek(env, made, clear);
        CALL(SDR_OK, SDF_DestroyKey, s, clear);
        CALL(SDR_OK, SDF_DestroyKey, s, made);
    }
}

/* A KEK does not leave the card under another key, as a session key may. */
static void stays_inside(struct sdf_env *env, void *kek)
{
    uint8_t d[32], point[64], wrapped[256];
    union sdf_cipher cipher;
    ECCrefPublicKey to;
    RSArefPublicKey rsa;
    unsigned n;
    void *s = env->session;
    HOLDS(sm2_raw_generate(d, point));
    sdf_point(point, &to);
    CALL(SDR_KEYTYPEERR, SDF_ExportKeyWithEPK_ECC, s, kek, SGD_SM2_3, &to, &cipher.c);
    CALL(SDR_OK, SDF_ExportEncPublicKey_RSA, s, 1, &rsa);
    CALL(SDR_KEYTYPEERR, SDF_ExportKeyWithEPK_RSA, s, kek, &rsa, wrapped, &n);
    CALL(SDR_KEYTYPEERR, SDF_ExportKeyWithKEK, s, kek, SGD_SM4_ECB, 1, wrapped, &n);
}

void case_kek_handle(struct sdf_env *env)
{
    uint8_t block[16] = {1}, code[] = "12345678", wrapped[32];
    unsigned n;
    void *first, *second, *made, *other, *s = env->session;
    if (!CALL(SDR_OK, SDF_GetSymmKeyHandle, s, 1, &first) || !CALL(SDR_OK, SDF_GetSymmKeyHandle, s, 1, &second))
        return;
    HOLDS(first && first != second);
    same_kek(env, first, second);
    is_the_kek(env, first, 1);
    stays_inside(env, first);
    CALL(SDR_OK, SDF_DestroyKey, s, first); /* the handle alone */
    CALL(SDR_INARGERR, SDF_Encrypt, s, first, SGD_SM4_ECB, NULL, block, 16, block, &n);
    CALL(SDR_INARGERR, SDF_DestroyKey, s, first);
    is_the_kek(env, second, 1);
    CALL(SDR_OK, SDF_DestroyKey, s, second);
    CALL(SDR_OK, SDF_GenerateKeyWithKEK, s, 128, SGD_SM4_ECB, 1, wrapped, &n, &made);
    if (CALL(SDR_OK, SDF_GetSymmKeyHandle, s, 1, &first))
        is_the_kek(env, first, 1);

    CALL(SDR_PARDENY, SDF_GetSymmKeyHandle, s, 2, &second);
    CALL(SDR_OK, SDF_GetPrivateKeyAccessRight, s, 2, code, 8); /* not this one */
    CALL(SDR_PARDENY, SDF_GetSymmKeyHandle, s, 2, &second);
    CALL(SDR_OK, SDF_GetKEKAccessRight, s, 2, code, 8);
    if (CALL(SDR_OK, SDF_GetSymmKeyHandle, s, 2, &second))
        is_the_kek(env, second, 2);
    CALL(SDR_OK, SDF_ReleaseKEKAccessRight, s, 2);
    CALL(SDR_PARDENY, SDF_GetSymmKeyHandle, s, 2, &made);
    CALL(SDR_OK, SDF_Encrypt, s, second, SGD_SM4_ECB, NULL, block, 16, block, &n); /* as a session key of it would */

    CALL(SDR_KEYNOTEXIST, SDF_GetSymmKeyHandle, s, 3, &made);
    CALL(SDR_KEYNOTEXIST, SDF_GetSymmKeyHandle, s, 0, &made);
    CALL(SDR_KEYNOTEXIST, SDF_GetSymmKeyHandle, s, 0xffffffff, &made);
    CALL(SDR_OUTARGERR, SDF_GetSymmKeyHandle, s, 1, NULL);
    CALL(SDR_INARGERR, SDF_GetSymmKeyHandle, NULL, 1, &made);
    if (CALL(SDR_OK, SDF_OpenSession, env->device, &other)) { /* one session's, as any handle */
        CALL(SDR_INARGERR, SDF_Encrypt, other, first, SGD_SM4_ECB, NULL, block, 16, block, &n);
        CALL(SDR_OK, SDF_GetSymmKeyHandle, other, 1, &made);
        CALL(SDR_OK, SDF_CloseSession, other);
    }
    is_the_kek(env, first, 1); /* that session had handles of its own */
}
