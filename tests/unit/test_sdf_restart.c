/* SPDX-License-Identifier: Apache-2.0 */
/* libsdf when the back end is replaced or fails in the middle, and what it sends: over fake_link.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "cardmux/sdf.h"
#include "tests/unit/fake_link.h"

static void *device, *session;
static unsigned char text[100000];

static int set_up(void **state)
{
    (void)state;
    return SDF_OpenDevice(&device) == SDR_OK && SDF_OpenSession(device, &session) == SDR_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    return SDF_CloseDevice(device) == SDR_OK && fake_links() == 0 && fake_sessions() == 0 && fake_keys() == 0 ? 0 : -1;
}

static void *key_new(void)
{
    unsigned char wrapped[64];
    unsigned n;
    void *key = NULL;
    assert_int_equal(SDF_GenerateKeyWithKEK(session, 128, SGD_SM4_ECB, 1, wrapped, &n, &key), SDR_OK);
    return key;
}

static int encrypt(void *key)
{
    unsigned char block[16] = {0};
    unsigned n;
    return SDF_Encrypt(session, key, SGD_SM4_ECB, NULL, block, 16, block, &n);
}

static int digest(unsigned *n)
{
    unsigned char out[64];
    return SDF_HashFinal(session, out, n);
}

static void restart_loses_key_once(void **state)
{
    (void)state;
    void *key = key_new(), *second = key_new();
    fake_restart();
    assert_int_equal(encrypt(key), SDR_COMMFAIL);
    assert_int_equal(encrypt(key), SDR_KEYNOTEXIST);
    assert_int_equal(encrypt(second), SDR_KEYNOTEXIST);
    void *fresh = key_new();
    assert_int_equal(encrypt(fresh), SDR_OK);
    assert_int_equal(SDF_DestroyKey(session, key), SDR_KEYNOTEXIST); /* the handle goes all the same */
    assert_int_equal(SDF_DestroyKey(session, key), SDR_INARGERR);
    assert_int_equal(encrypt(fresh), SDR_OK);
}

/* A call that needs nothing goes on without a word, and the loss is still reported once, to the first that asks for
   what was lost, not to a new key. */
static void restart_is_told_to_the_old(void **state)
{
    unsigned char byte;
    (void)state;
    void *key = key_new();
    fake_restart();
    assert_int_equal(SDF_GenerateRandom(session, 1, &byte), SDR_OK);
    assert_int_equal(encrypt(key), SDR_COMMFAIL);
    assert_int_equal(encrypt(key_new()), SDR_OK);
    assert_int_equal(encrypt(key), SDR_KEYNOTEXIST);
}

static void restart_without_holdings_is_silent(void **state)
{
    unsigned char byte;
    (void)state;
    fake_restart();
    assert_int_equal(SDF_GenerateRandom(session, 1, &byte), SDR_OK);
    assert_int_equal(encrypt(key_new()), SDR_OK);
}

static void buffered_hash_survives(void **state)
{
    unsigned n = 0;
    (void)state;
    assert_int_equal(SDF_HashInit(session, SGD_SM3, NULL, NULL, 0), SDR_OK);
    assert_int_equal(SDF_HashUpdate(session, text, 16384), SDR_OK);
    fake_restart();
    assert_int_equal(digest(&n), SDR_OK);
    assert_int_equal(n, 32);
}

static void running_hash_is_lost_once(void **state)
{
    unsigned n = 7;
    (void)state;
    for (int update = 0; update < 2; update++) {
        assert_int_equal(SDF_HashInit(session, SGD_SM3, NULL, NULL, 0), SDR_OK);
        assert_int_equal(SDF_HashUpdate(session, text, 16385), SDR_OK);
        fake_restart();
        if (update)
            assert_int_equal(SDF_HashUpdate(session, text, 40000), SDR_COMMFAIL);
        else
            assert_int_equal(digest(&n), SDR_COMMFAIL);
        assert_int_equal(SDF_HashUpdate(session, text, 1), SDR_STEPERR);
        assert_int_equal(digest(&n), SDR_STEPERR);
        assert_int_equal(n, 7);
    }
    void *key = key_new();
    assert_int_equal(SDF_HashInit(session, SGD_SM3, NULL, NULL, 0), SDR_OK);
    assert_int_equal(SDF_HashUpdate(session, text, 16385), SDR_OK);
    fake_restart();
    assert_int_equal(encrypt(key), SDR_COMMFAIL); /* the key's call was told; the hash is gone too */
    assert_int_equal(digest(&n), SDR_STEPERR);
}

static void right_is_lost_once(void **state)
{
    ECCSignature signature;
    (void)state;
    assert_int_equal(SDF_GetPrivateKeyAccessRight(session, 1, NULL, 0), SDR_OK);
    fake_restart();
    assert_int_equal(SDF_InternalSign_ECC(session, 1, text, 32, &signature), SDR_COMMFAIL);
    assert_int_equal(SDF_InternalSign_ECC(session, 1, text, 32, &signature), SDR_PARDENY);
    assert_int_equal(SDF_GetPrivateKeyAccessRight(session, 1, NULL, 0), SDR_OK);
    assert_int_equal(SDF_InternalSign_ECC(session, 1, text, 32, &signature), SDR_OK);
}

static void restart_in_the_middle_of_a_mac(void **state)
{
    unsigned char out[32];
    unsigned n = 3;
    (void)state;
    void *key = key_new();
    fake_fail(CM_OP_MAC_UPDATE, SDR_COMMFAIL, 2);
    assert_int_equal(SDF_CalculateMAC(session, key, SGD_SM3, NULL, text, sizeof text, out, &n), SDR_COMMFAIL);
    assert_int_equal(n, 3);
    assert_int_equal(SDF_CalculateMAC(session, key, SGD_SM3, NULL, text, sizeof text, out, &n), SDR_OK);
    assert_int_equal(n, 32);
}

static void failure_in_the_middle_keeps_iv_and_length(void **state)
{
    static const unsigned algs[] = {SGD_SM4_CBC, SGD_SM4_CTR};
    static unsigned char out[sizeof text];
    (void)state;
    void *key = key_new();
    for (int i = 0; i < 2; i++) {
        unsigned char iv[16] = {42};
        unsigned n = 11;
        fake_fail(CM_OP_ENCRYPT, SDR_HARDFAIL, 3);
        assert_int_equal(SDF_Encrypt(session, key, algs[i], iv, text, sizeof text, out, &n), SDR_HARDFAIL);
        assert_int_equal(n, 11);
        assert_int_equal(iv[0], 42);
        assert_int_equal(iv[15], 0);
    }
}

static void failed_hash_ends(void **state)
{
    unsigned n;
    (void)state;
    assert_int_equal(SDF_HashInit(session, SGD_SM3, NULL, NULL, 0), SDR_OK);
    fake_fail(CM_OP_STATE_UPDATE, SDR_HARDFAIL, 1);
    assert_int_equal(SDF_HashUpdate(session, text, sizeof text), SDR_HARDFAIL);
    assert_int_equal(digest(&n), SDR_STEPERR);
    assert_int_equal(SDF_HashInit(session, SGD_SM3, NULL, NULL, 0), SDR_OK);
    assert_int_equal(digest(&n), SDR_OK);
}

static void destroy_can_be_tried_again(void **state)
{
    (void)state;
    void *key = key_new();
    fake_fail(CM_OP_KEY_DESTROY, SDR_COMMFAIL, 0);
    assert_int_equal(SDF_DestroyKey(session, key), SDR_COMMFAIL);
    assert_int_equal(SDF_DestroyKey(session, key), SDR_OK);
    assert_int_equal(fake_keys(), 0);
}

/* One crossing for a hash of up to a slot; full slots beyond. */
static void crossings_of_a_hash(void **state)
{
    unsigned n;
    (void)state;
    uint64_t whole = fake_count(CM_OP_HASH), init = fake_count(CM_OP_STATE_HASH), update = fake_count(CM_OP_STATE_UPDATE);
    SDF_HashInit(session, SGD_SM3, NULL, NULL, 0);
    for (int i = 0; i < 4; i++)
        SDF_HashUpdate(session, text, 4096);
    digest(&n);
    assert_int_equal(fake_count(CM_OP_HASH) - whole, 1);
    assert_int_equal(fake_count(CM_OP_STATE_HASH) - init, 0);
    SDF_HashInit(session, SGD_SM3, NULL, NULL, 0);
    SDF_HashUpdate(session, text, 100);
    SDF_HashUpdate(session, text, 65536);
    digest(&n);
    assert_int_equal(fake_count(CM_OP_HASH) - whole, 1);
    assert_int_equal(fake_count(CM_OP_STATE_HASH) - init, 1);
    assert_int_equal(fake_count(CM_OP_STATE_UPDATE) - update, 5); /* 4 full slots and 100 bytes */
}

int main(void)
{
#define RESTART_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        RESTART_TEST(restart_loses_key_once),
        RESTART_TEST(restart_is_told_to_the_old),
        RESTART_TEST(restart_without_holdings_is_silent),
        RESTART_TEST(buffered_hash_survives),
        RESTART_TEST(running_hash_is_lost_once),
        RESTART_TEST(right_is_lost_once),
        RESTART_TEST(restart_in_the_middle_of_a_mac),
        RESTART_TEST(failure_in_the_middle_keeps_iv_and_length),
        RESTART_TEST(failed_hash_ends),
        RESTART_TEST(destroy_can_be_tried_again),
        RESTART_TEST(crossings_of_a_hash),
    };
    return cmocka_run_group_tests_name("sdf_restart", tests, NULL, NULL);
}
