/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XTS, over the ECB of sym.c.
 *
 * No library here has both kinds, or lets a caller begin in the middle of a data unit, which is what a front end needs
 * that cuts a long one into slots. So the mode is made here, from blocks: T = E(tweak key, iv) * x^block, each block
 * is masked with T before and after the cipher, T is multiplied by x from block to block. The two standards agree in
 * all but how a block is read as a polynomial:
 *
 *     IEEE 1619     bit 0 of byte 0 is the coefficient of x^0: multiply by x = shift left, little-endian
 *     GB/T 17964    bit 7 of byte 0 is the coefficient of x^0, as in GCM: shift right, big-endian
 *
 * With the bits of each byte reversed the second becomes the first, so there is one multiplication for both. The end of
 * a data unit that is no full block steals cipher text from the block before it.
 *
 * The two keys are keys of their own, made when a key is first used in this mode: contexts are cached for each.
 */
#include <string.h>

#include "cards/soft/soft_internal.h"

#define CHUNK 1024u

/* A polynomial over GF(2), low first; modulo x^128 + x^7 + x^2 + x + 1. */
struct poly {
    uint64_t low, high;
};

static struct poly poly_times_x(struct poly a)
{
    uint64_t carry = -(a.high >> 63) & 0x87;

    return (struct poly){.low = a.low << 1 ^ carry, .high = a.high << 1 | a.low >> 63};
}

static struct poly poly_times(struct poly a, struct poly b)
{
    struct poly product = {0, 0};

    for (unsigned i = 0; i < 128; i++) {
        uint64_t take = -((i < 64 ? b.low >> i : b.high >> (i - 64)) & 1);

        product.low ^= a.low & take;
        product.high ^= a.high & take;
        a = poly_times_x(a);
    }
    return product;
}

static struct poly poly_x_to(uint32_t exponent)
{
    struct poly power = {1, 0};

    for (unsigned bit = 32; bit-- > 0;) {
        power = poly_times(power, power);
        if (exponent >> bit & 1)
            power = poly_times_x(power);
    }
    return power;
}

/* Each byte's bits the other way round. */
static uint64_t bits_reversed(uint64_t a)
{
    a = (a >> 4 & 0x0f0f0f0f0f0f0f0f) | (a & 0x0f0f0f0f0f0f0f0f) << 4;
    a = (a >> 2 & 0x3333333333333333) | (a & 0x3333333333333333) << 2;
    return (a >> 1 & 0x5555555555555555) | (a & 0x5555555555555555) << 1;
}

static struct poly poly_swap(struct poly a, bool gb)
{
    return gb ? (struct poly){.low = bits_reversed(a.low), .high = bits_reversed(a.high)} : a;
}

/* This machine is little-endian, as is the region in shared memory (proto/layout.h). */
static struct poly poly_read(const uint8_t block[BLOCK], bool gb)
{
    struct poly a;

    memcpy(&a, block, sizeof(a));
    return poly_swap(a, gb);
}

static void poly_write(struct poly a, bool gb, uint8_t block[BLOCK])
{
    a = poly_swap(a, gb);
    memcpy(block, &a, sizeof(a));
}

struct xts {
    struct card_key *data;
    enum cipher cipher;
    bool gb, decrypt;
    struct poly t; /* of the next block */
};

/* len: full blocks. */
static uint32_t blocks_run(struct xts *xts, const uint8_t *in, uint8_t *out, size_t len)
{
    uint8_t mask[CHUNK], work[CHUNK], no_iv[BLOCK];
    uint32_t status = SDR_OK;

    for (size_t step; status == SDR_OK && len; in += step, out += step, len -= step) {
        step = len < CHUNK ? len : CHUNK;
        for (size_t at = 0; at < step; at += BLOCK) {
            poly_write(xts->t, xts->gb, mask + at);
            xts->t = poly_times_x(xts->t);
        }
        for (size_t i = 0; i < step; i++)
            work[i] = in[i] ^ mask[i];
        status = sym_crypt(xts->data, xts->cipher, MODE_ECB, xts->decrypt, no_iv, work, work, step);
        for (size_t i = 0; status == SDR_OK && i < step; i++)
            out[i] = work[i] ^ mask[i];
    }
    explicit_bzero(work, sizeof(work));
    explicit_bzero(mask, sizeof(mask));
    return status;
}

/* The last full block and the tail behind it. in and out may be the same. */
static uint32_t end_run(struct xts *xts, const uint8_t *in, uint8_t *out, size_t tail)
{
    uint8_t end[2 * BLOCK], full[BLOCK], stolen[BLOCK];
    struct poly second = poly_times_x(xts->t), first = xts->t;
    uint32_t status;

    memcpy(end, in, BLOCK + tail); /* read once */
    xts->t = xts->decrypt ? second : first;
    status = blocks_run(xts, end, full, BLOCK);
    if (status == SDR_OK) {
        memcpy(stolen, end + BLOCK, tail);
        memcpy(stolen + tail, full + tail, BLOCK - tail);
        xts->t = xts->decrypt ? first : second;
        status = blocks_run(xts, stolen, out, BLOCK);
    }
    if (status == SDR_OK)
        memcpy(out + BLOCK, full, tail);
    explicit_bzero(end, sizeof(end));
    explicit_bzero(full, sizeof(full));
    explicit_bzero(stolen, sizeof(stolen));
    return status;
}

static struct card_key *half_of(struct card_key *key, unsigned which)
{
    struct card_key *half = atomic_load_explicit(&key->half[which], memory_order_acquire), *none = NULL;
    size_t len = secret_len(key->secret) / 2;

    if (half)
        return half;
    if (key_import(key->card, CARD_KEY_SYMMETRIC, secret_bytes(key->secret) + which * len, len, &half) != SDR_OK)
        return NULL;
    if (atomic_compare_exchange_strong_explicit(&key->half[which], &none, half, memory_order_acq_rel,
                                                memory_order_acquire))
        return half;
    key_unref(half);
    return none;
}

static uint32_t key_check(const struct card_key *key, enum cipher cipher)
{
    size_t len;
    uint8_t differ = 0;

    if (!key)
        return SDR_KEYNOTEXIST;
    if (key->type != CARD_KEY_SYMMETRIC)
        return SDR_KEYTYPEERR;
    len = secret_len(key->secret);
    if (len != 32 && (cipher != CIPHER_AES || len != 64))
        return SDR_KEYERR;
    for (size_t i = 0; i < len / 2; i++)
        differ |= secret_bytes(key->secret)[i] ^ secret_bytes(key->secret)[len / 2 + i];
    return differ ? SDR_OK : SDR_KEYERR;
}

static uint32_t xts_run(struct card_job *job, enum cipher cipher, bool gb, bool decrypt)
{
    size_t tail = job->in_len % BLOCK, whole = job->in_len - tail - (tail ? BLOCK : 0);
    struct card_key *tweak = half_of(job->key, 1);
    struct xts xts = {.data = half_of(job->key, 0), .cipher = cipher, .gb = gb, .decrypt = decrypt};
    uint8_t block[BLOCK], no_iv[BLOCK];
    uint32_t status;

    if (!tweak || !xts.data)
        return SDR_NOBUFFER;
    memcpy(block, job->iv, BLOCK);
    status = sym_crypt(tweak, cipher, MODE_ECB, false, no_iv, block, block, BLOCK);
    xts.t = poly_read(block, gb);
    if (job->block)
        xts.t = poly_times(xts.t, poly_x_to(job->block));
    if (status == SDR_OK)
        status = blocks_run(&xts, job->in, job->out, whole);
    if (status == SDR_OK && tail)
        status = end_run(&xts, job->in + whole, job->out + whole, tail);
    explicit_bzero(block, sizeof(block));
    explicit_bzero(&xts, sizeof(xts));
    if (status != SDR_OK)
        explicit_bzero(job->out, job->in_len);
    return status;
}

bool xts_job(struct card_job *job, bool decrypt, uint32_t *status)
{
    enum cipher cipher;
    bool gb;

    if (!alg_xts(job->alg, &cipher, &gb))
        return false;
    *status = key_check(job->key, cipher);
    if (*status != SDR_OK)
        return true;
    if (job->in_len < BLOCK || job->in_len > SOFT_MAX_DATA || job->block > CARD_XTS_BLOCKS ||
        (job->in_len + BLOCK - 1) / BLOCK > CARD_XTS_BLOCKS - job->block)
        *status = SDR_INARGERR;
    else if (job->out_cap < job->in_len)
        *status = SDR_OUTARGERR;
    else
        *status = xts_run(job, cipher, gb, decrypt);
    if (*status == SDR_OK)
        job->out_len = job->in_len;
    return true;
}
