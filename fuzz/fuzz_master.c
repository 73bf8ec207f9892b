/* covers: backend/vault/master_form.c */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The header of a master key's file, of any length. What is accepted is of one of the three forms and says of itself
 * what the parser says of it; a passphrase's cost is one that the daemon can pay and that protects; nothing shorter or
 * longer is of that form, nor anything with another of the fixed bytes.
 */
#include <string.h>
#include "backend/vault/master_key.h"
#include "fuzz/checks.h"

#define FIXED 16u

static bool parse(const uint8_t *bytes, size_t len, enum master_form *form, uint8_t salt[MASTER_SALT], unsigned *cost)
{
    *form = (enum master_form)99;
    *cost = 0;
    memset(salt, 0, MASTER_SALT);
    return master_form_parse(bytes, len, form, salt, cost);
}

/* Each of the fixed bytes but the cost's counts. */
static void passphrase_is_strict(const uint8_t *bytes, size_t len)
{
    uint8_t other[MASTER_FILE_MAX], salt[MASTER_SALT];
    enum master_form form;
    unsigned cost;
    memcpy(other, bytes, len);
    for (size_t i = 0; i < FIXED; i++) {
        if (i == 10)
            continue;
        other[i] ^= 0x40;
        assert_true(!parse(other, len, &form, salt, &cost));
        other[i] ^= 0x40;
    }
    assert_true(!parse(other, len - 1, &form, salt, &cost));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t salt[MASTER_SALT];
    enum master_form form;
    unsigned cost;
    if (!parse(data, size, &form, salt, &cost))
        return 0;
    switch (form) {
    case MASTER_FILE:
        assert_true(size == VAULT_MASTER_KEY);
        break;
    case MASTER_PASSPHRASE:
        assert_true(size == MASTER_FILE_MAX && memcmp(data, "CMMASTER\1\1", 10) == 0);
        assert_true(cost == data[10] && cost >= 14 && cost <= 20);
        assert_true(memcmp(salt, data + FIXED, MASTER_SALT) == 0);
        passphrase_is_strict(data, size);
        break;
    case MASTER_CARD:
        assert_true(size >= 10 && memcmp(data, "CMMASTER\1\2", 10) == 0);
        break;
    default:
        assert_true(false);
    }
    return 0;
}
