/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of sdf_wrong.h: SM2 operations, ciphers, MACs, hashes, files. */
#include <string.h>
#include "tests/clients/sdf_wrong.h"
#include "tests/clients/sm2_raw.h"

#define ABSENT_INDEX 3u
#define BAD_ALG      0x00dead00u

void case_wrong_sm2(struct sdf_env *env)
{
    void *s = env->session;
    uint8_t e[256] = {1}, out[256];
    unsigned n;
    union sdf_cipher cipher;
    ECCSignature sig;
    ECCrefPublicKey public;
    WRONG(uiISKIndex, right, SDR_PARDENY, SDF_InternalSign_ECC, s, 1, e, 32, &sig);
    HOLDS(SDF_GetPrivateKeyAccessRight(s, 1, NULL, 0) == SDR_OK);
    WRONG_SESSION(SDF_InternalSign_ECC, 1, e, 32, &sig);
    WRONG(uiISKIndex, absent, SDR_KEYNOTEXIST, SDF_InternalSign_ECC, s, ABSENT_INDEX, e, 32, &sig);
    WRONG(pucData, null, SDR_INARGERR, SDF_InternalSign_ECC, s, 1, NULL, 32, &sig);
    WRONG(uiDataLength, zero, SDR_INARGERR, SDF_InternalSign_ECC, s, 1, e, 0, &sig);
    WRONG(uiDataLength, long, SDR_INARGERR, SDF_InternalSign_ECC, s, 1, e, 33, &sig);
    WRONG(pucSignature, null, SDR_OUTARGERR, SDF_InternalSign_ECC, s, 1, e, 32, NULL);
    HOLDS(SDF_InternalSign_ECC(s, 1, e, 32, &sig) == SDR_OK && SDF_ExportSignPublicKey_ECC(s, 1, &public) == SDR_OK);

    WRONG_SESSION(SDF_InternalVerify_ECC, 1, e, 32, &sig);
    WRONG(uiIPKIndex, absent, SDR_KEYNOTEXIST, SDF_InternalVerify_ECC, s, ABSENT_INDEX, e, 32, &sig);
    WRONG(pucData, null, SDR_INARGERR, SDF_InternalVerify_ECC, s, 1, NULL, 32, &sig);
    WRONG(uiDataLength, zero, SDR_INARGERR, SDF_InternalVerify_ECC, s, 1, e, 0, &sig);
    WRONG(uiDataLength, long, SDR_INARGERR, SDF_InternalVerify_ECC, s, 1, e, 33, &sig);
    WRONG(pucSignature, null, SDR_INARGERR, SDF_InternalVerify_ECC, s, 1, e, 32, NULL);

    WRONG_SESSION(SDF_ExternalVerify_ECC, SGD_SM2_1, &public, e, 32, &sig);
    WRONG(uiAlgID, unknown, SDR_ALGNOTSUPPORT, SDF_ExternalVerify_ECC, s, BAD_ALG, &public, e, 32, &sig);
    WRONG(pucPublicKey, null, SDR_INARGERR, SDF_ExternalVerify_ECC, s, SGD_SM2_1, NULL, e, 32, &sig);
    WRONG(pucDataInput, null, SDR_INARGERR, SDF_ExternalVerify_ECC, s, SGD_SM2_1, &public, NULL, 32, &sig);
    WRONG(uiInputLength, zero, SDR_INARGERR, SDF_ExternalVerify_ECC, s, SGD_SM2_1, &public, e, 0, &sig);
    WRONG(pucSignature, null, SDR_INARGERR, SDF_ExternalVerify_ECC, s, SGD_SM2_1, &public, e, 32, NULL);

    WRONG_SESSION(SDF_ExternalEncrypt_ECC, SGD_SM2_3, &public, e, 16, &cipher.c);
    WRONG(uiAlgID, unknown, SDR_ALGNOTSUPPORT, SDF_ExternalEncrypt_ECC, s, BAD_ALG, &public, e, 16, &cipher.c);
    WRONG(pucPublicKey, null, SDR_INARGERR, SDF_ExternalEncrypt_ECC, s, SGD_SM2_3, NULL, e, 16, &cipher.c);
    WRONG(pucData, null, SDR_INARGERR, SDF_ExternalEncrypt_ECC, s, SGD_SM2_3, &public, NULL, 16, &cipher.c);
    WRONG(uiDataLength, zero, SDR_INARGERR, SDF_ExternalEncrypt_ECC, s, SGD_SM2_3, &public, e, 0, &cipher.c);
    WRONG(uiDataLength, long, SDR_INARGERR, SDF_ExternalEncrypt_ECC, s, SGD_SM2_3, &public, e, 256, &cipher.c);
    WRONG(pucEncData, null, SDR_OUTARGERR, SDF_ExternalEncrypt_ECC, s, SGD_SM2_3, &public, e, 16, NULL);

    WRONG_SESSION(SDF_InternalEncrypt_ECC, 1, SGD_SM2_3, e, 16, &cipher.c);
    WRONG(uiIPKIndex, absent, SDR_KEYNOTEXIST, SDF_InternalEncrypt_ECC, s, ABSENT_INDEX, SGD_SM2_3, e, 16, &cipher.c);
    /* what is no algorithm is, to this function, a pointer of a caller with the shorter prototype: see arity.c */
    WRONG(uiAlgID, unknown, SDR_ALGNOTSUPPORT, SDF_InternalEncrypt_ECC, s, 1, SGD_SM2 | 0x1000, e, 16, &cipher.c);
    WRONG(pucData, null, SDR_INARGERR, SDF_InternalEncrypt_ECC, s, 1, SGD_SM2_3, NULL, 16, &cipher.c);
    WRONG(uiDataLength, zero, SDR_INARGERR, SDF_InternalEncrypt_ECC, s, 1, SGD_SM2_3, e, 0, &cipher.c);
    WRONG(uiDataLength, long, SDR_INARGERR, SDF_InternalEncrypt_ECC, s, 1, SGD_SM2_3, e, 256, &cipher.c);
    WRONG(pucEncData, null, SDR_OUTARGERR, SDF_InternalEncrypt_ECC, s, 1, SGD_SM2_3, e, 16, NULL);
    HOLDS(SDF_InternalEncrypt_ECC(s, 1, SGD_SM2_3, e, 16, &cipher.c) == SDR_OK);

    WRONG_SESSION(SDF_InternalDecrypt_ECC, 1, SGD_SM2_3, &cipher.c, out, &n);
    WRONG(uiISKIndex, absent, SDR_KEYNOTEXIST, SDF_InternalDecrypt_ECC, s, ABSENT_INDEX, SGD_SM2_3, &cipher.c, out, &n);
    WRONG(uiISKIndex, right, SDR_PARDENY, SDF_InternalDecrypt_ECC, s, 2, SGD_SM2_3, &cipher.c, out, &n);
    WRONG(uiAlgID, unknown, SDR_ALGNOTSUPPORT, SDF_InternalDecrypt_ECC, s, 1, SGD_SM2 | 0x1000, &cipher.c, out, &n);
    WRONG(pucEncData, null, SDR_INARGERR, SDF_InternalDecrypt_ECC, s, 1, SGD_SM2_3, NULL, out, &n);
    WRONG(pucData, null, SDR_OK, SDF_InternalDecrypt_ECC, s, 1, SGD_SM2_3, &cipher.c, NULL, &n); /* how long? */
    HOLDS(n == 16);
    WRONG(uiDataLength, null, SDR_OUTARGERR, SDF_InternalDecrypt_ECC, s, 1, SGD_SM2_3, &cipher.c, out, NULL);
}

void case_wrong_data(struct sdf_env *env)
{
    uint8_t bytes[32], iv[16] = {0}, in[48] = {0}, out[48];
    void *s = env->session, *key = sdf_known_key(env, 128, bytes);
    unsigned n;
    WRONG_SESSION(SDF_Encrypt, key, SGD_SM4_CBC, iv, in, 32, out, &n);
    WRONG_KEY(hKeyHandle, SDF_Encrypt, SGD_SM4_CBC, iv, in, 32, out, &n);
    WRONG(uiAlgID, unknown, SDR_ALGNOTSUPPORT, SDF_Encrypt, s, key, BAD_ALG, iv, in, 32, out, &n);
    WRONG(pucIV, null, SDR_INARGERR, SDF_Encrypt, s, key, SGD_SM4_CBC, NULL, in, 32, out, &n);
    WRONG(pucData, null, SDR_INARGERR, SDF_Encrypt, s, key, SGD_SM4_CBC, iv, NULL, 32, out, &n);
    WRONG(uiDataLength, zero, SDR_OK, SDF_Encrypt, s, key, SGD_SM4_CBC, iv, in, 0, out, &n);
    WRONG(uiDataLength, unaligned, SDR_INARGERR, SDF_Encrypt, s, key, SGD_SM4_CBC, iv, in, 33, out, &n);
    WRONG(pucEncData, null, SDR_OK, SDF_Encrypt, s, key, SGD_SM4_CBC, iv, in, 32, NULL, &n); /* how long? */
    HOLDS(n == 32);
    WRONG(puiEncDataLength, null, SDR_OUTARGERR, SDF_Encrypt, s, key, SGD_SM4_CBC, iv, in, 32, out, NULL);

    WRONG_SESSION(SDF_Decrypt, key, SGD_SM4_CBC, iv, in, 32, out, &n);
    WRONG_KEY(hKeyHandle, SDF_Decrypt, SGD_SM4_CBC, iv, in, 32, out, &n);
    WRONG(uiAlgID, unknown, SDR_ALGNOTSUPPORT, SDF_Decrypt, s, key, BAD_ALG, iv, in, 32, out, &n);
    WRONG(pucIV, null, SDR_INARGERR, SDF_Decrypt, s, key, SGD_SM4_CBC, NULL, in, 32, out, &n);
    WRONG(pucEncData, null, SDR_INARGERR, SDF_Decrypt, s, key, SGD_SM4_CBC, iv, NULL, 32, out, &n);
    WRONG(uiEncDataLength, zero, SDR_OK, SDF_Decrypt, s, key, SGD_SM4_CBC, iv, in, 0, out, &n);
    WRONG(uiEncDataLength, unaligned, SDR_INARGERR, SDF_Decrypt, s, key, SGD_SM4_CBC, iv, in, 31, out, &n);
    WRONG(pucData, null, SDR_OK, SDF_Decrypt, s, key, SGD_SM4_CBC, iv, in, 32, NULL, &n);
    WRONG(puiDataLength, null, SDR_OUTARGERR, SDF_Decrypt, s, key, SGD_SM4_CBC, iv, in, 32, out, NULL);

    WRONG_SESSION(SDF_CalculateMAC, key, SGD_SM4_MAC, iv, in, 32, out, &n);
    WRONG_KEY(hKeyHandle, SDF_CalculateMAC, SGD_SM4_MAC, iv, in, 32, out, &n);
    WRONG(uiAlgID, unknown, SDR_ALGNOTSUPPORT, SDF_CalculateMAC, s, key, BAD_ALG, iv, in, 32, out, &n);
    WRONG(pucIV, null, SDR_INARGERR, SDF_CalculateMAC, s, key, SGD_SM4_MAC, NULL, in, 32, out, &n);
    WRONG(pucData, null, SDR_INARGERR, SDF_CalculateMAC, s, key, SGD_SM4_MAC, iv, NULL, 32, out, &n);
    WRONG(uiDataLength, zero, SDR_INARGERR, SDF_CalculateMAC, s, key, SGD_SM4_MAC, iv, in, 0, out, &n);
    WRONG(uiDataLength, unaligned, SDR_INARGERR, SDF_CalculateMAC, s, key, SGD_SM4_MAC, iv, in, 33, out, &n);
    WRONG(pucMAC, null, SDR_OK, SDF_CalculateMAC, s, key, SGD_SM4_MAC, iv, in, 32, NULL, &n);
    WRONG(puiMACLength, null, SDR_OUTARGERR, SDF_CalculateMAC, s, key, SGD_SM4_MAC, iv, in, 32, out, NULL);
}

void case_wrong_hash(struct sdf_env *env)
{
    uint8_t in[32] = {0}, out[64], id[16] = "1234567812345678";
    void *s = env->session;
    unsigned n;
    ECCrefPublicKey public;
    HOLDS(SDF_ExportSignPublicKey_ECC(s, 1, &public) == SDR_OK);
    WRONG(hSessionHandle, order, SDR_STEPERR, SDF_HashUpdate, s, in, sizeof in);
    WRONG(hSessionHandle, order, SDR_STEPERR, SDF_HashFinal, s, out, &n);
    WRONG_SESSION(SDF_HashInit, SGD_SM3, NULL, NULL, 0);
    WRONG(uiAlgID, unknown, SDR_ALGNOTSUPPORT, SDF_HashInit, s, BAD_ALG, NULL, NULL, 0);
    WRONG(pucPublicKey, null, SDR_INARGERR, SDF_HashInit, s, SGD_SM3, NULL, id, sizeof id);
    WRONG(pucID, null, SDR_INARGERR, SDF_HashInit, s, SGD_SM3, &public, NULL, sizeof id);
    WRONG(uiIDLength, zero, SDR_OK, SDF_HashInit, s, SGD_SM3, &public, id, 0); /* then there is no Z */
    WRONG(uiIDLength, long, SDR_INARGERR, SDF_HashInit, s, SGD_SM3, &public, id, 8192);
    HOLDS(SDF_HashInit(s, SGD_SM3, NULL, NULL, 0) == SDR_OK);
    WRONG_SESSION(SDF_HashUpdate, in, sizeof in);
    WRONG(pucData, null, SDR_INARGERR, SDF_HashUpdate, s, NULL, sizeof in);
    WRONG(uiDataLength, zero, SDR_OK, SDF_HashUpdate, s, in, 0);
    WRONG_SESSION(SDF_HashFinal, out, &n);
    WRONG(pucHash, null, SDR_OK, SDF_HashFinal, s, NULL, &n); /* how long? The hash goes on */
    HOLDS(n == 32);
    WRONG(puiHashLength, null, SDR_OUTARGERR, SDF_HashFinal, s, out, NULL);
    HOLDS(SDF_HashFinal(s, out, &n) == SDR_OK && n == 32);
    WRONG(hSessionHandle, order, SDR_STEPERR, SDF_HashFinal, s, out, &n);
}

void case_wrong_file(struct sdf_env *env)
{
    uint8_t name[] = {'w'}, bytes[16] = {0}, long_name[129] = {1};
    void *s = env->session;
    unsigned n = 1;
    HOLDS(SDF_CreateFile(s, name, 1, 16) == SDR_OK);
    WRONG_SESSION(SDF_CreateFile, name, 1, 16);
    WRONG(pucFileName, null, SDR_INARGERR, SDF_CreateFile, s, NULL, 1, 16);
    WRONG(uiNameLen, zero, SDR_INARGERR, SDF_CreateFile, s, name, 0, 16);
    WRONG(uiNameLen, long, SDR_INARGERR, SDF_CreateFile, s, long_name, 129, 16);
    WRONG(uiFileSize, zero, SDR_FILESIZEERR, SDF_CreateFile, s, long_name, 1, 0);
    WRONG(pucFileName, value, SDR_FILEEXISTS, SDF_CreateFile, s, name, 1, 16);
    WRONG_SESSION(SDF_ReadFile, name, 1, 0, &n, bytes);
    WRONG(pucFileName, null, SDR_INARGERR, SDF_ReadFile, s, NULL, 1, 0, &n, bytes);
    WRONG(uiNameLen, zero, SDR_INARGERR, SDF_ReadFile, s, name, 0, 0, &n, bytes);
    WRONG(uiNameLen, long, SDR_INARGERR, SDF_ReadFile, s, long_name, 129, 0, &n, bytes);
    WRONG(uiOffset, long, SDR_FILEOFSERR, SDF_ReadFile, s, name, 1, 16, &n, bytes);
    WRONG(puiReadLength, null, SDR_OUTARGERR, SDF_ReadFile, s, name, 1, 0, NULL, bytes);
    WRONG(pucBuffer, null, SDR_OK, SDF_ReadFile, s, name, 1, 0, &n, NULL);
    WRONG(pucFileName, value, SDR_FILENOEXIST, SDF_ReadFile, s, long_name, 1, 0, &n, bytes);
    WRONG_SESSION(SDF_WriteFile, name, 1, 0, 16, bytes);
    WRONG(pucFileName, null, SDR_INARGERR, SDF_WriteFile, s, NULL, 1, 0, 16, bytes);
    WRONG(uiNameLen, zero, SDR_INARGERR, SDF_WriteFile, s, name, 0, 0, 16, bytes);
    WRONG(uiNameLen, long, SDR_INARGERR, SDF_WriteFile, s, long_name, 129, 0, 16, bytes);
    WRONG(uiOffset, long, SDR_FILEOFSERR, SDF_WriteFile, s, name, 1, 1, 16, bytes);
    WRONG(uiWriteLength, zero, SDR_INARGERR, SDF_WriteFile, s, name, 1, 0, 0, bytes);
    WRONG(pucBuffer, null, SDR_INARGERR, SDF_WriteFile, s, name, 1, 0, 16, NULL);
    WRONG(pucFileName, value, SDR_FILENOEXIST, SDF_WriteFile, s, long_name, 1, 0, 16, bytes);
    WRONG_SESSION(SDF_DeleteFile, name, 1);
    WRONG(pucFileName, null, SDR_INARGERR, SDF_DeleteFile, s, NULL, 1);
    WRONG(uiNameLen, zero, SDR_INARGERR, SDF_DeleteFile, s, name, 0);
    WRONG(uiNameLen, long, SDR_INARGERR, SDF_DeleteFile, s, long_name, 129);
    WRONG(pucFileName, value, SDR_FILENOEXIST, SDF_DeleteFile, s, long_name, 1);
    HOLDS(SDF_DeleteFile(s, name, 1) == SDR_OK);
}
