/* SPDX-License-Identifier: Apache-2.0 */
/*
 * archive_write.c: a backup of the whole store, or one tenant for another host. Contract: vault.h.
 *
 * The vault's lock is held while the rows are read, sealed and written, so that they are of one moment; the flush comes
 * after it. Rows go as they are stored; only tenants' keys are opened, and sealed again to the recipient.
 */
#include <string.h>
#include "backend/vault/archive.h"
#include "backend/vault/vault_internal.h"

struct archive {
    struct vault *vault;
    struct sealed *sealed;
    struct archive_end count;
    char *error;
    enum vault_result result;
};

static enum vault_result frame_put(struct archive *archive, enum archive_frame type, const void *body, size_t len)
{
    uint8_t head[ARCHIVE_FRAME];
    enum vault_result result;

    archive_frame_build(type, len, head);
    result = sealed_write(archive->sealed, head, sizeof head, archive->error);
    return result == VAULT_OK ? sealed_write(archive->sealed, body, len, archive->error) : result;
}

static bool row_visit(void *arg, const struct store_row *row)
{
    struct archive *archive = arg;
    uint8_t body[ARCHIVE_ROW_HEAD + RECORD_MAX];

    for (int i = 0; i < 4; i++) {
        body[i] = (uint8_t)(row->kind >> 8 * i);
        body[4 + i] = (uint8_t)(row->index >> 8 * i);
    }
    memcpy(body + ARCHIVE_ROW_HEAD, row->bytes, row->len);
    archive->result = frame_put(archive, ARCHIVE_ROW, body, ARCHIVE_ROW_HEAD + row->len);
    archive->count.rows++;
    return archive->result == VAULT_OK;
}

/* Into a secret of the vault's, which is locked memory: what is in clear here is the tenant's key. */
static enum vault_result tenant_put(struct archive *archive, struct tenant_state *tenant)
{
    struct vault *vault = archive->vault;
    struct vault_secret *room = vault_secret_new(), *part = vault_secret_new();
    struct archive_tenant *out = room ? (struct archive_tenant *)(void *)room->bytes : NULL;
    uint8_t *body = room ? room->bytes + 1024 : NULL;
    bool rotating = tenant->meta.rotating;
    enum vault_result result = VAULT_IO;

    _Static_assert(sizeof *out <= 1024 && 1024 + ARCHIVE_TENANT_LEN <= VAULT_SECRET_MAX, "fits");
    if (room && part && seal_open(vault->keys, &tenant->record, PART_KEY, 0, tenant->row.id, part->bytes, &part->len)) {
        out->id = tenant->row.id;
        out->rotating = rotating;
        out->meta = tenant->meta;
        memcpy(out->uid, tenant->record.uid, RECORD_UID);
        memcpy(out->places, tenant->places->bytes, 32);
        memcpy(out->key, part->bytes, 32);
        if (!rotating ||
            seal_open(vault->keys, &tenant->record, PART_ENCRYPT, 0, tenant->row.id, part->bytes, &part->len)) {
            if (rotating)
                memcpy(out->key_before, part->bytes, 32);
            archive_tenant_build(out, body);
            result = VAULT_OK;
        }
    }
    result = result == VAULT_OK ? frame_put(archive, ARCHIVE_TENANT, body, ARCHIVE_TENANT_LEN)
                                : vault_fail(archive->error, VAULT_IO, "no locked memory to write a tenant's key");
    vault_secret_free(room);
    vault_secret_free(part);
    return result;
}

static enum vault_result tenant_write(struct archive *archive, uint32_t id)
{
    struct vault *vault = archive->vault;
    struct tenant_state tenant;
    enum vault_result result = tenant_get(vault, id, &tenant, archive->error);

    if (result == VAULT_OK)
        result = tenant_check(vault, &tenant, archive->error);
    if (result == VAULT_OK)
        result = tenant_put(archive, &tenant);
    tenant_release(&tenant);
    if (result == VAULT_OK)
        result = vault->store->ops->key_each(vault->store, id, row_visit, archive, archive->error);
    archive->count.tenants++;
    return result == VAULT_OK ? archive->result : result;
}

static enum vault_result root_write(struct archive *archive)
{
    struct vault *vault = archive->vault;
    struct vault_secret *room = vault_secret_new();
    struct archive_root *out = room ? (struct archive_root *)(void *)room->bytes : NULL;
    struct vault_secret *secret = vault_secret_new();
    struct root_state root;
    enum vault_result result = root_load(vault, &root, archive->error);

    if (result == VAULT_OK &&
        (!room || !secret || !seal_open(vault->keys, &root.record, PART_ENCRYPT, 0, 0, secret->bytes, &secret->len)))
        result = vault_fail(archive->error, VAULT_IO, "no locked memory to write the root");
    if (result == VAULT_OK) {
        out->next_id = root.meta.next_id;
        out->version = root.meta.version;
        memcpy(out->uid, root.record.uid, RECORD_UID);
        memcpy(out->secret, secret->bytes, 32);
        archive_root_build(out, room->bytes + 1024);
        result = frame_put(archive, ARCHIVE_ROOT, room->bytes + 1024, ARCHIVE_ROOT_LEN);
    }
    vault_secret_free(room);
    vault_secret_free(secret);
    return result;
}

static enum vault_result all_write(struct archive *archive)
{
    struct vault_store *store = archive->vault->store;
    struct store_row row;
    uint32_t id = 0;
    enum vault_result result = root_write(archive);

    while (result == VAULT_OK) {
        result = store->ops->tenant_next(store, id, &row, archive->error);
        if (result == VAULT_NOT_FOUND)
            return VAULT_OK;
        if (result == VAULT_OK) {
            id = row.id;
            result = tenant_write(archive, id);
        }
    }
    return result;
}

static enum vault_result archive_write(struct vault *vault, uint32_t id, int fd, const uint8_t *recipient, char *error)
{
    struct archive archive = {.vault = vault, .error = error, .result = VAULT_OK};
    struct vault_secret *sender = vault_secret_new();
    uint8_t body[ARCHIVE_END_LEN];
    enum vault_result result =
        sender ? vault_own_secret(vault, "host", sender, error) : vault_fail(error, VAULT_IO, "no locked memory");

    if (result == VAULT_OK)
        result =
            sealed_write_open(fd, id ? SEALED_TENANT : SEALED_BACKUP, sender->bytes, recipient, &archive.sealed, error);
    vault_secret_free(sender);
    if (result != VAULT_OK)
        return result;
    pthread_mutex_lock(&vault->lock);
    result = id ? tenant_write(&archive, id) : all_write(&archive);
    pthread_mutex_unlock(&vault->lock);
    archive_end_build(&archive.count, body);
    if (result == VAULT_OK)
        result = frame_put(&archive, ARCHIVE_END, body, sizeof body);
    if (result == VAULT_OK)
        result = sealed_write_end(archive.sealed, error);
    sealed_free(archive.sealed);
    return result == VAULT_OK ? vault_ok(error) : result;
}

enum vault_result vault_backup(struct vault *vault, int fd, const uint8_t *recipient, char *error)
{
    return archive_write(vault, 0, fd, recipient, error);
}

enum vault_result vault_tenant_export(struct vault *vault, uint32_t id, int fd, const uint8_t *recipient, char *error)
{
    if (!id)
        return vault_fail(error, VAULT_NOT_FOUND, "there is no tenant with id 0");
    return archive_write(vault, id, fd, recipient, error);
}

enum vault_result vault_host_key(struct vault *vault, uint8_t key[VAULT_HOST_KEY], char *error)
{
    struct vault_secret *secret = vault_secret_new();
    enum vault_result result = secret ? vault_own_secret(vault, "host", secret, error)
                                      : vault_fail(error, VAULT_IO, "no locked memory for the host's key");

    if (result == VAULT_OK && !sealed_public(secret->bytes, key))
        result = vault_fail(error, VAULT_IO, "libcrypto failed to make the host's public key");
    vault_secret_free(secret);
    return result;
}
