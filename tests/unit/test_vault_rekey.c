/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_vault_rekey.c: to another master key: what there was stays readable through it, in each state between; the old
 * key opens nothing afterwards; an accident at each operation of the disk, then going on.
 */
#include "vault_env.h"

#include "backend/vault/sqlite/sqlite_store.h"
#include "backend/vault/vault_internal.h"
#include "powerloss_vfs.h"

static const uint8_t newer[VAULT_MASTER_KEY] = {4, 5, 6};

static void fill(struct env *env, struct vault *vault, uint32_t keys)
{
    assert_int_equal(env_tenant(env, vault, "one"), 1);
    assert_int_equal(env_tenant(env, vault, "empty"), 2);
    assert_int_equal(env_tenant(env, vault, "two"), 3);
    for (uint32_t i = 1; i <= keys; i++)
        assert_vault(env, VAULT_OK, env_put(env, vault, 1, VAULT_KEY_SM2, i, (uint8_t)i, i == 2 ? "code" : NULL));
    assert_vault(env, VAULT_OK, env_put(env, vault, 3, VAULT_KEY_KEK, 1, 77, NULL));
    assert_vault(env, VAULT_OK, vault_file_create(vault, 3, (const uint8_t *)"f", 1, 3000, env->error));
    assert_vault(env, VAULT_OK, vault_file_write(vault, 3, (const uint8_t *)"f", 1, 0, newer, 32, 32, env->error));
}

static void check(struct env *env, struct vault *vault, uint32_t keys)
{
    uint8_t bytes[32];
    size_t len = sizeof bytes;

    for (uint32_t i = 1; i <= keys; i++)
        assert_int_equal(env_get(env, vault, 1, VAULT_KEY_SM2, i), i);
    assert_int_equal(env_get(env, vault, 3, VAULT_KEY_KEK, 1), 77);
    assert_vault(env, VAULT_OK, vault_file_read(vault, 3, (const uint8_t *)"f", 1, 0, bytes, &len, env->error));
    assert_memory_equal(bytes, newer, 32);
}

static void test_rekey(void **state)
{
    struct vault_rekey_state pending;
    struct vault *vault, *other;
    struct vault_secret *own = vault_secret_new(), *again = vault_secret_new();
    struct env env;
    uint32_t at = 100;
    bool done = false, unsure;

    (void)state;
    env_start(&env);
    vault = env_create(&env);
    fill(&env, vault, 9);
    assert_vault(&env, VAULT_OK, vault_own_secret(vault, "x", own, env.error));
    assert_vault(&env, VAULT_OK, vault_rekey_pending(vault, &pending, env.error));
    assert_false(pending.pending);
    assert_vault(&env, VAULT_OK, vault_rekey_step(vault, 3, &done, env.error));
    assert_true(done); /* nothing to do */
    assert_vault(&env, VAULT_OK, vault_rekey(vault, newer, &unsure, env.error));
    check(&env, vault, 9);
    vault_close(vault);
    assert_vault(&env, VAULT_DAMAGED, vault_open(&env.config, &vault, env.error)); /* the old key is of no use any more */
    memcpy(env.master, newer, sizeof newer);
    done = false;
    while (!done) { /* a restart between all steps, and the vault in use */
        vault = env_open(&env);
        check(&env, vault, 9);
        assert_vault(&env, VAULT_OK, vault_rekey_pending(vault, &pending, env.error));
        assert_true(pending.pending && pending.total >= 12 && pending.done <= pending.total);
        assert_vault(&env, VAULT_BAD_CODE, env_code(&env, vault, 1, 2, "wrong")); /* changes an old record, or a new one */
        assert_vault(&env, VAULT_OK, env_code(&env, vault, 1, 2, "code"));
        assert_vault(&env, VAULT_OK, env_put(&env, vault, 1, VAULT_KEY_KEK, ++at, 5, NULL));
        assert_vault(&env, VAULT_OK, vault_key_remove(vault, 1, VAULT_KEY_KEK, at, env.error));
        assert_vault(&env, VAULT_OK, vault_rekey_step(vault, 3, &done, env.error));
        check(&env, vault, 9);
        vault_close(vault);
        assert_true(at < 150);
    }
    vault = env_open(&env);
    assert_vault(&env, VAULT_OK, vault_rekey_pending(vault, &pending, env.error));
    assert_false(pending.pending);
    assert_vault(&env, VAULT_OK, vault_own_secret(vault, "x", again, env.error));
    assert_memory_equal(own->bytes, again->bytes, 32);
    vault_close(vault);
    env.master[0] ^= 1;
    assert_vault(&env, VAULT_DAMAGED, vault_open(&env.config, &other, env.error));
    vault_secret_free(own);
    vault_secret_free(again);
    env_end(&env);
}

/* Nothing that is stored afterwards was there before: whoever has the old master key and an old copy learns nothing. */
static void test_all_is_sealed_anew(void **state)
{
    struct store_row before[16], row;
    struct tenant_state tenant;
    struct vault *vault;
    struct env env;
    size_t count = 0;
    bool done = false, unsure;

    (void)state;
    env_start(&env);
    vault = env_create(&env);
    fill(&env, vault, 5);
    for (uint32_t kind = 0, index = 0;
         vault->store->ops->key_next(vault->store, 1, kind, index, &row, env.error) == VAULT_OK; count++) {
        before[count] = row;
        kind = row.kind;
        index = row.index;
    }
    assert_int_equal(count, 5);
    assert_vault(&env, VAULT_OK, vault_rekey(vault, newer, &unsure, env.error));
    while (!done)
        assert_vault(&env, VAULT_OK, vault_rekey_step(vault, 100, &done, env.error));
    assert_vault(&env, VAULT_OK, tenant_get(vault, 1, &tenant, env.error));
    assert_null(tenant.old_keys);
    for (size_t i = 0; i < count; i++) {
        struct key_state key;

        assert_vault(&env, VAULT_OK,
                     vault->store->ops->key_get(vault->store, 1, before[i].kind, before[i].index, &key.row, env.error));
        assert_int_equal(key.row.len, before[i].len);
        assert_memory_not_equal(key.row.bytes + RECORD_HEADER + 2, before[i].bytes + RECORD_HEADER + 2, 40);
        assert_vault(&env, VAULT_OK, key_open(&tenant, &key, env.error));
        key.row = before[i]; /* the old record, under the key of today */
        assert_vault(&env, VAULT_DAMAGED, key_open(&tenant, &key, env.error));
    }
    tenant_release(&tenant);
    vault_close(vault);
    env_end(&env);
}

/* A damaged tenant neither stops the others nor is made whole. */
static void test_damaged_tenant(void **state)
{
    struct vault *vault;
    struct env env;
    bool done = false, unsure;

    (void)state;
    env_start(&env);
    vault = env_create(&env);
    fill(&env, vault, 3);
    sqlite3_exec(sqlite_store_handle(vault->store), "DELETE FROM key WHERE tenant=1 AND place=2", NULL, NULL, NULL);
    vault_close(vault);
    vault = env_open(&env);
    assert_vault(&env, VAULT_OK, vault_rekey(vault, newer, &unsure, env.error));
    while (!done)
        assert_vault(&env, VAULT_OK, vault_rekey_step(vault, 1, &done, env.error));
    assert_int_equal(env_get(&env, vault, 1, VAULT_KEY_SM2, 1), -2);
    assert_int_equal(env_get(&env, vault, 3, VAULT_KEY_KEK, 1), 77);
    vault_close(vault);
    env_end(&env);
}

static unsigned found_all_the_same;

/* Rekey and all steps on the disk that has accidents: the old key or the new one opens the store, whichever was last
   acknowledged, and going on comes to the end. */
static bool accident_run(enum disk_accident accident, enum disk_survival survival, unsigned at)
{
    enum vault_result result;
    bool done = false, rekeyed, happened, unsure;
    struct vault *vault = NULL;
    struct env env;

    env_start(&env);
    disk_erase();
    disk_plan(DISK_NONE, 0);
    vault = env_create(&env);
    fill(&env, vault, 3);
    disk_plan(accident, at);
    result = vault_rekey(vault, newer, &unsure, env.error);
    rekeyed = result == VAULT_OK;
    while (result == VAULT_OK && !done)
        result = vault_rekey_step(vault, 2, &done, env.error);
    happened = disk_happened();
    assert_true(result == VAULT_OK || (happened && result == VAULT_IO));
    if (accident != DISK_POWER) { /* in use, and nothing half-done is seen */
        disk_plan(DISK_NONE, 0);
        check(&env, vault, 3);
    }
    vault_close(vault);
    if (accident == DISK_POWER)
        disk_reboot(survival, at);
    disk_plan(DISK_NONE, 0);
    if (rekeyed)
        memcpy(env.master, newer, sizeof newer);
    result = vault_open(&env.config, &vault, env.error);
    if (result == VAULT_DAMAGED && !rekeyed) { /* not acknowledged, and there all the same */
        assert_true(unsure);
        found_all_the_same++;
        memcpy(env.master, newer, sizeof newer);
        result = vault_open(&env.config, &vault, env.error);
    }
    assert_vault(&env, VAULT_OK, result);
    check(&env, vault, 3);
    for (done = false; !done;)
        assert_vault(&env, VAULT_OK, vault_rekey_step(vault, 2, &done, env.error));
    check(&env, vault, 3);
    vault_close(vault);
    env_end(&env);
    return happened;
}

static void test_accidents(void **state)
{
    unsigned at = 0;

    (void)state;
    disk_install();
    for (enum disk_survival survival = DISK_LOSES_ALL; survival <= DISK_LOSES_NOTHING; survival++)
        for (at = 0; accident_run(DISK_POWER, survival, at); at++)
            ;
    assert_true(at > 20 && found_all_the_same > 0);
    for (at = 0; accident_run(DISK_FULL, DISK_LOSES_ALL, at); at++)
        ;
    assert_true(at > 20);
    for (at = 0; accident_run(DISK_ERROR, DISK_LOSES_ALL, at); at++)
        ;
    disk_erase();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rekey),
        cmocka_unit_test(test_all_is_sealed_anew),
        cmocka_unit_test(test_damaged_tenant),
        cmocka_unit_test(test_accidents),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
