/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rights to private keys and KEKs, with a real broker and vault: that a code costs one scrypt for each session that
 * gives it, shown by counts; what makes it cost another one; that a KEK's code, count and lock are its own, and what an
 * operator does with them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "backend/vault/seal.h"
#include "cardmux/sdf.h"
#include "tests/wire/harness.h"

static struct wire *wire;
static void *device, *session;
static uint8_t code[] = WIRE_CODE, wrong[] = "87654321", fresh[] = "a new one";

typedef int get_right(void *session, unsigned index, unsigned char *code, unsigned len);
typedef int release_right(void *session, unsigned index);

/* Both kinds of right, which behave alike. */
static const struct kind {
    enum vault_key_kind kind;
    get_right *get;
    release_right *release;
} kinds[] = {
    {VAULT_KEY_SM2, SDF_GetPrivateKeyAccessRight, SDF_ReleasePrivateKeyAccessRight},
    {VAULT_KEY_KEK, SDF_GetKEKAccessRight, SDF_ReleaseKEKAccessRight},
};

static enum vault_result act(uint32_t type, enum vault_key_kind kind, uint32_t index, const uint8_t *text)
{
    struct admin_message message = {.type = type, .key = {.kind = kind, .index = index, .bits = 128}};
    snprintf(message.tenant.name, sizeof message.tenant.name, "t0");
    if (text) {
        message.code_len = (uint32_t)strlen((const char *)text);
        memcpy(message.code, text, message.code_len);
    }
    return wire_admin(wire, &message);
}

static void codes(enum vault_codes wanted)
{
    struct admin_message message = {.type = ADMIN_TENANT_SET, .mask = ADMIN_SET_CODES, .policy.codes = wanted};
    snprintf(message.tenant.name, sizeof message.tenant.name, "t0");
    assert_int_equal(wire_admin(wire, &message), VAULT_OK);
}

/* What the call answered, and how many scrypts it took. */
#define assert_costs(scrypts, status, ...)                                                                             \
    do {                                                                                                               \
        uint64_t before_ = seal_code_runs();                                                                           \
        assert_int_equal(__VA_ARGS__, status);                                                                         \
        assert_int_equal(seal_code_runs() - before_, scrypts);                                                         \
    } while (0)

static int use(const struct kind *kind, void *with)
{
    uint8_t digest[32] = {1}, wrapped[64];
    ECCSignature signature;
    unsigned len;
    void *key;
    if (kind->kind == VAULT_KEY_SM2)
        return SDF_InternalSign_ECC(with, 2, digest, 32, &signature);
    int status = SDF_GenerateKeyWithKEK(with, 128, SGD_SM4_ECB, 2, wrapped, &len, &key);
    if (status != SDR_OK)
        return status;
    assert_int_equal(SDF_ExportKeyWithKEK(with, key, SGD_SM4_ECB, 2, wrapped, &len), SDR_OK);
    return SDF_DestroyKey(with, key);
}

static void test_one_scrypt(void **state)
{
    const struct kind *k = *state;
    void *other;
    assert_costs(1, SDR_OK, k->get(session, 2, code, 8));
    for (int i = 0; i < 20; i++) {
        assert_costs(0, SDR_OK, k->get(session, 2, code, 8));
        assert_costs(0, SDR_OK, use(k, session));
    }
    assert_int_equal(SDF_OpenSession(device, &other), SDR_OK); /* knows nothing of it */
    assert_costs(1, SDR_PRKRERR, k->get(other, 2, wrong, 8));
    assert_costs(1, SDR_OK, k->get(other, 2, code, 8));
    assert_costs(0, SDR_OK, k->get(other, 2, code, 8));
    SDF_CloseSession(other);
    for (int i = 0; i < 20; i++) /* it counts */
        assert_int_equal(k->release(session, 2), SDR_OK);
    assert_costs(0, SDR_OK, k->get(session, 2, code, 8));
    assert_int_equal(k->release(session, 2), SDR_OK);
    assert_int_equal(k->release(session, 2), SDR_OK);
    assert_int_equal(k->release(session, 2), SDR_PARDENY);
    assert_int_equal(use(k, session), SDR_PARDENY);
    assert_costs(1, SDR_OK, k->get(session, 2, code, 8)); /* the mark went with the right */
    assert_int_equal(k->release(session, 2), SDR_OK);
}

/* A wrong code costs a scrypt each time, the mark too, and counts; the right stays. */
static void test_wrong_code(void **state)
{
    const struct kind *k = *state;
    assert_costs(1, SDR_OK, k->get(session, 2, code, 8));
    assert_costs(1, SDR_PRKRERR, k->get(session, 2, wrong, 8));
    assert_costs(1, SDR_OK, k->get(session, 2, code, 8));
    assert_costs(0, SDR_OK, k->get(session, 2, code, 8));
    assert_costs(0, SDR_PRKRERR, k->get(session, 2, NULL, 0)); /* no code: not a guess */
    assert_costs(1, SDR_OK, k->get(session, 2, code, 8));
    for (int i = 0; i < 10; i++)
        assert_costs(1, SDR_PRKRERR, k->get(session, 2, wrong, 8));
    assert_costs(0, SDR_PRKRERR, k->get(session, 2, code, 8)); /* locked, and the mark is gone */
    assert_int_equal(use(k, session), SDR_OK);
    for (unsigned i = 0; i < 2; i++) /* the other kind of right at that index is not */
        if (&kinds[i] != k) {
            assert_int_equal(kinds[i].get(session, 2, code, 8), SDR_OK);
            assert_int_equal(kinds[i].release(session, 2), SDR_OK);
            assert_int_equal(act(ADMIN_KEY_UNLOCK, kinds[i].kind, 2, NULL), VAULT_OK);
        }
    assert_int_equal(k->get(session, 2, code, 8), SDR_PRKRERR);
    assert_int_equal(act(ADMIN_KEY_UNLOCK, k->kind, 2, NULL), VAULT_OK);
    assert_costs(1, SDR_OK, k->get(session, 2, code, 8));
}

/* The code is set anew: rights and marks are gone, and the old code is no good. */
static void test_set_code(void **state)
{
    const struct kind *k = *state;
    assert_int_equal(k->get(session, 2, code, 8), SDR_OK);
    for (unsigned i = 0; i < 2; i++)
        if (&kinds[i] != k)
            assert_int_equal(kinds[i].get(session, 2, code, 8), SDR_OK);
    assert_int_equal(act(ADMIN_KEY_CODE, k->kind, 2, fresh), VAULT_OK);
    assert_int_equal(use(k, session), SDR_PARDENY);
    for (unsigned i = 0; i < 2; i++)
        if (&kinds[i] != k)
            assert_int_equal(use(&kinds[i], session), SDR_OK);
    assert_costs(1, SDR_PRKRERR, k->get(session, 2, code, 8));
    assert_costs(1, SDR_OK, k->get(session, 2, fresh, 9));
    assert_int_equal(act(ADMIN_KEY_CODE, k->kind, 2, NULL), VAULT_OK);
    assert_costs(0, SDR_PRKRERR, k->get(session, 2, fresh, 9));
    assert_int_equal(use(k, session),
                     k->kind == VAULT_KEY_KEK ? SDR_OK : SDR_PARDENY); /* only KEKs need no right then */
    assert_costs(0, SDR_OK, k->get(session, 2, NULL, 0));
    assert_int_equal(use(k, session), SDR_OK);
    assert_int_equal(act(ADMIN_KEY_CODE, k->kind, 2, code), VAULT_OK);
}

/* Another key at the index is another one to ask for. */
static void test_destroyed(void **state)
{
    const struct kind *kek = &kinds[1];
    (void)state;
    assert_int_equal(kek->get(session, 2, code, 8), SDR_OK);
    assert_int_equal(act(ADMIN_KEY_DESTROY, VAULT_KEY_KEK, 2, NULL), VAULT_OK);
    assert_int_equal(use(kek, session), SDR_KEYNOTEXIST);
    assert_int_equal(act(ADMIN_KEY_GENERATE, VAULT_KEY_KEK, 2, code), VAULT_OK);
    assert_int_equal(use(kek, session), SDR_PARDENY);
    assert_costs(1, SDR_OK, kek->get(session, 2, code, 8));
    assert_int_equal(use(kek, session), SDR_OK);
}

static int use_kek_1(void)
{
    uint8_t wrapped[64];
    unsigned len;
    void *key;
    int status = SDF_GenerateKeyWithKEK(session, 128, SGD_SM4_ECB, 1, wrapped, &len, &key);
    return status == SDR_OK ? SDF_DestroyKey(session, key) : status;
}

/* What a tenant's policy says of KEKs without a code. */
static void test_policy(void **state)
{
    (void)state;
    codes(VAULT_CODES_NEW);
    assert_int_equal(act(ADMIN_KEY_GENERATE, VAULT_KEY_KEK, 5, NULL), VAULT_INVALID);
    assert_int_equal(act(ADMIN_KEY_GENERATE, VAULT_KEY_KEK, 5, code), VAULT_OK);
    assert_int_equal(act(ADMIN_KEY_CODE, VAULT_KEY_KEK, 5, NULL), VAULT_INVALID);
    assert_int_equal(use_kek_1(), SDR_OK);
    codes(VAULT_CODES_ALWAYS);
    assert_int_equal(use_kek_1(), SDR_PARDENY);
    assert_int_equal(SDF_GetKEKAccessRight(session, 1, NULL, 0), SDR_PARDENY);
    assert_int_equal(SDF_GetKEKAccessRight(session, 2, code, 8), SDR_OK);
    assert_int_equal(use(&kinds[1], session), SDR_OK);
    codes(VAULT_CODES_FREE);
    assert_int_equal(use_kek_1(), SDR_OK);
    assert_int_equal(act(ADMIN_KEY_DESTROY, VAULT_KEY_KEK, 5, NULL), VAULT_OK);
}

/* A right that went with the broker is told of once, though the operation is not one that needs what a session holds.
 */
static void test_restart(void **state)
{
    (void)state;
    assert_int_equal(SDF_GetKEKAccessRight(session, 2, code, 8), SDR_OK);
    assert_int_equal(use(&kinds[1], session), SDR_OK);
    wire_broker_stop(wire);
    wire_broker_start(wire);
    assert_int_equal(use(&kinds[1], session), SDR_COMMFAIL);
    assert_int_equal(use(&kinds[1], session), SDR_PARDENY);
    assert_costs(1, SDR_OK, SDF_GetKEKAccessRight(session, 2, code, 8));
    assert_int_equal(use(&kinds[1], session), SDR_OK);
}

static int open_session(void **state)
{
    (void)state;
    return SDF_OpenSession(device, &session);
}

static int close_session(void **state)
{
    (void)state;
    return SDF_CloseSession(session);
}

int main(void)
{
#define EACH(test, k)                                                                                                  \
    cmocka_unit_test_prestate_setup_teardown(test, open_session, close_session, (void *)(uintptr_t)&kinds[k])
    const struct CMUnitTest tests[] = {
        EACH(test_one_scrypt, 0), EACH(test_one_scrypt, 1), EACH(test_wrong_code, 0),
        EACH(test_wrong_code, 1), EACH(test_set_code, 0),   EACH(test_set_code, 1),
        EACH(test_destroyed, 0),  EACH(test_policy, 0),     EACH(test_restart, 0),
    };
    wire = wire_start(&(struct wire_options){.tenants = 1});
    wire_use(wire, 0);
    if (SDF_OpenDevice(&device) != SDR_OK)
        return 2;
    int failed = cmocka_run_group_tests_name("rights", tests, NULL, NULL);
    SDF_CloseDevice(device);
    wire_stop(wire);
    return failed;
}
