/* SPDX-License-Identifier: Apache-2.0 */
/* tenants.c: adding, changing, removing, finding and listing tenants. Contract: vault.h. */
#include <string.h>
#include "backend/vault/vault_internal.h"

static void tenant_defaults(struct vault_tenant *tenant)
{
    if (!tenant->max_connections)
        tenant->max_connections = 64;
    if (!tenant->max_sessions)
        tenant->max_sessions = 1024;
    if (!tenant->max_handles)
        tenant->max_handles = 4096;
    if (!tenant->weight)
        tenant->weight = 100;
}

static bool tenant_serial_make(char serial[17])
{
    static const char digits[] = "0123456789ABCDEF";
    uint8_t bytes[14];

    if (!seal_random(bytes, sizeof bytes))
        return false;
    memcpy(serial, "CM", 2);
    for (size_t i = 0; i < sizeof bytes; i++)
        serial[2 + i] = digits[bytes[i] & 15];
    serial[16] = 0;
    return true;
}

static enum vault_result tenant_judge(const struct vault_tenant *tenant, char *error)
{
    if (!tenant_name_ok(tenant->name))
        return vault_fail(error, VAULT_INVALID,
                          "a tenant's name is 1 to 32 characters of a-z 0-9 - _ . and starts "
                          "with a letter or digit");
    if (!tenant_serial_ok(tenant->serial))
        return vault_fail(error, VAULT_INVALID, "a serial is 16 printable characters without spaces");
    if (!tenant_limits_ok(tenant))
        return vault_fail(error, VAULT_INVALID,
                          "limits are 1 to 1048576, weight is 1 to 1000, and only known flags "
                          "may be set");
    return VAULT_OK;
}

bool tenant_places_make(struct vault *vault, struct tenant_state *tenant)
{
    if (!tenant->places)
        tenant->places = vault_secret_new();
    if (!tenant->places || !seal_random(tenant->places->bytes, 32))
        return false;
    tenant->places->len = 32;
    return seal_close(vault->keys, &tenant->record, PART_CODE, 0, tenant->row.id, tenant->places->bytes, 32);
}

/* Fills tenant->record with a new uid and a new sealed key. */
static bool tenant_key_make(struct vault *vault, struct tenant_state *tenant)
{
    struct vault_secret *key = vault_secret_new();
    bool ok;

    tenant->keys = vault_secret_new();
    tenant->record.type = RECORD_TENANT;
    ok = key && tenant->keys && seal_random(key->bytes, 32) && seal_random(tenant->record.uid, RECORD_UID) &&
         seal_derive(key->bytes, tenant->keys) &&
         seal_close(vault->keys, &tenant->record, PART_KEY, 0, tenant->row.id, key->bytes, 32) &&
         tenant_places_make(vault, tenant);
    vault_secret_free(key);
    return ok;
}

static enum vault_result tenant_insert(struct vault *vault, struct root_state *root, struct vault_tenant *new,
                                       char *error)
{
    struct tenant_state tenant = {0};
    struct store_row other;
    enum vault_result result = vault->store->ops->tenant_find(vault->store, new->name, &other, error);

    if (result == VAULT_OK)
        return vault_fail(error, VAULT_EXISTS, "there is a tenant %s already", new->name);
    if (result != VAULT_NOT_FOUND)
        return result;
    if (root->meta.next_id == UINT32_MAX)
        return vault_fail(error, VAULT_INVALID, "all tenant ids have been used");
    new->id = root->meta.next_id++;
    root->meta.tenants++;
    tenant.row.id = new->id;
    memcpy(tenant.row.name, new->name, sizeof tenant.row.name);
    tenant.meta = (struct tenant_meta){.schema = SCHEMA_NOW, .tenant = *new};
    if (tenant_key_make(vault, &tenant))
        result = tenant_save(vault, root, &tenant, true, error);
    else
        result = vault_fail(error, VAULT_IO, "no locked memory or no random bytes for a tenant's key");
    tenant_release(&tenant);
    return result;
}

enum vault_result vault_tenant_add(struct vault *vault, struct vault_tenant *tenant, char *error)
{
    struct vault_tenant new = {0};
    struct tenant_state none;
    struct root_state root;
    enum vault_result result;

    new = *tenant;
    tenant_defaults(&new);
    if (!new.serial[0] && !tenant_serial_make(new.serial))
        return vault_fail(error, VAULT_IO, "no random bytes for a serial");
    result = tenant_judge(&new, error);
    if (result != VAULT_OK)
        return result;
    /* nothing after the end of the name, so that rows compare */
    memset(new.name + strlen(new.name), 0, sizeof new.name - strlen(new.name));

    pthread_mutex_lock(&vault->lock);
    result = change_begin(vault, 0, &root, &none, error);
    if (result == VAULT_OK)
        result = tenant_insert(vault, &root, &new, error);
    result = change_end(vault, &root, &none, result, error);
    pthread_mutex_unlock(&vault->lock);
    if (result == VAULT_OK)
        *tenant = new;
    return result;
}

enum vault_result vault_tenant_set(struct vault *vault, const struct vault_tenant *wanted, char *error)
{
    return vault_tenant_change(vault, wanted, NULL, error);
}

/* The tenant's policy, with what is used of its file space as it was. */
static enum vault_result policy_put(struct vault *vault, struct tenant_state *tenant, const struct vault_policy *policy,
                                    char *error)
{
    struct policy_meta meta;
    enum vault_result result = tenant_check(vault, tenant, error);

    if (result == VAULT_OK && !policy_ok(policy))
        return vault_fail(error, VAULT_INVALID, "a tenant has at most %u files of %u bytes together", VAULT_FILES_MAX,
                          VAULT_FILE_BYTES_MAX);
    if (result == VAULT_OK)
        result = policy_load(vault, tenant, &meta, error);
    policy_meta_set(&meta, policy);
    return result == VAULT_OK ? policy_save(vault, tenant, &meta, error) : result;
}

enum vault_result vault_tenant_change(struct vault *vault, const struct vault_tenant *wanted,
                                      const struct vault_policy *policy, char *error)
{
    struct vault_tenant new = *wanted;
    struct tenant_state tenant;
    struct root_state root;
    enum vault_result result;

    tenant_defaults(&new);
    pthread_mutex_lock(&vault->lock);
    result = change_begin(vault, new.id, &root, &tenant, error);
    if (result == VAULT_OK && !new.id)
        result = vault_fail(error, VAULT_NOT_FOUND, "there is no tenant with id 0");
    if (result == VAULT_OK) {
        memcpy(new.name, tenant.meta.tenant.name, sizeof new.name);
        if (!new.serial[0])
            memcpy(new.serial, tenant.meta.tenant.serial, sizeof new.serial);
        result = tenant_judge(&new, error);
        tenant.meta.tenant = new;
    }
    if (result == VAULT_OK && policy)
        result = policy_put(vault, &tenant, policy, error);
    result = change_end(vault, &root, &tenant, result, error);
    pthread_mutex_unlock(&vault->lock);
    return result;
}

enum vault_result vault_tenant_remove(struct vault *vault, uint32_t id, char *error)
{
    struct tenant_state tenant;
    struct root_state root;
    enum vault_result result;

    pthread_mutex_lock(&vault->lock);
    result = change_begin(vault, id, &root, &tenant, error);
    if (result == VAULT_OK && !id)
        result = vault_fail(error, VAULT_NOT_FOUND, "there is no tenant with id 0");
    if (result == VAULT_OK) {
        root.meta.tenants--;
        seal_tally_take(root.meta.tally, tenant.old_tally);
        tenant_release(&tenant); /* so that change_end does not put it back */
        result = vault->store->ops->tenant_remove(vault->store, id, error);
    }
    result = change_end(vault, &root, &tenant, result, error);
    if (result == VAULT_OK) {
        tenant_forget(vault, id);
        vault->store->ops->erase(vault->store);
    }
    pthread_mutex_unlock(&vault->lock);
    return result;
}

enum vault_result vault_tenant_find(struct vault *vault, const char *name, struct vault_tenant *out, char *error)
{
    struct tenant_state tenant = {0};
    enum vault_result result;

    if (!tenant_name_ok(name))
        return vault_fail(error, VAULT_NOT_FOUND, "there is no tenant of that name");
    pthread_mutex_lock(&vault->lock);
    result = vault->store->ops->tenant_find(vault->store, name, &tenant.row, error);
    if (result == VAULT_NOT_FOUND)
        vault_fail(error, result, "there is no tenant %s", name);
    if (result == VAULT_OK)
        result = tenant_load(vault, &tenant, error);
    if (result == VAULT_OK && strcmp(tenant.meta.tenant.name, name) != 0)
        result = vault_fail(error, VAULT_DAMAGED,
                            "the index of tenants was altered: restore the state directory from "
                            "a backup");
    if (result == VAULT_OK)
        *out = tenant.meta.tenant;
    tenant_release(&tenant);
    pthread_mutex_unlock(&vault->lock);
    return result == VAULT_OK ? vault_ok(error) : result;
}

struct tenant_walk {
    struct vault *vault;
    bool (*each)(void *arg, const struct vault_tenant *tenant);
    void *arg;
    char *error;
    enum vault_result result;
};

static bool tenant_visit(void *arg, const struct store_row *row)
{
    struct tenant_walk *walk = arg;
    struct tenant_state tenant = {.row = *row};
    bool more = false;

    walk->result = tenant_load(walk->vault, &tenant, walk->error);
    if (walk->result == VAULT_OK)
        more = walk->each(walk->arg, &tenant.meta.tenant);
    tenant_release(&tenant);
    return more;
}

enum vault_result vault_tenant_each(struct vault *vault, bool (*each)(void *arg, const struct vault_tenant *),
                                    void *arg, char *error)
{
    struct tenant_walk walk = {.vault = vault, .each = each, .arg = arg, .error = error, .result = VAULT_OK};
    enum vault_result result;

    pthread_mutex_lock(&vault->lock);
    result = vault->store->ops->tenant_each(vault->store, tenant_visit, &walk, error);
    pthread_mutex_unlock(&vault->lock);
    if (result == VAULT_OK)
        result = walk.result;
    return result == VAULT_OK ? vault_ok(error) : result;
}
