/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/work.h"

#include <stdlib.h>
#include "cardmux/card.h"
#include "cardmux/client.h"
#include "cardmux/sdf.h"

static const struct bench_op ops[] = {
    {"echo", WORK_ECHO, CARDMUX_ECHO, CARD_ECHO, 0, 0, false, NULL},
    {"random", WORK_RANDOM, CARDMUX_RANDOM, CARD_RANDOM, 0, 0, false, NULL},
    {"sm3", WORK_HASH, CARDMUX_HASH, CARD_HASH, SGD_SM3, 32, false, "SM3"},
    {"sm4-ecb", WORK_CIPHER, CARDMUX_ENCRYPT, CARD_ENCRYPT, SGD_SM4_ECB, 0, true, "SM4-ECB"},
    {"sm4-cbc", WORK_CIPHER, CARDMUX_ENCRYPT, CARD_ENCRYPT, SGD_SM4_CBC, 0, true, "SM4-CBC"},
    {"sm4-ctr", WORK_CIPHER, CARDMUX_ENCRYPT, CARD_ENCRYPT, SGD_SM4_CTR, 0, false, "SM4-CTR"},
    {"aes-cbc", WORK_CIPHER, CARDMUX_ENCRYPT, CARD_ENCRYPT, SGD_AES_CBC, 0, true, "AES-128-CBC"},
    {"sha256", WORK_HASH, CARDMUX_HASH, CARD_HASH, SGD_SHA256, 32, false, "SHA256"},
    {"sm2-sign", WORK_SIGN, CARDMUX_SIGN, CARD_SIGN, SGD_SM2_1, 64, false, NULL},
    {"sm2-verify", WORK_VERIFY, CARDMUX_VERIFY, CARD_VERIFY, SGD_SM2_1, 0, false, NULL},
};

const struct bench_op *bench_op_find(const char *name)
{
    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
        if (strcmp(ops[i].name, name) == 0)
            return &ops[i];
    return NULL;
}

const char *bench_op_names(void)
{
    return "echo, random, sm3, sm4-ecb, sm4-cbc, sm4-ctr, aes-cbc, sha256, sm2-sign, sm2-verify";
}

/* Bytes that differ everywhere and need no luck: splitmix64. */
static uint64_t mix(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

bool work_init(struct work *work, const struct bench_op *op, size_t size, uint64_t salt, size_t store_bytes)
{
    memset(work, 0, sizeof(*work));
    work->op = op;
    work->size = size;
    work->result = op->kind == WORK_VERIFY ? 0 : op->result ? op->result : size;
    work->salt = salt;
    work->stride = (size + 63) / 64 * 64;
    work->inputs = aligned_alloc(4096, (WORK_INPUTS * work->stride + 4095) / 4096 * 4096);
    if (!work->inputs)
        return false;
    uint64_t state = salt;
    for (size_t i = 0; i + 8 <= WORK_INPUTS * work->stride; i += 8) {
        uint64_t word = mix(&state);
        memcpy(work->inputs + i, &word, 8);
    }
    if (op->kind == WORK_ECHO || work->result == 0)
        return true;
    size_t cap = (store_bytes < WORK_STORE ? store_bytes : WORK_STORE) / work->result;
    if (cap > 65536)
        cap = 65536;
    if (cap == 0)
        cap = 1;
    work->store = malloc(cap * work->result + CARD_DIGEST_MAX); /* a library may ask for room for any digest */
    work->samples = calloc(cap, sizeof(*work->samples));
    if (!work->store || !work->samples)
        return false;
    memset(work->store, 0x5a, cap * work->result);
    memset(work->samples, 0xff, cap * sizeof(*work->samples));
    work->store_cap = cap;
    return true;
}

void work_free(struct work *work)
{
    free(work->inputs);
    free(work->store);
    free(work->samples);
    ref_sm2_free(work->checker);
    explicit_bzero(work, sizeof(*work));
}

bool work_signatures(struct work *work)
{
    bool agreed = true;
    for (uint32_t i = 0; i < WORK_INPUTS; i++) {
        bool spoilt = i == 2 || i == WORK_INPUTS - 1;
        if (spoilt)
            work->sigs[i][40] ^= 1;
        work->good[i] = ref_sm2_verify(work->checker, work_input(work, i), work->sigs[i]);
        agreed = agreed && work->good[i] == !spoilt;
    }
    return agreed;
}

uint8_t *work_keep(struct work *work, uint64_t seq)
{
    if (work->store_n >= work->store_cap)
        return NULL;
    work->samples[work->store_n].seq = seq;
    return work->store + work->store_n++ * work->result;
}

bool work_status_ok(const struct work *work, uint64_t seq, uint32_t status)
{
    if (work->op->kind == WORK_VERIFY && !work->good[seq % WORK_INPUTS])
        return status == SDR_VERIFYERR;
    return status == SDR_OK;
}

/* Random bytes cannot be recomputed. What can be seen: that they are not all equal. */
static bool looks_random(const uint8_t *bytes, size_t len)
{
    if (len < 16)
        return true;
    for (size_t i = 1; i < len; i++)
        if (bytes[i] != bytes[0])
            return true;
    return false;
}

static bool result_right(const struct work *work, uint64_t seq, const uint8_t *result, uint8_t *scratch)
{
    const uint8_t *in = work_input(work, seq);
    uint8_t iv[16];
    size_t len = 0;
    switch (work->op->kind) {
    case WORK_ECHO:
        return memcmp(in, result, work->size) == 0;
    case WORK_RANDOM:
        return looks_random(result, work->result);
    case WORK_HASH:
        return ref_digest(work->op->reference, in, work->size, scratch, &len) && len == work->result &&
               memcmp(scratch, result, len) == 0;
    case WORK_CIPHER:
        work_iv(work, seq, iv);
        return ref_encrypt(work->op->reference, work->key, iv, in, work->size, scratch) &&
               memcmp(scratch, result, work->size) == 0;
    case WORK_SIGN:
        return work->checker && ref_sm2_verify(work->checker, in, result);
    case WORK_VERIFY:
        return true;
    }
    return false;
}

void work_compare(struct work *work, uint64_t seq, const uint8_t *result)
{
    work->checked++;
    if (work->op->kind == WORK_VERIFY)
        return; /* its result is the status, looked at for every operation */
    if (work->op->kind == WORK_ECHO) {
        work->wrong += memcmp(work_input(work, seq), result, work->size) != 0;
        return;
    }
    uint8_t *scratch = malloc(work->size + 64);
    work->wrong += !scratch || !result_right(work, seq, result, scratch);
    free(scratch);
}

void work_check(struct work *work)
{
    uint8_t *scratch = malloc(work->size + 64);
    for (size_t i = 0; i < work->store_n; i++) {
        const uint8_t *result = work->store + i * work->result;
        bool right = scratch && result_right(work, work->samples[i].seq, result, scratch);
        /* two equal lots of random bytes, one after the other, are no random bytes */
        if (work->op->kind == WORK_RANDOM && i > 0 && work->result >= 16)
            right = right && memcmp(result, result - work->result, work->result) != 0;
        work->checked++;
        work->wrong += !right;
    }
    free(scratch);
    if (work->store)
        memset(work->store, 0x5a, work->store_n * work->result); /* a result that was never written is seen */
    work->store_n = 0;
}
