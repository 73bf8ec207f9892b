/* SPDX-License-Identifier: Apache-2.0 */
/*
 * code_mark.c: knowing an access code again without scrypt. A mark is HMAC-SHA256 of a code and its place, under a
 * random secret of this opening of the vault, which stays in locked memory, and a nonce of whoever keeps the mark. Who
 * sees marks alone cannot try codes against them; with the secret he could, fast, so neither is ever stored.
 */
#include <string.h>
#include "backend/vault/vault_internal.h"

bool vault_code_mark(struct vault *vault, const uint8_t nonce[VAULT_MARK_NONCE], enum vault_key_kind kind,
                     uint32_t index, const uint8_t *code, size_t len, uint8_t mark[VAULT_MARK])
{
    uint8_t text[VAULT_MARK_NONCE + 8 + VAULT_CODE_MAX] = {0};
    bool ok;

    if (!len || len > VAULT_CODE_MAX)
        return false;
    memcpy(text, nonce, VAULT_MARK_NONCE);
    text[VAULT_MARK_NONCE] = kind == VAULT_KEY_KEK;
    for (unsigned i = 0; i < 4; i++)
        text[VAULT_MARK_NONCE + 4 + i] = (uint8_t)(index >> 8 * i);
    memcpy(text + VAULT_MARK_NONCE + 8, code, len);
    ok = seal_mac(vault->marks->bytes, text, VAULT_MARK_NONCE + 8 + len, mark);
    explicit_bzero(text, sizeof text);
    return ok;
}

bool vault_mark_nonce(uint8_t nonce[VAULT_MARK_NONCE])
{
    return seal_random(nonce, VAULT_MARK_NONCE);
}

bool vault_mark_equal(const uint8_t a[VAULT_MARK], const uint8_t b[VAULT_MARK])
{
    return seal_equal(a, b, VAULT_MARK);
}
