/* SPDX-License-Identifier: Apache-2.0 */
/*
 * files.c: files of a tenant's virtual card. Contract: vault.h.
 *
 * A file is a header row and a row for each chunk of CHUNK bytes that was ever written; what was not reads as zeros.
 * The header holds the name, sealed. Its place is made from a keyed hash of the name: one of PROBES places, all of
 * which are looked at, so that a removed file leaves no gap to mind. A chunk names its file by a random number, which a
 * later file of the same name does not have, and by its own; so chunks cannot change places, files or times.
 *
 * Every function is one transaction of the store: after a crash or on a full disk all of a change is there, or nothing.
 */
#include <string.h>
#include <time.h>
#include "backend/vault/vault_internal.h"

#define PROBES 8u
#define CHUNK  (2 * FILE_HALF)

struct file_state {
    struct extra_state extra;
    struct file_meta meta;
};

/* A chunk in clear; the last part is what opening a part may write past it. */
struct piece {
    bool stored;
    uint8_t bytes[FILE_HALF + RECORD_PART_MAX];
    struct extra_state extra;
};

static enum vault_result name_judge(const uint8_t *name, size_t len, char *error)
{
    if (!name || len < 1 || len > VAULT_FILE_NAME)
        return vault_fail(error, VAULT_INVALID, "a file's name has 1 to %u bytes", VAULT_FILE_NAME);
    return VAULT_OK;
}

/* The header in extra, opened. *name has room for RECORD_PART_MAX bytes. */
static enum vault_result header_open(const struct tenant_state *tenant, struct file_state *file, const uint8_t *plain,
                                     size_t plain_len, uint8_t *name, char *error)
{
    size_t len;

    if (!file_meta_parse(plain, plain_len, &file->meta) ||
        !seal_open(file->extra.keys, &file->extra.record, PART_KEY, file->extra.row.kind, file->extra.row.index, name,
                   &len) ||
        len != file->meta.name_len)
        return extra_damaged(tenant, "a file", error);
    return VAULT_OK;
}

/* VAULT_NOT_FOUND, with the sentence: then *free is a place for it, 0 where there is none. */
static enum vault_result file_find(struct vault *vault, const struct tenant_state *tenant, const uint8_t *name,
                                   size_t len, struct file_state *file, uint32_t *free, char *error)
{
    uint8_t plain[RECORD_PART_MAX], stored[RECORD_PART_MAX];
    size_t plain_len = 0;
    uint32_t first;

    *free = 0;
    if (!seal_place(tenant->places, name, len, &first))
        return vault_fail(error, VAULT_IO, "libcrypto failed to look for a file");
    first = (first & 0x7fffffffu & ~(PROBES - 1)) + PROBES;
    for (uint32_t place = first; place < first + PROBES; place++) {
        file->extra.row.kind = ROW_FILE;
        file->extra.row.index = place;
        enum vault_result result = extra_load(vault, tenant, RECORD_FILE, &file->extra, plain, &plain_len, error);

        if (result == VAULT_NOT_FOUND && !*free)
            *free = place;
        if (result == VAULT_NOT_FOUND)
            continue;
        if (result == VAULT_OK)
            result = header_open(tenant, file, plain, plain_len, stored, error);
        if (result != VAULT_OK)
            return result;
        if (file->meta.name_len == len && memcmp(stored, name, len) == 0)
            return VAULT_OK;
    }
    return vault_fail(error, VAULT_NOT_FOUND, "tenant %s has no such file", tenant->meta.tenant.name);
}

static uint32_t chunk_len(const struct file_meta *meta, uint32_t number)
{
    uint32_t left = meta->size - number * CHUNK;

    return left < CHUNK ? left : CHUNK;
}

static bool chunk_open(const struct file_meta *file, uint32_t number, const uint8_t *plain, size_t plain_len,
                       struct piece *piece)
{
    const struct extra_state *extra = &piece->extra;
    struct chunk_meta meta;
    uint32_t len = chunk_len(file, number), first = len < FILE_HALF ? len : FILE_HALF;
    size_t got = 0, rest = 0;

    return chunk_meta_parse(plain, plain_len, &meta) && seal_equal(meta.id, file->id, RECORD_UID) &&
           meta.number == number && meta.len == len &&
           seal_open(extra->keys, &extra->record, PART_KEY, extra->row.kind, extra->row.index, piece->bytes, &got) &&
           got == first && (extra->record.parts[PART_ENCRYPT].len != 0) == (len > first) &&
           (len == first || (seal_open(extra->keys, &extra->record, PART_ENCRYPT, extra->row.kind, extra->row.index,
                                       piece->bytes + FILE_HALF, &rest) &&
                             rest == len - first));
}

static enum vault_result chunk_load(struct vault *vault, const struct tenant_state *tenant,
                                    const struct file_state *file, uint32_t number, struct piece *piece, char *error)
{
    uint8_t plain[RECORD_PART_MAX];
    size_t len = 0;
    enum vault_result result;

    piece->extra.row.kind = ROW_CHUNK + number;
    piece->extra.row.index = file->extra.row.index;
    result = extra_load(vault, tenant, RECORD_CHUNK, &piece->extra, plain, &len, error);
    piece->stored = result == VAULT_OK;
    if (result == VAULT_NOT_FOUND) {
        memset(piece->bytes, 0, sizeof piece->bytes);
        return VAULT_OK;
    }
    if (result == VAULT_OK && !chunk_open(&file->meta, number, plain, len, piece))
        return extra_damaged(tenant, "a file", error);
    return result;
}

static enum vault_result chunk_save(struct vault *vault, struct tenant_state *tenant, const struct file_state *file,
                                    uint32_t number, struct piece *piece, char *error)
{
    struct extra_state new = {.row = {.kind = ROW_CHUNK + number, .index = file->extra.row.index},
                              .record.type = RECORD_CHUNK};
    struct chunk_meta meta = {.number = number, .len = chunk_len(&file->meta, number)};
    uint32_t first = meta.len < FILE_HALF ? meta.len : FILE_HALF;
    uint8_t plain[CHUNK_META_LEN];

    memcpy(meta.id, file->meta.id, sizeof meta.id);
    chunk_meta_build(&meta, plain);
    memcpy(new.record.uid, tenant->record.uid, RECORD_UID);
    if (!seal_close(tenant->keys, &new.record, PART_KEY, new.row.kind, new.row.index, piece->bytes, first) ||
        (meta.len > first && !seal_close(tenant->keys, &new.record, PART_ENCRYPT, new.row.kind, new.row.index,
                                         piece->bytes + FILE_HALF, meta.len - first)))
        return vault_fail(error, VAULT_IO, "libcrypto failed to seal a record");
    return extra_save(vault, tenant, &new, plain, sizeof plain, piece->stored ? &piece->extra.row : NULL, error);
}

static enum vault_result file_insert(struct vault *vault, struct tenant_state *tenant, const uint8_t *name,
                                     size_t name_len, uint32_t size, char *error)
{
    struct file_state file = {.meta = {.size = size, .created = (uint64_t)time(NULL)}};
    struct policy_meta policy;
    uint8_t plain[FILE_META_LEN];
    uint32_t place;
    enum vault_result result = file_find(vault, tenant, name, name_len, &file, &place, error);

    if (result == VAULT_OK)
        return vault_fail(error, VAULT_EXISTS, "tenant %s has a file of that name", tenant->meta.tenant.name);
    if (result == VAULT_NOT_FOUND)
        result = policy_load(vault, tenant, &policy, error);
    if (result != VAULT_OK)
        return result;
    if (!place || policy.files >= policy.policy.max_files || policy.file_bytes > policy.policy.max_file_bytes ||
        size > policy.policy.max_file_bytes - policy.file_bytes)
        return vault_fail(error, VAULT_LIMIT, "tenant %s may have %u files of %u bytes together: raise its limits",
                          tenant->meta.tenant.name, policy.policy.max_files, policy.policy.max_file_bytes);
    memset(&file.extra, 0, sizeof file.extra);
    file.extra.row.kind = ROW_FILE;
    file.extra.row.index = place;
    file.extra.record.type = RECORD_FILE;
    file.meta.size = size;
    file.meta.created = (uint64_t)time(NULL);
    file.meta.name_len = (uint32_t)name_len;
    memcpy(file.extra.record.uid, tenant->record.uid, RECORD_UID);
    if (!seal_random(file.meta.id, sizeof file.meta.id) ||
        !seal_close(tenant->keys, &file.extra.record, PART_KEY, ROW_FILE, place, name, name_len))
        return vault_fail(error, VAULT_IO, "libcrypto failed to seal a record");
    file_meta_build(&file.meta, plain);
    result = extra_save(vault, tenant, &file.extra, plain, sizeof plain, NULL, error);
    policy.files++;
    policy.file_bytes += size;
    return result == VAULT_OK ? policy_save(vault, tenant, &policy, error) : result;
}

/* What a change of files has in common. */
enum change {
    CHANGE_CREATE,
    CHANGE_WRITE,
    CHANGE_REMOVE
};

struct request {
    enum change change;
    const uint8_t *name;
    size_t name_len;
    uint32_t size, offset;
    const uint8_t *bytes;
    size_t len, span;
};

static enum vault_result file_write(struct vault *vault, struct tenant_state *tenant, struct file_state *file,
                                    const struct request *request, char *error)
{
    struct piece piece;
    uint32_t at = request->offset, size = file->meta.size;
    size_t done = 0;
    enum vault_result result = VAULT_OK;

    if (at >= size || request->span > size - at || request->len > request->span)
        return vault_fail(error, VAULT_RANGE, "the file has %u bytes", size);
    while (result == VAULT_OK && done < request->len) {
        uint32_t number = at / CHUNK, from = at % CHUNK;
        uint32_t n = chunk_len(&file->meta, number) - from;

        if (n > request->len - done)
            n = (uint32_t)(request->len - done);
        result = chunk_load(vault, tenant, file, number, &piece, error);
        if (result != VAULT_OK)
            break;
        memcpy(piece.bytes + from, request->bytes + done, n);
        result = chunk_save(vault, tenant, file, number, &piece, error);
        at += n;
        done += n;
    }
    explicit_bzero(piece.bytes, sizeof piece.bytes);
    return result;
}

static enum vault_result file_delete(struct vault *vault, struct tenant_state *tenant, struct file_state *file,
                                     char *error)
{
    struct policy_meta policy;
    struct store_row row;
    enum vault_result result = policy_load(vault, tenant, &policy, error);

    for (uint32_t number = 0; result == VAULT_OK && number <= (file->meta.size - 1) / CHUNK; number++) {
        result = vault->store->ops->key_get(vault->store, tenant->row.id, ROW_CHUNK + number, file->extra.row.index,
                                            &row, error);
        if (result == VAULT_NOT_FOUND)
            result = VAULT_OK;
        else if (result == VAULT_OK)
            result = extra_remove(vault, tenant, &row, error);
    }
    if (result == VAULT_OK)
        result = extra_remove(vault, tenant, &file->extra.row, error);
    if (result == VAULT_OK && (!policy.files || policy.file_bytes < file->meta.size))
        result = extra_damaged(tenant, "the policy", error);
    if (result != VAULT_OK)
        return result;
    policy.files--;
    policy.file_bytes -= file->meta.size;
    return policy_save(vault, tenant, &policy, error);
}

static enum vault_result file_change(struct vault *vault, struct tenant_state *tenant, const struct request *request,
                                     char *error)
{
    struct file_state file;
    uint32_t place;
    enum vault_result result;

    if (request->change == CHANGE_CREATE)
        return file_insert(vault, tenant, request->name, request->name_len, request->size, error);
    result = file_find(vault, tenant, request->name, request->name_len, &file, &place, error);
    if (result != VAULT_OK)
        return result;
    return request->change == CHANGE_WRITE ? file_write(vault, tenant, &file, request, error)
                                           : file_delete(vault, tenant, &file, error);
}

static enum vault_result change_run(struct vault *vault, uint32_t id, const struct request *request, char *error)
{
    struct tenant_state tenant;
    struct root_state root;
    enum vault_result result = name_judge(request->name, request->name_len, error);

    if (result != VAULT_OK)
        return result;
    pthread_mutex_lock(&vault->lock);
    result = change_begin(vault, id, &root, &tenant, error);
    if (result == VAULT_OK && !id)
        result = vault_fail(error, VAULT_NOT_FOUND, "there is no tenant with id 0");
    if (result == VAULT_OK)
        result = tenant_check(vault, &tenant, error);
    if (result == VAULT_OK)
        result = file_change(vault, &tenant, request, error);
    result = change_end(vault, &root, &tenant, result, error);
    if (result == VAULT_OK && request->change == CHANGE_REMOVE)
        vault->store->ops->erase(vault->store);
    pthread_mutex_unlock(&vault->lock);
    return result;
}

enum vault_result vault_file_create(struct vault *vault, uint32_t id, const uint8_t *name, size_t name_len,
                                    uint32_t size, char *error)
{
    const struct request request = {.change = CHANGE_CREATE, .name = name, .name_len = name_len, .size = size};

    if (size < 1 || size > VAULT_FILE_MAX)
        return vault_fail(error, VAULT_LIMIT, "a file has 1 to %u bytes", VAULT_FILE_MAX);
    return change_run(vault, id, &request, error);
}

enum vault_result vault_file_write(struct vault *vault, uint32_t id, const uint8_t *name, size_t name_len,
                                   uint32_t offset, const uint8_t *bytes, size_t len, size_t span, char *error)
{
    const struct request request = {.change = CHANGE_WRITE,
                                    .name = name,
                                    .name_len = name_len,
                                    .offset = offset,
                                    .bytes = bytes,
                                    .len = len,
                                    .span = span};

    return change_run(vault, id, &request, error);
}

enum vault_result vault_file_remove(struct vault *vault, uint32_t id, const uint8_t *name, size_t name_len, char *error)
{
    const struct request request = {.change = CHANGE_REMOVE, .name = name, .name_len = name_len};

    return change_run(vault, id, &request, error);
}

static enum vault_result file_read(struct vault *vault, const struct tenant_state *tenant,
                                   const struct file_state *file, uint32_t at, uint8_t *bytes, size_t *len, char *error)
{
    struct piece piece;
    uint32_t size = file->meta.size;
    size_t done = 0;
    enum vault_result result = VAULT_OK;

    if (at >= size)
        return vault_fail(error, VAULT_RANGE, "the file has %u bytes", size);
    if (*len > size - at)
        *len = size - at;
    if (!bytes)
        return VAULT_OK;
    while (result == VAULT_OK && done < *len) {
        uint32_t number = at / CHUNK, from = at % CHUNK;
        uint32_t n = chunk_len(&file->meta, number) - from;

        if (n > *len - done)
            n = (uint32_t)(*len - done);
        result = chunk_load(vault, tenant, file, number, &piece, error);
        if (result == VAULT_OK)
            memcpy(bytes + done, piece.bytes + from, n);
        at += n;
        done += n;
    }
    explicit_bzero(piece.bytes, sizeof piece.bytes);
    return result;
}

enum vault_result vault_file_read(struct vault *vault, uint32_t id, const uint8_t *name, size_t name_len,
                                  uint32_t offset, uint8_t *bytes, size_t *len, char *error)
{
    struct tenant_state tenant;
    struct file_state file;
    uint32_t place;
    enum vault_result result = name_judge(name, name_len, error);

    if (result != VAULT_OK)
        return result;
    pthread_mutex_lock(&vault->lock);
    result = tenant_get(vault, id, &tenant, error);
    if (result == VAULT_OK)
        result = tenant_check(vault, &tenant, error);
    if (result == VAULT_OK)
        result = file_find(vault, &tenant, name, name_len, &file, &place, error);
    if (result == VAULT_OK)
        result = file_read(vault, &tenant, &file, offset, bytes, len, error);
    tenant_release(&tenant);
    pthread_mutex_unlock(&vault->lock);
    return result == VAULT_OK ? vault_ok(error) : result;
}

struct file_walk {
    const struct tenant_state *tenant;
    bool (*each)(void *arg, const struct vault_file *file);
    void *arg;
    char *error;
    enum vault_result result;
};

static bool file_visit(void *arg, const struct store_row *row)
{
    struct file_walk *walk = arg;
    struct file_state file = {.extra.row = *row};
    struct vault_file shown = {0};
    uint8_t plain[RECORD_PART_MAX], name[RECORD_PART_MAX];
    size_t len;
    bool ok = record_parse(RECORD_FILE, row->bytes, row->len, &file.extra.record) &&
              seal_equal(file.extra.record.uid, walk->tenant->record.uid, RECORD_UID) &&
              (file.extra.keys = tenant_keys(walk->tenant, file.extra.record.generation)) &&
              seal_open(file.extra.keys, &file.extra.record, PART_META, row->kind, row->index, plain, &len);

    walk->result = ok ? header_open(walk->tenant, &file, plain, len, name, walk->error)
                      : extra_damaged(walk->tenant, "a file", walk->error);
    if (walk->result != VAULT_OK)
        return false;
    memcpy(shown.name, name, file.meta.name_len);
    shown.name_len = file.meta.name_len;
    shown.size = file.meta.size;
    shown.created = file.meta.created;
    return walk->each(walk->arg, &shown);
}

enum vault_result vault_file_each(struct vault *vault, uint32_t id, bool (*each)(void *arg, const struct vault_file *),
                                  void *arg, char *error)
{
    struct tenant_state tenant;
    struct file_walk walk = {.tenant = &tenant, .each = each, .arg = arg, .error = error, .result = VAULT_OK};
    enum vault_result result;

    pthread_mutex_lock(&vault->lock);
    result = tenant_get(vault, id, &tenant, error);
    if (result == VAULT_OK)
        result = tenant_check(vault, &tenant, error);
    if (result == VAULT_OK)
        result = vault->store->ops->key_range(vault->store, id, ROW_FILE, ROW_FILE, file_visit, &walk, error);
    tenant_release(&tenant);
    pthread_mutex_unlock(&vault->lock);
    if (result == VAULT_OK)
        result = walk.result;
    return result == VAULT_OK ? vault_ok(error) : result;
}
