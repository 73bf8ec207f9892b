/* SPDX-License-Identifier: Apache-2.0 */
/*
 * code_set.c: giving an index another access code, or taking it away. All kinds of key pair at the index have one code,
 * with one salt, so all of their records change in one transaction (a KEK's is its own); failures start at 0. scrypt
 * runs before the lock is taken: whoever checks a code meanwhile finds that it moved and starts over (codes.c).
 */
#include <string.h>
#include "backend/vault/vault_internal.h"

static struct vault_secret *verifier_make(const uint8_t *code, size_t len)
{
    struct vault_secret *secret = vault_secret_new();
    struct code_verifier verifier;
    bool ok =
        secret && seal_random(verifier.salt, RECORD_SALT) && seal_code(code, len, verifier.salt, verifier.verifier);

    if (ok) {
        code_build(&verifier, secret->bytes);
        secret->len = CODE_LEN;
    } else {
        vault_secret_free(secret);
        secret = NULL;
    }
    explicit_bzero(&verifier, sizeof verifier);
    return secret;
}

/* One kind of key; verifier NULL: no code. */
static enum vault_result key_code_set(struct vault *vault, struct tenant_state *tenant, enum vault_key_kind kind,
                                      uint32_t index, const struct vault_secret *verifier, char *error)
{
    struct key_state key = {.row = {.id = tenant->row.id, .kind = (uint32_t)kind, .index = index}};
    struct store_row old;
    enum vault_result result =
        vault->store->ops->key_get(vault->store, tenant->row.id, (uint32_t)kind, index, &key.row, error);

    if (result == VAULT_OK)
        result = key_open(tenant, &key, error);
    if (result != VAULT_OK)
        return result;
    old = key.row;
    key.record.parts[PART_CODE].len = 0;
    if (verifier &&
        !seal_close(key.keys, &key.record, PART_CODE, (uint32_t)kind, index, verifier->bytes, verifier->len))
        return vault_fail(error, VAULT_IO, "libcrypto failed to seal a record");
    key.meta.has_code = verifier != NULL;
    key.meta.failures = 0;
    key.meta.locked = false;
    return key_save(vault, tenant, &key, &old, error);
}

static enum vault_result index_code_set(struct vault *vault, struct tenant_state *tenant, enum vault_key_kind kind,
                                        uint32_t index, const struct vault_secret *verifier, char *error)
{
    bool found = false;

    for (unsigned one = 0; one < VAULT_KEY_KINDS; one++) {
        enum vault_result result;

        if (!vault_kinds_share(kind, (enum vault_key_kind)one))
            continue;
        result = key_code_set(vault, tenant, (enum vault_key_kind)one, index, verifier, error);
        if (result != VAULT_OK && result != VAULT_NOT_FOUND)
            return result;
        found |= result == VAULT_OK;
    }
    return found ? VAULT_OK : key_absent(tenant, kind, index, error);
}

enum vault_result vault_code_set(struct vault *vault, uint32_t id, enum vault_key_kind kind, uint32_t index,
                                 const uint8_t *code, size_t len, char *error)
{
    struct vault_secret *verifier = NULL;
    struct tenant_state tenant;
    struct root_state root;
    enum vault_result result = code_place_judge(kind, index, code, len, error);

    if (result != VAULT_OK)
        return result;
    if (len && !(verifier = verifier_make(code, len)))
        return vault_fail(error, VAULT_IO, "no memory to derive an access code");
    pthread_mutex_lock(&vault->lock);
    result = change_begin(vault, id, &root, &tenant, error);
    if (result == VAULT_OK && !id)
        result = vault_fail(error, VAULT_NOT_FOUND, "there is no tenant with id 0");
    if (result == VAULT_OK)
        result = tenant_check(vault, &tenant, error);
    if (result == VAULT_OK)
        result = index_code_set(vault, &tenant, kind, index, verifier, error);
    result = change_end(vault, &root, &tenant, result, error);
    pthread_mutex_unlock(&vault->lock);
    vault_secret_free(verifier);
    return result;
}
