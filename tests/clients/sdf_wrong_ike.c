/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of sdf_wrong.h: keys of IKE and IPSEC. A salt of no length is no error. */
#include <string.h>
#include "tests/clients/sdf_wrong.h"
#include "tests/clients/sm2_raw.h"

#define BAD_ALG 0x00dead00u

static uint8_t ni[16] = {1}, nr[16] = {2}, ci[8] = {3}, cr[8] = {4}, esp = 3, spi[4] = {5}, salt[4];

static void drop(void *session, void *keys[3])
{
    for (unsigned i = 0; i < 3; i++) {
        if (keys[i])
            SDF_DestroyKey(session, keys[i]);
        keys[i] = NULL;
    }
}

static void point_make(struct sdf_env *env, ECCrefPublicKey *key)
{
    uint8_t private[32], point[64];
    HOLDS(sm2_raw_generate(private, point));
    sdf_point(point, key);
}

#define ROW(function, parameter, class, want, ...) WRONG(parameter, class, want, function, s, __VA_ARGS__)

void case_wrong_ike(struct sdf_env *env)
{
    void *s = env->session, *keys[3] = {NULL}, **k = keys;
    WRONG_SESSION(SDF_GenerateKeywithIKE, ni, 16, nr, 16, ci, 8, cr, 8, SGD_SM3, k, 256, k + 1, 256, k + 2, 128);
#define R(...) ROW(SDF_GenerateKeywithIKE, __VA_ARGS__)
    R(pucSponsorNonce, null, SDR_INARGERR, NULL, 16, nr, 16, ci, 8, cr, 8, SGD_SM3, k, 256, k + 1, 256, k + 2, 128);
    R(uiSponsorNonceLength, zero, SDR_INARGERR, ni, 0, nr, 16, ci, 8, cr, 8, SGD_SM3, k, 256, k + 1, 256, k + 2, 128);
    R(pucResponseNonce, null, SDR_INARGERR, ni, 16, NULL, 16, ci, 8, cr, 8, SGD_SM3, k, 256, k + 1, 256, k + 2, 128);
    R(uiResponseNonceLength, zero, SDR_INARGERR, ni, 16, nr, 0, ci, 8, cr, 8, SGD_SM3, k, 256, k + 1, 256, k + 2, 128);
    R(pucSponsorCookie, null, SDR_INARGERR, ni, 16, nr, 16, NULL, 8, cr, 8, SGD_SM3, k, 256, k + 1, 256, k + 2, 128);
    R(uiSponsorCookieLength, zero, SDR_INARGERR, ni, 16, nr, 16, ci, 0, cr, 8, SGD_SM3, k, 256, k + 1, 256, k + 2, 128);
    R(pucResponseCookie, null, SDR_INARGERR, ni, 16, nr, 16, ci, 8, NULL, 8, SGD_SM3, k, 256, k + 1, 256, k + 2, 128);
    R(uiResponseCookieLength, zero, SDR_INARGERR, ni, 16, nr, 16, ci, 8, cr, 0, SGD_SM3, k, 256, k + 1, 256, k + 2,
      128);
    R(uiPrfAlgID, unknown, SDR_ALGNOTSUPPORT, ni, 16, nr, 16, ci, 8, cr, 8, BAD_ALG, k, 256, k + 1, 256, k + 2, 128);
    R(phKeyHandleD, null, SDR_OUTARGERR, ni, 16, nr, 16, ci, 8, cr, 8, SGD_SM3, NULL, 256, k + 1, 256, k + 2, 128);
    R(uiKeyBitsD, unknown, SDR_INARGERR, ni, 16, nr, 16, ci, 8, cr, 8, SGD_SM3, k, 100, k + 1, 256, k + 2, 128);
    R(phKeyHandleA, null, SDR_OUTARGERR, ni, 16, nr, 16, ci, 8, cr, 8, SGD_SM3, k, 256, NULL, 256, k + 2, 128);
    R(uiKeyBitsA, unknown, SDR_INARGERR, ni, 16, nr, 16, ci, 8, cr, 8, SGD_SM3, k, 256, k + 1, 100, k + 2, 128);
    R(phKeyHandleE, null, SDR_OUTARGERR, ni, 16, nr, 16, ci, 8, cr, 8, SGD_SM3, k, 256, k + 1, 256, NULL, 128);
    R(uiKeyBitsE, unknown, SDR_INARGERR, ni, 16, nr, 16, ci, 8, cr, 8, SGD_SM3, k, 256, k + 1, 256, k + 2, 100);
#undef R
    drop(s, keys);
}

void case_wrong_ike_epk(struct sdf_env *env)
{
    void *s = env->session;
    union sdf_cipher cipher[3];
    ECCCipher *c = &cipher[0].c, *c1 = &cipher[1].c, *c2 = &cipher[2].c;
    ECCrefPublicKey key;
    point_make(env, &key);
    WRONG_SESSION(SDF_GenerateKeywithEPK_IKE, ni, 16, nr, 16, ci, 8, cr, 8, SGD_SM3, SGD_SM2_3, &key, c, 256, c1, 256,
                  c2, 128);
#define R(...) ROW(SDF_GenerateKeywithEPK_IKE, __VA_ARGS__)
    R(pucSponsorNonce, null, SDR_INARGERR, NULL, 16, nr, 16, ci, 8, cr, 8, SGD_SM3, SGD_SM2_3, &key, c, 256, c1, 256,
      c2, 128);
    R(uiSponsorNonceLength, zero, SDR_INARGERR, ni, 0, nr, 16, ci, 8, cr, 8, SGD_SM3, SGD_SM2_3, &key, c, 256, c1, 256,
      c2, 128);
    R(pucResponseNonce, null, SDR_INARGERR, ni, 16, NULL, 16, ci, 8, cr, 8, SGD_SM3, SGD_SM2_3, &key, c, 256, c1, 256,
      c2, 128);
    R(uiResponseNonceLength, zero, SDR_INARGERR, ni, 16, nr, 0, ci, 8, cr, 8, SGD_SM3, SGD_SM2_3, &key, c, 256, c1, 256,
      c2, 128);
    R(pucSponsorCookie, null, SDR_INARGERR, ni, 16, nr, 16, NULL, 8, cr, 8, SGD_SM3, SGD_SM2_3, &key, c, 256, c1, 256,
      c2, 128);
    R(uiSponsorCookieLength, zero, SDR_INARGERR, ni, 16, nr, 16, ci, 0, cr, 8, SGD_SM3, SGD_SM2_3, &key, c, 256, c1,
      256, c2, 128);
    R(pucResponseCookie, null, SDR_INARGERR, ni, 16, nr, 16, ci, 8, NULL, 8, SGD_SM3, SGD_SM2_3, &key, c, 256, c1, 256,
      c2, 128);
    R(uiResponseCookieLength, zero, SDR_INARGERR, ni, 16, nr, 16, ci, 8, cr, 0, SGD_SM3, SGD_SM2_3, &key, c, 256, c1,
      256, c2, 128);
    R(uiPrfAlgID, unknown, SDR_ALGNOTSUPPORT, ni, 16, nr, 16, ci, 8, cr, 8, BAD_ALG, SGD_SM2_3, &key, c, 256, c1, 256,
      c2, 128);
    R(uiEccAlgID, unknown, SDR_ALGNOTSUPPORT, ni, 16, nr, 16, ci, 8, cr, 8, SGD_SM3, BAD_ALG, &key, c, 256, c1, 256, c2,
      128);
    R(pucPublicKey, null, SDR_INARGERR, ni, 16, nr, 16, ci, 8, cr, 8, SGD_SM3, SGD_SM2_3, NULL, c, 256, c1, 256, c2,
      128);
    R(pucKeyD, null, SDR_OUTARGERR, ni, 16, nr, 16, ci, 8, cr, 8, SGD_SM3, SGD_SM2_3, &key, NULL, 256, c1, 256, c2,
      128);
    R(uiKeyBitsD, unknown, SDR_INARGERR, ni, 16, nr, 16, ci, 8, cr, 8, SGD_SM3, SGD_SM2_3, &key, c, 100, c1, 256, c2,
      128);
    R(pucKeyA, null, SDR_OUTARGERR, ni, 16, nr, 16, ci, 8, cr, 8, SGD_SM3, SGD_SM2_3, &key, c, 256, NULL, 256, c2, 128);
    R(uiKeyBitsA, unknown, SDR_INARGERR, ni, 16, nr, 16, ci, 8, cr, 8, SGD_SM3, SGD_SM2_3, &key, c, 256, c1, 100, c2,
      128);
    R(pucKeyE, null, SDR_OUTARGERR, ni, 16, nr, 16, ci, 8, cr, 8, SGD_SM3, SGD_SM2_3, &key, c, 256, c1, 256, NULL, 128);
    R(uiKeyBitsE, unknown, SDR_INARGERR, ni, 16, nr, 16, ci, 8, cr, 8, SGD_SM3, SGD_SM2_3, &key, c, 256, c1, 256, c2,
      100);
#undef R
}

void case_wrong_ipsec(struct sdf_env *env)
{
    void *s = env->session, *keys[3] = {NULL}, **k = keys, *d = NULL, *other = NULL, *foreign;
    CALL(SDR_OK, SDF_ImportKey, s, ni, 16, &d);
    WRONG_SESSION(SDF_GenerateKeywithIPSEC, &esp, 1, spi, 4, ni, 16, nr, 16, d, SGD_SM3, k, 128, k + 1, 256, salt, 0);
    foreign = sdf_foreign_key(env, &other);
    WRONG(hKeyHandle, null, SDR_INARGERR, SDF_GenerateKeywithIPSEC, s, &esp, 1, spi, 4, ni, 16, nr, 16, NULL, SGD_SM3,
          k, 128, k + 1, 256, salt, 0);
    WRONG(hKeyHandle, foreign, SDR_INARGERR, SDF_GenerateKeywithIPSEC, s, &esp, 1, spi, 4, ni, 16, nr, 16, foreign,
          SGD_SM3, k, 128, k + 1, 256, salt, 0);
    CALL(SDR_OK, SDF_CloseSession, other);
    WRONG(hKeyHandle, dead, SDR_INARGERR, SDF_GenerateKeywithIPSEC, s, &esp, 1, spi, 4, ni, 16, nr, 16, foreign,
          SGD_SM3, k, 128, k + 1, 256, salt, 0);
#define R(...) ROW(SDF_GenerateKeywithIPSEC, __VA_ARGS__)
    R(pucProtocolID, null, SDR_INARGERR, NULL, 1, spi, 4, ni, 16, nr, 16, d, SGD_SM3, k, 128, k + 1, 256, salt, 0);
    R(uiProtocolIDLength, zero, SDR_INARGERR, &esp, 0, spi, 4, ni, 16, nr, 16, d, SGD_SM3, k, 128, k + 1, 256, salt, 0);
    R(pucSpi, null, SDR_INARGERR, &esp, 1, NULL, 4, ni, 16, nr, 16, d, SGD_SM3, k, 128, k + 1, 256, salt, 0);
    R(uiSpiLength, zero, SDR_INARGERR, &esp, 1, spi, 0, ni, 16, nr, 16, d, SGD_SM3, k, 128, k + 1, 256, salt, 0);
    R(pucSponsorNonce, null, SDR_INARGERR, &esp, 1, spi, 4, NULL, 16, nr, 16, d, SGD_SM3, k, 128, k + 1, 256, salt, 0);
    R(uiSponsorNonceLength, zero, SDR_INARGERR, &esp, 1, spi, 4, ni, 0, nr, 16, d, SGD_SM3, k, 128, k + 1, 256, salt,
      0);
    R(pucResponseNonce, null, SDR_INARGERR, &esp, 1, spi, 4, ni, 16, NULL, 16, d, SGD_SM3, k, 128, k + 1, 256, salt, 0);
    R(uiResponseNonceLength, zero, SDR_INARGERR, &esp, 1, spi, 4, ni, 16, nr, 0, d, SGD_SM3, k, 128, k + 1, 256, salt,
      0);
    R(uiPrfAlgID, unknown, SDR_ALGNOTSUPPORT, &esp, 1, spi, 4, ni, 16, nr, 16, d, BAD_ALG, k, 128, k + 1, 256, salt, 0);
    R(phKeyHandleEnc, null, SDR_OUTARGERR, &esp, 1, spi, 4, ni, 16, nr, 16, d, SGD_SM3, NULL, 128, k + 1, 256, salt, 0);
    R(uiKeyBitsEnc, unknown, SDR_INARGERR, &esp, 1, spi, 4, ni, 16, nr, 16, d, SGD_SM3, k, 100, k + 1, 256, salt, 0);
    R(phKeyHandleMac, null, SDR_OUTARGERR, &esp, 1, spi, 4, ni, 16, nr, 16, d, SGD_SM3, k, 128, NULL, 256, salt, 0);
    R(uiKeyBitsMac, unknown, SDR_INARGERR, &esp, 1, spi, 4, ni, 16, nr, 16, d, SGD_SM3, k, 128, k + 1, 100, salt, 0);
    R(pucSalt, null, SDR_OK, &esp, 1, spi, 4, ni, 16, nr, 16, d, SGD_SM3, k, 128, k + 1, 256, NULL, 0);
    R(uiSaltLength, zero, SDR_OK, &esp, 1, spi, 4, ni, 16, nr, 16, d, SGD_SM3, k, 128, k + 1, 256, salt, 0);
    R(uiSaltLength, value, SDR_NOTSUPPORT, &esp, 1, spi, 4, ni, 16, nr, 16, d, SGD_SM3, k, 128, k + 1, 256, salt, 4);
#undef R
    drop(s, keys);
}

void case_wrong_ipsec_epk(struct sdf_env *env)
{
    void *s = env->session, *d = NULL, *other = NULL, *foreign;
    union sdf_cipher cipher[3];
    ECCCipher *c = &cipher[0].c, *c1 = &cipher[1].c;
    ECCrefPublicKey key;
    CALL(SDR_OK, SDF_ImportKey, s, ni, 16, &d);
    point_make(env, &key);
    WRONG_SESSION(SDF_GenerateKeywithEPK_IPSEC, &esp, 1, spi, 4, ni, 16, nr, 16, d, SGD_SM3, SGD_SM2_3, &key, c, 128,
                  c1, 256, salt, 0);
    foreign = sdf_foreign_key(env, &other);
    WRONG(hKeyHandle, null, SDR_INARGERR, SDF_GenerateKeywithEPK_IPSEC, s, &esp, 1, spi, 4, ni, 16, nr, 16, NULL,
          SGD_SM3, SGD_SM2_3, &key, c, 128, c1, 256, salt, 0);
    WRONG(hKeyHandle, foreign, SDR_INARGERR, SDF_GenerateKeywithEPK_IPSEC, s, &esp, 1, spi, 4, ni, 16, nr, 16, foreign,
          SGD_SM3, SGD_SM2_3, &key, c, 128, c1, 256, salt, 0);
    CALL(SDR_OK, SDF_CloseSession, other);
    WRONG(hKeyHandle, dead, SDR_INARGERR, SDF_GenerateKeywithEPK_IPSEC, s, &esp, 1, spi, 4, ni, 16, nr, 16, foreign,
          SGD_SM3, SGD_SM2_3, &key, c, 128, c1, 256, salt, 0);
#define R(...) ROW(SDF_GenerateKeywithEPK_IPSEC, __VA_ARGS__)
    R(pucProtocolID, null, SDR_INARGERR, NULL, 1, spi, 4, ni, 16, nr, 16, d, SGD_SM3, SGD_SM2_3, &key, c, 128, c1, 256,
      salt, 0);
    R(uiProtocolIDLength, zero, SDR_INARGERR, &esp, 0, spi, 4, ni, 16, nr, 16, d, SGD_SM3, SGD_SM2_3, &key, c, 128, c1,
      256, salt, 0);
    R(pucSpi, null, SDR_INARGERR, &esp, 1, NULL, 4, ni, 16, nr, 16, d, SGD_SM3, SGD_SM2_3, &key, c, 128, c1, 256, salt,
      0);
    R(uiSpiLength, zero, SDR_INARGERR, &esp, 1, spi, 0, ni, 16, nr, 16, d, SGD_SM3, SGD_SM2_3, &key, c, 128, c1, 256,
      salt, 0);
    R(pucSponsorNonce, null, SDR_INARGERR, &esp, 1, spi, 4, NULL, 16, nr, 16, d, SGD_SM3, SGD_SM2_3, &key, c, 128, c1,
      256, salt, 0);
    R(uiSponsorNonceLength, zero, SDR_INARGERR, &esp, 1, spi, 4, ni, 0, nr, 16, d, SGD_SM3, SGD_SM2_3, &key, c, 128, c1,
      256, salt, 0);
    R(pucResponseNonce, null, SDR_INARGERR, &esp, 1, spi, 4, ni, 16, NULL, 16, d, SGD_SM3, SGD_SM2_3, &key, c, 128, c1,
      256, salt, 0);
    R(uiResponseNonceLength, zero, SDR_INARGERR, &esp, 1, spi, 4, ni, 16, nr, 0, d, SGD_SM3, SGD_SM2_3, &key, c, 128,
      c1, 256, salt, 0);
    R(uiPrfAlgID, unknown, SDR_ALGNOTSUPPORT, &esp, 1, spi, 4, ni, 16, nr, 16, d, BAD_ALG, SGD_SM2_3, &key, c, 128, c1,
      256, salt, 0);
    R(uiEccAlgID, unknown, SDR_ALGNOTSUPPORT, &esp, 1, spi, 4, ni, 16, nr, 16, d, SGD_SM3, BAD_ALG, &key, c, 128, c1,
      256, salt, 0);
    R(pucPublicKey, null, SDR_INARGERR, &esp, 1, spi, 4, ni, 16, nr, 16, d, SGD_SM3, SGD_SM2_3, NULL, c, 128, c1, 256,
      salt, 0);
    R(pucKeyEnc, null, SDR_OUTARGERR, &esp, 1, spi, 4, ni, 16, nr, 16, d, SGD_SM3, SGD_SM2_3, &key, NULL, 128, c1, 256,
      salt, 0);
    R(uiKeyBitsEnc, unknown, SDR_INARGERR, &esp, 1, spi, 4, ni, 16, nr, 16, d, SGD_SM3, SGD_SM2_3, &key, c, 100, c1,
      256, salt, 0);
    R(pucKeyMac, null, SDR_OUTARGERR, &esp, 1, spi, 4, ni, 16, nr, 16, d, SGD_SM3, SGD_SM2_3, &key, c, 128, NULL, 256,
      salt, 0);
    R(uiKeyBitsMac, unknown, SDR_INARGERR, &esp, 1, spi, 4, ni, 16, nr, 16, d, SGD_SM3, SGD_SM2_3, &key, c, 128, c1,
      100, salt, 0);
    R(pucSalt, null, SDR_OK, &esp, 1, spi, 4, ni, 16, nr, 16, d, SGD_SM3, SGD_SM2_3, &key, c, 128, c1, 256, NULL, 0);
    R(uiSaltLength, zero, SDR_OK, &esp, 1, spi, 4, ni, 16, nr, 16, d, SGD_SM3, SGD_SM2_3, &key, c, 128, c1, 256, salt,
      0);
    R(uiSaltLength, value, SDR_NOTSUPPORT, &esp, 1, spi, 4, ni, 16, nr, 16, d, SGD_SM3, SGD_SM2_3, &key, c, 128, c1,
      256, salt, 4);
#undef R
}
