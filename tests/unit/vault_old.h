/* SPDX-License-Identifier: Apache-2.0 */
/* vault_old.h: makes the store of vault_schema1.sql, and knows what is in it. */
#ifndef CARDMUX_TEST_VAULT_OLD_H
#define CARDMUX_TEST_VAULT_OLD_H

#include <sqlite3.h>
#include "vault_env.h"

static inline bool old_read(const char *path, char *text, size_t size)
{
    FILE *file = fopen(path, "r");
    size_t len = file ? fread(text, 1, size - 1, file) : 0;

    text[len] = 0;
    if (file)
        fclose(file);
    return len > 0 && len < size - 1;
}

static inline void old_sql(struct env *env, const char *text)
{
    char path[128];
    sqlite3 *db;

    snprintf(path, sizeof path, "%s/vault.db", env->dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_exec(db, "PRAGMA synchronous = EXTRA", NULL, NULL, NULL); /* the accidents come later */
    if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%.60s...: %s", text, sqlite3_errmsg(db));
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* more: SQL run afterwards, or NULL. */
static inline void old_store(struct env *env, const char *text, const char *more)
{
    old_sql(env, text);
    if (more)
        old_sql(env, more);
}

static inline void old_check(struct env *env, struct vault *vault)
{
    struct vault_tenant tenant;
    struct vault_key key;

    assert_vault(env, VAULT_OK, vault_tenant_find(vault, "one", &tenant, env->error));
    assert_true(tenant.id == 1 && tenant.weight == 42 && tenant.owner_uid == 7 && tenant.owner_gid == 8);
    assert_vault(env, VAULT_OK, vault_tenant_find(vault, "two", &tenant, env->error));
    assert_int_equal(tenant.id, 3);
    assert_vault(env, VAULT_NOT_FOUND, vault_tenant_find(vault, "gone", &tenant, env->error));
    for (uint32_t i = 1; i <= 3; i++)
        assert_int_equal(env_get(env, vault, 1, VAULT_KEY_SM2, i), 10 * i);
    assert_int_equal(env_get(env, vault, 1, VAULT_KEY_KEK, 1), 77);
    assert_int_equal(env_get(env, vault, 3, VAULT_KEY_SM2, 1), 5);
    assert_int_equal(env_get(env, vault, 3, VAULT_KEY_KEK, 65535), 6);
    assert_vault(env, VAULT_OK, vault_key_get(vault, 1, VAULT_KEY_SM2, 2, &key, NULL, NULL, env->error));
    assert_true(key.has_code && key.failures == 1 && !key.locked);
}

#endif
