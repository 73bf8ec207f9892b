/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dialect_batch: batches in a program whose header has other numbers, and whose IVs are to stay
 * (frontend/sdf/dialect.h). Up to 16 KiB a call of a batch is one operation, beyond it goes the way of the function of
 * its name: what comes out must be the same. Each dialect is a process.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "cardmux/sdf_ext.h"

static void *session;
static int wrong;

#define NEED(truth) need((truth), #truth, __LINE__)

static int need(int truth, const char *what, int line)
{
    if (!truth)
        fprintf(stderr, "dialect_batch: line %d: %s\n", line, what);
    wrong += !truth;
    return truth;
}

/* GM/T 0002 A.1 */
static uint8_t sm4_key[16] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
                              0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10};
static const uint8_t sm4_right[16] = {0x68, 0x1e, 0xdf, 0x34, 0xd2, 0x06, 0x96, 0x5e,
                                      0x86, 0xb3, 0xe9, 0x4f, 0x53, 0x6e, 0x42, 0x46};

/* The key and the text are the same. */
static bool sm4_is(void *key, unsigned cipher)
{
    uint8_t out[16];
    struct cardmux_sdf_call call = {.what = CARDMUX_SDF_ENCRYPT,
                                    .alg = cipher | 1,
                                    .session = session,
                                    .key = key,
                                    .in = sm4_key,
                                    .out = out,
                                    .in_len = 16};
    return cardmux_sdf_batch(&call, 1) == SDR_OK && memcmp(out, sm4_right, 16) == 0;
}

/* At 16 KiB calls of a batch stop being one operation each: both kinds, against the functions of their names. */
#define LONGEST (16384u + 16u)
static uint8_t long_in[LONGEST], long_out[2][LONGEST];

static void batch_at(void *key, unsigned cipher, unsigned len, bool iv_kept)
{
    uint8_t iv[5][16], tag[2][16] = {{0}}, aad[3] = {1, 2, 3}, nonce[12] = {9}, mac[2][16];
    unsigned n, t;
    memset(iv, 0x31, sizeof iv);
    memset(long_in, 0x77, sizeof long_in);
    struct cardmux_sdf_call crypt = {.what = CARDMUX_SDF_ENCRYPT,
                                     .alg = cipher | 2,
                                     .session = session,
                                     .key = key,
                                     .iv = iv[0],
                                     .in = long_in,
                                     .out = long_out[0],
                                     .in_len = len},
                            back = crypt, mace = crypt, seal = crypt, open = crypt;
    NEED(cardmux_sdf_batch(&crypt, 1) == SDR_OK && crypt.out_len == len);
    NEED(SDF_Encrypt(session, key, cipher | 2, iv[1], long_in, len, long_out[1], &n) == SDR_OK);
    NEED(memcmp(long_out[0], long_out[1], len) == 0 && memcmp(iv[0], iv[1], 16) == 0);
    NEED((iv[0][0] == 0x31 && iv[0][15] == 0x31) == iv_kept);
    back.what = CARDMUX_SDF_DECRYPT;
    back.iv = iv[2];
    back.in = long_out[1];
    NEED(cardmux_sdf_batch(&back, 1) == 0 && memcmp(long_out[0], long_in, len) == 0);
    mace.what = CARDMUX_SDF_MAC;
    mace.alg = cipher | 0x10;
    mace.iv = iv[3];
    mace.out = mac[0];
    NEED(cardmux_sdf_batch(&mace, 1) == 0);
    NEED(SDF_CalculateMAC(session, key, cipher | 0x10, iv[4], long_in, len, mac[1], &n) == SDR_OK);
    NEED(memcmp(mac[0], mac[1], 16) == 0 && memcmp(iv[3], iv[4], 16) == 0);
    NEED((iv[3][0] == 0x31 && iv[3][15] == 0x31) == iv_kept);
    seal.what = CARDMUX_SDF_AUTH_ENC;
    seal.alg = cipher | 0x02000000;
    seal.iv = nonce;
    seal.iv_len = 12;
    seal.aad = aad;
    seal.aad_len = 3;
    seal.tag = tag[0];
    NEED(cardmux_sdf_batch(&seal, 1) == 0);
    NEED(SDF_AuthEnc(session, key, seal.alg, nonce, 12, aad, 3, long_in, len, long_out[1], &n, tag[1], &t) == SDR_OK);
    NEED(memcmp(long_out[0], long_out[1], len) == 0 && memcmp(tag[0], tag[1], 16) == 0);
    open = seal;
    open.what = CARDMUX_SDF_AUTH_DEC;
    open.in = long_out[1];
    open.tag_len = 16;
    NEED(cardmux_sdf_batch(&open, 1) == 0 && memcmp(long_out[0], long_in, len) == 0);
}

static void dialect(unsigned sm4, unsigned aes, bool iv_kept)
{
    void *device, *key;
    if (!NEED(SDF_OpenDevice(&device) == SDR_OK && SDF_OpenSession(device, &session) == SDR_OK) ||
        !NEED(SDF_ImportKey(session, sm4_key, 16, &key) == SDR_OK))
        return;
    NEED(sm4_is(key, sm4) && !sm4_is(key, aes));
    for (unsigned len = LONGEST - 16; len <= LONGEST; len += 16) {
        batch_at(key, sm4, len, iv_kept);
        batch_at(key, aes, len, iv_kept);
    }
}

int main(void)
{
    int failed = 0;
    for (int other = 0; other < 2; other++) {
        int status = -1;
        fflush(NULL);
        pid_t child = fork();
        if (child == 0) {
            alarm(60);
            if (other) {
                setenv("CARDMUX_SGD_SM4", "0x2000", 1);
                setenv("CARDMUX_IV", "keep", 1);
            }
            dialect(other ? 0x2000 : 0x400, other ? 0x400 : 0x2000, other);
            _exit(wrong != 0);
        }
        bool ok = child > 0 && waitpid(child, &status, 0) == child && status == 0;
        printf("%s %s\n", ok ? "ok    " : "FAILED", other ? "another dialect" : "the usual one");
        failed |= !ok;
    }
    return failed;
}
