/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys that an operator brings into a virtual card, in envelopes that libcrypto makes here: what comes in is what was
 * sealed, and nothing else comes in.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <openssl/evp.h>

#include "cardmux/sdf.h"
#include "tests/clients/sm2_raw.h"
#include "tests/wire/harness.h"

static struct wire *wire;
static void *device, *session;
static uint8_t device_point[64];

static enum vault_result act(struct admin_message *message)
{
    snprintf(message->tenant.name, sizeof message->tenant.name, "t0");
    return wire_admin(wire, message);
}

static enum vault_result key_act(uint32_t type, enum vault_key_kind kind, uint32_t index)
{
    struct admin_message message = {.type = type, .key = {.kind = kind, .index = index, .bits = 256}};
    enum vault_result result = act(&message);
    if (result == VAULT_OK && type == ADMIN_KEY_GENERATE)
        memcpy(device_point, message.encrypt_public, 64);
    return result;
}

static void sm4(bool encrypt, const uint8_t key[16], const uint8_t *in, size_t len, uint8_t *out)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n = 0;
    assert_true(EVP_CipherInit_ex(ctx, EVP_sm4_ecb(), NULL, key, NULL, encrypt) && EVP_CIPHER_CTX_set_padding(ctx, 0) &&
                EVP_CipherUpdate(ctx, out, &n, in, (int)len));
    assert_int_equal(n, len);
    EVP_CIPHER_CTX_free(ctx);
}

static void seal_pair(const uint8_t d[32], const uint8_t point[64], struct admin_envelope *envelope)
{
    uint8_t key[16] = {1, 2, 3};
    sm4(true, key, d, 32, envelope->bytes);
    memcpy(envelope->bytes + 32, point, 64);
    assert_true(sm2_raw_encrypt(device_point, key, 16, envelope->bytes + 96));
    envelope->len = ADMIN_ENVELOPE_PAIR;
}

static struct admin_message pair_message(uint32_t index, uint8_t d[2][32], uint8_t points[2][64])
{
    struct admin_message message = {.type = ADMIN_KEY_IMPORT,
                                    .key = {.kind = VAULT_KEY_SM2, .index = index, .bits = 256}};
    for (int i = 0; i < 2; i++) {
        assert_true(sm2_raw_generate(d[i], points[i]));
        seal_pair(d[i], points[i], &message.envelopes[i]);
    }
    return message;
}

static void test_pair(void **state)
{
    uint8_t d[2][32], points[2][64], digest[32] = "thirty-two bytes to be signed...", sig[64], out[16], cipher[96 + 16];
    struct admin_message message = pair_message(7, d, points), again = message;
    ECCSignature signature;
    union {
        ECCCipher c;
        uint8_t bytes[164 + 16];
    } sealed = {0};
    unsigned n;
    (void)state;
    message.code_len = 8;
    memcpy(message.code, WIRE_CODE, 8);
    assert_int_equal(act(&message), VAULT_OK);
    assert_memory_equal(message.sign_public, points[0], 64);
    assert_memory_equal(message.encrypt_public, points[1], 64);
    assert_int_equal(SDF_GetPrivateKeyAccessRight(session, 7, NULL, 0), SDR_PRKRERR);
    assert_int_equal(SDF_GetPrivateKeyAccessRight(session, 7, (uint8_t *)WIRE_CODE, 8), SDR_OK);
    assert_int_equal(SDF_InternalSign_ECC(session, 7, digest, 32, &signature), SDR_OK);
    memcpy(sig, signature.r + 32, 32);
    memcpy(sig + 32, signature.s + 32, 32);
    assert_true(sm2_raw_verify(points[0], digest, sig));
    assert_true(sm2_raw_encrypt(points[1], digest, 16, cipher));
    memcpy(sealed.c.x + 32, cipher, 32);
    memcpy(sealed.c.y + 32, cipher + 32, 32);
    memcpy(sealed.c.M, cipher + 64, 32);
    sealed.c.L = 16;
    memcpy(sealed.bytes + 164, cipher + 96, 16);
    assert_int_equal(SDF_InternalDecrypt_ECC(session, 7, SGD_SM2_3, &sealed.c, out, &n), SDR_OK);
    assert_memory_equal(out, digest, 16);
    again.key.index = 7;
    assert_int_equal(act(&again), VAULT_EXISTS); /* it never replaces */
    assert_int_equal(key_act(ADMIN_KEY_DESTROY, VAULT_KEY_SM2, 7), VAULT_OK);
}

static void test_kek(void **state)
{
    static const size_t lengths[] = {16, 24, 32};
    uint8_t kek[32], wrapped[16], bytes[16], block[16] = "a known block of", out[16], right[16];
    unsigned n;
    void *key;
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct admin_message message = {
            .type = ADMIN_KEY_IMPORT,
            .key = {.kind = VAULT_KEY_KEK, .index = 10 + (uint32_t)i, .bits = 8 * (uint32_t)lengths[i]}};
        memset(kek, 0x30 + (int)i, sizeof kek);
        assert_true(sm2_raw_encrypt(device_point, kek, lengths[i], message.envelopes[2].bytes));
        message.envelopes[2].len = ADMIN_ENVELOPE_KEK + (uint32_t)lengths[i];
        assert_int_equal(act(&message), VAULT_OK);
        assert_int_equal(message.key.bits, 8 * lengths[i]);
    }
    assert_int_equal(SDF_GenerateKeyWithKEK(session, 128, SGD_SM4_ECB, 10, wrapped, &n, &key), SDR_OK);
    memset(kek, 0x30, sizeof kek);
    sm4(false, kek, wrapped, 16, bytes); /* whoever knows the KEK knows the key */
    sm4(true, bytes, block, 16, right);
    assert_int_equal(SDF_Encrypt(session, key, SGD_SM4_ECB, NULL, block, 16, out, &n), SDR_OK);
    assert_memory_equal(out, right, 16);
}

/* A bit anywhere, another's envelope, lengths: refused with a sentence, and nothing is there afterwards. */
static void test_wrong(void **state)
{
    uint8_t d[2][32], points[2][64], other[32], other_point[64];
    struct admin_message good = pair_message(9, d, points), message;
    struct admin_message kek = {.type = ADMIN_KEY_IMPORT, .key = {.kind = VAULT_KEY_KEK, .index = 20, .bits = 128}};
    (void)state;
    for (size_t at = 0; at < ADMIN_ENVELOPE_PAIR; at += 13) {
        message = good;
        message.envelopes[at % 2].bytes[at] ^= 0x20;
        assert_int_equal(act(&message), VAULT_INVALID);
        assert_true(message.text[0] != 0);
    }
    for (uint32_t len = 0; len < ADMIN_ENVELOPE_PAIR; len += 69) {
        message = good;
        message.envelopes[0].len = len;
        assert_int_equal(act(&message), VAULT_INVALID);
        kek.envelopes[2].len = len;
        message = kek;
        assert_int_equal(act(&message), VAULT_INVALID);
    }
    message = good;
    message.envelopes[0].len = ADMIN_ENVELOPE_PAIR + 1; /* more than there can be */
    assert_int_equal(act(&message), VAULT_INVALID);
    assert_true(sm2_raw_generate(other, other_point)); /* the private half of one, the public one of another */
    message = good;
    seal_pair(other, points[0], &message.envelopes[0]);
    assert_int_equal(act(&message), VAULT_INVALID);
    assert_true(sm2_raw_encrypt(other_point, d[0], 16, kek.envelopes[2].bytes)); /* for somebody else */
    kek.envelopes[2].len = ADMIN_ENVELOPE_KEK + 16;
    message = kek;
    assert_int_equal(act(&message), VAULT_INVALID);
    message = good;
    message.key.kind = VAULT_KEY_RSA;
    message.key.bits = 2048;
    assert_int_equal(act(&message), VAULT_INVALID);
    message = good; /* an SM2 pair is no P-256 pair, though as long */
    message.envelopes[2] = message.envelopes[0];
    message.key.kind = VAULT_KEY_P256;
    assert_int_equal(act(&message), VAULT_INVALID);
    assert_int_equal(key_act(ADMIN_KEY_DESTROY, VAULT_KEY_P256, 9), VAULT_NOT_FOUND);
    assert_int_equal(key_act(ADMIN_KEY_DESTROY, VAULT_KEY_SM2, 9), VAULT_NOT_FOUND);
    assert_int_equal(key_act(ADMIN_KEY_DESTROY, VAULT_KEY_KEK, 20), VAULT_NOT_FOUND);
    message = good;
    assert_int_equal(act(&message), VAULT_OK);
    /* the device key is another one now */
    assert_int_equal(key_act(ADMIN_KEY_DESTROY, VAULT_KEY_SM2, 0), VAULT_OK);
    message = good;
    message.key.index = 11;
    assert_int_equal(act(&message), VAULT_NOT_FOUND);
    assert_int_equal(key_act(ADMIN_KEY_GENERATE, VAULT_KEY_SM2, 0), VAULT_OK);
    message = good;
    message.key.index = 11;
    assert_int_equal(act(&message), VAULT_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pair),
        cmocka_unit_test(test_kek),
        cmocka_unit_test(test_wrong),
    };
    wire = wire_start(&(struct wire_options){.tenants = 1});
    wire_use(wire, 0);
    if (SDF_OpenDevice(&device) != SDR_OK || SDF_OpenSession(device, &session) != SDR_OK ||
        key_act(ADMIN_KEY_GENERATE, VAULT_KEY_SM2, 0) != VAULT_OK)
        return 2;
    int failed = cmocka_run_group_tests_name("key_import", tests, NULL, NULL);
    SDF_CloseDevice(device);
    wire_stop(wire);
    return failed;
}
