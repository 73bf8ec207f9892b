/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include "tests/clients/mode_judge.h"
#include "tests/clients/sdf_cases.h"

static const struct mode {
    unsigned alg, bits;
    const char *name;
    bool blocks; /* full ones only */
} modes[] = {
    {SGD_SM4_ECB, 128, "SM4-ECB", true},      {SGD_SM4_CBC, 128, "SM4-CBC", true},
    {SGD_SM4_CFB, 128, "SM4-CFB", false},     {SGD_SM4_OFB, 128, "SM4-OFB", false},
    {SGD_SM4_CTR, 128, "SM4-CTR", false},     {SGD_AES_ECB, 128, "AES-128-ECB", true},
    {SGD_AES_CBC, 256, "AES-256-CBC", true},  {SGD_AES_CFB, 192, "AES-192-CFB", false},
    {SGD_AES_OFB, 256, "AES-256-OFB", false}, {SGD_AES_CTR, 128, "AES-128-CTR", false},
};
#define MODES (sizeof modes / sizeof modes[0])

static void fill(uint8_t *bytes, size_t len, unsigned seed)
{
    uint32_t x = seed * 2654435761u + 1;
    for (size_t i = 0; i < len; i++) {
        x = x * 1664525u + 1013904223u;
        bytes[i] = (uint8_t)(x >> 24);
    }
}

/* Encrypts apart and in place, decrypts in place; all against the judge. */
static void one_cipher(struct sdf_env *env, const struct mode *mode, void *key, const uint8_t *bytes, unsigned len)
{
    uint8_t *in = malloc(len + 16), *want = malloc(len + 16), *out = calloc(1, len + 16);
    uint8_t iv[16], iv_start[16], *iv_arg = (mode->alg & 0xff) == SGD_ECB ? NULL : iv;
    unsigned n = 0;
    fill(in, len, len);
    fill(iv_start, 16, mode->alg);
    memset(iv_start, 0xff, 12); /* a counter that carries */
    HOLDS(judge_cipher(mode->name, bytes, iv_start, true, in, len, want));
    memcpy(iv, iv_start, 16);
    CALL(SDR_OK, SDF_Encrypt, env->session, key, mode->alg, iv_arg, in, len, out, &n);
    HOLDS(n == len && memcmp(out, want, len) == 0);
    HOLDS(memcmp(out + len, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16) == 0);
    memcpy(out, in, len);
    memcpy(iv, iv_start, 16);
    n = 12345;
    CALL(SDR_OK, SDF_Encrypt, env->session, key, mode->alg, iv_arg, out, len, out, &n);
    HOLDS(n == len && memcmp(out, want, len) == 0);
    memcpy(iv, iv_start, 16);
    CALL(SDR_OK, SDF_Decrypt, env->session, key, mode->alg, iv_arg, out, len, out, &n);
    HOLDS(n == len && memcmp(out, in, len) == 0);
    free(in);
    free(want);
    free(out);
}

void case_cipher(struct sdf_env *env)
{
    static const unsigned sizes[] = {16, 32, 4096, 16384, 16384 + 16, 3 * 16384, 40 * 16384 + 48};
    static const unsigned odd[] = {1, 15, 17, 16385, 2 * 16384 - 1, 33 * 16384 + 7};
    for (size_t m = 0; m < MODES; m++) {
        uint8_t bytes[32];
        void *key = sdf_known_key(env, modes[m].bits, bytes);
        if (!key)
            return;
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
            one_cipher(env, &modes[m], key, bytes, sizes[i]);
        for (size_t i = 0; !modes[m].blocks && i < sizeof odd / sizeof odd[0]; i++)
            one_cipher(env, &modes[m], key, bytes, odd[i]);
        CALL(SDR_OK, SDF_DestroyKey, env->session, key);
    }
}

/* Pieces through the returned IV are the same as one call. */
void case_cipher_chain(struct sdf_env *env)
{
    static const unsigned cuts[] = {16, 16384, 48, 32768 + 16, 4096};
    static uint8_t in[80000], want[80000], out[80000];
    fill(in, sizeof in, 7);
    for (size_t m = 0; m < MODES; m++)
        for (int encrypt = 1; encrypt >= 0; encrypt--) {
            uint8_t bytes[32], iv[16] = {1, 2, 3};
            unsigned n, off = 0;
            void *key = sdf_known_key(env, modes[m].bits, bytes);
            if (!key)
                return;
            for (size_t i = 0; i < 5; off += cuts[i++])
                if (encrypt)
                    CALL(SDR_OK, SDF_Encrypt, env->session, key, modes[m].alg, iv, in + off, cuts[i], out + off, &n);
                else
                    CALL(SDR_OK, SDF_Decrypt, env->session, key, modes[m].alg, iv, in + off, cuts[i], out + off, &n);
            HOLDS(judge_cipher(modes[m].name, bytes, (const uint8_t *)"\1\2\3\0\0\0\0\0\0\0\0\0\0\0\0", encrypt, in,
                               off, want));
            HOLDS(memcmp(out, want, off) == 0);
            if ((modes[m].alg & 0xff) == SGD_ECB)
                HOLDS(memcmp(iv, "\1\2\3\0\0\0\0\0\0\0\0\0\0\0\0", 16) == 0);
            CALL(SDR_OK, SDF_DestroyKey, env->session, key);
        }
}

/* Megabytes in one call, in place. */
void case_cipher_huge(struct sdf_env *env)
{
    enum {
        LEN = 17 * 1024 * 1024 + 32
    };
    uint8_t *in = malloc(LEN), *want = malloc(LEN), bytes[32];
    void *key = sdf_known_key(env, 128, bytes);
    fill(in, LEN, 1);
    for (size_t m = 1; key && m < 5; m += 3) { /* CBC, CTR */
        uint8_t iv[16] = {0};
        unsigned n = 0;
        HOLDS(judge_cipher(modes[m].name, bytes, iv, true, in, LEN, want));
        CALL(SDR_OK, SDF_Encrypt, env->session, key, modes[m].alg, iv, in, LEN, in, &n);
        HOLDS(n == LEN && memcmp(in, want, LEN) == 0);
        memset(iv, 0, 16);
        CALL(SDR_OK, SDF_Decrypt, env->session, key, modes[m].alg, iv, in, LEN, in, &n);
        fill(want, LEN, 1);
        HOLDS(n == LEN && memcmp(in, want, LEN) == 0);
    }
    free(in);
    free(want);
}

void case_cipher_wrong(struct sdf_env *env)
{
    uint8_t bytes[32], iv[16] = {9}, in[64] = {0}, out[64];
    unsigned n = 77;
    void *s = env->session, *key = sdf_known_key(env, 128, bytes);
    CALL(SDR_OK, SDF_Encrypt, s, key, SGD_SM4_CBC, iv, in, 48, NULL, &n); /* how long? */
    HOLDS(n == 48 && iv[0] == 9 && iv[1] == 0);
    CALL(SDR_OK, SDF_Decrypt, s, key, SGD_SM4_CTR, iv, in, 47, NULL, &n);
    HOLDS(n == 47);
    CALL(SDR_OK, SDF_Encrypt, s, key, SGD_SM4_CBC, iv, in, 0, out, &n); /* nothing of nothing */
    HOLDS(n == 0 && iv[0] == 9);
    n = 77;
    for (unsigned len = 1; len < 64; len += len % 16 == 15 ? 2 : 1) {
        CALL(SDR_INARGERR, SDF_Encrypt, s, key, SGD_SM4_ECB, NULL, in, len, out, &n);
        CALL(SDR_INARGERR, SDF_Decrypt, s, key, SGD_SM4_CBC, iv, in, len, out, &n);
    }
    CALL(SDR_INARGERR, SDF_Encrypt, s, key, SGD_SM4_CBC, NULL, in, 16, out, &n);
    CALL(SDR_INARGERR, SDF_Encrypt, s, key, SGD_SM4_CBC, iv, NULL, 16, out, &n);
    CALL(SDR_OUTARGERR, SDF_Encrypt, s, key, SGD_SM4_CBC, iv, in, 16, out, NULL);
    CALL(SDR_OUTARGERR, SDF_Decrypt, s, key, SGD_SM4_CBC, iv, in, 16, out, NULL);
    CALL(SDR_INARGERR, SDF_Encrypt, s, NULL, SGD_SM4_CBC, iv, in, 16, out, &n);
    CALL(SDR_INARGERR, SDF_Encrypt, s, s, SGD_SM4_CBC, iv, in, 16, out, &n);
    CALL(SDR_ALGNOTSUPPORT, SDF_Encrypt, s, key, SGD_SM1_ECB, iv, in, 16, out, &n); /* unpublished */
    CALL(SDR_ALGNOTSUPPORT, SDF_Encrypt, s, key, 0x8000401, iv, in, 16, out, &n);
    CALL(SDR_ALGNOTSUPPORT, SDF_Decrypt, s, key, SGD_SM2_3, iv, in, 16, out, &n);
    CALL(SDR_ALGMODNOTSUPPORT, SDF_Encrypt, s, key, SGD_SM4, iv, in, 16, out, &n);
    CALL(SDR_ALGMODNOTSUPPORT, SDF_Encrypt, s, key, SGD_SM4_MAC, iv, in, 16, out, &n);
    CALL(SDR_ALGMODNOTSUPPORT, SDF_Decrypt, s, key, SGD_SM4 | SGD_ECB | SGD_CBC, iv, in, 16, out, &n);
    CALL(SDR_ALGMODNOTSUPPORT, SDF_Decrypt, s, key, SGD_SM4 | 0x80, iv, in, 16, out, &n);
    HOLDS(n == 77 && iv[0] == 9 && iv[1] == 0); /* a failure leaves length and IV */
}

void case_mac(struct sdf_env *env)
{
    static const unsigned sizes[] = {16, 4096, 16384, 16384 + 16, 100 * 1024};
    static const unsigned any[] = {0, 1, 16384, 16385, 70001};
    static uint8_t in[100 * 1024], all[100 * 1024];
    uint8_t bytes[32], iv[16], mac[32], want[64];
    unsigned n;
    size_t want_len;
    void *s = env->session, *key = sdf_known_key(env, 128, bytes);
    fill(in, sizeof in, 3);
    for (size_t i = 0; i < 5; i++) {
        memset(iv, 0x5a, 16);
        HOLDS(judge_cipher("SM4-CBC", bytes, iv, true, in, sizes[i], all));
        n = 0xffffffff;
        CALL(SDR_OK, SDF_CalculateMAC, s, key, SGD_SM4_MAC, iv, in, sizes[i], mac, &n);
        HOLDS(n == 16 && memcmp(mac, all + sizes[i] - 16, 16) == 0 && memcmp(iv, mac, 16) == 0);
        CALL(SDR_OK, SDF_CalculateMAC, s, key, SGD_SM3, NULL, in, any[i], mac, &n);
        HOLDS(n == 32 && judge_hmac("SM3", bytes, 16, in, any[i], want, &want_len) && memcmp(mac, want, 32) == 0);
    }
    memset(iv, 0, 16);
    CALL(SDR_OK, SDF_CalculateMAC, s, key, SGD_AES_MAC, iv, in, 32, mac, &n);
    HOLDS(judge_cipher("AES-128-CBC", bytes, (const uint8_t *)"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", true, in, 32, all));
    HOLDS(memcmp(mac, all + 16, 16) == 0);
    CALL(SDR_OK, SDF_CalculateMAC, s, key, SGD_SM4_MAC, iv, in, 32, NULL, &n);
    HOLDS(n == 16);
    CALL(SDR_OK, SDF_CalculateMAC, s, key, SGD_SM3, NULL, in, 32, NULL, &n);
    HOLDS(n == 32);
    CALL(SDR_INARGERR, SDF_CalculateMAC, s, key, SGD_SM4_MAC, iv, in, 15, mac, &n);
    CALL(SDR_INARGERR, SDF_CalculateMAC, s, key, SGD_SM4_MAC, iv, in, 0, mac, &n);
    CALL(SDR_INARGERR, SDF_CalculateMAC, s, key, SGD_SM4_MAC, NULL, in, 16, mac, &n);
    CALL(SDR_INARGERR, SDF_CalculateMAC, s, key, SGD_SM4_MAC, iv, NULL, 16, mac, &n);
    CALL(SDR_INARGERR, SDF_CalculateMAC, s, iv, SGD_SM4_MAC, iv, in, 16, mac, &n);
    CALL(SDR_OUTARGERR, SDF_CalculateMAC, s, key, SGD_SM4_MAC, iv, in, 16, mac, NULL);
    CALL(SDR_ALGMODNOTSUPPORT, SDF_CalculateMAC, s, key, SGD_SM4_CBC, iv, in, 16, mac, &n);
    CALL(SDR_ALGNOTSUPPORT, SDF_CalculateMAC, s, key, SGD_SHA256, iv, in, 16, mac, &n);
}
