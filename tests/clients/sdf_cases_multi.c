/* SPDX-License-Identifier: Apache-2.0 */
/* Encryption, MAC and HMAC in several calls; XTS; keys in clear. */
#include <stdlib.h>
#include <string.h>
#include "tests/clients/mode_judge.h"
#include "tests/clients/sdf_cases.h"

#define TEXT 70000u

static uint8_t text[TEXT], want[TEXT + 16], got[TEXT + 16];

static const struct multi_mode {
    unsigned alg, bits;
    const char *name;
    bool blocks;
} modes[] = {
    {SGD_SM4_ECB, 128, "SM4-ECB", true},      {SGD_SM4_CBC, 128, "SM4-CBC", true},
    {SGD_SM4_CFB, 128, "SM4-CFB", false},     {SGD_SM4_OFB, 128, "SM4-OFB", false},
    {SGD_SM4_CTR, 128, "SM4-CTR", false},     {SGD_AES_CBC, 256, "AES-256-CBC", true},
    {SGD_AES_CTR, 192, "AES-192-CTR", false},
};
#define MODES (sizeof modes / sizeof modes[0])

static void text_fill(void)
{
    for (size_t i = 0; i < TEXT; i++)
        text[i] = (uint8_t)(i * i >> 5 ^ i);
}

/* Cuts of a message of len bytes, at odd places: small ones, then over more than a slot. */
static unsigned cut(unsigned at, unsigned len)
{
    static const unsigned parts[] = {1, 15, 16, 17, 33, 100, 16384, 5, 20000, 0, 31, 16400};
    unsigned part = parts[at % 12];
    return part < len ? part : len;
}

/* All of it through Init, Update..., Final; apart or in place. */
static unsigned multi_run(struct sdf_env *env, bool decrypt, const uint8_t *in, unsigned len, uint8_t *out)
{
    void *s = env->session;
    unsigned written = 0, n;
    for (unsigned at = 0, i = 0, part; at < len; at += part, i++) {
        part = cut(i, len - at);
        n = 0xffffffff;
        if (decrypt)
            CALL(SDR_OK, SDF_DecryptUpdate, s, (uint8_t *)(uintptr_t)in + at, part, out + written, &n);
        else
            CALL(SDR_OK, SDF_EncryptUpdate, s, (uint8_t *)(uintptr_t)in + at, part, out + written, &n);
        written += n;
    }
    if (decrypt)
        CALL(SDR_OK, SDF_DecryptFinal, s, out + written, &n);
    else
        CALL(SDR_OK, SDF_EncryptFinal, s, out + written, &n);
    return written + n;
}

static void multi_mode(struct sdf_env *env, const struct multi_mode *mode, unsigned len)
{
    uint8_t bytes[32], iv[16];
    void *key = sdf_known_key(env, mode->bits, bytes), *s = env->session;
    unsigned iv_len = (mode->alg & 0xff) == SGD_ECB ? 0 : 16;
    memset(iv, 0xfe, 16);
    HOLDS(judge_cipher(mode->name, bytes, iv, true, text, len, want));
    memset(got, 0, sizeof got);
    CALL(SDR_OK, SDF_EncryptInit, s, key, mode->alg, iv_len ? iv : NULL, iv_len);
    HOLDS(multi_run(env, false, text, len, got) == len && memcmp(got, want, len) == 0);
    HOLDS(iv[0] == 0xfe && iv[15] == 0xfe); /* read only */
    CALL(SDR_OK, SDF_DecryptInit, s, key, mode->alg, iv_len ? iv : NULL, iv_len);
    HOLDS(multi_run(env, true, want, len, got) == len && memcmp(got, text, len) == 0);
    memcpy(got, text, len); /* in place, where what comes out lags behind */
    CALL(SDR_OK, SDF_EncryptInit, s, key, mode->alg, iv_len ? iv : NULL, iv_len);
    HOLDS(multi_run(env, false, got, len, got) == len && memcmp(got, want, len) == 0);
    CALL(SDR_OK, SDF_DestroyKey, s, key);
}

void case_multi_cipher(struct sdf_env *env)
{
    text_fill();
    for (size_t m = 0; m < MODES; m++) {
        multi_mode(env, &modes[m], 0);
        multi_mode(env, &modes[m], 16);
        multi_mode(env, &modes[m], 48000);
        if (!modes[m].blocks) {
            multi_mode(env, &modes[m], 5);
            multi_mode(env, &modes[m], TEXT - 3);
        }
    }
}

void case_multi_steps(struct sdf_env *env)
{
    uint8_t bytes[32], iv[16] = {0}, out[64];
    unsigned n = 7;
    void *s = env->session, *other, *key = sdf_known_key(env, 128, bytes);
    CALL(SDR_STEPERR, SDF_EncryptUpdate, s, text, 16, out, &n);
    CALL(SDR_STEPERR, SDF_EncryptFinal, s, out, &n);
    CALL(SDR_STEPERR, SDF_DecryptUpdate, s, text, 16, out, &n);
    CALL(SDR_STEPERR, SDF_DecryptFinal, s, out, &n);
    HOLDS(n == 7);
    CALL(SDR_INARGERR, SDF_EncryptInit, NULL, key, SGD_SM4_CBC, iv, 16);
    CALL(SDR_INARGERR, SDF_EncryptInit, s, NULL, SGD_SM4_CBC, iv, 16);
    CALL(SDR_INARGERR, SDF_DecryptInit, s, s, SGD_SM4_CBC, iv, 16);
    CALL(SDR_INARGERR, SDF_EncryptInit, s, key, SGD_SM4_CBC, NULL, 16);
    CALL(SDR_INARGERR, SDF_EncryptInit, s, key, SGD_SM4_CBC, iv, 15);
    CALL(SDR_INARGERR, SDF_DecryptInit, s, key, SGD_SM4_CTR, iv, 17);
    CALL(SDR_ALGNOTSUPPORT, SDF_EncryptInit, s, key, 0x12345600, iv, 16);
    CALL(SDR_ALGMODNOTSUPPORT, SDF_EncryptInit, s, key, SGD_SM4_MAC, iv, 16);
    CALL(SDR_ALGMODNOTSUPPORT, SDF_DecryptInit, s, key, SGD_SM4, iv, 16);
    CALL(SDR_STEPERR, SDF_EncryptUpdate, s, text, 16, out, &n); /* none of them began one */
    CALL(SDR_OK, SDF_EncryptInit, s, key, SGD_SM4_CBC, iv, 16);
    CALL(SDR_INARGERR, SDF_EncryptUpdate, s, NULL, 16, out, &n);
    CALL(SDR_OUTARGERR, SDF_EncryptUpdate, s, text, 16, out, NULL);
    CALL(SDR_OK, SDF_EncryptUpdate, s, text, 5, NULL, &n); /* how much? and nothing is taken in */
    HOLDS(n == 0);
    CALL(SDR_OK, SDF_EncryptUpdate, s, text, 20, NULL, &n);
    HOLDS(n == 16);
    CALL(SDR_OK, SDF_EncryptUpdate, s, text, 20, out, &n);
    HOLDS(n == 16);
    CALL(SDR_INARGERR, SDF_EncryptFinal, s, out, &n); /* part of a block, and no padding */
    CALL(SDR_OUTARGERR, SDF_EncryptFinal, s, out, NULL);
    CALL(SDR_OK, SDF_EncryptUpdate, s, text, 12, out, &n); /* wrong arguments have not ended it */
    HOLDS(n == 16);
    for (int i = 0; i < 2; i++) { /* how much is left? Asking ends nothing, also where the answer is none */
        n = 7;
        CALL(SDR_OK, SDF_EncryptFinal, s, NULL, &n);
        HOLDS(n == 0);
    }
    n = 7;
    CALL(SDR_OK, SDF_EncryptFinal, s, out, &n);
    HOLDS(n == 0);
    CALL(SDR_STEPERR, SDF_EncryptFinal, s, out, &n);
    CALL(SDR_OK, SDF_EncryptInit, s, key, SGD_SM4_CTR, iv, 16); /* of nothing at all */
    CALL(SDR_OK, SDF_EncryptFinal, s, NULL, &n);
    CALL(SDR_OK, SDF_EncryptUpdate, s, text, 3, out, &n);
    CALL(SDR_OK, SDF_EncryptFinal, s, out, &n);
    HOLDS(n == 3);
    CALL(SDR_OK, SDF_DecryptInit, s, key, SGD_SM4_ECB, NULL, 0);
    CALL(SDR_OK, SDF_DecryptFinal, s, NULL, &n);
    CALL(SDR_OK, SDF_DecryptFinal, s, out, &n);
    HOLDS(n == 0);
    CALL(SDR_STEPERR, SDF_DecryptFinal, s, NULL, &n);
    CALL(SDR_OK, SDF_DecryptInit, s, key, SGD_SM4_CTR, iv, 16);
    CALL(SDR_OK, SDF_DecryptUpdate, s, text, 3, out, &n);
    HOLDS(n == 0);
    CALL(SDR_OK, SDF_EncryptInit, s, key, SGD_SM4_CTR, iv, 16); /* each way has its own */
    CALL(SDR_OK, SDF_DecryptFinal, s, NULL, &n);
    HOLDS(n == 3);
    CALL(SDR_OK, SDF_DecryptFinal, s, out, &n);
    HOLDS(n == 3);
    CALL(SDR_OK, SDF_OpenSession, env->device, &other);
    CALL(SDR_STEPERR, SDF_EncryptUpdate, other, text, 16, out, &n);
    CALL(SDR_OK, SDF_CloseSession, other);
    CALL(SDR_OK, SDF_DestroyKey, s, key); /* under a running one */
    CALL(SDR_KEYNOTEXIST, SDF_EncryptUpdate, s, text, 16, out, &n);
    CALL(SDR_STEPERR, SDF_EncryptUpdate, s, text, 16, out, &n);
}

static void xts_one(struct sdf_env *env, void *key, const uint8_t *bytes, const char *cipher, size_t half, unsigned alg,
                    bool gb, unsigned len)
{
    uint8_t iv[16];
    void *s = env->session;
    unsigned n = 0;
    memset(iv, 0xa5, 16);
    HOLDS(judge_xts(cipher, bytes, half, gb, iv, text, len, want));
    memset(got, 0, sizeof got);
    CALL(SDR_OK, SDF_Encrypt, s, key, alg, iv, text, len, got, &n);
    HOLDS(n == len && memcmp(got, want, len) == 0 && got[len] == 0 && iv[0] == 0xa5 && iv[15] == 0xa5);
    CALL(SDR_OK, SDF_Decrypt, s, key, alg, iv, got, len, got, &n);
    HOLDS(n == len && memcmp(got, text, len) == 0);
    CALL(SDR_OK, SDF_EncryptInit, s, key, alg, iv, 16);
    HOLDS(multi_run(env, false, text, len, got) == len && memcmp(got, want, len) == 0);
    CALL(SDR_OK, SDF_DecryptInit, s, key, alg, iv, 16);
    HOLDS(multi_run(env, true, want, len, got) == len && memcmp(got, text, len) == 0);
}

void case_xts(struct sdf_env *env)
{
    static const unsigned sizes[] = {16, 17, 31, 32, 33, 100, 16384, 16385, 16399, 16400, 3 * 16384 + 1, TEXT};
    uint8_t bytes[64], iv[16] = {1};
    unsigned n;
    void *s = env->session, *key, *wide, *narrow;
    text_fill();
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7 + 1);
    CALL(SDR_OK, SDF_ImportKey, s, bytes, 32, &key);
    CALL(SDR_OK, SDF_ImportKey, s, bytes, 64, &wide);
    CALL(SDR_OK, SDF_ImportKey, s, bytes, 16, &narrow);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        xts_one(env, key, bytes, "SM4", 16, SGD_SM4_XTS, true, sizes[i]);
        xts_one(env, key, bytes, "SM4", 16, SGD_SM4_XTS_IEEE, false, sizes[i]);
        xts_one(env, key, bytes, "AES-128", 16, SGD_AES_XTS, false, sizes[i]);
        xts_one(env, wide, bytes, "AES-256", 32, SGD_AES_XTS, false, sizes[i]);
    }
    xts_one(env, key, bytes, "SM4", 16, SGD_SM4 | 0x40, true, 100); /* other headers' numbers */
    xts_one(env, key, bytes, "SM4", 16, 0x02000402, true, 100);
    xts_one(env, key, bytes, "AES-128", 16, SGD_AES | 0x40, false, 100);
    for (unsigned len = 1; len < 16; len++)
        CALL(SDR_INARGERR, SDF_Encrypt, s, key, SGD_SM4_XTS, iv, text, len, got, &n);
    CALL(SDR_INARGERR, SDF_Decrypt, s, key, SGD_SM4_XTS, NULL, text, 16, got, &n);
    CALL(SDR_KEYERR, SDF_Encrypt, s, narrow, SGD_SM4_XTS, iv, text, 16, got, &n);
    CALL(SDR_KEYERR, SDF_Encrypt, s, wide, SGD_SM4_XTS, iv, text, 16, got, &n);
    CALL(SDR_ALGNOTSUPPORT, SDF_Encrypt, s, key, SGD_SM1 | SGD_XTS, iv, text, 16, got, &n);
    CALL(SDR_OK, SDF_EncryptInit, s, key, SGD_SM4_XTS, iv, 16);
    CALL(SDR_OK, SDF_EncryptUpdate, s, text, 15, got, &n);
    CALL(SDR_INARGERR, SDF_EncryptFinal, s, got, &n); /* a unit has 16 bytes at least */
    CALL(SDR_OK, SDF_EncryptUpdate, s, text, 1, got, &n);
    HOLDS(n == 0);
    CALL(SDR_OK, SDF_EncryptFinal, s, got, &n);
    HOLDS(n == 16);
}

void case_import(struct sdf_env *env)
{
    uint8_t bytes[256] = {3, 1, 4, 1, 5, 9}, iv[16] = {0}, zero[16] = {0};
    unsigned n;
    void *s = env->session, *key = NULL;
    CALL(SDR_INARGERR, SDF_ImportKey, NULL, bytes, 16, &key);
    CALL(SDR_INARGERR, SDF_ImportKey, s, NULL, 16, &key);
    CALL(SDR_INARGERR, SDF_ImportKey, s, bytes, 0, &key);
    CALL(SDR_INARGERR, SDF_ImportKey, s, bytes, 257, &key);
    CALL(SDR_OUTARGERR, SDF_ImportKey, s, bytes, 16, NULL);
    HOLDS(key == NULL);
    CALL(SDR_OK, SDF_ImportKey, s, bytes, 16, &key);
    HOLDS(judge_cipher("SM4-CBC", bytes, zero, true, text, 160, want));
    CALL(SDR_OK, SDF_Encrypt, s, key, SGD_SM4_CBC, iv, text, 160, got, &n);
    HOLDS(n == 160 && memcmp(got, want, 160) == 0);
    CALL(SDR_OK, SDF_DestroyKey, s, key);
    CALL(SDR_OK, SDF_ImportKey, s, bytes, 5, &key); /* a key for HMAC; no cipher takes it */
    CALL(SDR_KEYERR, SDF_Encrypt, s, key, SGD_SM4_CBC, iv, text, 160, got, &n);
    CALL(SDR_OK, SDF_DestroyKey, s, key);
    CALL(SDR_INARGERR, SDF_Encrypt, s, key, SGD_SM4_CBC, iv, text, 160, got, &n);
}

static void hmac_feed(struct sdf_env *env, unsigned len, bool mac)
{
    for (unsigned at = 0, i = 0, part; at < len; at += part, i++) {
        part = cut(i, len - at);
        if (mac)
            CALL(SDR_OK, SDF_CalculateMACUpdate, env->session, text + at, part);
        else
            CALL(SDR_OK, SDF_HMACUpdate, env->session, text + at, part);
    }
}

void case_hmac(struct sdf_env *env)
{
    static const struct {
        unsigned alg;
        const char *name;
    } hashes[] = {
        {SGD_SM3, "SM3"},
        {SGD_SHA1, "SHA1"},
        {SGD_SHA224, "SHA224"},
        {SGD_SHA256, "SHA256"},
        {SGD_SHA384_B, "SHA384"},
        {SGD_SHA512_B, "SHA512"},
        {SGD_SHA3_224, "SHA3-224"},
        {SGD_SHA3_256, "SHA3-256"},
        {SGD_SHA3_384, "SHA3-384"},
        {SGD_SHA3_512, "SHA3-512"},
        {0x08, "SM3"},
        {0x10, "SHA256"},
        {0x00020211, "SM3"},
        {0x00010012, "SHA1"},
        {0x00010014, "SHA256"},
    };
    static const unsigned sizes[] = {0, 1, 16384, 16385, TEXT};
    uint8_t bytes[100], mac[64], right[64];
    void *s = env->session, *key, *other;
    unsigned n;
    size_t right_len = 0;
    text_fill();
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 3);
    CALL(SDR_OK, SDF_ImportKey, s, bytes, sizeof bytes, &key);
    for (size_t h = 0; h < sizeof hashes / sizeof hashes[0]; h++)
        for (size_t i = 0; i < (h < 2 ? 5 : 2); i++) {
            n = 0xffffffff;
            CALL(SDR_OK, SDF_HMACInit, s, key, hashes[h].alg);
            hmac_feed(env, sizes[i], false);
            CALL(SDR_OK, SDF_HMACFinal, s, mac, &n);
            HOLDS(judge_hmac(hashes[h].name, bytes, sizeof bytes, text, sizes[i], right, &right_len));
            HOLDS(n == right_len && memcmp(mac, right, n) == 0);
        }
    CALL(SDR_STEPERR, SDF_HMACUpdate, s, text, 1);
    CALL(SDR_STEPERR, SDF_HMACFinal, s, mac, &n);
    CALL(SDR_INARGERR, SDF_HMACInit, NULL, key, SGD_SM3);
    CALL(SDR_INARGERR, SDF_HMACInit, s, NULL, SGD_SM3);
    CALL(SDR_ALGNOTSUPPORT, SDF_HMACInit, s, key, SGD_SM4_MAC);
    CALL(SDR_STEPERR, SDF_HMACUpdate, s, text, 1);
    CALL(SDR_OK, SDF_HMACInit, s, key, SGD_SM3);
    CALL(SDR_OK, SDF_HMACUpdate, s, NULL, 0);
    CALL(SDR_INARGERR, SDF_HMACUpdate, s, NULL, 1);
    CALL(SDR_OUTARGERR, SDF_HMACFinal, s, mac, NULL);
    CALL(SDR_OK, SDF_HMACFinal, s, NULL, &n);
    HOLDS(n == 32);
    CALL(SDR_OK, SDF_HashInit, s, SGD_SHA1, NULL, NULL, 0); /* beside a hash */
    CALL(SDR_OK, SDF_HMACFinal, s, mac, &n);
    CALL(SDR_OK, SDF_OpenSession, env->device, &other);
    CALL(SDR_INARGERR, SDF_HMACInit, other, key, SGD_SM3);
    CALL(SDR_STEPERR, SDF_HMACUpdate, other, text, 1);
    CALL(SDR_OK, SDF_CloseSession, other);
}

void case_mac_multi(struct sdf_env *env)
{
    static const unsigned sizes[] = {16, 4096, 16384, 16400, 48000};
    uint8_t bytes[32], iv[16], mac[32], right[64];
    void *s = env->session, *key = sdf_known_key(env, 128, bytes);
    unsigned n;
    size_t right_len;
    text_fill();
    for (size_t i = 0; i < 5; i++) {
        memset(iv, 0x11, 16);
        HOLDS(judge_cipher("SM4-CBC", bytes, iv, true, text, sizes[i], want));
        n = 0;
        CALL(SDR_OK, SDF_CalculateMACInit, s, key, SGD_SM4_MAC, iv, 16);
        hmac_feed(env, sizes[i], true);
        CALL(SDR_OK, SDF_CalculateMACFinal, s, mac, &n);
        HOLDS(n == 16 && memcmp(mac, want + sizes[i] - 16, 16) == 0 && iv[0] == 0x11);
        HOLDS(judge_hmac("SM3", bytes, 16, text, sizes[i], right, &right_len));
        CALL(SDR_OK, SDF_CalculateMACInit, s, key, SGD_SM3, NULL, 0);
        hmac_feed(env, sizes[i], true);
        CALL(SDR_OK, SDF_CalculateMACFinal, s, mac, &n);
        HOLDS(n == 32 && memcmp(mac, right, 32) == 0);
    }
    HOLDS(judge_cipher("AES-128-CBC", bytes, iv, true, text, 32, want));
    CALL(SDR_OK, SDF_CalculateMACInit, s, key, SGD_AES_MAC, iv, 16);
    CALL(SDR_INARGERR, SDF_CalculateMACFinal, s, mac, &n); /* of nothing */
    CALL(SDR_OK, SDF_CalculateMACUpdate, s, text, 17);
    CALL(SDR_INARGERR, SDF_CalculateMACFinal, s, mac, &n); /* not of full blocks; more may come */
    CALL(SDR_OK, SDF_CalculateMACUpdate, s, text + 17, 15);
    CALL(SDR_OK, SDF_CalculateMACFinal, s, mac, &n);
    HOLDS(memcmp(mac, want + 16, 16) == 0);
    CALL(SDR_STEPERR, SDF_CalculateMACUpdate, s, text, 16);
    CALL(SDR_STEPERR, SDF_CalculateMACFinal, s, mac, &n);
    CALL(SDR_INARGERR, SDF_CalculateMACInit, NULL, key, SGD_SM4_MAC, iv, 16);
    CALL(SDR_INARGERR, SDF_CalculateMACInit, s, NULL, SGD_SM4_MAC, iv, 16);
    CALL(SDR_INARGERR, SDF_CalculateMACInit, s, key, SGD_SM4_MAC, NULL, 16);
    CALL(SDR_INARGERR, SDF_CalculateMACInit, s, key, SGD_SM4_MAC, iv, 8);
    CALL(SDR_ALGMODNOTSUPPORT, SDF_CalculateMACInit, s, key, SGD_SM4_CBC, iv, 16);
    CALL(SDR_ALGNOTSUPPORT, SDF_CalculateMACInit, s, key, 0x7777, iv, 16);
    CALL(SDR_STEPERR, SDF_CalculateMACUpdate, s, text, 16);
    CALL(SDR_OK, SDF_CalculateMACInit, s, key, SGD_SM4_MAC, iv, 16);
    CALL(SDR_INARGERR, SDF_CalculateMACUpdate, s, NULL, 16);
    CALL(SDR_OK, SDF_CalculateMACUpdate, s, text, 16);
    CALL(SDR_OUTARGERR, SDF_CalculateMACFinal, s, mac, NULL);
    CALL(SDR_OK, SDF_CalculateMACFinal, s, NULL, &n);
    HOLDS(n == 16);
}
