/* SPDX-License-Identifier: Apache-2.0 */
/* master_form.c: the header of a master key's file. See master_key.h. */
#include <string.h>
#include "backend/vault/master_key.h"

bool master_form_parse(const uint8_t *bytes, size_t len, enum master_form *form, uint8_t salt[MASTER_SALT],
                       unsigned *cost)
{
    if (len == VAULT_MASTER_KEY) {
        *form = MASTER_FILE;
        return true;
    }
    if (len < 10 || memcmp(bytes, "CMMASTER\1", 9) != 0)
        return false;
    *form = (enum master_form)bytes[9];
    if (*form == MASTER_CARD)
        return true;
    if (*form != MASTER_PASSPHRASE || len != MASTER_FILE_MAX || bytes[11] != 8 || bytes[12] != 1 || bytes[13] ||
        bytes[14] || bytes[15])
        return false;
    *cost = bytes[10]; /* neither so cheap that it protects nothing nor so dear that the daemon never starts */
    memcpy(salt, bytes + 16, MASTER_SALT);
    return *cost >= 14 && *cost <= 20;
}
