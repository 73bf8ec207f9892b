/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codes.c: checking access codes and counting wrong ones.
 *
 * A code belongs to an index, whatever kinds of key pairs are there: each of their records has it, with one salt, and
 * the record of the first kind has the count. A KEK's code is its own. `kind` is any of those that share the code.
 *
 * scrypt runs outside of the vault's lock, so that several run at once. Then, under the lock, the record is read anew:
 * if the key was replaced meanwhile the check starts over; if the index was locked meanwhile the answer is VAULT_LOCKED
 * whatever the code was. So no more than code_attempts guesses are ever answered, however many are tried at a time.
 *
 * A wrong code is counted, and the count is on the disk, before the answer. On a disk that refuses writes, VAULT_IO in
 * place of VAULT_BAD_CODE would itself tell "wrong" from "right": so after one count that failed, every check first
 * counts itself as a failure and compares only when that was committed; a right code then takes the count back. What
 * a failing disk can give away is one guess per such failure, not an endless run of them.
 */
#include <string.h>
#include "backend/vault/vault_internal.h"

static const char *whose(enum vault_key_kind kind)
{
    return kind == VAULT_KEY_KEK ? "KEK" : "key";
}

static enum vault_result code_bad(enum vault_key_kind kind, uint32_t index, char *error)
{
    return vault_fail(error, VAULT_BAD_CODE, "wrong access code for %s %u", whose(kind), index);
}

static enum vault_result code_locked(const struct key_state *key, char *error)
{
    return vault_fail(error, VAULT_LOCKED, "%s %u is locked after %u wrong access codes: the operator resets it",
                      whose(key->meta.kind), key->meta.index, key->meta.failures);
}

static enum vault_result code_damaged(enum vault_key_kind kind, uint32_t index, char *error)
{
    return vault_fail(error, VAULT_DAMAGED,
                      "the access code of %s %u was altered: restore the state directory from a backup", whose(kind),
                      index);
}

/* Loads the first key of an index whose code that of `kind` is, but for one kind; VAULT_NOT_FOUND without a sentence.
 */
static enum vault_result first_key(struct vault *vault, const struct tenant_state *tenant, enum vault_key_kind kind,
                                   enum vault_key_kind but, uint32_t index, struct key_state *key, char *error)
{
    enum vault_result result = VAULT_NOT_FOUND;

    for (unsigned one = 0; result == VAULT_NOT_FOUND && one < VAULT_KEY_KINDS; one++)
        if (one != (unsigned)but && vault_kinds_share(kind, (enum vault_key_kind)one))
            result = vault->store->ops->key_get(vault->store, tenant->row.id, one, index, &key->row, error);
    return result == VAULT_OK ? key_open(tenant, key, error) : result;
}

static enum vault_result code_key(struct vault *vault, const struct tenant_state *tenant, enum vault_key_kind kind,
                                  uint32_t index, struct key_state *key, char *error)
{
    enum vault_result result = first_key(vault, tenant, kind, (enum vault_key_kind)0, index, key, error);

    return result == VAULT_NOT_FOUND ? key_absent(tenant, kind, index, error) : result;
}

static bool code_open(const struct key_state *key, struct vault_secret *code)
{
    return seal_open(key->keys, &key->record, PART_CODE, key->row.kind, key->row.index, code->bytes, &code->len);
}

enum vault_result code_of_others(struct vault *vault, const struct tenant_state *tenant, enum vault_key_kind kind,
                                 uint32_t index, struct vault_key *meta, struct vault_secret *code, char *error)
{
    struct key_state key;
    enum vault_result result = first_key(vault, tenant, kind, kind, index, &key, error);

    code->len = 0;
    if (result != VAULT_OK)
        return result;
    *meta = key.meta;
    return key.meta.has_code && !code_open(&key, code) ? code_damaged(kind, index, error) : VAULT_OK;
}

/* Answers that need no scrypt: VAULT_OK with *done, or an error. Otherwise copies the verifier out. */
static enum vault_result code_fetch(struct vault *vault, uint32_t id, enum vault_key_kind kind, uint32_t index,
                                    bool given, bool *done, struct vault_secret *stored, char *error)
{
    struct tenant_state tenant;
    struct key_state key;
    struct code_verifier code;
    enum vault_result result;

    *done = false;
    pthread_mutex_lock(&vault->lock);
    result = tenant_get(vault, id, &tenant, error);
    if (result == VAULT_OK)
        result = tenant_check(vault, &tenant, error);
    if (result == VAULT_OK)
        result = code_key(vault, &tenant, kind, index, &key, error);
    if (result == VAULT_OK && key.meta.locked)
        result = code_locked(&key, error);
    else if (result == VAULT_OK && given != key.meta.has_code)
        result = code_bad(kind, index, error);
    else if (result == VAULT_OK && !given)
        *done = true;
    else if (result == VAULT_OK && (!code_open(&key, stored) || !code_parse(stored->bytes, stored->len, &code)))
        result = code_damaged(kind, index, error);
    explicit_bzero(&code, sizeof code);
    tenant_release(&tenant);
    pthread_mutex_unlock(&vault->lock);
    return result;
}

/* Whether the index has another code by now than the one in stored. */
static bool code_moved(const struct key_state *key, const struct vault_secret *stored, struct vault_secret *now)
{
    return !key->meta.has_code || !code_open(key, now) || now->len != stored->len ||
           !seal_equal(now->bytes, stored->bytes, now->len);
}

enum code_count {
    COUNT_UP,
    COUNT_RESET
};

/* One durable change of failures and locked, if there is something to change. *moved: the code is not the one in stored
   any more, and nothing was changed. stored NULL: of that kind, whatever the code is (the operator's reset). */
static enum vault_result code_count(struct vault *vault, uint32_t id, enum vault_key_kind kind, uint32_t index,
                                    enum code_count how, const struct vault_secret *stored, bool *moved, char *error)
{
    struct vault_secret *now = vault_secret_new();
    struct tenant_state tenant;
    struct root_state root;
    struct key_state key;
    struct store_row old;
    enum vault_result result;

    if (!now)
        return vault_fail(error, VAULT_IO, "no locked memory to check an access code");
    result = change_begin(vault, id, &root, &tenant, error);
    if (result == VAULT_OK && !tenant.keys)
        result = vault_fail(error, VAULT_NOT_FOUND, "there is no tenant with id 0");
    if (result == VAULT_OK)
        result = tenant_check(vault, &tenant, error);
    if (result == VAULT_OK)
        result = stored ? code_key(vault, &tenant, kind, index, &key, error)
                        : key_load(vault, &tenant, kind, index, &key, error);
    if (result == VAULT_OK && stored) {
        *moved = code_moved(&key, stored, now);
        if (*moved)
            result = VAULT_BAD_CODE; /* not the answer: the caller starts over */
        else if (how == COUNT_UP && key.meta.locked)
            result = code_locked(&key, error);
    }
    if (result == VAULT_OK && (how == COUNT_UP || key.meta.failures || key.meta.locked)) {
        old = key.row;
        key.meta.failures = how == COUNT_UP ? key.meta.failures + 1 : 0;
        key.meta.locked = how == COUNT_UP && key.meta.failures >= vault->code_attempts;
        result = key_save(vault, &tenant, &key, &old, error);
        result = change_end(vault, &root, &tenant, result, error);
    } else {
        vault->store->ops->rollback(vault->store); /* nothing to write */
        tenant_release(&tenant);
    }
    vault_secret_free(now);
    return result;
}

/* Whether the code's record is still the one in stored; failures as they stand. */
static enum vault_result code_again(struct vault *vault, uint32_t id, enum vault_key_kind kind, uint32_t index,
                                    const struct vault_secret *stored, bool *moved, uint32_t *failures, char *error)
{
    struct vault_secret *now = vault_secret_new();
    struct tenant_state tenant = {0};
    struct key_state key;
    enum vault_result result = VAULT_OK;

    if (!now)
        return vault_fail(error, VAULT_IO, "no locked memory to check an access code");
    result = tenant_get(vault, id, &tenant, error);
    if (result == VAULT_OK)
        result = code_key(vault, &tenant, kind, index, &key, error);
    if (result == VAULT_OK) {
        *moved = code_moved(&key, stored, now);
        *failures = key.meta.failures;
        if (!*moved && key.meta.locked)
            result = code_locked(&key, error);
    }
    tenant_release(&tenant);
    vault_secret_free(now);
    return result;
}

/* Under the lock, after scrypt. *moved: start over. */
static enum vault_result code_decide(struct vault *vault, uint32_t id, enum vault_key_kind kind, uint32_t index,
                                     const struct vault_secret *stored, const struct vault_secret *tried, bool *moved,
                                     char *error)
{
    uint32_t failures = 0;
    bool right, counted = false;
    enum vault_result result = code_again(vault, id, kind, index, stored, moved, &failures, error);

    if (result != VAULT_OK || *moved)
        return result;
    if (vault->count_owed) {
        result = code_count(vault, id, kind, index, COUNT_UP, stored, moved, error);
        if (result != VAULT_OK || *moved)
            return result;
        vault->count_owed = false;
        counted = true;
    }
    right = seal_equal(tried->bytes, stored->bytes + CODE_LEN - RECORD_VERIFIER, RECORD_VERIFIER);
    if (right)
        return counted || failures ? code_count(vault, id, kind, index, COUNT_RESET, stored, moved, error) : VAULT_OK;
    if (!counted) {
        result = code_count(vault, id, kind, index, COUNT_UP, stored, moved, error);
        if (result == VAULT_IO)
            vault->count_owed = true;
        if (result != VAULT_OK)
            return result;
    }
    return code_bad(kind, index, error);
}

enum vault_result code_place_judge(enum vault_key_kind kind, uint32_t index, const uint8_t *code, size_t len,
                                   char *error)
{
    if (!key_place_ok(kind, index))
        return vault_fail(error, VAULT_INVALID, "an index is 0 (KEKs: 1) to %u", VAULT_INDEX_MAX);
    if (len > VAULT_CODE_MAX || (len && !code))
        return vault_fail(error, VAULT_INVALID, "an access code has at most %u bytes", VAULT_CODE_MAX);
    return VAULT_OK;
}

enum vault_result vault_code_check(struct vault *vault, uint32_t id, enum vault_key_kind kind, uint32_t index,
                                   const uint8_t *code, size_t len, char *error)
{
    struct vault_secret *stored = vault_secret_new(), *tried = vault_secret_new();
    enum vault_result result = code_place_judge(kind, index, code, len, error);
    bool done = false, moved = true;

    if (result == VAULT_OK && (!stored || !tried))
        result = vault_fail(error, VAULT_IO, "no locked memory to check an access code");
    while (result == VAULT_OK && moved && !done) {
        result = code_fetch(vault, id, kind, index, len != 0, &done, stored, error);
        if (result != VAULT_OK || done)
            break;
        if (!seal_code(code, len, stored->bytes + 4, tried->bytes)) {
            result = vault_fail(error, VAULT_IO, "no memory to check an access code");
            break;
        }
        moved = false;
        pthread_mutex_lock(&vault->lock);
        result = code_decide(vault, id, kind, index, stored, tried, &moved, error);
        pthread_mutex_unlock(&vault->lock);
        if (moved)
            result = VAULT_OK;
    }
    vault_secret_free(stored);
    vault_secret_free(tried);
    return result == VAULT_OK ? vault_ok(error) : result;
}

enum vault_result vault_code_reset(struct vault *vault, uint32_t id, enum vault_key_kind kind, uint32_t index,
                                   char *error)
{
    enum vault_result result = code_place_judge(kind, index, NULL, 0, error), one;
    bool moved;

    if (result != VAULT_OK)
        return result;
    result = VAULT_NOT_FOUND;
    pthread_mutex_lock(&vault->lock);
    for (unsigned i = 0; (result == VAULT_OK || result == VAULT_NOT_FOUND) && i < VAULT_KEY_KINDS; i++) {
        if (!vault_kinds_share(kind, (enum vault_key_kind)i))
            continue;
        one = code_count(vault, id, (enum vault_key_kind)i, index, COUNT_RESET, NULL, &moved, error);
        if (one != VAULT_NOT_FOUND)
            result = one;
    }
    pthread_mutex_unlock(&vault->lock);
    return result == VAULT_OK ? vault_ok(error) : result;
}
