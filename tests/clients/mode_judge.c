/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/clients/mode_judge.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

bool judge_cipher(const char *name, const uint8_t *key, const uint8_t iv[16], bool encrypt, const uint8_t *in,
                  size_t len, uint8_t *out)
{
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, name, NULL);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    bool ok = cipher && EVP_CipherInit_ex2(ctx, cipher, key, iv, encrypt, NULL) && EVP_CIPHER_CTX_set_padding(ctx, 0);
    for (size_t off = 0; ok && off < len;) {
        int part = len - off > (1 << 24) ? 1 << 24 : (int)(len - off), n = 0;
        ok = EVP_CipherUpdate(ctx, out + off, &n, in + off, part) && n == part;
        off += (size_t)part;
    }
    EVP_CIPHER_CTX_free(ctx);
    EVP_CIPHER_free(cipher);
    return ok;
}

/* One key's block cipher. */
static EVP_CIPHER_CTX *blocks_of(const char *cipher, const uint8_t *key)
{
    char name[16];
    snprintf(name, sizeof name, "%s-ECB", cipher);
    EVP_CIPHER *type = EVP_CIPHER_fetch(NULL, name, NULL);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    if (!type || !EVP_EncryptInit_ex2(ctx, type, key, NULL, NULL) || !EVP_CIPHER_CTX_set_padding(ctx, 0)) {
        EVP_CIPHER_CTX_free(ctx);
        ctx = NULL;
    }
    EVP_CIPHER_free(type);
    return ctx;
}

static void block(EVP_CIPHER_CTX *ctx, const uint8_t in[16], uint8_t out[16])
{
    int n = 0;
    EVP_EncryptUpdate(ctx, out, &n, in, 16);
}

/* x = x * y, bit 7 of byte 0 being the coefficient of x^0 (SP 800-38D, 6.3). */
static void gcm_times(uint8_t x[16], const uint8_t y[16])
{
    uint8_t product[16] = {0}, v[16];
    memcpy(v, y, 16);
    for (int i = 0; i < 128; i++) {
        uint8_t carry = v[15] & 1;
        if (x[i / 8] >> (7 - i % 8) & 1)
            for (int j = 0; j < 16; j++)
                product[j] ^= v[j];
        for (int j = 15; j > 0; j--)
            v[j] = (uint8_t)(v[j] >> 1 | v[j - 1] << 7);
        v[0] = (uint8_t)(v[0] >> 1 ^ (carry ? 0xe1 : 0));
    }
    memcpy(x, product, 16);
}

static void ghash(uint8_t y[16], const uint8_t h[16], const uint8_t *in, size_t len)
{
    for (size_t at = 0; at < len; at += 16) {
        for (size_t i = 0; i < 16 && at + i < len; i++)
            y[i] ^= in[at + i];
        gcm_times(y, h);
    }
}

static void lengths(uint8_t to[16], uint64_t a, uint64_t b)
{
    for (int i = 0; i < 8; i++) {
        to[i] = (uint8_t)(a >> (56 - 8 * i));
        to[8 + i] = (uint8_t)(b >> (56 - 8 * i));
    }
}

static void count_up(uint8_t counter[16], size_t bytes)
{
    for (size_t i = 16; i-- > 16 - bytes;)
        if (++counter[i])
            return;
}

bool judge_gcm(const struct judge_aead *aead, const uint8_t *in, size_t len, uint8_t *out, uint8_t *tag)
{
    EVP_CIPHER_CTX *ctx = blocks_of(aead->cipher, aead->key);
    uint8_t h[16] = {0}, j0[16] = {0}, counter[16], stream[16], s[16] = {0}, ends[16];
    if (!ctx)
        return false;
    block(ctx, h, h);
    if (aead->nonce_len == 12) {
        memcpy(j0, aead->nonce, 12);
        j0[15] = 1;
    } else {
        ghash(j0, h, aead->nonce, aead->nonce_len);
        lengths(ends, 0, aead->nonce_len * 8);
        ghash(j0, h, ends, 16);
    }
    memcpy(counter, j0, 16);
    for (size_t at = 0; at < len; at++) {
        if (at % 16 == 0) {
            count_up(counter, 4);
            block(ctx, counter, stream);
        }
        out[at] = in[at] ^ stream[at % 16];
    }
    ghash(s, h, aead->aad, aead->aad_len);
    ghash(s, h, out, len);
    lengths(ends, aead->aad_len * 8, len * 8);
    ghash(s, h, ends, 16);
    block(ctx, j0, stream);
    for (size_t i = 0; i < aead->tag_len; i++)
        tag[i] = s[i] ^ stream[i];
    EVP_CIPHER_CTX_free(ctx);
    return true;
}

static void cbc_mac(EVP_CIPHER_CTX *ctx, uint8_t y[16], const uint8_t *in, size_t len)
{
    for (size_t at = 0; at < len; at += 16) {
        for (size_t i = 0; i < 16 && at + i < len; i++)
            y[i] ^= in[at + i];
        block(ctx, y, y);
    }
}

/* SP 800-38C, appendix A. Associated data up to 65279 bytes. */
bool judge_ccm(const struct judge_aead *aead, const uint8_t *in, size_t len, uint8_t *out, uint8_t *tag)
{
    EVP_CIPHER_CTX *ctx = blocks_of(aead->cipher, aead->key);
    size_t q = 15 - aead->nonce_len;
    uint8_t b0[16] = {0}, y[16] = {0}, counter[16] = {0}, stream[16], s0[16];
    if (!ctx)
        return false;
    b0[0] = (uint8_t)((aead->aad_len ? 64 : 0) | (aead->tag_len - 2) / 2 << 3 | (q - 1));
    memcpy(b0 + 1, aead->nonce, aead->nonce_len);
    for (size_t i = 0; i < q && i < sizeof len; i++)
        b0[15 - i] = (uint8_t)(len >> 8 * i);
    cbc_mac(ctx, y, b0, 16);
    if (aead->aad_len) {
        uint8_t first[16] = {(uint8_t)(aead->aad_len >> 8), (uint8_t)aead->aad_len};
        size_t part = aead->aad_len < 14 ? aead->aad_len : 14;
        memcpy(first + 2, aead->aad, part);
        cbc_mac(ctx, y, first, 16);
        cbc_mac(ctx, y, aead->aad + part, aead->aad_len - part);
    }
    uint8_t mac[16];
    memcpy(mac, y, 16);
    cbc_mac(ctx, mac, in, len); /* before the output, which may be in its place */
    counter[0] = (uint8_t)(q - 1);
    memcpy(counter + 1, aead->nonce, aead->nonce_len);
    block(ctx, counter, s0);
    for (size_t at = 0; at < len; at++) {
        if (at % 16 == 0) {
            count_up(counter, q);
            block(ctx, counter, stream);
        }
        out[at] = in[at] ^ stream[at % 16];
    }
    for (size_t i = 0; i < aead->tag_len; i++)
        tag[i] = mac[i] ^ s0[i];
    EVP_CIPHER_CTX_free(ctx);
    return true;
}

static void xts_times_x(uint8_t t[16], bool gb)
{
    if (gb) {
        static const uint8_t x[16] = {0x40}; /* GCM's order of bits */
        gcm_times(t, x);
        return;
    }
    uint8_t carry = t[15] >> 7;
    for (int i = 15; i > 0; i--)
        t[i] = (uint8_t)(t[i] << 1 | t[i - 1] >> 7);
    t[0] = (uint8_t)(t[0] << 1 ^ (carry ? 0x87 : 0));
}

bool judge_xts(const char *cipher, const uint8_t *key, size_t key_len, bool gb, const uint8_t tweak[16],
               const uint8_t *in, size_t len, uint8_t *out)
{
    EVP_CIPHER_CTX *data = blocks_of(cipher, key), *second = blocks_of(cipher, key + key_len);
    uint8_t t[16], b[16];
    size_t tail = len % 16;
    if (!data || !second || len < 16)
        return false;
    block(second, tweak, t);
    for (size_t at = 0; at < len; at += 16) {
        if (at + 16 <= len) {
            memcpy(b, in + at, 16);
        } else {
            memcpy(b, in + at, tail);
            memcpy(b + tail, out + at - 16 + tail, 16 - tail);
            memcpy(out + at, out + at - 16, tail);
        }
        for (int i = 0; i < 16; i++)
            b[i] ^= t[i];
        block(data, b, b);
        for (int i = 0; i < 16; i++)
            b[i] ^= t[i];
        memcpy(out + (at + 16 <= len ? at : at - 16), b, 16);
        xts_times_x(t, gb);
    }
    EVP_CIPHER_CTX_free(data);
    EVP_CIPHER_CTX_free(second);
    return true;
}

bool judge_hmac(const char *hash, const uint8_t *key, size_t key_len, const uint8_t *in, size_t len, uint8_t *out,
                size_t *out_len)
{
    return EVP_Q_mac(NULL, "HMAC", NULL, hash, NULL, key, key_len, in, len, out, 64, out_len) != NULL;
}
