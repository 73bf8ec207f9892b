/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rekey.c: from one master key to another while the vault is in use.
 *
 *   1. vault_rekey, one transaction: each tenant's key, the store's secret and the root are sealed anew under the new
 *      master key. Before its commit only the old master key opens the store, after it only the new one. The root notes
 *      that tenants' keys are to be replaced, from the first on.
 *   2. vault_rekey_step, again and again, each a transaction of its own: the next tenant gets a new key (a generation)
 *      and keeps the old one, sealed, beside it; its rows are sealed anew, some at a time, up to a cursor that the
 *      tenant's record holds; when none is left the old key is dropped and the root goes on to the next tenant.
 *
 * After 1 the old master key is useless for this store. After 2 it is useless even to who has it and an older copy of
 * the store, as far as anything written since goes. What was interrupted at any point goes on from what the records
 * say: vault_rekey_pending.
 */
#include <string.h>
#include "backend/vault/vault_internal.h"

enum record_type row_type(uint32_t kind)
{
    if (kind <= ROW_KEYS_LAST)
        return RECORD_KEY;
    return kind == ROW_POLICY ? RECORD_POLICY : kind == ROW_FILE ? RECORD_FILE : RECORD_CHUNK;
}

/* The part of a record that is sealed under one key, sealed under another. */
static bool part_reseal(struct record *record, enum record_part part, uint32_t kind, uint32_t index,
                        const struct vault_secret *from, const struct vault_secret *to)
{
    struct vault_secret *plain;
    bool ok;

    if (record->parts[part].len == 0)
        return true;
    plain = vault_secret_new();
    ok = plain && seal_open(from, record, part, kind, index, plain->bytes, &plain->len) &&
         seal_close(to, record, part, kind, index, plain->bytes, plain->len);
    vault_secret_free(plain);
    return ok;
}

static enum vault_result tenant_rewrap(struct vault *vault, uint32_t id, const struct vault_secret *keys,
                                       struct root_state *root, char *error)
{
    static const enum record_part parts[] = {PART_KEY, PART_ENCRYPT, PART_CODE};
    struct tenant_state tenant;
    struct vault_secret *old = vault->keys;
    enum vault_result result = tenant_get(vault, id, &tenant, error);
    bool ok = true;

    if (result != VAULT_OK)
        return result;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0] && ok; i++)
        ok = part_reseal(&tenant.record, parts[i], 0, id, old, keys);
    vault->keys = (struct vault_secret *)(uintptr_t)keys; /* whose tallies the new root adds up */
    result = ok ? tenant_save(vault, root, &tenant, true, error)
                : vault_fail(error, VAULT_IO, "no locked memory, or libcrypto failed, while a key was wrapped anew");
    vault->keys = old;
    tenant_release(&tenant);
    return result;
}

static enum vault_result root_rewrap(struct vault *vault, const struct vault_secret *keys, struct root_state *root,
                                     char *error)
{
    struct vault_secret *old = vault->keys;
    enum vault_result result;

    if (!part_reseal(&root->record, PART_KEY, 0, 0, old, keys) ||
        !part_reseal(&root->record, PART_ENCRYPT, 0, 0, old, keys))
        return vault_fail(error, VAULT_IO, "no locked memory, or libcrypto failed, while a key was wrapped anew");
    vault->keys = (struct vault_secret *)(uintptr_t)keys;
    result = root_save(vault, root, error);
    vault->keys = old;
    return result;
}

static enum vault_result rewrap_all(struct vault *vault, const struct vault_secret *keys, char *error)
{
    struct root_state root;
    struct store_row row;
    uint32_t id = 0;
    enum vault_result result = root_load(vault, &root, error);

    memset(root.meta.tally, 0, RECORD_TALLY);
    root.meta.rotate = 1;
    while (result == VAULT_OK) {
        result = vault->store->ops->tenant_next(vault->store, id, &row, error);
        if (result == VAULT_NOT_FOUND)
            return root_rewrap(vault, keys, &root, error);
        if (result == VAULT_OK) {
            id = row.id;
            result = tenant_rewrap(vault, id, keys, &root, error);
        }
    }
    return result;
}

enum vault_result vault_rekey(struct vault *vault, const uint8_t *master, bool *unsure, char *error)
{
    struct vault_secret *keys = vault_secret_new(), *old;
    enum vault_result result;

    *unsure = false;
    if (!keys || !seal_derive(master, keys)) {
        vault_secret_free(keys);
        return vault_fail(error, VAULT_IO, "no locked memory for the vault's keys: raise the limit of locked memory");
    }
    pthread_mutex_lock(&vault->lock);
    result = vault->store->ops->begin(vault->store, error);
    if (result == VAULT_OK)
        result = rewrap_all(vault, keys, error);
    if (result == VAULT_OK) {
        result = vault->store->ops->commit(vault->store, error);
        *unsure = result != VAULT_OK; /* its end may stand in the log, and count at the next start */
    }
    old = vault->keys;
    if (result == VAULT_OK) {
        vault->keys = keys;
        vault->store->ops->erase(vault->store);
        keys = old;
    } else {
        vault->store->ops->rollback(vault->store);
    }
    pthread_mutex_unlock(&vault->lock);
    vault_secret_free(keys);
    return result == VAULT_OK ? vault_ok(error) : result;
}

/* ---- step by step: tenants' keys ---- */

static bool rotation_begin(struct vault *vault, struct tenant_state *tenant)
{
    struct vault_secret *key = vault_secret_new();
    struct record *record = &tenant->record;
    bool ok;

    tenant->old_keys = tenant->keys;
    tenant->keys = vault_secret_new();
    ok = key && tenant->keys && seal_open(vault->keys, record, PART_KEY, 0, tenant->row.id, key->bytes, &key->len) &&
         seal_close(vault->keys, record, PART_ENCRYPT, 0, tenant->row.id, key->bytes, key->len) &&
         seal_random(key->bytes, 32) && seal_derive(key->bytes, tenant->keys) &&
         seal_close(vault->keys, record, PART_KEY, 0, tenant->row.id, key->bytes, 32);
    vault_secret_free(key);
    tenant->meta.generation++;
    tenant->meta.rotating = true;
    tenant->meta.cursor_kind = tenant->meta.cursor_index = 0;
    return ok;
}

static void rotation_end(struct tenant_state *tenant)
{
    tenant->record.parts[PART_ENCRYPT].len = 0;
    tenant->meta.rotating = false;
    tenant->meta.cursor_kind = tenant->meta.cursor_index = 0;
}

static enum vault_result row_reseal(struct vault *vault, struct tenant_state *tenant, const struct store_row *old,
                                    char *error)
{
    struct store_row row = *old;
    struct record record;
    const struct vault_secret *keys;

    if (!record_parse(row_type(row.kind), row.bytes, row.len, &record) ||
        !(keys = tenant_keys(tenant, record.generation)))
        return vault_fail(error, VAULT_DAMAGED, "a record of tenant %s was altered", tenant->meta.tenant.name);
    if (keys == tenant->keys)
        return VAULT_OK;
    {
        struct record opened = record; /* META is bound to the others as they were */
        struct vault_secret *meta = vault_secret_new();
        bool ok = meta && seal_open(keys, &opened, PART_META, row.kind, row.index, meta->bytes, &meta->len);

        for (int part = PART_META + 1; part < RECORD_PARTS && ok; part++)
            ok = part_reseal(&record, (enum record_part)part, row.kind, row.index, keys, tenant->keys);
        record.generation = tenant->meta.generation;
        ok = ok && seal_close(tenant->keys, &record, PART_META, row.kind, row.index, meta->bytes, meta->len);
        vault_secret_free(meta);
        if (!ok)
            return vault_fail(error, VAULT_DAMAGED, "a record of tenant %s does not open", tenant->meta.tenant.name);
    }
    row.len = record_build(&record, row.bytes);
    return row_put(vault, tenant, &row, old, error);
}

static enum vault_result rotation_go(struct vault *vault, struct tenant_state *tenant, unsigned rows, bool *done,
                                     char *error)
{
    struct store_row row;
    enum vault_result result = VAULT_OK;

    *done = false;
    for (unsigned i = 0; i < rows && result == VAULT_OK && !*done; i++) {
        result = vault->store->ops->key_next(vault->store, tenant->row.id, tenant->meta.cursor_kind,
                                             tenant->meta.cursor_index, &row, error);
        if (result == VAULT_NOT_FOUND) {
            rotation_end(tenant);
            *done = true;
            result = VAULT_OK;
        } else if (result == VAULT_OK) {
            result = row_reseal(vault, tenant, &row, error);
            tenant->meta.cursor_kind = row.kind;
            tenant->meta.cursor_index = row.index;
        }
    }
    return result;
}

/* A damaged tenant is left as it is, and does not stop the others. */
static enum vault_result step_tenant(struct vault *vault, uint32_t id, unsigned rows, struct root_state *root,
                                     struct tenant_state *tenant, char *error)
{
    enum vault_result result = tenant_get(vault, id, tenant, error);
    bool done = false;

    if (result == VAULT_OK)
        result = tenant_check(vault, tenant, error);
    if (result == VAULT_OK && !tenant->meta.rotating && !rotation_begin(vault, tenant))
        result = vault_fail(error, VAULT_IO, "no locked memory or no random bytes for a tenant's key");
    if (result == VAULT_OK)
        result = rotation_go(vault, tenant, rows, &done, error);
    if (result == VAULT_DAMAGED)
        tenant_release(tenant); /* so that change_end does not put it back */
    if (result == VAULT_DAMAGED || (result == VAULT_OK && done))
        root->meta.rotate = id + 1;
    return result == VAULT_DAMAGED ? VAULT_OK : result;
}

enum vault_result vault_rekey_step(struct vault *vault, unsigned rows, bool *done, char *error)
{
    struct tenant_state tenant = {0};
    struct root_state root;
    struct store_row row;
    enum vault_result result;

    *done = false;
    pthread_mutex_lock(&vault->lock);
    result = change_begin(vault, 0, &root, &tenant, error);
    if (result == VAULT_OK && root.meta.rotate == 0) {
        vault->store->ops->rollback(vault->store);
        pthread_mutex_unlock(&vault->lock);
        *done = true;
        return vault_ok(error);
    }
    if (result == VAULT_OK) {
        result = vault->store->ops->tenant_next(vault->store, root.meta.rotate - 1, &row, error);
        if (result == VAULT_NOT_FOUND) {
            root.meta.rotate = 0;
            *done = true;
            result = VAULT_OK;
        } else if (result == VAULT_OK) {
            root.meta.rotate = row.id;
            result = step_tenant(vault, row.id, rows, &root, &tenant, error);
        }
    }
    result = change_end(vault, &root, &tenant, result, error);
    if (result == VAULT_OK && *done)
        vault->store->ops->erase(vault->store);
    *done = *done && result == VAULT_OK;
    pthread_mutex_unlock(&vault->lock);
    return result;
}

struct pending_walk {
    struct vault *vault;
    struct vault_rekey_state *state;
    uint32_t next;
    enum vault_result result;
    char *error;
};

static bool pending_visit(void *arg, const struct store_row *row)
{
    struct pending_walk *walk = arg;
    struct tenant_state tenant = {.row = *row};

    walk->result = tenant_load(walk->vault, &tenant, walk->error);
    walk->state->total += tenant.meta.keys;
    if (row->id < walk->next)
        walk->state->done += tenant.meta.keys;
    tenant_release(&tenant);
    return walk->result == VAULT_OK;
}

enum vault_result vault_rekey_pending(struct vault *vault, struct vault_rekey_state *state, char *error)
{
    struct pending_walk walk = {.vault = vault, .state = state, .error = error};
    struct root_state root;
    enum vault_result result;

    *state = (struct vault_rekey_state){0};
    pthread_mutex_lock(&vault->lock);
    result = root_load(vault, &root, error);
    if (result == VAULT_OK) {
        walk.next = root.meta.rotate ? root.meta.rotate : UINT32_MAX;
        state->pending = root.meta.rotate != 0;
        result = vault->store->ops->tenant_each(vault->store, pending_visit, &walk, error);
    }
    pthread_mutex_unlock(&vault->lock);
    if (result == VAULT_OK)
        result = walk.result;
    return result == VAULT_OK ? vault_ok(error) : result;
}
