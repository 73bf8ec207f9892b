/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that stand in the virtual card and are used, or replaced, in ways that an operator must allow. */
#include <openssl/evp.h>
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

/* An envelope, with the room that its key's cipher needs. */
union envelope {
    EnvelopedECCKey e;
    uint8_t bytes[sizeof(EnvelopedECCKey) + 32];
};

enum place { /* of the private number in its 64 bytes */
    ALL_64,  /* at the end, and all of it is encrypted */
    LAST_32,
    FIRST_32
};

static void ecb(const uint8_t key[16], const uint8_t *in, int len, uint8_t *out)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n = 0;
    EVP_EncryptInit_ex(ctx, EVP_sm4_ecb(), NULL, key, NULL);
    EVP_CIPHER_CTX_set_padding(ctx, 0);
    EVP_EncryptUpdate(ctx, out, &n, in, len);
    EVP_CIPHER_CTX_free(ctx);
}

/* The pair under a key that is under `to`. */
static void seal(union envelope *envelope, enum place place, const uint8_t d[32], const uint8_t point[64],
                 const uint8_t to[64])
{
    uint8_t key[16] = "a key of sixteen", clear[64] = {0}, raw[96 + 16];
    memset(envelope, 0, sizeof *envelope);
    envelope->e.Version = 1;
    envelope->e.ulSymmAlgID = SGD_SM4_ECB;
    envelope->e.ulBits = 256;
    memcpy(clear + 32, d, 32);
    if (place == ALL_64)
        ecb(key, clear, 64, envelope->e.cbEncryptedPriKey);
    else
        ecb(key, d, 32, envelope->e.cbEncryptedPriKey + (place == LAST_32 ? 32 : 0));
    sdf_point(point, &envelope->e.PubKey);
    sm2_raw_encrypt(to, key, 16, raw);
    sdf_cipher_fill(&envelope->e.ECCCipherBlob, raw, sizeof raw);
}

static void point_of(struct sdf_env *env, bool encrypt, uint8_t point[64])
{
    ECCrefPublicKey key;
    void *s = env->session;
    if (encrypt)
        CALL(SDR_OK, SDF_ExportEncPublicKey_ECC, s, 1, &key);
    else
        CALL(SDR_OK, SDF_ExportSignPublicKey_ECC, s, 1, &key);
    sdf_point_bytes(&key, point);
}

/* The index has the pair: what is encrypted to its point is opened, and the point is what the card shows. */
static void has_pair(struct sdf_env *env, const uint8_t point[64])
{
    uint8_t shown[64], text[20] = "to whom it may serve", out[20], raw[96 + 20];
    union sdf_cipher cipher;
    unsigned n = 0;
    point_of(env, true, shown);
    HOLDS(memcmp(shown, point, 64) == 0 && sm2_raw_encrypt(point, text, sizeof text, raw));
    sdf_cipher_fill(&cipher.c, raw, sizeof raw);
    CALL(SDR_OK, SDF_InternalDecrypt_ECC, env->session, 1, SGD_SM2_3, &cipher.c, out, &n);
    HOLDS(n == sizeof text && memcmp(out, text, sizeof text) == 0);
}

static void pair_refused(struct sdf_env *env, const uint8_t d[32], const uint8_t point[64], const uint8_t to[64])
{
    static const struct {
        size_t at; /* in the envelope */
        uint8_t flip;
        uint32_t code;
    } rows[] = {
        {0, 2, SDR_INARGERR},           {4, 3, SDR_ALGMODNOTSUPPORT},  {6, 1, SDR_ALGNOTSUPPORT},
        {9, 2, SDR_INARGERR},           {12 + 63, 1, SDR_KEYERR},      {12 + 32, 0x80, SDR_KEYERR},
        {77, 2, SDR_INARGERR},          {76 + 4 + 63, 1, SDR_KEYERR},  {76 + 4 + 31, 1, SDR_INARGERR},
        {76 + 131, 1, SDR_KEYERR},      {208 + 63, 1, SDR_ENCDATAERR}, {208 + 31, 1, SDR_ENCDATAERR},
        {208 + 130, 1, SDR_ENCDATAERR}, {208 + 160, 1, SDR_INARGERR},  {208 + 164, 1, SDR_ENCDATAERR},
    };
    union envelope envelope;
    void *s = env->session;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        seal(&envelope, ALL_64, d, point, to);
        envelope.bytes[rows[i].at] ^= rows[i].flip;
        if (!CALL(rows[i].code, SDF_ImportKeyPair_ECC, s, 1, SGD_SM2_3, 256, &envelope.e))
            HOLDS(rows[i].at == 0 && "the byte that was flipped");
    }
    seal(&envelope, ALL_64, d, point, to);
    envelope.e.ECCCipherBlob.L = 15;
    CALL(SDR_INARGERR, SDF_ImportKeyPair_ECC, s, 1, SGD_SM2_3, 256, &envelope.e);
    CALL(SDR_ALGNOTSUPPORT, SDF_ImportKeyPair_ECC, s, 1, 1, 256, &envelope.e); /* as if of the other form */
}

void case_pair_import(struct sdf_env *env)
{
    uint8_t d[32], point[64], sign[64], encrypt[64], shown[64];
    union envelope envelope;
    void *s = env->session;
    point_of(env, false, sign);
    point_of(env, true, encrypt);
    HOLDS(sm2_raw_generate(d, point));
    seal(&envelope, ALL_64, d, point, sign);
    CALL(SDR_PARDENY, SDF_ImportKeyPair_ECC, s, 1, SGD_SM2_3, 256, &envelope.e);
    CALL(SDR_OK, SDF_GetPrivateKeyAccessRight, s, 1, NULL, 0);
    pair_refused(env, d, point, sign);
    seal(&envelope, ALL_64, d, point, encrypt); /* not to its signing pair */
    CALL(SDR_ENCDATAERR, SDF_ImportKeyPair_ECC, s, 1, SGD_SM2_3, 256, &envelope.e);
    has_pair(env, encrypt); /* as it was, after all of these */
    for (enum place place = ALL_64; place <= FIRST_32; place++) {
        HOLDS(sm2_raw_generate(d, point));
        seal(&envelope, place, d, point, sign);
        if (CALL(SDR_OK, SDF_ImportKeyPair_ECC, s, 1, place ? SGD_SM2_3 : SGD_SM2, 256, &envelope.e))
            has_pair(env, point);
    }
    CALL(SDR_OK, SDF_ImportKeyPair_ECC, s, 1, SGD_SM2_1, 256, &envelope.e); /* the same once more */
    has_pair(env, point);
    point_of(env, false, shown);
    HOLDS(memcmp(shown, sign, 64) == 0);
}
