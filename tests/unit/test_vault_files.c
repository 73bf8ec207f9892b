/* SPDX-License-Identifier: Apache-2.0 */
/* test_vault_files.c: policies and files in the vault: what they promise in vault.h, and what somebody who edits the
 * database gets. What a lost disk does to them is in test_vault_power.c. */
#include "vault_env.h"

#include "backend/vault/sqlite/sqlite_store.h"
#include "backend/vault/vault_internal.h"

#define BIG 20000u /* several chunks, the last one not full */

static enum vault_result create(struct env *env, struct vault *vault, uint32_t tenant, const char *name, uint32_t size)
{
    return vault_file_create(vault, tenant, (const uint8_t *)name, strlen(name), size, env->error);
}

static enum vault_result put(struct env *env, struct vault *vault, uint32_t tenant, const char *name, uint32_t offset,
                             const void *bytes, size_t len)
{
    return vault_file_write(vault, tenant, (const uint8_t *)name, strlen(name), offset, bytes, len, len, env->error);
}

static enum vault_result get(struct env *env, struct vault *vault, uint32_t tenant, const char *name, uint32_t offset,
                             void *bytes, size_t *len)
{
    return vault_file_read(vault, tenant, (const uint8_t *)name, strlen(name), offset, bytes, len, env->error);
}

static enum vault_result drop(struct env *env, struct vault *vault, uint32_t tenant, const char *name)
{
    return vault_file_remove(vault, tenant, (const uint8_t *)name, strlen(name), env->error);
}

static bool count_file(void *arg, const struct vault_file *file)
{
    uint32_t *sum = arg;
    sum[0]++;
    sum[1] += file->size;
    return true;
}

static void assert_files(struct env *env, struct vault *vault, uint32_t tenant, uint32_t files, uint32_t bytes)
{
    uint32_t sum[2] = {0};
    assert_vault(env, VAULT_OK, vault_file_each(vault, tenant, count_file, sum, env->error));
    assert_int_equal(sum[0], files);
    assert_int_equal(sum[1], bytes);
}

static void test_read_write(void **state)
{
    static uint8_t model[BIG], bytes[BIG + 100];
    struct env env;
    unsigned seed = 7;
    (void)state;
    env_start(&env);
    struct vault *vault = env_create(&env);
    uint32_t one = env_tenant(&env, vault, "one"), two = env_tenant(&env, vault, "two");
    assert_vault(&env, VAULT_OK, create(&env, vault, one, "f", BIG));
    assert_vault(&env, VAULT_EXISTS, create(&env, vault, one, "f", 5));
    assert_vault(&env, VAULT_OK, create(&env, vault, two, "f", 10));
    for (unsigned round = 0; round < 60; round++) {
        uint32_t offset = (uint32_t)rand_r(&seed) % BIG, len = (uint32_t)rand_r(&seed) % 9000;
        if (len > BIG - offset)
            len = BIG - offset;
        for (uint32_t i = 0; i < len; i++)
            model[offset + i] = (uint8_t)rand_r(&seed);
        assert_vault(&env, VAULT_OK, put(&env, vault, one, "f", offset, model + offset, len));
        if (round == 30) { /* what was written outlives the process */
            vault_close(vault);
            vault = env_open(&env);
        }
        uint32_t from = (uint32_t)rand_r(&seed) % BIG;
        size_t got = (size_t)rand_r(&seed) % sizeof bytes, wanted = got;
        assert_vault(&env, VAULT_OK, get(&env, vault, one, "f", from, bytes, &got));
        assert_int_equal(got, wanted < BIG - from ? wanted : BIG - from);
        assert_memory_equal(bytes, model + from, got);
    }
    size_t len = 10;
    assert_vault(&env, VAULT_OK, get(&env, vault, two, "f", 0, bytes, &len)); /* nobody wrote there */
    assert_int_equal(len, 10);
    for (size_t i = 0; i < len; i++)
        assert_int_equal(bytes[i], 0);
    assert_vault(&env, VAULT_OK, drop(&env, vault, one, "f"));
    assert_vault(&env, VAULT_OK, create(&env, vault, one, "f", BIG)); /* nothing of the old one is left in it */
    len = BIG;
    assert_vault(&env, VAULT_OK, get(&env, vault, one, "f", 0, bytes, &len));
    memset(model, 0, sizeof model);
    assert_memory_equal(bytes, model, BIG);
    vault_close(vault);
    env_end(&env);
}

static void test_edges(void **state)
{
    static const uint8_t long_name[VAULT_FILE_NAME + 1] = {1, 0, 255};
    uint8_t bytes[16] = {0};
    size_t len = 4;
    struct env env;
    (void)state;
    env_start(&env);
    struct vault *vault = env_create(&env);
    uint32_t one = env_tenant(&env, vault, "one");
    assert_vault(&env, VAULT_NOT_FOUND, get(&env, vault, one, "f", 0, bytes, &len));
    assert_vault(&env, VAULT_NOT_FOUND, put(&env, vault, one, "f", 0, bytes, 1));
    assert_vault(&env, VAULT_NOT_FOUND, drop(&env, vault, one, "f"));
    assert_vault(&env, VAULT_NOT_FOUND, create(&env, vault, 99, "f", 1));
    assert_vault(&env, VAULT_INVALID, create(&env, vault, one, "", 1));
    assert_vault(&env, VAULT_INVALID, vault_file_create(vault, one, long_name, sizeof long_name, 1, env.error));
    assert_vault(&env, VAULT_OK, vault_file_create(vault, one, long_name, VAULT_FILE_NAME, 1, env.error));
    assert_vault(&env, VAULT_OK, vault_file_create(vault, one, long_name, VAULT_FILE_NAME - 1, 1, env.error));
    assert_vault(&env, VAULT_EXISTS, vault_file_create(vault, one, long_name, VAULT_FILE_NAME, 1, env.error));
    assert_vault(&env, VAULT_LIMIT, create(&env, vault, one, "f", 0));
    assert_vault(&env, VAULT_LIMIT, create(&env, vault, one, "f", VAULT_FILE_MAX + 1));
    assert_vault(&env, VAULT_OK, create(&env, vault, one, "f", 5000));
    assert_vault(&env, VAULT_RANGE, put(&env, vault, one, "f", 5000, bytes, 1));
    assert_vault(&env, VAULT_RANGE, put(&env, vault, one, "f", 4999, bytes, 2));
    assert_vault(&env, VAULT_RANGE, put(&env, vault, one, "f", UINT32_MAX, bytes, 2));
    assert_vault(&env, VAULT_RANGE,
                 vault_file_write(vault, one, (const uint8_t *)"f", 1, 4990, bytes, 1, 11, env.error));
    assert_vault(&env, VAULT_RANGE,
                 vault_file_write(vault, one, (const uint8_t *)"f", 1, 4990, bytes, 2, 1, env.error));
    assert_vault(&env, VAULT_OK, vault_file_write(vault, one, (const uint8_t *)"f", 1, 4990, bytes, 1, 10, env.error));
    assert_vault(&env, VAULT_OK, put(&env, vault, one, "f", 4999, bytes, 1));
    assert_vault(&env, VAULT_RANGE, get(&env, vault, one, "f", 5000, bytes, &len));
    assert_vault(&env, VAULT_RANGE, get(&env, vault, one, "f", UINT32_MAX, bytes, &len));
    assert_files(&env, vault, one, 3, 5002);
    vault_close(vault);
    env_end(&env);
}

static void test_policy_and_limits(void **state)
{
    struct vault_policy policy, found;
    struct vault_tenant tenant;
    struct env env;
    char name[16];
    (void)state;
    env_start(&env);
    struct vault *vault = env_create(&env);
    uint32_t one = env_tenant(&env, vault, "one");
    assert_vault(&env, VAULT_OK, vault_policy_get(vault, one, &found, env.error));
    assert_int_equal(found.denied.denied_classes | found.denied.denied_algs, 0);
    assert_int_equal(found.codes, VAULT_CODES_FREE);
    assert_int_equal(found.max_files, VAULT_FILES_DEFAULT);
    assert_int_equal(found.max_file_bytes, VAULT_FILE_BYTES_DEFAULT);
    assert_vault(&env, VAULT_OK, vault_tenant_find(vault, "one", &tenant, env.error));

    policy = (struct vault_policy){.denied = {1u << C_FILES, 1u << A_RSA | 1u << A_SM2},
                                   .codes = VAULT_CODES_ALWAYS,
                                   .max_files = 3,
                                   .max_file_bytes = 100};
    tenant.flags = VAULT_TENANT_DEBUG;
    assert_vault(&env, VAULT_OK, vault_tenant_change(vault, &tenant, &policy, env.error));
    vault_close(vault);
    vault = env_open(&env);
    assert_vault(&env, VAULT_OK, vault_policy_get(vault, one, &found, env.error));
    assert_memory_equal(&found, &policy, sizeof found);
    assert_vault(&env, VAULT_OK, vault_tenant_find(vault, "one", &tenant, env.error));
    assert_int_equal(tenant.flags, VAULT_TENANT_DEBUG);
    assert_vault(&env, VAULT_OK, vault_tenant_set(vault, &tenant, env.error)); /* leaves it alone */

    assert_vault(&env, VAULT_OK, create(&env, vault, one, "a", 60));
    assert_vault(&env, VAULT_LIMIT, create(&env, vault, one, "b", 41));
    assert_vault(&env, VAULT_OK, create(&env, vault, one, "b", 40));
    assert_vault(&env, VAULT_LIMIT, create(&env, vault, one, "c", 1));
    assert_vault(&env, VAULT_OK, drop(&env, vault, one, "b"));
    assert_vault(&env, VAULT_OK, create(&env, vault, one, "b", 1));
    assert_vault(&env, VAULT_OK, create(&env, vault, one, "c", 1));
    assert_vault(&env, VAULT_LIMIT, create(&env, vault, one, "d", 1));
    policy.max_files = 2; /* fewer than there are: nothing is lost, nothing new fits */
    policy.max_file_bytes = 10;
    assert_vault(&env, VAULT_OK, vault_tenant_change(vault, &tenant, &policy, env.error));
    assert_files(&env, vault, one, 3, 62);
    assert_vault(&env, VAULT_LIMIT, create(&env, vault, one, "d", 1));
    assert_vault(&env, VAULT_OK, drop(&env, vault, one, "a"));
    assert_vault(&env, VAULT_OK, drop(&env, vault, one, "b"));
    assert_vault(&env, VAULT_OK, create(&env, vault, one, "d", 9));
    policy.max_files = VAULT_FILES_MAX;
    policy.max_file_bytes = VAULT_FILE_BYTES_MAX;
    assert_vault(&env, VAULT_OK, vault_tenant_change(vault, &tenant, &policy, env.error));
    for (unsigned i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "file %u", i);
        assert_vault(&env, VAULT_OK, create(&env, vault, one, name, i + 1));
    }
    assert_files(&env, vault, one, 302, 10 + 300 * 301 / 2);

    struct vault_policy wrong = policy;
    wrong.denied.denied_classes = 1;
    assert_vault(&env, VAULT_INVALID, vault_tenant_change(vault, &tenant, &wrong, env.error));
    wrong = policy;
    wrong.denied.denied_algs = 1u << 31;
    assert_vault(&env, VAULT_INVALID, vault_tenant_change(vault, &tenant, &wrong, env.error));
    wrong = policy;
    wrong.max_files++;
    assert_vault(&env, VAULT_INVALID, vault_tenant_change(vault, &tenant, &wrong, env.error));
    assert_vault(&env, VAULT_OK, vault_policy_get(vault, one, &found, env.error));
    assert_memory_equal(&found, &policy, sizeof found);

    assert_vault(&env, VAULT_OK, vault_tenant_remove(vault, one, env.error));
    assert_vault(&env, VAULT_NOT_FOUND, vault_policy_get(vault, one, &found, env.error));
    assert_int_equal(env_tenant(&env, vault, "one"), 2);
    assert_files(&env, vault, 2, 0, 0);
    vault_close(vault);
    env_end(&env);
}

static void sql(struct env *env, const char *text)
{
    char path[128];
    sqlite3 *db;
    snprintf(path, sizeof path, "%s/vault.db", env->dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", text, sqlite3_errmsg(db));
    assert_true(sqlite3_changes(db) > 0);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* Edits while the vault is closed. */
static void test_tamper(void **state)
{
    static const char *const edits[] = {
        "UPDATE key SET record = (SELECT record FROM key WHERE tenant=2 AND kind=65536) WHERE tenant=1 AND kind=65536",
        "UPDATE key SET record = (SELECT record FROM key WHERE tenant=1 AND kind=65537) WHERE tenant=1 AND kind=65536",
        "UPDATE key SET record = (SELECT record FROM key WHERE tenant=2 AND kind=65) WHERE tenant=1 AND kind=65",
        "UPDATE key SET record = substr(record, 1, length(record)-1) WHERE tenant=1 AND kind=65536",
        "UPDATE key SET record = substr(record, 1, 900) || x'55' || substr(record, 902) WHERE tenant=1 AND kind=65536",
        "UPDATE key SET record = substr(record, 1, 60) || x'55' || substr(record, 62) WHERE tenant=1 AND kind=65",
        "UPDATE key SET place = place + 1 WHERE tenant=1 AND kind=65536",
        "UPDATE key SET kind = 70000 WHERE tenant=1 AND kind=65537",
        "DELETE FROM key WHERE tenant=1 AND kind=65536",
        "DELETE FROM key WHERE tenant=1 AND kind=64",
        "DELETE FROM key WHERE tenant=1 AND kind=65",
        "UPDATE key SET record = (SELECT record FROM key WHERE tenant=2 AND kind=64) WHERE tenant=1 AND kind=64",
    };
    uint8_t bytes[5000] = {3};
    (void)state;
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        struct vault_policy policy;
        struct env env;
        env_start(&env);
        struct vault *vault = env_create(&env);
        for (uint32_t t = 1; t <= 2; t++) {
            assert_int_equal(env_tenant(&env, vault, t == 1 ? "one" : "two"), t);
            assert_vault(&env, VAULT_OK, create(&env, vault, t, "f", 9000));
            assert_vault(&env, VAULT_OK, put(&env, vault, t, "f", 0, bytes, sizeof bytes));
        }
        vault_close(vault);
        sql(&env, edits[i]);
        vault = env_open(&env);
        size_t len = 1;
        if (get(&env, vault, 1, "f", 0, bytes, &len) != VAULT_DAMAGED)
            fail_msg("was not noticed: %s", edits[i]);
        assert_vault(&env, VAULT_DAMAGED, put(&env, vault, 1, "f", 0, bytes, 1));
        assert_vault(&env, VAULT_DAMAGED, vault_policy_get(vault, 1, &policy, env.error));
        assert_vault(&env, VAULT_OK, get(&env, vault, 2, "f", 0, bytes, &len));
        assert_vault(&env, VAULT_OK, vault_tenant_remove(vault, 1, env.error));
        vault_close(vault);
        env_end(&env);
    }
}

/* While the vault is open its rows are not compared again: the sealing of each record must tell by itself. */
static void test_tamper_open(void **state)
{
    static const char *const edits[] = {
        "UPDATE key SET record = (SELECT record FROM key WHERE tenant=2 AND kind=65536) WHERE tenant=1 AND kind=65536",
        "UPDATE key SET record = (SELECT record FROM key WHERE tenant=1 AND kind=65537) WHERE tenant=1 AND kind=65536",
        "UPDATE key SET record = (SELECT record FROM key WHERE tenant=2 AND kind=65) WHERE tenant=1 AND kind=65",
        "UPDATE key SET record = substr(record, 1, 900) || x'55' || substr(record, 902) WHERE tenant=1 AND kind=65536",
        "UPDATE key SET record = (SELECT record FROM old) WHERE tenant=1 AND kind=65536",
    };
    uint8_t bytes[5000] = {3};
    size_t len = 1;
    (void)state;
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        struct env env;
        env_start(&env);
        struct vault *vault = env_create(&env);
        for (uint32_t t = 1; t <= 2; t++) {
            assert_int_equal(env_tenant(&env, vault, t == 1 ? "one" : "two"), t);
            assert_vault(&env, VAULT_OK, create(&env, vault, t, "f", 9000));
            assert_vault(&env, VAULT_OK, put(&env, vault, t, "f", 0, bytes, sizeof bytes));
        }
        sqlite3 *db = sqlite_store_handle(vault->store);
        assert_int_equal(sqlite3_exec(db,
                                      "CREATE TEMP TABLE old AS SELECT record FROM key WHERE tenant=1 AND "
                                      "kind=65536",
                                      NULL, NULL, NULL),
                         SQLITE_OK);
        assert_vault(&env, VAULT_OK, drop(&env, vault, 1, "f"));
        assert_vault(&env, VAULT_OK, create(&env, vault, 1, "f", 9000));
        assert_vault(&env, VAULT_OK, put(&env, vault, 1, "f", 0, bytes, sizeof bytes));
        assert_vault(&env, VAULT_OK, get(&env, vault, 1, "f", 0, bytes, &len));
        assert_int_equal(sqlite3_exec(db, edits[i], NULL, NULL, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_changes(db), 1);
        if (get(&env, vault, 1, "f", 0, bytes, &len) != VAULT_DAMAGED)
            fail_msg("was not noticed: %s", edits[i]);
        vault_close(vault);
        env_end(&env);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read_write), cmocka_unit_test(test_edges),       cmocka_unit_test(test_policy_and_limits),
        cmocka_unit_test(test_tamper),     cmocka_unit_test(test_tamper_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
