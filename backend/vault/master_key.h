/* SPDX-License-Identifier: Apache-2.0 */
/*
 * master_key.h: the file that holds the daemon's master key: a regular file with one name, of mode 0600 and owned by
 * the caller's effective user; anything else is refused with a sentence that says what to do. It has one of these
 * forms:
 *
 *   file         32 random bytes, nothing else
 *   passphrase   "CMMASTER" 1 1 log2(N) r p 0 0 0 salt[16] nonce[12] ciphertext[32] tag[16]: the key, sealed by
 *                AES-256-GCM under scrypt of a passphrase; the first 32 bytes are associated data
 *   card         "CMMASTER" 1 2 ...: what a card's driver needs to give the key back. No driver can yet
 *
 * error has VAULT_ERROR_TEXT bytes. Outputs are locked memory (vault_secret) or to be wiped by the caller.
 */
#ifndef CARDMUX_VAULT_MASTER_KEY_H
#define CARDMUX_VAULT_MASTER_KEY_H

#include <stdint.h>
#include "backend/vault/vault.h"

#define MASTER_FILE_MAX       92u
#define MASTER_SALT           16u
#define MASTER_PASSPHRASE_MAX 1024u

enum master_form {
    MASTER_FILE = 0,
    MASTER_PASSPHRASE = 1,
    MASTER_CARD = 2
};

/* What seals the key in a file of form passphrase. */
struct master_wrap {
    uint8_t key[32], salt[MASTER_SALT];
};

/* The parser of the forms with a header: cost is log2(N). False: none of ours, or of a newer version. */
bool master_form_parse(const uint8_t *bytes, size_t len, enum master_form *form, uint8_t salt[MASTER_SALT],
                       unsigned *cost);

/* A new random key of form file. VAULT_EXISTS where there is a file already. Durable when VAULT_OK; on failure no file
   is left behind. */
enum vault_result master_key_create(const char *path, char *error);
/* VAULT_NOT_FOUND, VAULT_INVALID (mode, owner, size, kind of file), VAULT_IO; VAULT_LOCKED: not of form file. out is
   wiped on failure. */
enum vault_result master_key_read(const char *path, uint8_t out[VAULT_MASTER_KEY], char *error);
enum vault_result master_key_form(const char *path, enum master_form *form, char *error);

/* scrypt, some 0.5 s and 128 MiB. The first for a new file; the second with salt and cost of the file that is there. */
enum vault_result master_wrap_new(const uint8_t *passphrase, size_t len, struct master_wrap *wrap, char *error);
enum vault_result master_wrap_of(const char *path, const uint8_t *passphrase, size_t len, struct master_wrap *wrap,
                                 char *error);
/* VAULT_BAD_CODE: another passphrase. */
enum vault_result master_key_unwrap(const char *path, const struct master_wrap *wrap, uint8_t out[VAULT_MASTER_KEY],
                                    char *error);
/* Writes key; wrap NULL: form file. replace: in place of a file that is there, at once (VAULT_EXISTS otherwise).
   Durable when VAULT_OK. */
enum vault_result master_key_write(const char *path, const uint8_t key[VAULT_MASTER_KEY],
                                   const struct master_wrap *wrap, bool replace, char *error);
/* Renames, or (to NULL) removes, durably. The file that was there is overwritten before it goes. */
enum vault_result master_key_move(const char *from, const char *to, char *error);

#endif
