/* SPDX-License-Identifier: Apache-2.0 */
/* test_vault_root.c: index 0, the version and digest of the root, the store's secret. */
#include "vault_env.h"

/* Index 0, the device's own pair; a KEK has none. */
static void test_index_zero(void **state)
{
    struct vault_key key;
    struct vault *vault;
    struct env env;

    (void)state;
    env_start(&env);
    vault = env_create(&env);
    assert_int_equal(env_tenant(&env, vault, "a"), 1);
    assert_vault(&env, VAULT_OK, env_put(&env, vault, 1, VAULT_KEY_SM2, 0, 9, "device"));
    assert_vault(&env, VAULT_INVALID, env_put(&env, vault, 1, VAULT_KEY_KEK, 0, 7, NULL));
    vault_close(vault);
    vault = env_open(&env);
    assert_int_equal(env_get(&env, vault, 1, VAULT_KEY_SM2, 0), 9);
    assert_vault(&env, VAULT_OK, vault_key_get(vault, 1, VAULT_KEY_SM2, 0, &key, NULL, NULL, env.error));
    assert_true(key.index == 0 && key.has_code);
    assert_vault(&env, VAULT_OK, env_code(&env, vault, 1, 0, "device"));
    assert_vault(&env, VAULT_OK, vault_key_remove(vault, 1, VAULT_KEY_SM2, 0, env.error));
    assert_int_equal(env_get(&env, vault, 1, VAULT_KEY_SM2, 0), -1);
    vault_close(vault);
    env_end(&env);
}

static void test_root(void **state)
{
    uint64_t version, before;
    uint8_t digest[VAULT_DIGEST], old[VAULT_DIGEST];
    struct vault *vault;
    struct env env;

    (void)state;
    env_start(&env);
    vault = env_create(&env);
    assert_vault(&env, VAULT_OK, vault_root(vault, &before, old, env.error));
    assert_int_equal(env_tenant(&env, vault, "a"), 1);
    for (uint32_t i = 1; i < 5; i++) {
        assert_vault(&env, VAULT_OK, env_put(&env, vault, 1, VAULT_KEY_SM2, i, 1, "code"));
        assert_vault(&env, VAULT_OK, vault_root(vault, &version, digest, env.error));
        assert_true(version > before);
        assert_memory_not_equal(digest, old, sizeof old);
        before = version;
        memcpy(old, digest, sizeof old);
    }
    /* what changes nothing counts nothing; a wrong code is a change */
    assert_int_equal(env_get(&env, vault, 1, VAULT_KEY_SM2, 1), 1);
    assert_vault(&env, VAULT_EXISTS, env_put(&env, vault, 1, VAULT_KEY_SM2, 1, 1, NULL));
    assert_vault(&env, VAULT_OK, vault_root(vault, &version, digest, env.error));
    assert_int_equal(version, before);
    assert_memory_equal(digest, old, sizeof old);
    assert_vault(&env, VAULT_BAD_CODE, env_code(&env, vault, 1, 1, "wrong"));
    vault_close(vault);
    vault = env_open(&env);
    assert_vault(&env, VAULT_OK, vault_root(vault, &version, digest, env.error));
    assert_int_equal(version, before + 1);
    vault_close(vault);
    env_end(&env);
}

static void test_own_secret(void **state)
{
    struct vault_secret *a = vault_secret_new(), *b = vault_secret_new();
    struct vault *vault;
    struct env env, other;

    (void)state;
    env_start(&env);
    env_start(&other);
    vault = env_create(&env);
    assert_vault(&env, VAULT_OK, vault_own_secret(vault, "audit", a, env.error));
    assert_vault(&env, VAULT_OK, vault_own_secret(vault, "host", b, env.error));
    assert_int_equal(a->len, 32);
    assert_memory_not_equal(a->bytes, b->bytes, 32);
    vault_close(vault);
    vault = env_open(&env);
    assert_vault(&env, VAULT_OK, vault_own_secret(vault, "audit", b, env.error));
    assert_memory_equal(a->bytes, b->bytes, 32);
    assert_vault(&env, VAULT_INVALID, vault_own_secret(vault, "", b, env.error));
    assert_vault(&env, VAULT_INVALID, vault_own_secret(vault, "123456789012345678901234567890123", b, env.error));
    vault_close(vault);
    vault = env_create(&other);
    assert_vault(&other, VAULT_OK, vault_own_secret(vault, "audit", b, other.error));
    assert_memory_not_equal(a->bytes, b->bytes, 32);
    vault_close(vault);
    vault_secret_free(a);
    vault_secret_free(b);
    env_end(&env);
    env_end(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_index_zero),
        cmocka_unit_test(test_root),
        cmocka_unit_test(test_own_secret),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
