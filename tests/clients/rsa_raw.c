/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/bn.h>
#include <openssl/rand.h>
#include <string.h>
#include "tests/clients/rsa_raw.h"

static bool power(const uint8_t *m, size_t len, const uint8_t *exponent, size_t exponent_len, const uint8_t *in,
                  uint8_t *out)
{
    BN_CTX *ctx = BN_CTX_new();
    BIGNUM *n = BN_bin2bn(m, (int)len, NULL), *e = BN_bin2bn(exponent, (int)exponent_len, NULL),
           *x = BN_bin2bn(in, (int)len, NULL), *y = BN_new();
    bool ok = ctx && n && e && x && y && BN_cmp(x, n) < 0 && BN_mod_exp(y, x, e, n, ctx) &&
              BN_bn2binpad(y, out, (int)len) == (int)len;
    BN_free(n);
    BN_free(e);
    BN_free(x);
    BN_free(y);
    BN_CTX_free(ctx);
    return ok;
}

bool rsa_raw_public(const uint8_t *key, size_t len, const uint8_t *in, uint8_t *out)
{
    return power(key, len, key + len, 8, in, out);
}

bool rsa_raw_private(const uint8_t *key, size_t len, const uint8_t *in, uint8_t *out)
{
    return power(key, len, key + len + 8, len, in, out);
}

bool rsa_raw_wrap(const uint8_t *key, size_t len, const uint8_t *bytes, size_t bytes_len, uint8_t *out)
{
    uint8_t block[RSA_RAW_MAX];
    RAND_bytes(block, (int)len);
    for (size_t i = 2; i < len; i++)
        block[i] |= 1;
    block[0] = 0;
    block[1] = 2;
    block[len - bytes_len - 1] = 0;
    memcpy(block + len - bytes_len, bytes, bytes_len);
    return rsa_raw_public(key, len, block, out);
}

size_t rsa_raw_unwrap(const uint8_t *key, size_t len, const uint8_t *in, uint8_t *out)
{
    uint8_t block[RSA_RAW_MAX];
    size_t at = 2;
    if (!rsa_raw_private(key, len, in, block) || block[0] != 0 || block[1] != 2)
        return 0;
    while (at < len && block[at])
        at++;
    if (at < 10 || at >= len - 1)
        return 0;
    memcpy(out, block + at + 1, len - at - 1);
    return len - at - 1;
}
