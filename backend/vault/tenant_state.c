/* SPDX-License-Identifier: Apache-2.0 */
/* tenant_state.c: a tenant's row opened, checked and sealed again: what tenants.c, keys.c and codes.c stand on. */
#include <stdlib.h>
#include <string.h>
#include "backend/vault/vault_internal.h"

static enum vault_result tenant_damaged(uint32_t id, char *error)
{
    return vault_fail(error, VAULT_DAMAGED,
                      "the record of tenant %u was altered: restore the state directory from a "
                      "backup",
                      id);
}

const struct vault_secret *tenant_keys(const struct tenant_state *tenant, uint8_t generation)
{
    if (generation == tenant->meta.generation)
        return tenant->keys;
    return generation == (uint8_t)(tenant->meta.generation - 1) ? tenant->old_keys : NULL;
}

bool tenant_tally(const struct tenant_state *tenant, const struct store_row *row, uint8_t tally[RECORD_TALLY])
{
    const struct vault_secret *keys = tenant_keys(tenant, row->len < RECORD_HEADER ? 0 : row->bytes[5]);

    /* of no generation that there is: not one of ours, whatever it is; the sum will tell */
    return seal_tally(keys ? keys : tenant->keys, RECORD_KEY, row, tally);
}

static bool tenant_key_open(struct vault *vault, struct tenant_state *tenant, enum record_part part,
                            struct vault_secret *key, struct vault_secret *keys)
{
    return seal_open(vault->keys, &tenant->record, part, 0, tenant->row.id, key->bytes, &key->len) && key->len == 32 &&
           seal_derive(key->bytes, keys);
}

enum vault_result tenant_load(struct vault *vault, struct tenant_state *tenant, char *error)
{
    struct store_row *row = &tenant->row;
    uint8_t plain[RECORD_PART_MAX];
    struct vault_secret *key;
    size_t len;
    bool ok, rotating, placed;

    if (!record_parse(RECORD_TENANT, row->bytes, row->len, &tenant->record))
        return tenant_damaged(row->id, error);
    rotating = tenant->record.parts[PART_ENCRYPT].len != 0;
    placed = tenant->record.parts[PART_CODE].len != 0;
    key = vault_secret_new();
    tenant->keys = vault_secret_new();
    tenant->places = vault_secret_new();
    tenant->old_keys = rotating ? vault_secret_new() : NULL;
    if (!key || !tenant->keys || !tenant->places || (rotating && !tenant->old_keys)) {
        vault_secret_free(key);
        return vault_fail(error, VAULT_IO, "no locked memory for a tenant's key: raise the limit of locked memory");
    }
    ok = tenant_key_open(vault, tenant, PART_KEY, key, tenant->keys) &&
         (!rotating || tenant_key_open(vault, tenant, PART_ENCRYPT, key, tenant->old_keys)) &&
         (!placed ||
          seal_open(vault->keys, &tenant->record, PART_CODE, 0, row->id, tenant->places->bytes, &tenant->places->len));
    vault_secret_free(key);
    ok = ok && seal_open(tenant->keys, &tenant->record, PART_META, 0, row->id, plain, &len) &&
         tenant_meta_parse(plain, len, &tenant->meta) && tenant->meta.tenant.id == row->id &&
         strcmp(tenant->meta.tenant.name, row->name) == 0 && tenant->meta.rotating == rotating &&
         placed == (tenant->meta.schema > 1) && seal_tally(vault->keys, RECORD_TENANT, row, tenant->old_tally);
    return ok ? VAULT_OK : tenant_damaged(row->id, error);
}

void tenant_release(struct tenant_state *tenant)
{
    vault_secret_free(tenant->keys);
    vault_secret_free(tenant->old_keys);
    vault_secret_free(tenant->places);
    tenant->keys = tenant->old_keys = tenant->places = NULL;
}

static size_t checked_place(const struct vault *vault, uint32_t id)
{
    size_t low = 0, high = vault->checked_count;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (vault->checked[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void checked_add(struct vault *vault, size_t place, uint32_t id)
{
    if (vault->checked_count == vault->checked_room) {
        size_t room = vault->checked_room ? 2 * vault->checked_room : 64;
        uint32_t *bigger = realloc(vault->checked, room * sizeof *bigger);

        if (!bigger)
            return; /* checked again next time */
        vault->checked = bigger;
        vault->checked_room = room;
    }
    memmove(vault->checked + place + 1, vault->checked + place, (vault->checked_count - place) * sizeof(uint32_t));
    vault->checked[place] = id;
    vault->checked_count++;
}

void tenant_forget(struct vault *vault, uint32_t id)
{
    size_t place = checked_place(vault, id);

    if (place == vault->checked_count || vault->checked[place] != id)
        return;
    vault->checked_count--;
    memmove(vault->checked + place, vault->checked + place + 1, (vault->checked_count - place) * sizeof(uint32_t));
}

struct key_walk {
    const struct tenant_state *tenant;
    uint64_t count;
    uint8_t sum[RECORD_TALLY];
    bool failed;
};

static bool tally_key(void *arg, const struct store_row *row)
{
    struct key_walk *walk = arg;
    uint8_t tally[RECORD_TALLY];

    walk->failed = !tenant_tally(walk->tenant, row, tally);
    seal_tally_add(walk->sum, tally);
    walk->count++;
    return !walk->failed;
}

enum vault_result tenant_check(struct vault *vault, struct tenant_state *tenant, char *error)
{
    uint32_t id = tenant->row.id;
    size_t place = checked_place(vault, id);
    struct key_walk walk = {.tenant = tenant};
    enum vault_result result;

    if (place < vault->checked_count && vault->checked[place] == id)
        return VAULT_OK;
    result = vault->store->ops->key_each(vault->store, id, tally_key, &walk, error);
    if (result != VAULT_OK)
        return result;
    if (walk.failed)
        return vault_fail(error, VAULT_IO, "libcrypto failed while a tenant's keys were verified");
    if (walk.count != tenant->meta.keys || !seal_equal(walk.sum, tenant->meta.tally, RECORD_TALLY))
        return vault_fail(error, VAULT_DAMAGED,
                          "the keys of tenant %s were altered, cut or put back from an older copy: restore the state "
                          "directory from a backup, or remove the tenant",
                          tenant->meta.tenant.name);
    checked_add(vault, place, id);
    return VAULT_OK;
}

enum vault_result tenant_get(struct vault *vault, uint32_t id, struct tenant_state *tenant, char *error)
{
    enum vault_result result;

    memset(tenant, 0, sizeof *tenant);
    result = vault->store->ops->tenant_get(vault->store, id, &tenant->row, error);
    if (result == VAULT_NOT_FOUND)
        return vault_fail(error, result, "there is no tenant with id %u", id);
    if (result == VAULT_OK)
        result = tenant_load(vault, tenant, error);
    if (result != VAULT_OK)
        tenant_release(tenant);
    return result;
}

enum vault_result tenant_save(struct vault *vault, struct root_state *root, struct tenant_state *tenant, bool is_new,
                              char *error)
{
    struct store_row *row = &tenant->row;
    uint8_t plain[TENANT_META_LEN], tally[RECORD_TALLY];

    if (!seal_close(tenant->keys, &tenant->record, PART_META, 0, row->id, plain,
                    tenant_meta_build(&tenant->meta, plain)))
        return vault_fail(error, VAULT_IO, "libcrypto failed to seal a record");
    row->len = record_build(&tenant->record, row->bytes);
    if (!seal_tally(vault->keys, RECORD_TENANT, row, tally))
        return vault_fail(error, VAULT_IO, "libcrypto failed to seal a record");
    if (!is_new)
        seal_tally_take(root->meta.tally, tenant->old_tally);
    seal_tally_add(root->meta.tally, tally);
    return vault->store->ops->tenant_put(vault->store, row, error);
}

enum vault_result row_put(struct vault *vault, struct tenant_state *tenant, const struct store_row *row,
                          const struct store_row *old, char *error)
{
    uint8_t gone[RECORD_TALLY] = {0}, tally[RECORD_TALLY];

    if ((old && !tenant_tally(tenant, old, gone)) || !row->len || !tenant_tally(tenant, row, tally))
        return vault_fail(error, VAULT_IO, "libcrypto failed to seal a record");
    seal_tally_take(tenant->meta.tally, gone);
    seal_tally_add(tenant->meta.tally, tally);
    if (!old)
        tenant->meta.keys++;
    return vault->store->ops->key_put(vault->store, row, error);
}

enum vault_result row_remove(struct vault *vault, struct tenant_state *tenant, const struct store_row *old, char *error)
{
    uint8_t gone[RECORD_TALLY];

    if (!tenant_tally(tenant, old, gone))
        return vault_fail(error, VAULT_IO, "libcrypto failed to seal a record");
    seal_tally_take(tenant->meta.tally, gone);
    tenant->meta.keys--;
    return vault->store->ops->key_remove(vault->store, old->id, old->kind, old->index, error);
}
