/* SPDX-License-Identifier: Apache-2.0 */
/* SM2 key agreement, envelopes turned over, and the debugging functions. The judge is sm2_raw.c. */
#include <openssl/evp.h>
#include <string.h>
#include "tests/clients/rsa_raw.h"
#include "tests/clients/sdf_cases.h"
#include "tests/clients/sm2_raw.h"

static uint8_t sponsor[] = "sponsor@example", responder[] = "somebody else";
#define SPONSOR   (sizeof sponsor - 1)
#define RESPONDER (sizeof responder - 1)

static bool z_of(const ECCrefPublicKey *key, const uint8_t *id, size_t len, uint8_t z[32])
{
    uint8_t point[64];
    sdf_point_bytes(key, point);
    return sm2_raw_z(point, id, len, z);
}

#define SECRET 384u /* bits of what channels' keys are derived from; no cipher's */

/* Is it the key behind the handle? One block says so, or an HMAC. */
static bool is_key(struct sdf_env *env, void *handle, unsigned bits, const uint8_t *key)
{
    if (bits == SECRET) {
        uint8_t text[] = "some text", mac[32], right[32];
        unsigned len;
        size_t right_len;
        return CALL(SDR_OK, SDF_CalculateMAC, env->session, handle, SGD_SM3, NULL, text, sizeof text, mac, &len) &&
               EVP_Q_mac(NULL, "HMAC", NULL, "SM3", NULL, key, SECRET / 8, text, sizeof text, right, 32, &right_len) &&
               memcmp(mac, right, 32) == 0;
    }
    uint8_t in[16] = "one single block", x[16], y[32];
    unsigned n;
    int out = 0;
    static const char *const names[] = {"AES-128-ECB", "AES-192-ECB", "AES-256-ECB"};
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    bool ok = CALL(SDR_OK, SDF_Encrypt, env->session, handle, SGD_AES_ECB, NULL, in, 16, x, &n) &&
              EVP_EncryptInit_ex(ctx, EVP_get_cipherbyname(names[bits / 64 - 2]), NULL, key, NULL) &&
              EVP_EncryptUpdate(ctx, y, &out, in, 16) && memcmp(x, y, 16) == 0;
    EVP_CIPHER_CTX_free(ctx);
    return ok;
}

/* The card begins, the host answers. */
static void as_sponsor(struct sdf_env *env, unsigned bits)
{
    ECCrefPublicKey own, temporary, host, host_temporary;
    uint8_t d[32], p[64], r[32], rp[64], a[64], ra[64], za[32], zb[32], key[64];
    void *agreement = NULL, *made = NULL, *s = env->session;
    unsigned n;
    HOLDS(sm2_raw_generate(d, p) && sm2_raw_generate(r, rp));
    sdf_point(p, &host);
    sdf_point(rp, &host_temporary);
    if (!CALL(SDR_OK, SDF_GenerateAgreementDataWithECC, s, 1, bits, sponsor, SPONSOR, &own, &temporary, &agreement))
        return;
    ECCrefPublicKey exported;
    CALL(SDR_OK, SDF_ExportEncPublicKey_ECC, s, 1, &exported);
    HOLDS(memcmp(&exported, &own, sizeof own) == 0);
    CALL(SDR_INARGERR, SDF_Encrypt, s, agreement, SGD_SM4_ECB, NULL, d, 16, key, &n); /* it is no key */
    if (!CALL(SDR_OK, SDF_GenerateKeyWithECC, s, responder, RESPONDER, &host, &host_temporary, agreement, &made))
        return;
    sdf_point_bytes(&own, a);
    sdf_point_bytes(&temporary, ra);
    HOLDS(z_of(&own, sponsor, SPONSOR, za) && z_of(&host, responder, RESPONDER, zb));
    HOLDS(sm2_raw_agree(d, r, rp, a, ra, za, zb, key) && is_key(env, made, bits, key));
    /* it is used up */
    CALL(SDR_INARGERR, SDF_GenerateKeyWithECC, s, responder, RESPONDER, &host, &host_temporary, agreement, &made);
    CALL(SDR_INARGERR, SDF_GenerateKeyWithECC, s, responder, RESPONDER, &host, &host_temporary, made, &made);
}

/* The host begins, the card answers. */
static void as_responder(struct sdf_env *env, unsigned bits)
{
    ECCrefPublicKey own, temporary, host, host_temporary;
    uint8_t d[32], p[64], r[32], rp[64], b[64], rb[64], za[32], zb[32], key[64];
    void *made = NULL, *s = env->session;
    HOLDS(sm2_raw_generate(d, p) && sm2_raw_generate(r, rp));
    sdf_point(p, &host);
    sdf_point(rp, &host_temporary);
    if (!CALL(SDR_OK, SDF_GenerateAgreementDataAndKeyWithECC, s, 1, bits, responder, RESPONDER, sponsor, SPONSOR, &host,
              &host_temporary, &own, &temporary, &made))
        return;
    sdf_point_bytes(&own, b);
    sdf_point_bytes(&temporary, rb);
    HOLDS(z_of(&host, sponsor, SPONSOR, za) && z_of(&own, responder, RESPONDER, zb));
    HOLDS(sm2_raw_agree(d, r, rp, b, rb, za, zb, key) && is_key(env, made, bits, key));
}

static void sponsor_refusals(struct sdf_env *env)
{
    ECCrefPublicKey own, temporary, bad;
    static uint8_t long_id[8192];
    void *agreement, *key, *other, *s = env->session;
    CALL(SDR_INARGERR, SDF_GenerateAgreementDataWithECC, s, 1, 100, sponsor, SPONSOR, &own, &temporary, &agreement);
    CALL(SDR_INARGERR, SDF_GenerateAgreementDataWithECC, s, 1, 128, NULL, SPONSOR, &own, &temporary, &agreement);
    CALL(SDR_INARGERR, SDF_GenerateAgreementDataWithECC, s, 1, 128, sponsor, 0, &own, &temporary, &agreement);
    CALL(SDR_INARGERR, SDF_GenerateAgreementDataWithECC, s, 1, 128, long_id, 8192, &own, &temporary, &agreement);
    CALL(SDR_OUTARGERR, SDF_GenerateAgreementDataWithECC, s, 1, 128, sponsor, SPONSOR, NULL, &temporary, &agreement);
    CALL(SDR_OUTARGERR, SDF_GenerateAgreementDataWithECC, s, 1, 128, sponsor, SPONSOR, &own, NULL, &agreement);
    CALL(SDR_OUTARGERR, SDF_GenerateAgreementDataWithECC, s, 1, 128, sponsor, SPONSOR, &own, &temporary, NULL);
    CALL(SDR_KEYNOTEXIST, SDF_GenerateAgreementDataWithECC, s, 3, 128, sponsor, SPONSOR, &own, &temporary, &agreement);
    CALL(SDR_PARDENY, SDF_GenerateAgreementDataWithECC, s, 2, 128, sponsor, SPONSOR, &own, &temporary, &agreement);
    CALL(SDR_INARGERR, SDF_GenerateAgreementDataWithECC, NULL, 1, 128, sponsor, SPONSOR, &own, &temporary, &agreement);
    CALL(SDR_OK, SDF_GenerateAgreementDataWithECC, s, 1, 128, long_id, 8191, &own, &temporary, &agreement);
    CALL(SDR_INARGERR, SDF_GenerateKeyWithECC, s, NULL, RESPONDER, &own, &temporary, agreement, &key);
    CALL(SDR_INARGERR, SDF_GenerateKeyWithECC, s, responder, 0, &own, &temporary, agreement, &key);
    CALL(SDR_INARGERR, SDF_GenerateKeyWithECC, s, long_id, 8192, &own, &temporary, agreement, &key);
    CALL(SDR_INARGERR, SDF_GenerateKeyWithECC, s, responder, RESPONDER, NULL, &temporary, agreement, &key);
    CALL(SDR_INARGERR, SDF_GenerateKeyWithECC, s, responder, RESPONDER, &own, NULL, agreement, &key);
    CALL(SDR_INARGERR, SDF_GenerateKeyWithECC, s, responder, RESPONDER, &own, &temporary, NULL, &key);
    CALL(SDR_INARGERR, SDF_GenerateKeyWithECC, s, responder, RESPONDER, &own, &temporary, s, &key);
    CALL(SDR_OUTARGERR, SDF_GenerateKeyWithECC, s, responder, RESPONDER, &own, &temporary, agreement, NULL);
    bad = own;
    bad.y[63] ^= 1;
    CALL(SDR_KEYERR, SDF_GenerateKeyWithECC, s, responder, RESPONDER, &bad, &temporary, agreement, &key);
    CALL(SDR_KEYERR, SDF_GenerateKeyWithECC, s, responder, RESPONDER, &own, &bad, agreement, &key);
    if (CALL(SDR_OK, SDF_OpenSession, env->device, &other)) { /* it is one session's */
        CALL(SDR_INARGERR, SDF_GenerateKeyWithECC, other, responder, RESPONDER, &own, &temporary, agreement, &key);
        CALL(SDR_OK, SDF_CloseSession, other);
    }
    CALL(SDR_OK, SDF_GenerateKeyWithECC, s, long_id, 8191, &own, &temporary, agreement, &key); /* with oneself */
    CALL(SDR_OK, SDF_GenerateAgreementDataWithECC, s, 1, 128, sponsor, SPONSOR, &own, &temporary, &agreement);
    CALL(SDR_OK, SDF_DestroyKey, s, agreement);
    CALL(SDR_INARGERR, SDF_GenerateKeyWithECC, s, responder, RESPONDER, &own, &temporary, agreement, &key);
}

#define ANSWER(want, session, index, bits, id, len, peer_id, peer_len, peer, peer_temporary, out, out_temporary, key)  \
    CALL(want, SDF_GenerateAgreementDataAndKeyWithECC, session, index, bits, id, len, peer_id, peer_len, peer,         \
         peer_temporary, out, out_temporary, key)

static void responder_refusals(struct sdf_env *env)
{
    ECCrefPublicKey peer, bad, own, temporary;
    static uint8_t long_id[8192];
    void *key, *s = env->session;
    CALL(SDR_OK, SDF_ExportSignPublicKey_ECC, s, 1, &peer);
    bad = peer;
    bad.y[63] ^= 1;
    ANSWER(SDR_OK, s, 1, 128, long_id, 8191, long_id, 8191, &peer, &peer, &own, &temporary, &key);
    ANSWER(SDR_INARGERR, s, 1, 64, responder, 4, sponsor, 4, &peer, &peer, &own, &temporary, &key);
    ANSWER(SDR_INARGERR, s, 1, 128, NULL, 4, sponsor, 4, &peer, &peer, &own, &temporary, &key);
    ANSWER(SDR_INARGERR, s, 1, 128, responder, 0, sponsor, 4, &peer, &peer, &own, &temporary, &key);
    ANSWER(SDR_INARGERR, s, 1, 128, long_id, 8192, sponsor, 4, &peer, &peer, &own, &temporary, &key);
    ANSWER(SDR_INARGERR, s, 1, 128, responder, 4, NULL, 4, &peer, &peer, &own, &temporary, &key);
    ANSWER(SDR_INARGERR, s, 1, 128, responder, 4, sponsor, 0, &peer, &peer, &own, &temporary, &key);
    ANSWER(SDR_INARGERR, s, 1, 128, responder, 4, long_id, 8192, &peer, &peer, &own, &temporary, &key);
    ANSWER(SDR_INARGERR, s, 1, 128, responder, 4, sponsor, 4, NULL, &peer, &own, &temporary, &key);
    ANSWER(SDR_INARGERR, s, 1, 128, responder, 4, sponsor, 4, &peer, NULL, &own, &temporary, &key);
    ANSWER(SDR_OUTARGERR, s, 1, 128, responder, 4, sponsor, 4, &peer, &peer, NULL, &temporary, &key);
    ANSWER(SDR_OUTARGERR, s, 1, 128, responder, 4, sponsor, 4, &peer, &peer, &own, NULL, &key);
    ANSWER(SDR_OUTARGERR, s, 1, 128, responder, 4, sponsor, 4, &peer, &peer, &own, &temporary, NULL);
    ANSWER(SDR_KEYERR, s, 1, 128, responder, 4, sponsor, 4, &bad, &peer, &own, &temporary, &key);
    ANSWER(SDR_KEYERR, s, 1, 128, responder, 4, sponsor, 4, &peer, &bad, &own, &temporary, &key);
    ANSWER(SDR_KEYNOTEXIST, s, 3, 128, responder, 4, sponsor, 4, &peer, &peer, &own, &temporary, &key);
    ANSWER(SDR_PARDENY, s, 2, 128, responder, 4, sponsor, 4, &peer, &peer, &own, &temporary, &key);
    ANSWER(SDR_INARGERR, NULL, 1, 128, responder, 4, sponsor, 4, &peer, &peer, &own, &temporary, &key);
}

void case_agree(struct sdf_env *env)
{
    ECCrefPublicKey own, temporary;
    void *key, *s = env->session;
    CALL(SDR_PARDENY, SDF_GenerateAgreementDataWithECC, s, 1, 128, sponsor, SPONSOR, &own, &temporary, &key);
    CALL(SDR_OK, SDF_GetPrivateKeyAccessRight, s, 1, NULL, 0);
    for (unsigned bits = 128; bits <= SECRET; bits += bits < 256 ? 64 : 128) {
        as_sponsor(env, bits);
        as_responder(env, bits);
    }
    sponsor_refusals(env);
    responder_refusals(env);
}

void case_envelope(struct sdf_env *env)
{
    union sdf_cipher in, out;
    ECCrefPublicKey card, host, bad;
    uint8_t d[32], point[64], raw[96 + 255], plain[255] = "a session key of somebody's", back[255];
    void *s = env->session;
    HOLDS(sm2_raw_generate(d, point));
    sdf_point(point, &host);
    CALL(SDR_OK, SDF_ExportEncPublicKey_ECC, s, 1, &card);
    sdf_point_bytes(&card, point);
    HOLDS(sm2_raw_encrypt(point, plain, 16, raw));
    sdf_cipher_fill(&in.c, raw, 96 + 16);
    CALL(SDR_PARDENY, SDF_ExchangeDigitEnvelopeBaseOnECC, s, 1, SGD_SM2_3, &host, &in.c, &out.c);
    CALL(SDR_OK, SDF_GetPrivateKeyAccessRight, s, 1, NULL, 0);
    for (size_t len = 1; len <= 255; len = len == 1 ? 16 : len == 16 ? 32 : len == 32 ? 255 : 256) {
        HOLDS(sm2_raw_encrypt(point, plain, len, raw));
        sdf_cipher_fill(&in.c, raw, 96 + len);
        memset(&out, 0xa5, sizeof out);
        CALL(SDR_OK, SDF_ExchangeDigitEnvelopeBaseOnECC, s, 1, SGD_SM2_3, &host, &in.c, &out.c);
        if (!HOLDS(out.c.L == len && out.bytes[164 + len] == 0xa5))
            continue;
        HOLDS(sm2_raw_decrypt(d, raw, sdf_cipher_bytes(&out.c, raw), back) && memcmp(back, plain, len) == 0);
    }
    CALL(SDR_OK, SDF_ExchangeDigitEnvelopeBaseOnECC, s, 1, SGD_SM2_3, &host, &in.c, &in.c); /* in place */
    CALL(SDR_ENCDATAERR, SDF_ExchangeDigitEnvelopeBaseOnECC, s, 1, SGD_SM2_3, &host, &in.c,
         &out.c); /* the host's now */
    CALL(SDR_ALGNOTSUPPORT, SDF_ExchangeDigitEnvelopeBaseOnECC, s, 1, SGD_RSA, &host, &in.c, &out.c);
    CALL(SDR_INARGERR, SDF_ExchangeDigitEnvelopeBaseOnECC, s, 1, SGD_SM2_3, NULL, &in.c, &out.c);
    CALL(SDR_INARGERR, SDF_ExchangeDigitEnvelopeBaseOnECC, s, 1, SGD_SM2_3, &host, NULL, &out.c);
    CALL(SDR_OUTARGERR, SDF_ExchangeDigitEnvelopeBaseOnECC, s, 1, SGD_SM2_3, &host, &in.c, NULL);
    CALL(SDR_KEYNOTEXIST, SDF_ExchangeDigitEnvelopeBaseOnECC, s, 3, SGD_SM2_3, &host, &in.c, &out.c);
    CALL(SDR_INARGERR, SDF_ExchangeDigitEnvelopeBaseOnECC, NULL, 1, SGD_SM2_3, &host, &in.c, &out.c);
    bad = host;
    bad.x[63] ^= 1;
    CALL(SDR_KEYERR, SDF_ExchangeDigitEnvelopeBaseOnECC, s, 1, SGD_SM2_3, &bad, &in.c, &out.c);
    in.c.L = 256;
    CALL(SDR_INARGERR, SDF_ExchangeDigitEnvelopeBaseOnECC, s, 1, SGD_SM2_3, &host, &in.c, &out.c);
}

static void debug_refusals(struct sdf_env *env, ECCrefPrivateKey *key, RSArefPrivateKey *rsa)
{
    union sdf_cipher cipher = {.c = {.L = 16}};
    ECCrefPrivateKey bad = {.bits = 256};
    ECCSignature signature;
    uint8_t bytes[256] = {0}, out[256];
    unsigned n;
    void *s = env->session;
    CALL(SDR_KEYERR, SDF_ExternalSign_ECC, s, SGD_SM2_1, &bad, bytes, 32, &signature); /* 0 is no private number */
    bad.bits = 128;
    CALL(SDR_INARGERR, SDF_ExternalSign_ECC, s, SGD_SM2_1, &bad, bytes, 32, &signature);
    CALL(SDR_INARGERR, SDF_ExternalSign_ECC, s, SGD_SM2_1, NULL, bytes, 32, &signature);
    CALL(SDR_INARGERR, SDF_ExternalSign_ECC, s, SGD_SM2_1, key, NULL, 32, &signature);
    CALL(SDR_INARGERR, SDF_ExternalSign_ECC, s, SGD_SM2_1, key, bytes, 31, &signature);
    CALL(SDR_OUTARGERR, SDF_ExternalSign_ECC, s, SGD_SM2_1, key, bytes, 32, NULL);
    CALL(SDR_ALGNOTSUPPORT, SDF_ExternalSign_ECC, s, SGD_RSA, key, bytes, 32, &signature);
    CALL(SDR_ALGNOTSUPPORT, SDF_ExternalDecrypt_ECC, s, SGD_RSA, key, &cipher.c, out, &n);
    CALL(SDR_INARGERR, SDF_ExternalDecrypt_ECC, s, SGD_SM2_3, NULL, &cipher.c, out, &n);
    CALL(SDR_INARGERR, SDF_ExternalDecrypt_ECC, s, SGD_SM2_3, key, NULL, out, &n);
    CALL(SDR_OUTARGERR, SDF_ExternalDecrypt_ECC, s, SGD_SM2_3, key, &cipher.c, out, NULL);
    CALL(SDR_ENCDATAERR, SDF_ExternalDecrypt_ECC, s, SGD_SM2_3, key, &cipher.c, out, &n);
    CALL(SDR_INARGERR, SDF_ExternalPrivateKeyOperation_RSA, s, NULL, bytes, 256, out, &n);
    CALL(SDR_INARGERR, SDF_ExternalPrivateKeyOperation_RSA, s, rsa, NULL, 256, out, &n);
    CALL(SDR_INARGERR, SDF_ExternalPrivateKeyOperation_RSA, s, rsa, bytes, 255, out, &n);
    CALL(SDR_OUTARGERR, SDF_ExternalPrivateKeyOperation_RSA, s, rsa, bytes, 256, out, NULL);
    rsa->d[200] ^= 1;
    CALL(SDR_KEYERR, SDF_ExternalPrivateKeyOperation_RSA, s, rsa, bytes, 256, out, &n);
    rsa->d[200] ^= 1;
}

/* Keys in clear from outside: what the host allows to this tenant, all of it or nothing. */
void case_debug_asym(struct sdf_env *env)
{
    uint8_t d[32], point[64], digest[32] = {5}, raw[96 + 16], out[256], rsa_bytes[RSA_RAW_KEY_MAX], in[256] = {0, 3};
    ECCrefPrivateKey key = {.bits = 256};
    RSArefPrivateKey rsa = {.bits = 2048};
    union sdf_cipher cipher;
    ECCSignature signature;
    unsigned n;
    void *s = env->session;
    HOLDS(sm2_raw_generate(d, point) && sm2_raw_encrypt(point, (const uint8_t *)"sixteen bytes...", 16, raw));
    memcpy(key.K + 32, d, 32);
    sdf_cipher_fill(&cipher.c, raw, 96 + 16);
    rsa_test_key(RSA_TEST_HOST, rsa_bytes);
    uint8_t *at = rsa_bytes;
    memcpy(rsa.m, at, 256);
    memcpy(rsa.e + 248, at + 256, 8);
    memcpy(rsa.d, at + 264, 256);
    memcpy(rsa.prime, at + 520, sizeof rsa.prime + sizeof rsa.pexp + sizeof rsa.coef);
    CALL(SDR_INARGERR, SDF_ExternalSign_ECC, NULL, SGD_SM2_1, &key, digest, 32, &signature);
    CALL(SDR_INARGERR, SDF_ExternalDecrypt_ECC, NULL, SGD_SM2_3, &key, &cipher.c, out, &n);
    CALL(SDR_INARGERR, SDF_ExternalPrivateKeyOperation_RSA, NULL, &rsa, in, 256, out, &n);
    if (SDF_ExternalSign_ECC(s, SGD_SM2_1, &key, digest, 32, &signature) == SDR_NOTSUPPORT) {
        CALL(SDR_NOTSUPPORT, SDF_ExternalSign_ECC, s, SGD_SM2_1, &key, digest, 32, &signature);
        CALL(SDR_NOTSUPPORT, SDF_ExternalDecrypt_ECC, s, SGD_SM2_3, &key, &cipher.c, out, &n);
        CALL(SDR_NOTSUPPORT, SDF_ExternalPrivateKeyOperation_RSA, s, &rsa, in, 256, out, &n);
        return;
    }
    CALL(SDR_OK, SDF_ExternalSign_ECC, s, SGD_SM2_1, &key, digest, 32, &signature);
    memcpy(raw, signature.r + 32, 32);
    memcpy(raw + 32, signature.s + 32, 32);
    HOLDS(sm2_raw_verify(point, digest, raw));
    n = 0;
    CALL(SDR_OK, SDF_ExternalDecrypt_ECC, s, SGD_SM2_3, &key, &cipher.c, NULL, &n);
    HOLDS(n == 16);
    CALL(SDR_OK, SDF_ExternalDecrypt_ECC, s, SGD_SM2_3, &key, &cipher.c, out, &n);
    HOLDS(n == 16 && memcmp(out, "sixteen bytes...", 16) == 0);
    CALL(SDR_OK, SDF_ExternalPrivateKeyOperation_RSA, s, &rsa, in, 256, out, &n);
    HOLDS(n == 256 && rsa_raw_public(rsa_bytes, 256, out, out) && memcmp(out, in, 256) == 0);
    debug_refusals(env, &key, &rsa);
}
