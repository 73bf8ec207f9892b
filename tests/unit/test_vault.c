/* SPDX-License-Identifier: Apache-2.0 */
/* test_vault.c: every function of vault.h and master_key.h, what it does and what it refuses. */
#include "vault_env.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/wait.h>
#include "backend/vault/master_key.h"

static void test_create_open(void **state)
{
    struct vault *vault = NULL, *second = NULL;
    struct env env;
    char path[128];
    struct stat st;

    (void)state;
    env_start(&env);
    assert_vault(&env, VAULT_NOT_FOUND, vault_open(&env.config, &vault, env.error));
    assert_null(vault);
    vault = env_create(&env);
    assert_vault(&env, VAULT_BUSY, vault_open(&env.config, &second, env.error));
    assert_non_null(strstr(env.error, "another cardmuxd"));
    assert_vault(&env, VAULT_BUSY, vault_create(&env.config, env.error));
    vault_close(vault);
    assert_vault(&env, VAULT_EXISTS, vault_create(&env.config, env.error));
    snprintf(path, sizeof path, "%s/vault.db", env.dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    vault_close(env_open(&env));
    vault_close(NULL);
    env.master[31] ^= 1;
    assert_vault(&env, VAULT_DAMAGED, vault_open(&env.config, &vault, env.error));
    assert_non_null(strstr(env.error, "master key"));
    assert_int_equal(truncate(path, 100), 0);
    assert_vault(&env, VAULT_DAMAGED, vault_open(&env.config, &vault, env.error));
    env.config.state_dir = "/nonexistent/cardmux";
    assert_vault(&env, VAULT_IO, vault_open(&env.config, &vault, env.error));
    assert_vault(&env, VAULT_IO, vault_create(&env.config, env.error));
    assert_int_equal(vault_open(&env.config, &vault, NULL), VAULT_IO); /* nobody must read the sentence */
    env_end(&env);
}

struct holder {
    struct vault *vault;
    pthread_t thread;
};

static void *hold(void *arg)
{
    struct holder *holder = arg;
    usleep(300000);
    vault_close(holder->vault);
    return NULL;
}

/* As of a daemon that was killed, and whose broker waits for the disk. */
static void test_waits_for_the_last(void **state)
{
    struct vault *vault = NULL;
    struct holder holder;
    struct env env;

    (void)state;
    env_start(&env);
    holder.vault = env_create(&env);
    env.config.patience_ms = 60;
    assert_vault(&env, VAULT_BUSY, vault_open(&env.config, &vault, env.error));
    assert_null(vault);
    env.config.patience_ms = 60000;
    assert_int_equal(pthread_create(&holder.thread, NULL, hold, &holder), 0);
    assert_vault(&env, VAULT_OK, vault_open(&env.config, &vault, env.error));
    pthread_join(holder.thread, NULL);
    vault_close(vault);
    env_end(&env);
}

static void test_owner_of_directory(void **state)
{
    static const char *const names[] = {"vault.db", "lock"};
    struct env env;
    struct stat st;
    char path[128];

    (void)state;
    if (geteuid() != 0) {
        print_message("skipped: needs root to give files away\n");
        skip();
    }
    env_start(&env);
    assert_int_equal(chown(env.dir, 65534, 65534), 0);
    vault_close(env_create(&env));
    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", env.dir, names[i]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_uid, 65534);
    }
    env_end(&env);
}

/* Files that the daemon's user may not open, or not write: VAULT_IO and who should own them, and nothing is changed. */
static void test_foreign_files(void **state)
{
    static const struct {
        const char *name;
        mode_t mode;
        const char *says;
    } rows[] = {{"lock", 0600, "lock file"}, {"vault.db", 0600, "own it"}, {"vault.db", 0644, "cannot be written"}};
    struct env env;

    (void)state;
    if (geteuid() != 0) {
        print_message("skipped: needs root to give files away\n");
        skip();
    }
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct vault *vault = NULL;
        char path[128];
        int status = 0;

        env_start(&env);
        assert_int_equal(chown(env.dir, 65534, 65534), 0);
        vault_close(env_create(&env));
        snprintf(path, sizeof path, "%s/%s", env.dir, rows[i].name);
        assert_int_equal(chown(path, 0, 0), 0);
        assert_int_equal(chmod(path, rows[i].mode), 0);
        fflush(NULL);
        if (fork() == 0) {
            enum vault_result result = VAULT_OK;

            if (setgid(65534) == 0 && setuid(65534) == 0)
                result = vault_open(&env.config, &vault, env.error);
            if (result != VAULT_IO || !strstr(env.error, rows[i].says))
                dprintf(2, "%s: %s\n", vault_result_name(result), env.error);
            _exit(result == VAULT_IO && strstr(env.error, rows[i].says) ? 0 : 1);
        }
        wait(&status);
        assert_int_equal(status, 0);
        vault_close(env_open(&env));
        env_end(&env);
    }
}

static void test_result_names(void **state)
{
    (void)state;
    for (int result = VAULT_OK; result <= VAULT_BUSY; result++)
        assert_string_not_equal(vault_result_name((enum vault_result)result), "unknown");
    assert_string_equal(vault_result_name((enum vault_result)99), "unknown");
}

static void test_secret_is_wiped(void **state)
{
    struct vault_secret *secret = secret_of(0xab, VAULT_SECRET_MAX), *again, *many[200];

    (void)state;
    vault_secret_free(secret);
    for (size_t i = sizeof(void *); i < sizeof *secret; i++) /* the slot's first word links free slots */
        assert_int_equal(((volatile uint8_t *)secret)[i], 0);
    again = vault_secret_new();
    assert_int_equal(again->len, 0);
    vault_secret_free(again);
    for (size_t i = 0; i < 200; i++) {
        many[i] = secret_of((uint8_t)i, VAULT_SECRET_MAX);
        assert_true(i == 0 || many[i] != many[i - 1]);
    }
    for (size_t i = 0; i < 200; i++) {
        assert_int_equal(many[i]->bytes[VAULT_SECRET_MAX - 1], i);
        vault_secret_free(many[i]);
    }
    vault_secret_free(NULL);
}

static bool count_tenant(void *arg, const struct vault_tenant *tenant)
{
    uint32_t *last = arg;

    assert_true(tenant->id > *last);
    *last = tenant->id;
    return tenant->id < 3;
}

static void test_tenants(void **state)
{
    static const char *const bad[] = {"", "-a", ".a", "_a", "A", "a b", "a/b", "\xc3\xa4"};
    struct vault_tenant tenant = {.name = "alpha", .owner_uid = 7, .owner_gid = 8}, found;
    struct vault *vault;
    struct env env;
    uint32_t last = 0, id;

    (void)state;
    env_start(&env);
    vault = env_create(&env);
    assert_vault(&env, VAULT_OK, vault_tenant_add(vault, &tenant, env.error));
    assert_int_equal(tenant.id, 1);
    assert_int_equal(strlen(tenant.serial), 16);
    assert_true(tenant.max_connections && tenant.max_sessions && tenant.max_handles && tenant.weight);
    assert_vault(&env, VAULT_EXISTS, vault_tenant_add(vault, &tenant, env.error));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        found = (struct vault_tenant){0};
        snprintf(found.name, sizeof found.name, "%s", bad[i]);
        assert_vault(&env, VAULT_INVALID, vault_tenant_add(vault, &found, env.error));
        assert_vault(&env, VAULT_NOT_FOUND, vault_tenant_find(vault, bad[i], &found, env.error));
    }
    found = (struct vault_tenant){0};
    memset(found.name, 'a', VAULT_NAME_MAX);
    assert_vault(&env, VAULT_OK, vault_tenant_add(vault, &found, env.error));
    found.name[VAULT_NAME_MAX] = 'a';
    assert_vault(&env, VAULT_INVALID, vault_tenant_add(vault, &found, env.error));
    assert_vault(&env, VAULT_INVALID,
                 vault_tenant_add(vault, &(struct vault_tenant){.name = "b", .weight = 1001}, env.error));
    assert_vault(&env, VAULT_INVALID,
                 vault_tenant_add(vault, &(struct vault_tenant){.name = "b", .flags = 1u << 31}, env.error));
    assert_vault(&env, VAULT_INVALID,
                 vault_tenant_add(vault, &(struct vault_tenant){.name = "b", .serial = "short"}, env.error));

    assert_vault(&env, VAULT_OK, vault_tenant_find(vault, "alpha", &found, env.error));
    assert_memory_equal(&found, &tenant, sizeof tenant);
    assert_vault(&env, VAULT_NOT_FOUND, vault_tenant_find(vault, "beta", &found, env.error));

    found = tenant;
    found.weight = 5;
    found.flags = VAULT_TENANT_DISABLED;
    snprintf(found.name, sizeof found.name, "other");
    memset(found.serial, 0, sizeof found.serial);
    assert_vault(&env, VAULT_OK, vault_tenant_set(vault, &found, env.error));
    found.id = 77;
    assert_vault(&env, VAULT_NOT_FOUND, vault_tenant_set(vault, &found, env.error));
    found.id = 0;
    assert_vault(&env, VAULT_NOT_FOUND, vault_tenant_set(vault, &found, env.error));
    found.id = 1;
    found.weight = 5000;
    assert_vault(&env, VAULT_INVALID, vault_tenant_set(vault, &found, env.error));
    vault_close(vault);
    vault = env_open(&env);
    assert_vault(&env, VAULT_OK, vault_tenant_find(vault, "alpha", &found, env.error));
    assert_int_equal(found.weight, 5);
    assert_int_equal(found.flags, VAULT_TENANT_DISABLED);
    assert_string_equal(found.serial, tenant.serial);

    id = env_tenant(&env, vault, "gamma");
    env_tenant(&env, vault, "delta");
    assert_vault(&env, VAULT_OK, vault_tenant_each(vault, count_tenant, &last, env.error));
    assert_int_equal(last, 3);
    assert_vault(&env, VAULT_OK, vault_tenant_remove(vault, id, env.error));
    assert_vault(&env, VAULT_NOT_FOUND, vault_tenant_remove(vault, id, env.error));
    assert_vault(&env, VAULT_NOT_FOUND, vault_tenant_remove(vault, 0, env.error));
    assert_true(env_tenant(&env, vault, "gamma") > id + 1); /* an id is never used again */
    vault_close(vault);
    env_end(&env);
}

struct seen {
    uint32_t count, stop;
};

static bool count_key(void *arg, const struct vault_key *key)
{
    struct seen *seen = arg;

    assert_true(key->created > 1000000000);
    seen->count++;
    return seen->count != seen->stop;
}

static void test_keys(void **state)
{
    struct vault_secret *sign = secret_of(1, 96), *kek = secret_of(2, 24), *got = vault_secret_new();
    struct seen seen = {0};
    struct vault_key key;
    struct vault *vault;
    struct env env;
    uint32_t a, b;

    (void)state;
    env_start(&env);
    vault = env_create(&env);
    a = env_tenant(&env, vault, "a");
    b = env_tenant(&env, vault, "b");
    assert_vault(&env, VAULT_OK, env_put(&env, vault, a, VAULT_KEY_SM2, 1, 10, NULL));
    assert_vault(&env, VAULT_EXISTS, env_put(&env, vault, a, VAULT_KEY_SM2, 1, 11, NULL));
    assert_vault(&env, VAULT_OK, env_put(&env, vault, a, VAULT_KEY_KEK, 1, 12, NULL));
    assert_vault(&env, VAULT_OK, env_put(&env, vault, b, VAULT_KEY_SM2, 1, 20, NULL));
    assert_vault(&env, VAULT_OK, env_put(&env, vault, a, VAULT_KEY_SM2, VAULT_INDEX_MAX, 30, NULL));
    assert_vault(&env, VAULT_OK, vault_key_put(vault, a, VAULT_KEY_KEK, 2, kek, NULL, NULL, 0, env.error));
    assert_int_equal(env_get(&env, vault, a, VAULT_KEY_SM2, 1), 10);
    assert_int_equal(env_get(&env, vault, a, VAULT_KEY_KEK, 1), 12);
    assert_int_equal(env_get(&env, vault, b, VAULT_KEY_SM2, 1), 20);
    assert_int_equal(env_get(&env, vault, b, VAULT_KEY_SM2, 2), -1);
    assert_int_equal(env_get(&env, vault, 99, VAULT_KEY_SM2, 1), -1);
    assert_int_equal(env_get(&env, vault, 0, VAULT_KEY_SM2, 1), -1);
    assert_vault(&env, VAULT_OK, vault_key_get(vault, a, VAULT_KEY_KEK, 2, &key, got, NULL, env.error));
    assert_int_equal(key.bits, 192);
    assert_int_equal(got->len, 24);
    assert_memory_equal(got->bytes, kek->bytes, 24);
    assert_vault(&env, VAULT_OK, vault_key_get(vault, a, VAULT_KEY_SM2, 1, NULL, NULL, NULL, env.error));

    assert_vault(&env, VAULT_INVALID, env_put(&env, vault, a, VAULT_KEY_KEK, 0, 1, NULL));
    assert_vault(&env, VAULT_INVALID, env_put(&env, vault, a, VAULT_KEY_SM2, VAULT_INDEX_MAX + 1, 1, NULL));
    assert_vault(&env, VAULT_INVALID, env_put(&env, vault, a, VAULT_KEY_KINDS, 1, 1, NULL));
    assert_vault(&env, VAULT_INVALID, vault_key_put(vault, a, VAULT_KEY_SM2, 9, sign, NULL, NULL, 0, env.error));
    assert_vault(&env, VAULT_INVALID, vault_key_put(vault, a, VAULT_KEY_SM2, 9, NULL, sign, NULL, 0, env.error));
    assert_vault(&env, VAULT_INVALID, vault_key_put(vault, a, VAULT_KEY_SM2, 9, kek, sign, NULL, 0, env.error));
    assert_vault(&env, VAULT_INVALID, vault_key_put(vault, a, VAULT_KEY_KEK, 9, sign, NULL, NULL, 0, env.error));
    assert_vault(&env, VAULT_INVALID, vault_key_put(vault, a, VAULT_KEY_KEK, 9, kek, kek, NULL, 0, env.error));
    assert_vault(&env, VAULT_INVALID, vault_key_put(vault, a, VAULT_KEY_SM2, 9, sign, sign, NULL, 4, env.error));
    assert_vault(&env, VAULT_INVALID,
                 vault_key_put(vault, a, VAULT_KEY_SM2, 9, sign, sign, env.master, VAULT_CODE_MAX + 1, env.error));
    assert_vault(&env, VAULT_INVALID, vault_key_get(vault, a, VAULT_KEY_KEK, 0, &key, NULL, NULL, env.error));
    assert_vault(&env, VAULT_INVALID, vault_key_remove(vault, a, VAULT_KEY_KEK, 0, env.error));
    assert_vault(&env, VAULT_NOT_FOUND, env_put(&env, vault, 99, VAULT_KEY_SM2, 1, 1, NULL));
    assert_vault(&env, VAULT_NOT_FOUND, env_put(&env, vault, 0, VAULT_KEY_SM2, 1, 1, NULL));

    assert_vault(&env, VAULT_OK, vault_key_each(vault, a, count_key, &seen, env.error));
    assert_int_equal(seen.count, 4);
    seen = (struct seen){.stop = 2};
    assert_vault(&env, VAULT_OK, vault_key_each(vault, a, count_key, &seen, env.error));
    assert_int_equal(seen.count, 2);
    assert_vault(&env, VAULT_NOT_FOUND, vault_key_each(vault, 99, count_key, &seen, env.error));

    assert_vault(&env, VAULT_OK, vault_key_remove(vault, a, VAULT_KEY_SM2, 1, env.error));
    assert_vault(&env, VAULT_NOT_FOUND, vault_key_remove(vault, a, VAULT_KEY_SM2, 1, env.error));
    assert_vault(&env, VAULT_NOT_FOUND, vault_key_remove(vault, 99, VAULT_KEY_SM2, 1, env.error));
    assert_vault(&env, VAULT_NOT_FOUND, vault_key_remove(vault, 0, VAULT_KEY_SM2, 1, env.error));
    assert_int_equal(env_get(&env, vault, a, VAULT_KEY_SM2, 1), -1);
    assert_vault(&env, VAULT_OK, vault_tenant_remove(vault, b, env.error));
    vault_close(vault);
    vault = env_open(&env);
    assert_int_equal(env_get(&env, vault, a, VAULT_KEY_SM2, 1), -1);
    assert_int_equal(env_get(&env, vault, a, VAULT_KEY_SM2, VAULT_INDEX_MAX), 30);
    assert_int_equal(env_get(&env, vault, b, VAULT_KEY_SM2, 1), -1);
    vault_secret_free(sign);
    vault_secret_free(kek);
    vault_secret_free(got);
    vault_close(vault);
    env_end(&env);
}

static void test_codes(void **state)
{
    struct vault_key key;
    struct vault *vault;
    struct env env;
    uint32_t a;

    (void)state;
    env_start(&env);
    vault = env_create(&env);
    a = env_tenant(&env, vault, "a");
    assert_vault(&env, VAULT_OK, env_put(&env, vault, a, VAULT_KEY_SM2, 1, 1, "right"));
    assert_vault(&env, VAULT_OK, env_put(&env, vault, a, VAULT_KEY_SM2, 2, 2, NULL));
    assert_vault(&env, VAULT_OK, env_code(&env, vault, a, 1, "right"));
    assert_vault(&env, VAULT_OK, env_code(&env, vault, a, 2, NULL));
    assert_vault(&env, VAULT_BAD_CODE, env_code(&env, vault, a, 2, "right"));
    assert_vault(&env, VAULT_BAD_CODE, env_code(&env, vault, a, 1, NULL));
    assert_vault(&env, VAULT_NOT_FOUND, env_code(&env, vault, a, 3, NULL));
    assert_vault(&env, VAULT_NOT_FOUND, env_code(&env, vault, 9, 1, "right"));
    assert_vault(&env, VAULT_INVALID, env_code(&env, vault, a, VAULT_INDEX_MAX + 1, "right"));
    assert_vault(&env, VAULT_INVALID, vault_code_check(vault, a, VAULT_KEY_SM2, 1, NULL, 3, env.error));
    assert_vault(&env, VAULT_INVALID,
                 vault_code_check(vault, a, VAULT_KEY_SM2, 1, env.master, VAULT_CODE_MAX + 1, env.error));
    assert_vault(&env, VAULT_OK, vault_key_get(vault, a, VAULT_KEY_SM2, 1, &key, NULL, NULL, env.error));
    assert_true(key.has_code && !key.locked && key.failures == 0);

    assert_vault(&env, VAULT_BAD_CODE, env_code(&env, vault, a, 1, "righ"));
    assert_vault(&env, VAULT_BAD_CODE, env_code(&env, vault, a, 1, "right1"));
    assert_vault(&env, VAULT_OK, env_code(&env, vault, a, 1, "right")); /* takes the count back */
    assert_vault(&env, VAULT_BAD_CODE, env_code(&env, vault, a, 1, "x"));
    assert_vault(&env, VAULT_BAD_CODE, env_code(&env, vault, a, 1, "x"));
    vault_close(vault);
    vault = env_open(&env);
    assert_vault(&env, VAULT_OK, vault_key_get(vault, a, VAULT_KEY_SM2, 1, &key, NULL, NULL, env.error));
    assert_int_equal(key.failures, 2);
    assert_vault(&env, VAULT_BAD_CODE, env_code(&env, vault, a, 1, "x"));
    assert_vault(&env, VAULT_LOCKED, env_code(&env, vault, a, 1, "x"));
    assert_vault(&env, VAULT_LOCKED, env_code(&env, vault, a, 1, "right"));
    assert_vault(&env, VAULT_LOCKED, env_code(&env, vault, a, 1, NULL));
    vault_close(vault);
    vault = env_open(&env);
    assert_vault(&env, VAULT_LOCKED, env_code(&env, vault, a, 1, "right"));
    assert_vault(&env, VAULT_OK, vault_key_get(vault, a, VAULT_KEY_SM2, 1, &key, NULL, NULL, env.error));
    assert_true(key.locked);
    assert_int_equal(key.failures, 3);
    assert_vault(&env, VAULT_INVALID, vault_code_reset(vault, a, VAULT_KEY_SM2, VAULT_INDEX_MAX + 1, env.error));
    assert_vault(&env, VAULT_NOT_FOUND, vault_code_reset(vault, a, VAULT_KEY_SM2, 7, env.error));
    assert_vault(&env, VAULT_NOT_FOUND, vault_code_reset(vault, 0, VAULT_KEY_SM2, 1, env.error));
    assert_vault(&env, VAULT_OK, vault_code_reset(vault, a, VAULT_KEY_SM2, 2, env.error));
    assert_vault(&env, VAULT_OK, vault_code_reset(vault, a, VAULT_KEY_SM2, 1, env.error));
    assert_vault(&env, VAULT_OK, env_code(&env, vault, a, 1, "right"));
    vault_close(vault);
    env_end(&env);
}

static void test_master_key_file(void **state)
{
    uint8_t key[VAULT_MASTER_KEY], again[VAULT_MASTER_KEY], zero[VAULT_MASTER_KEY] = {0};
    char path[128], other[160];
    struct env env;

    (void)state;
    env_start(&env);
    snprintf(path, sizeof path, "%s/master.key", env.dir);
    assert_vault(&env, VAULT_NOT_FOUND, master_key_read(path, key, env.error));
    assert_vault(&env, VAULT_OK, master_key_create(path, env.error));
    assert_vault(&env, VAULT_EXISTS, master_key_create(path, env.error));
    assert_vault(&env, VAULT_OK, master_key_read(path, key, env.error));
    assert_memory_not_equal(key, zero, sizeof key);
    assert_vault(&env, VAULT_OK, master_key_read(path, again, env.error));
    assert_memory_equal(key, again, sizeof key);
    assert_int_equal(chmod(path, 0640), 0);
    assert_vault(&env, VAULT_INVALID, master_key_read(path, key, env.error));
    assert_non_null(strstr(env.error, "0640"));
    assert_memory_equal(key, zero, sizeof key);
    assert_int_equal(chmod(path, 0400), 0);
    assert_vault(&env, VAULT_INVALID, master_key_read(path, key, env.error));
    assert_int_equal(chmod(path, 0600), 0);
    if (geteuid() == 0) {
        assert_int_equal(chown(path, 65534, 0), 0);
        assert_vault(&env, VAULT_INVALID, master_key_read(path, key, env.error));
        assert_non_null(strstr(env.error, "chown"));
        assert_int_equal(chown(path, 0, 0), 0);
    }
    snprintf(other, sizeof other, "%s/copy.db", env.dir);
    assert_int_equal(link(path, other), 0);
    assert_vault(&env, VAULT_INVALID, master_key_read(path, key, env.error));
    assert_int_equal(unlink(other), 0);
    assert_int_equal(symlink(path, other), 0);
    assert_vault(&env, VAULT_INVALID, master_key_read(other, key, env.error));
    assert_vault(&env, VAULT_EXISTS, master_key_create(other, env.error));
    assert_int_equal(truncate(path, 31), 0);
    assert_vault(&env, VAULT_INVALID, master_key_read(path, key, env.error));
    assert_vault(&env, VAULT_INVALID, master_key_read(env.dir, key, env.error));
    assert_vault(&env, VAULT_IO, master_key_create("/nonexistent/master.key", env.error));
    env_end(&env);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create_open),
        cmocka_unit_test(test_waits_for_the_last),
        cmocka_unit_test(test_owner_of_directory),
        cmocka_unit_test(test_foreign_files),
        cmocka_unit_test(test_result_names),
        cmocka_unit_test(test_secret_is_wiped),
        cmocka_unit_test(test_tenants),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_codes),
        cmocka_unit_test(test_master_key_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
