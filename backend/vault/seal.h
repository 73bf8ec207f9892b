/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seal.h: the vault's cryptography, and all of its calls into libcrypto.
 *
 * From a root key (the master key, or a tenant's) two keys are derived by HMAC-SHA256: one seals parts of records with
 * AES-256-GCM under random nonces, one makes tallies. A nonce is 96 random bits, so one key should seal less than 2^32
 * parts: a tenant's key seals one part per change of that tenant, the master key two per change of the store, which at
 * a thousand flushes a second is a month and a half of writing without pause.
 *
 * Associated data of a part: magic[16] uid[16] type kind part 0 index[4, little-endian]; for PART_META followed by
 * nonce and tag of each other part (zeros where absent).
 *
 * A tally is HMAC-SHA256 over a row's place and bytes; the sum of all rows' tallies modulo 2^256, kept sealed beside
 * their number, tells of any row that was removed, doubled, brought back or replaced by an older one of its own. It is
 * a keyed multiset hash: who does not know the key sees neither a tally nor a sum, so having seen many versions of rows
 * does not help to find another set of rows with the same sum; and a row that is there twice adds up, where with XOR
 * (schema 1) it would cancel itself.
 *
 * Functions answer false when libcrypto fails (no memory) or, for seal_open, when the part is not what was sealed
 * there.
 */
#ifndef CARDMUX_VAULT_SEAL_H
#define CARDMUX_VAULT_SEAL_H

#include "backend/vault/record.h"
#include "backend/vault/store.h"

/* Derived keys live in a vault_secret: both halves. */
#define SEAL_KEYS_LEN 64u

bool seal_derive(const uint8_t key[32], struct vault_secret *keys);
bool seal_random(void *bytes, size_t len);

/* Seals plain into record->parts[part]; type and uid of the record must be set, PART_META comes last. */
bool seal_close(const struct vault_secret *keys, struct record *record, enum record_part part, uint32_t kind,
                uint32_t index, const uint8_t *plain, size_t len);
/* out has room for RECORD_PART_MAX bytes. On failure nothing of the plain text is left in it. */
bool seal_open(const struct vault_secret *keys, const struct record *record, enum record_part part, uint32_t kind,
               uint32_t index, uint8_t *out, size_t *len);

bool seal_tally(const struct vault_secret *keys, enum record_type type, const struct store_row *row,
                uint8_t tally[RECORD_TALLY]);
/* Where a file of that name is looked for first: differs from tenant to tenant, and tells nothing of the name. */
bool seal_place(const struct vault_secret *key, const uint8_t *name, size_t len, uint32_t *place);
void seal_tally_add(uint8_t sum[RECORD_TALLY], const uint8_t tally[RECORD_TALLY]);
void seal_tally_take(uint8_t sum[RECORD_TALLY], const uint8_t tally[RECORD_TALLY]);
/* HMAC-SHA256 of a text under a key of 32 bytes, and SHA-256. */
bool seal_mac(const uint8_t key[32], const void *text, size_t len, uint8_t out[32]);
bool seal_digest(const void *text, size_t len, uint8_t out[32]);

/* scrypt; takes some 50 ms and 16 MiB. */
bool seal_code(const uint8_t *code, size_t len, const uint8_t salt[RECORD_SALT], uint8_t verifier[RECORD_VERIFIER]);
uint64_t seal_code_runs(void);                                   /* how often it ran in this process: for tests */
bool seal_equal(const uint8_t *a, const uint8_t *b, size_t len); /* constant time */

#endif
