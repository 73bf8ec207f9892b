/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of sdf_wrong.h: what 2023 added to symmetric operations, and keys in clear. */
#include <string.h>
#include "tests/clients/sdf_wrong.h"

#define BAD_ALG 0x00dead00u

static uint8_t iv[16], in[48], out[64], tag[16];
static unsigned n, t;

static void wrong_encrypt(struct sdf_env *env, void *key)
{
    void *s = env->session;
    WRONG_SESSION(SDF_EncryptInit, key, SGD_SM4_CBC, iv, 16);
    WRONG_KEY(hKeyHandle, SDF_EncryptInit, SGD_SM4_CBC, iv, 16);
    WRONG(uiAlgID, unknown, SDR_ALGNOTSUPPORT, SDF_EncryptInit, s, key, BAD_ALG, iv, 16);
    WRONG(pucIV, null, SDR_INARGERR, SDF_EncryptInit, s, key, SGD_SM4_CBC, NULL, 16);
    WRONG(uiIVLength, zero, SDR_INARGERR, SDF_EncryptInit, s, key, SGD_SM4_CBC, iv, 0);
    WRONG(hSessionHandle, order, SDR_STEPERR, SDF_EncryptUpdate, s, in, 32, out, &n);
    WRONG(hSessionHandle, order, SDR_STEPERR, SDF_EncryptFinal, s, out, &n);
    HOLDS(SDF_EncryptInit(s, key, SGD_SM4_CBC, iv, 16) == SDR_OK);
    WRONG_SESSION(SDF_EncryptUpdate, in, 32, out, &n);
    WRONG(pucData, null, SDR_INARGERR, SDF_EncryptUpdate, s, NULL, 32, out, &n);
    WRONG(uiDataLength, zero, SDR_OK, SDF_EncryptUpdate, s, in, 0, out, &n);
    WRONG(pucEncData, null, SDR_OK, SDF_EncryptUpdate, s, in, 32, NULL, &n); /* how long? */
    HOLDS(n == 32);
    WRONG(puiEncDataLength, null, SDR_OUTARGERR, SDF_EncryptUpdate, s, in, 32, out, NULL);
    WRONG_SESSION(SDF_EncryptFinal, out, &n);
    WRONG(puiLastEncDataLength, null, SDR_OUTARGERR, SDF_EncryptFinal, s, out, NULL);
    HOLDS(SDF_EncryptUpdate(s, in, 5, out, &n) == SDR_OK);
    WRONG(puiLastEncDataLength, unaligned, SDR_INARGERR, SDF_EncryptFinal, s, out, &n);
    HOLDS(SDF_EncryptUpdate(s, in, 11, out, &n) == SDR_OK);
    WRONG(pucLastEncData, null, SDR_OK, SDF_EncryptFinal, s, NULL, &n); /* how long? it goes on */
    HOLDS(n == 0 && SDF_EncryptFinal(s, out, &n) == SDR_OK);
}

static void wrong_decrypt(struct sdf_env *env, void *key)
{
    void *s = env->session;
    WRONG_SESSION(SDF_DecryptInit, key, SGD_SM4_CTR, iv, 16);
    WRONG_KEY(hKeyHandle, SDF_DecryptInit, SGD_SM4_CTR, iv, 16);
    WRONG(uiAlgID, unknown, SDR_ALGNOTSUPPORT, SDF_DecryptInit, s, key, BAD_ALG, iv, 16);
    WRONG(pucIV, null, SDR_INARGERR, SDF_DecryptInit, s, key, SGD_SM4_CTR, NULL, 16);
    WRONG(uiIVLength, zero, SDR_INARGERR, SDF_DecryptInit, s, key, SGD_SM4_CTR, iv, 0);
    WRONG(hSessionHandle, order, SDR_STEPERR, SDF_DecryptUpdate, s, in, 32, out, &n);
    WRONG(hSessionHandle, order, SDR_STEPERR, SDF_DecryptFinal, s, out, &n);
    HOLDS(SDF_DecryptInit(s, key, SGD_SM4_CTR, iv, 16) == SDR_OK);
    WRONG_SESSION(SDF_DecryptUpdate, in, 32, out, &n);
    WRONG(pucEncData, null, SDR_INARGERR, SDF_DecryptUpdate, s, NULL, 32, out, &n);
    WRONG(uiEncDataLength, zero, SDR_OK, SDF_DecryptUpdate, s, in, 0, out, &n);
    WRONG(pucData, null, SDR_OK, SDF_DecryptUpdate, s, in, 32, NULL, &n);
    WRONG(puiDataLength, null, SDR_OUTARGERR, SDF_DecryptUpdate, s, in, 32, out, NULL);
    HOLDS(SDF_DecryptUpdate(s, in, 5, out, &n) == SDR_OK && n == 0);
    WRONG_SESSION(SDF_DecryptFinal, out, &n);
    WRONG(puiLastDataLength, null, SDR_OUTARGERR, SDF_DecryptFinal, s, out, NULL);
    WRONG(pucLastData, null, SDR_OK, SDF_DecryptFinal, s, NULL, &n); /* how long? it goes on */
    HOLDS(n == 5 && SDF_DecryptFinal(s, out, &n) == SDR_OK);
}

static void wrong_mac(struct sdf_env *env, void *key)
{
    void *s = env->session;
    WRONG_SESSION(SDF_CalculateMACInit, key, SGD_SM4_MAC, iv, 16);
    WRONG_KEY(hKeyHandle, SDF_CalculateMACInit, SGD_SM4_MAC, iv, 16);
    WRONG(uiAlgID, unknown, SDR_ALGNOTSUPPORT, SDF_CalculateMACInit, s, key, BAD_ALG, iv, 16);
    WRONG(pucIV, null, SDR_INARGERR, SDF_CalculateMACInit, s, key, SGD_SM4_MAC, NULL, 16);
    WRONG(uiIVLength, zero, SDR_INARGERR, SDF_CalculateMACInit, s, key, SGD_SM4_MAC, iv, 0);
    WRONG(hSessionHandle, order, SDR_STEPERR, SDF_CalculateMACUpdate, s, in, 16);
    WRONG(hSessionHandle, order, SDR_STEPERR, SDF_CalculateMACFinal, s, out, &n);
    HOLDS(SDF_CalculateMACInit(s, key, SGD_SM4_MAC, iv, 16) == SDR_OK);
    WRONG_SESSION(SDF_CalculateMACUpdate, in, 16);
    WRONG(pucData, null, SDR_INARGERR, SDF_CalculateMACUpdate, s, NULL, 16);
    WRONG(uiDataLength, zero, SDR_OK, SDF_CalculateMACUpdate, s, in, 0);
    WRONG(puiMacLength, unaligned, SDR_INARGERR, SDF_CalculateMACFinal, s, out, &n);
    HOLDS(SDF_CalculateMACUpdate(s, in, 16) == SDR_OK);
    WRONG_SESSION(SDF_CalculateMACFinal, out, &n);
    WRONG(puiMacLength, null, SDR_OUTARGERR, SDF_CalculateMACFinal, s, out, NULL);
    WRONG(pucMac, null, SDR_OK, SDF_CalculateMACFinal, s, NULL, &n);
    HOLDS(n == 16 && SDF_CalculateMACFinal(s, out, &n) == SDR_OK);

    WRONG_SESSION(SDF_HMACInit, key, SGD_SM3);
    WRONG_KEY(hKeyHandle, SDF_HMACInit, SGD_SM3);
    WRONG(uiAlgID, unknown, SDR_ALGNOTSUPPORT, SDF_HMACInit, s, key, BAD_ALG);
    WRONG(hSessionHandle, order, SDR_STEPERR, SDF_HMACUpdate, s, in, 16);
    WRONG(hSessionHandle, order, SDR_STEPERR, SDF_HMACFinal, s, out, &n);
    HOLDS(SDF_HMACInit(s, key, SGD_SM3) == SDR_OK);
    WRONG_SESSION(SDF_HMACUpdate, in, 16);
    WRONG(pucData, null, SDR_INARGERR, SDF_HMACUpdate, s, NULL, 16);
    WRONG(uiDataLength, zero, SDR_OK, SDF_HMACUpdate, s, in, 0);
    WRONG_SESSION(SDF_HMACFinal, out, &n);
    WRONG(puiHMacLength, null, SDR_OUTARGERR, SDF_HMACFinal, s, out, NULL);
    WRONG(pucHMac, null, SDR_OK, SDF_HMACFinal, s, NULL, &n);
    HOLDS(n == 32 && SDF_HMACFinal(s, out, &n) == SDR_OK);
}

void case_wrong_multi(struct sdf_env *env)
{
    uint8_t bytes[32];
    void *s = env->session, *made, *key = sdf_known_key(env, 128, bytes);
    wrong_encrypt(env, key);
    wrong_decrypt(env, key);
    wrong_mac(env, key);
    WRONG_SESSION(SDF_ImportKey, bytes, 16, &made);
    WRONG(pucKey, null, SDR_INARGERR, SDF_ImportKey, s, NULL, 16, &made);
    WRONG(uiKeyLength, zero, SDR_INARGERR, SDF_ImportKey, s, bytes, 0, &made);
    WRONG(uiKeyLength, long, SDR_INARGERR, SDF_ImportKey, s, bytes, 257, &made);
    WRONG(phKeyHandle, null, SDR_OUTARGERR, SDF_ImportKey, s, bytes, 16, NULL);
}

static void wrong_auth_one(struct sdf_env *env, void *key)
{
    void *s = env->session;
    WRONG_SESSION(SDF_AuthEnc, key, SGD_SM4_GCM, iv, 12, in, 5, in, 20, out, &n, tag, &t);
    WRONG_KEY(hKeyHandle, SDF_AuthEnc, SGD_SM4_GCM, iv, 12, in, 5, in, 20, out, &n, tag, &t);
    WRONG(uiAlgID, unknown, SDR_ALGNOTSUPPORT, SDF_AuthEnc, s, key, BAD_ALG, iv, 12, in, 5, in, 20, out, &n, tag, &t);
    WRONG(pucStartVar, null, SDR_INARGERR, SDF_AuthEnc, s, key, SGD_SM4_GCM, NULL, 12, in, 5, in, 20, out, &n, tag, &t);
    WRONG(uiStartVarLength, zero, SDR_INARGERR, SDF_AuthEnc, s, key, SGD_SM4_GCM, iv, 0, in, 5, in, 20, out, &n, tag,
          &t);
    WRONG(pucAad, null, SDR_INARGERR, SDF_AuthEnc, s, key, SGD_SM4_GCM, iv, 12, NULL, 5, in, 20, out, &n, tag, &t);
    WRONG(uiAadLength, zero, SDR_OK, SDF_AuthEnc, s, key, SGD_SM4_GCM, iv, 12, in, 0, in, 20, out, &n, tag, &t);
    WRONG(pucData, null, SDR_INARGERR, SDF_AuthEnc, s, key, SGD_SM4_GCM, iv, 12, in, 5, NULL, 20, out, &n, tag, &t);
    WRONG(uiDataLength, zero, SDR_OK, SDF_AuthEnc, s, key, SGD_SM4_GCM, iv, 12, in, 5, in, 0, out, &n, tag, &t);
    WRONG(pucEncData, null, SDR_OUTARGERR, SDF_AuthEnc, s, key, SGD_SM4_GCM, iv, 12, in, 5, in, 20, NULL, &n, tag, &t);
    WRONG(puiEncDataLength, null, SDR_OUTARGERR, SDF_AuthEnc, s, key, SGD_SM4_GCM, iv, 12, in, 5, in, 20, out, NULL,
          tag, &t);
    WRONG(pucAuthData, null, SDR_OUTARGERR, SDF_AuthEnc, s, key, SGD_SM4_GCM, iv, 12, in, 5, in, 20, out, &n, NULL, &t);
    WRONG(puiAuthDataLength, null, SDR_OUTARGERR, SDF_AuthEnc, s, key, SGD_SM4_GCM, iv, 12, in, 5, in, 20, out, &n, tag,
          NULL);
    HOLDS(SDF_AuthEnc(s, key, SGD_SM4_GCM, iv, 12, in, 5, in, 20, out, &n, tag, &t) == SDR_OK);

    WRONG_SESSION(SDF_AuthDec, key, SGD_SM4_GCM, iv, 12, in, 5, tag, &t, out, 20, out, &n);
    WRONG_KEY(hKeyHandle, SDF_AuthDec, SGD_SM4_GCM, iv, 12, in, 5, tag, &t, out, 20, out, &n);
    WRONG(uiAlgID, unknown, SDR_ALGNOTSUPPORT, SDF_AuthDec, s, key, BAD_ALG, iv, 12, in, 5, tag, &t, out, 20, out, &n);
    WRONG(pucStartVar, null, SDR_INARGERR, SDF_AuthDec, s, key, SGD_SM4_GCM, NULL, 12, in, 5, tag, &t, out, 20, out,
          &n);
    WRONG(uiStartVarLength, zero, SDR_INARGERR, SDF_AuthDec, s, key, SGD_SM4_GCM, iv, 0, in, 5, tag, &t, out, 20, out,
          &n);
    WRONG(pucAad, null, SDR_INARGERR, SDF_AuthDec, s, key, SGD_SM4_GCM, iv, 12, NULL, 5, tag, &t, out, 20, out, &n);
    WRONG(uiAadLength, zero, SDR_MACERR, SDF_AuthDec, s, key, SGD_SM4_GCM, iv, 12, in, 0, tag, &t, out, 20, out, &n);
    WRONG(pucAuthData, null, SDR_INARGERR, SDF_AuthDec, s, key, SGD_SM4_GCM, iv, 12, in, 5, NULL, &t, out, 20, out, &n);
    WRONG(uiAuthDataLength, null, SDR_INARGERR, SDF_AuthDec, s, key, SGD_SM4_GCM, iv, 12, in, 5, tag, NULL, out, 20,
          out, &n);
    WRONG(pucEncData, null, SDR_INARGERR, SDF_AuthDec, s, key, SGD_SM4_GCM, iv, 12, in, 5, tag, &t, NULL, 20, out, &n);
    WRONG(uiEncDataLength, zero, SDR_MACERR, SDF_AuthDec, s, key, SGD_SM4_GCM, iv, 12, in, 5, tag, &t, out, 0, out, &n);
    WRONG(pucData, null, SDR_OK, SDF_AuthDec, s, key, SGD_SM4_GCM, iv, 12, in, 5, tag, &t, out, 20, NULL, &n);
    WRONG(puiDataLength, null, SDR_OUTARGERR, SDF_AuthDec, s, key, SGD_SM4_GCM, iv, 12, in, 5, tag, &t, out, 20, out,
          NULL);
}

static void wrong_auth_enc(struct sdf_env *env, void *key)
{
    void *s = env->session;
    WRONG_SESSION(SDF_AuthEncInit, key, SGD_SM4_CCM, iv, 12, in, 5, 20);
    WRONG_KEY(hKeyHandle, SDF_AuthEncInit, SGD_SM4_CCM, iv, 12, in, 5, 20);
    WRONG(uiAlgID, unknown, SDR_ALGNOTSUPPORT, SDF_AuthEncInit, s, key, BAD_ALG, iv, 12, in, 5, 20);
    WRONG(pucStartVar, null, SDR_INARGERR, SDF_AuthEncInit, s, key, SGD_SM4_CCM, NULL, 12, in, 5, 20);
    WRONG(uiStartVarLength, zero, SDR_INARGERR, SDF_AuthEncInit, s, key, SGD_SM4_CCM, iv, 0, in, 5, 20);
    WRONG(pucAad, null, SDR_INARGERR, SDF_AuthEncInit, s, key, SGD_SM4_CCM, iv, 12, NULL, 5, 20);
    WRONG(hSessionHandle, order, SDR_STEPERR, SDF_AuthEncUpdate, s, in, 20, out, &n);
    WRONG(hSessionHandle, order, SDR_STEPERR, SDF_AuthEncFinal, s, out, &n, tag, &t);
    WRONG(uiDataLength, zero, SDR_OK, SDF_AuthEncInit, s, key, SGD_SM4_CCM, iv, 12, in, 5, 0);
    WRONG(uiAadLength, zero, SDR_OK, SDF_AuthEncInit, s, key, SGD_SM4_CCM, iv, 12, in, 0, 20);
    WRONG_SESSION(SDF_AuthEncUpdate, in, 20, out, &n);
    WRONG(pucData, null, SDR_INARGERR, SDF_AuthEncUpdate, s, NULL, 20, out, &n);
    WRONG(uiDataLength, zero, SDR_OK, SDF_AuthEncUpdate, s, in, 0, out, &n);
    WRONG(uiDataLength, long, SDR_INARGERR, SDF_AuthEncUpdate, s, in, 21, out, &n);
    WRONG(pucEncData, null, SDR_OK, SDF_AuthEncUpdate, s, in, 20, NULL, &n);
    WRONG(puiEncDataLength, null, SDR_OUTARGERR, SDF_AuthEncUpdate, s, in, 20, out, NULL);
    HOLDS(SDF_AuthEncUpdate(s, in, 20, out, &n) == SDR_OK);
    WRONG_SESSION(SDF_AuthEncFinal, out, &n, tag, &t);
    WRONG(puiAuthDataLength, null, SDR_OUTARGERR, SDF_AuthEncFinal, s, out, &n, tag, NULL);
    WRONG(pucAuthData, null, SDR_OK, SDF_AuthEncFinal, s, out, &n, NULL, &t);    /* how long? it goes on */
    WRONG(pucLastEncData, null, SDR_OK, SDF_AuthEncFinal, s, NULL, &n, tag, &t); /* there is nothing */
    HOLDS(SDF_AuthEncInit(s, key, SGD_SM4_CCM, iv, 12, in, 5, 0) == SDR_OK);
    WRONG(puiLastEncDataLength, null, SDR_OK, SDF_AuthEncFinal, s, out, NULL, tag, &t);
}

static void wrong_auth_dec(struct sdf_env *env, void *key)
{
    void *s = env->session;
    HOLDS(SDF_AuthEnc(s, key, SGD_SM4_GCM, iv, 12, NULL, 0, in, 20, out, &n, tag, &t) == SDR_OK);
    WRONG_SESSION(SDF_AuthDecInit, key, SGD_SM4_GCM, iv, 12, in, 5, tag, 16, 20);
    WRONG_KEY(hKeyHandle, SDF_AuthDecInit, SGD_SM4_GCM, iv, 12, in, 5, tag, 16, 20);
    WRONG(uiAlgID, unknown, SDR_ALGNOTSUPPORT, SDF_AuthDecInit, s, key, BAD_ALG, iv, 12, in, 5, tag, 16, 20);
    WRONG(pucStartVar, null, SDR_INARGERR, SDF_AuthDecInit, s, key, SGD_SM4_GCM, NULL, 12, in, 5, tag, 16, 20);
    WRONG(uiStartVarLength, zero, SDR_INARGERR, SDF_AuthDecInit, s, key, SGD_SM4_GCM, iv, 0, in, 5, tag, 16, 20);
    WRONG(pucAad, null, SDR_INARGERR, SDF_AuthDecInit, s, key, SGD_SM4_GCM, iv, 12, NULL, 5, tag, 16, 20);
    WRONG(pucAuthData, null, SDR_INARGERR, SDF_AuthDecInit, s, key, SGD_SM4_GCM, iv, 12, in, 5, NULL, 16, 20);
    WRONG(uiAuthDataLength, zero, SDR_INARGERR, SDF_AuthDecInit, s, key, SGD_SM4_GCM, iv, 12, in, 5, tag, 0, 20);
    WRONG(hSessionHandle, order, SDR_STEPERR, SDF_AuthDecUpdate, s, out, 20, in, &n);
    WRONG(hSessionHandle, order, SDR_STEPERR, SDF_AuthDecFinal, s, in, &n);
    WRONG(uiDataLength, zero, SDR_OK, SDF_AuthDecInit, s, key, SGD_SM4_GCM, iv, 12, NULL, 0, tag, 16, 0);
    HOLDS(SDF_AuthDecUpdate(s, out, 20, NULL, &n) == SDR_OK && n == 0);
    WRONG_SESSION(SDF_AuthDecFinal, in, &n);
    WRONG(puiLastDataLength, null, SDR_OUTARGERR, SDF_AuthDecFinal, s, in, NULL);
    WRONG(pucLastData, null, SDR_OK, SDF_AuthDecFinal, s, NULL, &n); /* how long? it goes on */
    n = 19;
    WRONG(puiLastDataLength, value, SDR_NOBUFFER, SDF_AuthDecFinal, s, in, &n);
    HOLDS(n == 20 && SDF_AuthDecFinal(s, in, &n) == SDR_OK);
    WRONG(uiAadLength, zero, SDR_OK, SDF_AuthDecInit, s, key, SGD_SM4_GCM, iv, 12, in, 0, tag, 16, 20);
    WRONG_SESSION(SDF_AuthDecUpdate, out, 20, in, &n);
    WRONG(pucEncData, null, SDR_INARGERR, SDF_AuthDecUpdate, s, NULL, 20, in, &n);
    WRONG(uiEncDataLength, zero, SDR_OK, SDF_AuthDecUpdate, s, out, 0, in, &n);
    WRONG(uiEncDataLength, long, SDR_INARGERR, SDF_AuthDecUpdate, s, out, 21, in, &n);
    WRONG(pucData, null, SDR_OK, SDF_AuthDecUpdate, s, out, 20, NULL, &n);
    WRONG(puiDataLength, null, SDR_OUTARGERR, SDF_AuthDecUpdate, s, out, 20, in, NULL);
    HOLDS(n == 20 && SDF_AuthDecUpdate(s, out, 20, in, &n) == SDR_OK && n == 20);
}

void case_wrong_auth(struct sdf_env *env)
{
    uint8_t bytes[32];
    void *key = sdf_known_key(env, 128, bytes);
    wrong_auth_one(env, key);
    wrong_auth_enc(env, key);
    wrong_auth_dec(env, key);
}

void case_wrong_debug(struct sdf_env *env)
{
    uint8_t key[16] = {1};
    void *s = env->session;
    uint32_t ok = (uint32_t)SDF_ExternalKeyEncrypt(s, SGD_SM4_CBC, key, 16, iv, 16, in, 32, out, &n);
    HOLDS(ok == SDR_OK || ok == SDR_NOTSUPPORT); /* as the operator wants it */
    WRONG_SESSION(SDF_ExternalKeyEncrypt, SGD_SM4_CBC, key, 16, iv, 16, in, 32, out, &n);
    WRONG(uiAlgID, unknown, SDR_ALGNOTSUPPORT, SDF_ExternalKeyEncrypt, s, BAD_ALG, key, 16, iv, 16, in, 32, out, &n);
    WRONG(pucKey, null, SDR_INARGERR, SDF_ExternalKeyEncrypt, s, SGD_SM4_CBC, NULL, 16, iv, 16, in, 32, out, &n);
    WRONG(uiKeyLength, zero, SDR_INARGERR, SDF_ExternalKeyEncrypt, s, SGD_SM4_CBC, key, 0, iv, 16, in, 32, out, &n);
    WRONG(pucIV, null, SDR_INARGERR, SDF_ExternalKeyEncrypt, s, SGD_SM4_CBC, key, 16, NULL, 16, in, 32, out, &n);
    WRONG(uiIVLength, zero, SDR_INARGERR, SDF_ExternalKeyEncrypt, s, SGD_SM4_CBC, key, 16, iv, 0, in, 32, out, &n);
    WRONG(pucData, null, SDR_INARGERR, SDF_ExternalKeyEncrypt, s, SGD_SM4_CBC, key, 16, iv, 16, NULL, 32, out, &n);
    WRONG(uiDataLength, zero, ok, SDF_ExternalKeyEncrypt, s, SGD_SM4_CBC, key, 16, iv, 16, in, 0, out, &n);
    WRONG(uiDataLength, unaligned, SDR_INARGERR, SDF_ExternalKeyEncrypt, s, SGD_SM4_CBC, key, 16, iv, 16, in, 33, out,
          &n);
    WRONG(pucEncData, null, ok, SDF_ExternalKeyEncrypt, s, SGD_SM4_CBC, key, 16, iv, 16, in, 32, NULL, &n);
    WRONG(puiEncDataLength, null, SDR_OUTARGERR, SDF_ExternalKeyEncrypt, s, SGD_SM4_CBC, key, 16, iv, 16, in, 32, out,
          NULL);

    WRONG_SESSION(SDF_ExternalKeyDecrypt, SGD_SM4_CBC, key, 16, iv, 16, in, 32, out, &n);
    WRONG(uiAlgID, unknown, SDR_ALGNOTSUPPORT, SDF_ExternalKeyDecrypt, s, BAD_ALG, key, 16, iv, 16, in, 32, out, &n);
    WRONG(pucKey, null, SDR_INARGERR, SDF_ExternalKeyDecrypt, s, SGD_SM4_CBC, NULL, 16, iv, 16, in, 32, out, &n);
    WRONG(uiKeyLength, zero, SDR_INARGERR, SDF_ExternalKeyDecrypt, s, SGD_SM4_CBC, key, 0, iv, 16, in, 32, out, &n);
    WRONG(pucIV, null, SDR_INARGERR, SDF_ExternalKeyDecrypt, s, SGD_SM4_CBC, key, 16, NULL, 16, in, 32, out, &n);
    WRONG(uiIVLength, zero, SDR_INARGERR, SDF_ExternalKeyDecrypt, s, SGD_SM4_CBC, key, 16, iv, 0, in, 32, out, &n);
    WRONG(pucEncData, null, SDR_INARGERR, SDF_ExternalKeyDecrypt, s, SGD_SM4_CBC, key, 16, iv, 16, NULL, 32, out, &n);
    WRONG(uiEncDataLength, zero, ok, SDF_ExternalKeyDecrypt, s, SGD_SM4_CBC, key, 16, iv, 16, in, 0, out, &n);
    WRONG(pucData, null, ok, SDF_ExternalKeyDecrypt, s, SGD_SM4_CBC, key, 16, iv, 16, in, 32, NULL, &n);
    WRONG(puiDataLength, null, SDR_OUTARGERR, SDF_ExternalKeyDecrypt, s, SGD_SM4_CBC, key, 16, iv, 16, in, 32, out,
          NULL);

    WRONG_SESSION(SDF_ExternalKeyEncryptInit, SGD_SM4_CBC, key, 16, iv, 16);
    WRONG(uiAlgID, unknown, SDR_ALGNOTSUPPORT, SDF_ExternalKeyEncryptInit, s, BAD_ALG, key, 16, iv, 16);
    WRONG(pucKey, null, SDR_INARGERR, SDF_ExternalKeyEncryptInit, s, SGD_SM4_CBC, NULL, 16, iv, 16);
    WRONG(uiKeyLength, zero, SDR_INARGERR, SDF_ExternalKeyEncryptInit, s, SGD_SM4_CBC, key, 0, iv, 16);
    WRONG(pucIV, null, SDR_INARGERR, SDF_ExternalKeyEncryptInit, s, SGD_SM4_CBC, key, 16, NULL, 16);
    WRONG(uiIVLength, zero, SDR_INARGERR, SDF_ExternalKeyEncryptInit, s, SGD_SM4_CBC, key, 16, iv, 0);

    WRONG_SESSION(SDF_ExternalKeyDecryptInit, SGD_SM4_CBC, key, 16, iv, 16);
    WRONG(uiAlgID, unknown, SDR_ALGNOTSUPPORT, SDF_ExternalKeyDecryptInit, s, BAD_ALG, key, 16, iv, 16);
    WRONG(pucKey, null, SDR_INARGERR, SDF_ExternalKeyDecryptInit, s, SGD_SM4_CBC, NULL, 16, iv, 16);
    WRONG(uiKeyLength, zero, SDR_INARGERR, SDF_ExternalKeyDecryptInit, s, SGD_SM4_CBC, key, 0, iv, 16);
    WRONG(pucIV, null, SDR_INARGERR, SDF_ExternalKeyDecryptInit, s, SGD_SM4_CBC, key, 16, NULL, 16);
    WRONG(uiIVLength, zero, SDR_INARGERR, SDF_ExternalKeyDecryptInit, s, SGD_SM4_CBC, key, 16, iv, 0);

    WRONG_SESSION(SDF_ExternalKeyHMACInit, SGD_SM3, key, 16);
    WRONG(uiAlgID, unknown, SDR_ALGNOTSUPPORT, SDF_ExternalKeyHMACInit, s, BAD_ALG, key, 16);
    WRONG(pucKey, null, SDR_INARGERR, SDF_ExternalKeyHMACInit, s, SGD_SM3, NULL, 16);
    WRONG(uiKeyLength, zero, SDR_INARGERR, SDF_ExternalKeyHMACInit, s, SGD_SM3, key, 0);
}
