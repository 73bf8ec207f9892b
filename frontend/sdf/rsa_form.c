/* SPDX-License-Identifier: Apache-2.0 */
#include "frontend/sdf/rsa_form.h"

#include <string.h>
#include "cardmux/sdf.h"
#include "frontend/sdf/dialect.h"

#define BITS 4u /* bytes of the word in front */

_Static_assert(sizeof(RSArefPublicKey) == BITS + 2 * RSA_FIELD_SMALL, "the small public key");
_Static_assert(sizeof(RSArefPrivateKey) == BITS + 11 * RSA_FIELD_SMALL / 2, "the small private key");

bool rsa_bits_ok(uint32_t bits)
{
    return bits == 2048 || bits == 3072 || bits == 4096;
}

size_t rsa_field(void)
{
    return dialect()->rsa_4096 ? RSA_FIELD_LARGE : RSA_FIELD_SMALL;
}

/* Of the struct that `key` points to; 0: it is none. */
static size_t field_of(const uint8_t *key, size_t *len)
{
    uint32_t bits;
    memcpy(&bits, key, sizeof bits);
    if (!rsa_bits_ok(bits))
        return 0;
    *len = bits / 8;
    if (*len <= RSA_FIELD_SMALL && key[BITS + RSA_FIELD_SMALL - *len] & 0x80)
        return RSA_FIELD_SMALL;
    return key[BITS + RSA_FIELD_LARGE - *len] & 0x80 ? RSA_FIELD_LARGE : 0;
}

/* The lowest `size` bytes of a field; false: there is something above them. */
static bool number_read(const uint8_t **field, size_t field_size, uint8_t **out, size_t size)
{
    uint8_t above = 0;
    size_t skip = field_size - size;
    for (size_t i = 0; i < skip; i++)
        above |= (*field)[i];
    memcpy(*out, *field + skip, size);
    *field += field_size;
    *out += size;
    return above == 0;
}

size_t rsa_public_read(const void *key, uint8_t out[RSA_PUBLIC_SIZE(RSA_MAX)])
{
    const uint8_t *at = key;
    size_t len, field = field_of(at, &len);
    if (!field)
        return 0;
    at += BITS;
    bool m = number_read(&at, field, &out, len);
    bool e = number_read(&at, field, &out, RSA_E);
    return m && e ? len : 0;
}

size_t rsa_private_read(const void *key, uint8_t out[RSA_PRIVATE_SIZE(RSA_MAX)])
{
    const uint8_t *at = key;
    size_t len, field = field_of(at, &len);
    if (!field)
        return 0;
    at += BITS;
    bool ok = number_read(&at, field, &out, len);
    ok = number_read(&at, field, &out, RSA_E) && ok;
    ok = number_read(&at, field, &out, len) && ok;
    for (int i = 0; i < 5; i++)
        ok = number_read(&at, field / 2, &out, len / 2) && ok;
    return ok ? len : 0;
}

static void number_write(uint8_t **field, size_t field_size, const uint8_t **in, size_t size)
{
    memset(*field, 0, field_size - size);
    memcpy(*field + field_size - size, *in, size);
    *field += field_size;
    *in += size;
}

static uint8_t *bits_write(void *key, size_t len)
{
    uint32_t bits = (uint32_t)len * 8;
    memcpy(key, &bits, sizeof bits);
    return (uint8_t *)key + BITS;
}

void rsa_public_write(void *key, size_t field, const uint8_t *in, size_t len)
{
    uint8_t *at = bits_write(key, len);
    number_write(&at, field, &in, len);
    number_write(&at, field, &in, RSA_E);
}

void rsa_private_write(void *key, size_t field, const uint8_t *in, size_t len)
{
    uint8_t *at = bits_write(key, len);
    number_write(&at, field, &in, len);
    number_write(&at, field, &in, RSA_E);
    number_write(&at, field, &in, len);
    for (int i = 0; i < 5; i++)
        number_write(&at, field / 2, &in, len / 2);
}
