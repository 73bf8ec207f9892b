/* SPDX-License-Identifier: Apache-2.0 */
/* vault_env.h: a vault in a directory of its own under TMPDIR, for the tests of the vault. */
#ifndef CARDMUX_TEST_VAULT_ENV_H
#define CARDMUX_TEST_VAULT_ENV_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "backend/vault/vault.h"

struct env {
    char dir[64];
    uint8_t master[VAULT_MASTER_KEY];
    struct vault_config config;
    char error[VAULT_ERROR_TEXT];
};

static inline void env_start(struct env *env)
{
    memset(env, 0, sizeof *env);
    snprintf(env->dir, sizeof env->dir, "/tmp/cardmux-vault-XXXXXX");
    assert_non_null(mkdtemp(env->dir));
    memset(env->master, 0x5a, sizeof env->master);
    env->config = (struct vault_config){.state_dir = env->dir, .master = env->master, .code_attempts = 3};
}

static inline void env_end(struct env *env)
{
    static const char *const names[] = {"vault.db", "vault.db-wal", "vault.db-journal",
                                        "lock",     "copy.db",      "master.key"};
    char path[128];

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", env->dir, names[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(env->dir), 0);
}

/* Shows the vault's sentence when the result is another. */
#define assert_vault(env, wanted, got)                                                                                 \
    do {                                                                                                               \
        enum vault_result got_ = (got);                                                                                \
        if (got_ != (wanted))                                                                                          \
            fail_msg("%s in place of %s: %s", vault_result_name(got_), vault_result_name(wanted), (env)->error);       \
        if (got_ != VAULT_OK && got_ != (enum vault_result) - 1)                                                       \
            assert_int_not_equal((env)->error[0], 0);                                                                  \
    } while (0)

static inline struct vault *env_open(struct env *env)
{
    struct vault *vault = NULL;

    assert_vault(env, VAULT_OK, vault_open(&env->config, &vault, env->error));
    return vault;
}

static inline struct vault *env_create(struct env *env)
{
    assert_vault(env, VAULT_OK, vault_create(&env->config, env->error));
    return env_open(env);
}

static inline uint32_t env_tenant(struct env *env, struct vault *vault, const char *name)
{
    struct vault_tenant tenant = {0};

    snprintf(tenant.name, sizeof tenant.name, "%s", name);
    assert_vault(env, VAULT_OK, vault_tenant_add(vault, &tenant, env->error));
    return tenant.id;
}

static inline struct vault_secret *secret_of(uint8_t fill, size_t len)
{
    struct vault_secret *secret = vault_secret_new();

    assert_non_null(secret);
    memset(secret->bytes, fill, len);
    secret->len = len;
    return secret;
}

static inline size_t kind_len(enum vault_key_kind kind)
{
    return kind == VAULT_KEY_KEK ? 16 : kind == VAULT_KEY_RSA ? VAULT_SECRET_MAX : 96;
}

/* A key whose sign bytes are all fill, and encrypt bytes, if it has any, all fill + 1. */
static inline enum vault_result env_put(struct env *env, struct vault *vault, uint32_t tenant, enum vault_key_kind kind,
                                        uint32_t index, uint8_t fill, const char *code)
{
    struct vault_secret *sign = secret_of(fill, kind_len(kind)), *encrypt = NULL;
    enum vault_result result;

    if (vault_kind(kind) && vault_kind(kind)->has_encrypt)
        encrypt = secret_of((uint8_t)(fill + 1), kind_len(kind));
    result = vault_key_put(vault, tenant, kind, index, sign, encrypt, (const uint8_t *)code, code ? strlen(code) : 0,
                           env->error);
    vault_secret_free(sign);
    vault_secret_free(encrypt);
    return result;
}

/* Another encrypting pair for an SM2 key whose signing pair has that fill byte. */
static inline enum vault_result env_replace(struct env *env, struct vault *vault, uint32_t tenant, uint32_t index,
                                            uint8_t sign_fill, uint8_t fill)
{
    struct vault_secret *encrypt = secret_of(fill, kind_len(VAULT_KEY_SM2));
    uint8_t point[64];
    enum vault_result result;

    memset(point, sign_fill, sizeof point);
    result = vault_pair_replace(vault, tenant, index, point, encrypt, env->error);
    vault_secret_free(encrypt);
    return result;
}

/* Reads a key and tells its fill byte: -1 absent, -2 damaged, -3 any other answer; -4 a wrong key. */
static inline int env_get(struct env *env, struct vault *vault, uint32_t tenant, enum vault_key_kind kind,
                          uint32_t index)
{
    struct vault_secret *sign = vault_secret_new(), *encrypt = vault_secret_new();
    struct vault_key key;
    enum vault_result result = vault_key_get(vault, tenant, kind, index, &key, sign, encrypt, env->error);
    int fill = result == VAULT_OK ? sign->bytes[0] : result == VAULT_NOT_FOUND ? -1 : result == VAULT_DAMAGED ? -2 : -3;

    if (result == VAULT_OK) {
        size_t len = kind_len(kind);

        if (sign->len != len || encrypt->len != (vault_kind(kind)->has_encrypt ? len : 0) || key.index != index ||
            key.kind != kind)
            fill = -4;
        for (size_t i = 0; i < len && fill >= 0; i++)
            if (sign->bytes[i] != fill || (encrypt->len && encrypt->bytes[i] != (uint8_t)(fill + 1)))
                fill = -4;
    }
    vault_secret_free(sign);
    vault_secret_free(encrypt);
    return fill;
}

static inline enum vault_result env_code(struct env *env, struct vault *vault, uint32_t tenant, uint32_t index,
                                         const char *code)
{
    return vault_code_check(vault, tenant, VAULT_KEY_SM2, index, (const uint8_t *)code, code ? strlen(code) : 0,
                            env->error);
}

#endif
