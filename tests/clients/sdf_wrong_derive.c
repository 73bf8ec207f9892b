/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of sdf_wrong.h: keys of secure channels. A key of no bits and bytes in clear of no length are no error. */
#include <string.h>
#include "tests/clients/sdf_wrong.h"
#include "tests/clients/sm2_raw.h"

#define BAD_ALG 0x00dead00u

static uint8_t a[32] = {1}, b[32] = {2}, iv[16], iv2[16];

#define ROW(parameter, class, want, ...)                                                                               \
    WRONG(parameter, class, want, SDF_GenerateKeywithSSL, s, __VA_ARGS__);                                             \
    drop(s, keys)

static void drop(void *session, void *keys[4])
{
    for (unsigned i = 0; i < 4; i++) {
        if (keys[i])
            SDF_DestroyKey(session, keys[i]);
        keys[i] = NULL;
    }
}

void case_wrong_derive(struct sdf_env *env)
{
    void *s = env->session, *pre = NULL, *keys[4] = {NULL}, **k = keys;
    CALL(SDR_OK, SDF_ImportKey, s, a, 32, &pre);
    WRONG_SESSION(SDF_GenerateKeywithSSL, pre, a, 32, b, 32, SGD_SM3, k, 256, k + 1, 256, k + 2, 128, k + 3, 128, iv,
                  16, iv2, 16);
    WRONG_KEY(hKeyHandlePreMaster, SDF_GenerateKeywithSSL, a, 32, b, 32, SGD_SM3, k, 256, k + 1, 256, k + 2, 128, k + 3,
              128, iv, 16, iv2, 16);
    ROW(pucClientRandom, null, SDR_INARGERR, pre, NULL, 32, b, 32, SGD_SM3, k, 256, k + 1, 256, k + 2, 128, k + 3, 128,
        iv, 16, iv2, 16);
    ROW(uiClientRandomLength, zero, SDR_INARGERR, pre, a, 0, b, 32, SGD_SM3, k, 256, k + 1, 256, k + 2, 128, k + 3, 128,
        iv, 16, iv2, 16);
    ROW(pucServerRandom, null, SDR_INARGERR, pre, a, 32, NULL, 32, SGD_SM3, k, 256, k + 1, 256, k + 2, 128, k + 3, 128,
        iv, 16, iv2, 16);
    ROW(uiServerRandomLength, zero, SDR_INARGERR, pre, a, 32, b, 0, SGD_SM3, k, 256, k + 1, 256, k + 2, 128, k + 3, 128,
        iv, 16, iv2, 16);
    ROW(uiPrfAlgID, unknown, SDR_ALGNOTSUPPORT, pre, a, 32, b, 32, BAD_ALG, k, 256, k + 1, 256, k + 2, 128, k + 3, 128,
        iv, 16, iv2, 16);
    ROW(phKeyHandleClientMac, null, SDR_OUTARGERR, pre, a, 32, b, 32, SGD_SM3, NULL, 256, k + 1, 256, k + 2, 128, k + 3,
        128, iv, 16, iv2, 16);
    ROW(uiKeyBitsClientMac, unknown, SDR_INARGERR, pre, a, 32, b, 32, SGD_SM3, k, 100, k + 1, 256, k + 2, 128, k + 3,
        128, iv, 16, iv2, 16);
    ROW(phKeyHandleServerMac, null, SDR_OUTARGERR, pre, a, 32, b, 32, SGD_SM3, k, 256, NULL, 256, k + 2, 128, k + 3,
        128, iv, 16, iv2, 16);
    ROW(uiKeyBitsServerMac, unknown, SDR_INARGERR, pre, a, 32, b, 32, SGD_SM3, k, 256, k + 1, 100, k + 2, 128, k + 3,
        128, iv, 16, iv2, 16);
    ROW(phKeyHandleClientEnc, null, SDR_OUTARGERR, pre, a, 32, b, 32, SGD_SM3, k, 256, k + 1, 256, NULL, 128, k + 3,
        128, iv, 16, iv2, 16);
    ROW(uiKeyBitsClientEnc, unknown, SDR_INARGERR, pre, a, 32, b, 32, SGD_SM3, k, 256, k + 1, 256, k + 2, 100, k + 3,
        128, iv, 16, iv2, 16);
    ROW(phKeyHandleServerEnc, null, SDR_OUTARGERR, pre, a, 32, b, 32, SGD_SM3, k, 256, k + 1, 256, k + 2, 128, NULL,
        128, iv, 16, iv2, 16);
    ROW(uiKeyBitsServerEnc, unknown, SDR_INARGERR, pre, a, 32, b, 32, SGD_SM3, k, 256, k + 1, 256, k + 2, 128, k + 3,
        100, iv, 16, iv2, 16);
    ROW(pucClientIV, null, SDR_OUTARGERR, pre, a, 32, b, 32, SGD_SM3, k, 256, k + 1, 256, k + 2, 128, k + 3, 128, NULL,
        16, iv2, 16);
    ROW(uiClientIVLength, zero, SDR_OK, pre, a, 32, b, 32, SGD_SM3, k, 256, k + 1, 256, k + 2, 128, k + 3, 128, iv, 0,
        iv2, 16);
    ROW(pucServerIV, null, SDR_OUTARGERR, pre, a, 32, b, 32, SGD_SM3, k, 256, k + 1, 256, k + 2, 128, k + 3, 128, iv,
        16, NULL, 16);
    ROW(uiServerIVLength, zero, SDR_OK, pre, a, 32, b, 32, SGD_SM3, k, 256, k + 1, 256, k + 2, 128, k + 3, 128, iv, 16,
        iv2, 0);
    /* what is not wanted needs no place */
    ROW(phKeyHandleClientMac, value, SDR_OK, pre, a, 32, b, 32, SGD_SM3, NULL, 0, NULL, 0, k + 2, 128, k + 3, 128, NULL,
        0, NULL, 0);
}

#undef ROW
#define ROW(parameter, class, want, ...) WRONG(parameter, class, want, SDF_GenerateKeywithEPK_SSL, s, __VA_ARGS__)

void case_wrong_derive_epk(struct sdf_env *env)
{
    void *s = env->session, *pre = NULL;
    union sdf_cipher cipher[4];
    ECCCipher *c = &cipher[0].c, *c1 = &cipher[1].c, *c2 = &cipher[2].c, *c3 = &cipher[3].c;
    uint8_t d[32], point[64];
    ECCrefPublicKey key, *p = &key;
    HOLDS(sm2_raw_generate(d, point));
    sdf_point(point, p);
    CALL(SDR_OK, SDF_ImportKey, s, a, 32, &pre);
    WRONG_SESSION(SDF_GenerateKeywithEPK_SSL, pre, a, 32, b, 32, SGD_SM3, SGD_SM2_3, p, c, 256, c1, 256, c2, 128, c3,
                  128, iv, 16, iv2, 16);
    WRONG_KEY(hKeyHandlePreMaster, SDF_GenerateKeywithEPK_SSL, a, 32, b, 32, SGD_SM3, SGD_SM2_3, p, c, 256, c1, 256, c2,
              128, c3, 128, iv, 16, iv2, 16);
    ROW(pucClientRandom, null, SDR_INARGERR, pre, NULL, 32, b, 32, SGD_SM3, SGD_SM2_3, p, c, 256, c1, 256, c2, 128, c3,
        128, iv, 16, iv2, 16);
    ROW(uiClientRandomLength, zero, SDR_INARGERR, pre, a, 0, b, 32, SGD_SM3, SGD_SM2_3, p, c, 256, c1, 256, c2, 128, c3,
        128, iv, 16, iv2, 16);
    ROW(pucServerRandom, null, SDR_INARGERR, pre, a, 32, NULL, 32, SGD_SM3, SGD_SM2_3, p, c, 256, c1, 256, c2, 128, c3,
        128, iv, 16, iv2, 16);
    ROW(uiServerRandomLength, zero, SDR_INARGERR, pre, a, 32, b, 0, SGD_SM3, SGD_SM2_3, p, c, 256, c1, 256, c2, 128, c3,
        128, iv, 16, iv2, 16);
    ROW(uiPrfAlgID, unknown, SDR_ALGNOTSUPPORT, pre, a, 32, b, 32, BAD_ALG, SGD_SM2_3, p, c, 256, c1, 256, c2, 128, c3,
        128, iv, 16, iv2, 16);
    ROW(uiEccAlgID, unknown, SDR_ALGNOTSUPPORT, pre, a, 32, b, 32, SGD_SM3, BAD_ALG, p, c, 256, c1, 256, c2, 128, c3,
        128, iv, 16, iv2, 16);
    ROW(pucPublicKey, null, SDR_INARGERR, pre, a, 32, b, 32, SGD_SM3, SGD_SM2_3, NULL, c, 256, c1, 256, c2, 128, c3,
        128, iv, 16, iv2, 16);
    ROW(pucKeyClientMac, null, SDR_OUTARGERR, pre, a, 32, b, 32, SGD_SM3, SGD_SM2_3, p, NULL, 256, c1, 256, c2, 128, c3,
        128, iv, 16, iv2, 16);
    ROW(uiKeyBitsClientMac, unknown, SDR_INARGERR, pre, a, 32, b, 32, SGD_SM3, SGD_SM2_3, p, c, 100, c1, 256, c2, 128,
        c3, 128, iv, 16, iv2, 16);
    ROW(pucKeyServerMac, null, SDR_OUTARGERR, pre, a, 32, b, 32, SGD_SM3, SGD_SM2_3, p, c, 256, NULL, 256, c2, 128, c3,
        128, iv, 16, iv2, 16);
    ROW(uiKeyBitsServerMac, unknown, SDR_INARGERR, pre, a, 32, b, 32, SGD_SM3, SGD_SM2_3, p, c, 256, c1, 100, c2, 128,
        c3, 128, iv, 16, iv2, 16);
    ROW(pucKeyClientEnc, null, SDR_OUTARGERR, pre, a, 32, b, 32, SGD_SM3, SGD_SM2_3, p, c, 256, c1, 256, NULL, 128, c3,
        128, iv, 16, iv2, 16);
    ROW(uiKeyBitsClientEnc, unknown, SDR_INARGERR, pre, a, 32, b, 32, SGD_SM3, SGD_SM2_3, p, c, 256, c1, 256, c2, 100,
        c3, 128, iv, 16, iv2, 16);
    ROW(pucKeyServerEnc, null, SDR_OUTARGERR, pre, a, 32, b, 32, SGD_SM3, SGD_SM2_3, p, c, 256, c1, 256, c2, 128, NULL,
        128, iv, 16, iv2, 16);
    ROW(uiKeyBitsServerEnc, unknown, SDR_INARGERR, pre, a, 32, b, 32, SGD_SM3, SGD_SM2_3, p, c, 256, c1, 256, c2, 128,
        c3, 100, iv, 16, iv2, 16);
    ROW(pucClientIV, null, SDR_OUTARGERR, pre, a, 32, b, 32, SGD_SM3, SGD_SM2_3, p, c, 256, c1, 256, c2, 128, c3, 128,
        NULL, 16, iv2, 16);
    ROW(uiClientIVLength, zero, SDR_OK, pre, a, 32, b, 32, SGD_SM3, SGD_SM2_3, p, c, 256, c1, 256, c2, 128, c3, 128, iv,
        0, iv2, 16);
    ROW(pucServerIV, null, SDR_OUTARGERR, pre, a, 32, b, 32, SGD_SM3, SGD_SM2_3, p, c, 256, c1, 256, c2, 128, c3, 128,
        iv, 16, NULL, 16);
    ROW(uiServerIVLength, zero, SDR_OK, pre, a, 32, b, 32, SGD_SM3, SGD_SM2_3, p, c, 256, c1, 256, c2, 128, c3, 128, iv,
        16, iv2, 0);
}
