/* SPDX-License-Identifier: Apache-2.0 */
/*
 * migrate.c: a store of an older schema becomes one of today's, in one transaction, when it is first opened.
 *
 * Schemas 2, 3 and 4 differ in the root alone; it must open under the master key and have the form of its number.
 * Tenants are compared with it afterwards, as at each opening. Of schema 1 nothing is believed that schema 1 would not
 * have believed: the root must open under the master key and have the old form, and all rows of tenants must add up to
 * its XOR, else nothing is changed; a tenant whose rows do not add up to that tenant's XOR is damaged afterwards as it
 * was before. Then tenants and root are sealed in the new form with new sums; rows of keys stay as they are, byte for
 * byte. The number in the database's header, which anybody can change, only says that this is to be tried.
 */
#include <stdlib.h>
#include <string.h>
#include "backend/vault/vault_internal.h"

static enum vault_result old_damaged(char *error)
{
    return vault_fail(error, VAULT_DAMAGED,
                      "the vault was altered before it could be brought to this version's form: restore the state "
                      "directory from a backup");
}

static void tally_xor(uint8_t sum[RECORD_TALLY], const uint8_t tally[RECORD_TALLY])
{
    for (size_t i = 0; i < RECORD_TALLY; i++)
        sum[i] ^= tally[i];
}

struct old_walk {
    const struct vault_secret *keys;
    enum record_type type;
    uint64_t count;
    uint8_t old[RECORD_TALLY], sum[RECORD_TALLY];
    uint32_t *ids; /* of tenants */
    bool failed;
};

static bool old_visit(void *arg, const struct store_row *row)
{
    struct old_walk *walk = arg;
    uint8_t tally[RECORD_TALLY];
    uint32_t *bigger;

    if (walk->type == RECORD_TENANT) {
        bigger = realloc(walk->ids, (size_t)(walk->count + 1) * sizeof *bigger);
        walk->failed = !bigger;
        if (walk->failed)
            return false;
        walk->ids = bigger;
        walk->ids[walk->count] = row->id;
    }
    walk->failed = !seal_tally(walk->keys, walk->type, row, tally);
    tally_xor(walk->old, tally);
    seal_tally_add(walk->sum, tally);
    walk->count++;
    return !walk->failed;
}

static enum vault_result migrate_tenant(struct vault *vault, uint32_t id, struct root_state *root, char *error)
{
    struct tenant_state tenant;
    struct old_walk walk = {.type = RECORD_KEY};
    enum vault_result result = tenant_get(vault, id, &tenant, error);

    if (result != VAULT_OK)
        return result;
    walk.keys = tenant.keys;
    if (tenant.meta.schema != 1)
        result = old_damaged(error);
    if (result == VAULT_OK)
        result = vault->store->ops->key_each(vault->store, id, old_visit, &walk, error);
    if (result == VAULT_OK && walk.failed)
        result = vault_fail(error, VAULT_IO, "libcrypto failed while the vault was verified");
    if (result == VAULT_OK) {
        bool whole = walk.count == tenant.meta.keys && seal_equal(walk.old, tenant.meta.tally, RECORD_TALLY);

        tenant.meta.schema = SCHEMA_NOW;
        memcpy(tenant.meta.tally, walk.sum, RECORD_TALLY);
        if (!whole) /* stays damaged, by a sum that no rows have; the others live on */
            tenant.meta.tally[0] ^= 1;
        if (!tenant_places_make(vault, &tenant))
            result = vault_fail(error, VAULT_IO, "no random bytes for a tenant's key of places");
    }
    if (result == VAULT_OK)
        result = tenant_save(vault, root, &tenant, true, error); /* into the new sum, which starts at 0 */
    tenant_release(&tenant);
    return result;
}

static enum vault_result migrate_all(struct vault *vault, char *error)
{
    struct root_state root;
    struct old_walk walk = {.type = RECORD_TENANT, .keys = vault->keys};
    enum vault_result result = root_load(vault, &root, error);

    if (result == VAULT_OK && root.meta.schema != 1)
        result = old_damaged(error);
    if (result == VAULT_OK)
        result = vault->store->ops->tenant_each(vault->store, old_visit, &walk, error);
    if (result == VAULT_OK && walk.failed)
        result = vault_fail(error, VAULT_IO, "no memory, or libcrypto failed, while the vault was verified");
    if (result == VAULT_OK && (walk.count != root.meta.tenants || !seal_equal(walk.old, root.meta.tally, RECORD_TALLY)))
        result = old_damaged(error);
    root.meta.schema = SCHEMA_NOW;
    memset(root.meta.tally, 0, RECORD_TALLY);
    for (uint64_t i = 0; i < walk.count && result == VAULT_OK; i++)
        result = migrate_tenant(vault, walk.ids[i], &root, error);
    free(walk.ids);
    if (result == VAULT_OK && !root_secret_make(vault, &root))
        result = vault_fail(error, VAULT_IO, "no locked memory or no random bytes for the store's secret");
    if (result == VAULT_OK)
        result = root_save(vault, &root, error);
    return result == VAULT_OK ? vault->store->ops->schema_set(vault->store, SCHEMA_NOW, error) : result;
}

static enum vault_result migrate_root(struct vault *vault, char *error)
{
    struct root_state root;
    enum vault_result result = root_load(vault, &root, error);

    if (result == VAULT_OK && root.meta.schema != vault->store->ops->schema(vault->store))
        result = old_damaged(error);
    if (result != VAULT_OK)
        return result;
    root.meta.schema = SCHEMA_NOW;
    root.meta.version++; /* a change like any other to whoever keeps version and digest elsewhere */
    result = root_save(vault, &root, error);
    return result == VAULT_OK ? vault->store->ops->schema_set(vault->store, SCHEMA_NOW, error) : result;
}

enum vault_result migrate(struct vault *vault, char *error)
{
    enum vault_result result = vault->store->ops->begin(vault->store, error);

    if (result == VAULT_OK)
        result = vault->store->ops->schema(vault->store) == 1 ? migrate_all(vault, error) : migrate_root(vault, error);
    if (result == VAULT_OK)
        result = vault->store->ops->commit(vault->store, error);
    if (result != VAULT_OK)
        vault->store->ops->rollback(vault->store);
    return result;
}
