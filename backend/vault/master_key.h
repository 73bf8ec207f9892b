/* SPDX-License-Identifier: Apache-2.0 */
/*
 * master_key.h: the file that holds the daemon's master key: 32 random bytes, nothing else, a regular file with one
 * name, of mode 0600 and owned by the caller's effective user. Anything else is refused with a sentence that says what
 * to do. error has VAULT_ERROR_TEXT bytes.
 */
#ifndef CARDMUX_VAULT_MASTER_KEY_H
#define CARDMUX_VAULT_MASTER_KEY_H

#include <stdint.h>
#include "backend/vault/vault.h"

/* VAULT_EXISTS where there is a file already. Durable when VAULT_OK; on failure no file is left behind. */
enum vault_result master_key_create(const char *path, char *error);
/* VAULT_NOT_FOUND, VAULT_INVALID (mode, owner, size, kind of file), VAULT_IO. out is wiped on failure; it should be
   locked memory (a vault_secret), and the caller wipes it. */
enum vault_result master_key_read(const char *path, uint8_t out[VAULT_MASTER_KEY], char *error);

#endif
