/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the cases of tests/clients do not reach: the limit on RSA envelopes that do not open, an index that goes while
 * an agreement is under way, keys made by the operator while a tenant works, and the operations that have no SDF
 * function. Keeper's doors, broker and libsdf are in this process.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cardmux/client.h"
#include "cardmux/sdf.h"
#include "tests/wire/harness.h"

static struct wire *wire;
static void *device, *session;

static int start(void **state)
{
    (void)state;
    wire = wire_start(&(struct wire_options){.tenants = 2, .deadline_ms = 60000});
    wire_use(wire, 0);
    return SDF_OpenDevice(&device) == SDR_OK && SDF_OpenSession(device, &session) == SDR_OK &&
                   SDF_GetPrivateKeyAccessRight(session, 1, NULL, 0) == SDR_OK
               ? 0
               : -1;
}

static int stop(void **state)
{
    (void)state;
    SDF_CloseDevice(device);
    wire_stop(wire);
    return 0;
}

static enum vault_result admin_key(uint32_t type, enum vault_key_kind kind, uint32_t index, uint32_t bits)
{
    struct admin_message message = {.type = type, .key = {.kind = kind, .index = index, .bits = bits}};
    snprintf(message.tenant.name, sizeof message.tenant.name, "t0");
    return wire_admin(wire, &message);
}

/* A flood of envelopes that do not open is cut off, for good ones too while it lasts; other work goes on, and so do
   envelopes once the flood is over. */
static void test_unwrap_limit(void **state)
{
    uint8_t good[256], bad[256] = {0, 1}, out[256];
    unsigned n, refused = 0, wrong = 0;
    void *key, *made;
    (void)state;
    assert_int_equal(SDF_GenerateKeyWithIPK_RSA(session, 1, 128, good, &n, &made), SDR_OK);
    for (unsigned i = 0; i < 4000 && refused < 3; i++) {
        uint32_t status = (uint32_t)SDF_ImportKeyWithISK_RSA(session, 1, bad, 256, &key);
        wrong += status == SDR_ENCDATAERR;
        refused += status == SDR_SKOPERR;
        assert_true(status == SDR_ENCDATAERR || status == SDR_SKOPERR);
    }
    assert_int_equal(refused, 3);
    assert_true(wrong >= 256);
    assert_true(wire_counters(wire, 0).rejects[CM_GATE_LIMIT] >= 3);
    assert_int_equal(SDF_InternalPrivateKeyOperation_RSA(session, 1, bad, 256, out, &n), SDR_OK);
    uint32_t status = SDR_SKOPERR; /* it forgets 16 a second */
    while (status == SDR_SKOPERR)
        status = (uint32_t)SDF_ImportKeyWithISK_RSA(session, 1, good, 256, &key);
    assert_int_equal(status, SDR_OK);
    assert_int_equal(SDF_DestroyKey(session, key), SDR_OK);
    assert_int_equal(SDF_DestroyKey(session, made), SDR_OK);
}

static void policy(uint32_t allow, uint32_t deny, const char *allow_class, const char *deny_class)
{
    struct admin_message message = {.type = ADMIN_TENANT_SET, .mask = ADMIN_SET_POLICY};
    snprintf(message.tenant.name, sizeof message.tenant.name, "t0");
    message.allow.flags = allow;
    message.deny.flags = deny;
    assert_true(!allow_class || cm_policy_name(allow_class, &message.allow.policy));
    assert_true(!deny_class || cm_policy_name(deny_class, &message.deny.policy));
    assert_int_equal(wire_admin(wire, &message), VAULT_OK);
}

/* The bare operation on the pair that opens envelopes gives a session key in clear: where the operator allowed it, and
   does not deny that such keys leave; it is charged to what envelopes are charged to. On the other pair it is free. */
static void test_opened_bare(void **state)
{
    typedef int inside(void *, unsigned, unsigned, uint8_t *, unsigned, uint8_t *, unsigned *);
    inside *bare = (inside *)(void (*)(void))SDF_InternalPrivateKeyOperation_RSA; /* with uiKeyUsage */
    uint8_t block[256], out[256], low[256] = {0, 1}, text[16] = {1, 2}, one[16], other[16];
    void *key, *made;
    unsigned n, taken = 0;
    (void)state;
    assert_int_equal(SDF_GenerateKeyWithIPK_RSA(session, 1, 128, block, &n, &made), SDR_OK);
    policy(0, CM_ASKED_KEK_HANDLE, NULL, NULL);
    assert_int_equal(bare(session, 1, 0x10200, block, 256, out, &n), SDR_NOTSUPPORT);
    policy(CM_ASKED_KEK_HANDLE, 0, NULL, "key-export");
    uint64_t refused = wire_counters(wire, 0).rejects[CM_GATE_POLICY];
    assert_int_equal(bare(session, 1, 0x10200, block, 256, out, &n), SDR_NOTSUPPORT);
    assert_int_equal(wire_counters(wire, 0).rejects[CM_GATE_POLICY], refused + 1);
    assert_int_equal(bare(session, 1, 0x10100, low, 256, out, &n), SDR_OK);
    policy(0, 0, "key-export", NULL);
    uint32_t status = SDR_SKOPERR; /* where envelopes were refused before */
    while (status == SDR_SKOPERR)
        status = (uint32_t)bare(session, 1, 0x10200, block, 256, out, &n);
    assert_int_equal(status, SDR_OK);
    assert_true(n == 256 && out[0] == 0 && out[1] == 2 && out[239] == 0);
    assert_int_equal(SDF_ImportKey(session, out + 240, 16, &key), SDR_OK);
    assert_int_equal(SDF_Encrypt(session, key, SGD_SM4_ECB, NULL, text, 16, one, &n), SDR_OK);
    assert_int_equal(SDF_Encrypt(session, made, SGD_SM4_ECB, NULL, text, 16, other, &n), SDR_OK);
    assert_memory_equal(one, other, 16);
    assert_int_equal(SDF_DestroyKey(session, key), SDR_OK);
    while (taken < 100000 && (status = (uint32_t)bare(session, 1, 0x10200, block, 256, out, &n)) == SDR_OK)
        taken++;
    assert_int_equal(status, SDR_SKOPERR);
    assert_int_equal(bare(session, 1, 0x10100, low, 256, out, &n), SDR_OK);
    status = SDR_SKOPERR;
    while (status == SDR_SKOPERR)
        status = (uint32_t)SDF_ImportKeyWithISK_RSA(session, 1, block, 256, &key);
    assert_int_equal(status, SDR_OK);
    assert_int_equal(SDF_DestroyKey(session, key), SDR_OK);
    assert_int_equal(SDF_DestroyKey(session, made), SDR_OK);
}

static void test_index_goes(void **state)
{
    ECCrefPublicKey own, temporary;
    uint8_t id[] = "me";
    void *agreement, *key;
    (void)state;
    assert_int_equal(admin_key(ADMIN_KEY_GENERATE, VAULT_KEY_SM2, 9, 256), VAULT_OK);
    assert_int_equal(SDF_GetPrivateKeyAccessRight(session, 9, NULL, 0), SDR_OK);
    assert_int_equal(SDF_GenerateAgreementDataWithECC(session, 9, 128, id, 2, &own, &temporary, &agreement), SDR_OK);
    assert_int_equal(admin_key(ADMIN_KEY_DESTROY, VAULT_KEY_SM2, 9, 0), VAULT_OK);
    assert_int_equal(SDF_GenerateKeyWithECC(session, id, 2, &own, &temporary, agreement, &key), SDR_KEYNOTEXIST);
    assert_int_equal(SDF_DestroyKey(session, agreement), SDR_OK);
    assert_int_equal(wire_counters(wire, 0).handles, 0);
}

/* What a session held is lost with the broker, an agreement too. */
static void test_restart(void **state)
{
    ECCrefPublicKey own, temporary;
    uint8_t id[] = "me";
    void *agreement, *key, *other;
    (void)state;
    assert_int_equal(SDF_OpenSession(device, &other), SDR_OK);
    assert_int_equal(SDF_GetPrivateKeyAccessRight(other, 1, NULL, 0), SDR_OK);
    assert_int_equal(SDF_GenerateAgreementDataWithECC(other, 1, 128, id, 2, &own, &temporary, &agreement), SDR_OK);
    wire_broker_stop(wire);
    wire_broker_start(wire);
    assert_int_equal(SDF_GenerateKeyWithECC(other, id, 2, &own, &temporary, agreement, &key), SDR_COMMFAIL);
    assert_int_equal(SDF_GenerateKeyWithECC(other, id, 2, &own, &temporary, agreement, &key), SDR_KEYNOTEXIST);
    assert_int_equal(SDF_CloseSession(other), SDR_OK);
    assert_int_equal(SDF_CloseSession(session), SDR_OK);
    assert_int_equal(SDF_OpenSession(device, &session), SDR_OK);
    assert_int_equal(SDF_GetPrivateKeyAccessRight(session, 1, NULL, 0), SDR_OK);
}

static int derive(void *secret, void *keys[4])
{
    static uint8_t randoms[2][32], ivs[2][16];
    return SDF_GenerateKeywithSSL(session, secret, randoms[0], 32, randoms[1], 32, SGD_SM3, &keys[0], 256, &keys[1],
                                  256, &keys[2], 128, &keys[3], 128, ivs[0], 16, ivs[1], 16);
}

static void handles_limit(uint32_t most)
{
    struct admin_message message = {.type = ADMIN_TENANT_SET, .mask = ADMIN_SET_HANDLES};
    snprintf(message.tenant.name, sizeof message.tenant.name, "t0");
    message.tenant.max_handles = most;
    assert_int_equal(wire_admin(wire, &message), VAULT_OK);
}

/* Four keys come of one operation. Where there is room for fewer there is none of them, and room for as many as before;
   and after a restart they are lost like any other. */
static void test_four_or_none(void **state)
{
    uint8_t bytes[48] = {1, 1};
    void *secret, *keys[4], *one;
    (void)state;
    assert_int_equal(SDF_ImportKey(session, bytes, sizeof bytes, &secret), SDR_OK);
    for (uint32_t room = 0; room <= 4; room++) {
        handles_limit(1 + room);
        for (unsigned again = 0; again < 3; again++) {
            memset(keys, 0, sizeof keys);
            assert_int_equal(derive(secret, keys), room < 4 ? SDR_NOBUFFER : SDR_OK);
            assert_int_equal(wire_counters(wire, 0).handles, room < 4 ? 1 : 5);
            for (unsigned i = 0; i < 4; i++) {
                assert_int_equal(keys[i] != NULL, room == 4);
                if (keys[i])
                    assert_int_equal(SDF_DestroyKey(session, keys[i]), SDR_OK);
            }
        }
        if (room) {
            assert_int_equal(SDF_ImportKey(session, bytes, 16, &one), SDR_OK);
            assert_int_equal(SDF_DestroyKey(session, one), SDR_OK);
        }
    }
    handles_limit(1024);
    wire_broker_stop(wire);
    wire_broker_start(wire);
    assert_int_equal(derive(secret, keys), SDR_COMMFAIL);
    assert_int_equal(derive(secret, keys), SDR_KEYNOTEXIST);
    assert_int_equal(SDF_DestroyKey(session, secret), SDR_KEYNOTEXIST); /* the handle goes all the same */
    assert_int_equal(wire_counters(wire, 0).handles, 0);
    assert_int_equal(SDF_GetPrivateKeyAccessRight(session, 1, NULL, 0), SDR_OK);
}

static void test_made_by_operator(void **state)
{
    RSArefPublicKey key;
    uint8_t block[256] = {0, 5}, out[256], back[256];
    unsigned n;
    (void)state;
    assert_int_equal(SDF_ExportSignPublicKey_RSA(session, 20, &key), SDR_KEYNOTEXIST);
    assert_int_equal(admin_key(ADMIN_KEY_GENERATE, VAULT_KEY_RSA, 20, 1024), VAULT_INVALID);
    assert_int_equal(admin_key(ADMIN_KEY_GENERATE, VAULT_KEY_RSA, 20, 2048), VAULT_OK);
    assert_int_equal(admin_key(ADMIN_KEY_GENERATE, VAULT_KEY_RSA, 20, 2048), VAULT_EXISTS);
    assert_int_equal(SDF_ExportSignPublicKey_RSA(session, 20, &key), SDR_OK);
    assert_int_equal(SDF_GetPrivateKeyAccessRight(session, 20, NULL, 0), SDR_OK);
    assert_int_equal(SDF_InternalPrivateKeyOperation_RSA(session, 20, block, 256, out, &n), SDR_OK);
    assert_int_equal(SDF_ExternalPublicKeyOperation_RSA(session, &key, out, 256, back, &n), SDR_OK);
    assert_memory_equal(back, block, 256);
    assert_int_equal(admin_key(ADMIN_KEY_DESTROY, VAULT_KEY_RSA, 20, 0), VAULT_OK);
    assert_int_equal(SDF_InternalPrivateKeyOperation_RSA(session, 20, block, 256, out, &n), SDR_KEYNOTEXIST);
}

/* Debugging is for the tenant that has it. */
static void test_debug_by_tenant(void **state)
{
    struct cardmux_client *client = NULL;
    struct cardmux_options options = {.size = sizeof options, .reach = "unix", .where = wire_socket(wire, 1, "unix")};
    struct cardmux_completion done;
    (void)state;
    assert_int_equal(cardmux_open(&options, &client, NULL, 0), SDR_OK);
    struct cardmux_request request = {.op = CM_OP_SIGN_CLEAR, .data_len = 64};
    request.slot = (uint16_t)cardmux_slot_take(client);
    memset(cardmux_slot_data(client, request.slot), 1, 64);
    assert_int_equal(cardmux_submit(client, &request, 1), 1);
    assert_int_equal(cardmux_poll(client, &done, 1, 1, -1), 1);
    assert_int_equal(done.status, SDR_NOTSUPPORT);
    assert_int_equal(wire_counters(wire, 1).rejects[CM_GATE_POLICY], 1);
    cardmux_close(client);
}

static struct cardmux_completion ask(struct cardmux_client *client, uint16_t op, uint32_t key, const void *param,
                                     uint16_t len, uint8_t out[96])
{
    struct cardmux_request request = {.op = op, .key = key, .param_len = len};
    struct cardmux_completion done;
    request.slot = (uint16_t)cardmux_slot_take(client);
    if (len)
        memcpy(cardmux_slot_param(client, request.slot), param, len);
    assert_int_equal(cardmux_submit(client, &request, 1), 1);
    assert_int_equal(cardmux_poll(client, &done, 1, 1, -1), 1);
    assert_true(done.param_len <= 96);
    memcpy(out, cardmux_slot_param(client, request.slot), done.param_len);
    cardmux_slot_free(client, request.slot);
    return done;
}

static void test_p256(void **state)
{
    struct cardmux_client *client = NULL;
    struct cardmux_options options = {.size = sizeof options, .reach = "unix", .where = wire_socket(wire, 0, "unix")};
    uint8_t all[160], digest[32] = {7}, out[96];
    struct cardmux_completion done;
    (void)state;
    assert_int_equal(admin_key(ADMIN_KEY_GENERATE, VAULT_KEY_P256, 1, 256), VAULT_OK);
    assert_int_equal(cardmux_open(&options, &client, NULL, 0), SDR_OK);
    assert_int_equal(ask(client, CM_OP_P256_SIGN, 1, digest, 32, out).status, SDR_PARDENY);
    assert_int_equal(cardmux_right_get(client, 1, NULL, 0), SDR_OK);
    assert_int_equal(ask(client, CM_OP_P256_SIGN, 9, digest, 32, out).status, SDR_KEYNOTEXIST);
    assert_int_equal(ask(client, CM_OP_P256_EXPORT, 9, NULL, 0, out).status, SDR_KEYNOTEXIST);
    done = ask(client, CM_OP_P256_EXPORT, 1, NULL, 0, all);
    assert_true(done.status == SDR_OK && done.param_len == 64);
    done = ask(client, CM_OP_P256_SIGN, 1, digest, 32, out);
    assert_true(done.status == SDR_OK && done.param_len == 64);
    memcpy(all + 64, digest, 32);
    memcpy(all + 96, out, 64);
    assert_int_equal(ask(client, CM_OP_P256_VERIFY, 0, all, 160, out).status, SDR_OK);
    all[159] ^= 1;
    assert_int_equal(ask(client, CM_OP_P256_VERIFY, 0, all, 160, out).status, SDR_VERIFYERR);
    all[0] ^= 1;
    assert_int_equal(ask(client, CM_OP_P256_VERIFY, 0, all, 160, out).status, SDR_KEYERR);
    done = ask(client, CM_OP_P256_KEYPAIR, 0, NULL, 0, out);
    assert_true(done.status == SDR_OK && done.param_len == 96);
    cardmux_close(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unwrap_limit),
        cmocka_unit_test(test_opened_bare),
        cmocka_unit_test(test_index_goes),
        cmocka_unit_test(test_restart),
        cmocka_unit_test(test_four_or_none),
        cmocka_unit_test(test_made_by_operator),
        cmocka_unit_test(test_debug_by_tenant),
        cmocka_unit_test(test_p256),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
