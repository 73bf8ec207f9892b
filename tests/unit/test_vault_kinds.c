/* SPDX-License-Identifier: Apache-2.0 */
/* test_vault_kinds.c: independent tables for each kind of key, and the one access code of an index. */
#include "vault_env.h"

static const enum vault_key_kind kinds[] = {VAULT_KEY_SM2, VAULT_KEY_KEK, VAULT_KEY_RSA, VAULT_KEY_P256};
#define KINDS (sizeof kinds / sizeof kinds[0])

static uint32_t tenant_make(struct env *env, struct vault *vault)
{
    struct vault_tenant tenant = {.name = "kinds"};

    assert_vault(env, VAULT_OK, vault_tenant_add(vault, &tenant, env->error));
    return tenant.id;
}

static void test_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        const struct vault_kind *kind = vault_kind(kinds[i]);

        assert_non_null(kind);
        assert_int_equal(vault_kind_named(kind->name), kinds[i]);
        assert_true(vault_kind_bits_ok(kinds[i], kind->bits_default));
        assert_false(vault_kind_bits_ok(kinds[i], kind->bits_default + 1));
    }
    assert_null(vault_kind((enum vault_key_kind)0));
    assert_null(vault_kind(VAULT_KEY_KINDS));
    assert_int_equal(vault_kind_named("SM2"), 0);
    assert_int_equal(vault_kind_named(""), 0);
}

static void test_tables_are_independent(void **state)
{
    struct env env;
    struct vault *vault;
    uint32_t id;

    (void)state;
    env_start(&env);
    vault = env_create(&env);
    id = tenant_make(&env, vault);
    for (size_t i = 0; i < KINDS; i++)
        assert_vault(&env, VAULT_OK, env_put(&env, vault, id, kinds[i], 1, (uint8_t)(0x10 * (i + 1)), NULL));
    for (size_t i = 0; i < KINDS; i++)
        assert_vault(&env, VAULT_EXISTS, env_put(&env, vault, id, kinds[i], 1, 1, NULL));
    vault_close(vault);
    vault = env_open(&env);
    for (size_t i = 0; i < KINDS; i++)
        assert_int_equal(env_get(&env, vault, id, kinds[i], 1), 0x10 * (i + 1));
    assert_vault(&env, VAULT_OK, vault_key_remove(vault, id, VAULT_KEY_RSA, 1, env.error));
    assert_int_equal(env_get(&env, vault, id, VAULT_KEY_RSA, 1), -1);
    assert_int_equal(env_get(&env, vault, id, VAULT_KEY_SM2, 1), 0x10);
    assert_int_equal(env_get(&env, vault, id, VAULT_KEY_P256, 1), 0x40);
    vault_close(vault);
    env_end(&env);
}

static void test_lengths(void **state)
{
    static const struct {
        enum vault_key_kind kind;
        size_t sign, encrypt; /* 0: none */
        uint32_t bits;        /* 0: refused */
    } rows[] = {
        {VAULT_KEY_RSA, 1160, 1160, 2048}, {VAULT_KEY_RSA, 1736, 1736, 3072}, {VAULT_KEY_RSA, 2312, 2312, 4096},
        {VAULT_KEY_RSA, 2312, 1160, 0},    {VAULT_KEY_RSA, 1160, 0, 0},       {VAULT_KEY_RSA, 1161, 1161, 0},
        {VAULT_KEY_P256, 96, 0, 256},      {VAULT_KEY_P256, 96, 96, 0},       {VAULT_KEY_P256, 64, 0, 0},
        {VAULT_KEY_KEK, 96, 0, 0},
    };
    struct env env;
    struct vault *vault;
    uint32_t id;

    (void)state;
    env_start(&env);
    vault = env_create(&env);
    id = tenant_make(&env, vault);
    for (uint32_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct vault_secret *sign = secret_of(7, rows[i].sign), *encrypt = NULL, *back = vault_secret_new();
        struct vault_key key;

        if (rows[i].encrypt)
            encrypt = secret_of(8, rows[i].encrypt);
        assert_vault(&env, rows[i].bits ? VAULT_OK : VAULT_INVALID,
                     vault_key_put(vault, id, rows[i].kind, i + 1, sign, encrypt, NULL, 0, env.error));
        if (rows[i].bits) {
            assert_vault(&env, VAULT_OK, vault_key_get(vault, id, rows[i].kind, i + 1, &key, back, NULL, env.error));
            assert_int_equal(key.bits, rows[i].bits);
            assert_int_equal(back->len, rows[i].sign);
            assert_memory_equal(back->bytes, sign->bytes, back->len);
        }
        vault_secret_free(sign);
        vault_secret_free(encrypt);
        vault_secret_free(back);
    }
    vault_close(vault);
    env_end(&env);
}

static void test_one_code(void **state)
{
    struct env env;
    struct vault *vault;
    struct vault_key key;
    uint32_t id;

    (void)state;
    env_start(&env);
    vault = env_create(&env);
    id = tenant_make(&env, vault);
    assert_vault(&env, VAULT_OK, env_put(&env, vault, id, VAULT_KEY_RSA, 1, 1, "right"));
    assert_vault(&env, VAULT_BAD_CODE, env_put(&env, vault, id, VAULT_KEY_SM2, 1, 1, "other"));
    assert_vault(&env, VAULT_BAD_CODE, env_put(&env, vault, id, VAULT_KEY_SM2, 1, 1, NULL));
    assert_vault(&env, VAULT_OK, env_put(&env, vault, id, VAULT_KEY_KEK, 1, 1, NULL)); /* a KEK needs none */
    assert_vault(&env, VAULT_BAD_CODE, env_code(&env, vault, id, 1, "wrong"));
    assert_vault(&env, VAULT_OK, env_put(&env, vault, id, VAULT_KEY_SM2, 1, 1, "right"));
    assert_vault(&env, VAULT_OK, vault_key_get(vault, id, VAULT_KEY_SM2, 1, &key, NULL, NULL, env.error));
    assert_int_equal(key.failures, 1); /* the count is the index's too */
    assert_vault(&env, VAULT_OK, env_code(&env, vault, id, 1, "right"));
    assert_vault(&env, VAULT_OK, vault_key_remove(vault, id, VAULT_KEY_SM2, 1, env.error));
    assert_vault(&env, VAULT_OK, env_code(&env, vault, id, 1, "right"));
    assert_vault(&env, VAULT_BAD_CODE, env_put(&env, vault, id, VAULT_KEY_P256, 1, 1, "other"));

    assert_vault(&env, VAULT_OK, env_put(&env, vault, id, VAULT_KEY_P256, 2, 1, NULL));
    assert_vault(&env, VAULT_BAD_CODE, env_put(&env, vault, id, VAULT_KEY_RSA, 2, 1, "right"));
    assert_vault(&env, VAULT_OK, env_put(&env, vault, id, VAULT_KEY_RSA, 2, 1, NULL));
    assert_vault(&env, VAULT_OK, env_code(&env, vault, id, 2, NULL));
    assert_vault(&env, VAULT_NOT_FOUND, env_code(&env, vault, id, 3, NULL));
    vault_close(vault);
    env_end(&env);
}

/* A locked index stays locked whatever kind comes or goes, until the operator resets it: then all of it is free. */
static void test_one_lock(void **state)
{
    struct env env;
    struct vault *vault;
    uint32_t id;

    (void)state;
    env_start(&env);
    env.config.code_attempts = 2;
    vault = env_create(&env);
    id = tenant_make(&env, vault);
    assert_vault(&env, VAULT_OK, env_put(&env, vault, id, VAULT_KEY_RSA, 1, 1, "right"));
    for (int i = 0; i < 2; i++)
        assert_vault(&env, VAULT_BAD_CODE, env_code(&env, vault, id, 1, "wrong"));
    assert_vault(&env, VAULT_LOCKED, env_code(&env, vault, id, 1, "right"));
    assert_vault(&env, VAULT_OK, env_put(&env, vault, id, VAULT_KEY_SM2, 1, 1, "right"));
    assert_vault(&env, VAULT_LOCKED, env_code(&env, vault, id, 1, "right"));
    assert_vault(&env, VAULT_OK, vault_code_reset(vault, id, VAULT_KEY_SM2, 1, env.error));
    assert_vault(&env, VAULT_OK, env_code(&env, vault, id, 1, "right"));
    assert_vault(&env, VAULT_OK, vault_key_remove(vault, id, VAULT_KEY_SM2, 1, env.error));
    assert_vault(&env, VAULT_OK, env_code(&env, vault, id, 1, "right"));
    vault_close(vault);
    env_end(&env);
}

/* Another code, for all kinds of key at the index at once; none; and what was locked is not any more. */
static void test_code_set(void **state)
{
    static const uint8_t fresh[] = "fresh";
    struct vault_key key;
    struct env env;
    (void)state;

    env_start(&env);
    struct vault *vault = env_create(&env);
    uint32_t id = env_tenant(&env, vault, "one");
    assert_vault(&env, VAULT_OK, env_put(&env, vault, id, VAULT_KEY_SM2, 1, 5, "old"));
    assert_vault(&env, VAULT_OK, env_put(&env, vault, id, VAULT_KEY_SM2, 2, 9, "old"));
    for (unsigned i = 0; i < 3; i++)
        assert_vault(&env, VAULT_BAD_CODE, env_code(&env, vault, id, 1, "wrong"));
    assert_vault(&env, VAULT_LOCKED, env_code(&env, vault, id, 1, "old"));
    assert_vault(&env, VAULT_OK, vault_code_set(vault, id, VAULT_KEY_SM2, 1, fresh, 5, env.error));
    vault_close(vault);
    vault = env_open(&env);
    assert_vault(&env, VAULT_OK, env_code(&env, vault, id, 1, "fresh"));
    assert_vault(&env, VAULT_BAD_CODE, env_code(&env, vault, id, 1, "old"));
    assert_vault(&env, VAULT_OK, env_code(&env, vault, id, 2, "old"));
    assert_int_equal(env_get(&env, vault, id, VAULT_KEY_SM2, 1), 5);
    assert_vault(&env, VAULT_OK, vault_code_set(vault, id, VAULT_KEY_SM2, 1, NULL, 0, env.error));
    assert_vault(&env, VAULT_OK, env_code(&env, vault, id, 1, NULL));
    assert_vault(&env, VAULT_BAD_CODE, env_code(&env, vault, id, 1, "fresh"));
    assert_vault(&env, VAULT_OK, vault_key_get(vault, id, VAULT_KEY_SM2, 1, &key, NULL, NULL, env.error));
    assert_false(key.has_code || key.locked || key.failures);
    assert_vault(&env, VAULT_NOT_FOUND, vault_code_set(vault, id, VAULT_KEY_SM2, 3, fresh, 5, env.error));
    assert_vault(&env, VAULT_NOT_FOUND, vault_code_set(vault, 99, VAULT_KEY_SM2, 1, fresh, 5, env.error));
    assert_vault(&env, VAULT_INVALID,
                 vault_code_set(vault, id, VAULT_KEY_SM2, VAULT_INDEX_MAX + 1, fresh, 5, env.error));
    assert_vault(&env, VAULT_INVALID,
                 vault_code_set(vault, id, VAULT_KEY_SM2, 1, fresh, VAULT_CODE_MAX + 1, env.error));
    vault_close(vault);
    env_end(&env);
}

/* The encrypting pair is another one, and all else of the key is as it was. */
static void test_pair_replace(void **state)
{
    struct vault_secret *sign = vault_secret_new(), *encrypt = vault_secret_new();
    struct vault_key before, after;
    struct env env;
    (void)state;

    env_start(&env);
    struct vault *vault = env_create(&env);
    uint32_t id = env_tenant(&env, vault, "one");
    assert_vault(&env, VAULT_OK, env_put(&env, vault, id, VAULT_KEY_SM2, 1, 5, "code"));
    assert_vault(&env, VAULT_OK, env_put(&env, vault, id, VAULT_KEY_SM2, 2, 9, NULL));
    assert_vault(&env, VAULT_OK, env_put(&env, vault, id, VAULT_KEY_RSA, 1, 7, "code"));
    assert_vault(&env, VAULT_BAD_CODE, env_code(&env, vault, id, 1, "wrong"));
    assert_vault(&env, VAULT_OK, vault_key_get(vault, id, VAULT_KEY_SM2, 1, &before, NULL, NULL, env.error));
    assert_vault(&env, VAULT_NOT_FOUND, env_replace(&env, vault, id, 1, 9, 44)); /* another's signing pair */
    assert_vault(&env, VAULT_NOT_FOUND, env_replace(&env, vault, id, 3, 5, 44));
    assert_vault(&env, VAULT_NOT_FOUND, env_replace(&env, vault, 99, 1, 5, 44));
    assert_vault(&env, VAULT_NOT_FOUND, env_replace(&env, vault, 0, 1, 5, 44));
    assert_vault(&env, VAULT_INVALID, env_replace(&env, vault, id, VAULT_INDEX_MAX + 1, 5, 44));
    assert_int_equal(env_get(&env, vault, id, VAULT_KEY_SM2, 1), 5);
    assert_vault(&env, VAULT_OK, env_replace(&env, vault, id, 1, 5, 44));
    vault_close(vault);
    vault = env_open(&env);
    assert_vault(&env, VAULT_OK, vault_key_get(vault, id, VAULT_KEY_SM2, 1, &after, sign, encrypt, env.error));
    assert_memory_equal(&after, &before, sizeof after); /* the wrong code is still counted */
    assert_int_equal(after.failures, 1);
    assert_true(sign->len == 96 && encrypt->len == 96);
    for (unsigned i = 0; i < 96; i++)
        assert_true(sign->bytes[i] == 5 && encrypt->bytes[i] == 44);
    assert_vault(&env, VAULT_OK, env_code(&env, vault, id, 1, "code"));
    assert_int_equal(env_get(&env, vault, id, VAULT_KEY_SM2, 2), 9);
    assert_int_equal(env_get(&env, vault, id, VAULT_KEY_RSA, 1), 7);
    encrypt->len = 95;
    assert_vault(&env, VAULT_INVALID, vault_pair_replace(vault, id, 1, sign->bytes, encrypt, env.error));
    vault_secret_free(sign);
    vault_secret_free(encrypt);
    vault_close(vault);
    env_end(&env);
}

/* A KEK's code is its own: what its index has for key pairs is another code, with another count. */
static void test_kek_code(void **state)
{
    static const uint8_t right[] = "right";
    const enum vault_key_kind kek = VAULT_KEY_KEK;
    struct vault_key key;
    struct env env;
    (void)state;

    env_start(&env);
    env.config.code_attempts = 2;
    struct vault *vault = env_create(&env);
    uint32_t id = env_tenant(&env, vault, "one");
    assert_vault(&env, VAULT_OK, env_put(&env, vault, id, VAULT_KEY_SM2, 1, 5, "pairs"));
    assert_vault(&env, VAULT_OK, env_put(&env, vault, id, kek, 1, 7, "right"));
    assert_vault(&env, VAULT_OK, env_put(&env, vault, id, kek, 2, 8, NULL));
    assert_vault(&env, VAULT_OK, vault_code_check(vault, id, kek, 2, NULL, 0, env.error));
    assert_vault(&env, VAULT_BAD_CODE, vault_code_check(vault, id, kek, 2, right, 5, env.error));
    assert_vault(&env, VAULT_BAD_CODE, vault_code_check(vault, id, kek, 1, NULL, 0, env.error));
    assert_vault(&env, VAULT_OK, vault_code_check(vault, id, kek, 1, right, 5, env.error));
    for (int i = 0; i < 2; i++)
        assert_vault(&env, VAULT_BAD_CODE, vault_code_check(vault, id, kek, 1, (const uint8_t *)"pairs", 5, env.error));
    vault_close(vault);
    vault = env_open(&env);
    assert_vault(&env, VAULT_LOCKED, vault_code_check(vault, id, kek, 1, right, 5, env.error));
    assert_vault(&env, VAULT_OK, env_code(&env, vault, id, 1, "pairs")); /* the index is not locked */
    assert_vault(&env, VAULT_OK, vault_code_reset(vault, id, VAULT_KEY_SM2, 1, env.error));
    assert_vault(&env, VAULT_LOCKED, vault_code_check(vault, id, kek, 1, right, 5, env.error));
    assert_vault(&env, VAULT_OK, vault_code_reset(vault, id, kek, 1, env.error));
    assert_vault(&env, VAULT_OK, vault_code_check(vault, id, kek, 1, right, 5, env.error));
    assert_vault(&env, VAULT_OK, vault_code_set(vault, id, VAULT_KEY_RSA, 1, NULL, 0, env.error));
    assert_vault(&env, VAULT_OK, vault_code_check(vault, id, kek, 1, right, 5, env.error));
    assert_vault(&env, VAULT_OK, vault_code_set(vault, id, kek, 1, (const uint8_t *)"fresh", 5, env.error));
    assert_vault(&env, VAULT_OK, env_code(&env, vault, id, 1, NULL));
    assert_vault(&env, VAULT_BAD_CODE, vault_code_check(vault, id, kek, 1, right, 5, env.error));
    assert_vault(&env, VAULT_OK, vault_key_get(vault, id, kek, 1, &key, NULL, NULL, env.error));
    assert_true(key.has_code && key.failures == 1 && !key.locked);
    assert_int_equal(env_get(&env, vault, id, kek, 1), 7);
    assert_vault(&env, VAULT_NOT_FOUND, vault_code_set(vault, id, kek, 3, right, 5, env.error));
    assert_vault(&env, VAULT_NOT_FOUND, vault_code_check(vault, id, kek, 3, NULL, 0, env.error));
    assert_vault(&env, VAULT_INVALID, vault_code_reset(vault, id, kek, 0, env.error));
    vault_close(vault);
    env_end(&env);
}

/* A mark is of one code, at one place, for one keeper of marks, while one vault is open. */
static void test_marks(void **state)
{
    uint8_t nonces[2][VAULT_MARK_NONCE], a[VAULT_MARK], b[VAULT_MARK];
    const uint8_t *code = (const uint8_t *)"12345678";
    struct env env;
    (void)state;

    env_start(&env);
    struct vault *vault = env_create(&env);
    assert_true(vault_mark_nonce(nonces[0]) && vault_mark_nonce(nonces[1]));
    assert_true(vault_code_mark(vault, nonces[0], VAULT_KEY_SM2, 1, code, 8, a));
    assert_true(vault_code_mark(vault, nonces[0], VAULT_KEY_RSA, 1, code, 8, b));
    assert_true(vault_mark_equal(a, b));
    assert_true(vault_code_mark(vault, nonces[0], VAULT_KEY_KEK, 1, code, 8, b));
    assert_false(vault_mark_equal(a, b));
    assert_true(vault_code_mark(vault, nonces[0], VAULT_KEY_SM2, 2, code, 8, b));
    assert_false(vault_mark_equal(a, b));
    assert_true(vault_code_mark(vault, nonces[0], VAULT_KEY_SM2, 1, code, 7, b));
    assert_false(vault_mark_equal(a, b));
    assert_true(vault_code_mark(vault, nonces[1], VAULT_KEY_SM2, 1, code, 8, b));
    assert_false(vault_mark_equal(a, b));
    assert_false(vault_code_mark(vault, nonces[0], VAULT_KEY_SM2, 1, code, 0, b));
    assert_false(vault_code_mark(vault, nonces[0], VAULT_KEY_SM2, 1, code, VAULT_CODE_MAX + 1, b));
    vault_close(vault);
    vault = env_open(&env);
    assert_true(vault_code_mark(vault, nonces[0], VAULT_KEY_SM2, 1, code, 8, b));
    assert_false(vault_mark_equal(a, b));
    vault_close(vault);
    env_end(&env);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),        cmocka_unit_test(test_tables_are_independent),
        cmocka_unit_test(test_lengths),      cmocka_unit_test(test_one_code),
        cmocka_unit_test(test_one_lock),     cmocka_unit_test(test_code_set),
        cmocka_unit_test(test_pair_replace), cmocka_unit_test(test_kek_code),
        cmocka_unit_test(test_marks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
