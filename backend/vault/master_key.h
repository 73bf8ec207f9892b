/* SPDX-License-Identifier: Apache-2.0 */
/*
 * master_key.h: the file that holds the daemon's master key: a regular file with one name, of mode 0600 and owned by
 * the caller's effective user; anything else is refused with a sentence that says what to do. It has one of these
 * forms:
 *
 *   file         32 random bytes, nothing else
 *   passphrase   "CMMASTER" 1 1 log2(N) r p 0 0 0 salt[16], and the key, sealed under scrypt of a passphrase
 *   card         "CMMASTER" 1 2 kind 0 index[4] salt[32] length[4] blob[512], and the key, sealed under what a card
 * made of the salt. blob is a session key that nobody but that card opens: kind 1 under the pair for encryption of an
 * index, kind 2 under a KEK; length bytes of it count, the others are 0. Little-endian
 *
 * The key is sealed by AES-256-GCM: nonce[12] ciphertext[32] tag[16]; all that stands before the nonce (the head) is
 * associated data. docs/vault.md says why a card's form is made as it is; master_card.h asks the card.
 *
 * error has VAULT_ERROR_TEXT bytes. Outputs are locked memory (vault_secret) or to be wiped by the caller.
 */
#ifndef CARDMUX_VAULT_MASTER_KEY_H
#define CARDMUX_VAULT_MASTER_KEY_H

#include <stdint.h>
#include "backend/vault/vault.h"

#define MASTER_SEALED         60u
#define MASTER_PASSPHRASE_MAX 1024u
#define MASTER_SALT           16u
#define MASTER_PASS_HEAD      32u
#define MASTER_CARD_SALT      32u
#define MASTER_CARD_BLOB      512u
#define MASTER_CARD_BLOB_MIN  16u
#define MASTER_CARD_INDEX     65535u /* the highest */
#define MASTER_CARD_HEAD      (52u + MASTER_CARD_BLOB)
#define MASTER_FILE_MAX       (MASTER_CARD_HEAD + MASTER_SEALED)

enum master_form {
    MASTER_FILE = 0,
    MASTER_PASSPHRASE = 1,
    MASTER_CARD = 2,
    MASTER_FORMS
};

/* What a file of form card asks its card for. */
struct master_card {
    uint32_t kind, index; /* 1 pair for encryption, 2 KEK */
    uint32_t blob_len;
    uint8_t salt[MASTER_CARD_SALT];
    uint8_t blob[MASTER_CARD_BLOB];
};

/* What a file says of itself: its head, read. */
struct master_head {
    enum master_form form;
    unsigned cost;             /* passphrase: log2(N) */
    uint8_t salt[MASTER_SALT]; /* passphrase */
    struct master_card card;
};

/* What seals the key in a file with a head: the sealing key, and the head that it was made for. */
struct master_wrap {
    uint8_t key[32];
    uint32_t head_len;
    uint8_t head[MASTER_CARD_HEAD];
};

/* The parser: false: none of ours, or of a newer version. */
bool master_head_parse(const uint8_t *bytes, size_t len, struct master_head *head);
/* The reverse of it, for form card. */
void master_card_head(const struct master_card *card, uint8_t head[MASTER_CARD_HEAD]);
/* "file", "passphrase", "card"; and the reverse, MASTER_FORMS: no such form. */
const char *master_form_name(enum master_form form);
enum master_form master_form_of(const char *name);

/* A new random key of form file. VAULT_EXISTS where there is a file already. Durable when VAULT_OK; on failure no file
   is left behind. */
enum vault_result master_key_create(const char *path, char *error);
/* VAULT_NOT_FOUND, VAULT_INVALID (mode, owner, size, kind of file), VAULT_IO; VAULT_LOCKED: not of form file. out is
   wiped on failure. */
enum vault_result master_key_read(const char *path, uint8_t out[VAULT_MASTER_KEY], char *error);
enum vault_result master_key_head(const char *path, struct master_head *head, char *error);
enum vault_result master_key_form(const char *path, enum master_form *form, char *error);

/* scrypt, some 0.5 s and 128 MiB. The first for a new file; the second with salt and cost of the file that is there. */
enum vault_result master_wrap_new(const uint8_t *passphrase, size_t len, struct master_wrap *wrap, char *error);
enum vault_result master_wrap_of(const char *path, const uint8_t *passphrase, size_t len, struct master_wrap *wrap,
                                 char *error);
/* From what the card made of the salt: HKDF-SHA256 (RFC 5869), salt: the file's, info: a name and the head. */
enum vault_result master_wrap_card(const struct master_card *card, const uint8_t made[MASTER_CARD_SALT],
                                   struct master_wrap *wrap, char *error);
/* VAULT_BAD_CODE: another passphrase, another card, or the file was changed. */
enum vault_result master_key_unwrap(const char *path, const struct master_wrap *wrap, uint8_t out[VAULT_MASTER_KEY],
                                    char *error);
/* Writes key; wrap NULL: form file. replace: in place of a file that is there, at once (VAULT_EXISTS otherwise).
   Durable when VAULT_OK. */
enum vault_result master_key_write(const char *path, const uint8_t key[VAULT_MASTER_KEY],
                                   const struct master_wrap *wrap, bool replace, char *error);
/* Renames, or (to NULL) removes, durably. The file that was there is overwritten before it goes. */
enum vault_result master_key_move(const char *from, const char *to, char *error);

#endif
