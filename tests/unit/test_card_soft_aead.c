/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GCM, CCM and XTS of the software card against Botan, on random inputs; the XTS of GB/T 17964, which no library in
 * Debian has, against a plain computation bit by bit over Botan's block cipher. What wrong arguments get.
 */
#include "card_under_test.h"
#include "botan_judge.h"

#include <sys/random.h>

#define LEN_MAX 3000u

static uint32_t seed;

static uint32_t rnd(uint32_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    return seed % below;
}

static void rnd_bytes(uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)rnd(256);
}

struct sample {
    bool ccm, aes;
    uint32_t alg;
    uint8_t key[32], nonce[64], aad[600], plain[LEN_MAX], right[LEN_MAX + 16];
    size_t key_len, aad_len, len;
    struct card_job job;
};

/* Half of them short, so that 0 and the block's surroundings come up. */
static void sample_make(struct card *card, struct sample *s)
{
    static const uint8_t gcm_tags[] = {4, 8, 12, 13, 14, 15, 16};

    memset(s, 0, sizeof(*s));
    s->ccm = rnd(2);
    s->aes = rnd(2);
    s->alg = (s->aes ? SGD_AES : SGD_SM4) | (s->ccm ? SGD_CCM : SGD_GCM);
    s->key_len = s->aes ? 16 + 8 * rnd(3) : 16;
    s->aad_len = rnd(rnd(2) ? 40 : sizeof(s->aad));
    s->len = rnd(rnd(2) ? 70 : LEN_MAX);
    rnd_bytes(s->key, s->key_len);
    rnd_bytes(s->nonce, sizeof(s->nonce));
    rnd_bytes(s->aad, s->aad_len);
    rnd_bytes(s->plain, s->len);
    s->job = (struct card_job){
        .alg = s->alg,
        .nonce = s->nonce,
        .nonce_len = (uint8_t)(s->ccm   ? 7 + rnd(7)
                               : rnd(2) ? 12
                                        : 1 + rnd(64)),
        .aad = s->aad,
        .aad_len = s->aad_len,
        .tag_len = s->ccm ? (uint8_t)(4 + 2 * rnd(7)) : gcm_tags[rnd(7)],
        .total_aad = s->aad_len,
        .total_data = s->len,
    };
    if (!s->ccm && s->job.tag_len < 12) /* Botan has no shorter ones */
        s->job.tag_len = 16;
    s->job.key = key_of(card, CARD_KEY_SYMMETRIC, s->key, s->key_len);
}

static void sample_judge(struct sample *s)
{
    char cipher[16] = "SM4";
    bool ok;

    if (s->aes)
        snprintf(cipher, sizeof(cipher), "AES-%zu", s->key_len * 8);
    ok = (s->ccm ? botan_ccm : botan_gcm)(cipher, s->key, s->key_len, s->nonce, s->job.nonce_len, s->aad, s->aad_len,
                                          s->plain, s->len, s->right, s->job.tag_len);
    assert_true(ok);
}

static uint32_t do_op(struct card *card, struct card_job *job, enum card_op op, uint8_t *data, size_t len)
{
    job->op = (uint16_t)op;
    job->in = job->out = data;
    job->in_len = job->out_cap = len;
    return run(card, job);
}

static void cut_run(struct card *card, struct sample *s, bool decrypt, uint8_t *data)
{
    uint8_t aad[sizeof(s->aad)];

    memcpy(aad, s->aad, s->aad_len);
    s->job.decrypt = decrypt;
    assert_int_equal(do_op(card, &s->job, CARD_AEAD_START, NULL, 0), SDR_OK);
    for (size_t at = 0, step; at < s->aad_len; at += step) {
        step = 1 + rnd((uint32_t)(s->aad_len - at));
        assert_int_equal(do_op(card, &s->job, CARD_AEAD_UPDATE_AAD, aad + at, step), SDR_OK);
    }
    for (size_t at = 0, step; at < s->len; at += step) {
        step = 1 + rnd((uint32_t)(s->len - at));
        assert_int_equal(do_op(card, &s->job, CARD_AEAD_UPDATE, data + at, step), SDR_OK);
        assert_int_equal(s->job.out_len, step);
    }
}

static void aead_agrees(void **state)
{
    struct card *card = *state;
    struct sample s;
    uint8_t data[LEN_MAX + 1];

    for (unsigned round = 0; round < 600; round++) {
        sample_make(card, &s);
        sample_judge(&s);
        memcpy(data, s.plain, s.len);
        assert_int_equal(do_op(card, &s.job, CARD_AEAD_ENCRYPT, data, s.len), SDR_OK);
        assert_memory_equal(data, s.right, s.len);
        assert_memory_equal(s.job.tag, s.right + s.len, s.job.tag_len);
        assert_int_equal(do_op(card, &s.job, CARD_AEAD_DECRYPT, data, s.len), SDR_OK);
        assert_memory_equal(data, s.plain, s.len);
        cut_run(card, &s, false, data);
        memset(s.job.tag, 0, sizeof(s.job.tag));
        assert_int_equal(do_op(card, &s.job, CARD_AEAD_FINISH, NULL, 0), SDR_OK);
        assert_memory_equal(data, s.right, s.len);
        assert_memory_equal(s.job.tag, s.right + s.len, s.job.tag_len);
        assert_int_equal(do_op(card, &s.job, CARD_AEAD_FINISH, NULL, 0), SDR_STEPERR);
        soft_card_driver.state_free(card, s.job.state);
        cut_run(card, &s, true, data);
        assert_int_equal(do_op(card, &s.job, CARD_AEAD_FINISH, NULL, 0), SDR_OK);
        assert_memory_equal(data, s.plain, s.len);
        soft_card_driver.state_free(card, s.job.state);
        soft_card_driver.key_free(card, s.job.key);
    }
}

/* One bit of data, associated data, tag or nonce: refused, and no plaintext is left. */
static void one_bit_is_noticed(void **state)
{
    struct card *card = *state;
    struct sample s;
    uint8_t data[LEN_MAX + 1], zero[LEN_MAX + 1] = {0};

    for (unsigned round = 0; round < 300; round++) {
        uint32_t status;

        sample_make(card, &s);
        sample_judge(&s);
        memcpy(data, s.right, s.len);
        memcpy(s.job.tag, s.right + s.len, s.job.tag_len);
        switch (round % 4) {
        case 0:
            if (s.len)
                data[rnd((uint32_t)s.len)] ^= (uint8_t)(1 << rnd(8));
            else
                s.job.tag[0] ^= 1;
            break;
        case 1:
            if (s.aad_len)
                s.aad[rnd((uint32_t)s.aad_len)] ^= (uint8_t)(1 << rnd(8));
            else
                s.job.tag[1] ^= 1;
            break;
        case 2:
            s.job.tag[rnd(s.job.tag_len)] ^= (uint8_t)(1 << rnd(8));
            break;
        case 3:
            s.nonce[rnd(s.job.nonce_len)] ^= (uint8_t)(1 << rnd(8));
            break;
        }
        if (round % 8 < 4) {
            status = do_op(card, &s.job, CARD_AEAD_DECRYPT, data, s.len);
            assert_memory_equal(data, zero, s.len);
        } else {
            cut_run(card, &s, true, data);
            status = do_op(card, &s.job, CARD_AEAD_FINISH, NULL, 0);
            soft_card_driver.state_free(card, s.job.state);
        }
        assert_int_equal(status, SDR_MACERR);
        soft_card_driver.key_free(card, s.job.key);
    }
}

static void aead_refusals(void **state)
{
    struct card *card = *state;
    uint8_t key[32] = {1}, nonce[64] = {2}, data[64] = {0};
    struct card_key *k16 = key_of(card, CARD_KEY_SYMMETRIC, key, 16), *k32 = key_of(card, CARD_KEY_SYMMETRIC, key, 32);
    struct card_job job = {.alg = SGD_SM4_GCM, .key = k16, .nonce = nonce, .nonce_len = 12, .tag_len = 16};

#define REFUSED(want, field, value)                                                                                    \
    do {                                                                                                               \
        struct card_job bad = job;                                                                                     \
        bad.field = value;                                                                                             \
        assert_int_equal(do_op(card, &bad, CARD_AEAD_ENCRYPT, data, 32), want);                                        \
        assert_int_equal(do_op(card, &bad, CARD_AEAD_DECRYPT, data, 32), want);                                        \
        assert_int_equal(do_op(card, &bad, CARD_AEAD_START, data, 0), want);                                           \
        assert_null(bad.state);                                                                                        \
    } while (0)
    REFUSED(SDR_INARGERR, nonce_len, 0);
    REFUSED(SDR_INARGERR, nonce_len, 65);
    REFUSED(SDR_INARGERR, tag_len, 0);
    REFUSED(SDR_INARGERR, tag_len, 17);
    REFUSED(SDR_INARGERR, tag_len, 11);
    REFUSED(SDR_KEYNOTEXIST, key, NULL);
    REFUSED(SDR_KEYERR, key, k32);
    REFUSED(SDR_ALGNOTSUPPORT, alg, SGD_SM1 | SGD_GCM);
    REFUSED(SDR_ALGMODNOTSUPPORT, alg, SGD_SM4_CBC);
    REFUSED(SDR_ALGMODNOTSUPPORT, alg, SGD_SM4_GCM | SGD_CCM);
    REFUSED(SDR_ALGMODNOTSUPPORT, alg, SGD_SM4_XTS);
    job.alg = SGD_SM4_CCM;
    REFUSED(SDR_INARGERR, nonce_len, 6);
    REFUSED(SDR_INARGERR, nonce_len, 14);
    REFUSED(SDR_INARGERR, tag_len, 5);
    job.nonce_len = 13;
    job.total_data = 1 << 16;
    assert_int_equal(do_op(card, &job, CARD_AEAD_START, NULL, 0), SDR_INARGERR); /* counts to 65535 */

    /* CCM: neither more nor less than was said, and in order */
    job.total_data = 20;
    job.total_aad = 4;
    job.nonce_len = 12;
    assert_int_equal(do_op(card, &job, CARD_AEAD_START, NULL, 0), SDR_OK);
    assert_int_equal(do_op(card, &job, CARD_AEAD_UPDATE, data, 1), SDR_STEPERR); /* the associated data first */
    assert_int_equal(do_op(card, &job, CARD_AEAD_UPDATE_AAD, data, 4), SDR_STEPERR);
    soft_card_driver.state_free(card, job.state);
    assert_int_equal(do_op(card, &job, CARD_AEAD_START, NULL, 0), SDR_OK);
    assert_int_equal(do_op(card, &job, CARD_AEAD_UPDATE_AAD, data, 4), SDR_OK);
    assert_int_equal(do_op(card, &job, CARD_AEAD_UPDATE, data, 19), SDR_OK);
    assert_int_equal(do_op(card, &job, CARD_AEAD_FINISH, NULL, 0), SDR_STEPERR); /* one is missing */
    struct card_state *kept = job.state;
    assert_int_equal(do_op(card, &job, CARD_STATE_COPY, NULL, 0), SDR_STEPERR); /* none of authenticated ones */
    assert_null(job.state);
    soft_card_driver.state_free(card, kept);
    soft_card_driver.key_free(card, k16);
    soft_card_driver.key_free(card, k32);
}

static void states_are_told_apart(void **state)
{
    struct card *card = *state;
    uint8_t key[16] = {1}, nonce[12] = {2}, data[16] = {0}, out[64];
    struct card_key *k = key_of(card, CARD_KEY_SYMMETRIC, key, 16);
    struct card_job aead = {.alg = SGD_AES_GCM, .key = k, .nonce = nonce, .nonce_len = 12, .tag_len = 16};
    struct card_job hash = {.op = CARD_HASH_START, .alg = SGD_SM3};
    static const enum card_op on_hash[] = {CARD_AEAD_UPDATE, CARD_AEAD_UPDATE_AAD, CARD_AEAD_FINISH, CARD_MAC_UPDATE,
                                           CARD_MAC_FINISH};
    static const enum card_op on_aead[] = {CARD_HASH_UPDATE, CARD_HASH_FINISH, CARD_MAC_UPDATE, CARD_MAC_FINISH};

    assert_int_equal(do_op(card, &aead, CARD_AEAD_START, NULL, 0), SDR_OK);
    assert_int_equal(run(card, &hash), SDR_OK);
    for (size_t i = 0; i < 5; i++) {
        hash.out_cap = sizeof(out);
        assert_int_equal(do_op(card, &hash, on_hash[i], data, 16), SDR_STEPERR);
    }
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(do_op(card, &aead, on_aead[i], data, 16), SDR_STEPERR);
    soft_card_driver.key_free(card, k); /* the running one holds it */
    assert_int_equal(do_op(card, &aead, CARD_AEAD_UPDATE, data, 16), SDR_OK);
    soft_card_driver.state_free(card, aead.state);
    soft_card_driver.state_free(card, hash.state);
}

/* T * x in the order of GB/T 17964, on 128 single bits: bit i is the coefficient of x^i. */
static void gb_times_x(uint8_t bits[128])
{
    uint8_t carry = bits[127];

    memmove(bits + 1, bits, 127);
    bits[0] = carry;
    bits[1] ^= carry;
    bits[2] ^= carry;
    bits[7] ^= carry;
}

static void gb_xts(botan_block_cipher_t data_key, const uint8_t tweak[16], const uint8_t *in, uint8_t *out, size_t len)
{
    uint8_t bits[128], t[16], block[16], last[16] = {0};
    size_t tail = len % 16, whole = len - tail;

    for (unsigned i = 0; i < 128; i++)
        bits[i] = tweak[i / 8] >> (7 - i % 8) & 1;
    for (size_t at = 0; at < whole + (tail ? 16 : 0); at += 16) {
        memset(t, 0, sizeof(t));
        for (unsigned i = 0; i < 128; i++)
            t[i / 8] |= (uint8_t)(bits[i] << (7 - i % 8));
        if (at < whole) {
            memcpy(block, in + at, 16);
        } else { /* the tail, filled up with what the block before gave */
            memcpy(block, in + at, tail);
            memcpy(block + tail, last + tail, 16 - tail);
            memcpy(out + at, last, tail);
        }
        for (unsigned i = 0; i < 16; i++)
            block[i] ^= t[i];
        botan_block_cipher_encrypt_blocks(data_key, block, block, 1);
        for (unsigned i = 0; i < 16; i++)
            last[i] = block[i] ^ t[i];
        memcpy(out + (at < whole ? at : at - 16), last, 16);
        gb_times_x(bits);
    }
}

static void xts_agrees(void **state)
{
    struct card *card = *state;
    uint8_t key[64], iv[16], plain[LEN_MAX], right[LEN_MAX], data[LEN_MAX], tweak[16];
    botan_block_cipher_t k1, k2;

    for (unsigned round = 0; round < 600; round++) {
        static const uint32_t algs[] = {SGD_SM4_XTS_IEEE, SGD_AES_XTS, SGD_SM4_XTS};
        struct card_job job = {.alg = algs[round % 3]};
        size_t len = 16 + rnd(rnd(2) ? 60 : LEN_MAX - 16), key_len = job.alg == SGD_AES_XTS && rnd(2) ? 64 : 32;

        rnd_bytes(key, sizeof(key));
        rnd_bytes(iv, sizeof(iv));
        rnd_bytes(plain, len);
        if (job.alg == SGD_SM4_XTS) {
            assert_int_equal(botan_block_cipher_init(&k1, "SM4"), 0);
            assert_int_equal(botan_block_cipher_init(&k2, "SM4"), 0);
            botan_block_cipher_set_key(k1, key, 16);
            botan_block_cipher_set_key(k2, key + 16, 16);
            botan_block_cipher_encrypt_blocks(k2, iv, tweak, 1);
            gb_xts(k1, tweak, plain, right, len);
            botan_block_cipher_destroy(k1);
            botan_block_cipher_destroy(k2);
        } else {
            const char *name = job.alg == SGD_SM4_XTS_IEEE ? "SM4/XTS" : key_len == 32 ? "AES-128/XTS" : "AES-256/XTS";

            assert_true(botan_seal(name, key, key_len, iv, 16, NULL, 0, plain, len, right, len));
        }
        job.key = key_of(card, CARD_KEY_SYMMETRIC, key, key_len);
        memcpy(job.iv, iv, 16);
        /* cut at a block, leaving at least one behind it */
        size_t cut = len >= 32 ? 16 * rnd((uint32_t)(len / 16 - 1)) : 0;
        memcpy(data, plain, len);
        if (cut)
            assert_int_equal(do_op(card, &job, CARD_ENCRYPT, data, cut), SDR_OK);
        job.block = (uint32_t)(cut / 16);
        assert_int_equal(do_op(card, &job, CARD_ENCRYPT, data + cut, len - cut), SDR_OK);
        assert_memory_equal(data, right, len);
        assert_memory_equal(job.iv, iv, 16);
        job.block = 0;
        assert_int_equal(do_op(card, &job, CARD_DECRYPT, data, len), SDR_OK);
        assert_memory_equal(data, plain, len);
        soft_card_driver.key_free(card, job.key);
    }
}

static void xts_refusals(void **state)
{
    struct card *card = *state;
    uint8_t key[64], data[64] = {0};
    struct card_job job = {.alg = SGD_SM4_XTS};

    for (size_t i = 0; i < sizeof(key); i++)
        key[i] = (uint8_t)i;
    for (size_t len = 16; len <= 64; len += 8) {
        job.key = key_of(card, CARD_KEY_SYMMETRIC, key, len);
        job.alg = SGD_SM4_XTS;
        assert_int_equal(do_op(card, &job, CARD_ENCRYPT, data, 32), len == 32 ? SDR_OK : SDR_KEYERR);
        job.alg = SGD_AES_XTS;
        assert_int_equal(do_op(card, &job, CARD_DECRYPT, data, 32), len == 32 || len == 64 ? SDR_OK : SDR_KEYERR);
        soft_card_driver.key_free(card, job.key);
    }
    memcpy(key + 16, key, 16);
    job.key = key_of(card, CARD_KEY_SYMMETRIC, key, 32);
    assert_int_equal(do_op(card, &job, CARD_ENCRYPT, data, 32), SDR_KEYERR); /* twice the same */
    soft_card_driver.key_free(card, job.key);
    key[0] ^= 1;
    job.key = key_of(card, CARD_KEY_SYMMETRIC, key, 32);
    for (size_t len = 0; len < 16; len++)
        assert_int_equal(do_op(card, &job, CARD_ENCRYPT, data, len), SDR_INARGERR);
    job.block = CARD_XTS_BLOCKS - 1;
    assert_int_equal(do_op(card, &job, CARD_ENCRYPT, data, 16), SDR_OK);
    assert_int_equal(do_op(card, &job, CARD_ENCRYPT, data, 17), SDR_INARGERR);
    job.block = 0xffffffff;
    assert_int_equal(do_op(card, &job, CARD_ENCRYPT, data, 16), SDR_INARGERR);
    job.block = 0;
    job.alg = SGD_SM1 | SGD_XTS;
    assert_int_equal(do_op(card, &job, CARD_ENCRYPT, data, 16), SDR_ALGNOTSUPPORT);
    job.alg = SGD_AES | SGD_XTS_IEEE;
    assert_int_equal(do_op(card, &job, CARD_ENCRYPT, data, 16), SDR_ALGNOTSUPPORT);
    soft_card_driver.key_free(card, job.key);
}

/* A copy in mid-course ends as the original does, and neither disturbs the other. */
static void copies_go_on(void **state)
{
    struct card *card = *state;
    static const uint32_t algs[] = {SGD_SM3, SGD_SHA1, SGD_SHA256, SGD_SHA3_512, SGD_SM4_MAC, SGD_AES_MAC};
    uint8_t key[16] = {7}, data[320], one[64], two[64], whole[64];
    struct card_key *k = key_of(card, CARD_KEY_SYMMETRIC, key, 16);

    fill(data, sizeof(data), 5);
    for (size_t i = 0; i < 6; i++)
        for (int mac = i >= 4; mac < 2; mac++) {
            const enum card_op start = mac ? CARD_MAC_START : CARD_HASH_START;
            const enum card_op update = mac ? CARD_MAC_UPDATE : CARD_HASH_UPDATE;
            const enum card_op finish = mac ? CARD_MAC_FINISH : CARD_HASH_FINISH;
            struct card_job a = {.alg = algs[i], .key = mac ? k : NULL}, b, all;

            all = (struct card_job){.op = mac ? CARD_MAC : CARD_HASH,
                                    .alg = algs[i],
                                    .key = a.key,
                                    .in = data,
                                    .in_len = sizeof(data),
                                    .out = whole,
                                    .out_cap = 64};
            assert_int_equal(run(card, &all), SDR_OK);
            assert_int_equal(do_op(card, &a, start, NULL, 0), SDR_OK);
            assert_int_equal(do_op(card, &a, update, data, 101), SDR_OK);
            b = a;
            assert_int_equal(do_op(card, &b, CARD_STATE_COPY, NULL, 0), SDR_OK);
            assert_ptr_not_equal(a.state, b.state);
            assert_int_equal(do_op(card, &b, update, data + 101, 219), SDR_OK);
            assert_int_equal(do_op(card, &b, finish, two, 64), SDR_OK);
            soft_card_driver.state_free(card, b.state);
            assert_int_equal(do_op(card, &a, update, data + 101, 219), SDR_OK);
            assert_int_equal(do_op(card, &a, finish, one, 64), SDR_OK);
            b = a;
            assert_int_equal(do_op(card, &b, CARD_STATE_COPY, NULL, 0), SDR_STEPERR); /* it has ended */
            assert_null(b.state);
            soft_card_driver.state_free(card, a.state);
            assert_memory_equal(one, whole, all.out_len);
            assert_memory_equal(two, whole, all.out_len);
        }
    soft_card_driver.key_free(card, k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(aead_agrees),  cmocka_unit_test(one_bit_is_noticed), cmocka_unit_test(aead_refusals),
        cmocka_unit_test(xts_agrees),   cmocka_unit_test(xts_refusals),       cmocka_unit_test(states_are_told_apart),
        cmocka_unit_test(copies_go_on),
    };

    while (!seed)
        if (getrandom(&seed, sizeof(seed), 0) < 0)
            seed = 1;
    printf("seed %u\n", seed);
    return cmocka_run_group_tests(tests, soft_setup, soft_teardown);
}
