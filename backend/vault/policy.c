/* SPDX-License-Identifier: Apache-2.0 */
/* policy.c: the one row of a tenant that says what it may do and how much of its file space is used. See vault.h. */
#include "backend/vault/vault_internal.h"

enum vault_result policy_load(struct vault *vault, const struct tenant_state *tenant, struct policy_meta *meta,
                              char *error)
{
    struct extra_state extra = {.row = {.kind = ROW_POLICY, .index = 1}};
    uint8_t plain[RECORD_PART_MAX];
    size_t len = 0;
    enum vault_result result = extra_load(vault, tenant, RECORD_POLICY, &extra, plain, &len, error);

    *meta =
        (struct policy_meta){.policy = {.max_files = VAULT_FILES_DEFAULT, .max_file_bytes = VAULT_FILE_BYTES_DEFAULT}};
    if (result == VAULT_NOT_FOUND)
        return VAULT_OK;
    if (result == VAULT_OK && !policy_meta_parse(plain, len, meta))
        return extra_damaged(tenant, "the policy", error);
    return result;
}

enum vault_result policy_save(struct vault *vault, struct tenant_state *tenant, const struct policy_meta *meta,
                              char *error)
{
    struct extra_state extra = {.row = {.kind = ROW_POLICY, .index = 1}, .record.type = RECORD_POLICY};
    uint8_t plain[POLICY_META_LEN];
    struct store_row old;
    enum vault_result result = vault->store->ops->key_get(vault->store, tenant->row.id, ROW_POLICY, 1, &old, error);

    if (result != VAULT_OK && result != VAULT_NOT_FOUND)
        return result;
    policy_meta_build(meta, plain);
    return extra_save(vault, tenant, &extra, plain, sizeof plain, result == VAULT_OK ? &old : NULL, error);
}

enum vault_result vault_policy_get(struct vault *vault, uint32_t id, struct vault_policy *policy, char *error)
{
    struct tenant_state tenant;
    struct policy_meta meta;
    enum vault_result result;

    pthread_mutex_lock(&vault->lock);
    result = tenant_get(vault, id, &tenant, error);
    if (result == VAULT_OK)
        result = tenant_check(vault, &tenant, error);
    if (result == VAULT_OK)
        result = policy_load(vault, &tenant, &meta, error);
    tenant_release(&tenant);
    pthread_mutex_unlock(&vault->lock);
    if (result != VAULT_OK)
        return result;
    *policy = policy_meta_get(&meta);
    return vault_ok(error);
}
