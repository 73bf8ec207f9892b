/* SPDX-License-Identifier: Apache-2.0 */
/* The software card's keys of secure channels, held against Botan's, and what it refuses. */
#include <stdio.h>

#include "cards/soft/soft_internal.h"
#include "card_under_test.h"

#include <botan/ffi.h>

#define RANDOMS 64u
#define ROUNDS  200u

static const struct {
    uint32_t alg;
    const char *name;
} prfs[] = {{SGD_SM3, "TLS-12-PRF(SM3)"}, {SGD_SHA256, "TLS-12-PRF(SHA-256)"}, {SGD_SHA384, "TLS-12-PRF(SHA-384)"}};

static void prf(const char *name, const uint8_t *secret, size_t len, const char *label, const uint8_t seed[RANDOMS],
                uint8_t *out, size_t out_len)
{
    memset(out, 0, out_len); /* Botan adds to what is there */
    assert_int_equal(botan_kdf(name, out, out_len, secret, len, seed, RANDOMS, (const uint8_t *)label, strlen(label)),
                     0);
}

static void botan_tls(const char *name, const uint8_t *secret, size_t len, const uint8_t randoms[RANDOMS], uint8_t *out,
                      size_t out_len)
{
    uint8_t master[48], turned[RANDOMS];

    memcpy(turned, randoms + 32, 32);
    memcpy(turned + 32, randoms, 32);
    prf(name, secret, len, "master secret", randoms, master, sizeof(master));
    prf(name, master, sizeof(master), "key expansion", turned, out, out_len);
}

static void as_botan_has_it(void **state)
{
    for (uint32_t round = 0; round < ROUNDS; round++) {
        uint8_t secret[256], randoms[RANDOMS], right[4 * CARD_DERIVE_KEY_MAX + 32], out[32], pick[8];
        struct card_derive derive = {.text_len = {32, 32}};
        struct card_job job = {.op = CARD_DERIVE_TLS, .derive = &derive, .in = randoms, .out = out, .in_len = RANDOMS};
        size_t secret_bytes_n, wanted = 0;
        const uint8_t *at = right;

        fill(secret, sizeof(secret), 3 * round);
        fill(randoms, sizeof(randoms), 3 * round + 1);
        fill(pick, sizeof(pick), 3 * round + 2);
        secret_bytes_n = round % 2 ? 48 : 1u + pick[7];
        for (unsigned i = 0; i < 4; i++) {
            derive.key_len[i] = pick[i] % 3 ? (uint8_t)(CARD_DERIVE_KEY_MIN + pick[i] % 49) : 0;
            wanted += derive.key_len[i];
        }
        if (!wanted)
            continue;
        derive.clear_len[0] = pick[4] % 17;
        derive.clear_len[1] = pick[5] % 17;
        job.out_cap = (size_t)derive.clear_len[0] + derive.clear_len[1];
        job.alg = prfs[round % 3].alg;
        job.key = key_of(*state, CARD_KEY_SYMMETRIC, secret, secret_bytes_n);
        botan_tls(prfs[round % 3].name, secret, secret_bytes_n, randoms, right, wanted + job.out_cap);
        assert_int_equal(run(*state, &job), SDR_OK);
        for (unsigned i = 0; i < 4; i++) {
            struct card_key *key = derive.keys[i];

            assert_int_equal(key != NULL, derive.key_len[i] != 0);
            if (!key)
                continue;
            assert_int_equal(secret_len(key->secret), derive.key_len[i]);
            assert_memory_equal(secret_bytes(key->secret), at, derive.key_len[i]);
            at += derive.key_len[i];
            soft_card_driver.key_free(*state, key);
        }
        assert_int_equal(job.out_len, job.out_cap);
        if (job.out_len)
            assert_memory_equal(out, at, job.out_len);
        soft_card_driver.key_free(*state, job.key);
    }
}

/* PRF(key, parts), by Botan: HMAC with the parts one behind the other; returns its length. */
static size_t botan_prf(const char *name, const uint8_t *key, size_t key_len, const uint8_t *a, size_t a_len,
                        const uint8_t *b, size_t b_len, int number, uint8_t *out)
{
    uint8_t last = (uint8_t)number;
    size_t len;
    botan_mac_t mac;

    assert_int_equal(botan_mac_init(&mac, name, 0), 0);
    assert_int_equal(botan_mac_output_length(mac, &len), 0);
    assert_int_equal(botan_mac_set_key(mac, key, key_len), 0);
    if (a_len)
        assert_int_equal(botan_mac_update(mac, a, a_len), 0);
    assert_int_equal(botan_mac_update(mac, b, b_len), 0);
    if (number >= 0)
        assert_int_equal(botan_mac_update(mac, &last, 1), 0);
    assert_int_equal(botan_mac_final(mac, out), 0);
    botan_mac_destroy(mac);
    return len;
}

static const struct {
    uint32_t alg;
    const char *hash, *mac;
} hashes[] = {
    {SGD_SM3, "SM3", "HMAC(SM3)"}, {SGD_SHA256, "SHA-256", "HMAC(SHA-256)"}, {SGD_SHA384, "SHA-384", "HMAC(SHA-384)"}};

static void keys_are(struct card *card, struct card_derive *derive, const uint8_t *const right[3])
{
    for (unsigned i = 0; i < 3; i++) {
        struct card_key *key = derive->keys[i];

        assert_int_equal(key != NULL, derive->key_len[i] != 0);
        if (!key)
            continue;
        assert_int_equal(secret_len(key->secret), derive->key_len[i]);
        assert_memory_equal(secret_bytes(key->secret), right[i], derive->key_len[i]);
        soft_card_driver.key_free(card, key);
        derive->keys[i] = NULL;
    }
}

static void ike_as_botan_has_it(void **state)
{
    for (uint32_t round = 0; round < ROUNDS; round++) {
        const char *mac = hashes[round % 3].mac;
        uint8_t text[2 * 256 + 16], pick[3], hash[64], skeyid[64], keys[3][64];
        struct card_derive derive = {.text_len = {0, 0, 8, 8}};
        struct card_job job = {.op = CARD_DERIVE_IKE, .alg = hashes[round % 3].alg, .derive = &derive, .in = text};
        botan_hash_t digest;
        size_t nonces, n;

        fill(text, sizeof(text), 2 * round);
        fill(pick, sizeof(pick), 2 * round + 1);
        derive.text_len[0] = (uint16_t)(8u + pick[0] % 249);
        derive.text_len[1] = (uint16_t)(8u + pick[1] % 249);
        nonces = (size_t)derive.text_len[0] + derive.text_len[1];
        job.in_len = nonces + 16;
        assert_int_equal(botan_hash_init(&digest, hashes[round % 3].hash, 0), 0);
        assert_int_equal(botan_hash_update(digest, text, nonces), 0);
        assert_int_equal(botan_hash_final(digest, hash), 0);
        botan_hash_destroy(digest);
        n = job.alg == SGD_SHA384 ? 48 : 32;
        assert_int_equal(botan_prf(mac, hash, n, NULL, 0, text + nonces, 16, -1, skeyid), n);
        botan_prf(mac, skeyid, n, NULL, 0, text + nonces, 16, 0, keys[0]);
        botan_prf(mac, skeyid, n, keys[0], n, text + nonces, 16, 1, keys[1]);
        botan_prf(mac, skeyid, n, keys[1], n, text + nonces, 16, 2, keys[2]);
        derive.key_len[0] = round % 5 ? (uint8_t)n : 0;
        derive.key_len[1] = round % 7 ? (uint8_t)n : 0;
        derive.key_len[2] = (uint8_t)(16 + pick[2] % 17);
        assert_int_equal(run(*state, &job), SDR_OK);
        assert_int_equal(job.out_len, 0);
        keys_are(*state, &derive, (const uint8_t *const[3]){keys[0], keys[1], keys[2]});
    }
}

static void ipsec_as_botan_has_it(void **state)
{
    for (uint32_t round = 0; round < ROUNDS; round++) {
        const char *mac = hashes[round % 3].mac;
        uint8_t text[5 + 2 * 256], pick[4], secret[64], right[3 * 64], chain[64];
        struct card_derive derive = {.text_len = {1, 4}};
        struct card_job job = {.op = CARD_DERIVE_IPSEC, .alg = hashes[round % 3].alg, .derive = &derive, .in = text};
        size_t n = 0, secret_n;

        fill(text, sizeof(text), 3 * round);
        fill(pick, sizeof(pick), 3 * round + 1);
        fill(secret, sizeof(secret), 3 * round + 2);
        secret_n = 16u + pick[2] % 49;
        derive.text_len[2] = (uint16_t)(8u + pick[0] % 249);
        derive.text_len[3] = (uint16_t)(8u + pick[1] % 249);
        derive.key_len[0] = round % 5 ? 16 : 0;
        derive.key_len[1] = (uint8_t)(16 + pick[3] % 49);
        job.in_len = (size_t)5 + derive.text_len[2] + derive.text_len[3];
        job.key = key_of(*state, CARD_KEY_SYMMETRIC, secret, secret_n);
        for (size_t at = 0; at < 2 * 64; at += n) {
            n = botan_prf(mac, secret, secret_n, chain, n, text, job.in_len, -1, chain);
            memcpy(right + at, chain, n);
        }
        assert_int_equal(run(*state, &job), SDR_OK);
        keys_are(*state, &derive, (const uint8_t *const[3]){right, right + derive.key_len[0], right});
        soft_card_driver.key_free(*state, job.key);
    }
}

/* Lengths that the protocol does not have. */
static void ike_refusals(void **state)
{
    uint8_t text[528] = {1};
    struct card_key *secret = key_of(*state, CARD_KEY_SYMMETRIC, text, 32);

    for (unsigned i = 0; i < 13; i++) {
        bool ipsec = i > 6;
        struct card_derive ike = {.text_len = {16, 16, 8, 8}, .key_len = {32, 32, 16}};
        struct card_derive tunnel = {.text_len = {1, 4, 16, 16}, .key_len = {16, 32}};
        struct card_derive *derive = ipsec ? &tunnel : &ike;
        struct card_job job = {.op = ipsec ? CARD_DERIVE_IPSEC : CARD_DERIVE_IKE,
                               .alg = SGD_SM3,
                               .key = ipsec ? secret : NULL,
                               .derive = derive,
                               .in = text};
        static const struct {
            unsigned text, len, key, key_len;
        } wrong[13] = {{0, 7, 0, 32},   {1, 257, 0, 32}, {2, 7, 0, 32}, {3, 9, 0, 32}, {0, 16, 0, 16},
                       {0, 16, 1, 48},  {0, 16, 2, 33},  {0, 2, 0, 16}, {1, 3, 0, 16}, {2, 7, 0, 16},
                       {3, 257, 0, 16}, {2, 16, 2, 16},  {2, 16, 3, 16}};

        derive->text_len[wrong[i].text] = (uint16_t)wrong[i].len;
        derive->key_len[wrong[i].key] = (uint8_t)wrong[i].key_len;
        for (unsigned k = 0; k < 4; k++)
            job.in_len += derive->text_len[k];
        if (run(*state, &job) != SDR_INARGERR)
            fail_msg("row %u: 0x%08x", i, job.status);
        for (unsigned k = 0; k < 4; k++)
            assert_null(derive->keys[k]);
    }
    soft_card_driver.key_free(*state, secret);
}

static void refusals(void **state)
{
    uint8_t bytes[96] = {1}, randoms[RANDOMS] = {2}, out[4 * (CARD_PKE_HEAD + 64) + 32], point[CARD_ECC_POINT] = {5};
    struct card_key *secret = key_of(*state, CARD_KEY_SYMMETRIC, bytes, 48);
    uint8_t pair[CARD_ECC_PRIVATE + CARD_ECC_POINT];
    struct card_job make = {.op = CARD_KEYPAIR_GENERATE, .alg = SGD_SM2, .out = pair, .out_cap = sizeof(pair)};
    struct card_key *private_key;

    assert_int_equal(run(*state, &make), SDR_OK);
    private_key = key_of(*state, CARD_KEY_SM2_PRIVATE, pair, sizeof(pair));
    for (unsigned i = 0; i < 16; i++) {
        struct card_derive derive = {.text_len = {32, 32}, .key_len = {32, 32, 16, 16}, .clear_len = {16, 16}};
        struct card_job job = {.op = CARD_DERIVE_TLS,
                               .alg = SGD_SM3,
                               .key = secret,
                               .derive = &derive,
                               .in = randoms,
                               .in_len = RANDOMS,
                               .out = out,
                               .out_cap = 32};
        uint32_t want = SDR_INARGERR;

        switch (i) {
        case 0:
            job.key = NULL;
            want = SDR_KEYNOTEXIST;
            break;
        case 1:
            job.key = private_key;
            want = SDR_KEYTYPEERR;
            break;
        case 2:
            job.derive = NULL;
            break;
        case 3:
            job.in = NULL;
            break;
        case 4:
            job.in_len = RANDOMS - 1;
            break;
        case 5:
            derive.text_len[0] = 31;
            break;
        case 6:
            derive.text_len[1] = 33;
            break;
        case 7:
            derive.key_len[0] = CARD_DERIVE_KEY_MIN - 1;
            break;
        case 8:
            derive.key_len[3] = CARD_DERIVE_KEY_MAX + 1;
            break;
        case 9:
            derive.clear_len[1] = 17;
            break;
        case 10:
            memset(derive.key_len, 0, sizeof(derive.key_len));
            break;
        case 11:
            job.out_cap = 31;
            want = SDR_OUTARGERR;
            break;
        case 12:
            job.aux = pair + CARD_ECC_PRIVATE;
            job.out_cap = 4 * CARD_PKE_HEAD + 32 + 32 + 16 + 16 + 32 - 1;
            want = SDR_OUTARGERR;
            break;
        case 13:
            job.aux = point;
            job.out_cap = sizeof(out);
            want = SDR_KEYERR;
            break;
        case 14:
            job.alg = SGD_SHA1; /* with MD5 beside it this is what TLS had before */
            want = SDR_ALGNOTSUPPORT;
            break;
        case 15:
            job.alg = SGD_SM4_ECB;
            want = SDR_ALGNOTSUPPORT;
            break;
        }
        if (run(*state, &job) != want)
            fail_msg("row %u: 0x%08x", i, job.status);
        for (unsigned k = 0; k < 4; k++)
            assert_null(derive.keys[k]);
    }
    soft_card_driver.key_free(*state, secret);
    soft_card_driver.key_free(*state, private_key);
}

/* An arena with room for the secret and three more: the fourth key cannot be made, and then none is. */
static void all_or_none(void **state)
{
    static uint8_t memory[1 << 16] __attribute__((aligned(64)));
    struct card_options options = {.size = sizeof(options)};
    struct card_key *filler[256] = {NULL}, *secret;
    uint8_t bytes[48] = {1}, randoms[RANDOMS] = {2}, out[32];
    struct card_derive derive = {.text_len = {32, 32}, .key_len = {32, 32, 16, 16}};
    struct card_job job = {
        .op = CARD_DERIVE_TLS, .alg = SGD_SM3, .derive = &derive, .in = randoms, .in_len = RANDOMS, .out = out};
    char error[CARD_ERROR_TEXT];
    struct card *card;
    unsigned n = 0;

    (void)state;
    assert_int_equal(soft_open_in(&options, memory, sizeof(memory), &card, error), SDR_OK);
    secret = key_of(card, CARD_KEY_SYMMETRIC, bytes, sizeof(bytes));
    job.key = secret;
    while (n < 256 && soft_card_driver.key_import(card, CARD_KEY_SYMMETRIC, bytes, 48, &filler[n]) == SDR_OK)
        n++;
    assert_in_range(n, 4, 255);
    for (unsigned room = 0; room <= 4; room++) {
        uint32_t want = room < 4 ? SDR_NOBUFFER : SDR_OK;

        assert_int_equal(run(card, &job), want);
        for (unsigned k = 0; k < 4; k++)
            assert_int_equal(derive.keys[k] != NULL, room == 4);
        if (room == 4)
            break;
        assert_int_equal(run(card, &job), want); /* what was made did not stay */
        soft_card_driver.key_free(card, filler[--n]);
    }
    for (unsigned k = 0; k < 4; k++)
        soft_card_driver.key_free(card, derive.keys[k]);
    while (n)
        soft_card_driver.key_free(card, filler[--n]);
    soft_card_driver.key_free(card, secret);
    soft_card_driver.close(card);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_botan_has_it),
                                       cmocka_unit_test(ike_as_botan_has_it),
                                       cmocka_unit_test(ipsec_as_botan_has_it),
                                       cmocka_unit_test(ike_refusals),
                                       cmocka_unit_test(refusals),
                                       cmocka_unit_test(all_or_none)};

    return cmocka_run_group_tests(tests, soft_setup, soft_teardown);
}
