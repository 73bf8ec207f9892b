/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/clients/derive_judge.h"

#include <string.h>
#include "tests/clients/mode_judge.h"

#define SEED 160u

bool judge_tls_prf(const char *hash, const uint8_t *secret, size_t secret_len, const char *label, const uint8_t *seed,
                   size_t seed_len, uint8_t *out, size_t len)
{
    uint8_t text[64 + SEED], a[64], block[64];
    size_t label_len = strlen(label), n = 0;
    if (label_len + seed_len > SEED)
        return false;
    memcpy(text + 64, label, label_len);
    memcpy(text + 64 + label_len, seed, seed_len);
    seed_len += label_len;
    if (!judge_hmac(hash, secret, secret_len, text + 64, seed_len, a, &n)) /* A(1) */
        return false;
    while (len) {
        memcpy(text + 64 - n, a, n);
        if (!judge_hmac(hash, secret, secret_len, text + 64 - n, n + seed_len, block, &n))
            return false;
        size_t part = len < n ? len : n;
        memcpy(out, block, part);
        out += part;
        len -= part;
        memcpy(block, a, n);
        if (!judge_hmac(hash, secret, secret_len, block, n, a, &n))
            return false;
    }
    return true;
}

bool judge_tls(const char *hash, const uint8_t *secret, size_t secret_len, const uint8_t client[32],
               const uint8_t server[32], uint8_t *out, size_t len)
{
    uint8_t seed[64], master[48];
    memcpy(seed, client, 32);
    memcpy(seed + 32, server, 32);
    if (!judge_tls_prf(hash, secret, secret_len, "master secret", seed, 64, master, 48))
        return false;
    memcpy(seed, server, 32);
    memcpy(seed + 32, client, 32);
    return judge_tls_prf(hash, master, 48, "key expansion", seed, 64, out, len);
}
