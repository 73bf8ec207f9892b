/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/evp.h>
#include <string.h>
#include <sys/mman.h>
#include "tests/clients/sdf_cases.h"
#include "tests/clients/rsa_raw.h"
#include "tests/clients/sm2_raw.h"

static const uint8_t canary[16] = "behind the end.";

static void cipher_guard(union sdf_cipher *cipher, size_t c_len)
{
    memcpy(cipher->bytes + 164 + c_len, canary, sizeof canary);
}

static bool cipher_guarded(const union sdf_cipher *cipher, size_t c_len)
{
    return memcmp(cipher->bytes + 164 + c_len, canary, sizeof canary) == 0;
}

/* True where both handles are the same key: one block through each. */
static bool same_key(struct sdf_env *env, void *a, void *b)
{
    uint8_t in[16] = "one single block", x[16], y[16];
    unsigned n;
    return CALL(SDR_OK, SDF_Encrypt, env->session, a, SGD_SM4_ECB, NULL, in, 16, x, &n) &&
           CALL(SDR_OK, SDF_Decrypt, env->session, b, SGD_SM4_ECB, NULL, x, 16, y, &n) && memcmp(in, y, 16) == 0;
}

void case_export(struct sdf_env *env)
{
    ECCrefPublicKey sign, enc;
    uint8_t point[64], zero[32] = {0};
    CALL(SDR_OK, SDF_ExportSignPublicKey_ECC, env->session, 1, &sign);
    CALL(SDR_OK, SDF_ExportEncPublicKey_ECC, env->session, 1, &enc);
    HOLDS(sign.bits == 256 && memcmp(sign.x, zero, 32) == 0 && memcmp(sign.y, zero, 32) == 0);
    HOLDS(memcmp(&sign, &enc, sizeof sign) != 0);
    sdf_point_bytes(&sign, point);
    HOLDS(sm2_raw_on_curve(point));
    sdf_point_bytes(&enc, point);
    HOLDS(sm2_raw_on_curve(point));
    CALL(SDR_KEYNOTEXIST, SDF_ExportSignPublicKey_ECC, env->session, 3, &sign);
    CALL(SDR_KEYNOTEXIST, SDF_ExportEncPublicKey_ECC, env->session, 3, &sign);
    FAILS(SDF_ExportSignPublicKey_ECC, env->session, 0xffffffff, &sign);
    CALL(SDR_OUTARGERR, SDF_ExportSignPublicKey_ECC, env->session, 1, NULL);
    CALL(SDR_OUTARGERR, SDF_ExportEncPublicKey_ECC, env->session, 1, NULL);
}

void case_keypair(struct sdf_env *env)
{
    static const unsigned algs[] = {SGD_SM2, SGD_SM2_1, SGD_SM2_2, SGD_SM2_3}; /* both numberings */
    ECCrefPublicKey key;
    ECCrefPrivateKey private_key;
    uint8_t point[64], computed[64];
    for (size_t i = 0; i < 4; i++) {
        CALL(SDR_OK, SDF_GenerateKeyPair_ECC, env->session, algs[i], 256, &key, &private_key);
        sdf_point_bytes(&key, point);
        HOLDS(private_key.bits == 256 && sm2_raw_public(private_key.K + 32, computed));
        HOLDS(memcmp(point, computed, 64) == 0);
    }
    CALL(SDR_ALGNOTSUPPORT, SDF_GenerateKeyPair_ECC, env->session, SGD_RSA, 256, &key, &private_key);
    CALL(SDR_INARGERR, SDF_GenerateKeyPair_ECC, env->session, SGD_SM2, 384, &key, &private_key);
    CALL(SDR_OUTARGERR, SDF_GenerateKeyPair_ECC, env->session, SGD_SM2, 256, NULL, &private_key);
    CALL(SDR_OUTARGERR, SDF_GenerateKeyPair_ECC, env->session, SGD_SM2, 256, &key, NULL);
}

void case_epk(struct sdf_env *env)
{
    static const unsigned algs[] = {SGD_SM2, SGD_SM2_2, SGD_SM2_3};
    uint8_t d[32], point[64], raw[96 + 255], bytes[32], off_curve[64];
    union sdf_cipher cipher;
    ECCrefPublicKey key, bad;
    void *handle;
    HOLDS(sm2_raw_generate(d, point));
    sdf_point(point, &key);
    for (size_t i = 0; i < 3; i++) {
        cipher_guard(&cipher, 16);
        CALL(SDR_OK, SDF_GenerateKeyWithEPK_ECC, env->session, 128, algs[i], &key, &cipher.c, &handle);
        HOLDS(cipher_guarded(&cipher, 16)); /* 164 + L bytes and no more */
        HOLDS(cipher.c.L == 16 && sm2_raw_decrypt(d, raw, sdf_cipher_bytes(&cipher.c, raw), bytes));
        CALL(SDR_OK, SDF_DestroyKey, env->session, handle);
    }
    void *s = env->session;
    CALL(SDR_ALGNOTSUPPORT, SDF_GenerateKeyWithEPK_ECC, s, 128, SGD_RSA, &key, &cipher.c, &handle);
    CALL(SDR_INARGERR, SDF_GenerateKeyWithEPK_ECC, s, 100, SGD_SM2_3, &key, &cipher.c, &handle);
    CALL(SDR_INARGERR, SDF_GenerateKeyWithEPK_ECC, s, 128, SGD_SM2_3, NULL, &cipher.c, &handle);
    CALL(SDR_OUTARGERR, SDF_GenerateKeyWithEPK_ECC, s, 128, SGD_SM2_3, &key, NULL, &handle);
    CALL(SDR_OUTARGERR, SDF_GenerateKeyWithEPK_ECC, s, 128, SGD_SM2_3, &key, &cipher.c, NULL);
    bad = key;
    bad.bits = 255;
    CALL(SDR_INARGERR, SDF_GenerateKeyWithEPK_ECC, s, 128, SGD_SM2_3, &bad, &cipher.c, &handle);
    bad = key;
    bad.x[0] = 1;
    CALL(SDR_INARGERR, SDF_GenerateKeyWithEPK_ECC, s, 128, SGD_SM2_3, &bad, &cipher.c, &handle);
    memcpy(off_curve, point, 64);
    off_curve[63] ^= 1;
    sdf_point(off_curve, &bad);
    CALL(SDR_KEYERR, SDF_GenerateKeyWithEPK_ECC, s, 128, SGD_SM2_3, &bad, &cipher.c, &handle);
}

void case_ipk_isk(struct sdf_env *env)
{
    union sdf_cipher cipher, bad;
    void *made, *opened, *s = env->session;
    cipher_guard(&cipher, 16);
    if (!CALL(SDR_OK, SDF_GenerateKeyWithIPK_ECC, s, 1, 128, &cipher.c, &made))
        return;
    HOLDS(cipher_guarded(&cipher, 16) && cipher.c.L == 16);
    CALL(SDR_PARDENY, SDF_ImportKeyWithISK_ECC, s, 1, &cipher.c, &opened);
    CALL(SDR_OK, SDF_GetPrivateKeyAccessRight, s, 1, NULL, 0);
    if (CALL(SDR_OK, SDF_ImportKeyWithISK_ECC, s, 1, &cipher.c, &opened)) {
        HOLDS(opened != made && same_key(env, made, opened));
        CALL(SDR_OK, SDF_DestroyKey, s, opened);
    }
    bad = cipher;
    bad.c.M[5] ^= 1;
    CALL(SDR_ENCDATAERR, SDF_ImportKeyWithISK_ECC, s, 1, &bad.c, &opened);
    bad = cipher;
    bad.c.y[3] = 7;
    CALL(SDR_ENCDATAERR, SDF_ImportKeyWithISK_ECC, s, 1, &bad.c, &opened);
    bad = cipher;
    bad.c.L = 0;
    CALL(SDR_INARGERR, SDF_ImportKeyWithISK_ECC, s, 1, &bad.c, &opened);
    bad.c.L = 256;
    CALL(SDR_INARGERR, SDF_ImportKeyWithISK_ECC, s, 1, &bad.c, &opened);
    CALL(SDR_INARGERR, SDF_ImportKeyWithISK_ECC, s, 1, NULL, &opened);
    CALL(SDR_OUTARGERR, SDF_ImportKeyWithISK_ECC, s, 1, &cipher.c, NULL);
    CALL(SDR_KEYNOTEXIST, SDF_GenerateKeyWithIPK_ECC, s, 3, 128, &cipher.c, &made);
    CALL(SDR_INARGERR, SDF_GenerateKeyWithIPK_ECC, s, 1, 0, &cipher.c, &made);
    CALL(SDR_OUTARGERR, SDF_GenerateKeyWithIPK_ECC, s, 1, 128, NULL, &made);
    CALL(SDR_OUTARGERR, SDF_GenerateKeyWithIPK_ECC, s, 1, 128, &cipher.c, NULL);
}

void case_kek(struct sdf_env *env)
{
    static const unsigned algs[] = {SGD_SM4_ECB, SGD_SM4_CBC, SGD_AES_ECB, SGD_AES_CBC};
    uint8_t wrapped[64];
    unsigned n;
    void *made, *opened, *s = env->session;
    for (size_t i = 0; i < 4; i++) {
        n = 0xdeadbeef; /* callers leave it uninitialised */
        if (!CALL(SDR_OK, SDF_GenerateKeyWithKEK, s, 128, algs[i], 1, wrapped, &n, &made) || !HOLDS(n == 16))
            continue;
        if (CALL(SDR_OK, SDF_ImportKeyWithKEK, s, algs[i], 1, wrapped, n, &opened)) {
            HOLDS(same_key(env, made, opened));
            CALL(SDR_OK, SDF_DestroyKey, s, opened);
        }
        CALL(SDR_OK, SDF_DestroyKey, s, made);
    }
    n = 0;
    CALL(SDR_OK, SDF_GenerateKeyWithKEK, s, 256, SGD_SM4_ECB, 1, NULL, &n, &made); /* how long? */
    HOLDS(n == 32);
    CALL(SDR_KEYNOTEXIST, SDF_GenerateKeyWithKEK, s, 128, SGD_SM4_ECB, 3, wrapped, &n, &made);
    CALL(SDR_ALGMODNOTSUPPORT, SDF_GenerateKeyWithKEK, s, 128, SGD_SM4_CTR, 1, wrapped, &n, &made);
    CALL(SDR_ALGNOTSUPPORT, SDF_GenerateKeyWithKEK, s, 128, SGD_SM2_3, 1, wrapped, &n, &made);
    CALL(SDR_INARGERR, SDF_GenerateKeyWithKEK, s, 127, SGD_SM4_ECB, 1, wrapped, &n, &made);
    CALL(SDR_OUTARGERR, SDF_GenerateKeyWithKEK, s, 128, SGD_SM4_ECB, 1, wrapped, NULL, &made);
    CALL(SDR_OUTARGERR, SDF_GenerateKeyWithKEK, s, 128, SGD_SM4_ECB, 1, wrapped, &n, NULL);
    CALL(SDR_KEYNOTEXIST, SDF_ImportKeyWithKEK, s, SGD_SM4_ECB, 3, wrapped, 16, &opened);
    CALL(SDR_ALGMODNOTSUPPORT, SDF_ImportKeyWithKEK, s, SGD_SM4_OFB, 1, wrapped, 16, &opened);
    CALL(SDR_INARGERR, SDF_ImportKeyWithKEK, s, SGD_SM4_ECB, 1, wrapped, 15, &opened);
    CALL(SDR_INARGERR, SDF_ImportKeyWithKEK, s, SGD_SM4_ECB, 1, wrapped, 80, &opened);
    CALL(SDR_INARGERR, SDF_ImportKeyWithKEK, s, SGD_SM4_ECB, 1, NULL, 16, &opened);
    CALL(SDR_OUTARGERR, SDF_ImportKeyWithKEK, s, SGD_SM4_ECB, 1, wrapped, 16, NULL);
}

/* A KEK with an access code: nothing without the right, which is one session's and has nothing to do with that to the
   private keys of the same index. */
void case_kek_rights(struct sdf_env *env)
{
    uint8_t wrapped[64], code[] = "12345678", wrong[] = "12345679", longer[300] = {0};
    unsigned n;
    void *made, *opened, *other, *s = env->session;
    CALL(SDR_PARDENY, SDF_GenerateKeyWithKEK, s, 128, SGD_SM4_ECB, 2, wrapped, &n, &made);
    CALL(SDR_PARDENY, SDF_ImportKeyWithKEK, s, SGD_SM4_ECB, 2, wrapped, 16, &opened);
    CALL(SDR_OK, SDF_GetPrivateKeyAccessRight, s, 2, code, 8); /* not this one */
    CALL(SDR_PARDENY, SDF_GenerateKeyWithKEK, s, 128, SGD_SM4_ECB, 2, wrapped, &n, &made);
    CALL(SDR_PRKRERR, SDF_GetKEKAccessRight, s, 2, NULL, 0);
    CALL(SDR_PRKRERR, SDF_GetKEKAccessRight, s, 2, wrong, 8);
    CALL(SDR_PARDENY, SDF_GenerateKeyWithKEK, s, 128, SGD_SM4_ECB, 2, wrapped, &n, &made);
    CALL(SDR_OK, SDF_GetKEKAccessRight, s, 2, code, 8);
    CALL(SDR_OK, SDF_GetKekAccessRight, s, 2, code, 8); /* twice: it counts */
    if (CALL(SDR_OK, SDF_GenerateKeyWithKEK, s, 128, SGD_SM4_ECB, 2, wrapped, &n, &made) &&
        CALL(SDR_OK, SDF_ImportKeyWithKEK, s, SGD_SM4_ECB, 2, wrapped, n, &opened)) {
        HOLDS(same_key(env, made, opened));
        CALL(SDR_OK, SDF_DestroyKey, s, opened);
    }
    if (CALL(SDR_OK, SDF_OpenSession, env->device, &other)) {
        CALL(SDR_PARDENY, SDF_ImportKeyWithKEK, other, SGD_SM4_ECB, 2, wrapped, n, &opened);
        CALL(SDR_PARDENY, SDF_ReleaseKEKAccessRight, other, 2);
        CALL(SDR_OK, SDF_CloseSession, other);
    }
    CALL(SDR_OK, SDF_ReleasePrivateKeyAccessRight, s, 2); /* nor its release */
    CALL(SDR_OK, SDF_ReleaseKEKAccessRight, s, 2);
    CALL(SDR_OK, SDF_ImportKeyWithKEK, s, SGD_SM4_ECB, 2, wrapped, n, &opened);
    CALL(SDR_OK, SDF_ReleaseKekAccessRight, s, 2);
    CALL(SDR_PARDENY, SDF_ImportKeyWithKEK, s, SGD_SM4_ECB, 2, wrapped, n, &made);
    CALL(SDR_PARDENY, SDF_ReleaseKEKAccessRight, s, 2);
    CALL(SDR_PARDENY, SDF_ReleaseKekAccessRight, s, 2);
    /* one without a code needs no right, but gives it */
    CALL(SDR_PRKRERR, SDF_GetKEKAccessRight, s, 1, code, 8);
    CALL(SDR_PRKRERR, SDF_GetKekAccessRight, s, 1, code, 8);
    CALL(SDR_OK, SDF_GetKEKAccessRight, s, 1, NULL, 0);
    CALL(SDR_OK, SDF_ReleaseKEKAccessRight, s, 1);
    CALL(SDR_OK, SDF_GenerateKeyWithKEK, s, 128, SGD_SM4_ECB, 1, wrapped, &n, &made);
    CALL(SDR_KEYNOTEXIST, SDF_GetKEKAccessRight, s, 3, NULL, 0);
    CALL(SDR_KEYNOTEXIST, SDF_GetKEKAccessRight, s, 0, NULL, 0); /* KEKs begin at 1 */
    CALL(SDR_KEYNOTEXIST, SDF_ReleaseKEKAccessRight, s, 3);
    CALL(SDR_INARGERR, SDF_GetKEKAccessRight, s, 2, longer, sizeof longer);
    CALL(SDR_INARGERR, SDF_GetKEKAccessRight, s, 2, NULL, 8);
}

static void export_to_point(struct sdf_env *env, void *key, const uint8_t *bytes, unsigned len)
{
    uint8_t d[32], point[64], raw[96 + 255], out[32];
    union sdf_cipher cipher;
    ECCrefPublicKey public;
    void *s = env->session;
    HOLDS(sm2_raw_generate(d, point));
    sdf_point(point, &public);
    cipher_guard(&cipher, len);
    CALL(SDR_OK, SDF_ExportKeyWithEPK_ECC, s, key, SGD_SM2_3, &public, &cipher.c);
    HOLDS(cipher_guarded(&cipher, len) && cipher.c.L == len);
    HOLDS(sm2_raw_decrypt(d, raw, sdf_cipher_bytes(&cipher.c, raw), out) && memcmp(out, bytes, len) == 0);
    CALL(SDR_ALGNOTSUPPORT, SDF_ExportKeyWithEPK_ECC, s, key, SGD_RSA, &public, &cipher.c);
    CALL(SDR_INARGERR, SDF_ExportKeyWithEPK_ECC, s, key, SGD_SM2_3, NULL, &cipher.c);
    CALL(SDR_OUTARGERR, SDF_ExportKeyWithEPK_ECC, s, key, SGD_SM2_3, &public, NULL);
    point[63] ^= 1;
    sdf_point(point, &public);
    CALL(SDR_KEYERR, SDF_ExportKeyWithEPK_ECC, s, key, SGD_SM2_3, &public, &cipher.c);
}

static void export_to_rsa(struct sdf_env *env, void *key, const uint8_t *bytes, unsigned len)
{
    uint8_t host[RSA_RAW_KEY_MAX], wrapped[256 + 1], out[RSA_RAW_MAX];
    RSArefPublicKey public = {.bits = 2048};
    unsigned n = 0;
    void *s = env->session;
    rsa_test_key(RSA_TEST_HOST, host);
    memcpy(public.m, host, 256);
    memcpy(public.e + 256 - 8, host + 256, 8);
    CALL(SDR_OK, SDF_ExportKeyWithEPK_RSA, s, key, &public, NULL, &n);
    HOLDS(n == 256);
    n = 0;
    wrapped[256] = 0x5a;
    CALL(SDR_OK, SDF_ExportKeyWithEPK_RSA, s, key, &public, wrapped, &n);
    HOLDS(n == 256 && wrapped[256] == 0x5a);
    HOLDS(rsa_raw_unwrap(host, 256, wrapped, out) == len && memcmp(out, bytes, len) == 0);
    CALL(SDR_INARGERR, SDF_ExportKeyWithEPK_RSA, s, key, NULL, wrapped, &n);
    CALL(SDR_OUTARGERR, SDF_ExportKeyWithEPK_RSA, s, key, &public, wrapped, NULL);
    public.m[255] &= 0xfe; /* an even number is no modulus */
    CALL(SDR_KEYERR, SDF_ExportKeyWithEPK_RSA, s, key, &public, wrapped, &n);
}

/* Session keys once more out of the card: what comes is the key, for whoever has the other half. */
void case_export_key(struct sdf_env *env)
{
    static const unsigned bits[] = {128, 192, 256}, algs[] = {SGD_SM4_ECB, SGD_SM4_CBC, SGD_AES_ECB, SGD_AES_CBC};
    uint8_t bytes[32], wrapped[64];
    unsigned n;
    void *key, *opened, *s = env->session;
    for (size_t i = 0; i < 3; i++) {
        key = sdf_known_key(env, bits[i], bytes);
        export_to_point(env, key, bytes, bits[i] / 8);
        export_to_rsa(env, key, bytes, bits[i] / 8);
        for (size_t k = 0; k < 4 && bits[i] == 128; k++) {
            n = 0xdeadbeef;
            CALL(SDR_OK, SDF_ExportKeyWithKEK, s, key, algs[k], 1, NULL, &n);
            HOLDS(n == 16);
            CALL(SDR_OK, SDF_ExportKeyWithKEK, s, key, algs[k], 1, wrapped, &n);
            if (CALL(SDR_OK, SDF_ImportKeyWithKEK, s, algs[k], 1, wrapped, n, &opened)) {
                HOLDS(same_key(env, key, opened));
                CALL(SDR_OK, SDF_DestroyKey, s, opened);
            }
        }
        CALL(bits[i] == 192 ? SDR_INARGERR : SDR_OK, SDF_ExportKeyWithKEK, s, key, SGD_SM4_ECB, 1, wrapped, &n);
        CALL(SDR_OK, SDF_DestroyKey, s, key);
    }
    key = sdf_known_key(env, 128, bytes);
    CALL(SDR_PARDENY, SDF_ExportKeyWithKEK, s, key, SGD_SM4_ECB, 2, wrapped, &n);
    CALL(SDR_KEYNOTEXIST, SDF_ExportKeyWithKEK, s, key, SGD_SM4_ECB, 3, wrapped, &n);
    CALL(SDR_ALGMODNOTSUPPORT, SDF_ExportKeyWithKEK, s, key, SGD_SM4_CTR, 1, wrapped, &n);
    CALL(SDR_OUTARGERR, SDF_ExportKeyWithKEK, s, key, SGD_SM4_ECB, 1, wrapped, NULL);
    memset(bytes, 7, sizeof bytes);
    CALL(SDR_OK, SDF_ImportKey, s, bytes, 20, &opened); /* of an HMAC: no length that they take */
    CALL(SDR_KEYTYPEERR, SDF_ExportKeyWithKEK, s, opened, SGD_SM4_ECB, 1, wrapped, &n);
}

void case_destroy(struct sdf_env *env)
{
    uint8_t bytes[32], block[16] = {0};
    unsigned n;
    void *other, *key = sdf_known_key(env, 128, bytes);
    if (!key || !CALL(SDR_OK, SDF_OpenSession, env->device, &other))
        return;
    CALL(SDR_INARGERR, SDF_Encrypt, other, key, SGD_SM4_ECB, NULL, block, 16, block, &n); /* not that session's */
    CALL(SDR_INARGERR, SDF_DestroyKey, other, key);
    CALL(SDR_OK, SDF_DestroyKey, env->session, key);
    CALL(SDR_INARGERR, SDF_DestroyKey, env->session, key);
    CALL(SDR_INARGERR, SDF_Encrypt, env->session, key, SGD_SM4_ECB, NULL, block, 16, block, &n);
    void *again = sdf_known_key(env, 128, bytes);
    HOLDS(again != key);
    CALL(SDR_INARGERR, SDF_Encrypt, env->session, key, SGD_SM4_ECB, NULL, block, 16, block, &n);
    CALL(SDR_OK, SDF_CloseSession, other);
}

void case_sign(struct sdf_env *env)
{
    uint8_t d[32], digest[32] = "a digest of thirty-two bytes...", point[64], raw[64];
    ECCrefPublicKey key, host;
    ECCSignature sig, bad;
    void *s = env->session;
    CALL(SDR_OK, SDF_GetPrivateKeyAccessRight, s, 1, NULL, 0);
    CALL(SDR_OK, SDF_ExportSignPublicKey_ECC, s, 1, &key);
    memset(&sig, 0xff, sizeof sig);
    CALL(SDR_OK, SDF_InternalSign_ECC, s, 1, digest, 32, &sig);
    sdf_point_bytes(&key, point);
    memcpy(raw, sig.r + 32, 32);
    memcpy(raw + 32, sig.s + 32, 32);
    HOLDS(sm2_raw_verify(point, digest, raw));
    CALL(SDR_OK, SDF_InternalVerify_ECC, s, 1, digest, 32, &sig);
    for (int i = 0; i < 200; i++) /* once for each signature, and never released: programs do so */
        CALL(SDR_OK, SDF_GetPrivateKeyAccessRight, s, 1, NULL, 0);
    CALL(SDR_OK, SDF_ExternalVerify_ECC, s, SGD_SM2_1, &key, digest, 32, &sig);
    CALL(SDR_OK, SDF_ExternalVerify_ECC, s, SGD_SM2, &key, digest, 32, &sig);
    CALL(SDR_VERIFYERR, SDF_InternalVerify_ECC, s, 2, digest, 32, &sig);
    for (size_t i = 0; i < sizeof sig; i += 9) {
        bad = sig;
        ((uint8_t *)&bad)[i] ^= 0x40;
        CALL(SDR_VERIFYERR, SDF_InternalVerify_ECC, s, 1, digest, 32, &bad);
        CALL(SDR_VERIFYERR, SDF_ExternalVerify_ECC, s, SGD_SM2_1, &key, digest, 32, &bad);
    }
    HOLDS(sm2_raw_generate(d, point) && sm2_raw_sign(d, digest, raw));
    sdf_point(point, &host);
    memset(&sig, 0, sizeof sig);
    memcpy(sig.r + 32, raw, 32);
    memcpy(sig.s + 32, raw + 32, 32);
    CALL(SDR_OK, SDF_ExternalVerify_ECC, s, SGD_SM2_1, &host, digest, 32, &sig);
    CALL(SDR_INARGERR, SDF_InternalSign_ECC, s, 1, digest, 31, &sig);
    CALL(SDR_INARGERR, SDF_InternalSign_ECC, s, 1, NULL, 32, &sig);
    CALL(SDR_OUTARGERR, SDF_InternalSign_ECC, s, 1, digest, 32, NULL);
    FAILS(SDF_InternalSign_ECC, s, 3, digest, 32, &sig);
    CALL(SDR_KEYNOTEXIST, SDF_InternalVerify_ECC, s, 3, digest, 32, &sig);
    CALL(SDR_INARGERR, SDF_InternalVerify_ECC, s, 1, digest, 33, &sig);
    CALL(SDR_INARGERR, SDF_InternalVerify_ECC, s, 1, digest, 32, NULL);
    CALL(SDR_ALGNOTSUPPORT, SDF_ExternalVerify_ECC, s, SGD_RSA, &host, digest, 32, &sig);
    CALL(SDR_INARGERR, SDF_ExternalVerify_ECC, s, SGD_SM2_1, NULL, digest, 32, &sig);
    host.bits = 512;
    CALL(SDR_INARGERR, SDF_ExternalVerify_ECC, s, SGD_SM2_1, &host, digest, 32, &sig);
    point[0] ^= 1;
    sdf_point(point, &host);
    CALL(SDR_KEYERR, SDF_ExternalVerify_ECC, s, SGD_SM2_1, &host, digest, 32, &sig);
}

static void pke_inside(struct sdf_env *env, unsigned len)
{
    union sdf_cipher cipher;
    uint8_t data[255], raw[96 + 255], out[256] = {0}, point[64];
    ECCrefPublicKey key;
    unsigned n = 0;
    void *s = env->session;
    memset(data, (int)len, sizeof data);
    cipher_guard(&cipher, len);
    CALL(SDR_OK, SDF_InternalEncrypt_ECC, s, 1, SGD_SM2_3, data, len, &cipher.c);
    HOLDS(cipher_guarded(&cipher, len) && cipher.c.L == len);
    CALL(SDR_OK, SDF_InternalDecrypt_ECC, s, 1, SGD_SM2_3, &cipher.c, NULL, &n);
    HOLDS(n == len);
    n = 0;
    CALL(SDR_OK, SDF_InternalDecrypt_ECC, s, 1, SGD_SM2_3, &cipher.c, out, &n);
    HOLDS(n == len && memcmp(out, data, len) == 0 && out[len] == 0);
    CALL(SDR_OK, SDF_ExportEncPublicKey_ECC, s, 1, &key); /* and a cipher made outside */
    sdf_point_bytes(&key, point);
    HOLDS(sm2_raw_encrypt(point, data, len, raw));
    sdf_cipher_fill(&cipher.c, raw, 96 + len);
    memset(out, 0, sizeof out);
    CALL(SDR_OK, SDF_InternalDecrypt_ECC, s, 1, SGD_SM2_1, &cipher.c, out, &n);
    HOLDS(n == len && memcmp(out, data, len) == 0);
}

void case_pke(struct sdf_env *env)
{
    static const unsigned sizes[] = {1, 16, 32, 33, 136, 255};
    uint8_t d[32], point[64], raw[96 + 255], data[256] = "to somebody outside", out[255];
    union sdf_cipher cipher;
    ECCrefPublicKey key;
    unsigned n = 99;
    void *s = env->session;
    HOLDS(sm2_raw_generate(d, point));
    sdf_point(point, &key);
    CALL(SDR_OK, SDF_GetPrivateKeyAccessRight, s, 1, NULL, 0);
    for (size_t i = 0; i < 6; i++) {
        cipher_guard(&cipher, sizes[i]);
        CALL(SDR_OK, SDF_ExternalEncrypt_ECC, s, SGD_SM2_3, &key, data, sizes[i], &cipher.c);
        HOLDS(cipher_guarded(&cipher, sizes[i]) && cipher.c.L == sizes[i]);
        HOLDS(sm2_raw_decrypt(d, raw, sdf_cipher_bytes(&cipher.c, raw), out) && memcmp(out, data, sizes[i]) == 0);
        pke_inside(env, sizes[i]);
    }
    CALL(SDR_ENCDATAERR, SDF_InternalDecrypt_ECC, s, 1, SGD_SM2_3, &cipher.c, out, &n); /* it is not for the card */
    HOLDS(n == 99);
    CALL(SDR_INARGERR, SDF_ExternalEncrypt_ECC, s, SGD_SM2_3, &key, data, 0, &cipher.c);
    CALL(SDR_INARGERR, SDF_ExternalEncrypt_ECC, s, SGD_SM2_3, &key, data, 256, &cipher.c);
    CALL(SDR_INARGERR, SDF_ExternalEncrypt_ECC, s, SGD_SM2_3, NULL, data, 16, &cipher.c);
    CALL(SDR_OUTARGERR, SDF_ExternalEncrypt_ECC, s, SGD_SM2_3, &key, data, 16, NULL);
    CALL(SDR_ALGNOTSUPPORT, SDF_ExternalEncrypt_ECC, s, SGD_SM4_ECB, &key, data, 16, &cipher.c);
    CALL(SDR_INARGERR, SDF_InternalEncrypt_ECC, s, 1, SGD_SM2_3, NULL, 16, &cipher.c);
    CALL(SDR_KEYNOTEXIST, SDF_InternalEncrypt_ECC, s, 3, SGD_SM2_3, data, 16, &cipher.c);
    CALL(SDR_ALGNOTSUPPORT, SDF_InternalEncrypt_ECC, s, 1, SGD_RSA, data, 16, &cipher.c);
    CALL(SDR_INARGERR, SDF_InternalDecrypt_ECC, s, 1, SGD_SM2_3, NULL, out, &n);
    CALL(SDR_OUTARGERR, SDF_InternalDecrypt_ECC, s, 1, SGD_SM2_3, &cipher.c, out, NULL);
    CALL(SDR_OK, SDF_ReleasePrivateKeyAccessRight, s, 1);
    CALL(SDR_PARDENY, SDF_InternalDecrypt_ECC, s, 1, SGD_SM2_3, &cipher.c, out, &n);
}

/* Callers built with the other header: no algorithm. */
void case_arity(struct sdf_env *env)
{
    union {
        int (*six)(void *, unsigned, unsigned, unsigned char *, unsigned, ECCCipher *);
        int (*five)(void *, unsigned, unsigned char *, unsigned, ECCCipher *);
    } encrypt = {.six = SDF_InternalEncrypt_ECC};
    union {
        int (*six)(void *, unsigned, unsigned, ECCCipher *, unsigned char *, unsigned *);
        int (*five)(void *, unsigned, ECCCipher *, unsigned char *, unsigned *);
    } decrypt = {.six = SDF_InternalDecrypt_ECC};
    union sdf_cipher cipher;
    uint8_t data[16] = "five or six are", out[16];
    unsigned n = 0;
    void *s = env->session;
    CALL(SDR_OK, SDF_GetPrivateKeyAccessRight, s, 1, NULL, 0);
    CALL(SDR_OK, encrypt.five, s, 1, data, 16, &cipher.c);
    CALL(SDR_OK, decrypt.five, s, 1, &cipher.c, NULL, &n);
    HOLDS(n == 16);
    CALL(SDR_OK, decrypt.five, s, 1, &cipher.c, out, &n);
    HOLDS(n == 16 && memcmp(data, out, 16) == 0);
    for (unsigned kind = 0; kind < 3; kind++) { /* one header numbers the kinds of keys */
        memset(out, 0, sizeof out);
        CALL(SDR_OK, SDF_InternalEncrypt_ECC, s, 1, kind, data, 16, &cipher.c);
        CALL(SDR_OK, SDF_InternalDecrypt_ECC, s, 1, kind, &cipher.c, out, &n);
        HOLDS(memcmp(data, out, 16) == 0);
    }
    /* data at an address whose low half is an identifier, and where ThreadSanitizer allows memory */
    uint8_t *page = mmap((void *)0x7e8000020000, 4096, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (page == (uint8_t *)0x7e8000020000) {
        memcpy(page + 0x100, data, 16);
        CALL(SDR_OK, encrypt.five, s, 1, page + 0x100, 16, &cipher.c);
        CALL(SDR_OK, decrypt.five, s, 1, &cipher.c, out, &n);
        HOLDS(memcmp(data, out, 16) == 0);
    }
    if (page != MAP_FAILED)
        munmap(page, 4096);
    CALL(SDR_INARGERR, encrypt.five, s, 1, NULL, 16, &cipher.c);
    CALL(SDR_INARGERR, encrypt.five, s, 1, data, 0, &cipher.c);
    CALL(SDR_OUTARGERR, encrypt.five, s, 1, data, 16, NULL);
    CALL(SDR_OUTARGERR, decrypt.five, s, 1, &cipher.c, out, NULL);
    CALL(SDR_INARGERR, encrypt.five, NULL, 1, data, 16, &cipher.c);
}
