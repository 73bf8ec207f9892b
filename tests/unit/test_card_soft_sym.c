/* SPDX-License-Identifier: Apache-2.0 */
/* Block ciphers and CBC-MAC of the software card: against libcrypto alone, chained, in place, and refused. */
#include "card_under_test.h"

static const uint32_t modes[] = {SGD_ECB, SGD_CBC, SGD_CFB, SGD_OFB, SGD_CTR};
static const struct {
    uint32_t cipher;
    size_t key_len;
} ciphers[] = {{SGD_SM4, 16}, {SGD_AES, 16}, {SGD_AES, 24}, {SGD_AES, 32}};

#define EACH_CIPHER(c) for (size_t c = 0; c < sizeof(ciphers) / sizeof(ciphers[0]); c++)
#define EACH_MODE(m)   for (size_t m = 0; m < sizeof(modes) / sizeof(modes[0]); m++)
#define STREAM         (SGD_CFB | SGD_OFB | SGD_CTR)

static uint32_t crypt_with(struct card *card, struct card_key *key, uint16_t op, uint32_t alg, uint8_t iv[16],
                           const uint8_t *in, uint8_t *out, size_t len)
{
    struct card_job job = {.op = op, .alg = alg, .key = key, .in = in, .in_len = len, .out = out, .out_cap = len};
    uint32_t status;

    memcpy(job.iv, iv, 16);
    status = run(card, &job);
    memcpy(iv, job.iv, 16);
    if (status == SDR_OK)
        assert_int_equal(job.out_len, len);
    return status;
}

/* What the IV must be after `len` bytes of whole blocks. */
static void iv_expected(uint32_t mode, const uint8_t before[16], const uint8_t *plain, const uint8_t *cipher,
                        size_t len, uint8_t after[16])
{
    memcpy(after, before, 16);
    if (mode == SGD_CBC || mode == SGD_CFB)
        memcpy(after, cipher + len - 16, 16);
    for (int i = 0; mode == SGD_OFB && i < 16; i++)
        after[i] = plain[len - 16 + (size_t)i] ^ cipher[len - 16 + (size_t)i];
    for (size_t n = 0; mode == SGD_CTR && n < len / 16; n++) {
        for (int i = 15; i >= 0 && ++after[i] == 0; i--)
            ;
    }
}

static void both_libraries_and_card_agree(void **state)
{
    static uint8_t key_bytes[32], plain[4096], right[4096], out[4096];
    uint8_t iv[16], chained[16], expected[16];

    EACH_CIPHER(c)
    EACH_MODE(m)
    {
        uint32_t alg = ciphers[c].cipher | modes[m];

        for (uint32_t round = 0; round < 40; round++) {
            size_t len = round * round * 2 + round;
            struct card_key *key;

            if (!(modes[m] & STREAM))
                len -= len % 16;
            fill(key_bytes, 32, round + (uint32_t)alg);
            fill(plain, len, round);
            fill(iv, 16, round + 77);
            if (round % 5 == 0)
                memset(iv + 1, 0xff, 15); /* the counter's carry runs through */
            key = key_of(*state, CARD_KEY_SYMMETRIC, key_bytes, ciphers[c].key_len);
            for (enum library_use use = LIBRARY_FASTEST; len && use <= LIBRARY_JUDGE; use++) {
                struct library *library = library_open(use, CARD_ENCRYPT, alg, key_bytes, ciphers[c].key_len);

                assert_non_null(library);
                assert_int_equal(library_run(library, iv, plain, len, NULL, right, sizeof(right)), len);
                library_close(library);
                memcpy(chained, iv, 16);
                assert_int_equal(crypt_with(*state, key, CARD_ENCRYPT, alg, chained, plain, out, len), SDR_OK);
                assert_memory_equal(out, right, len);
                library = library_open(use, CARD_DECRYPT, alg, key_bytes, ciphers[c].key_len);
                assert_int_equal(library_run(library, iv, out, len, NULL, right, sizeof(right)), len);
                assert_memory_equal(right, plain, len);
                library_close(library);
            }
            if (len && len % 16 == 0) {
                iv_expected(modes[m], iv, plain, out, len, expected);
                assert_memory_equal(chained, expected, 16);
            }
            memcpy(chained, iv, 16);
            assert_int_equal(crypt_with(*state, key, CARD_DECRYPT, alg, chained, out, out, len), SDR_OK);
            assert_memory_equal(out, plain, len);
            soft_card_driver.key_free(*state, key);
        }
    }
}

static void chained_calls_equal_one_call(void **state)
{
    uint8_t key_bytes[32], plain[172], whole[172], parts[172], iv[16], whole_iv[16], start[16];

    fill(key_bytes, 32, 3);
    fill(plain, sizeof(plain), 4);
    fill(start, 16, 5);
    EACH_CIPHER(c)
    EACH_MODE(m)
    {
        struct card_key *key = key_of(*state, CARD_KEY_SYMMETRIC, key_bytes, ciphers[c].key_len);
        uint32_t alg = ciphers[c].cipher | modes[m];
        size_t len = modes[m] & STREAM ? sizeof(plain) : 160;

        memcpy(whole_iv, start, 16);
        assert_int_equal(crypt_with(*state, key, CARD_ENCRYPT, alg, whole_iv, plain, whole, len), SDR_OK);
        for (size_t cut = 0; cut <= 160; cut += 16) {
            memcpy(iv, start, 16);
            memcpy(parts, plain, len); /* in place */
            assert_int_equal(crypt_with(*state, key, CARD_ENCRYPT, alg, iv, parts, parts, cut), SDR_OK);
            assert_int_equal(crypt_with(*state, key, CARD_ENCRYPT, alg, iv, parts + cut, parts + cut, len - cut),
                             SDR_OK);
            assert_memory_equal(parts, whole, len);
            assert_memory_equal(iv, whole_iv, 16);
            memcpy(iv, start, 16);
            assert_int_equal(crypt_with(*state, key, CARD_DECRYPT, alg, iv, parts, parts, cut), SDR_OK);
            assert_int_equal(crypt_with(*state, key, CARD_DECRYPT, alg, iv, parts + cut, parts + cut, len - cut),
                             SDR_OK);
            assert_memory_equal(parts, plain, len);
            assert_memory_equal(iv, whole_iv, 16);
        }
        soft_card_driver.key_free(*state, key);
    }
}

/* A partial last block ends the chain, but must not leave an IV that gives the same key stream again. */
static void partial_block_never_repeats_key_stream(void **state)
{
    static const uint32_t stream_modes[] = {SGD_CFB, SGD_OFB, SGD_CTR};
    uint8_t key_bytes[16], zero[16] = {0}, first[16], second[16], iv[16];
    struct card_key *key;

    fill(key_bytes, 16, 8);
    key = key_of(*state, CARD_KEY_SYMMETRIC, key_bytes, 16);
    for (size_t m = 0; m < 3; m++) {
        memset(iv, 7, 16);
        assert_int_equal(crypt_with(*state, key, CARD_ENCRYPT, SGD_SM4 | stream_modes[m], iv, zero, first, 15), SDR_OK);
        assert_int_equal(crypt_with(*state, key, CARD_ENCRYPT, SGD_SM4 | stream_modes[m], iv, zero, second, 15),
                         SDR_OK);
        assert_memory_not_equal(first, second, 15);
    }
    soft_card_driver.key_free(*state, key);
}

static void sm4_million_rounds(void **state)
{
    uint8_t key_bytes[16], block[16], right[16], iv[16] = {0};
    struct card_key *key;

    unhex("0123456789abcdeffedcba9876543210", key_bytes);
    unhex("595298c7c6fd271f0402f804c33d3f66", right); /* GB/T 32907 annex A, example 2 */
    memcpy(block, key_bytes, 16);
    key = key_of(*state, CARD_KEY_SYMMETRIC, key_bytes, 16);
    for (int i = 0; i < 1000000; i++) {
        struct card_job job = {
            .op = CARD_ENCRYPT, .alg = SGD_SM4_ECB, .key = key, .in = block, .in_len = 16, .out = block, .out_cap = 16};

        soft_card_driver.run(*state, &job);
    }
    assert_memory_equal(block, right, 16);
    (void)iv;
    soft_card_driver.key_free(*state, key);
}

static void aes_published(void **state)
{
    /* SP 800-38A F.2.1 and F.5.5, first block */
    uint8_t key_bytes[32], plain[16], right[16], out[16], iv[16];
    struct card_key *key;

    unhex("6bc1bee22e409f96e93d7e117393172a", plain);
    unhex("2b7e151628aed2a6abf7158809cf4f3c", key_bytes);
    unhex("000102030405060708090a0b0c0d0e0f", iv);
    unhex("7649abac8119b246cee98e9b12e9197d", right);
    key = key_of(*state, CARD_KEY_SYMMETRIC, key_bytes, 16);
    assert_int_equal(crypt_with(*state, key, CARD_ENCRYPT, SGD_AES_CBC, iv, plain, out, 16), SDR_OK);
    assert_memory_equal(out, right, 16);
    soft_card_driver.key_free(*state, key);
    unhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4", key_bytes);
    unhex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff", iv);
    unhex("601ec313775789a5b7a7f504bbf3d228", right);
    key = key_of(*state, CARD_KEY_SYMMETRIC, key_bytes, 32);
    assert_int_equal(crypt_with(*state, key, CARD_ENCRYPT, SGD_AES_CTR, iv, plain, out, 16), SDR_OK);
    assert_memory_equal(out, right, 16);
    soft_card_driver.key_free(*state, key);
}

static void wrong_arguments(void **state)
{
    static const struct {
        uint32_t alg, status;
    } wrong[] = {
        {SGD_SM1_ECB, SDR_ALGNOTSUPPORT},
        {SGD_SM1_CBC, SDR_ALGNOTSUPPORT},
        {SGD_SSF33 | SGD_CBC, SDR_ALGNOTSUPPORT},
        {SGD_ZUC | 1, SDR_ALGNOTSUPPORT},
        {SGD_CBC, SDR_ALGNOTSUPPORT},
        {0, SDR_ALGNOTSUPPORT},
        {0x02000400, SDR_ALGNOTSUPPORT},
        {SGD_SM4, SDR_ALGMODNOTSUPPORT},
        {SGD_SM4 | 0x40, SDR_ALGMODNOTSUPPORT},
        {SGD_SM4 | SGD_ECB | SGD_CBC, SDR_ALGMODNOTSUPPORT},
        {SGD_AES | 0x80, SDR_ALGMODNOTSUPPORT},
        {SGD_SM4_MAC, SDR_ALGMODNOTSUPPORT},
    };
    uint8_t bytes[96] = {1, 2, 3}, out[64], iv[16] = {0}, pair[96];
    struct card_key *key = key_of(*state, CARD_KEY_SYMMETRIC, bytes, 16);
    struct card_key *long_key = key_of(*state, CARD_KEY_SYMMETRIC, bytes, 32);
    struct card_key *odd_key = key_of(*state, CARD_KEY_SYMMETRIC, bytes, 20);
    struct card_key *sm2_key;

    unhex(SM2_PRIVATE SM2_POINT, pair);
    sm2_key = key_of(*state, CARD_KEY_SM2_PRIVATE, pair, 96);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(crypt_with(*state, key, CARD_ENCRYPT, wrong[i].alg, iv, bytes, out, 32), wrong[i].status);
        assert_int_equal(crypt_with(*state, key, CARD_DECRYPT, wrong[i].alg, iv, bytes, out, 32), wrong[i].status);
    }
    for (size_t len = 1; len < 48; len++) {
        uint32_t expected = len % 16 ? SDR_INARGERR : SDR_OK;

        assert_int_equal(crypt_with(*state, key, CARD_ENCRYPT, SGD_SM4_CBC, iv, bytes, out, len), expected);
        assert_int_equal(crypt_with(*state, key, CARD_DECRYPT, SGD_AES_ECB, iv, bytes, out, len), expected);
    }
    assert_int_equal(crypt_with(*state, long_key, CARD_ENCRYPT, SGD_SM4_CBC, iv, bytes, out, 16), SDR_KEYERR);
    assert_int_equal(crypt_with(*state, odd_key, CARD_ENCRYPT, SGD_AES_CBC, iv, bytes, out, 16), SDR_KEYERR);
    assert_int_equal(crypt_with(*state, sm2_key, CARD_ENCRYPT, SGD_SM4_CBC, iv, bytes, out, 16), SDR_KEYTYPEERR);
    assert_int_equal(crypt_with(*state, NULL, CARD_ENCRYPT, SGD_SM4_CBC, iv, bytes, out, 16), SDR_KEYNOTEXIST);
    struct card_job small = {
        .op = CARD_ENCRYPT, .alg = SGD_SM4_CTR, .key = key, .in = bytes, .in_len = 17, .out = out, .out_cap = 16};

    assert_int_equal(run(*state, &small), SDR_OUTARGERR);
    small.op = CARD_OP_END;
    assert_int_equal(run(*state, &small), SDR_NOTSUPPORT);
    small.op = CARD_ECHO;
    assert_int_equal(run(*state, &small), SDR_NOTSUPPORT);
    soft_card_driver.key_free(*state, key);
    soft_card_driver.key_free(*state, long_key);
    soft_card_driver.key_free(*state, odd_key);
    soft_card_driver.key_free(*state, sm2_key);
}

static void mac_is_the_last_cbc_block(void **state)
{
    static uint8_t in[9600], cipher[9600];
    uint8_t key_bytes[16], mac[16], iv[16], start[16];
    struct card_key *key;

    fill(key_bytes, 16, 21);
    fill(in, sizeof(in), 22);
    fill(start, 16, 23);
    key = key_of(*state, CARD_KEY_SYMMETRIC, key_bytes, 16);
    for (int aes = 0; aes < 2; aes++) {
        for (size_t len = 16; len <= sizeof(in); len += len < 200 ? 16 : 2048) {
            struct card_job job = {.op = CARD_MAC, .alg = aes ? SGD_AES_MAC : SGD_SM4_MAC, .key = key};

            memcpy(iv, start, 16);
            assert_int_equal(
                crypt_with(*state, key, CARD_ENCRYPT, aes ? SGD_AES_CBC : SGD_SM4_CBC, iv, in, cipher, len), SDR_OK);
            /* in two calls, chained by the IV */
            memcpy(job.iv, start, 16);
            job.in = in;
            job.in_len = 16;
            job.out = mac;
            job.out_cap = 16;
            assert_int_equal(run(*state, &job), SDR_OK);
            assert_memory_equal(mac, cipher, 16);
            assert_memory_equal(job.iv, mac, 16);
            job.in = in + 16;
            job.in_len = len - 16;
            assert_int_equal(run(*state, &job), len > 16 ? SDR_OK : SDR_INARGERR);
            assert_memory_equal(mac, cipher + len - 16, 16);
        }
    }
    soft_card_driver.key_free(*state, key);
}

static void running_mac(void **state)
{
    uint8_t in[200], key_bytes[16], right[16], mac[16];
    struct library *judge;

    fill(in, sizeof(in), 31);
    fill(key_bytes, 16, 32);
    judge = library_open(LIBRARY_JUDGE, CARD_MAC, SGD_SM4_MAC, key_bytes, 16);
    for (size_t step = 1; step < 60; step++) {
        struct card_key *key = key_of(*state, CARD_KEY_SYMMETRIC, key_bytes, 16);
        struct card_job job = {.op = CARD_MAC_START, .alg = SGD_SM4_MAC, .key = key, .out = mac, .out_cap = 16};
        uint8_t iv[16] = {0}, mac_wide[64];

        assert_int_equal(run(*state, &job), SDR_OK);
        soft_card_driver.key_free(*state, key); /* the running MAC keeps what it needs */
        job.key = NULL;
        job.op = CARD_MAC_UPDATE;
        for (size_t at = 0; at < 192; at += step) {
            job.in = in + at;
            job.in_len = at + step < 192 ? step : 192 - at;
            assert_int_equal(run(*state, &job), SDR_OK);
        }
        job.op = CARD_MAC_FINISH;
        job.in_len = 0;
        assert_int_equal(run(*state, &job), SDR_OK);
        assert_int_equal(job.out_len, 16);
        assert_int_equal(library_run(judge, iv, in, 192, NULL, mac_wide, sizeof(mac_wide)), 16);
        memcpy(right, mac_wide, 16);
        assert_memory_equal(mac, right, 16);
        assert_int_equal(run(*state, &job), SDR_STEPERR);
        soft_card_driver.state_free(*state, job.state);
    }
    library_close(judge);
}

static void mac_refusals(void **state)
{
    uint8_t bytes[64] = {0}, out[64];
    struct card_key *key = key_of(*state, CARD_KEY_SYMMETRIC, bytes, 16);
    struct card_job job = {.op = CARD_MAC, .alg = SGD_SM4_MAC, .key = key, .in = bytes, .out = out, .out_cap = 64};

    for (size_t len = 0; len < 34; len++) {
        job.in_len = len;
        assert_int_equal(run(*state, &job), len && len % 16 == 0 ? SDR_OK : SDR_INARGERR);
    }
    job.in_len = 16;
    job.out_cap = 15;
    assert_int_equal(run(*state, &job), SDR_OUTARGERR);
    job.out_cap = 64;
    job.alg = SGD_SM4_CBC;
    assert_int_equal(run(*state, &job), SDR_ALGMODNOTSUPPORT);
    job.alg = SGD_SM1_MAC;
    assert_int_equal(run(*state, &job), SDR_ALGNOTSUPPORT);
    job.alg = SGD_SM4_MAC;
    job.key = NULL;
    assert_int_equal(run(*state, &job), SDR_KEYNOTEXIST);
    /* a running one that was fed nothing, or part of a block */
    job.key = key;
    for (size_t len = 0; len < 16; len += 15) {
        job.op = CARD_MAC_START;
        assert_int_equal(run(*state, &job), SDR_OK);
        job.op = CARD_MAC_UPDATE;
        job.in_len = len;
        assert_int_equal(run(*state, &job), SDR_OK);
        job.op = CARD_HASH_UPDATE;
        assert_int_equal(run(*state, &job), SDR_STEPERR);
        job.op = CARD_MAC_FINISH;
        assert_int_equal(run(*state, &job), SDR_INARGERR);
        soft_card_driver.state_free(*state, job.state);
    }
    job.op = CARD_MAC_START;
    job.alg = SGD_SSF33 | SGD_MAC;
    assert_int_equal(run(*state, &job), SDR_ALGNOTSUPPORT);
    assert_null(job.state);
    soft_card_driver.key_free(*state, key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_libraries_and_card_agree),
        cmocka_unit_test(chained_calls_equal_one_call),
        cmocka_unit_test(partial_block_never_repeats_key_stream),
        cmocka_unit_test(sm4_million_rounds),
        cmocka_unit_test(aes_published),
        cmocka_unit_test(wrong_arguments),
        cmocka_unit_test(mac_is_the_last_cbc_block),
        cmocka_unit_test(running_mac),
        cmocka_unit_test(mac_refusals),
    };

    return cmocka_run_group_tests(tests, soft_setup, soft_teardown);
}
