/* SPDX-License-Identifier: Apache-2.0 */
/* The software card's RSA, judged by libcrypto through keys that it made itself. */
#include "cards/soft/soft_internal.h"
#include "card_under_test.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

#define MAX_KEY CARD_RSA_PRIVATE_SIZE(CARD_RSA_MAX)

static const struct {
    const char *name;
    unsigned halves; /* of the modulus; 0: 8 bytes */
} fields[] = {{OSSL_PKEY_PARAM_RSA_N, 2},         {OSSL_PKEY_PARAM_RSA_E, 0},
              {OSSL_PKEY_PARAM_RSA_D, 2},         {OSSL_PKEY_PARAM_RSA_FACTOR1, 1},
              {OSSL_PKEY_PARAM_RSA_FACTOR2, 1},   {OSSL_PKEY_PARAM_RSA_EXPONENT1, 1},
              {OSSL_PKEY_PARAM_RSA_EXPONENT2, 1}, {OSSL_PKEY_PARAM_RSA_COEFFICIENT1, 1}};

/* A judge's key in the card's form. */
static size_t bytes_of(EVP_PKEY *pkey, size_t len, uint8_t *out)
{
    uint8_t *at = out;

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        size_t size = fields[i].halves ? len / 2 * fields[i].halves : CARD_RSA_E;
        BIGNUM *number = NULL;

        assert_int_equal(EVP_PKEY_get_bn_param(pkey, fields[i].name, &number), 1);
        assert_int_equal(BN_bn2binpad(number, at, (int)size), size);
        BN_free(number);
        at += size;
    }
    return (size_t)(at - out);
}

static void judge_run(EVP_PKEY *pkey, bool private_key, int padding, const uint8_t *in, size_t in_len, uint8_t *out,
                      size_t *out_len)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);

    *out_len = CARD_RSA_MAX;
    assert_int_equal(private_key ? EVP_PKEY_decrypt_init(ctx) : EVP_PKEY_encrypt_init(ctx), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, padding), 1);
    assert_int_equal(private_key ? EVP_PKEY_decrypt(ctx, out, out_len, in, in_len)
                                 : EVP_PKEY_encrypt(ctx, out, out_len, in, in_len),
                     1);
    EVP_PKEY_CTX_free(ctx);
}

struct both { /* one key, the judge's and the card's */
    EVP_PKEY *judge;
    size_t len, key_len;
    uint8_t bytes[MAX_KEY];
    struct card_key *private_key, *public_key;
};

static void both_make(struct card *card, struct both *both, unsigned bits)
{
    both->judge = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)bits);
    assert_non_null(both->judge);
    both->len = bits / 8;
    both->key_len = bytes_of(both->judge, both->len, both->bytes);
    assert_int_equal(both->key_len, CARD_RSA_PRIVATE_SIZE(both->len));
    both->private_key = key_of(card, CARD_KEY_RSA_PRIVATE, both->bytes, both->key_len);
    both->public_key = key_of(card, CARD_KEY_RSA_PUBLIC, both->bytes, CARD_RSA_PUBLIC_SIZE(both->len));
}

static void both_free(struct card *card, struct both *both)
{
    soft_card_driver.key_free(card, both->private_key);
    soft_card_driver.key_free(card, both->public_key);
    EVP_PKEY_free(both->judge);
}

/* The bare operations, with the key in the card and with its bytes in front, in place. */
static void bare(struct card *card, const struct both *both, enum card_op op, struct card_key *key)
{
    bool private_key = op == CARD_RSA_PRIVATE;
    size_t front = private_key ? both->key_len : CARD_RSA_PUBLIC_SIZE(both->len), len;
    uint8_t in[MAX_KEY + CARD_RSA_MAX], right[CARD_RSA_MAX], block[CARD_RSA_MAX];
    struct card_job job = {.op = (uint16_t)op, .key = key, .in = in, .in_len = both->len, .out = in};

    assert_int_equal(RAND_bytes(block, (int)both->len), 1);
    block[0] &= 0x7f;
    judge_run(both->judge, private_key, RSA_NO_PADDING, block, both->len, right, &len);
    assert_int_equal(len, both->len);
    job.out_cap = sizeof(in);
    memcpy(in, block, both->len);
    assert_int_equal(run(card, &job), SDR_OK);
    assert_int_equal(job.out_len, both->len);
    assert_memory_equal(in, right, both->len);

    memcpy(in, both->bytes, front);
    memcpy(in + front, block, both->len);
    job.key = NULL;
    job.in_len = front + both->len;
    assert_int_equal(run(card, &job), SDR_OK);
    assert_memory_equal(in, right, both->len);

    job.key = key; /* what is not below the modulus, too short, too long, no room */
    memset(in, 0xff, both->len);
    job.in_len = both->len;
    assert_int_equal(run(card, &job), SDR_INARGERR);
    job.in_len = both->len - 1;
    assert_int_equal(run(card, &job), SDR_INARGERR);
    job.in_len = both->len + 1;
    assert_int_equal(run(card, &job), SDR_INARGERR);
    job.in_len = both->len;
    in[0] = 0;
    job.out_cap = both->len - 1;
    assert_int_equal(run(card, &job), SDR_OUTARGERR);
    job.key = NULL;
    job.in_len = both->len;
    assert_int_equal(run(card, &job), SDR_INARGERR);
}

static void same_bytes(const struct card_key *key, const uint8_t *bytes, size_t len)
{
    assert_int_equal(secret_len(key->secret), len);
    assert_memory_equal(secret_bytes(key->secret), bytes, len);
}

static void wrapped(struct card *card, const struct both *both, unsigned bits)
{
    uint8_t out[CARD_RSA_MAX], plain[CARD_RSA_MAX], in[CARD_RSA_PUBLIC_SIZE(CARD_RSA_MAX) + CARD_RSA_MAX];
    struct card_job job = {
        .op = CARD_KEY_GENERATE_RSA, .in_key_bits = (uint16_t)bits, .out = out, .out_cap = sizeof(out)};
    size_t len;

    for (int outside = 0; outside < 2; outside++) {
        job.key = outside ? NULL : both->public_key;
        job.in = outside ? both->bytes : NULL;
        job.in_len = outside ? CARD_RSA_PUBLIC_SIZE(both->len) : 0;
        job.new_key = NULL;
        assert_int_equal(run(card, &job), SDR_OK);
        assert_int_equal(job.out_len, both->len);
        judge_run(both->judge, true, RSA_PKCS1_PADDING, out, both->len, plain, &len);
        assert_int_equal(len, bits / 8);
        same_bytes(job.new_key, plain, len);
        soft_card_driver.key_free(card, job.new_key);
    }
    assert_int_equal(RAND_bytes(plain, (int)bits / 8), 1);
    judge_run(both->judge, false, RSA_PKCS1_PADDING, plain, bits / 8, in, &len);
    job = (struct card_job){.op = CARD_KEY_IMPORT_RSA, .key = both->private_key, .in = in, .in_len = len};
    assert_int_equal(run(card, &job), SDR_OK);
    same_bytes(job.new_key, plain, bits / 8);
    soft_card_driver.key_free(card, job.new_key);

    job = (struct card_job){.op = CARD_RSA_REWRAP, .key = both->private_key, .out = out, .out_cap = sizeof(out)};
    memmove(in + CARD_RSA_PUBLIC_SIZE(both->len), in, len);
    memcpy(in, both->bytes, CARD_RSA_PUBLIC_SIZE(both->len));
    job.in = in;
    job.in_len = CARD_RSA_PUBLIC_SIZE(both->len) + len;
    assert_int_equal(run(card, &job), SDR_OK);
    judge_run(both->judge, true, RSA_PKCS1_PADDING, out, both->len, in, &len);
    assert_int_equal(len, bits / 8);
    assert_memory_equal(in, plain, len);
}

static void against_libcrypto(void **state)
{
    static const unsigned sizes[] = {2048, 3072, 4096};

    for (size_t i = 0; i < 3; i++) {
        struct both both;

        both_make(*state, &both, sizes[i]);
        for (int times = 0; times < 4; times++) {
            bare(*state, &both, CARD_RSA_PRIVATE, both.private_key);
            bare(*state, &both, CARD_RSA_PUBLIC, both.public_key);
            bare(*state, &both, CARD_RSA_PUBLIC, both.private_key);
        }
        for (unsigned bits = 128; bits <= 256; bits += 64)
            wrapped(*state, &both, bits);
        both_free(*state, &both);
    }
}

/* Whatever a block holds that is no session key of 16, 24 or 32 bytes: one answer. */
static void one_answer_for_bad_padding(void **state)
{
    struct both both;
    uint8_t block[256], in[256], plain[CARD_SYM_KEY_MAX];
    struct card_job job = {.op = CARD_KEY_IMPORT_RSA, .in = in, .in_len = 256};
    size_t len;

    both_make(*state, &both, 2048);
    job.key = both.private_key;
    for (unsigned i = 0; i < 12; i++) {
        memset(block, 0x77, sizeof(block));
        block[0] = 0;
        block[1] = 2;
        block[255 - 16] = 0;
        if (i == 1)
            block[1] = 1;
        if (i == 2)
            block[0] = 1;
        if (i == 3)
            block[255 - 16] = 1; /* no end of the padding */
        if (i == 4)
            block[2] = 0; /* it ends at once */
        if (i == 5)
            block[200] = 0; /* 55 bytes */
        if (i == 6)
            block[255 - 17] = 0; /* 17 */
        if (i == 7)
            block[255 - 24] = 0; /* 24: good */
        if (i == 8)
            block[255 - 32] = 0; /* 32: good */
        if (i == 9)
            block[255] = 0; /* a 0 in the key: good */
        if (i == 10)
            block[255 - 16] = 1, block[255 - 15] = 0; /* 15 */
        if (i == 11)
            block[255 - 16] = 1, block[255] = 0; /* none */
        judge_run(both.judge, false, RSA_NO_PADDING, block, sizeof(block), in, &len);
        bool good = i == 0 || (i >= 7 && i <= 9);
        assert_int_equal(run(*state, &job), good ? SDR_OK : SDR_ENCDATAERR);
        assert_int_equal(rsa_unpad(block, sizeof(block), plain), !good ? 0 : i == 7 ? 24 : i == 8 ? 32 : 16);
        if (good)
            same_bytes(job.new_key, plain, rsa_unpad(block, sizeof(block), plain));
        soft_card_driver.key_free(*state, job.new_key);
        job.new_key = NULL;
    }
    memset(in, 0xff, sizeof(in)); /* not below the modulus */
    assert_int_equal(run(*state, &job), SDR_ENCDATAERR);
    job.in_len = 255;
    assert_int_equal(run(*state, &job), SDR_INARGERR);
    job.key = both.public_key;
    assert_int_equal(run(*state, &job), SDR_KEYTYPEERR);
    job.key = NULL;
    assert_int_equal(run(*state, &job), SDR_KEYNOTEXIST);
    both_free(*state, &both);
}

static uint32_t import(struct card *card, enum card_key_type type, const uint8_t *bytes, size_t len)
{
    struct card_key *key = NULL;
    uint32_t status = soft_card_driver.key_import(card, type, bytes, len, &key);

    assert_true((key != NULL) == (status == SDR_OK));
    soft_card_driver.key_free(card, key);
    return status;
}

static void bad_keys_are_refused(void **state)
{
    struct both both;
    uint8_t bad[MAX_KEY];
    size_t at = 0;

    both_make(*state, &both, 2048);
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) { /* one bit of any of them */
        size_t size = fields[i].halves ? both.len / 2 * fields[i].halves : CARD_RSA_E;

        memcpy(bad, both.bytes, both.key_len);
        bad[at + size - 1] ^= 2;
        assert_int_equal(import(*state, CARD_KEY_RSA_PRIVATE, bad, both.key_len), SDR_KEYERR);
        at += size;
    }
    memcpy(bad, both.bytes, both.key_len);
    assert_int_equal(import(*state, CARD_KEY_RSA_PRIVATE, bad, both.key_len - 1), SDR_INARGERR);
    assert_int_equal(import(*state, CARD_KEY_RSA_PUBLIC, bad, 265), SDR_INARGERR);
    assert_int_equal(import(*state, CARD_KEY_RSA_PUBLIC, bad, 128 + 8), SDR_INARGERR);
    assert_int_equal(import(*state, CARD_KEY_RSA_PUBLIC, bad, 8), SDR_INARGERR);
    bad[0] &= 0x7f; /* shorter than it says */
    assert_int_equal(import(*state, CARD_KEY_RSA_PUBLIC, bad, 264), SDR_KEYERR);
    bad[0] |= 0x80;
    bad[255] &= 0xfe; /* even */
    assert_int_equal(import(*state, CARD_KEY_RSA_PUBLIC, bad, 264), SDR_KEYERR);
    bad[255] |= 1;
    memset(bad + 256, 0, 8);
    for (uint8_t e = 0; e < 5; e++) {
        bad[263] = e;
        assert_int_equal(import(*state, CARD_KEY_RSA_PUBLIC, bad, 264), e == 3 ? SDR_OK : SDR_KEYERR);
    }
    both_free(*state, &both);
}

static void pairs(void **state)
{
    uint8_t bytes[MAX_KEY];
    struct card_job job = {.op = CARD_RSA_KEYPAIR, .in_key_bits = 2048, .out = bytes, .out_cap = sizeof(bytes)};

    assert_int_equal(run(*state, &job), SDR_OK);
    assert_int_equal(job.out_len, CARD_RSA_PRIVATE_SIZE(256));
    assert_int_equal(import(*state, CARD_KEY_RSA_PRIVATE, bytes, job.out_len), SDR_OK);
    for (unsigned bits = 0; bits < 6000; bits += 1000) {
        job.in_key_bits = (uint16_t)bits;
        assert_int_equal(run(*state, &job), SDR_INARGERR);
    }
    job.in_key_bits = 2048;
    job.out_cap = CARD_RSA_PRIVATE_SIZE(256) - 1;
    assert_int_equal(run(*state, &job), SDR_OUTARGERR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(against_libcrypto),
        cmocka_unit_test(one_answer_for_bad_padding),
        cmocka_unit_test(bad_keys_are_refused),
        cmocka_unit_test(pairs),
    };

    return cmocka_run_group_tests(tests, soft_setup, soft_teardown);
}
