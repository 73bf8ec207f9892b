/* SPDX-License-Identifier: Apache-2.0 */
/* keys.c: key records. Contract: vault.h. A put never replaces: a key in use is removed first, on purpose. */
#include <string.h>
#include <time.h>
#include "backend/vault/vault_internal.h"

#define SM2_POINT 64u /* behind the private number */

bool key_place_ok(enum vault_key_kind kind, uint32_t index)
{
    return vault_kind_place_ok(kind, index);
}

static const char *kind_name(enum vault_key_kind kind)
{
    const struct vault_kind *known = vault_kind(kind);

    return known ? known->title : "unknown";
}

static enum vault_result place_invalid(char *error)
{
    return vault_fail(error, VAULT_INVALID,
                      "a key is of type sm2, rsa, p256 or kek and has an index from 0 (kek: 1) to %u", VAULT_INDEX_MAX);
}

static enum vault_result key_damaged(const struct tenant_state *tenant, const struct key_state *key, char *error)
{
    return vault_fail(error, VAULT_DAMAGED,
                      "the record of %s key %u of tenant %s was altered: restore the state directory from a backup",
                      kind_name((enum vault_key_kind)key->row.kind), key->row.index, tenant->meta.tenant.name);
}

enum vault_result key_absent(const struct tenant_state *tenant, enum vault_key_kind kind, uint32_t index, char *error)
{
    return vault_fail(error, VAULT_NOT_FOUND, "tenant %s has no %s key %u", tenant->meta.tenant.name, kind_name(kind),
                      index);
}

enum vault_result key_open(const struct tenant_state *tenant, struct key_state *key, char *error)
{
    const struct store_row *row = &key->row;
    uint8_t plain[RECORD_PART_MAX];
    size_t len;
    const struct vault_kind *kind = vault_kind((enum vault_key_kind)row->kind);

    if (!kind || !record_parse(RECORD_KEY, row->bytes, row->len, &key->record) ||
        !seal_equal(key->record.uid, tenant->record.uid, RECORD_UID) ||
        !(key->keys = tenant_keys(tenant, key->record.generation)) ||
        !seal_open(key->keys, &key->record, PART_META, row->kind, row->index, plain, &len) ||
        !key_meta_parse(plain, len, &key->meta) || (uint32_t)key->meta.kind != row->kind ||
        key->meta.index != row->index || key->meta.has_code != (key->record.parts[PART_CODE].len != 0) ||
        kind->has_encrypt != (key->record.parts[PART_ENCRYPT].len != 0))
        return key_damaged(tenant, key, error);
    return VAULT_OK;
}

enum vault_result key_load(struct vault *vault, const struct tenant_state *tenant, enum vault_key_kind kind,
                           uint32_t index, struct key_state *key, char *error)
{
    enum vault_result result =
        vault->store->ops->key_get(vault->store, tenant->row.id, (uint32_t)kind, index, &key->row, error);

    if (result == VAULT_NOT_FOUND)
        return key_absent(tenant, kind, index, error);
    return result == VAULT_OK ? key_open(tenant, key, error) : result;
}

enum vault_result key_save(struct vault *vault, struct tenant_state *tenant, struct key_state *key,
                           const struct store_row *old, char *error)
{
    struct store_row *row = &key->row;
    uint8_t plain[KEY_META_LEN];

    key_meta_build(&key->meta, plain);
    row->len = seal_close(key->keys, &key->record, PART_META, row->kind, row->index, plain, sizeof plain)
                   ? record_build(&key->record, row->bytes)
                   : 0;
    return row_put(vault, tenant, row, old, error);
}

/* What vault_key_put was given, judged. */
static enum vault_result key_judge(enum vault_key_kind kind, uint32_t index, const struct vault_secret *sign,
                                   const struct vault_secret *encrypt, const uint8_t *code, size_t code_len,
                                   char *error)
{
    if (!key_place_ok(kind, index))
        return place_invalid(error);
    if (!sign || !key_bits(kind, sign->len))
        return vault_fail(error, VAULT_INVALID, "no %s key has %zu bytes", kind_name(kind), sign ? sign->len : 0);
    if (vault_kind(kind)->has_encrypt ? !encrypt || encrypt->len != sign->len : encrypt != NULL)
        return vault_fail(error, VAULT_INVALID,
                          "an SM2 or RSA index has a signing and an encrypting pair of one length, others one key");
    if (code_len > VAULT_CODE_MAX || (code_len && !code))
        return vault_fail(error, VAULT_INVALID, "an access code has at most %u bytes", VAULT_CODE_MAX);
    return VAULT_OK;
}

static bool key_parts_close(const struct tenant_state *tenant, struct key_state *key, const struct vault_secret *sign,
                            const struct vault_secret *encrypt, const struct vault_secret *code)
{
    uint32_t kind = key->row.kind, index = key->row.index;
    struct record *record = &key->record;

    key->keys = tenant->keys;
    record->generation = tenant->meta.generation;
    return seal_close(key->keys, record, PART_KEY, kind, index, sign->bytes, sign->len) &&
           (!encrypt || seal_close(key->keys, record, PART_ENCRYPT, kind, index, encrypt->bytes, encrypt->len)) &&
           (!code || seal_close(key->keys, record, PART_CODE, kind, index, code->bytes, code->len));
}

/* An index has one code, whatever kinds of key are there. */
static enum vault_result key_share_code(struct vault *vault, const struct tenant_state *tenant, struct key_state *key,
                                        const struct vault_secret *code, char *error)
{
    struct vault_secret *stored = vault_secret_new();
    struct vault_key other;
    enum vault_result result;

    if (!stored)
        return vault_fail(error, VAULT_IO, "no locked memory to compare an access code");
    result = code_of_others(vault, tenant, key->meta.kind, key->meta.index, &other, stored, error);
    if (result == VAULT_NOT_FOUND) {
        result = VAULT_OK;
    } else if (result == VAULT_OK &&
               (code ? !other.has_code || !seal_equal(code->bytes, stored->bytes, CODE_LEN) : other.has_code)) {
        result = vault_fail(error, VAULT_BAD_CODE,
                            other.has_code ? "index %u has an access code already, for its %s key: give the same"
                                           : "index %u has a %s key without an access code: leave the code out",
                            other.index, kind_name(other.kind));
    } else if (result == VAULT_OK) {
        key->meta.failures = other.failures;
        key->meta.locked = other.locked;
    }
    vault_secret_free(stored);
    return result;
}

static enum vault_result key_insert(struct vault *vault, struct tenant_state *tenant, struct key_state *key,
                                    const struct vault_secret *sign, const struct vault_secret *encrypt,
                                    const struct vault_secret *code, char *error)
{
    struct store_row other;
    enum vault_result result =
        vault->store->ops->key_get(vault->store, tenant->row.id, key->row.kind, key->row.index, &other, error);

    if (result == VAULT_OK)
        return vault_fail(error, VAULT_EXISTS, "tenant %s has a %s key %u already: remove it first",
                          tenant->meta.tenant.name, kind_name(key->meta.kind), key->meta.index);
    if (result != VAULT_NOT_FOUND)
        return result;
    result = key_share_code(vault, tenant, key, code, error);
    if (result != VAULT_OK)
        return result;
    memcpy(key->record.uid, tenant->record.uid, RECORD_UID);
    if (!key_parts_close(tenant, key, sign, encrypt, code))
        return vault_fail(error, VAULT_IO, "libcrypto failed to seal a record");
    return key_save(vault, tenant, key, NULL, error);
}

/* The salt of the code that another kind of key at that index has; else a new one. */
static bool code_salt(struct vault *vault, uint32_t id, enum vault_key_kind kind, uint32_t index,
                      struct vault_secret *scratch, struct code_verifier *verifier)
{
    struct tenant_state tenant = {0};
    struct vault_key other;
    bool found;

    pthread_mutex_lock(&vault->lock);
    found = tenant_get(vault, id, &tenant, NULL) == VAULT_OK &&
            code_of_others(vault, &tenant, kind, index, &other, scratch, NULL) == VAULT_OK && scratch->len;
    tenant_release(&tenant);
    pthread_mutex_unlock(&vault->lock);
    return (found && code_parse(scratch->bytes, scratch->len, verifier)) || seal_random(verifier->salt, RECORD_SALT);
}

/* The verifier of a new access code, in locked memory; NULL: failed. */
static struct vault_secret *code_make(struct vault *vault, uint32_t id, enum vault_key_kind kind, uint32_t index,
                                      const uint8_t *code, size_t len)
{
    struct vault_secret *secret = vault_secret_new();
    struct code_verifier verifier;
    bool ok = secret && code_salt(vault, id, kind, index, secret, &verifier) &&
              seal_code(code, len, verifier.salt, verifier.verifier);

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

enum vault_result vault_key_put(struct vault *vault, uint32_t id, enum vault_key_kind kind, uint32_t index,
                                const struct vault_secret *sign, const struct vault_secret *encrypt,
                                const uint8_t *code, size_t code_len, char *error)
{
    struct key_state key = {.row = {.id = id, .kind = (uint32_t)kind, .index = index}, .record.type = RECORD_KEY};
    struct vault_secret *verifier = NULL;
    struct tenant_state tenant;
    struct root_state root;
    enum vault_result result = key_judge(kind, index, sign, encrypt, code, code_len, error);

    if (result != VAULT_OK)
        return result;
    if (code_len && !(verifier = code_make(vault, id, kind, index, code, code_len)))
        return vault_fail(error, VAULT_IO, "no memory to derive an access code");
    key.meta = (struct vault_key){.kind = kind,
                                  .index = index,
                                  .has_code = code_len != 0,
                                  .created = (uint64_t)time(NULL),
                                  .bits = key_bits(kind, sign->len)};
    pthread_mutex_lock(&vault->lock);
    result = change_begin(vault, id, &root, &tenant, error);
    if (result == VAULT_OK && !id)
        result = vault_fail(error, VAULT_NOT_FOUND, "there is no tenant with id 0");
    if (result == VAULT_OK)
        result = tenant_check(vault, &tenant, error);
    if (result == VAULT_OK)
        result = key_insert(vault, &tenant, &key, sign, encrypt, verifier, error);
    result = change_end(vault, &root, &tenant, result, error);
    pthread_mutex_unlock(&vault->lock);
    vault_secret_free(verifier);
    return result;
}

static enum vault_result part_get(const struct tenant_state *tenant, const struct key_state *key, enum record_part part,
                                  struct vault_secret *out, char *error)
{
    if (!out)
        return VAULT_OK;
    out->len = 0;
    if (part == PART_ENCRYPT && !vault_kind(key->meta.kind)->has_encrypt)
        return VAULT_OK;
    if (!seal_open(key->keys, &key->record, part, key->row.kind, key->row.index, out->bytes, &out->len) ||
        key_bits(key->meta.kind, out->len) != key->meta.bits)
        return key_damaged(tenant, key, error);
    return VAULT_OK;
}

enum vault_result vault_key_get(struct vault *vault, uint32_t id, enum vault_key_kind kind, uint32_t index,
                                struct vault_key *out, struct vault_secret *sign, struct vault_secret *encrypt,
                                char *error)
{
    struct tenant_state tenant;
    struct key_state key;
    enum vault_result result;

    if (!key_place_ok(kind, index))
        return place_invalid(error);
    pthread_mutex_lock(&vault->lock);
    result = tenant_get(vault, id, &tenant, error);
    if (result == VAULT_OK)
        result = tenant_check(vault, &tenant, error);
    if (result == VAULT_OK)
        result = key_load(vault, &tenant, kind, index, &key, error);
    if (result == VAULT_OK)
        result = part_get(&tenant, &key, PART_KEY, sign, error);
    if (result == VAULT_OK)
        result = part_get(&tenant, &key, PART_ENCRYPT, encrypt, error);
    tenant_release(&tenant);
    pthread_mutex_unlock(&vault->lock);
    if (result == VAULT_OK && out)
        *out = key.meta;
    if (result != VAULT_OK && sign)
        explicit_bzero(sign, sizeof *sign);
    if (result != VAULT_OK && encrypt)
        explicit_bzero(encrypt, sizeof *encrypt);
    return result == VAULT_OK ? vault_ok(error) : result;
}

static enum vault_result pair_replace(struct vault *vault, struct tenant_state *tenant, uint32_t index,
                                      const uint8_t *sign_point, const struct vault_secret *encrypt,
                                      struct vault_secret *sign, char *error)
{
    struct store_row old;
    struct key_state key;
    enum vault_result result = key_load(vault, tenant, VAULT_KEY_SM2, index, &key, error);

    if (result == VAULT_OK)
        result = part_get(tenant, &key, PART_KEY, sign, error);
    if (result != VAULT_OK)
        return result;
    if (memcmp(sign->bytes + sign->len - SM2_POINT, sign_point, SM2_POINT) != 0)
        return key_absent(tenant, VAULT_KEY_SM2, index, error); /* it is another one by now */
    old = key.row;
    if (!seal_close(key.keys, &key.record, PART_ENCRYPT, key.row.kind, index, encrypt->bytes, encrypt->len))
        return vault_fail(error, VAULT_IO, "libcrypto failed to seal a record");
    return key_save(vault, tenant, &key, &old, error);
}

enum vault_result vault_pair_replace(struct vault *vault, uint32_t id, uint32_t index, const uint8_t sign_point[64],
                                     const struct vault_secret *encrypt, char *error)
{
    struct vault_secret *sign = vault_secret_new();
    struct tenant_state tenant;
    struct root_state root;
    enum vault_result result = VAULT_OK;

    if (!sign)
        return vault_fail(error, VAULT_IO, "no locked memory for keys");
    if (!key_place_ok(VAULT_KEY_SM2, index))
        result = place_invalid(error);
    else if (!key_bits(VAULT_KEY_SM2, encrypt->len))
        result = vault_fail(error, VAULT_INVALID, "no SM2 key has %zu bytes", encrypt->len);
    if (result != VAULT_OK) {
        vault_secret_free(sign);
        return result;
    }
    pthread_mutex_lock(&vault->lock);
    result = change_begin(vault, id, &root, &tenant, error);
    if (result == VAULT_OK && !id)
        result = vault_fail(error, VAULT_NOT_FOUND, "there is no tenant with id 0");
    if (result == VAULT_OK)
        result = tenant_check(vault, &tenant, error);
    if (result == VAULT_OK)
        result = pair_replace(vault, &tenant, index, sign_point, encrypt, sign, error);
    result = change_end(vault, &root, &tenant, result, error);
    pthread_mutex_unlock(&vault->lock);
    vault_secret_free(sign);
    return result;
}

static enum vault_result key_delete(struct vault *vault, struct tenant_state *tenant, enum vault_key_kind kind,
                                    uint32_t index, char *error)
{
    struct store_row row;
    enum vault_result result =
        vault->store->ops->key_get(vault->store, tenant->row.id, (uint32_t)kind, index, &row, error);

    if (result == VAULT_NOT_FOUND)
        return key_absent(tenant, kind, index, error);
    return result == VAULT_OK ? row_remove(vault, tenant, &row, error) : result;
}

enum vault_result vault_key_remove(struct vault *vault, uint32_t id, enum vault_key_kind kind, uint32_t index,
                                   char *error)
{
    struct tenant_state tenant;
    struct root_state root;
    enum vault_result result;

    if (!key_place_ok(kind, index))
        return place_invalid(error);
    pthread_mutex_lock(&vault->lock);
    result = change_begin(vault, id, &root, &tenant, error);
    if (result == VAULT_OK && !id)
        result = vault_fail(error, VAULT_NOT_FOUND, "there is no tenant with id 0");
    if (result == VAULT_OK)
        result = tenant_check(vault, &tenant, error);
    if (result == VAULT_OK)
        result = key_delete(vault, &tenant, kind, index, error);
    result = change_end(vault, &root, &tenant, result, error);
    if (result == VAULT_OK)
        vault->store->ops->erase(vault->store);
    pthread_mutex_unlock(&vault->lock);
    return result;
}

struct list_walk {
    const struct tenant_state *tenant;
    bool (*each)(void *arg, const struct vault_key *key);
    void *arg;
    char *error;
    enum vault_result result;
};

static bool key_visit(void *arg, const struct store_row *row)
{
    struct list_walk *walk = arg;
    struct key_state key;

    key.row = *row;
    walk->result = key_open(walk->tenant, &key, walk->error);
    return walk->result == VAULT_OK && walk->each(walk->arg, &key.meta);
}

enum vault_result vault_key_each(struct vault *vault, uint32_t id, bool (*each)(void *arg, const struct vault_key *),
                                 void *arg, char *error)
{
    struct tenant_state tenant;
    struct list_walk walk = {.tenant = &tenant, .each = each, .arg = arg, .error = error, .result = VAULT_OK};
    enum vault_result result;

    pthread_mutex_lock(&vault->lock);
    result = tenant_get(vault, id, &tenant, error);
    if (result == VAULT_OK)
        result = tenant_check(vault, &tenant, error);
    if (result == VAULT_OK)
        result = vault->store->ops->key_range(vault->store, id, 0, ROW_KEYS_LAST, key_visit, &walk, error);
    tenant_release(&tenant);
    pthread_mutex_unlock(&vault->lock);
    if (result == VAULT_OK)
        result = walk.result;
    return result == VAULT_OK ? vault_ok(error) : result;
}
