/* SPDX-License-Identifier: Apache-2.0 */
/* Authenticated encryption, in one call and in several; the debug functions of 2023. */
#include <stdlib.h>
#include <string.h>
#include "tests/clients/mode_judge.h"
#include "tests/clients/sdf_cases.h"

#define TEXT 40000u

static uint8_t text[TEXT], want[TEXT], got[TEXT + 16], aad[TEXT];

static const struct auth_mode {
    unsigned alg, bits;
    const char *cipher;
    bool ccm;
    unsigned nonce_len;
} modes[] = {
    {SGD_SM4_GCM, 128, "SM4", false, 12},     {SGD_SM4_CCM, 128, "SM4", true, 12},
    {SGD_AES_GCM, 128, "AES-128", false, 12}, {SGD_AES_CCM, 256, "AES-256", true, 7},
    {SGD_SM4_GCM, 128, "SM4", false, 16},     {SGD_SM4_CCM, 128, "SM4", true, 13},
    {SGD_AES_GCM, 192, "AES-192", false, 64},
};
#define MODES (sizeof modes / sizeof modes[0])

static uint8_t nonce[64] = "a nonce, up to sixty-four bytes of it, as GCM takes it; CCM: 13";

static void text_fill(void)
{
    for (size_t i = 0; i < TEXT; i++) {
        text[i] = (uint8_t)(i * 5 ^ i >> 7);
        aad[i] = (uint8_t)(i * 11 ^ i >> 5);
    }
}

static void judge(struct sdf_env *env, const struct auth_mode *mode, const uint8_t *key, size_t aad_len, size_t len,
                  uint8_t tag[16])
{
    struct judge_aead a = {.cipher = mode->cipher,
                           .key = key,
                           .nonce = nonce,
                           .aad = aad,
                           .nonce_len = mode->nonce_len,
                           .aad_len = aad_len,
                           .tag_len = 16};
    HOLDS((mode->ccm ? judge_ccm : judge_gcm)(&a, text, len, want, tag));
}

/* In one call, apart and in place; a bit that changed anywhere writes nothing. */
static void auth_one(struct sdf_env *env, const struct auth_mode *mode, void *key, const uint8_t *bytes,
                     unsigned aad_len, unsigned len)
{
    uint8_t tag[17] = {0}, right[16];
    void *s = env->session;
    unsigned n = 0xffffffff, tag_len = 0xffffffff;
    judge(env, mode, bytes, aad_len, len, right);
    memset(got, 0, sizeof got);
    CALL(SDR_OK, SDF_AuthEnc, s, key, mode->alg, nonce, mode->nonce_len, aad, aad_len, text, len, got, &n, tag,
         &tag_len);
    HOLDS(n == len && tag_len == 16 && memcmp(got, want, len) == 0 && memcmp(tag, right, 16) == 0);
    HOLDS(got[len] == 0 && tag[16] == 0);
    n = 0;
    CALL(SDR_OK, SDF_AuthDec, s, key, mode->alg, nonce, mode->nonce_len, aad, aad_len, tag, &tag_len, got, len, got,
         &n);
    HOLDS(n == len && memcmp(got, text, len) == 0);
    memset(got, 0x55, sizeof got);
    n = 12345;
    tag[9] ^= 4;
    CALL(SDR_MACERR, SDF_AuthDec, s, key, mode->alg, nonce, mode->nonce_len, aad, aad_len, tag, &tag_len, want, len,
         got, &n);
    tag[9] ^= 4;
    if (len > 0) {
        want[len - 1] ^= 1;
        CALL(SDR_MACERR, SDF_AuthDec, s, key, mode->alg, nonce, mode->nonce_len, aad, aad_len, tag, &tag_len, want, len,
             got, &n);
        want[len - 1] ^= 1;
    }
    if (aad_len > 0) {
        aad[aad_len / 2] ^= 1;
        CALL(SDR_MACERR, SDF_AuthDec, s, key, mode->alg, nonce, mode->nonce_len, aad, aad_len, tag, &tag_len, want, len,
             got, &n);
        aad[aad_len / 2] ^= 1;
    }
    HOLDS(n == 12345 && got[0] == 0x55 && got[len] == 0x55 && (len == 0 || got[len - 1] == 0x55));
}

void case_auth(struct sdf_env *env)
{
    static const unsigned sizes[][2] = {/* associated data, data */
                                        {0, 0},        {0, 1},      {13, 0},           {20, 64},
                                        {428, 4096},   {440, 33},   {5, 16384},        {5, 16385},
                                        {1000, 20000}, {30000, 10}, {40000, 40000 - 1}};
    text_fill();
    for (size_t m = 0; m < MODES; m++) {
        uint8_t bytes[32];
        void *key = sdf_known_key(env, modes[m].bits, bytes);
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
            auth_one(env, &modes[m], key, bytes, sizes[i][0], sizes[i][1]);
        CALL(SDR_OK, SDF_DestroyKey, env->session, key);
    }
}

void case_auth_wrong(struct sdf_env *env)
{
    uint8_t bytes[32], tag[16] = {0};
    unsigned n = 1, t = 16;
    void *s = env->session, *key = sdf_known_key(env, 128, bytes);
    int (*by_value)(void *, void *, unsigned, uint8_t *, unsigned, uint8_t *, unsigned, uint8_t *, unsigned, uint8_t *,
                    unsigned, uint8_t *, unsigned *) = (void *)SDF_AuthDec;
    text_fill();
    CALL(SDR_INARGERR, SDF_AuthEnc, NULL, key, SGD_SM4_GCM, nonce, 12, aad, 1, text, 1, got, &n, tag, &t);
    CALL(SDR_INARGERR, SDF_AuthEnc, s, NULL, SGD_SM4_GCM, nonce, 12, aad, 1, text, 1, got, &n, tag, &t);
    CALL(SDR_INARGERR, SDF_AuthEnc, s, key, SGD_SM4_GCM, NULL, 12, aad, 1, text, 1, got, &n, tag, &t);
    CALL(SDR_INARGERR, SDF_AuthEnc, s, key, SGD_SM4_GCM, nonce, 0, aad, 1, text, 1, got, &n, tag, &t);
    CALL(SDR_INARGERR, SDF_AuthEnc, s, key, SGD_SM4_GCM, nonce, 65, aad, 1, text, 1, got, &n, tag, &t);
    CALL(SDR_INARGERR, SDF_AuthEnc, s, key, SGD_SM4_CCM, nonce, 6, aad, 1, text, 1, got, &n, tag, &t);
    CALL(SDR_INARGERR, SDF_AuthEnc, s, key, SGD_SM4_CCM, nonce, 14, aad, 1, text, 1, got, &n, tag, &t);
    CALL(SDR_INARGERR, SDF_AuthEnc, s, key, SGD_SM4_GCM, nonce, 12, NULL, 1, text, 1, got, &n, tag, &t);
    CALL(SDR_INARGERR, SDF_AuthEnc, s, key, SGD_SM4_GCM, nonce, 12, aad, 1, NULL, 1, got, &n, tag, &t);
    CALL(SDR_OUTARGERR, SDF_AuthEnc, s, key, SGD_SM4_GCM, nonce, 12, aad, 1, text, 1, got, NULL, tag, &t);
    CALL(SDR_OUTARGERR, SDF_AuthEnc, s, key, SGD_SM4_GCM, nonce, 12, aad, 1, text, 1, got, &n, NULL, &t);
    CALL(SDR_OUTARGERR, SDF_AuthEnc, s, key, SGD_SM4_GCM, nonce, 12, aad, 1, text, 1, got, &n, tag, NULL);
    CALL(SDR_OUTARGERR, SDF_AuthEnc, s, key, SGD_SM4_GCM, nonce, 12, aad, 1, text, 1, NULL, &n, tag, &t);
    CALL(SDR_ALGNOTSUPPORT, SDF_AuthEnc, s, key, SGD_GCM, nonce, 12, aad, 1, text, 1, got, &n, tag, &t);
    CALL(SDR_ALGNOTSUPPORT, SDF_AuthEnc, s, key, SGD_SM1 | SGD_GCM, nonce, 12, aad, 1, text, 1, got, &n, tag, &t);
    CALL(SDR_ALGMODNOTSUPPORT, SDF_AuthEnc, s, key, SGD_SM4_CBC, nonce, 12, aad, 1, text, 1, got, &n, tag, &t);
    CALL(SDR_ALGMODNOTSUPPORT, SDF_AuthDec, s, key, SGD_SM4_XTS, nonce, 12, aad, 1, tag, &t, text, 1, got, &n);
    HOLDS(n == 1 && t == 16);
    CALL(SDR_OK, SDF_AuthEnc, s, key, SGD_SM4_GCM, nonce, 12, aad, 1, text, 99, NULL, &n, NULL, &t);
    HOLDS(n == 99 && t == 16);
    CALL(SDR_OK, SDF_AuthEnc, s, key, SGD_SM4_GCM, nonce, 12, NULL, 0, text, 99, got, &n, tag, &t);
    CALL(SDR_INARGERR, SDF_AuthDec, s, key, SGD_SM4_GCM, nonce, 12, NULL, 0, NULL, &t, got, 99, got, &n);
    CALL(SDR_INARGERR, SDF_AuthDec, s, key, SGD_SM4_GCM, nonce, 12, NULL, 0, tag, NULL, got, 99, got, &n);
    CALL(SDR_OUTARGERR, SDF_AuthDec, s, key, SGD_SM4_GCM, nonce, 12, NULL, 0, tag, &t, got, 99, got, NULL);
    CALL(SDR_INARGERR, SDF_AuthDec, s, key, SGD_SM4_GCM, nonce, 12, NULL, 0, tag, &t, NULL, 99, got, &n);
    CALL(SDR_OK, SDF_AuthDec, s, key, SGD_SM4_GCM, nonce, 12, NULL, 0, tag, &t, got, 99, NULL, &n);
    for (unsigned len = 0; len < 20; len++) { /* a shorter tag is one, if it is not too short */
        uint32_t expected = len == 8 || (len >= 12 && len <= 16) ? SDR_OK : SDR_INARGERR;
        t = len;
        CALL(expected, SDF_AuthDec, s, key, SGD_SM4_GCM, nonce, 12, NULL, 0, tag, &t, got, 99, want, &n);
    }
    sdf_met(env, "SDF_AuthDec", false, SDR_OK, /* the other header's form */
            (uint32_t)by_value(s, key, SGD_SM4_GCM, nonce, 12, NULL, 0, tag, 16, got, 99, want, &n), __LINE__);
    HOLDS(memcmp(want, text, 99) == 0);
    sdf_met(env, "SDF_AuthDec", false, SDR_INARGERR,
            (uint32_t)by_value(s, key, SGD_SM4_GCM, nonce, 12, NULL, 0, tag, 17, got, 99, want, &n), __LINE__);
}

static void multi_seal(struct sdf_env *env, unsigned len, unsigned step)
{
    unsigned n;
    for (unsigned at = 0; at < len; at += step) {
        unsigned part = len - at < step ? len - at : step;
        CALL(SDR_OK, SDF_AuthEncUpdate, env->session, text + at, part, got + at, &n);
        HOLDS(n == part);
    }
}

/* Feeds all, and gives what updates gave; the end is the caller's. */
static unsigned multi_open(struct sdf_env *env, unsigned len, unsigned step, uint32_t last)
{
    unsigned written = 0, n;
    for (unsigned at = 0; at < len; at += step) {
        unsigned part = len - at < step ? len - at : step;
        n = 77;
        if (CALL(at + part < len ? SDR_OK : last, SDF_AuthDecUpdate, env->session, want + at, part, got + written,
                 &n) &&
            (at + part < len || last == SDR_OK)) {
            HOLDS(at + part < len ? n == 0 : n <= part); /* nothing before the tag held, and never more than came */
            written += n;
        }
    }
    return written;
}

static void auth_multi_one(struct sdf_env *env, const struct auth_mode *mode, void *key, const uint8_t *bytes,
                           unsigned aad_len, unsigned len, unsigned step)
{
    uint8_t tag[16], right[16];
    void *s = env->session;
    unsigned n = 9, t = 9, written;
    judge(env, mode, bytes, aad_len, len, right);
    CALL(SDR_OK, SDF_AuthEncInit, s, key, mode->alg, nonce, mode->nonce_len, aad, aad_len, len);
    multi_seal(env, len, step);
    CALL(SDR_OK, SDF_AuthEncFinal, s, got + len, &n, tag, &t);
    HOLDS(n == 0 && t == 16 && memcmp(got, want, len) == 0 && memcmp(tag, right, 16) == 0);
    memset(got, 0, sizeof got);
    CALL(SDR_OK, SDF_AuthDecInit, s, key, mode->alg, nonce, mode->nonce_len, aad, aad_len, tag, 16, len);
    written = multi_open(env, len, step, SDR_OK);
    HOLDS(len == 0 || step < len || written == len); /* one update: all of it there */
    if (written < len) {
        n = 0;
        CALL(SDR_NOBUFFER, SDF_AuthDecFinal, s, got + written, &n); /* room is read here */
        HOLDS(n == len - written && got[written] == 0);
    }
    CALL(SDR_OK, SDF_AuthDecFinal, s, got + written, &n);
    HOLDS(written + n == len && memcmp(got, text, len) == 0);
    CALL(SDR_STEPERR, SDF_AuthDecFinal, s, got, &n);
    tag[0] ^= 1; /* a wrong tag: not a byte */
    memset(got, 0x33, sizeof got);
    CALL(SDR_OK, SDF_AuthDecInit, s, key, mode->alg, nonce, mode->nonce_len, aad, aad_len, tag, 16, len);
    multi_open(env, len, step, SDR_MACERR);
    n = 16;
    CALL(len ? SDR_STEPERR : SDR_MACERR, SDF_AuthDecFinal, s, got, &n);
    HOLDS(got[0] == 0x33 && got[len] == 0x33);
}

void case_auth_multi(struct sdf_env *env)
{
    static const unsigned shapes[][3] = {
        /* associated data, data, step */
        {0, 0, 1},         {20, 0, 1},           {0, 5, 1},        {20, 64, 64}, {7, 1000, 33},
        {7, 16384, 16384}, {30000, 16400, 7001}, {0, 39999, 20000}};
    uint8_t bytes[32], tag[16];
    void *s = env->session, *key;
    unsigned n, t;
    text_fill();
    for (size_t m = 0; m < 4; m++) {
        key = sdf_known_key(env, modes[m].bits, bytes);
        for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
            auth_multi_one(env, &modes[m], key, bytes, shapes[i][0], shapes[i][1], shapes[i][2]);
        CALL(SDR_OK, SDF_DestroyKey, s, key);
    }
    /* GCM of a length that nobody said: all plaintext comes at the end */
    key = sdf_known_key(env, 128, bytes);
    judge(env, &modes[0], bytes, 3, 5000, tag);
    CALL(SDR_OK, SDF_AuthEncInit, s, key, SGD_SM4_GCM, nonce, 12, aad, 3, 0);
    multi_seal(env, 5000, 999);
    CALL(SDR_OK, SDF_AuthEncFinal, s, NULL, NULL, tag, &t);
    HOLDS(memcmp(got, want, 5000) == 0);
    CALL(SDR_OK, SDF_AuthDecInit, s, key, SGD_SM4_GCM, nonce, 12, aad, 3, tag, 16, 0);
    for (unsigned at = 0; at < 5000; at += 1000) {
        CALL(SDR_OK, SDF_AuthDecUpdate, s, want + at, 1000, NULL, &n);
        HOLDS(n == 0);
    }
    CALL(SDR_OK, SDF_AuthDecFinal, s, NULL, &n);
    HOLDS(n == 5000);
    CALL(SDR_STEPERR, SDF_AuthDecUpdate, s, want, 16, got, &n); /* the tag was judged */
    CALL(SDR_OK, SDF_AuthDecFinal, s, got, &n);
    HOLDS(n == 5000 && memcmp(got, text, 5000) == 0);
    /* of nothing: asking for the length ends nothing, and a wrong tag is told of by it */
    judge(env, &modes[0], bytes, 3, 0, tag);
    CALL(SDR_OK, SDF_AuthDecInit, s, key, SGD_SM4_GCM, nonce, 12, aad, 3, tag, 16, 0);
    for (int i = 0; i < 2; i++) {
        n = 7;
        CALL(SDR_OK, SDF_AuthDecFinal, s, NULL, &n);
        HOLDS(n == 0);
    }
    CALL(SDR_OK, SDF_AuthDecFinal, s, got, &n);
    CALL(SDR_STEPERR, SDF_AuthDecFinal, s, got, &n);
    CALL(SDR_OK, SDF_AuthDecInit, s, key, SGD_SM4_GCM, nonce, 12, aad, 3, tag, 16, 0);
    CALL(SDR_OK, SDF_AuthDecFinal, s, NULL, NULL);
    CALL(SDR_STEPERR, SDF_AuthDecFinal, s, NULL, NULL);
    tag[3] ^= 1;
    CALL(SDR_OK, SDF_AuthDecInit, s, key, SGD_SM4_GCM, nonce, 12, aad, 3, tag, 16, 0);
    CALL(SDR_MACERR, SDF_AuthDecFinal, s, NULL, &n);
    CALL(SDR_STEPERR, SDF_AuthDecFinal, s, got, &n);
}

void case_auth_steps(struct sdf_env *env)
{
    uint8_t bytes[32], tag[16] = {0};
    unsigned n = 5, t = 5;
    void *s = env->session, *key = sdf_known_key(env, 128, bytes);
    CALL(SDR_STEPERR, SDF_AuthEncUpdate, s, text, 1, got, &n);
    CALL(SDR_STEPERR, SDF_AuthEncFinal, s, got, &n, tag, &t);
    CALL(SDR_STEPERR, SDF_AuthDecUpdate, s, text, 1, got, &n);
    CALL(SDR_STEPERR, SDF_AuthDecFinal, s, got, &n);
    CALL(SDR_INARGERR, SDF_AuthEncInit, s, NULL, SGD_SM4_GCM, nonce, 12, aad, 1, 1);
    CALL(SDR_INARGERR, SDF_AuthEncInit, s, key, SGD_SM4_GCM, NULL, 12, aad, 1, 1);
    CALL(SDR_INARGERR, SDF_AuthEncInit, s, key, SGD_SM4_GCM, nonce, 12, NULL, 1, 1);
    CALL(SDR_INARGERR, SDF_AuthEncInit, s, key, SGD_SM4_CCM, nonce, 13, aad, 1, 65536); /* counts to 65535 */
    CALL(SDR_ALGMODNOTSUPPORT, SDF_AuthEncInit, s, key, SGD_SM4_CTR, nonce, 12, aad, 1, 1);
    CALL(SDR_ALGNOTSUPPORT, SDF_AuthDecInit, s, key, 0, nonce, 12, aad, 1, tag, 16, 1);
    CALL(SDR_INARGERR, SDF_AuthDecInit, s, key, SGD_SM4_GCM, nonce, 12, aad, 1, NULL, 16, 1);
    CALL(SDR_INARGERR, SDF_AuthDecInit, s, key, SGD_SM4_GCM, nonce, 12, aad, 1, tag, 7, 1);
    CALL(SDR_INARGERR, SDF_AuthDecInit, s, key, SGD_SM4_CCM, nonce, 12, aad, 1, tag, 13, 1);
    CALL(SDR_STEPERR, SDF_AuthEncUpdate, s, text, 1, got, &n);
    CALL(SDR_OK, SDF_AuthEncInit, s, key, SGD_SM4_CCM, nonce, 12, aad, 1, 20);
    CALL(SDR_INARGERR, SDF_AuthEncUpdate, s, NULL, 1, got, &n);
    CALL(SDR_OUTARGERR, SDF_AuthEncUpdate, s, text, 1, got, NULL);
    CALL(SDR_INARGERR, SDF_AuthEncUpdate, s, text, 21, got, &n); /* more than was said */
    CALL(SDR_OK, SDF_AuthEncUpdate, s, text, 19, NULL, &n);
    HOLDS(n == 19);
    CALL(SDR_OK, SDF_AuthEncUpdate, s, text, 19, got, &n);
    CALL(SDR_STEPERR, SDF_AuthEncFinal, s, got, &n, tag, &t); /* less than was said; and it goes on */
    CALL(SDR_OK, SDF_AuthDecInit, s, key, SGD_SM4_GCM, nonce, 12, aad, 1, tag, 16, 10); /* beside it */
    CALL(SDR_OK, SDF_AuthEncUpdate, s, text + 19, 1, got + 19, &n);
    CALL(SDR_OUTARGERR, SDF_AuthEncFinal, s, got, &n, tag, NULL);
    CALL(SDR_OK, SDF_AuthEncFinal, s, got, &n, NULL, &t);
    HOLDS(t == 16);
    CALL(SDR_OK, SDF_AuthEncFinal, s, got, &n, tag, &t);
    CALL(SDR_INARGERR, SDF_AuthDecUpdate, s, NULL, 1, got, &n);
    CALL(SDR_INARGERR, SDF_AuthDecUpdate, s, text, 11, got, &n);
    CALL(SDR_OUTARGERR, SDF_AuthDecUpdate, s, text, 1, got, NULL);
    CALL(SDR_STEPERR, SDF_AuthDecFinal, s, got, &n);
    CALL(SDR_OK, SDF_AuthDecUpdate, s, text, 0, got, &n);
    CALL(SDR_OK, SDF_AuthEncInit, s, key, SGD_SM4_GCM, nonce, 12, NULL, 0, 16); /* left running: the session's end */
}

/* What is right with keys in clear where the host allows it; SDR_NOTSUPPORT to all where it does not. */
void case_debug(struct sdf_env *env)
{
    uint8_t key[32] = {9, 8, 7}, iv[16] = {1}, mac[64], right[64];
    unsigned n = 0;
    size_t right_len;
    void *s = env->session;
    text_fill();
    bool allowed = SDF_ExternalKeyEncrypt(s, SGD_SM4_ECB, key, 16, NULL, 0, text, 16, got, &n) != SDR_NOTSUPPORT;
    uint32_t ok = allowed ? SDR_OK : SDR_NOTSUPPORT, step = allowed ? SDR_OK : SDR_STEPERR;
    HOLDS(judge_cipher("SM4-CBC", key, iv, true, text, 32000, want));
    CALL(ok, SDF_ExternalKeyEncrypt, s, SGD_SM4_CBC, key, 16, iv, 16, text, 32000, got, &n);
    HOLDS(!allowed || (n == 32000 && memcmp(got, want, n) == 0 && iv[0] == 1 && iv[1] == 0));
    CALL(ok, SDF_ExternalKeyDecrypt, s, SGD_SM4_CBC, key, 16, iv, 16, want, 32000, got, &n);
    HOLDS(!allowed || (n == 32000 && memcmp(got, text, n) == 0));
    CALL(ok, SDF_ExternalKeyEncryptInit, s, SGD_SM4_CBC, key, 16, iv, 16);
    CALL(step, SDF_EncryptUpdate, s, text, 100, got, &n);
    CALL(step, SDF_EncryptUpdate, s, text + 100, 60, got + 96, &n);
    CALL(step, SDF_EncryptFinal, s, got, &n);
    HOLDS(!allowed || memcmp(got, want, 160) == 0);
    CALL(ok, SDF_ExternalKeyDecryptInit, s, SGD_SM4_CBC, key, 16, iv, 16);
    CALL(step, SDF_DecryptUpdate, s, want, 160, got, &n);
    HOLDS(!allowed || memcmp(got, text, 160) == 0);
    CALL(ok, SDF_ExternalKeyDecryptInit, s, SGD_AES_CTR, key, 32, iv, 16); /* anew, over a running one */
    CALL(ok, SDF_ExternalKeyHMACInit, s, SGD_SM3, key, 20);
    CALL(step, SDF_HMACUpdate, s, text, 17000);
    CALL(step, SDF_HMACFinal, s, mac, &n);
    HOLDS(judge_hmac("SM3", key, 20, text, 17000, right, &right_len));
    HOLDS(!allowed || memcmp(mac, right, 32) == 0);
    CALL(ok, SDF_ExternalKeyHMACInit, s, SGD_SHA256, key, 32); /* left running */
    CALL(SDR_INARGERR, SDF_ExternalKeyEncrypt, NULL, SGD_SM4_CBC, key, 16, iv, 16, text, 32, got, &n);
    CALL(SDR_INARGERR, SDF_ExternalKeyEncrypt, s, SGD_SM4_CBC, NULL, 16, iv, 16, text, 32, got, &n);
    CALL(SDR_INARGERR, SDF_ExternalKeyEncrypt, s, SGD_SM4_CBC, key, 0, iv, 16, text, 32, got, &n);
    CALL(SDR_INARGERR, SDF_ExternalKeyEncrypt, s, SGD_SM4_CBC, key, 257, iv, 16, text, 32, got, &n);
    CALL(SDR_INARGERR, SDF_ExternalKeyEncrypt, s, SGD_SM4_CBC, key, 16, NULL, 16, text, 32, got, &n);
    CALL(SDR_INARGERR, SDF_ExternalKeyDecrypt, s, SGD_SM4_CBC, key, 16, iv, 8, text, 32, got, &n);
    CALL(SDR_INARGERR, SDF_ExternalKeyDecrypt, s, SGD_SM4_CBC, key, 16, iv, 16, text, 33, got, &n);
    CALL(SDR_INARGERR, SDF_ExternalKeyDecrypt, s, SGD_SM4_CBC, key, 16, iv, 16, NULL, 32, got, &n);
    CALL(SDR_OUTARGERR, SDF_ExternalKeyDecrypt, s, SGD_SM4_CBC, key, 16, iv, 16, text, 32, got, NULL);
    CALL(SDR_ALGNOTSUPPORT, SDF_ExternalKeyEncrypt, s, SGD_SM2_1, key, 16, iv, 16, text, 32, got, &n);
    CALL(SDR_ALGMODNOTSUPPORT, SDF_ExternalKeyEncryptInit, s, SGD_SM4_MAC, key, 16, iv, 16);
    CALL(SDR_INARGERR, SDF_ExternalKeyDecryptInit, s, SGD_SM4_CBC, NULL, 16, iv, 16);
    CALL(SDR_ALGNOTSUPPORT, SDF_ExternalKeyHMACInit, s, SGD_SM4_MAC, key, 16);
    CALL(SDR_INARGERR, SDF_ExternalKeyHMACInit, s, SGD_SM3, NULL, 16);
    if (allowed)
        CALL(SDR_KEYERR, SDF_ExternalKeyEncrypt, s, SGD_SM4_CBC, key, 24, iv, 16, text, 32, got, &n);
}
