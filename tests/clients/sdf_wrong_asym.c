/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of sdf_wrong.h: RSA, SM2 key agreement, envelopes, private keys from outside. */
#include <string.h>
#include "tests/clients/rsa_raw.h"
#include "tests/clients/sdf_wrong.h"
#include "tests/clients/sm2_raw.h"

#define ABSENT_INDEX 3u
#define BAD_ALG      0x00dead00u
#define LEN          256u

static uint8_t block[512]; /* a block of zeros is below any modulus, and no envelope */

void case_wrong_rsa(struct sdf_env *env)
{
    void *s = env->session, *key;
    RSArefPublicKey public;
    RSArefPrivateKey private;
    uint8_t out[512];
    unsigned n;
    CALL(SDR_OK, SDF_GetPrivateKeyAccessRight, s, 1, NULL, 0);
    WRONG_SESSION(SDF_ExportSignPublicKey_RSA, 1, &public);
    WRONG(uiKeyIndex, absent, SDR_KEYNOTEXIST, SDF_ExportSignPublicKey_RSA, s, ABSENT_INDEX, &public);
    WRONG(pucPublicKey, null, SDR_OUTARGERR, SDF_ExportSignPublicKey_RSA, s, 1, NULL);
    WRONG(pucPublicKey, long, SDR_OUTARGERR, SDF_ExportSignPublicKey_RSA, s, 2, &public);
    WRONG_SESSION(SDF_ExportEncPublicKey_RSA, 1, &public);
    WRONG(uiKeyIndex, absent, SDR_KEYNOTEXIST, SDF_ExportEncPublicKey_RSA, s, ABSENT_INDEX, &public);
    WRONG(pucPublicKey, null, SDR_OUTARGERR, SDF_ExportEncPublicKey_RSA, s, 1, NULL);
    WRONG_SESSION(SDF_ExportSignPublicKey_RSA_4096, 1, out);
    WRONG(uiKeyIndex, absent, SDR_KEYNOTEXIST, SDF_ExportSignPublicKey_RSA_4096, s, ABSENT_INDEX, out);
    WRONG(pucPublicKey, null, SDR_OUTARGERR, SDF_ExportSignPublicKey_RSA_4096, s, 1, NULL);
    WRONG_SESSION(SDF_ExportEncPublicKey_RSA_4096, 1, out);
    WRONG(uiKeyIndex, absent, SDR_KEYNOTEXIST, SDF_ExportEncPublicKey_RSA_4096, s, ABSENT_INDEX, out);
    WRONG(pucPublicKey, null, SDR_OUTARGERR, SDF_ExportEncPublicKey_RSA_4096, s, 1, NULL);
    WRONG_SESSION(SDF_GenerateKeyPair_RSA, 2048, &public, &private);
    WRONG(uiKeyBits, unknown, SDR_INARGERR, SDF_GenerateKeyPair_RSA, s, 1536, &public, &private);
    WRONG(pucPublicKey, null, SDR_OUTARGERR, SDF_GenerateKeyPair_RSA, s, 2048, NULL, &private);
    WRONG(pucPrivateKey, null, SDR_OUTARGERR, SDF_GenerateKeyPair_RSA, s, 2048, &public, NULL);
    WRONG_SESSION(SDF_GenerateKeyPair_RSA_4096, 2048, out, out);
    WRONG(uiKeyBits, unknown, SDR_INARGERR, SDF_GenerateKeyPair_RSA_4096, s, 1536, out, out);
    WRONG(pucPublicKey, null, SDR_OUTARGERR, SDF_GenerateKeyPair_RSA_4096, s, 2048, NULL, out);
    WRONG(pucPrivateKey, null, SDR_OUTARGERR, SDF_GenerateKeyPair_RSA_4096, s, 2048, out, NULL);

    CALL(SDR_OK, SDF_ExportSignPublicKey_RSA, s, 1, &public);
    WRONG_SESSION(SDF_ExternalPublicKeyOperation_RSA, &public, block, LEN, out, &n);
    WRONG(pucPublicKey, null, SDR_INARGERR, SDF_ExternalPublicKeyOperation_RSA, s, NULL, block, LEN, out, &n);
    WRONG(pucDataInput, null, SDR_INARGERR, SDF_ExternalPublicKeyOperation_RSA, s, &public, NULL, LEN, out, &n);
    WRONG(uiInputLength, zero, SDR_INARGERR, SDF_ExternalPublicKeyOperation_RSA, s, &public, block, 0, out, &n);
    WRONG(uiInputLength, long, SDR_INARGERR, SDF_ExternalPublicKeyOperation_RSA, s, &public, block, 512, out, &n);
    WRONG(pucDataOutput, null, SDR_OK, SDF_ExternalPublicKeyOperation_RSA, s, &public, block, LEN, NULL, &n);
    WRONG(puiOutputLength, null, SDR_OUTARGERR, SDF_ExternalPublicKeyOperation_RSA, s, &public, block, LEN, out, NULL);
    WRONG_SESSION(SDF_InternalPublicKeyOperation_RSA, 1, block, LEN, out, &n);
    WRONG(uiKeyIndex, absent, SDR_KEYNOTEXIST, SDF_InternalPublicKeyOperation_RSA, s, ABSENT_INDEX, block, LEN, out,
          &n);
    WRONG(pucDataInput, null, SDR_INARGERR, SDF_InternalPublicKeyOperation_RSA, s, 1, NULL, LEN, out, &n);
    WRONG(uiInputLength, zero, SDR_INARGERR, SDF_InternalPublicKeyOperation_RSA, s, 1, block, 0, out, &n);
    WRONG(pucDataOutput, null, SDR_OK, SDF_InternalPublicKeyOperation_RSA, s, 1, block, LEN, NULL, &n);
    WRONG(puiOutputLength, null, SDR_OUTARGERR, SDF_InternalPublicKeyOperation_RSA, s, 1, block, LEN, out, NULL);
    WRONG_SESSION(SDF_InternalPrivateKeyOperation_RSA, 1, block, LEN, out, &n);
    WRONG(uiKeyIndex, absent, SDR_KEYNOTEXIST, SDF_InternalPrivateKeyOperation_RSA, s, ABSENT_INDEX, block, LEN, out,
          &n);
    WRONG(uiKeyIndex, right, SDR_PARDENY, SDF_InternalPrivateKeyOperation_RSA, s, 2, block, 384, out, &n);
    WRONG(pucDataInput, null, SDR_INARGERR, SDF_InternalPrivateKeyOperation_RSA, s, 1, NULL, LEN, out, &n);
    WRONG(uiInputLength, zero, SDR_INARGERR, SDF_InternalPrivateKeyOperation_RSA, s, 1, block, 0, out, &n);
    WRONG(pucDataOutput, null, SDR_OK, SDF_InternalPrivateKeyOperation_RSA, s, 1, block, LEN, NULL, &n);
    WRONG(puiOutputLength, null, SDR_OUTARGERR, SDF_InternalPrivateKeyOperation_RSA, s, 1, block, LEN, out, NULL);

    WRONG_SESSION(SDF_GenerateKeyWithIPK_RSA, 1, 128, out, &n, &key);
    WRONG(uiIPKIndex, absent, SDR_KEYNOTEXIST, SDF_GenerateKeyWithIPK_RSA, s, ABSENT_INDEX, 128, out, &n, &key);
    WRONG(uiKeyBits, unknown, SDR_INARGERR, SDF_GenerateKeyWithIPK_RSA, s, 1, 100, out, &n, &key);
    WRONG(pucKey, null, SDR_OUTARGERR, SDF_GenerateKeyWithIPK_RSA, s, 1, 128, NULL, &n, &key);
    WRONG(puiKeyLength, null, SDR_OUTARGERR, SDF_GenerateKeyWithIPK_RSA, s, 1, 128, out, NULL, &key);
    WRONG(phKeyHandle, null, SDR_OUTARGERR, SDF_GenerateKeyWithIPK_RSA, s, 1, 128, out, &n, NULL);
    WRONG_SESSION(SDF_GenerateKeyWithEPK_RSA, 128, &public, out, &n, &key);
    WRONG(uiKeyBits, unknown, SDR_INARGERR, SDF_GenerateKeyWithEPK_RSA, s, 100, &public, out, &n, &key);
    WRONG(pucPublicKey, null, SDR_INARGERR, SDF_GenerateKeyWithEPK_RSA, s, 128, NULL, out, &n, &key);
    WRONG(pucKey, null, SDR_OK, SDF_GenerateKeyWithEPK_RSA, s, 128, &public, NULL, &n, &key); /* how long? */
    WRONG(puiKeyLength, null, SDR_OUTARGERR, SDF_GenerateKeyWithEPK_RSA, s, 128, &public, out, NULL, &key);
    WRONG(phKeyHandle, null, SDR_OUTARGERR, SDF_GenerateKeyWithEPK_RSA, s, 128, &public, out, &n, NULL);
    WRONG_SESSION(SDF_ImportKeyWithISK_RSA, 1, block, LEN, &key);
    WRONG(uiISKIndex, absent, SDR_KEYNOTEXIST, SDF_ImportKeyWithISK_RSA, s, ABSENT_INDEX, block, LEN, &key);
    WRONG(uiISKIndex, right, SDR_PARDENY, SDF_ImportKeyWithISK_RSA, s, 2, block, 384, &key);
    WRONG(pucKey, null, SDR_INARGERR, SDF_ImportKeyWithISK_RSA, s, 1, NULL, LEN, &key);
    WRONG(pucKey, value, SDR_ENCDATAERR, SDF_ImportKeyWithISK_RSA, s, 1, block, LEN, &key);
    WRONG(uiKeyLength, zero, SDR_INARGERR, SDF_ImportKeyWithISK_RSA, s, 1, block, 0, &key);
    WRONG(phKeyHandle, null, SDR_OUTARGERR, SDF_ImportKeyWithISK_RSA, s, 1, block, LEN, NULL);
    WRONG_SESSION(SDF_ExchangeDigitEnvelopeBaseOnRSA, 1, &public, block, LEN, out, &n);
    WRONG(uiKeyIndex, absent, SDR_KEYNOTEXIST, SDF_ExchangeDigitEnvelopeBaseOnRSA, s, ABSENT_INDEX, &public, block, LEN,
          out, &n);
    WRONG(uiKeyIndex, right, SDR_PARDENY, SDF_ExchangeDigitEnvelopeBaseOnRSA, s, 2, &public, block, 384, out, &n);
    WRONG(pucPublicKey, null, SDR_INARGERR, SDF_ExchangeDigitEnvelopeBaseOnRSA, s, 1, NULL, block, LEN, out, &n);
    WRONG(pucDEInput, null, SDR_INARGERR, SDF_ExchangeDigitEnvelopeBaseOnRSA, s, 1, &public, NULL, LEN, out, &n);
    WRONG(pucDEInput, value, SDR_ENCDATAERR, SDF_ExchangeDigitEnvelopeBaseOnRSA, s, 1, &public, block, LEN, out, &n);
    WRONG(uiDELength, zero, SDR_INARGERR, SDF_ExchangeDigitEnvelopeBaseOnRSA, s, 1, &public, block, 0, out, &n);
    WRONG(pucDEOutput, null, SDR_OK, SDF_ExchangeDigitEnvelopeBaseOnRSA, s, 1, &public, block, LEN, NULL, &n);
    WRONG(puiDELength, null, SDR_OUTARGERR, SDF_ExchangeDigitEnvelopeBaseOnRSA, s, 1, &public, block, LEN, out, NULL);
}

static uint8_t id[] = "somebody";
#define ID sizeof id - 1

void case_wrong_agree(struct sdf_env *env)
{
    void *s = env->session, *agreement, *key, *other = NULL;
    ECCrefPublicKey peer, own, temporary;
    CALL(SDR_OK, SDF_ExportSignPublicKey_ECC, s, 1, &peer);
    CALL(SDR_OK, SDF_GetPrivateKeyAccessRight, s, 1, NULL, 0);
    WRONG_SESSION(SDF_GenerateAgreementDataWithECC, 1, 128, id, ID, &own, &temporary, &agreement);
    WRONG(uiISKIndex, absent, SDR_KEYNOTEXIST, SDF_GenerateAgreementDataWithECC, s, ABSENT_INDEX, 128, id, ID, &own,
          &temporary, &agreement);
    WRONG(uiISKIndex, right, SDR_PARDENY, SDF_GenerateAgreementDataWithECC, s, 2, 128, id, ID, &own, &temporary,
          &agreement);
    WRONG(uiKeyBits, unknown, SDR_INARGERR, SDF_GenerateAgreementDataWithECC, s, 1, 100, id, ID, &own, &temporary,
          &agreement);
    WRONG(pucSponsorID, null, SDR_INARGERR, SDF_GenerateAgreementDataWithECC, s, 1, 128, NULL, ID, &own, &temporary,
          &agreement);
    WRONG(uiSponsorIDLength, zero, SDR_INARGERR, SDF_GenerateAgreementDataWithECC, s, 1, 128, id, 0, &own, &temporary,
          &agreement);
    WRONG(pucSponsorPublicKey, null, SDR_OUTARGERR, SDF_GenerateAgreementDataWithECC, s, 1, 128, id, ID, NULL,
          &temporary, &agreement);
    WRONG(pucSponsorTmpPublicKey, null, SDR_OUTARGERR, SDF_GenerateAgreementDataWithECC, s, 1, 128, id, ID, &own, NULL,
          &agreement);
    WRONG(phAgreementHandle, null, SDR_OUTARGERR, SDF_GenerateAgreementDataWithECC, s, 1, 128, id, ID, &own, &temporary,
          NULL);

    CALL(SDR_OK, SDF_GenerateAgreementDataWithECC, s, 1, 128, id, ID, &own, &temporary, &agreement);
    WRONG_SESSION(SDF_GenerateKeyWithECC, id, ID, &peer, &peer, agreement, &key);
    WRONG(pucResponseID, null, SDR_INARGERR, SDF_GenerateKeyWithECC, s, NULL, ID, &peer, &peer, agreement, &key);
    WRONG(uiResponseIDLength, zero, SDR_INARGERR, SDF_GenerateKeyWithECC, s, id, 0, &peer, &peer, agreement, &key);
    WRONG(pucResponsePublicKey, null, SDR_INARGERR, SDF_GenerateKeyWithECC, s, id, ID, NULL, &peer, agreement, &key);
    WRONG(pucResponseTmpPublicKey, null, SDR_INARGERR, SDF_GenerateKeyWithECC, s, id, ID, &peer, NULL, agreement, &key);
    WRONG(hAgreementHandle, null, SDR_INARGERR, SDF_GenerateKeyWithECC, s, id, ID, &peer, &peer, NULL, &key);
    WRONG(phKeyHandle, null, SDR_OUTARGERR, SDF_GenerateKeyWithECC, s, id, ID, &peer, &peer, agreement, NULL);
    if (CALL(SDR_OK, SDF_OpenSession, env->device, &other)) {
        WRONG(hAgreementHandle, foreign, SDR_INARGERR, SDF_GenerateKeyWithECC, other, id, ID, &peer, &peer, agreement,
              &key);
        CALL(SDR_OK, SDF_CloseSession, other);
    }
    CALL(SDR_OK, SDF_DestroyKey, s, agreement);
    WRONG(hAgreementHandle, dead, SDR_INARGERR, SDF_GenerateKeyWithECC, s, id, ID, &peer, &peer, agreement, &key);
}

void case_wrong_respond(struct sdf_env *env)
{
    void *s = env->session, *key;
    ECCrefPublicKey peer, own, temporary;
    CALL(SDR_OK, SDF_ExportSignPublicKey_ECC, s, 1, &peer);
    CALL(SDR_OK, SDF_GetPrivateKeyAccessRight, s, 1, NULL, 0);
    WRONG_SESSION(SDF_GenerateAgreementDataAndKeyWithECC, 1, 128, id, ID, id, ID, &peer, &peer, &own, &temporary, &key);
#define ROW(parameter, class, want, ...)                                                                               \
    WRONG(parameter, class, want, SDF_GenerateAgreementDataAndKeyWithECC, s, __VA_ARGS__)
    ROW(uiISKIndex, absent, SDR_KEYNOTEXIST, ABSENT_INDEX, 128, id, ID, id, ID, &peer, &peer, &own, &temporary, &key);
    ROW(uiISKIndex, right, SDR_PARDENY, 2, 128, id, ID, id, ID, &peer, &peer, &own, &temporary, &key);
    ROW(uiKeyBits, unknown, SDR_INARGERR, 1, 100, id, ID, id, ID, &peer, &peer, &own, &temporary, &key);
    ROW(pucResponseID, null, SDR_INARGERR, 1, 128, NULL, ID, id, ID, &peer, &peer, &own, &temporary, &key);
    ROW(uiResponseIDLength, zero, SDR_INARGERR, 1, 128, id, 0, id, ID, &peer, &peer, &own, &temporary, &key);
    ROW(pucSponsorID, null, SDR_INARGERR, 1, 128, id, ID, NULL, ID, &peer, &peer, &own, &temporary, &key);
    ROW(uiSponsorIDLength, zero, SDR_INARGERR, 1, 128, id, ID, id, 0, &peer, &peer, &own, &temporary, &key);
    ROW(pucSponsorPublicKey, null, SDR_INARGERR, 1, 128, id, ID, id, ID, NULL, &peer, &own, &temporary, &key);
    ROW(pucSponsorTmpPublicKey, null, SDR_INARGERR, 1, 128, id, ID, id, ID, &peer, NULL, &own, &temporary, &key);
    ROW(pucResponsePublicKey, null, SDR_OUTARGERR, 1, 128, id, ID, id, ID, &peer, &peer, NULL, &temporary, &key);
    ROW(pucResponseTmpPublicKey, null, SDR_OUTARGERR, 1, 128, id, ID, id, ID, &peer, &peer, &own, NULL, &key);
    ROW(phKeyHandle, null, SDR_OUTARGERR, 1, 128, id, ID, id, ID, &peer, &peer, &own, &temporary, NULL);
#undef ROW
}

void case_wrong_envelope(struct sdf_env *env)
{
    void *s = env->session;
    ECCrefPublicKey peer;
    union sdf_cipher in = {.c = {.L = 16}}, out;
    CALL(SDR_OK, SDF_ExportSignPublicKey_ECC, s, 1, &peer);
    CALL(SDR_OK, SDF_GetPrivateKeyAccessRight, s, 1, NULL, 0);
    WRONG_SESSION(SDF_ExchangeDigitEnvelopeBaseOnECC, 1, SGD_SM2_3, &peer, &in.c, &out.c);
    WRONG(uiKeyIndex, absent, SDR_KEYNOTEXIST, SDF_ExchangeDigitEnvelopeBaseOnECC, s, ABSENT_INDEX, SGD_SM2_3, &peer,
          &in.c, &out.c);
    WRONG(uiKeyIndex, right, SDR_PARDENY, SDF_ExchangeDigitEnvelopeBaseOnECC, s, 2, SGD_SM2_3, &peer, &in.c, &out.c);
    WRONG(uiAlgID, unknown, SDR_ALGNOTSUPPORT, SDF_ExchangeDigitEnvelopeBaseOnECC, s, 1, BAD_ALG, &peer, &in.c, &out.c);
    WRONG(pucPublicKey, null, SDR_INARGERR, SDF_ExchangeDigitEnvelopeBaseOnECC, s, 1, SGD_SM2_3, NULL, &in.c, &out.c);
    WRONG(pucEncDataIn, null, SDR_INARGERR, SDF_ExchangeDigitEnvelopeBaseOnECC, s, 1, SGD_SM2_3, &peer, NULL, &out.c);
    WRONG(pucEncDataIn, value, SDR_ENCDATAERR, SDF_ExchangeDigitEnvelopeBaseOnECC, s, 1, SGD_SM2_3, &peer, &in.c,
          &out.c);
    WRONG(pucEncDataOut, null, SDR_OUTARGERR, SDF_ExchangeDigitEnvelopeBaseOnECC, s, 1, SGD_SM2_3, &peer, &in.c, NULL);
}

/* One right under the names that vendors have for it. */
#define NAMED(get, release)                                                                                            \
    do {                                                                                                               \
        WRONG_SESSION(get, 1, NULL, 0);                                                                                \
        WRONG(uiKeyIndex, absent, SDR_KEYNOTEXIST, get, s, ABSENT_INDEX, NULL, 0);                                     \
        WRONG(pucPassword, null, SDR_PRKRERR, get, s, 2, NULL, 0);                                                     \
        WRONG(pucPassword, code, SDR_PRKRERR, get, s, 2, (uint8_t *)"87654321", 8);                                    \
        WRONG(uiPwdLength, zero, SDR_PRKRERR, get, s, 2, code, 0);                                                     \
        WRONG(uiPwdLength, long, SDR_INARGERR, get, s, 2, code, 257);                                                  \
        WRONG_SESSION(release, 1);                                                                                     \
        WRONG(uiKeyIndex, absent, SDR_KEYNOTEXIST, release, s, ABSENT_INDEX);                                          \
        WRONG(uiKeyIndex, right, SDR_PARDENY, release, s, 2);                                                          \
        CALL(SDR_OK, get, s, 2, code, 8);                                                                              \
        CALL(SDR_OK, SDF_InternalPrivateKeyOperation_RSA, s, 2, block, 384, out, &n);                                  \
        CALL(SDR_OK, SDF_InternalSign_ECC, s, 2, block, 32, &signature);                                               \
        CALL(SDR_OK, release, s, 2);                                                                                   \
        CALL(SDR_PARDENY, SDF_InternalSign_ECC, s, 2, block, 32, &signature);                                          \
    } while (0)

void case_wrong_rights(struct sdf_env *env)
{
    void *s = env->session;
    uint8_t code[] = "12345678", out[384];
    ECCSignature signature;
    unsigned n;
    NAMED(SDF_GetPrivateKeyAccessRight_RSA, SDF_ReleasePrivateKeyAccessRight_RSA);
    NAMED(SDF_GetSignPrivateKeyAccessRight_ECC, SDF_ReleaseSignPrivateKeyAccessRight_ECC);
    NAMED(SDF_GetEncPrivateKeyAccessRight_ECC, SDF_ReleaseEncPrivateKeyAccessRight_ECC);
}

/* Where they are not allowed, the rest of the arguments does not matter (sdf_cases_agree.c). */
void case_wrong_clear(struct sdf_env *env)
{
    void *s = env->session;
    uint8_t d[32], point[64], digest[32] = {1}, out[LEN], bytes[RSA_RAW_KEY_MAX];
    ECCrefPrivateKey key = {.bits = 256};
    RSArefPrivateKey rsa = {.bits = 2048};
    union sdf_cipher cipher = {.c = {.L = 16}};
    ECCSignature sig;
    unsigned n;
    HOLDS(sm2_raw_generate(d, point));
    memcpy(key.K + 32, d, 32);
    if (SDF_ExternalSign_ECC(s, SGD_SM2_1, &key, digest, 32, &sig) == SDR_NOTSUPPORT)
        return;
    rsa_test_key(RSA_TEST_HOST, bytes);
    memcpy(rsa.m, bytes, LEN);
    memcpy(rsa.e + LEN - 8, bytes + LEN, 8);
    memcpy(rsa.d, bytes + LEN + 8, LEN);
    memcpy(rsa.prime, bytes + 2 * LEN + 8, 5 * LEN / 2);
    WRONG_SESSION(SDF_ExternalSign_ECC, SGD_SM2_1, &key, digest, 32, &sig);
    WRONG(uiAlgID, unknown, SDR_ALGNOTSUPPORT, SDF_ExternalSign_ECC, s, BAD_ALG, &key, digest, 32, &sig);
    WRONG(pucPrivateKey, null, SDR_INARGERR, SDF_ExternalSign_ECC, s, SGD_SM2_1, NULL, digest, 32, &sig);
    WRONG(pucDataInput, null, SDR_INARGERR, SDF_ExternalSign_ECC, s, SGD_SM2_1, &key, NULL, 32, &sig);
    WRONG(uiInputLength, zero, SDR_INARGERR, SDF_ExternalSign_ECC, s, SGD_SM2_1, &key, digest, 0, &sig);
    WRONG(pucSignature, null, SDR_OUTARGERR, SDF_ExternalSign_ECC, s, SGD_SM2_1, &key, digest, 32, NULL);
    WRONG_SESSION(SDF_ExternalDecrypt_ECC, SGD_SM2_3, &key, &cipher.c, out, &n);
    WRONG(uiAlgID, unknown, SDR_ALGNOTSUPPORT, SDF_ExternalDecrypt_ECC, s, BAD_ALG, &key, &cipher.c, out, &n);
    WRONG(pucPrivateKey, null, SDR_INARGERR, SDF_ExternalDecrypt_ECC, s, SGD_SM2_3, NULL, &cipher.c, out, &n);
    WRONG(pucEncData, null, SDR_INARGERR, SDF_ExternalDecrypt_ECC, s, SGD_SM2_3, &key, NULL, out, &n);
    WRONG(pucData, null, SDR_OK, SDF_ExternalDecrypt_ECC, s, SGD_SM2_3, &key, &cipher.c, NULL, &n); /* how long? */
    WRONG(uiDataLength, null, SDR_OUTARGERR, SDF_ExternalDecrypt_ECC, s, SGD_SM2_3, &key, &cipher.c, out, NULL);
    WRONG_SESSION(SDF_ExternalPrivateKeyOperation_RSA, &rsa, block, LEN, out, &n);
    WRONG(pucPrivateKey, null, SDR_INARGERR, SDF_ExternalPrivateKeyOperation_RSA, s, NULL, block, LEN, out, &n);
    WRONG(pucDataInput, null, SDR_INARGERR, SDF_ExternalPrivateKeyOperation_RSA, s, &rsa, NULL, LEN, out, &n);
    WRONG(uiInputLength, zero, SDR_INARGERR, SDF_ExternalPrivateKeyOperation_RSA, s, &rsa, block, 0, out, &n);
    WRONG(pucDataOutput, null, SDR_OK, SDF_ExternalPrivateKeyOperation_RSA, s, &rsa, block, LEN, NULL, &n);
    WRONG(puiOutputLength, null, SDR_OUTARGERR, SDF_ExternalPrivateKeyOperation_RSA, s, &rsa, block, LEN, out, NULL);
}
