/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unpad.c: EME-PKCS1-v1_5 decoding (RFC 8017, 7.2.2) without a branch or an index that depends on the block.
 *
 * Who can tell a well-formed block from another can, with enough tries, decrypt what is not his (Bleichenbacher). So
 * there is one answer for all that is wrong, and the way to it is the same: the whole block is looked at, the three
 * lengths that a session key can have are all tried, and masks choose. What comes out is that one answer.
 */
#include <string.h>

#include "cards/soft/soft_internal.h"

/* All ones where the byte is 0, else 0; through a barrier, so that no compiler makes a branch of it. */
static uint8_t is_zero(uint8_t byte)
{
    unsigned mask = (unsigned)byte - 1u;

    mask = mask >> 8;
    __asm__("" : "+r"(mask));
    return (uint8_t)mask;
}

size_t rsa_unpad(const uint8_t *block, size_t len, uint8_t out[CARD_SYM_KEY_MAX])
{
    static const size_t sizes[] = {16, 24, 32};
    uint8_t good = is_zero(block[0]) & is_zero(block[1] ^ 2);
    unsigned found = 0;

    memset(out, 0, CARD_SYM_KEY_MAX);
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t size = sizes[i], zero = len - size - 1;
        uint8_t fits = good & is_zero(block[zero]);

        for (size_t at = 2; at < zero; at++)
            fits &= (uint8_t)~is_zero(block[at]);
        for (size_t at = 0; at < size; at++)
            out[at] |= block[zero + 1 + at] & fits;
        found |= (unsigned)size & fits;
    }
    return found;
}
