/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_vault_tamper.c: somebody edits the database while the daemon is not running. Whatever they do to a row must end
 * in VAULT_DAMAGED: bits flipped, rows moved, dropped, doubled, or put back from an older copy of the same row.
 */
#include "vault_env.h"

#include <sqlite3.h>
#include <sys/wait.h>

static void sql(struct env *env, const char *text)
{
    char path[128];
    sqlite3 *db;

    snprintf(path, sizeof path, "%s/vault.db", env->dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", text, sqlite3_errmsg(db));
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* A file's bytes, to put back afterwards. */
static size_t file_load(struct env *env, uint8_t **bytes)
{
    char path[128];
    FILE *file;
    long size;

    snprintf(path, sizeof path, "%s/vault.db", env->dir);
    file = fopen(path, "rb");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    size = ftell(file);
    rewind(file);
    *bytes = malloc((size_t)size);
    assert_int_equal(fread(*bytes, 1, (size_t)size, file), size);
    fclose(file);
    return (size_t)size;
}

static void file_store(struct env *env, const uint8_t *bytes, size_t len)
{
    char path[128];
    FILE *file;

    snprintf(path, sizeof path, "%s/vault.db", env->dir);
    file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

/* Two tenants with an SM2 key with a code, a twin without, and a KEK each. */
static void two_tenants(struct env *env)
{
    struct vault *vault;

    env_start(env);
    vault = env_create(env);
    for (uint8_t t = 1; t <= 2; t++) {
        assert_int_equal(env_tenant(env, vault, t == 1 ? "one" : "two"), t);
        assert_vault(env, VAULT_OK, env_put(env, vault, t, VAULT_KEY_SM2, 1, (uint8_t)(10 * t), "code"));
        assert_vault(env, VAULT_OK, env_put(env, vault, t, VAULT_KEY_SM2, 2, (uint8_t)(10 * t + 2), NULL));
        assert_vault(env, VAULT_OK, env_put(env, vault, t, VAULT_KEY_KEK, 1, (uint8_t)(10 * t + 4), NULL));
    }
    vault_close(vault);
}

static bool never(void *arg, const struct vault_key *key)
{
    (void)arg;
    (void)key;
    return true;
}

/* Everything of tenant 1 is refused, by every door; tenant 2 lives on. Or the vault does not open at all. */
static void assert_refused(struct env *env, const char *what, bool whole)
{
    struct vault *vault = NULL;
    enum vault_result result = vault_open(&env->config, &vault, env->error);

    if (whole) {
        if (result != VAULT_DAMAGED)
            fail_msg("%s: opening gave %s", what, vault_result_name(result));
        return;
    }
    if (result != VAULT_OK)
        fail_msg("%s: opening gave %s", what, env->error);
    if (env_get(env, vault, 1, VAULT_KEY_SM2, 1) != -2)
        fail_msg("%s was not noticed", what);
    assert_int_equal(env_get(env, vault, 1, VAULT_KEY_SM2, 2), -2);
    assert_vault(env, VAULT_DAMAGED, env_code(env, vault, 1, 1, "code"));
    assert_vault(env, VAULT_DAMAGED, vault_code_reset(vault, 1, VAULT_KEY_SM2, 1, env->error));
    assert_vault(env, VAULT_DAMAGED, vault_key_each(vault, 1, never, NULL, env->error));
    assert_vault(env, VAULT_DAMAGED, vault_key_remove(vault, 1, VAULT_KEY_SM2, 1, env->error));
    assert_vault(env, VAULT_DAMAGED, env_put(env, vault, 1, VAULT_KEY_SM2, 9, 9, NULL));
    /* an exchange of rows hits both, anything else leaves the neighbour alone */
    assert_int_equal(env_get(env, vault, 2, VAULT_KEY_SM2, 1), strstr(what, "SET tenant=2") ? -2 : 20);
    assert_vault(env, VAULT_OK, vault_tenant_remove(vault, 1, env->error)); /* the way out that is always open */
    vault_close(vault);
}

static void edits(const char *const *texts, size_t count, bool whole)
{
    uint8_t *before;
    size_t len;
    struct env env;

    two_tenants(&env);
    len = file_load(&env, &before);
    for (size_t i = 0; i < count; i++) {
        sql(&env, texts[i]);
        assert_refused(&env, texts[i], whole);
        file_store(&env, before, len);
    }
    free(before);
    env_end(&env);
}

static void test_key_rows(void **state)
{
    static const char *const texts[] = {
        /* from the other tenant, index, kind */
        "UPDATE key SET record = (SELECT record FROM key WHERE tenant=2 AND kind=1 AND place=1) "
        "WHERE tenant=1 AND kind=1 AND place=1",
        "UPDATE key SET record = (SELECT record FROM key WHERE tenant=1 AND kind=1 AND place=2) "
        "WHERE tenant=1 AND kind=1 AND place=1",
        "UPDATE key SET record = (SELECT record FROM key WHERE tenant=1 AND kind=2 AND place=1) "
        "WHERE tenant=1 AND kind=1 AND place=2",
        "UPDATE key SET tenant=tenant+10 WHERE tenant=2 AND place=2;"
        "UPDATE key SET tenant=2 WHERE tenant=1 AND place=2; UPDATE key SET tenant=1 WHERE tenant=12",
        "UPDATE key SET place=9 WHERE tenant=1 AND kind=1 AND place=2",
        "UPDATE key SET kind=2, place=9 WHERE tenant=1 AND kind=1 AND place=2",
        /* dropped, doubled, cut, not a blob */
        "DELETE FROM key WHERE tenant=1 AND place=2",
        "DELETE FROM key WHERE tenant=1",
        "INSERT INTO key SELECT tenant, kind, 77, record FROM key WHERE tenant=1 AND kind=1 AND place=1",
        "UPDATE key SET record = substr(record, 1, length(record)-1) WHERE tenant=1 AND kind=1 AND place=1",
        "UPDATE key SET record = record || x'00' WHERE tenant=1 AND kind=1 AND place=1",
        "UPDATE key SET record = 'text' WHERE tenant=1 AND kind=1 AND place=1",
        "UPDATE key SET record = zeroblob(100000) WHERE tenant=1 AND kind=1 AND place=1",
        "UPDATE key SET record = x'' WHERE tenant=1 AND kind=1 AND place=1",
    };

    (void)state;
    edits(texts, sizeof texts / sizeof texts[0], false);
}

static void test_tenant_rows(void **state)
{
    static const char *const texts[] = {
        "UPDATE tenant SET record = (SELECT record FROM tenant WHERE id=2) WHERE id=1",
        "UPDATE tenant SET id=9 WHERE id=1",
        "UPDATE tenant SET name='three' WHERE id=1",
        ("UPDATE tenant SET name='x' WHERE id=1; UPDATE tenant SET name='one' WHERE id=2;"
         "UPDATE tenant SET name='two' WHERE id=1"),
        "DELETE FROM tenant WHERE id=1",
        "DELETE FROM tenant",
        "INSERT INTO tenant SELECT 9, 'nine', record FROM tenant WHERE id=1",
        "UPDATE root SET record = (SELECT record FROM tenant WHERE id=1)",
        "DELETE FROM root",
        "CREATE TRIGGER t AFTER UPDATE ON key BEGIN DELETE FROM key; END",
        "CREATE TABLE extra(a)",
        "CREATE VIEW v AS SELECT * FROM key",
        "DROP TABLE key",
        "CREATE INDEX i ON key(record)",
        "PRAGMA user_version = 0",
    };

    (void)state;
    edits(texts, sizeof texts / sizeof texts[0], true);
}

/* Parts of one record exchanged, all lengths right: encrypt for sign, and the code taken out. */
static void test_parts(void **state)
{
    /* key record: header 24; meta 2+52; sign 2+124; encrypt 2+124; code 2+80 */
    static const char *const texts[] = {
        "UPDATE key SET record = substr(record,1,78) || substr(record,205,126) || substr(record,79,126) || "
        "substr(record,331) WHERE tenant=1 AND kind=1 AND place=1",
        "UPDATE key SET record = substr(record,1,6) || x'4c01' || substr(record,9,322) || x'0000' "
        "WHERE tenant=1 AND kind=1 AND place=1",
        /* the twin's sign part, its own everything else */
        "UPDATE key SET record = substr(record,1,78) || (SELECT substr(record,79,126) FROM key WHERE tenant=1 AND "
        "kind=1 AND place=2) || substr(record,205) WHERE tenant=1 AND kind=1 AND place=1",
        "UPDATE key SET record = substr(record,1,78) || (SELECT substr(record,79,126) FROM key WHERE tenant=2 AND "
        "kind=1 AND place=1) || substr(record,205) WHERE tenant=1 AND kind=1 AND place=1",
        /* the other tenant's code */
        "UPDATE key SET record = substr(record,1,330) || (SELECT substr(record,331) FROM key WHERE tenant=2 AND "
        "kind=1 AND place=1) WHERE tenant=1 AND kind=1 AND place=1",
    };

    (void)state;
    edits(texts, sizeof texts / sizeof texts[0], false);
}

/* Each byte of a record: one bit of it flipped. Tallies would notice by themselves, so the seals are tried alone in
   test_vault_record.c. */
static void flip_all(struct env *env, const char *table, const char *where, bool whole)
{
    uint8_t *before;
    size_t len = file_load(env, &before), record = 0;
    char text[256];
    sqlite3_stmt *statement;
    sqlite3 *db;

    snprintf(text, sizeof text, "%s/vault.db", env->dir);
    assert_int_equal(sqlite3_open(text, &db), SQLITE_OK);
    snprintf(text, sizeof text, "SELECT length(record) FROM %s WHERE %s", table, where);
    assert_int_equal(sqlite3_prepare_v2(db, text, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    record = (size_t)sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    assert_true(record > 80);
    for (size_t i = 0; i < record; i++) {
        struct vault *vault = NULL;
        sqlite3_blob *blob;
        uint8_t byte;
        int rowid_table = strcmp(table, "key") != 0, fill = -2;
        enum vault_result result;

        snprintf(text, sizeof text, "%s/vault.db", env->dir);
        assert_int_equal(sqlite3_open(text, &db), SQLITE_OK);
        sqlite3_exec(db, "PRAGMA synchronous = OFF", NULL, NULL, NULL);
        if (rowid_table) {
            assert_int_equal(sqlite3_blob_open(db, "main", table, "record", 1, 1, &blob), SQLITE_OK);
            sqlite3_blob_read(blob, &byte, 1, (int)i);
            byte ^= (uint8_t)(1u << i % 8);
            assert_int_equal(sqlite3_blob_write(blob, &byte, 1, (int)i), SQLITE_OK);
            sqlite3_blob_close(blob);
        } else {
            static uint8_t bytes[1024];

            snprintf(text, sizeof text, "SELECT record FROM key WHERE %s", where);
            assert_int_equal(sqlite3_prepare_v2(db, text, -1, &statement, NULL), SQLITE_OK);
            assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
            memcpy(bytes, sqlite3_column_blob(statement, 0), record);
            sqlite3_finalize(statement);
            bytes[i] ^= (uint8_t)(1u << i % 8);
            snprintf(text, sizeof text, "UPDATE key SET record = ?1 WHERE %s", where);
            assert_int_equal(sqlite3_prepare_v2(db, text, -1, &statement, NULL), SQLITE_OK);
            sqlite3_bind_blob(statement, 1, bytes, (int)record, SQLITE_STATIC);
            assert_int_equal(sqlite3_step(statement), SQLITE_DONE);
            sqlite3_finalize(statement);
        }
        sqlite3_close(db);
        result = vault_open(&env->config, &vault, env->error);
        if (whole) {
            assert_vault(env, VAULT_DAMAGED, result);
        } else {
            assert_vault(env, VAULT_OK, result);
            fill = env_get(env, vault, 1, VAULT_KEY_SM2, 1);
            if (fill != -2)
                fail_msg("byte %zu flipped: got %d", i, fill);
        }
        vault_close(vault);
        file_store(env, before, len);
    }
    free(before);
}

static void test_flips(void **state)
{
    struct env env;

    (void)state;
    two_tenants(&env);
    flip_all(&env, "key", "tenant=1 AND kind=1 AND place=1", false);
    flip_all(&env, "tenant", "id=1", true);
    flip_all(&env, "root", "id=1", true);
    env_end(&env);
}

/* An old copy of one row, put back: the lock-out and the limits would be gone. */
static void test_replay(void **state)
{
    struct vault_tenant tenant;
    struct vault *vault;
    struct env env;

    (void)state;
    two_tenants(&env);
    sql(&env, "CREATE TABLE saved AS SELECT * FROM key WHERE tenant=1 AND kind=1 AND place=1;"
              "ATTACH '/dev/null' AS n; DETACH n");
    sql(&env, "CREATE TABLE saved2 AS SELECT * FROM tenant");
    {
        /* keep the copies outside, the vault refuses strange tables */
        char text[512];

        snprintf(text, sizeof text,
                 "ATTACH '%s/copy.db' AS c; CREATE TABLE c.k AS SELECT * FROM saved; CREATE TABLE c.t AS SELECT * "
                 "FROM saved2; DROP TABLE saved; DROP TABLE saved2",
                 env.dir);
        sql(&env, text);
    }
    vault = env_open(&env);
    for (int i = 0; i < 3; i++)
        assert_vault(&env, VAULT_BAD_CODE, env_code(&env, vault, 1, 1, "guess"));
    assert_vault(&env, VAULT_LOCKED, env_code(&env, vault, 1, 1, "code"));
    assert_vault(&env, VAULT_OK, vault_tenant_find(vault, "two", &tenant, env.error));
    tenant.weight = 1;
    assert_vault(&env, VAULT_OK, vault_tenant_set(vault, &tenant, env.error));
    vault_close(vault);
    {
        uint8_t *before;
        size_t len = file_load(&env, &before);
        char text[512];

        snprintf(text, sizeof text, "ATTACH '%s/copy.db' AS c; REPLACE INTO tenant SELECT * FROM c.t WHERE id=2",
                 env.dir);
        sql(&env, text);
        assert_refused(&env, "an older tenant row", true);
        file_store(&env, before, len);
        snprintf(text, sizeof text, "ATTACH '%s/copy.db' AS c; REPLACE INTO key SELECT * FROM c.k", env.dir);
        sql(&env, text);
        assert_refused(&env, "an older key row", false);
        free(before);
    }
    env_end(&env);
}

/* A tenant of the same name, made anew, does not take over the old one's records. */
static void test_recreated_tenant(void **state)
{
    struct vault *vault;
    struct env env;
    char text[512];

    (void)state;
    two_tenants(&env);
    snprintf(text, sizeof text, "ATTACH '%s/copy.db' AS c; CREATE TABLE c.k AS SELECT * FROM key WHERE tenant=1",
             env.dir);
    sql(&env, text);
    vault = env_open(&env);
    assert_vault(&env, VAULT_OK, vault_tenant_remove(vault, 1, env.error));
    assert_int_equal(env_tenant(&env, vault, "one"), 3);
    vault_close(vault);
    snprintf(text, sizeof text, "ATTACH '%s/copy.db' AS c; INSERT INTO key SELECT 3, kind, place, record FROM c.k",
             env.dir);
    sql(&env, text);
    vault = env_open(&env);
    assert_int_equal(env_get(&env, vault, 3, VAULT_KEY_SM2, 1), -2);
    vault_close(vault);
    env_end(&env);
}

/* While the vault is open nobody else writes. */
static void test_open_store_is_closed_to_others(void **state)
{
    struct vault *vault;
    struct env env;
    char path[128];
    sqlite3 *db;

    (void)state;
    two_tenants(&env);
    vault = env_open(&env);
    snprintf(path, sizeof path, "%s/vault.db", env.dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "DELETE FROM key", NULL, NULL, NULL), SQLITE_BUSY);
    sqlite3_close(db);
    vault_close(vault);
    env_end(&env);
}

/* The other way round: a program has the database open. */
static void test_foreign_lock(void **state)
{
    struct vault *vault = NULL;
    struct env env;
    char path[128];
    sqlite3 *db;

    (void)state;
    two_tenants(&env);
    snprintf(path, sizeof path, "%s/vault.db", env.dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
    if (fork() == 0) { /* file locks are per process */
        enum vault_result result = vault_open(&env.config, &vault, env.error);

        _exit(result == VAULT_BUSY ? 0 : 1);
    } else {
        int status = 0;

        wait(&status);
        assert_int_equal(status, 0);
    }
    sqlite3_close(db);
    env_end(&env);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_key_rows),
        cmocka_unit_test(test_tenant_rows),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_flips),
        cmocka_unit_test(test_replay),
        cmocka_unit_test(test_recreated_tenant),
        cmocka_unit_test(test_open_store_is_closed_to_others),
        cmocka_unit_test(test_foreign_lock),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
