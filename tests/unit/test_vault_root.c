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

static void head_is(struct env *env, struct vault *vault, uint64_t number, uint8_t fill)
{
    struct vault_head head;
    uint8_t chain[VAULT_CHAIN];

    memset(chain, fill, sizeof chain);
    assert_vault(env, VAULT_OK, vault_head(vault, &head, env->error));
    assert_int_equal(head.number, number);
    assert_memory_equal(head.chain, chain, sizeof chain);
}

static void offer(struct vault *vault, uint64_t number, uint8_t fill)
{
    struct vault_head head = {.number = number};

    memset(head.chain, fill, sizeof head.chain);
    vault_head_offer(vault, &head);
}

static uint64_t version_of(struct env *env, struct vault *vault)
{
    uint64_t version;
    uint8_t digest[VAULT_DIGEST];

    assert_vault(env, VAULT_OK, vault_root(vault, &version, digest, env->error));
    return version;
}

static off_t trail(struct env *env)
{
    char path[128];
    struct stat st;

    snprintf(path, sizeof path, "%s/vault.db-wal", env->dir);
    assert_int_equal(stat(path, &st), 0);
    return st.st_size;
}

/* What was kept cannot be cut off the store's log: there is nothing in it, whether the head went along with another
   change or was one of its own. */
static void test_head_leaves_no_trail(void **state)
{
    uint64_t version;
    struct vault *vault;
    struct env env;

    (void)state;
    env_start(&env);
    vault_close(env_create(&env));
    vault = env_open(&env);
    env_tenant(&env, vault, "a");
    assert_true(trail(&env) > 0);
    offer(vault, 7, 1);
    assert_vault(&env, VAULT_OK, vault_head_keep(vault, env.error));
    assert_int_equal(trail(&env), 0);
    offer(vault, 8, 2);
    env_tenant(&env, vault, "b");
    assert_true(trail(&env) > 0);
    version = version_of(&env, vault);
    assert_vault(&env, VAULT_OK, vault_head_keep(vault, env.error));
    assert_int_equal(version_of(&env, vault), version);
    assert_int_equal(trail(&env), 0);
    vault_close(vault);
    env_end(&env);
}

/* The audit log's head goes along with changes, or is one of its own; it lives through restarts and a rekey. */
static void test_head(void **state)
{
    uint64_t version;
    uint8_t master[VAULT_MASTER_KEY] = {9};
    bool unsure;
    struct vault *vault;
    struct env env;

    (void)state;
    env_start(&env);
    vault = env_create(&env);
    head_is(&env, vault, 0, 0);
    version = version_of(&env, vault);
    assert_vault(&env, VAULT_OK, vault_head_keep(vault, env.error)); /* nothing was offered */
    assert_int_equal(version_of(&env, vault), version);
    offer(vault, 7, 1);
    head_is(&env, vault, 0, 0);
    assert_int_equal(env_tenant(&env, vault, "a"), 1);
    head_is(&env, vault, 7, 1);
    version = version_of(&env, vault);
    assert_vault(&env, VAULT_OK, vault_head_keep(vault, env.error)); /* it is kept already */
    assert_int_equal(version_of(&env, vault), version);
    offer(vault, 8, 2);
    assert_vault(&env, VAULT_OK, vault_head_keep(vault, env.error));
    assert_int_equal(version_of(&env, vault), version + 1);
    head_is(&env, vault, 8, 2);
    offer(vault, 8, 3); /* another one of that number; and a smaller one, of a log that was begun anew */
    assert_vault(&env, VAULT_OK, vault_head_keep(vault, env.error));
    head_is(&env, vault, 8, 3);
    offer(vault, 5, 4);
    assert_vault(&env, VAULT_OK, vault_head_keep(vault, env.error));
    vault_close(vault);
    vault = env_open(&env);
    head_is(&env, vault, 5, 4);
    assert_int_equal(env_tenant(&env, vault, "b"), 2); /* nothing was offered since the opening */
    head_is(&env, vault, 5, 4);
    assert_vault(&env, VAULT_OK, vault_rekey(vault, master, &unsure, env.error));
    head_is(&env, vault, 5, 4);
    vault_close(vault);
    memcpy(env.master, master, sizeof master);
    vault = env_open(&env);
    head_is(&env, vault, 5, 4);
    vault_close(vault);
    env_end(&env);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_index_zero),           cmocka_unit_test(test_root),       cmocka_unit_test(test_head),
        cmocka_unit_test(test_head_leaves_no_trail), cmocka_unit_test(test_own_secret),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
