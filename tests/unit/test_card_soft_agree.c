/* SPDX-License-Identifier: Apache-2.0 */
/* The software card's SM2 key agreement, keys from outside, envelopes, and ECDSA on P-256. */
#define OPENSSL_SUPPRESS_DEPRECATED /* the older interface is a judge of its own */
#include "cards/soft/soft_internal.h"
#include "card_under_test.h"

#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>

#define PAIR (CARD_ECC_PRIVATE + CARD_ECC_POINT)

static struct card_key *pair_make(struct card *card, uint32_t alg, uint8_t bytes[PAIR])
{
    struct card_job job = {.op = CARD_KEYPAIR_GENERATE, .alg = alg, .out = bytes, .out_cap = PAIR};

    assert_int_equal(run(card, &job), SDR_OK);
    return key_of(card, alg == SGD_ECDSA_P256 ? CARD_KEY_P256_PRIVATE : CARD_KEY_SM2_PRIVATE, bytes, PAIR);
}

static bool same_key(const struct card_key *a, const struct card_key *b)
{
    return secret_len(a->secret) == secret_len(b->secret) &&
           memcmp(secret_bytes(a->secret), secret_bytes(b->secret), secret_len(a->secret)) == 0;
}

struct parties {
    uint8_t a[PAIR], b[PAIR], ra[CARD_ECC_POINT], rb[CARD_ECC_POINT];
    struct card_key *ka, *kb, *ta;
};

static void parties_make(struct card *card, struct parties *p)
{
    struct card_job job = {.op = CARD_AGREE_START, .out = p->ra, .out_cap = sizeof(p->ra)};

    p->ka = pair_make(card, SGD_SM2_2, p->a);
    p->kb = pair_make(card, SGD_SM2_2, p->b);
    assert_int_equal(run(card, &job), SDR_OK);
    assert_int_equal(job.out_len, CARD_ECC_POINT);
    assert_true(sm2_point_ok(p->ra));
    p->ta = job.new_key;
}

static void parties_free(struct card *card, struct parties *p)
{
    soft_card_driver.key_free(card, p->ka);
    soft_card_driver.key_free(card, p->kb);
    soft_card_driver.key_free(card, p->ta);
}

/* B answers A, whose id is "Alice", with its own "Bob-by"; then A concludes with ids as given. */
static struct card_job answer(struct parties *p)
{
    return (struct card_job){.op = CARD_AGREE_FINISH,
                             .key = p->kb,
                             .aux = p->a + CARD_ECC_PRIVATE,
                             .aux2 = p->ra,
                             .in = (const uint8_t *)"Bob-byAlice",
                             .in_len = 11,
                             .arg = CARD_AGREE_ID(6) | CARD_AGREE_RESPONDER,
                             .out = p->rb,
                             .out_cap = sizeof(p->rb)};
}

static struct card_job conclusion(struct parties *p, const char *ids)
{
    return (struct card_job){.op = CARD_AGREE_FINISH,
                             .key = p->ka,
                             .key2 = p->ta,
                             .aux = p->b + CARD_ECC_PRIVATE,
                             .aux2 = p->rb,
                             .in = (const uint8_t *)ids,
                             .in_len = 11,
                             .arg = CARD_AGREE_ID(5)};
}

static void both_sides_agree(void **state)
{
    struct parties p;

    for (unsigned bits = 128; bits <= 384; bits += bits < 256 ? 64 : 128) {
        struct card_job a, b;

        parties_make(*state, &p);
        b = answer(&p);
        a = conclusion(&p, "AliceBob-by");
        a.in_key_bits = b.in_key_bits = (uint16_t)bits;
        assert_int_equal(run(*state, &b), SDR_OK);
        assert_int_equal(b.out_len, CARD_ECC_POINT);
        assert_int_equal(run(*state, &a), SDR_OK);
        assert_int_equal(a.out_len, 0);
        assert_int_equal(secret_len(a.new_key->secret), bits / 8);
        assert_true(same_key(a.new_key, b.new_key));
        soft_card_driver.key_free(*state, a.new_key);
        a = conclusion(&p, "AliceBob-bi"); /* the name is part of it */
        a.in_key_bits = (uint16_t)bits;
        assert_int_equal(run(*state, &a), SDR_OK);
        assert_false(same_key(a.new_key, b.new_key));
        soft_card_driver.key_free(*state, a.new_key);
        a = conclusion(&p, "AliceBob-by"); /* and so is who began */
        a.in_key_bits = (uint16_t)bits;
        a.arg |= CARD_AGREE_RESPONDER;
        assert_int_equal(run(*state, &a), SDR_OK);
        assert_false(same_key(a.new_key, b.new_key));
        soft_card_driver.key_free(*state, a.new_key);
        soft_card_driver.key_free(*state, b.new_key);
        parties_free(*state, &p);
    }
}

static void agreement_refusals(void **state)
{
    static uint8_t long_ids[2 * 8192];
    struct parties p;
    struct card_job good, job;
    uint8_t off_curve[CARD_ECC_POINT];
    uint8_t bytes[16] = {1};
    struct card_key *symmetric = key_of(*state, CARD_KEY_SYMMETRIC, bytes, sizeof(bytes));

    parties_make(*state, &p);
    good = answer(&p);
    good.in_key_bits = 128;
    memcpy(off_curve, p.ra, sizeof(off_curve));
    off_curve[63] ^= 1;
    for (unsigned i = 0; i < 15; i++) {
        uint32_t want = SDR_INARGERR;

        job = good;
        switch (i) {
        case 0:
            job.key = NULL;
            want = SDR_KEYNOTEXIST;
            break;
        case 1:
            job.key = symmetric;
            want = SDR_KEYTYPEERR;
            break;
        case 2:
            job.key2 = symmetric;
            want = SDR_KEYTYPEERR;
            break;
        case 3:
            job.aux = off_curve;
            want = SDR_KEYERR;
            break;
        case 4:
            job.aux2 = off_curve;
            want = SDR_KEYERR;
            break;
        case 5:
            job.aux = NULL;
            break;
        case 6:
            job.aux2 = NULL;
            break;
        case 7:
            job.arg = CARD_AGREE_RESPONDER;
            break;
        case 8:
            job.arg = CARD_AGREE_ID(11) | CARD_AGREE_RESPONDER; /* nothing left for the peer */
            break;
        case 9:
            job.arg = CARD_AGREE_ID(12);
            break;
        case 10:
            job.in = long_ids;
            job.in_len = sizeof(long_ids);
            job.arg = CARD_AGREE_ID(8192);
            break;
        case 11:
            job.in = long_ids;
            job.in_len = 8193;
            job.arg = CARD_AGREE_ID(1);
            break;
        case 12:
            job.in_key_bits = 127;
            break;
        case 13:
            job.out_cap = CARD_ECC_POINT - 1;
            want = SDR_OUTARGERR;
            break;
        default:
            job.in_key_bits = 512;
            break;
        }
        assert_int_equal(run(*state, &job), want);
    }
    soft_card_driver.key_free(*state, symmetric);
    parties_free(*state, &p);
}

static void envelopes_turned_over(void **state)
{
    uint8_t own[PAIR], other[PAIR], plain[CARD_PKE_MAX], in[CARD_PKE_HEAD + CARD_PKE_MAX], out[sizeof(in)];
    uint8_t back[CARD_PKE_MAX], off_curve[CARD_ECC_POINT];
    struct card_key *key = pair_make(*state, SGD_SM2_3, own), *peer = pair_make(*state, SGD_SM2_3, other);
    struct card_job job;

    fill(plain, sizeof(plain), 7);
    for (size_t len = 1; len <= CARD_PKE_MAX; len = len == 1 ? 16 : len == 16 ? 255 : 256) {
        job = (struct card_job){
            .op = CARD_PKE_ENCRYPT, .key = key, .in = plain, .in_len = len, .out = in, .out_cap = sizeof(in)};
        assert_int_equal(run(*state, &job), SDR_OK);
        job = (struct card_job){.op = CARD_PKE_REWRAP,
                                .key = key,
                                .aux = other + CARD_ECC_PRIVATE,
                                .in = in,
                                .in_len = CARD_PKE_HEAD + len,
                                .out = out,
                                .out_cap = sizeof(out)};
        assert_int_equal(run(*state, &job), SDR_OK);
        assert_int_equal(job.out_len, CARD_PKE_HEAD + len);
        assert_memory_not_equal(in, out, CARD_PKE_HEAD);
        job = (struct card_job){.op = CARD_PKE_DECRYPT,
                                .key = peer,
                                .in = out,
                                .in_len = CARD_PKE_HEAD + len,
                                .out = back,
                                .out_cap = sizeof(back)};
        assert_int_equal(run(*state, &job), SDR_OK);
        assert_memory_equal(back, plain, len);
    }
    job = (struct card_job){.op = CARD_PKE_REWRAP,
                            .key = key,
                            .aux = other + CARD_ECC_PRIVATE,
                            .in = in,
                            .in_len = CARD_PKE_HEAD,
                            .out = out,
                            .out_cap = sizeof(out)};
    assert_int_equal(run(*state, &job), SDR_INARGERR);
    job.in_len = CARD_PKE_HEAD + 255;
    job.out_cap = CARD_PKE_HEAD;
    assert_int_equal(run(*state, &job), SDR_OUTARGERR);
    job.out_cap = sizeof(out);
    in[70] ^= 1;
    assert_int_equal(run(*state, &job), SDR_ENCDATAERR);
    memcpy(off_curve, other + CARD_ECC_PRIVATE, sizeof(off_curve));
    off_curve[0] ^= 1;
    job.aux = off_curve;
    assert_int_equal(run(*state, &job), SDR_KEYERR);
    job.aux = NULL;
    assert_int_equal(run(*state, &job), SDR_INARGERR);
    soft_card_driver.key_free(*state, key);
    soft_card_driver.key_free(*state, peer);
}

static void keys_in_clear(void **state)
{
    uint8_t pair[PAIR], in[CARD_ECC_PRIVATE + CARD_PKE_HEAD + 16], out[64], sig[CARD_ECC_SIG];
    struct card_key *key = pair_make(*state, SGD_SM2_1, pair);
    struct card_job job = {.op = CARD_SIGN_CLEAR, .in = in, .in_len = 64, .out = sig, .out_cap = sizeof(sig)};

    memcpy(in, pair, CARD_ECC_PRIVATE);
    fill(in + CARD_ECC_PRIVATE, 32, 5);
    assert_int_equal(run(*state, &job), SDR_OK);
    assert_int_equal(job.out_len, CARD_ECC_SIG);
    job = (struct card_job){.op = CARD_VERIFY, .key = key, .in = in + CARD_ECC_PRIVATE, .in_len = 32, .aux2 = sig};
    assert_int_equal(run(*state, &job), SDR_OK);

    job = (struct card_job){.op = CARD_PKE_ENCRYPT,
                            .key = key,
                            .in = (const uint8_t *)"sixteen bytes...",
                            .in_len = 16,
                            .out = in + CARD_ECC_PRIVATE,
                            .out_cap = CARD_PKE_HEAD + 16};
    assert_int_equal(run(*state, &job), SDR_OK);
    job = (struct card_job){
        .op = CARD_PKE_DECRYPT_CLEAR, .in = in, .in_len = sizeof(in), .out = out, .out_cap = sizeof(out)};
    assert_int_equal(run(*state, &job), SDR_OK);
    assert_int_equal(job.out_len, 16);
    assert_memory_equal(out, "sixteen bytes...", 16);
    job.in_len = CARD_ECC_PRIVATE;
    assert_int_equal(run(*state, &job), SDR_INARGERR);
    job.in_len = sizeof(in);
    in[0] ^= 1; /* another key */
    assert_int_equal(run(*state, &job), SDR_ENCDATAERR);
    memset(in, 0, CARD_ECC_PRIVATE);
    assert_int_equal(run(*state, &job), SDR_KEYERR);
    unhex(SM2_ORDER, in);
    assert_int_equal(run(*state, &job), SDR_KEYERR);
    soft_card_driver.key_free(*state, key);
}

/* A pair under SM4 under SM2, as a key management centre makes it. */
static size_t envelope_make(struct card *card, struct card_key *to, const uint8_t pair[PAIR], uint8_t *out)
{
    uint8_t key_bytes[16];
    struct card_key *key;
    struct card_job job = {.op = CARD_PKE_ENCRYPT,
                           .key = to,
                           .in = key_bytes,
                           .in_len = sizeof(key_bytes),
                           .out = out + PAIR,
                           .out_cap = CARD_PKE_HEAD + 16};

    fill(key_bytes, sizeof(key_bytes), 77);
    assert_int_equal(run(card, &job), SDR_OK);
    key = key_of(card, CARD_KEY_SYMMETRIC, key_bytes, sizeof(key_bytes));
    job = (struct card_job){.op = CARD_ENCRYPT,
                            .alg = SGD_SM4_ECB,
                            .key = key,
                            .in = pair,
                            .in_len = CARD_ECC_PRIVATE,
                            .out = out,
                            .out_cap = CARD_ECC_PRIVATE};
    assert_int_equal(run(card, &job), SDR_OK);
    soft_card_driver.key_free(card, key);
    memcpy(out + CARD_ECC_PRIVATE, pair + CARD_ECC_PRIVATE, CARD_ECC_POINT);
    return PAIR + CARD_PKE_HEAD + 16;
}

static void pairs_in_envelopes(void **state)
{
    uint8_t own[PAIR], pair[PAIR], in[PAIR + CARD_PKE_HEAD + 16], out[PAIR];
    struct card_key *key = pair_make(*state, SGD_SM2_3, own), *other = pair_make(*state, SGD_SM2_3, pair);
    struct card_job job = {
        .op = CARD_UNENVELOPE, .key = key, .alg = SGD_SM4_ECB, .in = in, .out = out, .out_cap = sizeof(out)};

    job.in_len = envelope_make(*state, key, pair, in);
    assert_int_equal(run(*state, &job), SDR_OK);
    assert_int_equal(job.out_len, PAIR);
    assert_memory_equal(out, pair, PAIR);
    job.alg = SGD_SM4_CBC;
    assert_int_equal(run(*state, &job), SDR_ALGMODNOTSUPPORT);
    job.alg = SGD_SM1_ECB;
    assert_int_equal(run(*state, &job), SDR_ALGNOTSUPPORT);
    job.alg = SGD_SM4_ECB;
    job.in_len--;
    assert_int_equal(run(*state, &job), SDR_INARGERR);
    job.in_len++;
    job.out_cap--;
    assert_int_equal(run(*state, &job), SDR_OUTARGERR);
    job.out_cap++;
    in[0] ^= 1; /* another number than the point's */
    assert_int_equal(run(*state, &job), SDR_KEYERR);
    in[0] ^= 1;
    in[40] ^= 1;
    assert_int_equal(run(*state, &job), SDR_KEYERR);
    in[40] ^= 1;
    in[sizeof(in) - 1] ^= 1;
    assert_int_equal(run(*state, &job), SDR_ENCDATAERR);
    in[sizeof(in) - 1] ^= 1;
    job.key = other;
    assert_int_equal(run(*state, &job), SDR_ENCDATAERR);
    job.key = NULL;
    assert_int_equal(run(*state, &job), SDR_KEYNOTEXIST);
    soft_card_driver.key_free(*state, key);
    soft_card_driver.key_free(*state, other);
}

/* libcrypto's older interface as judge: raw numbers in and out. */
static EC_KEY *judge_key(const uint8_t pair[PAIR])
{
    EC_KEY *key = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
    BIGNUM *d = BN_bin2bn(pair, 32, NULL), *x = BN_bin2bn(pair + 32, 32, NULL), *y = BN_bin2bn(pair + 64, 32, NULL);

    assert_int_equal(EC_KEY_set_private_key(key, d), 1);
    assert_int_equal(EC_KEY_set_public_key_affine_coordinates(key, x, y), 1); /* fails where they do not fit */
    BN_free(d);
    BN_free(x);
    BN_free(y);
    return key;
}

static void ecdsa_against_libcrypto(void **state)
{
    uint8_t pair[PAIR], digest[32], sig[CARD_ECC_SIG];
    struct card_key *key = pair_make(*state, SGD_ECDSA_P256, pair);
    EC_KEY *judge = judge_key(pair);
    struct card_job job;

    for (uint32_t i = 0; i < 32; i++) {
        ECDSA_SIG *numbers = ECDSA_SIG_new();

        fill(digest, sizeof(digest), i);
        job = (struct card_job){
            .op = CARD_SIGN, .key = key, .in = digest, .in_len = 32, .out = sig, .out_cap = sizeof(sig)};
        assert_int_equal(run(*state, &job), SDR_OK);
        ECDSA_SIG_set0(numbers, BN_bin2bn(sig, 32, NULL), BN_bin2bn(sig + 32, 32, NULL));
        assert_int_equal(ECDSA_do_verify(digest, 32, numbers, judge), 1);
        ECDSA_SIG_free(numbers);

        numbers = ECDSA_do_sign(digest, 32, judge);
        BN_bn2binpad(ECDSA_SIG_get0_r(numbers), sig, 32);
        BN_bn2binpad(ECDSA_SIG_get0_s(numbers), sig + 32, 32);
        ECDSA_SIG_free(numbers);
        job = (struct card_job){
            .op = CARD_VERIFY, .key = i & 1 ? key : NULL, .alg = SGD_ECDSA_P256, .in = digest, .in_len = 32};
        job.aux = pair + CARD_ECC_PRIVATE;
        job.aux2 = sig;
        assert_int_equal(run(*state, &job), SDR_OK);
        sig[i] ^= 1;
        assert_int_equal(run(*state, &job), SDR_VERIFYERR);
        memset(sig, 0xff, sizeof(sig)); /* beyond the order */
        assert_int_equal(run(*state, &job), SDR_VERIFYERR);
    }
    job = (struct card_job){.op = CARD_PKE_ENCRYPT, .key = key, .in = digest, .in_len = 16, .out = pair, .out_cap = 0};
    uint8_t room[CARD_PKE_HEAD + 16];
    job.out = room;
    job.out_cap = sizeof(room);
    assert_int_equal(run(*state, &job), SDR_KEYTYPEERR); /* a key for signing */
    job.op = CARD_PKE_DECRYPT;
    job.in = room;
    job.in_len = sizeof(room);
    assert_int_equal(run(*state, &job), SDR_KEYTYPEERR);
    soft_card_driver.key_free(*state, key);
    EC_KEY_free(judge);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_sides_agree),      cmocka_unit_test(agreement_refusals),
        cmocka_unit_test(envelopes_turned_over), cmocka_unit_test(keys_in_clear),
        cmocka_unit_test(pairs_in_envelopes),    cmocka_unit_test(ecdsa_against_libcrypto),
    };

    return cmocka_run_group_tests(tests, soft_setup, soft_teardown);
}
