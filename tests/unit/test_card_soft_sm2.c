/* SPDX-License-Identifier: Apache-2.0 */
/* SM2 and session keys of the software card: published examples, the other way round by libcrypto, hostile input. */
#include "card_under_test.h"

struct fixture {
    struct card *card;
    uint8_t pair[96];
    uint8_t digest[32];
    struct card_key *key;    /* private */
    struct card_key *public; /* its point */
    struct card_key *sym;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    soft_setup((void **)&f->card);
    unhex(SM2_PRIVATE SM2_POINT, f->pair);
    unhex(SM2_DIGEST, f->digest);
    f->key = key_of(f->card, CARD_KEY_SM2_PRIVATE, f->pair, 96);
    f->public = key_of(f->card, CARD_KEY_SM2_PUBLIC, f->pair + 32, 64);
    f->sym = key_of(f->card, CARD_KEY_SYMMETRIC, f->pair, 16);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    soft_card_driver.key_free(f->card, f->key);
    soft_card_driver.key_free(f->card, f->public);
    soft_card_driver.key_free(f->card, f->sym);
    soft_card_driver.close(f->card);
    free(f);
    return 0;
}

static uint32_t verify(struct fixture *f, struct card_key *key, const uint8_t *point, const uint8_t *sig)
{
    struct card_job job = {.op = CARD_VERIFY, .key = key, .aux = point, .aux2 = sig, .in = f->digest, .in_len = 32};

    return run(f->card, &job);
}

static void published_signature_holds(void **state)
{
    struct fixture *f = *state;
    uint8_t sig[64];

    unhex("f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3"
          "b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa",
          sig);
    assert_int_equal(verify(f, f->key, NULL, sig), SDR_OK);
    assert_int_equal(verify(f, f->public, NULL, sig), SDR_OK);
    assert_int_equal(verify(f, NULL, f->pair + 32, sig), SDR_OK);
    for (int bit = 0; bit < 512; bit += 37) {
        sig[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(verify(f, f->public, NULL, sig), SDR_VERIFYERR);
        sig[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_int_equal(verify(f, f->public, NULL, sig), SDR_OK);
}

static void r_and_s_out_of_range(void **state)
{
    static const char *const wrong[] = {"0000000000000000000000000000000000000000000000000000000000000000", SM2_ORDER,
                                        "fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54124",
                                        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"};
    struct fixture *f = *state;
    uint8_t sig[64];

    for (size_t i = 0; i < 4; i++) {
        for (size_t j = 0; j < 4; j++) {
            unhex(wrong[i], sig);
            unhex(wrong[j], sig + 32);
            assert_int_equal(verify(f, f->public, NULL, sig), SDR_VERIFYERR);
        }
        memset(sig, 0x11, 64);
        unhex(wrong[i], sig);
        assert_int_equal(verify(f, f->public, NULL, sig), SDR_VERIFYERR);
        memset(sig, 0x11, 64);
        unhex(wrong[i], sig + 32);
        assert_int_equal(verify(f, NULL, f->pair + 32, sig), SDR_VERIFYERR);
    }
}

static void sign_is_taken_by_libcrypto_and_back(void **state)
{
    struct fixture *f = *state;
    struct library *judge = library_open(LIBRARY_JUDGE, CARD_VERIFY, SGD_SM2_1, f->pair + 32, 64);
    struct library *signer = library_open(LIBRARY_JUDGE, CARD_SIGN, SGD_SM2_1, f->pair, 96);
    uint8_t sig[64], before[64] = {0};
    struct card_job job = {.op = CARD_SIGN, .key = f->key, .in = f->digest, .in_len = 32, .out = sig, .out_cap = 64};

    assert_non_null(judge);
    assert_non_null(signer);
    for (int i = 0; i < 60; i++) { /* short r or s comes up now and then */
        fill(f->digest, 32, (uint32_t)i);
        assert_int_equal(run(f->card, &job), SDR_OK);
        assert_int_equal(job.out_len, 64);
        assert_memory_not_equal(sig, before, 64);
        memcpy(before, sig, 64);
        assert_int_equal(library_run(judge, NULL, f->digest, 32, sig, NULL, 0), 1);
        sig[40] ^= 4;
        assert_int_equal(library_run(judge, NULL, f->digest, 32, sig, NULL, 0), 0);
        assert_int_equal(library_run(signer, NULL, f->digest, 32, NULL, sig, 64), 64);
        assert_int_equal(verify(f, f->public, NULL, sig), SDR_OK);
    }
    unhex(SM2_DIGEST, f->digest);
    library_close(judge);
    library_close(signer);
}

static void sign_and_verify_refusals(void **state)
{
    struct fixture *f = *state;
    uint8_t sig[64], point[64];
    struct card_job job = {.op = CARD_SIGN, .key = f->public, .in = f->digest, .in_len = 32, .out = sig, .out_cap = 64};

    assert_int_equal(run(f->card, &job), SDR_KEYTYPEERR);
    job.key = f->sym;
    assert_int_equal(run(f->card, &job), SDR_KEYTYPEERR);
    job.key = NULL;
    assert_int_equal(run(f->card, &job), SDR_KEYNOTEXIST);
    job.key = f->key;
    job.in_len = 31;
    assert_int_equal(run(f->card, &job), SDR_INARGERR);
    job.in_len = 32;
    job.out_cap = 63;
    assert_int_equal(run(f->card, &job), SDR_OUTARGERR);
    memset(sig, 0x11, 64);
    assert_int_equal(verify(f, f->sym, NULL, sig), SDR_KEYTYPEERR);
    assert_int_equal(verify(f, NULL, NULL, sig), SDR_KEYNOTEXIST);
    assert_int_equal(verify(f, f->key, NULL, NULL), SDR_INARGERR);
    memcpy(point, f->pair + 32, 64);
    point[63] ^= 1;
    assert_int_equal(verify(f, NULL, point, sig), SDR_KEYERR);
}

static uint32_t import(struct fixture *f, enum card_key_type type, const uint8_t *bytes, size_t len)
{
    struct card_key *key = (struct card_key *)f;
    uint32_t status = soft_card_driver.key_import(f->card, type, bytes, len, &key);

    if (status == SDR_OK)
        soft_card_driver.key_free(f->card, key);
    else
        assert_null(key);
    return status;
}

static void keys_are_checked(void **state)
{
    struct fixture *f = *state;
    uint8_t bytes[96], point[64];

    memset(point, 0, 64);
    assert_int_equal(import(f, CARD_KEY_SM2_PUBLIC, point, 64), SDR_KEYERR);
    memset(point, 0xff, 64); /* beyond the field */
    assert_int_equal(import(f, CARD_KEY_SM2_PUBLIC, point, 64), SDR_KEYERR);
    memcpy(point, f->pair + 32, 64);
    assert_int_equal(import(f, CARD_KEY_SM2_PUBLIC, point, 64), SDR_OK);
    assert_int_equal(import(f, CARD_KEY_SM2_PUBLIC, point, 63), SDR_INARGERR);
    assert_int_equal(import(f, CARD_KEY_SM2_PUBLIC, NULL, 64), SDR_INARGERR);
    for (int i = 0; i < 64; i += 9) {
        point[i] ^= 0x10;
        assert_int_equal(import(f, CARD_KEY_SM2_PUBLIC, point, 64), SDR_KEYERR);
        point[i] ^= 0x10;
    }
    memcpy(bytes, f->pair, 96);
    bytes[31] ^= 1; /* another number than the point's */
    assert_int_equal(import(f, CARD_KEY_SM2_PRIVATE, bytes, 96), SDR_KEYERR);
    memset(bytes, 0, 32);
    assert_int_equal(import(f, CARD_KEY_SM2_PRIVATE, bytes, 96), SDR_KEYERR);
    /* n-1 with the point that belongs to it, -G: no SM2 key all the same */
    unhex("fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54122"
          "32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7"
          "43c8c95c0b098863a642311c9496deac2f56788239d5b8c0fd20cd1adec60f5f",
          bytes);
    assert_int_equal(import(f, CARD_KEY_SM2_PUBLIC, bytes + 32, 64), SDR_OK);
    assert_int_equal(import(f, CARD_KEY_SM2_PRIVATE, bytes, 96), SDR_KEYERR);
    unhex(SM2_ORDER, bytes);
    assert_int_equal(import(f, CARD_KEY_SM2_PRIVATE, bytes, 96), SDR_KEYERR);
    assert_int_equal(import(f, CARD_KEY_SM2_PRIVATE, f->pair, 95), SDR_INARGERR);
    assert_int_equal(import(f, (enum card_key_type)9, f->pair, 32), SDR_KEYTYPEERR);
    assert_int_equal(import(f, CARD_KEY_SYMMETRIC, f->pair, 0), SDR_INARGERR);
    assert_int_equal(import(f, CARD_KEY_SYMMETRIC, f->pair, 257), SDR_INARGERR);
}

static void published_ciphertext_opens(void **state)
{
    struct fixture *f = *state;
    uint8_t cipher[128], out[32];
    struct card_job job = {.op = CARD_PKE_DECRYPT, .key = f->key, .in = cipher, .out = out, .out_cap = sizeof(out)};

    job.in_len = unhex("04ebfc718e8d1798620432268e77feb6415e2ede0e073c0f4f640ecd2e149a73"
                       "e858f9d81e5430a57b36daab8f950a3c64e6ee6a63094d99283aff767e124df0"
                       "59983c18f809e262923c53aec295d30383b54e39d609d160afcb1908d0bd8766"
                       "21886ca989ca9c7d58087307ca93092d651efa",
                       cipher);
    assert_int_equal(run(f->card, &job), SDR_OK);
    assert_int_equal(job.out_len, 19);
    assert_memory_equal(out, "encryption standard", 19);
    /* any byte changed: no plaintext comes out */
    for (size_t i = 0; i < job.in_len; i += 3) {
        memset(out, 0x5a, sizeof(out));
        cipher[i] ^= 0x40;
        assert_int_equal(run(f->card, &job), SDR_ENCDATAERR);
        for (size_t k = 0; k < sizeof(out); k++)
            assert_int_equal(out[k], 0x5a);
        cipher[i] ^= 0x40;
    }
    job.out_cap = 18;
    assert_int_equal(run(f->card, &job), SDR_OUTARGERR);
    job.out_cap = sizeof(out);
    job.key = f->public;
    assert_int_equal(run(f->card, &job), SDR_KEYTYPEERR);
    job.key = f->key;
    job.in_len = 96;
    assert_int_equal(run(f->card, &job), SDR_INARGERR);
    memset(cipher, 0, sizeof(cipher)); /* C1 = (0, 0) */
    job.in_len = 100;
    assert_int_equal(run(f->card, &job), SDR_ENCDATAERR);
    memset(cipher, 0xff, sizeof(cipher));
    assert_int_equal(run(f->card, &job), SDR_ENCDATAERR);
}

static void encryption_both_ways(void **state)
{
    struct fixture *f = *state;
    struct library *opens = library_open(LIBRARY_JUDGE, CARD_PKE_DECRYPT, SGD_SM2_3, f->pair, 96);
    struct library *seals = library_open(LIBRARY_JUDGE, CARD_PKE_ENCRYPT, SGD_SM2_3, f->pair + 32, 64);
    uint8_t plain[256], cipher[360], back[256];

    for (size_t len = 1; len <= CARD_PKE_MAX; len += len < 34 || len > 250 ? 1 : 24) {
        struct card_job job = {.op = CARD_PKE_ENCRYPT, .in = plain, .in_len = len, .out = cipher, .out_cap = 96 + len};

        fill(plain, len, (uint32_t)len);
        job.key = len % 3 == 0 ? f->key : len % 3 == 1 ? f->public : NULL;
        job.aux = f->pair + 32;
        assert_int_equal(run(f->card, &job), SDR_OK);
        assert_int_equal(job.out_len, 96 + len);
        assert_int_equal(library_run(opens, NULL, cipher, 96 + len, NULL, back, sizeof(back)), len);
        assert_memory_equal(back, plain, len);
        assert_int_equal(library_run(seals, NULL, plain, len, NULL, cipher, sizeof(cipher)), 96 + len);
        if (len == 1 && cipher[96] == plain[0])
            continue; /* not every libcrypto looks for an empty key stream */
        job = (struct card_job){.op = CARD_PKE_DECRYPT, .key = f->key, .in = cipher, .in_len = 96 + len};
        job.out = cipher; /* in place */
        job.out_cap = len;
        assert_int_equal(run(f->card, &job), SDR_OK);
        assert_memory_equal(cipher, plain, len);
    }
    library_close(opens);
    library_close(seals);
}

static void one_byte_never_travels_in_clear(void **state)
{
    struct fixture *f = *state;
    uint8_t plain = 0x42, cipher[97];
    struct card_job job = {.op = CARD_PKE_ENCRYPT, .key = f->public, .in = &plain, .in_len = 1, .out = cipher};

    job.out_cap = sizeof(cipher);
    for (int i = 0; i < 600; i++) {
        assert_int_equal(run(f->card, &job), SDR_OK);
        assert_int_not_equal(cipher[96], plain);
    }
}

static void encryption_refusals(void **state)
{
    struct fixture *f = *state;
    uint8_t plain[300] = {0}, cipher[400], point[64];
    struct card_job job = {
        .op = CARD_PKE_ENCRYPT, .key = f->key, .in = plain, .out = cipher, .out_cap = sizeof(cipher)};

    assert_int_equal(run(f->card, &job), SDR_INARGERR);
    job.in_len = CARD_PKE_MAX + 1;
    assert_int_equal(run(f->card, &job), SDR_INARGERR);
    job.in_len = 16;
    job.out_cap = 111;
    assert_int_equal(run(f->card, &job), SDR_OUTARGERR);
    job.out_cap = sizeof(cipher);
    job.key = f->sym;
    assert_int_equal(run(f->card, &job), SDR_KEYTYPEERR);
    job.key = NULL;
    assert_int_equal(run(f->card, &job), SDR_KEYNOTEXIST);
    memset(point, 1, 64);
    job.aux = point;
    assert_int_equal(run(f->card, &job), SDR_KEYERR);
}

/* Do two keys give the same key stream? */
static void same_key(struct fixture *f, struct card_key *a, struct card_key *b)
{
    uint8_t zero[32] = {0}, out_a[32], out_b[32];
    struct card_job job = {.op = CARD_MAC, .alg = SGD_SM3, .in = zero, .in_len = 32, .out_cap = 32};

    job.key = a;
    job.out = out_a;
    assert_int_equal(run(f->card, &job), SDR_OK);
    job.key = b;
    job.out = out_b;
    assert_int_equal(run(f->card, &job), SDR_OK);
    assert_memory_equal(out_a, out_b, 32);
}

static void session_keys_by_sm2(void **state)
{
    struct fixture *f = *state;
    uint8_t cipher[128];

    for (uint16_t bits = 0; bits <= 320; bits += 32) {
        bool good = bits == 128 || bits == 192 || bits == 256;
        struct card_job job = {.op = CARD_KEY_GENERATE_PKE, .in_key_bits = bits, .out = cipher};
        struct card_job back = {.op = CARD_KEY_IMPORT_PKE, .key = f->key, .in = cipher};

        job.out_cap = sizeof(cipher);
        if (bits == 192)
            job.aux = f->pair + 32;
        else
            job.key = f->public;
        assert_int_equal(run(f->card, &job), good ? SDR_OK : SDR_INARGERR);
        if (!good)
            continue;
        assert_int_equal(job.out_len, 96 + bits / 8);
        back.in_len = job.out_len;
        assert_int_equal(run(f->card, &back), SDR_OK);
        same_key(f, job.new_key, back.new_key);
        soft_card_driver.key_free(f->card, job.new_key);
        soft_card_driver.key_free(f->card, back.new_key);
        back.new_key = NULL;
        cipher[70] ^= 1;
        assert_int_equal(run(f->card, &back), SDR_ENCDATAERR);
        back.in_len = 96 + 17;
        assert_int_equal(run(f->card, &back), SDR_INARGERR);
        back.in_len = 50;
        assert_int_equal(run(f->card, &back), SDR_INARGERR);
        job.out_cap = 96 + bits / 8u - 1;
        assert_int_equal(run(f->card, &job), SDR_OUTARGERR);
    }
}

static void session_keys_by_kek(void **state)
{
    static const uint32_t algs[] = {SGD_SM4_ECB, SGD_SM4_CBC, SGD_AES_ECB, SGD_AES_CBC};
    struct fixture *f = *state;
    uint8_t wrapped[32], plain[32], iv[16];

    fill(iv, 16, 3);
    for (size_t i = 0; i < 4; i++) {
        for (uint16_t bits = 128; bits <= 256; bits += 64) {
            struct card_job job = {.op = CARD_KEY_GENERATE_KEK, .alg = algs[i], .key = f->sym, .in_key_bits = bits};
            struct card_job back = {.op = CARD_KEY_IMPORT_KEK, .alg = algs[i], .key = f->sym, .in = wrapped};
            struct library *judge = library_open(LIBRARY_JUDGE, CARD_DECRYPT, algs[i], f->pair, 16);
            struct card_key *plain_key;

            job.out = wrapped;
            job.out_cap = 32;
            memcpy(job.iv, iv, 16);
            memcpy(back.iv, iv, 16);
            assert_int_equal(run(f->card, &job), bits == 192 ? SDR_INARGERR : SDR_OK);
            if (bits != 192) {
                assert_int_equal(job.out_len, bits / 8);
                assert_int_equal(library_run(judge, iv, wrapped, job.out_len, NULL, plain, 32), job.out_len);
                plain_key = key_of(f->card, CARD_KEY_SYMMETRIC, plain, job.out_len);
                same_key(f, plain_key, job.new_key);
                back.in_len = job.out_len;
                assert_int_equal(run(f->card, &back), SDR_OK);
                same_key(f, plain_key, back.new_key);
                /* the IV continues the chain, as in encryption */
                assert_memory_equal(job.iv, i % 2 ? wrapped + job.out_len - 16 : iv, 16);
                assert_memory_equal(back.iv, job.iv, 16);
                soft_card_driver.key_free(f->card, plain_key);
                soft_card_driver.key_free(f->card, job.new_key);
                soft_card_driver.key_free(f->card, back.new_key);
                back.new_key = NULL;
            }
            back.in_len = 24;
            assert_int_equal(run(f->card, &back), SDR_INARGERR);
            back.in_len = 48;
            assert_int_equal(run(f->card, &back), SDR_INARGERR);
            back.in_len = 0;
            assert_int_equal(run(f->card, &back), SDR_INARGERR);
            library_close(judge);
        }
    }
    struct card_job job = {
        .op = CARD_KEY_GENERATE_KEK, .key = f->sym, .in_key_bits = 128, .out = wrapped, .out_cap = 32};

    job.alg = SGD_SM4_CTR;
    assert_int_equal(run(f->card, &job), SDR_ALGMODNOTSUPPORT);
    job.alg = SGD_SM1_ECB;
    assert_int_equal(run(f->card, &job), SDR_ALGNOTSUPPORT);
    job.alg = SGD_SM4_ECB;
    job.key = f->key;
    assert_int_equal(run(f->card, &job), SDR_KEYTYPEERR);
}

static void key_pairs(void **state)
{
    struct fixture *f = *state;
    uint8_t first[96], second[96], sig[64];
    struct card_job job = {.op = CARD_KEYPAIR_GENERATE, .alg = SGD_SM2_1, .out = first, .out_cap = 96};
    struct library *signer;

    assert_int_equal(run(f->card, &job), SDR_OK);
    assert_int_equal(job.out_len, 96);
    job.out = second;
    job.alg = SGD_SM2_3;
    assert_int_equal(run(f->card, &job), SDR_OK);
    assert_memory_not_equal(first, second, 32);
    assert_int_equal(import(f, CARD_KEY_SM2_PRIVATE, first, 96), SDR_OK);
    signer = library_open(LIBRARY_JUDGE, CARD_SIGN, SGD_SM2_1, second, 96);
    assert_int_equal(library_run(signer, NULL, f->digest, 32, NULL, sig, 64), 64);
    assert_int_equal(verify(f, NULL, second + 32, sig), SDR_OK);
    assert_int_equal(verify(f, NULL, first + 32, sig), SDR_VERIFYERR);
    library_close(signer);
    job.out_cap = 95;
    assert_int_equal(run(f->card, &job), SDR_OUTARGERR);
    job.out_cap = 96;
    job.alg = SGD_RSA;
    assert_int_equal(run(f->card, &job), SDR_ALGNOTSUPPORT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_signature_holds),
        cmocka_unit_test(r_and_s_out_of_range),
        cmocka_unit_test(sign_is_taken_by_libcrypto_and_back),
        cmocka_unit_test(sign_and_verify_refusals),
        cmocka_unit_test(keys_are_checked),
        cmocka_unit_test(published_ciphertext_opens),
        cmocka_unit_test(encryption_both_ways),
        cmocka_unit_test(one_byte_never_travels_in_clear),
        cmocka_unit_test(encryption_refusals),
        cmocka_unit_test(session_keys_by_sm2),
        cmocka_unit_test(session_keys_by_kek),
        cmocka_unit_test(key_pairs),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
