/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/clients/derive_judge.h"

#include <openssl/evp.h>
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

bool judge_ike(const char *hash, const uint8_t *nonces, size_t nonces_len, const uint8_t cookies[16],
               uint8_t keys[3][64], size_t *len)
{
    uint8_t digest[64], skeyid[64], text[64 + 16 + 1];
    size_t n = 0;
    bool ok = EVP_Q_digest(NULL, hash, NULL, nonces, nonces_len, digest, &n) &&
              judge_hmac(hash, digest, n, cookies, 16, skeyid, len) && n == *len;
    memcpy(text + n, cookies, 16);
    for (uint8_t i = 0; i < 3 && ok; i++) {
        size_t from = i ? 0 : n;
        if (i)
            memcpy(text, keys[i - 1], n);
        text[n + 16] = i;
        ok = judge_hmac(hash, skeyid, n, text + from, n + 17 - from, keys[i], len);
    }
    return ok;
}

bool judge_ipsec(const char *hash, const uint8_t *secret, size_t secret_len, const uint8_t *text, size_t text_len,
                 uint8_t *out, size_t len)
{
    uint8_t seed[64 + 517], block[64];
    size_t n = 0;
    for (size_t at = 0; at < len; at += n) {
        memcpy(seed, block, n);
        memcpy(seed + n, text, text_len);
        if (!judge_hmac(hash, secret, secret_len, seed, n + text_len, block, &n))
            return false;
        memcpy(out + at, block, len - at < n ? len - at : n);
    }
    return true;
}
