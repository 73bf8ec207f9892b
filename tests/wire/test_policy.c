/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tenant's policy, as its applications feel it: what the operator denies is refused from the next call on, with the
 * right code, and counted; what is allowed again works. Keeper's doors, broker and libsdf are in this process.
 */
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

static struct wire *wire;
static void *device, *session;

static struct admin_message tenant_message(uint32_t type)
{
    struct admin_message message = {.type = type};
    snprintf(message.tenant.name, sizeof message.tenant.name, "t0");
    return message;
}

static void change(const char *deny, const char *allow)
{
    struct admin_message message = tenant_message(ADMIN_TENANT_SET);
    message.mask = ADMIN_SET_POLICY;
    if (deny)
        assert_true(cm_policy_name(deny, &message.deny.policy));
    if (allow)
        assert_true(cm_policy_name(allow, &message.allow.policy));
    assert_int_equal(wire_admin(wire, &message), VAULT_OK);
}

static void codes(enum vault_codes wanted)
{
    struct admin_message message = tenant_message(ADMIN_TENANT_SET);
    message.mask = ADMIN_SET_CODES;
    message.policy.codes = wanted;
    assert_int_equal(wire_admin(wire, &message), VAULT_OK);
}

static int call_random(void)
{
    uint8_t bytes[8];
    return SDF_GenerateRandom(session, sizeof bytes, bytes);
}

static int call_export(void)
{
    ECCrefPublicKey key;
    return SDF_ExportSignPublicKey_ECC(session, 1, &key);
}

static int call_pair(void)
{
    ECCrefPublicKey key;
    ECCrefPrivateKey secret;
    return SDF_GenerateKeyPair_ECC(session, SGD_SM2_1, 256, &key, &secret);
}

static int call_generate(void)
{
    uint8_t wrapped[64];
    unsigned len;
    void *key;
    int status = SDF_GenerateKeyWithKEK(session, 128, SGD_SM4_ECB, 1, wrapped, &len, &key);
    if (status == SDR_OK)
        SDF_DestroyKey(session, key);
    return status;
}

static uint8_t wrapped_key[64];
static unsigned wrapped_len;
static void *key;

static int call_import(void)
{
    void *again;
    int status = SDF_ImportKeyWithKEK(session, SGD_SM4_ECB, 1, wrapped_key, wrapped_len, &again);
    if (status == SDR_OK)
        SDF_DestroyKey(session, again);
    return status;
}

static int call_encrypt(void)
{
    uint8_t block[16] = {0}, out[16];
    unsigned len;
    return SDF_Encrypt(session, key, SGD_SM4_ECB, NULL, block, 16, out, &len);
}

static int call_export_key(void)
{
    uint8_t out[64];
    unsigned len;
    return SDF_ExportKeyWithKEK(session, key, SGD_SM4_ECB, 1, out, &len);
}

static int call_mac(void)
{
    uint8_t iv[16] = {0}, block[16] = {0}, out[16];
    unsigned len;
    return SDF_CalculateMAC(session, key, SGD_SM4_MAC, iv, block, 16, out, &len);
}

static int hash(unsigned alg)
{
    uint8_t out[64];
    unsigned len;
    int status = SDF_HashInit(session, alg, NULL, NULL, 0);
    if (status == SDR_OK)
        status = SDF_HashUpdate(session, (uint8_t *)"abc", 3);
    return status == SDR_OK ? SDF_HashFinal(session, out, &len) : status;
}

static int call_sm3(void)
{
    return hash(SGD_SM3);
}

static int call_sha256(void)
{
    return hash(SGD_SHA256);
}

static void *secret; /* of a channel */
static uint8_t randoms[2][32], ivs[2][16];
static ECCrefPublicKey epk;

static int derive(unsigned alg, unsigned iv)
{
    void *keys[4];
    int status = SDF_GenerateKeywithSSL(session, secret, randoms[0], 32, randoms[1], 32, alg, &keys[0], 256, &keys[1],
                                        256, &keys[2], 128, &keys[3], 128, ivs[0], iv, ivs[1], iv);
    for (unsigned i = 0; status == SDR_OK && i < 4; i++)
        SDF_DestroyKey(session, keys[i]);
    return status;
}

static int call_derive(void)
{
    return derive(SGD_SM3, 0);
}

static int call_derive_ivs(void)
{
    return derive(SGD_SM3, 16);
}

static int call_derive_sha256(void)
{
    return derive(SGD_SHA256, 16);
}

static int call_derive_epk(void)
{
    static union {
        ECCCipher cipher;
        uint8_t bytes[164 + 64];
    } out[4];
    return SDF_GenerateKeywithEPK_SSL(session, secret, randoms[0], 32, randoms[1], 32, SGD_SM3, SGD_SM2_3, &epk,
                                      &out[0].cipher, 256, &out[1].cipher, 256, &out[2].cipher, 128, &out[3].cipher,
                                      128, NULL, 0, NULL, 0);
}

static int call_sign(void)
{
    uint8_t digest[32] = {1};
    ECCSignature signature;
    return SDF_InternalSign_ECC(session, 1, digest, 32, &signature);
}

static int call_ike(void)
{
    void *d = NULL;
    int status = SDF_GenerateKeywithIKE(session, randoms[0], 16, randoms[1], 16, randoms[0], 8, randoms[1], 8, SGD_SM3,
                                        &d, 256, NULL, 0, NULL, 0);
    if (status == SDR_OK)
        SDF_DestroyKey(session, d);
    return status;
}

static int call_ipsec(void)
{
    void *enc = NULL;
    int status = SDF_GenerateKeywithIPSEC(session, randoms[0], 1, randoms[1], 4, randoms[0], 16, randoms[1], 16, secret,
                                          SGD_SHA256, &enc, 128, NULL, 0, NULL, 0);
    if (status == SDR_OK)
        SDF_DestroyKey(session, enc);
    return status;
}

static const struct {
    const char *name;
    int (*call)(void);
    int denied;
    int (*neighbour)(void); /* goes on */
} rows[] = {
    {"random", call_random, SDR_NOTSUPPORT, call_sm3},
    {"public-export", call_export, SDR_NOTSUPPORT, call_sign},
    {"symmetric", call_encrypt, SDR_NOTSUPPORT, call_mac},
    {"mac", call_mac, SDR_NOTSUPPORT, call_encrypt},
    {"hash", call_sm3, SDR_NOTSUPPORT, call_random},
    {"asymmetric", call_sign, SDR_NOTSUPPORT, call_pair},
    {"key-pair", call_pair, SDR_NOTSUPPORT, call_sign},
    {"key-generation", call_generate, SDR_NOTSUPPORT, call_import},
    {"key-import", call_import, SDR_NOTSUPPORT, call_generate},
    {"key-export", call_export_key, SDR_NOTSUPPORT, call_encrypt},
    {"agreement", call_derive, SDR_NOTSUPPORT, call_encrypt},
    {"agreement", call_derive_epk, SDR_NOTSUPPORT, call_export_key},
    {"key-export", call_derive_epk, SDR_NOTSUPPORT, call_derive_ivs},
    {"sm3", call_derive, SDR_ALGNOTSUPPORT, call_derive_sha256},
    {"sha2", call_derive_sha256, SDR_ALGNOTSUPPORT, call_derive_ivs},
    {"sm3", call_derive_epk, SDR_ALGNOTSUPPORT, call_derive_sha256},
    {"sm2", call_derive_epk, SDR_ALGNOTSUPPORT, call_derive},
    {"agreement", call_ike, SDR_NOTSUPPORT, call_mac},
    {"agreement", call_ipsec, SDR_NOTSUPPORT, call_mac},
    {"sm3", call_ike, SDR_ALGNOTSUPPORT, call_ipsec},
    {"sha2", call_ipsec, SDR_ALGNOTSUPPORT, call_ike},
    {"sm4", call_encrypt, SDR_ALGNOTSUPPORT, call_sm3},
    {"sm4", call_generate, SDR_ALGNOTSUPPORT, call_sign},
    {"sm2", call_sign, SDR_ALGNOTSUPPORT, call_encrypt},
    {"sm3", call_sm3, SDR_ALGNOTSUPPORT, call_sha256},
    {"sha2", call_sha256, SDR_ALGNOTSUPPORT, call_sm3},
};

static void test_denied(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t before = wire_counters(wire, 0).rejects[CM_GATE_POLICY];
        assert_int_equal(rows[i].call(), SDR_OK);
        assert_int_equal(wire_counters(wire, 0).rejects[CM_GATE_POLICY], before);
        change(rows[i].name, NULL);
        int status = rows[i].call();
        if (status != rows[i].denied)
            fail_msg("%s denied: 0x%08x", rows[i].name, (unsigned)status);
        assert_true(wire_counters(wire, 0).rejects[CM_GATE_POLICY] > before);
        assert_int_equal(rows[i].neighbour(), SDR_OK);
        change(NULL, rows[i].name);
        assert_int_equal(rows[i].call(), SDR_OK);
    }
}

/* What was denied stays so when the daemon starts anew; a virtual card does not list it. */
static void test_durable(void **state)
{
    DEVICEINFO info;
    (void)state;
    assert_int_equal(SDF_GetDeviceInfo(session, &info), SDR_OK);
    assert_true(info.HashAlgAbility & SGD_SM3 && info.SymAlgAbility & SGD_SM4 && info.AsymAlgAbility[0] & 0x20000);
    assert_int_equal(info.BufferSize, VAULT_FILE_BYTES_DEFAULT);
    change("sm3", NULL);
    change("sm4", NULL);
    change("sm2", NULL);
    change("files", NULL);
    wire_broker_stop(wire);
    wire_broker_start(wire);
    assert_int_equal(call_sm3(), SDR_ALGNOTSUPPORT);
    assert_int_equal(SDF_GetDeviceInfo(session, &info), SDR_OK);
    assert_false(info.HashAlgAbility & SGD_SM3 || info.SymAlgAbility & SGD_SM4 || info.AsymAlgAbility[0] & 0x20000);
    assert_true(info.HashAlgAbility & SGD_SHA1 && info.SymAlgAbility & SGD_CBC);
    assert_int_equal(info.BufferSize, 0);
    change(NULL, "sm3");
    change(NULL, "sm4");
    change(NULL, "sm2");
    change(NULL, "files");
    assert_int_equal(call_sm3(), SDR_OK);
}

static void test_codes(void **state)
{
    (void)state;
    struct admin_message message = tenant_message(ADMIN_KEY_GENERATE);
    assert_int_equal(call_sign(), SDR_COMMFAIL); /* test_durable's new broker has not its right */
    assert_int_equal(SDF_GetPrivateKeyAccessRight(session, 1, NULL, 0), SDR_OK);
    assert_int_equal(call_sign(), SDR_OK);
    codes(VAULT_CODES_NEW);
    assert_int_equal(call_sign(), SDR_OK);
    message.key.kind = VAULT_KEY_SM2;
    message.key.index = 9;
    message.key.bits = 256;
    assert_int_equal(wire_admin(wire, &message), VAULT_INVALID);
    message = tenant_message(ADMIN_KEY_GENERATE);
    message.key.kind = VAULT_KEY_SM2;
    message.key.index = 9;
    message.key.bits = 256;
    message.code_len = 8;
    memcpy(message.code, WIRE_CODE, 8);
    assert_int_equal(wire_admin(wire, &message), VAULT_OK);
    codes(VAULT_CODES_ALWAYS); /* the right was given before */
    assert_int_equal(call_sign(), SDR_PARDENY);
    assert_int_equal(SDF_GetPrivateKeyAccessRight(session, 1, NULL, 0), SDR_PARDENY);
    assert_int_equal(SDF_GetPrivateKeyAccessRight(session, 2, (uint8_t *)WIRE_CODE, 8), SDR_OK);
    assert_int_equal(SDF_GetPrivateKeyAccessRight(session, 2, NULL, 0), SDR_PRKRERR);
    codes(VAULT_CODES_FREE);
    assert_int_equal(call_sign(), SDR_OK);
}

static enum vault_result set_code(const char *code)
{
    struct admin_message message = tenant_message(ADMIN_KEY_CODE);
    message.key.kind = VAULT_KEY_SM2;
    message.key.index = 1;
    message.code_len = code ? (uint32_t)strlen(code) : 0;
    if (code)
        memcpy(message.code, code, strlen(code));
    return wire_admin(wire, &message);
}

/* Rights that were given under the old code are gone. */
static void test_set_code(void **state)
{
    (void)state;
    assert_int_equal(call_sign(), SDR_OK);
    assert_int_equal(set_code("new code"), VAULT_OK);
    assert_int_equal(call_sign(), SDR_PARDENY);
    assert_int_equal(SDF_GetPrivateKeyAccessRight(session, 1, NULL, 0), SDR_PRKRERR);
    assert_int_equal(SDF_GetPrivateKeyAccessRight(session, 1, (uint8_t *)"new code", 8), SDR_OK);
    assert_int_equal(call_sign(), SDR_OK);
    assert_int_equal(set_code(NULL), VAULT_OK);
    assert_int_equal(call_sign(), SDR_PARDENY);
    assert_int_equal(SDF_GetPrivateKeyAccessRight(session, 1, NULL, 0), SDR_OK);
    assert_int_equal(call_sign(), SDR_OK);
}

/* A right is for a key, not for whatever comes to the same index after it. */
static void test_right_dies_with_key(void **state)
{
    uint8_t digest[32] = {1};
    ECCSignature signature;
    struct admin_message message = tenant_message(ADMIN_KEY_GENERATE);
    const struct vault_key which = {.kind = VAULT_KEY_SM2, .index = 77, .bits = 256};
    (void)state;
    message.key = which;
    assert_int_equal(wire_admin(wire, &message), VAULT_OK);
    assert_int_equal(SDF_GetPrivateKeyAccessRight(session, 77, NULL, 0), SDR_OK);
    assert_int_equal(SDF_InternalSign_ECC(session, 77, digest, 32, &signature), SDR_OK);
    message = tenant_message(ADMIN_KEY_DESTROY);
    message.key = which;
    assert_int_equal(wire_admin(wire, &message), VAULT_OK);
    message = tenant_message(ADMIN_KEY_GENERATE);
    message.key = which;
    message.code_len = 8;
    memcpy(message.code, "new code", 8);
    assert_int_equal(wire_admin(wire, &message), VAULT_OK);
    assert_int_equal(SDF_InternalSign_ECC(session, 77, digest, 32, &signature), SDR_PARDENY);
    message = tenant_message(ADMIN_KEY_DESTROY);
    message.key = which;
    assert_int_equal(wire_admin(wire, &message), VAULT_OK);
}

/* The operator's way out of a lock-out; no code is right before it. */
static void test_unlock(void **state)
{
    uint8_t wrong[] = "87654321", right[] = WIRE_CODE;
    (void)state;
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(SDF_GetPrivateKeyAccessRight(session, 2, wrong, 8), SDR_PRKRERR);
    assert_int_equal(SDF_GetPrivateKeyAccessRight(session, 2, right, 8), SDR_PRKRERR);
    struct admin_message message = tenant_message(ADMIN_KEY_UNLOCK);
    message.key.kind = VAULT_KEY_SM2;
    message.key.index = 2;
    assert_int_equal(wire_admin(wire, &message), VAULT_OK);
    assert_int_equal(SDF_GetPrivateKeyAccessRight(session, 2, right, 8), SDR_OK);
}

/* A new tenant's card has a key of its own at index 0, for programs like any other; its uses are counted. */
static void test_device_key(void **state)
{
    struct admin_message message = {.type = ADMIN_TENANT_ADD};
    uint8_t digest[32] = {1};
    ECCSignature signature;
    ECCrefPublicKey public;
    (void)state;
    snprintf(message.tenant.name, sizeof message.tenant.name, "fresh");
    assert_int_equal(wire_admin(wire, &message), VAULT_OK);
    message = (struct admin_message){.type = ADMIN_KEY_LIST};
    snprintf(message.tenant.name, sizeof message.tenant.name, "fresh");
    assert_int_equal(wire_admin(wire, &message), VAULT_OK);
    assert_int_equal(message.key.kind, VAULT_KEY_SM2);
    assert_int_equal(message.key.index, 0);
    assert_int_equal(message.sign_uses, 0);

    message = tenant_message(ADMIN_KEY_GENERATE); /* t0 was made without the daemon */
    message.key = (struct vault_key){.kind = VAULT_KEY_SM2, .index = 0, .bits = 256};
    assert_int_equal(wire_admin(wire, &message), VAULT_OK);
    assert_int_equal(SDF_ExportSignPublicKey_ECC(session, 0, &public), SDR_OK);
    assert_int_equal(SDF_InternalSign_ECC(session, 0, digest, 32, &signature), SDR_PARDENY);
    assert_int_equal(SDF_GetPrivateKeyAccessRight(session, 0, NULL, 0), SDR_OK);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(SDF_InternalSign_ECC(session, 0, digest, 32, &signature), SDR_OK);
    assert_int_equal(SDF_ExternalVerify_ECC(session, SGD_SM2_1, &public, digest, 32, &signature), SDR_OK);
    message = tenant_message(ADMIN_KEY_LIST);
    assert_int_equal(wire_admin(wire, &message), VAULT_OK);
    assert_int_equal(message.key.index, 0);
    assert_int_equal(message.sign_uses, 3);
    assert_int_equal(message.encrypt_uses, 0);
}

/* What the tenant's programs made, the operator sees and can remove; a limit counts at once. */
static void test_files(void **state)
{
    static const uint8_t name[] = {'f', 0xff};
    struct admin_message message = tenant_message(ADMIN_FILE_LIST);
    uint8_t byte = 1;
    (void)state;
    assert_int_equal(SDF_CreateFile(session, (uint8_t *)(uintptr_t)name, 2, 1000), SDR_OK);
    assert_int_equal(wire_admin(wire, &message), VAULT_OK);
    assert_int_equal(message.file.name_len, 2);
    assert_memory_equal(message.file.name, name, 2);
    assert_int_equal(message.file.size, 1000);

    message = tenant_message(ADMIN_TENANT_SET);
    message.mask = ADMIN_SET_FILES | ADMIN_SET_FILE_BYTES;
    message.policy.max_files = 2;
    message.policy.max_file_bytes = 1500;
    assert_int_equal(wire_admin(wire, &message), VAULT_OK);
    DEVICEINFO info;
    assert_int_equal(SDF_GetDeviceInfo(session, &info), SDR_OK);
    assert_int_equal(info.BufferSize, 1500);
    assert_int_equal(SDF_CreateFile(session, (uint8_t *)"g", 1, 501), SDR_FILESIZEERR);
    assert_int_equal(SDF_CreateFile(session, (uint8_t *)"g", 1, 400), SDR_OK);
    assert_int_equal(SDF_CreateFile(session, (uint8_t *)"h", 1, 1), SDR_FILESIZEERR);
    change("files", NULL);
    assert_int_equal(SDF_WriteFile(session, (uint8_t *)"g", 1, 0, 1, &byte), SDR_NOTSUPPORT);
    change(NULL, "files");
    assert_int_equal(SDF_WriteFile(session, (uint8_t *)"g", 1, 0, 1, &byte), SDR_OK);

    message = tenant_message(ADMIN_FILE_REMOVE);
    memcpy(message.file.name, name, 2);
    message.file.name_len = 2;
    assert_int_equal(wire_admin(wire, &message), VAULT_OK);
    assert_int_equal(SDF_DeleteFile(session, (uint8_t *)(uintptr_t)name, 2), SDR_FILENOEXIST);
    message = tenant_message(ADMIN_FILE_REMOVE);
    memcpy(message.file.name, name, 2);
    message.file.name_len = 2;
    assert_int_equal(wire_admin(wire, &message), VAULT_NOT_FOUND);
    message = tenant_message(ADMIN_FILE_REMOVE);
    message.file.name_len = 5000; /* whatever the other process says */
    assert_int_equal(wire_admin(wire, &message), VAULT_INVALID);
    assert_int_equal(SDF_DeleteFile(session, (uint8_t *)"g", 1), SDR_OK);
}

static int start(void **state)
{
    (void)state;
    wire = wire_start(&(struct wire_options){.tenants = 1});
    wire_use(wire, 0);
    if (SDF_OpenDevice(&device) != SDR_OK || SDF_OpenSession(device, &session) != SDR_OK ||
        SDF_GetPrivateKeyAccessRight(session, 1, NULL, 0) != SDR_OK ||
        SDF_ImportKey(session, randoms[0], 32, &secret) != SDR_OK ||
        SDF_ExportEncPublicKey_ECC(session, 1, &epk) != SDR_OK)
        return -1;
    return SDF_GenerateKeyWithKEK(session, 128, SGD_SM4_ECB, 1, wrapped_key, &wrapped_len, &key) == SDR_OK ? 0 : -1;
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
        cmocka_unit_test(test_denied),
        cmocka_unit_test(test_durable),
        cmocka_unit_test(test_codes),
        cmocka_unit_test(test_set_code),
        cmocka_unit_test(test_right_dies_with_key),
        cmocka_unit_test(test_unlock),
        cmocka_unit_test(test_device_key),
        cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
