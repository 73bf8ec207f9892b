/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/derive.h"

#include <string.h>

#define POINT 64u
#define HEAD  96u /* of a cipher of SM2, before the text */

enum key_use {
    NO_KEY,
    MAC_KEY,   /* 128 to 512 bits, full bytes */
    CIPHER_KEY /* 128, 192, 256 */
};

static const struct kind {
    struct {
        uint32_t least, most;
    } texts[CM_DERIVE_TEXTS];
    enum key_use keys[CM_DERIVE_KEYS];
    uint32_t clear_most[CM_DERIVE_CLEARS];
} kinds[CM_DERIVATIONS] = {
    [CM_DERIVE_TLS] = {{{CM_DERIVE_RANDOM, CM_DERIVE_RANDOM}, {CM_DERIVE_RANDOM, CM_DERIVE_RANDOM}},
                       {MAC_KEY, MAC_KEY, CIPHER_KEY, CIPHER_KEY},
                       {CM_DERIVE_IV_MAX, CM_DERIVE_IV_MAX}},
    [CM_DERIVE_IKE] = {{{CM_DERIVE_NONCE_MIN, CM_DERIVE_NONCE_MAX},
                        {CM_DERIVE_NONCE_MIN, CM_DERIVE_NONCE_MAX},
                        {CM_DERIVE_COOKIE, CM_DERIVE_COOKIE},
                        {CM_DERIVE_COOKIE, CM_DERIVE_COOKIE}},
                       {MAC_KEY, MAC_KEY, CIPHER_KEY},
                       {0}},
    [CM_DERIVE_IPSEC] = {{{CM_DERIVE_PROTOCOL, CM_DERIVE_PROTOCOL},
                          {CM_DERIVE_SPI, CM_DERIVE_SPI},
                          {CM_DERIVE_NONCE_MIN, CM_DERIVE_NONCE_MAX},
                          {CM_DERIVE_NONCE_MIN, CM_DERIVE_NONCE_MAX}},
                         {CIPHER_KEY, MAC_KEY},
                         {0}},
};

static uint32_t word_read(const uint8_t *from)
{
    return from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 | (uint32_t)from[3] << 24;
}

static void word_write(uint8_t *to, uint32_t word)
{
    for (unsigned i = 0; i < 4; i++)
        to[i] = (uint8_t)(word >> 8 * i);
}

static bool bits_ok(uint32_t bits, enum key_use use)
{
    switch (use) {
    case MAC_KEY:
        return bits >= 128 && bits <= CM_DERIVE_BITS_MAX && bits % 8 == 0;
    case CIPHER_KEY:
        return bits == 128 || bits == 192 || bits == 256;
    default:
        return false;
    }
}

bool cm_derive_ok(const struct cm_derive *derive, enum cm_derivation kind)
{
    const struct kind *k = &kinds[kind];
    bool any = false;
    for (unsigned i = 0; i < CM_DERIVE_TEXTS; i++)
        if (derive->text_len[i] < k->texts[i].least || derive->text_len[i] > k->texts[i].most)
            return false;
    for (unsigned i = 0; i < CM_DERIVE_KEYS; i++) {
        if (derive->bits[i] && !bits_ok(derive->bits[i], k->keys[i]))
            return false;
        any |= derive->bits[i] != 0;
    }
    for (unsigned i = 0; i < CM_DERIVE_CLEARS; i++)
        if (derive->clear_len[i] > k->clear_most[i])
            return false;
    return any;
}

size_t cm_derive_texts(const struct cm_derive *derive)
{
    size_t len = 0;
    for (unsigned i = 0; i < CM_DERIVE_TEXTS; i++)
        len += derive->text_len[i];
    return len;
}

size_t cm_derive_clear(const struct cm_derive *derive)
{
    size_t len = 0;
    for (unsigned i = 0; i < CM_DERIVE_CLEARS; i++)
        len += derive->clear_len[i];
    return len;
}

size_t cm_derive_sealed(const struct cm_derive *derive)
{
    size_t len = cm_derive_clear(derive);
    for (unsigned i = 0; i < CM_DERIVE_KEYS; i++)
        len += derive->bits[i] ? HEAD + derive->bits[i] / 8 : 0;
    return len;
}

bool cm_derive_read(const uint8_t *bytes, size_t len, enum cm_derivation kind, bool sealed, size_t data_len,
                    struct cm_derive *derive)
{
    if (len != (sealed ? CM_DERIVE_SEALED : CM_DERIVE_HEAD))
        return false;
    for (unsigned i = 0; i < CM_DERIVE_TEXTS; i++)
        derive->text_len[i] = word_read(bytes + 4 * i);
    for (unsigned i = 0; i < CM_DERIVE_KEYS; i++)
        derive->bits[i] = word_read(bytes + 16 + 4 * i);
    for (unsigned i = 0; i < CM_DERIVE_CLEARS; i++)
        derive->clear_len[i] = word_read(bytes + 32 + 4 * i);
    derive->point = sealed ? bytes + CM_DERIVE_HEAD : NULL;
    return cm_derive_ok(derive, kind) && cm_derive_texts(derive) == data_len;
}

size_t cm_derive_write(const struct cm_derive *derive, uint8_t bytes[CM_DERIVE_SEALED])
{
    for (unsigned i = 0; i < CM_DERIVE_TEXTS; i++)
        word_write(bytes + 4 * i, derive->text_len[i]);
    for (unsigned i = 0; i < CM_DERIVE_KEYS; i++)
        word_write(bytes + 16 + 4 * i, derive->bits[i]);
    for (unsigned i = 0; i < CM_DERIVE_CLEARS; i++)
        word_write(bytes + 32 + 4 * i, derive->clear_len[i]);
    if (!derive->point)
        return CM_DERIVE_HEAD;
    memcpy(bytes + CM_DERIVE_HEAD, derive->point, POINT);
    return CM_DERIVE_SEALED;
}
