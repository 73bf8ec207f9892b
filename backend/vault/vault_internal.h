/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vault_internal.h: shared by the vault's own files.
 *
 * Every change runs the same way, under vault->lock: change_begin (opens the store's transaction, the root record and
 * the tenant), rows changed with their tallies added and taken, change_end (counts the version up, seals tenant and
 * root anew, commits; or rolls back).
 */
#ifndef CARDMUX_VAULT_INTERNAL_H
#define CARDMUX_VAULT_INTERNAL_H

#include <pthread.h>
#include "backend/vault/record.h"
#include "backend/vault/seal.h"
#include "backend/vault/store.h"
#include "backend/vault/vault.h"

#define CODE_ATTEMPTS_DEFAULT 10u

/* Forms of the store, in order. 1: the first; sums of tallies are XORs, no version. 2: version in the root, sums, a
   secret of the store's own, generations of tenants' keys. 3: KEKs may have access codes; records have the form of 2
   but for the root, which says 3, so that no older cardmux takes such a KEK for damaged. 4: the audit
   log's head in the root. */
#define SCHEMA_OLDEST 1
#define SCHEMA_NOW    4

struct vault {
    pthread_mutex_t lock;       /* everything below, and the store. Not held during scrypt */
    struct vault_store *store;  /* owned */
    struct vault_secret *keys;  /* derived from the master key */
    struct vault_secret *marks; /* random: code_mark.c */
    uint32_t code_attempts;
    bool trail;        /* the store's own log may hold earlier states of it: it was changed since vault_head_keep */
    bool count_owed;   /* a wrong code could not be counted: count first, compare afterwards (codes.c) */
    uint32_t *checked; /* ids of tenants whose keys' tallies were compared, sorted */
    size_t checked_count, checked_room;
    pthread_mutex_t head_lock; /* the one below; taken under the other or alone, and never held for long */
    struct vault_head head;    /* the newest that was offered; number 0: none */
};

struct root_state {
    struct record record;
    struct root_meta meta;
};

struct tenant_state {
    struct store_row row; /* as stored */
    struct record record;
    struct tenant_meta meta;
    struct vault_secret *keys;       /* derived from the tenant's key */
    struct vault_secret *old_keys;   /* from the one before, while that is being replaced; else NULL */
    struct vault_secret *places;     /* key of the places of its files: stays the same */
    uint8_t old_tally[RECORD_TALLY]; /* of row */
};

/* A tenant's rows in the store's table of keys: keys by their kind, and from here on what is no key. */
#define ROW_KEYS_LAST 63u
#define ROW_POLICY    64u      /* index 1 */
#define ROW_FILE      65u      /* index: made from the name */
#define ROW_CHUNK     0x10000u /* + its number; index: that of its file */

struct extra_state {
    struct store_row row; /* id, kind and index are set by whoever loads */
    struct record record;
    const struct vault_secret *keys; /* the tenant's, that the record is sealed with */
};

struct key_state {
    struct store_row row;
    struct record record;
    const struct vault_secret *keys; /* the tenant's, that its record is sealed with */
    struct vault_key meta;
};

/* Puts the sentence into error (which may be NULL) and returns result. */
enum vault_result vault_fail(char *error, enum vault_result result, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
enum vault_result vault_ok(char *error); /* empties error */

/* A vault with its keys, not yet looked at. Takes over the store, also on failure. */
enum vault_result vault_new(const struct vault_config *config, struct vault_store *store, struct vault **out,
                            char *error);
enum vault_result vault_restore_store(const struct vault_config *config, struct vault_store *store, int fd,
                                      const uint8_t *secret, const uint8_t *from, struct vault_archive_info *info,
                                      char *error);

/* Takes over the store, also on failure. vault_create and vault_open use these; so do tests, with stores of theirs. */
enum vault_result vault_open_store(const struct vault_config *config, struct vault_store *store, struct vault **vault,
                                   char *error);
enum vault_result vault_create_store(const struct vault_config *config, struct vault_store *store, char *error);

/* The keys that a record of this generation is sealed with; NULL: no such. */
const struct vault_secret *tenant_keys(const struct tenant_state *tenant, uint8_t generation);
/* The tally of a key's or item's row, whose bytes nobody has looked at yet. */
bool tenant_tally(const struct tenant_state *tenant, const struct store_row *row, uint8_t tally[RECORD_TALLY]);

/* Seals a new key of places into the tenant's record. */
bool tenant_places_make(struct vault *vault, struct tenant_state *tenant);

/* Opened with tenant_get, freed with tenant_release (safe on a zeroed one). */
enum vault_result tenant_get(struct vault *vault, uint32_t id, struct tenant_state *tenant, char *error);
enum vault_result tenant_load(struct vault *vault, struct tenant_state *tenant, char *error); /* row is filled in */
void tenant_release(struct tenant_state *tenant);
/* Compares all key rows of the tenant with its tally, once per opening of the vault. */
enum vault_result tenant_check(struct vault *vault, struct tenant_state *tenant, char *error);
void tenant_forget(struct vault *vault, uint32_t id);

enum vault_result root_load(struct vault *vault, struct root_state *root, char *error);
enum vault_result root_save(struct vault *vault, struct root_state *root, char *error);
/* Seals what a root has beside its META: that the master key is right, and the store's secret (given, or a new one). */
bool root_seal(struct vault *vault, struct root_state *root, const uint8_t secret[32]);
bool root_secret_make(struct vault *vault, struct root_state *root);
/* Whether the rows of tenants are those that the root tells of. */
enum vault_result root_check(struct vault *vault, const struct root_state *root, char *error);

/* migrate.c: brings a store of an older schema to SCHEMA_NOW. Part of opening. */
enum vault_result migrate(struct vault *vault, char *error);

/* id 0: no tenant. */
enum vault_result change_begin(struct vault *vault, uint32_t id, struct root_state *root, struct tenant_state *tenant,
                               char *error);
/* Ends what change_begin began, also when that failed. result: how it went so far; returns how it ended. */
enum vault_result change_end(struct vault *vault, struct root_state *root, struct tenant_state *tenant,
                             enum vault_result result, char *error);
/* Seals tenant->meta, puts the row, corrects the root's sum. change_end does it where there is a tenant. */
enum vault_result tenant_save(struct vault *vault, struct root_state *root, struct tenant_state *tenant, bool is_new,
                              char *error);

enum vault_result key_load(struct vault *vault, const struct tenant_state *tenant, enum vault_key_kind kind,
                           uint32_t index, struct key_state *key, char *error);
/* Reads key->row. */
enum vault_result key_open(const struct tenant_state *tenant, struct key_state *key, char *error);
/* Seals key->meta and puts the row; old: the row that it replaces, or NULL. Corrects the tenant's sum. */
enum vault_result key_save(struct vault *vault, struct tenant_state *tenant, struct key_state *key,
                           const struct store_row *old, char *error);
enum vault_result key_absent(const struct tenant_state *tenant, enum vault_key_kind kind, uint32_t index, char *error);
/* codes.c: of the first key at that index of another kind that shares its code: its meta, and its code part in clear
   (len 0: it has none).
   VAULT_NOT_FOUND, without a sentence: there is none. */
enum vault_result code_of_others(struct vault *vault, const struct tenant_state *tenant, enum vault_key_kind kind,
                                 uint32_t index, struct vault_key *meta, struct vault_secret *code, char *error);
/* codes.c: what the functions of codes were given. */
enum vault_result code_place_judge(enum vault_key_kind kind, uint32_t index, const uint8_t *code, size_t len,
                                   char *error);
/* extra.c: rows that are no keys. VAULT_NOT_FOUND comes without a sentence. meta: of the one length that the type has.
 */
enum vault_result extra_load(struct vault *vault, const struct tenant_state *tenant, enum record_type type,
                             struct extra_state *extra, uint8_t meta[RECORD_PART_MAX], size_t *meta_len, char *error);
/* Seals meta (the other parts are sealed with tenant->keys already) and puts the row; old: the row that it replaces, or
 * NULL. */
enum vault_result extra_save(struct vault *vault, struct tenant_state *tenant, struct extra_state *extra,
                             const uint8_t *meta, size_t meta_len, const struct store_row *old, char *error);
enum vault_result extra_remove(struct vault *vault, struct tenant_state *tenant, const struct store_row *old,
                               char *error);
enum vault_result extra_damaged(const struct tenant_state *tenant, const char *what, char *error);

/* policy.c: where there is no row, meta has the defaults. */
enum vault_result policy_load(struct vault *vault, const struct tenant_state *tenant, struct policy_meta *meta,
                              char *error);
/* Puts meta in place of what policy_load found. */
enum vault_result policy_save(struct vault *vault, struct tenant_state *tenant, const struct policy_meta *meta,
                              char *error);

bool key_place_ok(enum vault_key_kind kind, uint32_t index);
/* rekey.c: of a row in the store's table of keys, by its kind. */
enum record_type row_type(uint32_t kind);

/* Puts or removes a row of keys or data with the tenant's sum and count; old: as stored, or NULL. */
enum vault_result row_put(struct vault *vault, struct tenant_state *tenant, const struct store_row *row,
                          const struct store_row *old, char *error);
enum vault_result row_remove(struct vault *vault, struct tenant_state *tenant, const struct store_row *old,
                             char *error);

#endif
