/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys are fetched from the vault when an operation first wants them, and a bounded number of them is in the card.
 * Shown by counts: none is fetched at start, one for each key that is used, none for a key that is used again; with
 * room for a few only, many threads on many keys get right results all the same.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cardmux/sdf.h"
#include "tests/wire/harness.h"

#define KEYS    24u /* indexes 11 to 34, and their KEKs */
#define FIRST   11u
#define ROOM    6u
#define THREADS 8u
#define TURNS   60u

static struct wire *wire;
static void *device, *session;
static ECCrefPublicKey publics[KEYS];

static struct admin_vault state_now(void)
{
    struct admin_message message = {.type = ADMIN_VAULT_STATE};
    assert_int_equal(wire_admin(wire, &message), VAULT_OK);
    return message.vault;
}

static enum vault_result act(uint32_t type, enum vault_key_kind kind, uint32_t index, const char *code)
{
    struct admin_message message = {.type = type,
                                    .key = {.kind = kind, .index = index, .bits = kind == VAULT_KEY_KEK ? 128 : 256}};
    snprintf(message.tenant.name, sizeof message.tenant.name, "t0");
    if (code) {
        message.code_len = (uint32_t)strlen(code);
        memcpy(message.code, code, strlen(code));
    }
    return wire_admin(wire, &message);
}

static void open_all(void)
{
    wire_use(wire, 0);
    assert_int_equal(SDF_OpenDevice(&device), SDR_OK);
    assert_int_equal(SDF_OpenSession(device, &session), SDR_OK);
}

static void restart(void)
{
    SDF_CloseDevice(device);
    wire_broker_stop(wire);
    wire_broker_start(wire);
    open_all();
}

static void test_none_at_start(void **state)
{
    ECCrefPublicKey key;
    (void)state;
    assert_int_equal(state_now().keys_fetched, 0);
    assert_int_equal(state_now().keys_loaded, 0);
    for (unsigned i = 0; i < KEYS; i++) {
        assert_int_equal(SDF_ExportSignPublicKey_ECC(session, FIRST + i, &key), SDR_OK);
        assert_memory_equal(&key, &publics[i], sizeof key);
        assert_int_equal(state_now().keys_fetched, i + 1);
        assert_true(state_now().keys_loaded <= ROOM);
    }
    assert_int_equal(state_now().keys_evicted, KEYS - ROOM);
    for (unsigned i = 0; i < 500; i++) { /* the last one used is there */
        assert_int_equal(SDF_ExportSignPublicKey_ECC(session, FIRST + KEYS - 1, &key), SDR_OK);
        assert_memory_equal(&key, &publics[KEYS - 1], sizeof key);
    }
    assert_int_equal(state_now().keys_fetched, KEYS);
    assert_int_equal(SDF_ExportSignPublicKey_ECC(session, FIRST, &key), SDR_OK); /* the first one had gone */
    assert_memory_equal(&key, &publics[0], sizeof key);
    assert_int_equal(state_now().keys_fetched, KEYS + 1);
}

static void test_absent(void **state)
{
    static const uint32_t indexes[] = {7, 9999, 65535, 65536, 0xffffffff};
    uint64_t fetched = state_now().keys_fetched;
    ECCrefPublicKey key;
    void *handle;
    uint8_t wrapped[64];
    unsigned len;
    (void)state;
    for (size_t i = 0; i < sizeof indexes / sizeof indexes[0]; i++) {
        assert_int_equal(SDF_ExportSignPublicKey_ECC(session, indexes[i], &key), SDR_KEYNOTEXIST);
        assert_int_equal(SDF_GetPrivateKeyAccessRight(session, indexes[i], NULL, 0), SDR_KEYNOTEXIST);
        assert_int_equal(SDF_GenerateKeyWithKEK(session, 128, SGD_SM4_ECB, indexes[i], wrapped, &len, &handle),
                         SDR_KEYNOTEXIST);
    }
    assert_int_equal(state_now().keys_fetched, fetched);
}

/* Rights are the session's, and outlive the key's stay in the card. */
static void test_rights(void **state)
{
    ECCSignature signature;
    ECCrefPublicKey key;
    uint8_t digest[32] = {7};
    (void)state;
    restart();
    assert_int_equal(SDF_InternalSign_ECC(session, 2, digest, 32, &signature), SDR_PARDENY);
    assert_int_equal(SDF_GetPrivateKeyAccessRight(session, 2, (uint8_t *)"wrong", 5), SDR_PRKRERR);
    assert_int_equal(SDF_GetPrivateKeyAccessRight(session, 2, NULL, 0), SDR_PRKRERR);
    assert_int_equal(SDF_GetPrivateKeyAccessRight(session, 2, (uint8_t *)WIRE_CODE, 8), SDR_OK);
    for (unsigned i = 0; i < KEYS; i++)
        assert_int_equal(SDF_ExportSignPublicKey_ECC(session, FIRST + i, &key), SDR_OK);
    assert_int_equal(SDF_InternalSign_ECC(session, 2, digest, 32, &signature), SDR_OK);
    assert_int_equal(SDF_InternalVerify_ECC(session, 2, digest, 32, &signature), SDR_OK);
    assert_int_equal(SDF_InternalSign_ECC(session, FIRST, digest, 32, &signature), SDR_PARDENY);
    assert_int_equal(SDF_ReleasePrivateKeyAccessRight(session, 2), SDR_OK);
    assert_int_equal(SDF_InternalSign_ECC(session, 2, digest, 32, &signature), SDR_PARDENY);
}

static void test_destroyed(void **state)
{
    ECCrefPublicKey key;
    (void)state;
    assert_int_equal(act(ADMIN_KEY_GENERATE, VAULT_KEY_SM2, 900, NULL), VAULT_OK);
    for (unsigned use = 0; use < 2; use++) { /* from the card, and from the vault */
        assert_int_equal(SDF_ExportSignPublicKey_ECC(session, 900, &key), SDR_OK);
        for (unsigned i = 0; i < KEYS; i++)
            assert_int_equal(SDF_ExportSignPublicKey_ECC(session, FIRST + i, &key), SDR_OK);
    }
    assert_int_equal(SDF_ExportSignPublicKey_ECC(session, 900, &key), SDR_OK);
    assert_int_equal(act(ADMIN_KEY_DESTROY, VAULT_KEY_SM2, 900, NULL), VAULT_OK);
    assert_int_equal(SDF_ExportSignPublicKey_ECC(session, 900, &key), SDR_KEYNOTEXIST);
    assert_int_equal(act(ADMIN_KEY_GENERATE, VAULT_KEY_SM2, 900, NULL), VAULT_OK);
    assert_int_equal(SDF_ExportSignPublicKey_ECC(session, 900, &key), SDR_OK);
    assert_int_equal(act(ADMIN_KEY_DESTROY, VAULT_KEY_SM2, 900, NULL), VAULT_OK);
}

/* Sign under one key, verify under its public half from outside; a KEK's key made and taken in again. */
static unsigned turn(void *own, unsigned n, uint8_t fill)
{
    ECCSignature signature;
    uint8_t digest[32], wrapped[64];
    unsigned len = sizeof wrapped;
    void *made = NULL, *again = NULL;
    unsigned bad = 0;
    memset(digest, fill, sizeof digest);
    bad += SDF_GetPrivateKeyAccessRight(own, FIRST + n, NULL, 0) != SDR_OK;
    bad += SDF_InternalSign_ECC(own, FIRST + n, digest, 32, &signature) != SDR_OK;
    bad += SDF_ExternalVerify_ECC(own, SGD_SM2_1, &publics[n], digest, 32, &signature) != SDR_OK;
    bad += SDF_ReleasePrivateKeyAccessRight(own, FIRST + n) != SDR_OK;
    bad += SDF_GenerateKeyWithKEK(own, 128, SGD_SM4_ECB, FIRST + n, wrapped, &len, &made) != SDR_OK;
    bad += SDF_ImportKeyWithKEK(own, SGD_SM4_ECB, FIRST + n, wrapped, len, &again) != SDR_OK;
    bad += made && SDF_DestroyKey(own, made) != SDR_OK;
    bad += again && SDF_DestroyKey(own, again) != SDR_OK;
    return bad;
}

static void *caller(void *arg)
{
    unsigned *bad = arg, seed = (unsigned)(uintptr_t)arg;
    void *own;
    if (SDF_OpenSession(device, &own) != SDR_OK)
        return (*bad)++, NULL;
    for (unsigned i = 0; i < TURNS; i++)
        *bad += turn(own, (unsigned)rand_r(&seed) % KEYS, (uint8_t)i);
    SDF_CloseSession(own);
    return NULL;
}

static void test_many_threads_on_little_room(void **state)
{
    pthread_t threads[THREADS];
    unsigned bad[THREADS] = {0};
    uint64_t fetched = state_now().keys_fetched;
    (void)state;
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, caller, &bad[i]), 0);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(bad[i], 0);
    assert_true(state_now().keys_fetched > fetched + KEYS); /* the room was too small for all */
    assert_true(state_now().keys_loaded <= ROOM + 2 * THREADS);
}

static int start(void **state)
{
    (void)state;
    wire = wire_start(&(struct wire_options){.tenants = 1, .keys_loaded = ROOM});
    for (unsigned i = 0; i < KEYS; i++) {
        struct admin_message message = {.type = ADMIN_KEY_GENERATE,
                                        .key = {.kind = VAULT_KEY_SM2, .index = FIRST + i, .bits = 256}};
        snprintf(message.tenant.name, sizeof message.tenant.name, "t0");
        if (wire_admin(wire, &message) != VAULT_OK ||
            act(ADMIN_KEY_GENERATE, VAULT_KEY_KEK, FIRST + i, NULL) != VAULT_OK)
            return -1;
        publics[i].bits = 256;
        memcpy(publics[i].x + ECCref_MAX_LEN - 32, message.sign_public, 32);
        memcpy(publics[i].y + ECCref_MAX_LEN - 32, message.sign_public + 32, 32);
    }
    open_all();
    restart();
    return 0;
}

static int stop(void **state)
{
    (void)state;
    SDF_CloseDevice(device);
    wire_stop(wire);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_none_at_start),
        cmocka_unit_test(test_absent),
        cmocka_unit_test(test_rights),
        cmocka_unit_test(test_destroyed),
        cmocka_unit_test(test_many_threads_on_little_room),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
