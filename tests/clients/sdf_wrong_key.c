/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of sdf_wrong.h: device, sessions, rights, keys. */
#include <string.h>
#include "tests/clients/sdf_wrong.h"
#include "tests/clients/sm2_raw.h"

#define ABSENT_INDEX 3u
#define BAD_ALG      0x00dead00u

void case_wrong_device(struct sdf_env *env)
{
    void *s = env->session, *dead = NULL, *other = NULL;
    uint8_t bytes[8], code[257] = {0};
    DEVICEINFO info;
    WRONG(phDeviceHandle, null, SDR_OUTARGERR, SDF_OpenDevice, NULL);
    HOLDS(SDF_OpenDevice(&dead) == SDR_OK && SDF_CloseDevice(dead) == SDR_OK);
    WRONG(hDeviceHandle, null, SDR_INARGERR, SDF_CloseDevice, NULL);
    WRONG(hDeviceHandle, dead, SDR_INARGERR, SDF_CloseDevice, dead);
    WRONG(hDeviceHandle, kind, SDR_INARGERR, SDF_CloseDevice, s);
    WRONG(hDeviceHandle, null, SDR_INARGERR, SDF_OpenSession, NULL, &other);
    WRONG(hDeviceHandle, dead, SDR_INARGERR, SDF_OpenSession, dead, &other);
    WRONG(hDeviceHandle, kind, SDR_INARGERR, SDF_OpenSession, s, &other);
    WRONG(phSessionHandle, null, SDR_OUTARGERR, SDF_OpenSession, env->device, NULL);
    dead = sdf_dead_session(env);
    WRONG(hSessionHandle, null, SDR_INARGERR, SDF_CloseSession, NULL);
    WRONG(hSessionHandle, dead, SDR_INARGERR, SDF_CloseSession, dead);
    WRONG(hSessionHandle, kind, SDR_INARGERR, SDF_CloseSession, env->device);
    WRONG_SESSION(SDF_GetDeviceInfo, &info);
    WRONG(pstDeviceInfo, null, SDR_OUTARGERR, SDF_GetDeviceInfo, s, NULL);
    WRONG_SESSION(SDF_GenerateRandom, sizeof bytes, bytes);
    WRONG(uiLength, zero, SDR_OK, SDF_GenerateRandom, s, 0, bytes); /* nothing is what it gets */
    WRONG(pucRandom, null, SDR_OUTARGERR, SDF_GenerateRandom, s, sizeof bytes, NULL);

    WRONG_SESSION(SDF_GetPrivateKeyAccessRight, 1, NULL, 0);
    WRONG(uiKeyIndex, absent, SDR_KEYNOTEXIST, SDF_GetPrivateKeyAccessRight, s, ABSENT_INDEX, NULL, 0);
    WRONG(uiKeyIndex, absent, SDR_KEYNOTEXIST, SDF_GetPrivateKeyAccessRight, s, 0xffffffff, NULL, 0);
    WRONG(pucPassword, null, SDR_PRKRERR, SDF_GetPrivateKeyAccessRight, s, 2, NULL, 0);
    WRONG(pucPassword, null, SDR_INARGERR, SDF_GetPrivateKeyAccessRight, s, 2, NULL, 8);
    WRONG(uiPwdLength, zero, SDR_PRKRERR, SDF_GetPrivateKeyAccessRight, s, 2, code, 0);
    WRONG(uiPwdLength, long, SDR_INARGERR, SDF_GetPrivateKeyAccessRight, s, 2, code, sizeof code);
    WRONG(pucPassword, code, SDR_PRKRERR, SDF_GetPrivateKeyAccessRight, s, 1, (uint8_t *)"87654321", 8);
    WRONG_SESSION(SDF_ReleasePrivateKeyAccessRight, 1);
    WRONG(uiKeyIndex, absent, SDR_KEYNOTEXIST, SDF_ReleasePrivateKeyAccessRight, s, ABSENT_INDEX);
    WRONG(uiKeyIndex, right, SDR_PARDENY, SDF_ReleasePrivateKeyAccessRight, s, 1);
}

#define WRONG_KEK_RIGHT(get, release)                                                                                  \
    do {                                                                                                               \
        WRONG_SESSION(get, 1, NULL, 0);                                                                                \
        WRONG(uiKeyIndex, absent, SDR_KEYNOTEXIST, get, s, ABSENT_INDEX, NULL, 0);                                     \
        WRONG(pucPassword, null, SDR_PRKRERR, get, s, 2, NULL, 0);                                                     \
        WRONG(pucPassword, null, SDR_INARGERR, get, s, 2, NULL, 8);                                                    \
        WRONG(uiPwdLength, zero, SDR_PRKRERR, get, s, 2, code, 0);                                                     \
        WRONG(uiPwdLength, long, SDR_INARGERR, get, s, 2, code, sizeof code);                                          \
        WRONG(pucPassword, code, SDR_PRKRERR, get, s, 1, (uint8_t *)"87654321", 8);                                    \
        WRONG_SESSION(release, 1);                                                                                     \
        WRONG(uiKeyIndex, absent, SDR_KEYNOTEXIST, release, s, ABSENT_INDEX);                                          \
        WRONG(uiKeyIndex, right, SDR_PARDENY, release, s, 2);                                                          \
    } while (0)

void case_wrong_kek_right(struct sdf_env *env)
{
    void *s = env->session;
    uint8_t code[257] = {0};
    WRONG_KEK_RIGHT(SDF_GetKEKAccessRight, SDF_ReleaseKEKAccessRight);
    WRONG_KEK_RIGHT(SDF_GetKekAccessRight, SDF_ReleaseKekAccessRight);
}

void case_wrong_key(struct sdf_env *env)
{
    void *s = env->session, *key;
    union sdf_cipher cipher;
    ECCrefPublicKey public;
    ECCrefPrivateKey private;
    uint8_t d[32], point[64];
    HOLDS(sm2_raw_generate(d, point));
    WRONG_SESSION(SDF_ExportSignPublicKey_ECC, 1, &public);
    WRONG(uiKeyIndex, absent, SDR_KEYNOTEXIST, SDF_ExportSignPublicKey_ECC, s, ABSENT_INDEX, &public);
    WRONG(pucPublicKey, null, SDR_OUTARGERR, SDF_ExportSignPublicKey_ECC, s, 1, NULL);
    WRONG_SESSION(SDF_ExportEncPublicKey_ECC, 1, &public);
    WRONG(uiKeyIndex, absent, SDR_KEYNOTEXIST, SDF_ExportEncPublicKey_ECC, s, ABSENT_INDEX, &public);
    WRONG(pucPublicKey, null, SDR_OUTARGERR, SDF_ExportEncPublicKey_ECC, s, 1, NULL);

    WRONG_SESSION(SDF_GenerateKeyPair_ECC, SGD_SM2_1, 256, &public, &private);
    WRONG(uiAlgID, unknown, SDR_ALGNOTSUPPORT, SDF_GenerateKeyPair_ECC, s, BAD_ALG, 256, &public, &private);
    WRONG(uiKeyBits, unknown, SDR_INARGERR, SDF_GenerateKeyPair_ECC, s, SGD_SM2_1, 255, &public, &private);
    WRONG(pucPublicKey, null, SDR_OUTARGERR, SDF_GenerateKeyPair_ECC, s, SGD_SM2_1, 256, NULL, &private);
    WRONG(pucPrivateKey, null, SDR_OUTARGERR, SDF_GenerateKeyPair_ECC, s, SGD_SM2_1, 256, &public, NULL);

    WRONG_SESSION(SDF_GenerateKeyWithIPK_ECC, 1, 128, &cipher.c, &key);
    WRONG(uiIPKIndex, absent, SDR_KEYNOTEXIST, SDF_GenerateKeyWithIPK_ECC, s, ABSENT_INDEX, 128, &cipher.c, &key);
    WRONG(uiKeyBits, unknown, SDR_INARGERR, SDF_GenerateKeyWithIPK_ECC, s, 1, 127, &cipher.c, &key);
    WRONG(uiKeyBits, unknown, SDR_INARGERR, SDF_GenerateKeyWithIPK_ECC, s, 1, 0, &cipher.c, &key);
    WRONG(pucKey, null, SDR_OUTARGERR, SDF_GenerateKeyWithIPK_ECC, s, 1, 128, NULL, &key);
    WRONG(phKeyHandle, null, SDR_OUTARGERR, SDF_GenerateKeyWithIPK_ECC, s, 1, 128, &cipher.c, NULL);

    sdf_point(point, &public);
    WRONG_SESSION(SDF_GenerateKeyWithEPK_ECC, 128, SGD_SM2_3, &public, &cipher.c, &key);
    WRONG(uiKeyBits, unknown, SDR_INARGERR, SDF_GenerateKeyWithEPK_ECC, s, 129, SGD_SM2_3, &public, &cipher.c, &key);
    WRONG(uiAlgID, unknown, SDR_ALGNOTSUPPORT, SDF_GenerateKeyWithEPK_ECC, s, 128, BAD_ALG, &public, &cipher.c, &key);
    WRONG(pucPublicKey, null, SDR_INARGERR, SDF_GenerateKeyWithEPK_ECC, s, 128, SGD_SM2_3, NULL, &cipher.c, &key);
    WRONG(pucKey, null, SDR_OUTARGERR, SDF_GenerateKeyWithEPK_ECC, s, 128, SGD_SM2_3, &public, NULL, &key);
    WRONG(phKeyHandle, null, SDR_OUTARGERR, SDF_GenerateKeyWithEPK_ECC, s, 128, SGD_SM2_3, &public, &cipher.c, NULL);
}

void case_wrong_wrapped(struct sdf_env *env)
{
    void *s = env->session, *key, *made;
    union sdf_cipher cipher;
    uint8_t wrapped[64];
    unsigned len = 0;
    HOLDS(SDF_GenerateKeyWithIPK_ECC(s, 1, 128, &cipher.c, &made) == SDR_OK);
    WRONG(uiISKIndex, right, SDR_PARDENY, SDF_ImportKeyWithISK_ECC, s, 1, &cipher.c, &key);
    HOLDS(SDF_GetPrivateKeyAccessRight(s, 1, NULL, 0) == SDR_OK);
    WRONG_SESSION(SDF_ImportKeyWithISK_ECC, 1, &cipher.c, &key);
    WRONG(uiISKIndex, absent, SDR_KEYNOTEXIST, SDF_ImportKeyWithISK_ECC, s, ABSENT_INDEX, &cipher.c, &key);
    WRONG(pucKey, null, SDR_INARGERR, SDF_ImportKeyWithISK_ECC, s, 1, NULL, &key);
    WRONG(phKeyHandle, null, SDR_OUTARGERR, SDF_ImportKeyWithISK_ECC, s, 1, &cipher.c, NULL);
    cipher.c.L = 0;
    WRONG(pucKey, zero, SDR_INARGERR, SDF_ImportKeyWithISK_ECC, s, 1, &cipher.c, &key);
    cipher.c.L = 256;
    WRONG(pucKey, long, SDR_INARGERR, SDF_ImportKeyWithISK_ECC, s, 1, &cipher.c, &key);

    WRONG_SESSION(SDF_GenerateKeyWithKEK, 128, SGD_SM4_ECB, 1, wrapped, &len, &key);
    WRONG(uiKeyBits, unknown, SDR_INARGERR, SDF_GenerateKeyWithKEK, s, 64, SGD_SM4_ECB, 1, wrapped, &len, &key);
    WRONG(uiAlgID, unknown, SDR_ALGNOTSUPPORT, SDF_GenerateKeyWithKEK, s, 128, BAD_ALG, 1, wrapped, &len, &key);
    WRONG(uiKEKIndex, absent, SDR_KEYNOTEXIST, SDF_GenerateKeyWithKEK, s, 128, SGD_SM4_ECB, ABSENT_INDEX, wrapped, &len,
          &key);
    WRONG(pucKey, null, SDR_OK, SDF_GenerateKeyWithKEK, s, 128, SGD_SM4_ECB, 1, NULL, &len, &key); /* how long? */
    HOLDS(len == 16);
    WRONG(puiKeyLength, null, SDR_OUTARGERR, SDF_GenerateKeyWithKEK, s, 128, SGD_SM4_ECB, 1, wrapped, NULL, &key);
    WRONG(phKeyHandle, null, SDR_OUTARGERR, SDF_GenerateKeyWithKEK, s, 128, SGD_SM4_ECB, 1, wrapped, &len, NULL);
    HOLDS(SDF_GenerateKeyWithKEK(s, 128, SGD_SM4_ECB, 1, wrapped, &len, &key) == SDR_OK);
    WRONG_SESSION(SDF_ImportKeyWithKEK, SGD_SM4_ECB, 1, wrapped, len, &key);
    WRONG(uiAlgID, unknown, SDR_ALGNOTSUPPORT, SDF_ImportKeyWithKEK, s, BAD_ALG, 1, wrapped, len, &key);
    WRONG(uiKEKIndex, absent, SDR_KEYNOTEXIST, SDF_ImportKeyWithKEK, s, SGD_SM4_ECB, ABSENT_INDEX, wrapped, len, &key);
    WRONG(pucKey, null, SDR_INARGERR, SDF_ImportKeyWithKEK, s, SGD_SM4_ECB, 1, NULL, len, &key);
    WRONG(uiKeyLength, zero, SDR_INARGERR, SDF_ImportKeyWithKEK, s, SGD_SM4_ECB, 1, wrapped, 0, &key);
    WRONG(uiKeyLength, unaligned, SDR_INARGERR, SDF_ImportKeyWithKEK, s, SGD_SM4_ECB, 1, wrapped, 17, &key);
    WRONG(uiKeyLength, long, SDR_INARGERR, SDF_ImportKeyWithKEK, s, SGD_SM4_ECB, 1, wrapped, 80, &key);
    WRONG(phKeyHandle, null, SDR_OUTARGERR, SDF_ImportKeyWithKEK, s, SGD_SM4_ECB, 1, wrapped, len, NULL);

    void *other = NULL, *foreign = sdf_foreign_key(env, &other);
    WRONG_SESSION(SDF_DestroyKey, made);
    WRONG(hKeyHandle, null, SDR_INARGERR, SDF_DestroyKey, s, NULL);
    WRONG(hKeyHandle, foreign, SDR_INARGERR, SDF_DestroyKey, s, foreign);
    HOLDS(SDF_CloseSession(other) == SDR_OK);
    WRONG(hKeyHandle, dead, SDR_INARGERR, SDF_DestroyKey, s, foreign);
    HOLDS(SDF_DestroyKey(s, made) == SDR_OK);
    WRONG(hKeyHandle, dead, SDR_INARGERR, SDF_DestroyKey, s, made);
}

void case_wrong_stored(struct sdf_env *env)
{
    void *s = env->session, *key;
    WRONG_SESSION(SDF_GetSymmKeyHandle, 1, &key);
    WRONG(uiKeyIndex, absent, SDR_KEYNOTEXIST, SDF_GetSymmKeyHandle, s, ABSENT_INDEX, &key);
    WRONG(uiKeyIndex, right, SDR_PARDENY, SDF_GetSymmKeyHandle, s, 2, &key);
    WRONG(phKeyHandle, null, SDR_OUTARGERR, SDF_GetSymmKeyHandle, s, 1, NULL);

    EnvelopedECCKey envelope = {.Version = 1, .ulSymmAlgID = SGD_SM4_ECB, .ulBits = 256, .ECCCipherBlob.L = 16};
    union { /* and the rest of its key */
        EnvelopedECCKey e;
        uint8_t bytes[sizeof(EnvelopedECCKey) + 16];
    } room = {.e = envelope};
    room.e.PubKey.bits = 256;
    WRONG_SESSION(SDF_ImportKeyPair_ECC, 1, SGD_SM2_3, 256, &room.e);
    WRONG(uiAlgID, unknown, SDR_ALGNOTSUPPORT, SDF_ImportKeyPair_ECC, s, 1, BAD_ALG, 256, &room.e);
    WRONG(uiKeyBits, unknown, SDR_INARGERR, SDF_ImportKeyPair_ECC, s, 1, SGD_SM2_3, 255, &room.e);
    WRONG(pucEncedKeyPair, null, SDR_INARGERR, SDF_ImportKeyPair_ECC, s, 1, SGD_SM2_3, 256, NULL);
    WRONG(uiKeyIndex, absent, SDR_KEYNOTEXIST, SDF_ImportKeyPair_ECC, s, ABSENT_INDEX, SGD_SM2_3, 256, &room.e);
    WRONG(uiKeyIndex, right, SDR_PARDENY, SDF_ImportKeyPair_ECC, s, 1, SGD_SM2_3, 256, &room.e);
}

void case_wrong_export(struct sdf_env *env)
{
    void *s = env->session, *key;
    union sdf_cipher cipher;
    ECCrefPublicKey point;
    RSArefPublicKey rsa;
    uint8_t wrapped[256];
    unsigned len = 0;
    HOLDS(SDF_GenerateKeyWithIPK_ECC(s, 1, 128, &cipher.c, &key) == SDR_OK);
    HOLDS(SDF_ExportEncPublicKey_ECC(s, 1, &point) == SDR_OK && SDF_ExportEncPublicKey_RSA(s, 1, &rsa) == SDR_OK);
    WRONG_SESSION(SDF_ExportKeyWithEPK_ECC, key, SGD_SM2_3, &point, &cipher.c);
    WRONG_KEY(hKeyHandle, SDF_ExportKeyWithEPK_ECC, SGD_SM2_3, &point, &cipher.c);
    WRONG(uiAlgID, unknown, SDR_ALGNOTSUPPORT, SDF_ExportKeyWithEPK_ECC, s, key, BAD_ALG, &point, &cipher.c);
    WRONG(pucPublicKey, null, SDR_INARGERR, SDF_ExportKeyWithEPK_ECC, s, key, SGD_SM2_3, NULL, &cipher.c);
    WRONG(pucKey, null, SDR_OUTARGERR, SDF_ExportKeyWithEPK_ECC, s, key, SGD_SM2_3, &point, NULL);
    WRONG_SESSION(SDF_ExportKeyWithEPK_RSA, key, &rsa, wrapped, &len);
    WRONG_KEY(hKeyHandle, SDF_ExportKeyWithEPK_RSA, &rsa, wrapped, &len);
    WRONG(pucPublicKey, null, SDR_INARGERR, SDF_ExportKeyWithEPK_RSA, s, key, NULL, wrapped, &len);
    WRONG(pucKey, null, SDR_OK, SDF_ExportKeyWithEPK_RSA, s, key, &rsa, NULL, &len); /* how long? */
    HOLDS(len == 256);
    WRONG(puiKeyLength, null, SDR_OUTARGERR, SDF_ExportKeyWithEPK_RSA, s, key, &rsa, wrapped, NULL);
    WRONG_SESSION(SDF_ExportKeyWithKEK, key, SGD_SM4_ECB, 1, wrapped, &len);
    WRONG_KEY(hKeyHandle, SDF_ExportKeyWithKEK, SGD_SM4_ECB, 1, wrapped, &len);
    WRONG(uiAlgID, unknown, SDR_ALGNOTSUPPORT, SDF_ExportKeyWithKEK, s, key, BAD_ALG, 1, wrapped, &len);
    WRONG(uiKEKIndex, absent, SDR_KEYNOTEXIST, SDF_ExportKeyWithKEK, s, key, SGD_SM4_ECB, ABSENT_INDEX, wrapped, &len);
    WRONG(uiKEKIndex, right, SDR_PARDENY, SDF_ExportKeyWithKEK, s, key, SGD_SM4_ECB, 2, wrapped, &len);
    WRONG(pucKey, null, SDR_OK, SDF_ExportKeyWithKEK, s, key, SGD_SM4_ECB, 1, NULL, &len);
    WRONG(puiKeyLength, null, SDR_OUTARGERR, SDF_ExportKeyWithKEK, s, key, SGD_SM4_ECB, 1, wrapped, NULL);
}
