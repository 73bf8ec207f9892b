/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vault.c: opening and closing, the root record, and the frame of every change.
 *
 * Trust is a chain. The root record opens under the master key and holds the tally of all tenant rows; a tenant's
 * record holds that tenant's key and the tally of its key rows; a key's record seals key, code and lock-out state
 * together. So whoever edits the files can neither alter, move, drop nor bring back a row without being noticed: tenant
 * rows are compared with the root's sum at opening, rows of keys, policy and files with their tenant's sum at that
 * tenant's first use, and while the vault is open the store is locked against other writers. The root counts a version
 * with each change. What this cannot tell is a consistent older copy of the whole store put in place of the newer one:
 * nothing on the same disk can. vault_root gives version and digest for somebody to keep elsewhere.
 */
#include "backend/vault/vault_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "backend/vault/sqlite/sqlite_store.h"

#define LOOK_MS 50u /* at a store that is in use */

static const uint8_t check_value[32] = "the master key of this vault";

const char *vault_result_name(enum vault_result result)
{
    static const char *const names[] = {
        [VAULT_OK] = "ok",
        [VAULT_NOT_FOUND] = "not found",
        [VAULT_EXISTS] = "exists",
        [VAULT_INVALID] = "invalid",
        [VAULT_DAMAGED] = "damaged",
        [VAULT_IO] = "input/output",
        [VAULT_BAD_CODE] = "bad access code",
        [VAULT_LOCKED] = "locked",
        [VAULT_BUSY] = "busy",
        [VAULT_LIMIT] = "limit",
        [VAULT_RANGE] = "range",
    };

    return (unsigned)result < sizeof names / sizeof names[0] ? names[result] : "unknown";
}

enum vault_result vault_fail(char *error, enum vault_result result, const char *format, ...)
{
    va_list args;

    if (!error)
        return result;
    va_start(args, format);
    vsnprintf(error, VAULT_ERROR_TEXT, format, args);
    va_end(args);
    return result;
}

enum vault_result vault_ok(char *error)
{
    if (error)
        error[0] = 0;
    return VAULT_OK;
}

static enum vault_result root_damaged(char *error)
{
    return vault_fail(error, VAULT_DAMAGED,
                      "the vault's root record was altered: restore the state directory from a backup");
}

/* Whether the store's own secret is there and whole (schema 1 had none). */
static enum vault_result root_secret_check(struct vault *vault, const struct root_state *root, char *error)
{
    struct vault_secret *secret;
    bool ok;

    if (root->meta.schema == 1)
        return root->record.parts[PART_ENCRYPT].len == 0 ? VAULT_OK : root_damaged(error);
    secret = vault_secret_new();
    if (!secret)
        return vault_fail(error, VAULT_IO, "no locked memory for the vault: raise the limit of locked memory");
    ok = seal_open(vault->keys, &root->record, PART_ENCRYPT, 0, 0, secret->bytes, &secret->len);
    vault_secret_free(secret);
    return ok ? VAULT_OK : root_damaged(error);
}

enum vault_result root_load(struct vault *vault, struct root_state *root, char *error)
{
    struct store_row row;
    uint8_t plain[RECORD_PART_MAX];
    size_t len;
    enum vault_result result = vault->store->ops->root_get(vault->store, &row, error);

    if (result == VAULT_NOT_FOUND)
        return root_damaged(error);
    if (result != VAULT_OK)
        return result;
    if (!record_parse(RECORD_ROOT, row.bytes, row.len, &root->record))
        return root_damaged(error);
    if (!seal_open(vault->keys, &root->record, PART_KEY, 0, 0, plain, &len) || len != sizeof check_value ||
        !seal_equal(plain, check_value, sizeof check_value))
        return vault_fail(error, VAULT_DAMAGED,
                          "this vault was made with another master key (or its root record was altered): give the "
                          "master key that cardmux init made for it");
    if (!seal_open(vault->keys, &root->record, PART_META, 0, 0, plain, &len) ||
        !root_meta_parse(plain, len, &root->meta))
        return root_damaged(error);
    return root_secret_check(vault, root, error);
}

/* What was offered, if anything was. */
static void head_take(struct vault *vault, struct vault_head *head)
{
    pthread_mutex_lock(&vault->head_lock);
    if (vault->head.number)
        *head = vault->head;
    pthread_mutex_unlock(&vault->head_lock);
}

void vault_head_offer(struct vault *vault, const struct vault_head *head)
{
    pthread_mutex_lock(&vault->head_lock);
    vault->head = *head;
    pthread_mutex_unlock(&vault->head_lock);
}

enum vault_result root_save(struct vault *vault, struct root_state *root, char *error)
{
    struct store_row row = {0};
    uint8_t plain[ROOT_META_LEN];

    root->meta.version++;
    vault->trail = true;
    head_take(vault, &root->meta.head);
    if (!seal_close(vault->keys, &root->record, PART_META, 0, 0, plain, root_meta_build(&root->meta, plain)))
        return vault_fail(error, VAULT_IO, "libcrypto failed to seal a record");
    row.len = record_build(&root->record, row.bytes);
    return vault->store->ops->root_put(vault->store, &row, error);
}

enum vault_result change_begin(struct vault *vault, uint32_t id, struct root_state *root, struct tenant_state *tenant,
                               char *error)
{
    enum vault_result result;

    memset(tenant, 0, sizeof *tenant);
    result = vault->store->ops->begin(vault->store, error);
    if (result == VAULT_OK)
        result = root_load(vault, root, error);
    if (result == VAULT_OK && id)
        result = tenant_get(vault, id, tenant, error);
    return result;
}

enum vault_result change_end(struct vault *vault, struct root_state *root, struct tenant_state *tenant,
                             enum vault_result result, char *error)
{
    if (result == VAULT_OK && tenant->keys)
        result = tenant_save(vault, root, tenant, false, error);
    if (result == VAULT_OK)
        result = root_save(vault, root, error);
    if (result == VAULT_OK)
        result = vault->store->ops->commit(vault->store, error);
    if (result != VAULT_OK)
        vault->store->ops->rollback(vault->store);
    tenant_release(tenant);
    return result == VAULT_OK ? vault_ok(error) : result;
}

enum vault_result vault_new(const struct vault_config *config, struct vault_store *store, struct vault **out,
                            char *error)
{
    struct vault *vault = calloc(1, sizeof *vault);

    if (!vault) {
        store->ops->close(store);
        return vault_fail(error, VAULT_IO, "no memory for the vault");
    }
    pthread_mutex_init(&vault->lock, NULL);
    pthread_mutex_init(&vault->head_lock, NULL);
    vault->store = store;
    vault->trail = true; /* a crash may have left one */
    vault->code_attempts = config->code_attempts ? config->code_attempts : CODE_ATTEMPTS_DEFAULT;
    vault->keys = vault_secret_new();
    vault->marks = vault_secret_new();
    if (!vault->keys || !vault->marks || !seal_derive(config->master, vault->keys) ||
        !seal_random(vault->marks->bytes, 32)) {
        vault_close(vault);
        return vault_fail(error, VAULT_IO,
                          "no locked memory for the vault's keys: raise the limit of locked memory "
                          "(ulimit -l, LimitMEMLOCK)");
    }
    *out = vault;
    return VAULT_OK;
}

struct tally_walk {
    struct vault *vault;
    uint32_t count;
    uint8_t sum[RECORD_TALLY];
    bool failed;
};

static bool tally_tenant(void *arg, const struct store_row *row)
{
    struct tally_walk *walk = arg;
    uint8_t tally[RECORD_TALLY];

    walk->failed = !seal_tally(walk->vault->keys, RECORD_TENANT, row, tally);
    seal_tally_add(walk->sum, tally);
    walk->count++;
    return !walk->failed;
}

enum vault_result root_check(struct vault *vault, const struct root_state *root, char *error)
{
    struct tally_walk walk = {.vault = vault};
    enum vault_result result = vault->store->ops->tenant_each(vault->store, tally_tenant, &walk, error);

    if (result != VAULT_OK)
        return result;
    if (walk.failed)
        return vault_fail(error, VAULT_IO, "libcrypto failed while the vault was verified");
    if (walk.count != root->meta.tenants || !seal_equal(walk.sum, root->meta.tally, RECORD_TALLY))
        return vault_fail(error, VAULT_DAMAGED,
                          "the vault's list of tenants was altered, cut or put back from an older copy: restore the "
                          "state directory from a backup");
    return VAULT_OK;
}

static enum vault_result vault_verify(struct vault *vault, char *error)
{
    struct root_state root;
    enum vault_result result = VAULT_OK;

    if (vault->store->ops->schema(vault->store) < SCHEMA_NOW)
        result = migrate(vault, error);
    if (result == VAULT_OK)
        result = root_load(vault, &root, error);
    /* the schema's number is not authentic, the form of the sealed root is: they must agree */
    if (result == VAULT_OK && root.meta.schema != SCHEMA_NOW)
        result = root_damaged(error);
    return result == VAULT_OK ? root_check(vault, &root, error) : result;
}

enum vault_result vault_open_store(const struct vault_config *config, struct vault_store *store, struct vault **out,
                                   char *error)
{
    struct vault *vault = NULL;
    enum vault_result result = vault_new(config, store, &vault, error);

    if (result != VAULT_OK)
        return result;
    result = vault_verify(vault, error);
    if (result != VAULT_OK) {
        vault_close(vault);
        return result;
    }
    *out = vault;
    return vault_ok(error);
}

bool root_seal(struct vault *vault, struct root_state *root, const uint8_t secret[32])
{
    return seal_close(vault->keys, &root->record, PART_KEY, 0, 0, check_value, sizeof check_value) &&
           seal_close(vault->keys, &root->record, PART_ENCRYPT, 0, 0, secret, 32);
}

bool root_secret_make(struct vault *vault, struct root_state *root)
{
    struct vault_secret *secret = vault_secret_new();
    bool ok = secret && seal_random(secret->bytes, 32) && root_seal(vault, root, secret->bytes);

    vault_secret_free(secret);
    return ok;
}

enum vault_result vault_create_store(const struct vault_config *config, struct vault_store *store, char *error)
{
    struct root_state root = {.record.type = RECORD_ROOT, .meta = {.schema = SCHEMA_NOW, .next_id = 1}};
    struct store_row row;
    struct vault *vault;
    enum vault_result result = vault_new(config, store, &vault, error);

    if (result != VAULT_OK)
        return result;
    result = store->ops->begin(store, error);
    if (result == VAULT_OK) {
        result = store->ops->root_get(store, &row, error);
        if (result == VAULT_OK)
            result = vault_fail(error, VAULT_EXISTS, "there is a vault already: nothing was changed");
        else if (result == VAULT_NOT_FOUND)
            result = VAULT_OK;
    }
    if (result == VAULT_OK && (!seal_random(root.record.uid, RECORD_UID) || !root_secret_make(vault, &root)))
        result = vault_fail(error, VAULT_IO, "libcrypto failed to seal a record");
    if (result == VAULT_OK)
        result = root_save(vault, &root, error);
    if (result == VAULT_OK)
        result = store->ops->commit(store, error);
    if (result != VAULT_OK)
        store->ops->rollback(store);
    vault_close(vault);
    return result == VAULT_OK ? vault_ok(error) : result;
}

enum vault_result vault_create(const struct vault_config *config, char *error)
{
    struct vault_store *store;
    enum vault_result result = sqlite_store_open(config->state_dir, true, &store, error);

    return result == VAULT_OK ? vault_create_store(config, store, error) : result;
}

/* Whoever has the store may be on his way out: a broker whose keeper was killed lives until the disk has answered it.
 */
static enum vault_result store_open_patiently(const struct vault_config *config, struct vault_store **store,
                                              char *error)
{
    for (uint32_t waited_ms = 0;; waited_ms += LOOK_MS) {
        enum vault_result result = sqlite_store_open(config->state_dir, false, store, error);

        if (result != VAULT_BUSY || waited_ms >= config->patience_ms)
            return result;
        nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000l}, NULL);
    }
}

enum vault_result vault_open(const struct vault_config *config, struct vault **vault, char *error)
{
    struct vault_store *store;
    enum vault_result result = store_open_patiently(config, &store, error);

    *vault = NULL;
    return result == VAULT_OK ? vault_open_store(config, store, vault, error) : result;
}

enum vault_result vault_root(struct vault *vault, uint64_t *version, uint8_t digest[VAULT_DIGEST], char *error)
{
    struct root_state root;
    uint8_t text[RECORD_UID + ROOT_META_LEN];
    enum vault_result result;

    pthread_mutex_lock(&vault->lock);
    result = root_load(vault, &root, error);
    pthread_mutex_unlock(&vault->lock);
    if (result != VAULT_OK)
        return result;
    memcpy(text, root.record.uid, RECORD_UID);
    *version = root.meta.version;
    if (!seal_digest(text, RECORD_UID + root_meta_build(&root.meta, text + RECORD_UID), digest))
        return vault_fail(error, VAULT_IO, "libcrypto failed to digest the root record");
    return vault_ok(error);
}

enum vault_result vault_head(struct vault *vault, struct vault_head *head, char *error)
{
    struct root_state root;
    enum vault_result result;

    pthread_mutex_lock(&vault->lock);
    result = root_load(vault, &root, error);
    pthread_mutex_unlock(&vault->lock);
    if (result != VAULT_OK)
        return result;
    *head = root.meta.head;
    return vault_ok(error);
}

enum vault_result vault_head_keep(struct vault *vault, char *error)
{
    struct tenant_state none = {0};
    struct root_state root;
    struct vault_head head;
    enum vault_result result;

    pthread_mutex_lock(&vault->lock);
    result = root_load(vault, &root, error);
    if (result == VAULT_OK) {
        head = root.meta.head;
        head_take(vault, &head);
        if (head.number != root.meta.head.number || memcmp(head.chain, root.meta.head.chain, VAULT_CHAIN) != 0) {
            result = change_begin(vault, 0, &root, &none, error);
            result = change_end(vault, &root, &none, result, error);
        }
    }
    if (result == VAULT_OK && vault->trail) {
        /* else cutting the log of the store would leave a valid store of some changes ago */
        vault->store->ops->erase(vault->store);
        vault->trail = false;
    }
    pthread_mutex_unlock(&vault->lock);
    return result == VAULT_OK ? vault_ok(error) : result;
}

enum vault_result vault_own_secret(struct vault *vault, const char *label, struct vault_secret *out, char *error)
{
    struct root_state root;
    uint8_t text[32] = {0};
    enum vault_result result;
    size_t len = strnlen(label, 33);
    bool ok;

    if (len == 0 || len > 32)
        return vault_fail(error, VAULT_INVALID, "a label has 1 to 32 characters");
    memcpy(text, label, len);
    pthread_mutex_lock(&vault->lock);
    result = root_load(vault, &root, error);
    ok = result == VAULT_OK && seal_open(vault->keys, &root.record, PART_ENCRYPT, 0, 0, out->bytes, &out->len) &&
         out->len == 32 && seal_mac(out->bytes, text, sizeof text, out->bytes);
    pthread_mutex_unlock(&vault->lock);
    if (!ok)
        explicit_bzero(out, sizeof *out);
    if (result != VAULT_OK)
        return result;
    return ok ? vault_ok(error) : root_damaged(error);
}

void vault_close(struct vault *vault)
{
    if (!vault)
        return;
    vault->store->ops->close(vault->store);
    vault_secret_free(vault->keys);
    vault_secret_free(vault->marks);
    pthread_mutex_destroy(&vault->lock);
    pthread_mutex_destroy(&vault->head_lock);
    free(vault->checked);
    free(vault);
}
