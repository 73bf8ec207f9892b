/* SPDX-License-Identifier: Apache-2.0 */
/* kinds.c: the kinds of keys that the vault has. See vault.h. */
#include <string.h>
#include "backend/vault/vault.h"

static const struct vault_kind kinds[VAULT_KEY_KINDS] = {
    [VAULT_KEY_SM2] = {"sm2", "SM2", true, true, false, 256},
    [VAULT_KEY_KEK] = {"kek", "KEK", false, false, true, 128},
    [VAULT_KEY_RSA] = {"rsa", "RSA", true, true, false, 2048},
    [VAULT_KEY_P256] = {"p256", "P-256", false, true, false, 256},
};

const struct vault_kind *vault_kind(enum vault_key_kind kind)
{
    return (unsigned)kind < VAULT_KEY_KINDS && kinds[kind].name ? &kinds[kind] : NULL;
}

enum vault_key_kind vault_kind_named(const char *name)
{
    for (unsigned kind = 0; kind < VAULT_KEY_KINDS; kind++)
        if (kinds[kind].name && strcmp(kinds[kind].name, name) == 0)
            return (enum vault_key_kind)kind;
    return (enum vault_key_kind)0;
}

bool vault_kind_bits_ok(enum vault_key_kind kind, uint32_t bits)
{
    switch (kind) {
    case VAULT_KEY_SM2:
    case VAULT_KEY_P256:
        return bits == 256;
    case VAULT_KEY_KEK:
        return bits == 128 || bits == 192 || bits == 256;
    case VAULT_KEY_RSA:
        return bits == 2048 || bits == 3072 || bits == 4096;
    default:
        return false;
    }
}

bool vault_kind_place_ok(enum vault_key_kind kind, uint32_t index)
{
    return vault_kind(kind) && index >= (kind == VAULT_KEY_KEK ? 1u : 0u) && index <= VAULT_INDEX_MAX;
}

bool vault_kinds_share(enum vault_key_kind one, enum vault_key_kind other)
{
    const struct vault_kind *a = vault_kind(one), *b = vault_kind(other);

    return a && b && (one == other || (!a->own_code && !b->own_code));
}
