/* SPDX-License-Identifier: Apache-2.0 */
/*
 * archive_read.c: an archive read, verified, and put into a store. Contract: vault.h.
 *
 * One reader for three uses: to verify only; into a store that has no root yet (restore); into a vault in use, as one
 * more tenant (import). Verifying is the same in all three: every part of every record is opened under the keys in the
 * archive, and the rows of each tenant must be in order and add up to its sum. Whatever is put into a store is put in
 * one transaction, committed after the last byte of the file was found good.
 */
#include <stdio.h>
#include <string.h>
#include "backend/vault/archive.h"
#include "backend/vault/sqlite/sqlite_store.h"
#include "backend/vault/vault_internal.h"

struct reader {
    struct sealed *sealed;
    char *error;
    struct vault_secret *body;   /* of the frame that is read: locked, since keys stand in some */
    struct vault_secret *opened; /* a record's part */
    struct vault *vault;         /* NULL: verify only */
    struct root_state *root;     /* of the vault, as it is being changed */
    const char *name;            /* import: of the tenant here; NULL: as in the archive */
    struct vault_tenant *made;   /* import: filled in */
    bool import;
    bool has_root, has_tenant;
    struct tenant_state source; /* keys and META as in the archive */
    struct tenant_state target; /* as it becomes here */
    uint32_t last_id, last_kind, last_index;
    uint64_t rows_left;
    uint8_t sum[RECORD_TALLY];
    struct archive_end count;
    uint8_t row_body[ARCHIVE_ROW_HEAD + RECORD_MAX];
};

static enum vault_result bad(struct reader *reader, const char *what)
{
    return vault_fail(reader->error, VAULT_DAMAGED, "the archive is damaged or was made by somebody else: %s", what);
}

static enum vault_result no_memory(struct reader *reader)
{
    return vault_fail(reader->error, VAULT_IO, "no locked memory, or libcrypto failed, while an archive was read");
}

/* ---- a row ---- */

static bool meta_fits(struct reader *reader, const struct store_row *row, const struct record *record)
{
    const uint8_t *bytes = reader->opened->bytes;
    size_t len = reader->opened->len;
    struct policy_meta policy;
    struct file_meta file;
    struct chunk_meta chunk;
    struct vault_key key;

    switch (record->type) {
    case RECORD_KEY:
        return key_meta_parse(bytes, len, &key) && (uint32_t)key.kind == row->kind && key.index == row->index &&
               key.has_code == (record->parts[PART_CODE].len != 0);
    case RECORD_POLICY:
        return policy_meta_parse(bytes, len, &policy);
    case RECORD_FILE:
        return file_meta_parse(bytes, len, &file);
    default:
        return chunk_meta_parse(bytes, len, &chunk) && chunk.number == row->kind - ROW_CHUNK;
    }
}

/* Opens all of it. */
static bool row_opens(struct reader *reader, const struct store_row *row)
{
    const struct vault_secret *keys;
    struct record record;
    bool ok;

    if (row->kind > ROW_FILE && row->kind < ROW_CHUNK)
        return false;
    if (!record_parse(row_type(row->kind), row->bytes, row->len, &record) ||
        memcmp(record.uid, reader->source.record.uid, RECORD_UID) != 0 ||
        !(keys = tenant_keys(&reader->source, record.generation)))
        return false;
    ok = seal_open(keys, &record, PART_META, row->kind, row->index, reader->opened->bytes, &reader->opened->len) &&
         meta_fits(reader, row, &record);
    for (int part = PART_META + 1; part < RECORD_PARTS && ok; part++)
        ok = record.parts[part].len == 0 || seal_open(keys, &record, (enum record_part)part, row->kind, row->index,
                                                      reader->opened->bytes, &reader->opened->len);
    explicit_bzero(reader->opened->bytes, sizeof reader->opened->bytes);
    return ok;
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static enum vault_result row_take(struct reader *reader, const uint8_t *body, size_t len)
{
    struct store_row row = {.id = reader->source.row.id, .kind = get32(body), .index = get32(body + 4)};
    uint8_t tally[RECORD_TALLY];

    /* in order; no kind is 0, so the first one is behind what a tenant starts with */
    if (!reader->has_tenant || reader->rows_left == 0 || row.kind < reader->last_kind || row.kind == 0 ||
        (row.kind == reader->last_kind && row.index <= reader->last_index))
        return bad(reader, "a record where none belongs");
    row.len = len - ARCHIVE_ROW_HEAD;
    memcpy(row.bytes, body + ARCHIVE_ROW_HEAD, row.len);
    if (!row_opens(reader, &row))
        return bad(reader, "a record does not open");
    if (!tenant_tally(&reader->source, &row, tally))
        return no_memory(reader);
    seal_tally_add(reader->sum, tally);
    reader->last_kind = row.kind;
    reader->last_index = row.index;
    reader->rows_left--;
    reader->count.rows++;
    if (!reader->vault)
        return VAULT_OK;
    row.id = reader->target.row.id;
    return row_put(reader->vault, &reader->target, &row, NULL, reader->error);
}

/* ---- a tenant ---- */

static enum vault_result tenant_finish(struct reader *reader)
{
    enum vault_result result = VAULT_OK;

    if (!reader->has_tenant)
        return VAULT_OK;
    reader->has_tenant = false;
    if (reader->rows_left || !seal_equal(reader->sum, reader->source.meta.tally, RECORD_TALLY))
        result = bad(reader, "a tenant's records are not all there");
    if (result == VAULT_OK && reader->vault)
        result = tenant_save(reader->vault, reader->root, &reader->target, true, reader->error);
    if (result == VAULT_OK && reader->made)
        *reader->made = reader->target.meta.tenant;
    tenant_release(&reader->source);
    tenant_release(&reader->target);
    return result;
}

struct uid_walk {
    const uint8_t *uid;
    bool found;
    char name[VAULT_NAME_MAX + 1];
};

static bool uid_visit(void *arg, const struct store_row *row)
{
    struct uid_walk *walk = arg;

    if (row->len >= RECORD_HEADER && memcmp(row->bytes + 8, walk->uid, RECORD_UID) == 0) {
        walk->found = true;
        memcpy(walk->name, row->name, sizeof walk->name);
    }
    return !walk->found;
}

/* Of an import: the id that it gets, and that neither it nor its name is here already. */
static enum vault_result import_place(struct reader *reader, struct vault_tenant *tenant)
{
    struct vault_store *store = reader->vault->store;
    struct uid_walk walk = {.uid = reader->source.record.uid};
    struct store_row other;
    enum vault_result result = store->ops->tenant_each(store, uid_visit, &walk, reader->error);

    if (result != VAULT_OK)
        return result;
    if (walk.found)
        return vault_fail(reader->error, VAULT_EXISTS, "this tenant is here already, as %s: remove that one first",
                          walk.name);
    if (reader->name)
        snprintf(tenant->name, sizeof tenant->name, "%s", reader->name);
    memset(tenant->name + strlen(tenant->name), 0, sizeof tenant->name - strlen(tenant->name));
    if (!tenant_name_ok(tenant->name))
        return vault_fail(reader->error, VAULT_INVALID, "that is no name for a tenant");
    result = store->ops->tenant_find(store, tenant->name, &other, reader->error);
    if (result == VAULT_OK)
        return vault_fail(reader->error, VAULT_EXISTS, "there is a tenant %s already: import it under another name",
                          tenant->name);
    if (result != VAULT_NOT_FOUND)
        return result;
    if (reader->root->meta.next_id == UINT32_MAX)
        return vault_fail(reader->error, VAULT_INVALID, "all tenant ids have been used");
    tenant->id = reader->root->meta.next_id++;
    return VAULT_OK;
}

static bool keys_set(struct tenant_state *tenant, const struct archive_tenant *from)
{
    tenant->keys = vault_secret_new();
    tenant->places = vault_secret_new();
    tenant->old_keys = from->rotating ? vault_secret_new() : NULL;
    if (!tenant->keys || !tenant->places || (from->rotating && !tenant->old_keys))
        return false;
    memcpy(tenant->places->bytes, from->places, 32);
    tenant->places->len = 32;
    return seal_derive(from->key, tenant->keys) && (!from->rotating || seal_derive(from->key_before, tenant->old_keys));
}

static enum vault_result target_make(struct reader *reader, const struct archive_tenant *from)
{
    struct tenant_state *target = &reader->target;
    struct vault *vault = reader->vault;
    enum vault_result result = VAULT_OK;

    target->meta = from->meta;
    target->meta.keys = 0;
    memset(target->meta.tally, 0, RECORD_TALLY);
    if (reader->import)
        result = import_place(reader, &target->meta.tenant);
    if (reader->import) { /* a guest and a user of another host, and what its operators allowed there */
        target->meta.tenant.cid = 0;
        target->meta.tenant.owner_uid = target->meta.tenant.owner_gid = 0;
        target->meta.tenant.flags &= ~(uint32_t)CM_ASKED_ALL;
    }
    if (result != VAULT_OK)
        return result;
    target->row.id = target->meta.tenant.id;
    memcpy(target->row.name, target->meta.tenant.name, sizeof target->row.name);
    target->record.type = RECORD_TENANT;
    memcpy(target->record.uid, from->uid, RECORD_UID);
    if (!keys_set(target, from) ||
        !seal_close(vault->keys, &target->record, PART_KEY, 0, target->row.id, from->key, 32) ||
        (from->rotating &&
         !seal_close(vault->keys, &target->record, PART_ENCRYPT, 0, target->row.id, from->key_before, 32)) ||
        !seal_close(vault->keys, &target->record, PART_CODE, 0, target->row.id, from->places, 32))
        return no_memory(reader);
    reader->root->meta.tenants++;
    /* its key was being replaced where it comes from: to be gone on with here */
    if (from->rotating && (!reader->root->meta.rotate || reader->root->meta.rotate > target->row.id))
        reader->root->meta.rotate = target->row.id;
    return VAULT_OK;
}

static enum vault_result tenant_take(struct reader *reader, const uint8_t *body, size_t len)
{
    struct vault_secret *room;
    struct archive_tenant *from;
    enum vault_result result = tenant_finish(reader);

    if (result != VAULT_OK)
        return result;
    if ((reader->import && reader->count.tenants) || (!reader->import && !reader->has_root))
        return bad(reader, "a tenant where none belongs");
    room = vault_secret_new();
    if (!room)
        return no_memory(reader);
    from = (struct archive_tenant *)(void *)room->bytes;
    memset(&reader->source, 0, sizeof reader->source);
    memset(&reader->target, 0, sizeof reader->target);
    if (!archive_tenant_parse(body, len, from) || from->id <= reader->last_id) {
        result = bad(reader, "a tenant's record");
    } else {
        reader->source.meta = from->meta;
        reader->source.row.id = reader->last_id = from->id;
        memcpy(reader->source.record.uid, from->uid, RECORD_UID);
        reader->rows_left = from->meta.keys;
        reader->last_kind = reader->last_index = 0;
        memset(reader->sum, 0, sizeof reader->sum);
        reader->has_tenant = true;
        reader->count.tenants++;
        result = keys_set(&reader->source, from) ? VAULT_OK : no_memory(reader);
    }
    if (result == VAULT_OK && reader->vault)
        result = target_make(reader, from);
    vault_secret_free(room);
    return result;
}

/* ---- the root ---- */

static enum vault_result root_take(struct reader *reader, const uint8_t *body, size_t len)
{
    struct vault_secret *room = vault_secret_new();
    struct archive_root *from = room ? (struct archive_root *)(void *)room->bytes : NULL;
    enum vault_result result = VAULT_OK;

    if (!room)
        return no_memory(reader);
    if (reader->import || reader->has_root || !archive_root_parse(body, len, from))
        result = bad(reader, "a root where none belongs");
    reader->has_root = true;
    if (result == VAULT_OK && reader->vault) {
        reader->root->meta.next_id = from->next_id;
        reader->root->meta.version = from->version;
        memcpy(reader->root->record.uid, from->uid, RECORD_UID);
        if (!root_seal(reader->vault, reader->root, from->secret))
            result = no_memory(reader);
    }
    vault_secret_free(room);
    return result;
}

static enum vault_result end_take(struct reader *reader, const uint8_t *body, size_t len)
{
    struct archive_end end;
    enum vault_result result = tenant_finish(reader);

    if (result != VAULT_OK)
        return result;
    if (!archive_end_parse(body, len, &end) || end.tenants != reader->count.tenants || end.rows != reader->count.rows ||
        (reader->import ? end.tenants != 1 : !reader->has_root))
        return bad(reader, "its end does not fit");
    return sealed_read_end(reader->sealed, reader->error);
}

/* ---- all of it ---- */

static enum vault_result frame_take(struct reader *reader, bool *done)
{
    uint8_t head[ARCHIVE_FRAME];
    enum archive_frame type;
    size_t len = 0;
    uint8_t *body;
    enum vault_result result = sealed_read(reader->sealed, head, sizeof head, reader->error);

    if (result != VAULT_OK)
        return result;
    if (!archive_frame_parse(head, &type, &len))
        return bad(reader, "a piece that nobody knows");
    body = type == ARCHIVE_ROW ? reader->row_body : reader->body->bytes;
    result = sealed_read(reader->sealed, body, len, reader->error);
    if (result != VAULT_OK)
        return result;
    switch (type) {
    case ARCHIVE_ROOT:
        return root_take(reader, body, len);
    case ARCHIVE_TENANT:
        return tenant_take(reader, body, len);
    case ARCHIVE_ROW:
        return row_take(reader, body, len);
    case ARCHIVE_END:
        *done = true;
        return end_take(reader, body, len);
    }
    return bad(reader, "a piece that nobody knows");
}

static enum vault_result archive_read(struct reader *reader)
{
    bool done = false;
    enum vault_result result = VAULT_OK;

    reader->body = vault_secret_new();
    reader->opened = vault_secret_new();
    if (!reader->body || !reader->opened)
        result = no_memory(reader);
    while (result == VAULT_OK && !done)
        result = frame_take(reader, &done);
    tenant_release(&reader->source);
    tenant_release(&reader->target);
    vault_secret_free(reader->body);
    vault_secret_free(reader->opened);
    return result;
}

static void info_fill(const struct reader *reader, struct vault_archive_info *info)
{
    if (!info)
        return;
    memcpy(info->sender, sealed_header(reader->sealed)->sender, sizeof info->sender);
    info->tenants = reader->count.tenants;
    info->records = reader->count.rows;
}

enum vault_result vault_backup_verify(int fd, const uint8_t *secret, const uint8_t *from,
                                      struct vault_archive_info *info, char *error)
{
    struct reader reader = {.error = error};
    enum vault_result result = sealed_read_open(fd, SEALED_BACKUP, secret, from, &reader.sealed, error);

    if (result != VAULT_OK)
        return result;
    result = archive_read(&reader);
    if (result == VAULT_OK)
        info_fill(&reader, info);
    sealed_free(reader.sealed);
    return result == VAULT_OK ? vault_ok(error) : result;
}

enum vault_result vault_restore_store(const struct vault_config *config, struct vault_store *store, int fd,
                                      const uint8_t *secret, const uint8_t *from, struct vault_archive_info *info,
                                      char *error)
{
    struct root_state root = {.record.type = RECORD_ROOT, .meta = {.schema = SCHEMA_NOW, .next_id = 1}};
    struct reader reader = {.error = error, .root = &root};
    struct store_row row;
    enum vault_result result = vault_new(config, store, &reader.vault, error);

    if (result != VAULT_OK)
        return result;
    result = sealed_read_open(fd, SEALED_BACKUP, secret, from, &reader.sealed, error);
    if (result == VAULT_OK)
        result = store->ops->begin(store, error);
    if (result == VAULT_OK) {
        result = store->ops->root_get(store, &row, error);
        if (result == VAULT_OK)
            result = vault_fail(error, VAULT_EXISTS,
                                "there is a vault already: restore into an empty state directory, nothing was changed");
        else if (result == VAULT_NOT_FOUND)
            result = archive_read(&reader);
        if (result == VAULT_OK)
            result = root_save(reader.vault, &root, error);
        if (result == VAULT_OK)
            result = store->ops->commit(store, error);
        if (result != VAULT_OK)
            store->ops->rollback(store);
    }
    if (result == VAULT_OK)
        info_fill(&reader, info);
    sealed_free(reader.sealed);
    vault_close(reader.vault);
    return result == VAULT_OK ? vault_ok(error) : result;
}

enum vault_result vault_restore(const struct vault_config *config, int fd, const uint8_t *secret, const uint8_t *from,
                                struct vault_archive_info *info, char *error)
{
    struct vault_store *store;
    enum vault_result result = sqlite_store_open(config->state_dir, true, &store, error);

    return result == VAULT_OK ? vault_restore_store(config, store, fd, secret, from, info, error) : result;
}

enum vault_result vault_tenant_import(struct vault *vault, int fd, const char *name, const uint8_t *from,
                                      struct vault_tenant *tenant, struct vault_archive_info *info, char *error)
{
    struct root_state root;
    struct tenant_state none;
    struct reader reader = {
        .error = error, .vault = vault, .root = &root, .name = name, .made = tenant, .import = true};
    struct vault_secret *secret = vault_secret_new();
    enum vault_result result = secret ? vault_own_secret(vault, "host", secret, error) : no_memory(&reader);

    if (result == VAULT_OK)
        result = sealed_read_open(fd, SEALED_TENANT, secret->bytes, from, &reader.sealed, error);
    vault_secret_free(secret);
    if (result != VAULT_OK)
        return result;
    pthread_mutex_lock(&vault->lock);
    result = change_begin(vault, 0, &root, &none, error);
    if (result == VAULT_OK)
        result = archive_read(&reader);
    result = change_end(vault, &root, &none, result, error);
    pthread_mutex_unlock(&vault->lock);
    if (result == VAULT_OK)
        info_fill(&reader, info);
    sealed_free(reader.sealed);
    return result;
}
