/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handles of stored keys, as applications and operators feel them: only where they were allowed; the KEK stays in the
 * card while it has one, at the cost of its tenant alone; and a handle dies with the KEK, or with its access code. And
 * encrypting pairs that applications put in: what one did, all see, also after a restart, and the audit log tells.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>

#include "backend/broker/broker.h"
#include "cardmux/sdf.h"
#include "tests/clients/sdf_cases.h"
#include "tests/clients/sm2_raw.h"
#include "tests/wire/harness.h"

#define KEKS  20u /* indexes 11 to 30 */
#define FIRST 11u
#define ROOM  6u /* keys of all tenants that are in the card, but for those with handles */

static struct wire *wire;
static void *device, *session;

static enum vault_result act_on(unsigned tenant, struct admin_message *message)
{
    snprintf(message->tenant.name, sizeof message->tenant.name, "t%u", tenant);
    return wire_admin(wire, message);
}

static enum vault_result key_act(uint32_t type, unsigned tenant, enum vault_key_kind kind, uint32_t index)
{
    struct admin_message message = {.type = type,
                                    .key = {.kind = kind, .index = index, .bits = kind == VAULT_KEY_KEK ? 128 : 256}};
    return act_on(tenant, &message);
}

/* Flags by themselves; a class by its name. */
static void change(unsigned tenant, uint32_t allow, uint32_t deny, const char *deny_class, const char *allow_class)
{
    struct admin_message message = {.type = ADMIN_TENANT_SET, .mask = ADMIN_SET_POLICY};
    message.allow.flags = allow;
    message.deny.flags = deny;
    assert_true(!deny_class || cm_policy_name(deny_class, &message.deny.policy));
    assert_true(!allow_class || cm_policy_name(allow_class, &message.allow.policy));
    assert_int_equal(act_on(tenant, &message), VAULT_OK);
}

static struct admin_vault state_now(void)
{
    struct admin_message message = {.type = ADMIN_VAULT_STATE};
    assert_int_equal(wire_admin(wire, &message), VAULT_OK);
    return message.vault;
}

static void use(unsigned tenant)
{
    wire_use(wire, tenant);
    assert_int_equal(SDF_OpenDevice(&device), SDR_OK);
    assert_int_equal(SDF_OpenSession(device, &session), SDR_OK);
}

static int encrypt(void *key)
{
    uint8_t block[16] = {1, 2, 3};
    unsigned len;
    return SDF_Encrypt(session, key, SGD_SM4_ECB, NULL, block, 16, block, &len);
}

static void test_allowed_by_name(void **state)
{
    uint64_t before = wire_counters(wire, 0).rejects[CM_GATE_POLICY];
    void *kept, *key;
    (void)state;
    assert_int_equal(SDF_GetSymmKeyHandle(session, 1, &kept), SDR_OK);
    change(0, 0, CM_ASKED_KEK_HANDLE, NULL, NULL);
    assert_int_equal(SDF_GetSymmKeyHandle(session, 1, &key), SDR_NOTSUPPORT);
    assert_true(wire_counters(wire, 0).rejects[CM_GATE_POLICY] > before);
    assert_int_equal(encrypt(kept), SDR_OK);               /* it was begun before */
    change(0, CM_ASKED_KEK_HANDLE, 0, "key-export", NULL); /* session keys go neither way out then */
    assert_int_equal(SDF_GetSymmKeyHandle(session, 1, &key), SDR_NOTSUPPORT);
    change(0, 0, 0, NULL, "key-export");
    assert_int_equal(SDF_GetSymmKeyHandle(session, 1, &key), SDR_OK);
    assert_int_equal(SDF_DestroyKey(session, key), SDR_OK);
    assert_int_equal(SDF_DestroyKey(session, kept), SDR_OK);
}

/* More handles than the card has room for: they do not push each other out, nor the neighbours' keys. */
static void test_stays_in_the_card(void **state)
{
    void *keys[2][KEKS];
    ECCrefPublicKey public;
    (void)state;
    uint64_t fetched = state_now().keys_fetched;
    for (unsigned i = 0; i < KEKS; i++)
        for (unsigned n = 0; n < 2; n++)
            assert_int_equal(SDF_GetSymmKeyHandle(session, FIRST + i, &keys[n][i]), SDR_OK);
    assert_int_equal(state_now().keys_fetched, fetched + KEKS);
    for (unsigned turn = 0; turn < 3; turn++)
        for (unsigned i = 0; i < ROOM; i++)
            assert_int_equal(SDF_ExportSignPublicKey_ECC(session, FIRST + i, &public), SDR_OK);
    assert_int_equal(state_now().keys_fetched, fetched + KEKS + ROOM); /* all of these have room */
    for (unsigned i = 0; i < KEKS; i++)
        assert_int_equal(encrypt(keys[0][i]), SDR_OK);
    assert_int_equal(state_now().keys_fetched, fetched + KEKS + ROOM);
    assert_true(state_now().keys_loaded <= ROOM);

    for (unsigned i = 0; i < KEKS; i++)
        assert_int_equal(SDF_DestroyKey(session, keys[0][i]), SDR_OK);
    for (unsigned i = 0; i < KEKS; i++)
        assert_int_equal(encrypt(keys[1][i]), SDR_OK);
    for (unsigned i = 0; i < KEKS; i++)
        assert_int_equal(SDF_DestroyKey(session, keys[1][i]), SDR_OK);
    for (unsigned i = 0; i < ROOM; i++) /* now they make room, as any key */
        assert_int_equal(SDF_ExportSignPublicKey_ECC(session, FIRST + KEKS + i, &public), SDR_OK);
    assert_true(state_now().keys_loaded <= ROOM);
    fetched = state_now().keys_fetched;
    assert_int_equal(SDF_GetSymmKeyHandle(session, FIRST, &keys[0][0]), SDR_OK);
    assert_int_equal(state_now().keys_fetched, fetched + 1);
    assert_int_equal(SDF_DestroyKey(session, keys[0][0]), SDR_OK);
}

static void test_limit(void **state)
{
    struct admin_message message = {.type = ADMIN_TENANT_SET, .mask = ADMIN_SET_HANDLES, .tenant.max_handles = 2};
    void *keys[3];
    (void)state;
    assert_int_equal(act_on(0, &message), VAULT_OK);
    assert_int_equal(SDF_GetSymmKeyHandle(session, 1, &keys[0]), SDR_OK);
    assert_int_equal(SDF_GetSymmKeyHandle(session, 1, &keys[1]), SDR_OK);
    assert_int_equal(SDF_GetSymmKeyHandle(session, 1, &keys[2]), SDR_NOBUFFER);
    assert_int_equal(wire_counters(wire, 0).handles, 2);
    assert_int_equal(SDF_DestroyKey(session, keys[0]), SDR_OK);
    assert_int_equal(SDF_GetSymmKeyHandle(session, 1, &keys[2]), SDR_OK);
    assert_int_equal(encrypt(keys[1]), SDR_OK);
    assert_int_equal(encrypt(keys[2]), SDR_OK);
    assert_int_equal(SDF_DestroyKey(session, keys[1]), SDR_OK);
    assert_int_equal(SDF_DestroyKey(session, keys[2]), SDR_OK);
    assert_int_equal(wire_counters(wire, 0).handles, 0);
    message = (struct admin_message){.type = ADMIN_TENANT_SET, .mask = ADMIN_SET_HANDLES, .tenant.max_handles = 1000};
    assert_int_equal(act_on(0, &message), VAULT_OK);
}

/* Another KEK at the same index is another KEK. */
static void test_dies_with_the_kek(void **state)
{
    void *old, *new, *neighbour;
    (void)state;
    assert_int_equal(key_act(ADMIN_KEY_GENERATE, 0, VAULT_KEY_KEK, 90), VAULT_OK);
    assert_int_equal(SDF_GetSymmKeyHandle(session, 90, &old), SDR_OK);
    assert_int_equal(SDF_GetSymmKeyHandle(session, 1, &neighbour), SDR_OK);
    assert_int_equal(encrypt(old), SDR_OK);
    assert_int_equal(key_act(ADMIN_KEY_DESTROY, 0, VAULT_KEY_KEK, 90), VAULT_OK);
    assert_int_equal(encrypt(old), SDR_KEYNOTEXIST);
    assert_int_equal(SDF_GetSymmKeyHandle(session, 90, &new), SDR_KEYNOTEXIST);
    assert_int_equal(key_act(ADMIN_KEY_GENERATE, 0, VAULT_KEY_KEK, 90), VAULT_OK);
    assert_int_equal(encrypt(old), SDR_KEYNOTEXIST);
    assert_int_equal(SDF_GetSymmKeyHandle(session, 90, &new), SDR_OK);
    assert_int_equal(encrypt(new), SDR_OK);
    assert_int_equal(encrypt(neighbour), SDR_OK);
    assert_int_equal(SDF_DestroyKey(session, old), SDR_OK);
    assert_int_equal(encrypt(new), SDR_OK);
    assert_int_equal(SDF_DestroyKey(session, new), SDR_OK);
    assert_int_equal(SDF_DestroyKey(session, neighbour), SDR_OK);
    assert_int_equal(key_act(ADMIN_KEY_DESTROY, 0, VAULT_KEY_KEK, 90), VAULT_OK);
    assert_int_equal(wire_counters(wire, 0).handles, 0);
}

static void test_dies_with_the_code(void **state)
{
    struct admin_message message = {.type = ADMIN_KEY_CODE, .key = {.kind = VAULT_KEY_KEK, .index = 2}, .code_len = 8};
    void *old, *new;
    (void)state;
    memcpy(message.code, "new code", 8);
    assert_int_equal(SDF_GetKEKAccessRight(session, 2, (uint8_t *)WIRE_CODE, 8), SDR_OK);
    assert_int_equal(SDF_GetSymmKeyHandle(session, 2, &old), SDR_OK);
    assert_int_equal(encrypt(old), SDR_OK);
    assert_int_equal(act_on(0, &message), VAULT_OK);
    assert_int_equal(encrypt(old), SDR_KEYNOTEXIST);
    assert_int_equal(SDF_GetSymmKeyHandle(session, 2, &new), SDR_PARDENY);
    assert_int_equal(SDF_GetKEKAccessRight(session, 2, (uint8_t *)"new code", 8), SDR_OK);
    assert_int_equal(SDF_GetSymmKeyHandle(session, 2, &new), SDR_OK);
    assert_int_equal(encrypt(new), SDR_OK);
    assert_int_equal(SDF_DestroyKey(session, old), SDR_OK);
    assert_int_equal(SDF_DestroyKey(session, new), SDR_OK);
}

/* It is lost as a session key is, and said once. */
static void test_restart(void **state)
{
    void *key;
    (void)state;
    assert_int_equal(SDF_GetSymmKeyHandle(session, 1, &key), SDR_OK);
    wire_broker_stop(wire);
    wire_broker_start(wire);
    assert_int_equal(encrypt(key), SDR_COMMFAIL);
    assert_int_equal(encrypt(key), SDR_KEYNOTEXIST);
    assert_int_equal(SDF_GetSymmKeyHandle(session, 1, &key), SDR_OK);
    assert_int_equal(encrypt(key), SDR_OK);
    assert_int_equal(SDF_DestroyKey(session, key), SDR_OK);
}

/* What is done by a handle is a use of the KEK. A tenant whose first key is one. */
static void test_uses(void **state)
{
    struct admin_message message = {.type = ADMIN_KEY_LIST};
    void *key, *kept;
    (void)state;
    SDF_CloseDevice(device);
    assert_int_equal(key_act(ADMIN_KEY_DESTROY, 1, VAULT_KEY_SM2, 1), VAULT_OK);
    assert_int_equal(key_act(ADMIN_KEY_DESTROY, 1, VAULT_KEY_SM2, 2), VAULT_OK);
    use(1);
    assert_int_equal(SDF_GetSymmKeyHandle(session, 1, &key), SDR_NOTSUPPORT); /* nobody allowed it */
    change(1, CM_ASKED_KEK_HANDLE, 0, NULL, NULL);
    assert_int_equal(SDF_GetSymmKeyHandle(session, 1, &key), SDR_OK);
    assert_int_equal(SDF_GetSymmKeyHandle(session, 1, &kept), SDR_OK);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(encrypt(i % 2 ? key : kept), SDR_OK);
    assert_int_equal(SDF_DestroyKey(session, key), SDR_OK);
    assert_int_equal(act_on(1, &message), VAULT_OK);
    assert_int_equal(message.key.kind, VAULT_KEY_KEK);
    assert_int_equal(message.key.index, 1);
    assert_int_equal(message.encrypt_uses, 5);
    SDF_CloseDevice(device); /* with a handle that nobody destroyed */
    use(0);
}

/* ---- pairs ---- */

struct pair {
    uint8_t d[32], point[64];
};

static void point_of(void *own, uint32_t index, bool encrypt, uint8_t point[64])
{
    ECCrefPublicKey key;
    assert_int_equal(
        encrypt ? SDF_ExportEncPublicKey_ECC(own, index, &key) : SDF_ExportSignPublicKey_ECC(own, index, &key), SDR_OK);
    sdf_point_bytes(&key, point);
}

/* Makes a pair, and puts it into the index. */
static int import(void *own, uint32_t index, struct pair *pair)
{
    union {
        EnvelopedECCKey e;
        uint8_t bytes[sizeof(EnvelopedECCKey) + 16];
    } envelope = {.e = {.Version = 1, .ulSymmAlgID = SGD_SM4_ECB, .ulBits = 256}};
    uint8_t key[16] = "a key of sixteen", clear[64] = {0}, sign[64], raw[96 + 16];
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n = 0;
    point_of(own, index, false, sign);
    assert_true(sm2_raw_generate(pair->d, pair->point) && sm2_raw_encrypt(sign, key, 16, raw));
    memcpy(clear + 32, pair->d, 32);
    assert_true(EVP_EncryptInit_ex(ctx, EVP_sm4_ecb(), NULL, key, NULL) && EVP_CIPHER_CTX_set_padding(ctx, 0) &&
                EVP_EncryptUpdate(ctx, envelope.e.cbEncryptedPriKey, &n, clear, 64));
    EVP_CIPHER_CTX_free(ctx);
    sdf_point(pair->point, &envelope.e.PubKey);
    sdf_cipher_fill(&envelope.e.ECCCipherBlob, raw, sizeof raw);
    return SDF_ImportKeyPair_ECC(own, index, SGD_SM2_3, 256, &envelope.e);
}

/* What is encrypted inside is opened by the number outside: the pair is in use. */
static void uses(void *own, uint32_t index, const struct pair *pair)
{
    uint8_t point[64], text[8] = "for whom", raw[96 + 8], out[8];
    union sdf_cipher cipher;
    point_of(own, index, true, point);
    assert_memory_equal(point, pair->point, 64);
    assert_int_equal(SDF_InternalEncrypt_ECC(own, index, SGD_SM2_3, text, 8, &cipher.c), SDR_OK);
    assert_true(sm2_raw_decrypt(pair->d, raw, sdf_cipher_bytes(&cipher.c, raw), out));
    assert_memory_equal(out, text, 8);
}

static void test_pair_is_everybodys(void **state)
{
    struct pair first, second, refused;
    void *other;
    (void)state;
    assert_int_equal(SDF_OpenSession(device, &other), SDR_OK);
    assert_int_equal(SDF_GetPrivateKeyAccessRight(session, 1, NULL, 0), SDR_OK);
    assert_int_equal(import(other, 1, &refused), SDR_PARDENY);
    assert_int_equal(import(session, 1, &first), SDR_OK);
    uses(session, 1, &first);
    uses(other, 1, &first);
    change(0, 0, CM_ASKED_PAIR_IMPORT, NULL, NULL);
    assert_int_equal(import(session, 1, &refused), SDR_NOTSUPPORT);
    change(0, CM_ASKED_PAIR_IMPORT, 0, "key-import", NULL);
    assert_int_equal(import(session, 1, &refused), SDR_NOTSUPPORT);
    change(0, 0, 0, NULL, "key-import");
    uses(other, 1, &first);
    assert_int_equal(import(session, 1, &second), SDR_OK);
    uses(other, 1, &second);
    wire_broker_stop(wire);
    wire_broker_start(wire);
    uses(other, 1, &second);
    assert_int_equal(import(session, 1, &refused), SDR_COMMFAIL); /* its right is gone */
    assert_int_equal(import(session, 1, &refused), SDR_PARDENY);
    assert_int_equal(SDF_CloseSession(other), SDR_OK);
}

/* The line of the audit log that has both texts. */
static bool log_says(const char *one, const char *two)
{
    static char text[1 << 18];
    size_t len = 0;
    struct admin_message message;
    for (uint64_t segment = 1; segment < 100; segment++)
        for (uint64_t offset = 0;; offset += message.audit.len) {
            message = (struct admin_message){.type = ADMIN_AUDIT_READ};
            message.audit.segment = segment;
            message.audit.offset = offset;
            if (wire_admin(wire, &message) != VAULT_OK || !message.audit.len ||
                len + message.audit.len + 1 > sizeof text)
                break;
            memcpy(text + len, message.audit.bytes, message.audit.len);
            len += message.audit.len;
        }
    text[len] = '\0';
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
        if (strstr(line, one) && strstr(line, two))
            return true;
    return false;
}

static void test_pair_is_told(void **state)
{
    struct pair pair;
    (void)state;
    assert_false(log_says("\"key-import\"", "sm2/2"));
    assert_int_equal(SDF_GetPrivateKeyAccessRight(session, 2, (uint8_t *)WIRE_CODE, 8), SDR_OK);
    assert_int_equal(import(session, 2, &pair), SDR_OK);
    uses(session, 2, &pair);
    assert_true(log_says("\"key-import\"", "sm2/2"));
    assert_int_equal(SDF_ReleasePrivateKeyAccessRight(session, 2), SDR_OK);
    assert_int_equal(SDF_GetPrivateKeyAccessRight(session, 2, NULL, 0), SDR_PRKRERR); /* its code is as it was */
    assert_int_equal(SDF_GetPrivateKeyAccessRight(session, 2, (uint8_t *)WIRE_CODE, 8), SDR_OK);
    assert_int_equal(import(session, 2, &pair), SDR_OK);
}

/* The card fails between what a worker did and the answer. */
static _Atomic bool fails_now;

void __real_job_finish_on_broker(struct broker *broker, struct task *task);
void __wrap_job_finish_on_broker(struct broker *broker, struct task *task);

void __wrap_job_finish_on_broker(struct broker *broker, struct task *task)
{
    if (atomic_exchange(&fails_now, false))
        card_fail(broker, "so the test wants it");
    __real_job_finish_on_broker(broker, task);
}

static void heal(void)
{
    uint8_t random[16];
    assert_false(fails_now);
    assert_int_equal(SDF_GenerateRandom(session, sizeof random, random), SDR_HARDFAIL);
    struct admin_message test = {.type = ADMIN_CARD_TEST};
    assert_int_equal(wire_admin(wire, &test), VAULT_OK);
}

static void test_kept_though_the_card_fails(void **state)
{
    struct pair pair;
    uint8_t name[] = "kept", text[4] = "text", back[4];
    unsigned len = sizeof back;
    (void)state;
    fails_now = true;
    assert_int_equal(import(session, 2, &pair), SDR_OK);
    heal();
    uses(session, 2, &pair);
    assert_int_equal(SDF_CreateFile(session, name, 4, 64), SDR_OK);
    fails_now = true;
    assert_int_equal(SDF_WriteFile(session, name, 4, 0, sizeof text, text), SDR_OK);
    heal();
    fails_now = true; /* nothing was kept: no answer of it is believed */
    assert_int_equal(SDF_ReadFile(session, name, 4, 0, &len, back), SDR_HARDFAIL);
    heal();
    len = sizeof back;
    assert_int_equal(SDF_ReadFile(session, name, 4, 0, &len, back), SDR_OK);
    assert_memory_equal(back, text, sizeof text);
}

/* Where it cannot be recorded it is not done. */
static void test_pair_unrecorded(void **state)
{
    struct pair first, refused;
    struct rlimit was, now;
    (void)state;
    assert_int_equal(SDF_GetPrivateKeyAccessRight(session, 1, NULL, 0), SDR_OK);
    assert_int_equal(import(session, 1, &first), SDR_OK);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    now = was;
    now.rlim_cur = 1024; /* a full disk */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &now), 0);
    int status = import(session, 1, &refused);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    assert_int_equal(status, SDR_HARDFAIL);
    uses(session, 1, &first);
    wire_broker_stop(wire);
    wire_broker_start(wire);
    uses(session, 1, &first);
}

/* However many a tenant replaced before, the log names each index; beyond the limit none is replaced. */
static void test_pair_limit(void **state)
{
    struct pair last, pair;
    unsigned done = 0;
    int status;
    (void)state;
    assert_int_equal(SDF_CloseSession(session), SDR_OK); /* one that lost nothing with a broker */
    assert_int_equal(SDF_OpenSession(device, &session), SDR_OK);
    assert_int_equal(SDF_GetPrivateKeyAccessRight(session, 1, NULL, 0), SDR_OK);
    assert_int_equal(SDF_GetPrivateKeyAccessRight(session, FIRST, NULL, 0), SDR_OK);
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(import(session, 1, &last), SDR_OK);
    assert_false(log_says("\"key-import\"", "sm2/11"));
    assert_int_equal(import(session, FIRST, &pair), SDR_OK);
    assert_true(log_says("\"key-import\"", "sm2/11"));
    uint64_t refused = wire_counters(wire, 0).rejects[CM_GATE_LIMIT];
    while ((status = import(session, 1, &pair)) == SDR_OK && done++ < 5000)
        last = pair;
    assert_int_equal(status, SDR_NOBUFFER);
    assert_int_equal(wire_counters(wire, 0).rejects[CM_GATE_LIMIT], refused + 1);
    uses(session, 1, &last);
}

/* Many at once, of one index: one of them is there in the end, whole. */
#define IMPORTERS 4u
static struct pair made[IMPORTERS];

static void *importer(void *arg)
{
    struct pair *pair = arg;
    uintptr_t bad = 0;
    void *own;
    if (SDF_OpenSession(device, &own) != SDR_OK || SDF_GetPrivateKeyAccessRight(own, 1, NULL, 0) != SDR_OK)
        return (void *)1;
    for (unsigned i = 0; i < 8; i++) {
        ECCrefPublicKey key;
        bad += import(own, 1, pair) != SDR_OK;
        bad += SDF_ExportEncPublicKey_ECC(own, 1, &key) != SDR_OK;
    }
    SDF_CloseSession(own);
    return (void *)bad;
}

static void test_pairs_at_once(void **state)
{
    pthread_t threads[IMPORTERS];
    uint8_t point[64];
    unsigned found = IMPORTERS;
    (void)state;
    for (unsigned i = 0; i < IMPORTERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, importer, &made[i]), 0);
    for (unsigned i = 0; i < IMPORTERS; i++) {
        void *bad;
        pthread_join(threads[i], &bad);
        assert_null(bad);
    }
    point_of(session, 1, true, point);
    for (unsigned i = 0; i < IMPORTERS; i++)
        if (memcmp(point, made[i].point, 64) == 0)
            found = i;
    assert_true(found < IMPORTERS);
    uses(session, 1, &made[found]);
    wire_broker_stop(wire);
    wire_broker_start(wire);
    uses(session, 1, &made[found]);
}

static int start(void **state)
{
    (void)state;
    wire = wire_start(&(struct wire_options){.tenants = 2, .keys_loaded = ROOM});
    for (unsigned i = 0; i < KEKS + ROOM; i++)
        if (key_act(ADMIN_KEY_GENERATE, 0, VAULT_KEY_SM2, FIRST + i) != VAULT_OK ||
            (i < KEKS && key_act(ADMIN_KEY_GENERATE, 0, VAULT_KEY_KEK, FIRST + i) != VAULT_OK))
            return -1;
    wire_broker_stop(wire);
    wire_broker_start(wire);
    use(0);
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
        cmocka_unit_test(test_allowed_by_name),
        cmocka_unit_test(test_stays_in_the_card),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_dies_with_the_kek),
        cmocka_unit_test(test_dies_with_the_code),
        cmocka_unit_test(test_restart),
        cmocka_unit_test(test_uses),
        cmocka_unit_test(test_pair_is_everybodys),
        cmocka_unit_test(test_pair_is_told),
        cmocka_unit_test(test_kept_though_the_card_fails),
        cmocka_unit_test(test_pair_unrecorded),
        cmocka_unit_test(test_pairs_at_once),
        cmocka_unit_test(test_pair_limit),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
