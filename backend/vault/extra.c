/* SPDX-License-Identifier: Apache-2.0 */
/*
 * extra.c: rows of a tenant that are no keys: its policy, its files. They stand in the same table as its keys, under
 * kinds of their own, and are told apart, sealed and tallied in the same way; what an older copy of one would give is
 * found as it is for keys.
 */
#include <string.h>
#include "backend/vault/vault_internal.h"

enum vault_result extra_damaged(const struct tenant_state *tenant, const char *what, char *error)
{
    return vault_fail(error, VAULT_DAMAGED,
                      "the record of %s of tenant %s was altered: restore the state directory from a backup", what,
                      tenant->meta.tenant.name);
}

enum vault_result extra_load(struct vault *vault, const struct tenant_state *tenant, enum record_type type,
                             struct extra_state *extra, uint8_t meta[RECORD_PART_MAX], size_t *meta_len, char *error)
{
    struct store_row *row = &extra->row;
    uint32_t kind = row->kind, index = row->index;
    enum vault_result result =
        vault->store->ops->key_get(vault->store, tenant->row.id, row->kind, row->index, row, error);

    if (result != VAULT_OK)
        return result;
    if (row->kind != kind || row->index != index || !record_parse(type, row->bytes, row->len, &extra->record) ||
        !seal_equal(extra->record.uid, tenant->record.uid, RECORD_UID) ||
        !(extra->keys = tenant_keys(tenant, extra->record.generation)) ||
        !seal_open(extra->keys, &extra->record, PART_META, kind, index, meta, meta_len))
        return extra_damaged(tenant, type == RECORD_POLICY ? "the policy" : "a file", error);
    return VAULT_OK;
}

enum vault_result extra_save(struct vault *vault, struct tenant_state *tenant, struct extra_state *extra,
                             const uint8_t *meta, size_t meta_len, const struct store_row *old, char *error)
{
    struct store_row *row = &extra->row;

    memcpy(extra->record.uid, tenant->record.uid, RECORD_UID);
    extra->record.generation = tenant->meta.generation;
    row->id = tenant->row.id;
    row->len = seal_close(tenant->keys, &extra->record, PART_META, row->kind, row->index, meta, meta_len)
                   ? record_build(&extra->record, row->bytes)
                   : 0;
    return row_put(vault, tenant, row, old, error);
}

enum vault_result extra_remove(struct vault *vault, struct tenant_state *tenant, const struct store_row *old,
                               char *error)
{
    enum vault_result result = row_remove(vault, tenant, old, error);

    return result == VAULT_NOT_FOUND ? extra_damaged(tenant, "a file", error) : result;
}
