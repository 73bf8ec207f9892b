/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_vault_schema.c: a store as an older version wrote it (vault_schema1.sql, vault_schema2.sql, committed as text)
 * is opened and brought to the schema of today, once; what was altered in it is refused as it would have been before;
 * and a store of a newer version is left alone. Runs once with each.
 */
#include "vault_env.h"

#include <sqlite3.h>
#include "backend/vault/sqlite/sqlite_store.h"
#include "backend/vault/vault_internal.h"
#include "powerloss_vfs.h"
#include "vault_old.h"

static char old_text[16384];
static int old_schema;

static void old_start(struct env *env, const char *more)
{
    env_start(env);
    old_store(env, old_text, more);
}

static int user_version(struct vault *vault)
{
    sqlite3_stmt *statement;
    int version;

    assert_int_equal(sqlite3_prepare_v2(sqlite_store_handle(vault->store), "PRAGMA user_version", -1, &statement, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    version = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    return version;
}

static void test_migrates_once(void **state)
{
    uint64_t version, again;
    uint8_t digest[VAULT_DIGEST], digest_again[VAULT_DIGEST];
    struct vault *vault;
    struct env env;

    (void)state;
    old_start(&env, NULL);
    vault = env_open(&env);
    assert_int_equal(user_version(vault), SCHEMA_NOW);
    old_check(&env, vault);
    assert_vault(&env, VAULT_OK, vault_root(vault, &version, digest, env.error));
    vault_close(vault);
    vault = env_open(&env);
    old_check(&env, vault);
    assert_vault(&env, VAULT_OK, vault_root(vault, &again, digest_again, env.error));
    assert_int_equal(version, again);
    assert_memory_equal(digest, digest_again, sizeof digest);
    /* and it is a vault like any other */
    assert_vault(&env, VAULT_BAD_CODE, env_code(&env, vault, 1, 2, "bad"));
    assert_vault(&env, VAULT_OK, env_code(&env, vault, 1, 2, "code"));
    assert_vault(&env, VAULT_OK, env_put(&env, vault, 1, VAULT_KEY_SM2, 4, 40, NULL));
    assert_int_equal(env_tenant(&env, vault, "new"), 4); /* 2 is never used again */
    vault_close(vault);
    vault = env_open(&env);
    assert_int_equal(env_get(&env, vault, 1, VAULT_KEY_SM2, 4), 40);
    assert_int_equal(env_get(&env, vault, 1, VAULT_KEY_SM2, 3), 30);
    /* with what the schema of today is for */
    assert_vault(&env, VAULT_OK, vault_code_set(vault, 1, VAULT_KEY_KEK, 1, (const uint8_t *)"kek", 3, env.error));
    vault_close(vault);
    vault = env_open(&env);
    assert_int_equal(env_get(&env, vault, 1, VAULT_KEY_KEK, 1), 77);
    assert_vault(&env, VAULT_OK, vault_code_check(vault, 1, VAULT_KEY_KEK, 1, (const uint8_t *)"kek", 3, env.error));
    vault_close(vault);
    env_end(&env);
}

/* What schema 2 had beyond schema 1. */
static void test_policy_and_files_stay(void **state)
{
    struct vault_policy policy;
    uint8_t bytes[32];
    size_t len = sizeof bytes;
    struct vault *vault;
    struct env env;

    (void)state;
    if (old_schema < 2)
        return;
    old_start(&env, NULL);
    vault = env_open(&env);
    assert_vault(&env, VAULT_OK, vault_policy_get(vault, 1, &policy, env.error));
    assert_true(policy.codes == VAULT_CODES_NEW && policy.max_files == 3 && policy.max_file_bytes == 5000);
    assert_vault(&env, VAULT_OK, vault_file_read(vault, 1, (const uint8_t *)"f", 1, 0, bytes, &len, env.error));
    assert_int_equal(len, 20);
    assert_memory_equal(bytes, "\0\0\0abc\0", 7);
    assert_int_equal(env_get(&env, vault, 1, VAULT_KEY_P256, 2), 90);
    vault_close(vault);
    env_end(&env);
}

static void test_altered_before(void **state)
{
    static const char *const whole[] = {
        "DELETE FROM tenant WHERE id=3",
        "UPDATE tenant SET id=9 WHERE id=1",
        "UPDATE tenant SET record = (SELECT record FROM tenant WHERE id=3) WHERE id=1",
        "DELETE FROM root",
        "UPDATE root SET record = substr(record,1,length(record)-1)",
        "PRAGMA user_version = 3", /* not migrated, but says so */
        "PRAGMA user_version = 0",
    };
    static const char *const one[] = {
        "DELETE FROM key WHERE tenant=1 AND kind=1 AND place=3",
        "UPDATE key SET place=7 WHERE tenant=1 AND kind=1 AND place=3",
        "INSERT INTO key SELECT 1, kind, 77, record FROM key WHERE tenant=3 AND kind=1",
        "UPDATE key SET record = record || x'00' WHERE tenant=1 AND kind=2",
    };
    struct vault *vault = NULL;
    struct env env;

    (void)state;
    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++) {
        old_start(&env, whole[i]);
        if (vault_open(&env.config, &vault, env.error) != VAULT_DAMAGED)
            fail_msg("%s was not noticed", whole[i]);
        env_end(&env);
    }
    for (size_t i = 0; i < sizeof one / sizeof one[0]; i++) {
        old_start(&env, one[i]);
        vault = env_open(&env);
        for (unsigned turn = 0; turn < 2; turn++) {
            if (env_get(&env, vault, 1, VAULT_KEY_SM2, 1) != -2)
                fail_msg("%s was not noticed", one[i]);
            assert_int_equal(env_get(&env, vault, 3, VAULT_KEY_SM2, 1), 5);
            vault_close(vault);
            vault = env_open(&env);
        }
        assert_vault(&env, VAULT_OK, vault_tenant_remove(vault, 1, env.error));
        vault_close(vault);
        env_end(&env);
    }
}

/* The schema's number is not authentic; to say that a new store is an old one does not make it be read as one. */
static void test_number_put_back(void **state)
{
    struct vault *vault;
    struct env env;

    (void)state;
    old_start(&env, NULL);
    vault_close(env_open(&env));
    for (int number = 1; number < SCHEMA_NOW; number++) {
        char text[64];

        snprintf(text, sizeof text, "PRAGMA user_version = %d", number);
        old_sql(&env, text);
        assert_vault(&env, VAULT_DAMAGED, vault_open(&env.config, &vault, env.error));
    }
    env_end(&env);
}

/* The root as an older schema had it, without the audit log's head. */
static void root_put_back(struct env *env, unsigned schema)
{
    struct vault *vault = env_open(env);
    const struct vault_store_ops *ops = vault->store->ops;
    struct root_state root;

    assert_vault(env, VAULT_OK, ops->begin(vault->store, env->error));
    assert_vault(env, VAULT_OK, root_load(vault, &root, env->error));
    assert_int_equal(root.meta.schema, SCHEMA_NOW);
    root.meta.schema = schema;
    assert_vault(env, VAULT_OK, root_save(vault, &root, env->error));
    assert_vault(env, VAULT_OK, ops->commit(vault->store, env->error));
    vault_close(vault);
}

static void number_set(struct env *env, unsigned number)
{
    char text[64];

    snprintf(text, sizeof text, "PRAGMA user_version = %u", number);
    old_sql(env, text);
}

/* Schemas that differ in the root alone: its form and the number must agree. */
static void test_schemas_between(void **state)
{
    struct vault_head head;
    uint64_t before, after;
    uint8_t digest[VAULT_DIGEST];
    struct vault *vault;
    struct env env;

    (void)state;
    for (unsigned schema = 2; schema < SCHEMA_NOW; schema++) {
        old_start(&env, NULL);
        root_put_back(&env, schema);
        for (unsigned number = 1; number <= SCHEMA_NOW; number++) {
            number_set(&env, number);
            if (number != schema)
                assert_vault(&env, VAULT_DAMAGED, vault_open(&env.config, &vault, env.error));
        }
        number_set(&env, schema);
        before = 0;
        for (unsigned turn = 0; turn < 2; turn++) { /* the second time it is of today's */
            vault = env_open(&env);
            assert_int_equal(user_version(vault), SCHEMA_NOW);
            old_check(&env, vault);
            assert_vault(&env, VAULT_OK, vault_root(vault, &after, digest, env.error));
            assert_true(turn ? after == before : after > before);
            before = after;
            assert_vault(&env, VAULT_OK, vault_head(vault, &head, env.error));
            assert_int_equal(head.number, 0);
            vault_close(vault);
        }
        env_end(&env);
    }
}

/* Puts a policy where schema 2 put one: the record does not say which classes there were. */
static void policy_put_back(struct env *env, uint32_t denied)
{
    struct vault *vault = env_open(env);
    struct root_state root;
    struct tenant_state tenant;
    struct policy_meta meta;
    enum vault_result result;

    assert_vault(env, VAULT_OK, change_begin(vault, 1, &root, &tenant, env->error));
    assert_vault(env, VAULT_OK, tenant_check(vault, &tenant, env->error));
    assert_vault(env, VAULT_OK, policy_load(vault, &tenant, &meta, env->error));
    meta.policy.denied.denied_classes = denied;
    meta.classes = 0;
    result = policy_save(vault, &tenant, &meta, env->error);
    assert_vault(env, VAULT_OK, change_end(vault, &root, &tenant, result, env->error));
    vault_close(vault);
}

static uint32_t denied_classes(struct env *env)
{
    struct vault *vault = env_open(env);
    struct vault_policy policy;

    assert_vault(env, VAULT_OK, vault_policy_get(vault, 1, &policy, env->error));
    vault_close(vault);
    return policy.denied.denied_classes;
}

/* A class that schema 2 did not know is not allowed to who was denied some, until an operator says so. */
static void test_newer_classes(void **state)
{
    uint32_t denied = cm_policy_all.denied_classes & ~(1u << C_EXPORT | 1u << C_FILES);
    struct vault_tenant tenant;
    struct vault_policy policy;
    struct vault *vault;
    struct env env;

    (void)state;
    old_start(&env, NULL);
    vault_close(env_open(&env));
    policy_put_back(&env, denied);
    root_put_back(&env, 2);
    number_set(&env, 2);
    assert_int_equal(denied_classes(&env), denied | 1u << C_EXPORT);
    vault = env_open(&env);
    assert_vault(&env, VAULT_OK, vault_file_create(vault, 1, (const uint8_t *)"n", 1, 5, env.error)); /* writes it */
    vault_close(vault);
    assert_int_equal(denied_classes(&env), denied | 1u << C_EXPORT);
    vault = env_open(&env);
    assert_vault(&env, VAULT_OK, vault_tenant_find(vault, "one", &tenant, env.error));
    assert_vault(&env, VAULT_OK, vault_policy_get(vault, 1, &policy, env.error));
    policy.denied.denied_classes = denied;
    assert_vault(&env, VAULT_OK, vault_tenant_change(vault, &tenant, &policy, env.error));
    vault_close(vault);
    assert_int_equal(denied_classes(&env), denied);
    policy_put_back(&env, 0);
    root_put_back(&env, 2);
    number_set(&env, 2);
    assert_int_equal(denied_classes(&env), 0);
    env_end(&env);
}

static void test_newer_is_refused(void **state)
{
    struct vault *vault;
    struct env env;
    char text[64];

    (void)state;
    env_start(&env);
    vault_close(env_create(&env));
    snprintf(text, sizeof text, "PRAGMA user_version = %d", SCHEMA_NOW + 1);
    old_sql(&env, text);
    assert_vault(&env, VAULT_INVALID, vault_open(&env.config, &vault, env.error));
    assert_non_null(strstr(env.error, "newer cardmux"));
    assert_vault(&env, VAULT_INVALID, vault_create(&env.config, env.error));
    snprintf(text, sizeof text, "PRAGMA user_version = %d", SCHEMA_NOW);
    old_sql(&env, text);
    vault_close(env_open(&env)); /* nothing was changed */
    env_end(&env);
}

static void test_other_master_key(void **state)
{
    struct vault *vault;
    struct env env;

    (void)state;
    old_start(&env, NULL);
    env.master[0] ^= 1;
    assert_vault(&env, VAULT_DAMAGED, vault_open(&env.config, &vault, env.error));
    env.master[0] ^= 1;
    vault = env_open(&env);
    old_check(&env, vault);
    vault_close(vault);
    env_end(&env);
}

/* An accident at each operation of the disk during the migration: the next opening finds all that there was. */
static unsigned accidents(enum disk_accident accident, enum disk_survival survival)
{
    struct env env;
    unsigned at = 0;

    env_start(&env);
    for (bool happened = true; happened; at++) {
        struct vault *vault = NULL;
        enum vault_result result;

        disk_erase();
        disk_plan(DISK_NONE, 0);
        old_store(&env, old_text, NULL);
        disk_plan(accident, at);
        result = vault_open(&env.config, &vault, env.error);
        if (result == VAULT_OK)
            vault_close(vault);
        happened = disk_happened();
        if (result != VAULT_OK && !(happened && result == VAULT_IO))
            fail_msg("accident %d at %u: %s", (int)accident, at, env.error);
        if (accident == DISK_POWER)
            disk_reboot(survival, at);
        disk_plan(DISK_NONE, 0);
        vault = env_open(&env);
        assert_int_equal(user_version(vault), SCHEMA_NOW);
        old_check(&env, vault);
        vault_close(vault);
    }
    env_end(&env);
    return at;
}

static void test_accidents(void **state)
{
    (void)state;
    disk_install();
    for (enum disk_survival survival = DISK_LOSES_ALL; survival <= DISK_LOSES_NOTHING; survival++)
        assert_true(accidents(DISK_POWER, survival) > 10);
    assert_true(accidents(DISK_FULL, DISK_LOSES_ALL) > 10);
    assert_true(accidents(DISK_ERROR, DISK_LOSES_ALL) > 10);
    disk_erase();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_migrates_once),    cmocka_unit_test(test_altered_before),
        cmocka_unit_test(test_number_put_back),  cmocka_unit_test(test_schemas_between),
        cmocka_unit_test(test_newer_classes),    cmocka_unit_test(test_newer_is_refused),
        cmocka_unit_test(test_other_master_key), cmocka_unit_test(test_policy_and_files_stay),
        cmocka_unit_test(test_accidents), /* the last one: from there on the disk is the test's */
    };

    old_schema = argc == 2 && strstr(argv[1], "schema2") ? 2 : 1;
    if (argc != 2 || !old_read(argv[1], old_text, sizeof old_text))
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
