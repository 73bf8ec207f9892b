/* SPDX-License-Identifier: Apache-2.0 */
/* Digests, Z, HMAC and random of the software card. */
#include "card_under_test.h"

static const struct {
    uint32_t alg, alg2;
    size_t size;
    const char *empty; /* digest of the empty message */
} hashes[] = {
    {SGD_SM3, SGD_SM3, 32, "1ab21d8355cfa17f8e61194831e81a8f22bec8c728fefb747ed035eb5082aa2b"},
    {SGD_SHA1, SGD_SHA1, 20, "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
    {SGD_SHA224, SGD_SHA224_B, 28, "d14a028c2a3a2bc9476102bb288234c415a2b01f828ea62ac5b3e42f"},
    {SGD_SHA256, SGD_SHA256, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {SGD_SHA384, SGD_SHA384_B, 48,
     "38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da274edebfe76f65fbd51ad2f14898b95b"},
    {SGD_SHA512, SGD_SHA512_B, 64,
     "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a8"
     "1a538327af927da3e"},
    {SGD_SHA3_224, SGD_SHA3_224, 28, "6b4e03423667dbb73b6e15454f0eb1abd4597f9a1b078e3f5b5a6bc7"},
    {SGD_SHA3_256, SGD_SHA3_256, 32, "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a"},
    {SGD_SHA3_384, SGD_SHA3_384, 48,
     "0c63a75b845e4f7d01107d852e4c2485c51a50aaaa94fc61995e71bbee983a2ac3713831264adb47fb6bd1e058d5f004"},
    {SGD_SHA3_512, SGD_SHA3_512, 64,
     "a69f73cca23a9ac5c8b567dc185a756e97c982164fe25859e0d1dcc1475c80a615b2123af1f5f94c11e3e9402c3ac558f500199d95b6d3e30"
     "1758586281dcd26"},
};

#define EACH_HASH(h) for (size_t h = 0; h < sizeof(hashes) / sizeof(hashes[0]); h++)

static void hash_into(struct card *card, uint32_t alg, const void *in, size_t len, uint8_t out[64], size_t size)
{
    struct card_job job = {.op = CARD_HASH, .alg = alg, .in = in, .in_len = len, .out = out, .out_cap = 64};

    assert_int_equal(run(card, &job), SDR_OK);
    assert_int_equal(job.out_len, size);
}

static void published_and_both_numberings(void **state)
{
    uint8_t out[64], again[64], right[64];

    EACH_HASH(h)
    {
        hash_into(*state, hashes[h].alg, NULL, 0, out, hashes[h].size);
        assert_int_equal(unhex(hashes[h].empty, right), hashes[h].size);
        assert_memory_equal(out, right, hashes[h].size);
        hash_into(*state, hashes[h].alg2, NULL, 0, again, hashes[h].size);
        assert_memory_equal(out, again, hashes[h].size);
    }
    /* GB/T 32905 example 2 */
    hash_into(*state, SGD_SM3, "abcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcd", 64, out, 32);
    unhex("debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732", right);
    assert_memory_equal(out, right, 32);
    /* FIPS 180, the message of two blocks */
    hash_into(*state, SGD_SHA256, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56, out, 32);
    unhex("248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1", right);
    assert_memory_equal(out, right, 32);
}

static void libraries_agree_and_in_place(void **state)
{
    uint8_t in[700], work[700], out[64], right[64];

    EACH_HASH(h)
    {
        struct library *judge = library_open(LIBRARY_JUDGE, CARD_HASH, hashes[h].alg2, NULL, 0);
        struct library *fastest = library_open(LIBRARY_FASTEST, CARD_HASH, hashes[h].alg, NULL, 0);

        for (size_t len = 0; len < sizeof(in); len += 1 + len / 9) {
            struct card_job job = {
                .op = CARD_HASH, .alg = hashes[h].alg, .in = work, .in_len = len, .out = work, .out_cap = 64};

            fill(in, len, (uint32_t)len);
            memcpy(work, in, sizeof(work));
            assert_int_equal(library_run(judge, NULL, in, len, NULL, right, 64), hashes[h].size);
            assert_int_equal(library_run(fastest, NULL, in, len, NULL, out, 64), hashes[h].size);
            assert_memory_equal(out, right, hashes[h].size);
            assert_int_equal(run(*state, &job), SDR_OK);
            assert_memory_equal(work, right, hashes[h].size);
        }
        library_close(judge);
        library_close(fastest);
    }
}

static void running_equals_one_shot(void **state)
{
    uint8_t in[300], out[64], right[64];

    fill(in, sizeof(in), 9);
    EACH_HASH(h)
    {
        hash_into(*state, hashes[h].alg, in, sizeof(in), right, hashes[h].size);
        for (size_t cut = 0; cut <= sizeof(in); cut += 23) {
            struct card_job job = {.op = CARD_HASH_START, .alg = hashes[h].alg2, .out = out, .out_cap = hashes[h].size};

            assert_int_equal(run(*state, &job), SDR_OK);
            job.op = CARD_HASH_UPDATE;
            job.in = in;
            job.in_len = cut;
            assert_int_equal(run(*state, &job), SDR_OK);
            job.in = in + cut;
            job.in_len = sizeof(in) - cut;
            assert_int_equal(run(*state, &job), SDR_OK);
            job.op = CARD_HASH_FINISH;
            job.in_len = 0;
            job.out_cap--;
            assert_int_equal(run(*state, &job), SDR_OUTARGERR);
            job.out_cap++;
            assert_int_equal(run(*state, &job), SDR_OK);
            assert_int_equal(job.out_len, hashes[h].size);
            assert_memory_equal(out, right, hashes[h].size);
            assert_int_equal(run(*state, &job), SDR_STEPERR);
            job.op = CARD_HASH_UPDATE;
            assert_int_equal(run(*state, &job), SDR_STEPERR);
            job.op = CARD_MAC_UPDATE;
            assert_int_equal(run(*state, &job), SDR_STEPERR);
            soft_card_driver.state_free(*state, job.state);
        }
    }
}

static void z_is_taken_in(void **state)
{
    uint8_t point[64], right[32], out[32];
    static uint8_t id[8192];
    struct card_job job = {.op = CARD_HASH_START, .alg = SGD_SM3, .aux = point, .out = out, .out_cap = sizeof(out)};

    unhex(SM2_POINT, point);
    unhex(SM2_DIGEST, right);
    job.in = (const uint8_t *)"1234567812345678";
    job.in_len = 16;
    assert_int_equal(run(*state, &job), SDR_OK);
    job.op = CARD_HASH_UPDATE;
    job.in = (const uint8_t *)"message digest";
    job.in_len = 14;
    assert_int_equal(run(*state, &job), SDR_OK);
    job.op = CARD_HASH_FINISH;
    assert_int_equal(run(*state, &job), SDR_OK);
    assert_memory_equal(out, right, 32);
    soft_card_driver.state_free(*state, job.state);

    job.op = CARD_HASH_START;
    job.in = id;
    for (size_t len = 0; len <= 8192; len += 1024) {
        job.in_len = len;
        assert_int_equal(run(*state, &job), len && len <= 8191 ? SDR_OK : SDR_INARGERR);
        soft_card_driver.state_free(*state, job.state);
    }
    job.in_len = 8191;
    assert_int_equal(run(*state, &job), SDR_OK);
    soft_card_driver.state_free(*state, job.state);
    job.in_len = 16;
    job.alg = SGD_SHA256;
    assert_int_equal(run(*state, &job), SDR_INARGERR);
    job.alg = SGD_SM3;
    point[5] ^= 1;
    assert_int_equal(run(*state, &job), SDR_KEYERR);
    assert_null(job.state);
    job.aux = NULL; /* an id without a key */
    assert_int_equal(run(*state, &job), SDR_INARGERR);
}

static void unknown_hashes(void **state)
{
    static const uint32_t unknown[] = {0, 7, 9, 0x40, 0x80, 0x100, SGD_SM4_MAC, 0xffffffff};
    uint8_t out[64];

    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        struct card_job job = {.op = CARD_HASH, .alg = unknown[i], .out = out, .out_cap = 64};

        assert_int_equal(run(*state, &job), SDR_ALGNOTSUPPORT);
        job.op = CARD_HASH_START;
        assert_int_equal(run(*state, &job), SDR_ALGNOTSUPPORT);
        assert_null(job.state);
    }
    struct card_job job = {.op = CARD_HASH, .alg = SGD_SM3, .out = out, .out_cap = 31};

    assert_int_equal(run(*state, &job), SDR_OUTARGERR);
    job.op = CARD_HASH_UPDATE; /* no state at all */
    assert_int_equal(run(*state, &job), SDR_STEPERR);
    job.op = CARD_HASH_FINISH;
    assert_int_equal(run(*state, &job), SDR_STEPERR);
}

static void hmac_published(void **state)
{
    /* RFC 4231 case 6: a key longer than the block */
    static const char text[] = "Test Using Larger Than Block-Size Key - Hash Key First";
    uint8_t key_bytes[131], right[32], out[64];
    struct card_job job = {.op = CARD_MAC, .alg = SGD_SHA256, .out = out, .out_cap = 64};

    memset(key_bytes, 0xaa, sizeof(key_bytes));
    unhex("60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54", right);
    job.key = key_of(*state, CARD_KEY_SYMMETRIC, key_bytes, sizeof(key_bytes));
    job.in = (const uint8_t *)text;
    job.in_len = sizeof(text) - 1;
    for (int twice = 0; twice < 2; twice++) {
        assert_int_equal(run(*state, &job), SDR_OK);
        assert_int_equal(job.out_len, 32);
        assert_memory_equal(out, right, 32);
    }
    soft_card_driver.key_free(*state, job.key);
}

static void hmac_agrees_running_and_not(void **state)
{
    uint8_t key_bytes[256], in[500], out[64], right[64], iv[16];

    fill(key_bytes, sizeof(key_bytes), 41);
    fill(in, sizeof(in), 42);
    EACH_HASH(h)
    {
        for (size_t key_len = 1; key_len <= 256; key_len += 51) {
            struct card_key *key = key_of(*state, CARD_KEY_SYMMETRIC, key_bytes, key_len);
            struct library *judge = library_open(LIBRARY_JUDGE, CARD_MAC, hashes[h].alg, key_bytes, key_len);
            struct card_job job = {.op = CARD_MAC, .alg = hashes[h].alg2, .key = key, .in = in, .in_len = sizeof(in)};

            memset(iv, 5, 16);
            memcpy(job.iv, iv, 16);
            job.out = out;
            job.out_cap = 64;
            assert_int_equal(library_run(judge, NULL, in, sizeof(in), NULL, right, 64), hashes[h].size);
            assert_int_equal(run(*state, &job), SDR_OK);
            assert_int_equal(job.out_len, hashes[h].size);
            assert_memory_equal(out, right, hashes[h].size);
            assert_memory_equal(job.iv, iv, 16); /* untouched */
            memset(out, 0, sizeof(out));
            job.op = CARD_MAC_START;
            assert_int_equal(run(*state, &job), SDR_OK);
            soft_card_driver.key_free(*state, key);
            job.op = CARD_MAC_UPDATE;
            job.in_len = 123;
            assert_int_equal(run(*state, &job), SDR_OK);
            job.in += 123;
            job.in_len = sizeof(in) - 123;
            assert_int_equal(run(*state, &job), SDR_OK);
            job.op = CARD_MAC_FINISH;
            assert_int_equal(run(*state, &job), SDR_OK);
            assert_memory_equal(out, right, hashes[h].size);
            soft_card_driver.state_free(*state, job.state);
            library_close(judge);
        }
    }
}

static void random_differs(void **state)
{
    static uint8_t first[70000], second[70000], zero[64];
    struct card_job job = {.op = CARD_RANDOM, .out = first, .out_cap = sizeof(first)};

    assert_int_equal(run(*state, &job), SDR_OK);
    assert_int_equal(job.out_len, sizeof(first));
    job.out = second;
    assert_int_equal(run(*state, &job), SDR_OK);
    assert_memory_not_equal(first, second, 32);
    assert_memory_not_equal(first + sizeof(first) - 64, zero, 64); /* to the last byte */
    assert_memory_not_equal(first + 65536, first, 64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_and_both_numberings),
        cmocka_unit_test(libraries_agree_and_in_place),
        cmocka_unit_test(running_equals_one_shot),
        cmocka_unit_test(z_is_taken_in),
        cmocka_unit_test(unknown_hashes),
        cmocka_unit_test(hmac_published),
        cmocka_unit_test(hmac_agrees_running_and_not),
        cmocka_unit_test(random_differs),
    };

    return cmocka_run_group_tests(tests, soft_setup, soft_teardown);
}
