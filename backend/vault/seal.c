/* SPDX-License-Identifier: Apache-2.0 */
/* seal.c: see seal.h */
#include "backend/vault/seal.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <string.h>

#define IDENTITY_LEN 40u
#define AAD_MAX      (IDENTITY_LEN + (RECORD_PARTS - 1) * RECORD_OVERHEAD)

static const char seal_magic[16] = "cardmux vault 1";

static bool hmac_sha256(const uint8_t key[32], const uint8_t *bytes, size_t len, uint8_t out[32])
{
    unsigned out_len = 0;

    return HMAC(EVP_sha256(), key, 32, bytes, len, out, &out_len) && out_len == 32;
}

bool seal_derive(const uint8_t key[32], struct vault_secret *keys)
{
    static const uint8_t labels[2][24] = {"cardmux vault seal 1", "cardmux vault tally 1"};

    keys->len = SEAL_KEYS_LEN;
    return hmac_sha256(key, labels[0], sizeof labels[0], keys->bytes) &&
           hmac_sha256(key, labels[1], sizeof labels[1], keys->bytes + 32);
}

bool seal_random(void *bytes, size_t len)
{
    return RAND_bytes(bytes, (int)len) == 1;
}

static void put32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

static size_t seal_aad(const struct record *record, enum record_part part, uint32_t kind, uint32_t index,
                       uint8_t aad[AAD_MAX])
{
    uint8_t *at = aad + IDENTITY_LEN;

    memset(aad, 0, AAD_MAX);
    memcpy(aad, seal_magic, 16);
    memcpy(aad + 16, record->uid, RECORD_UID);
    aad[32] = (uint8_t)record->type;
    aad[33] = (uint8_t)kind;
    aad[34] = (uint8_t)part;
    put32(aad + 36, index);
    if (part != PART_META)
        return IDENTITY_LEN;
    for (unsigned other = PART_META + 1; other < RECORD_PARTS; other++, at += RECORD_OVERHEAD) {
        const struct record_sealed *sealed = &record->parts[other];

        if (sealed->len < RECORD_OVERHEAD)
            continue;
        memcpy(at, sealed->bytes, RECORD_NONCE);
        memcpy(at + RECORD_NONCE, sealed->bytes + sealed->len - RECORD_TAG, RECORD_TAG);
    }
    return AAD_MAX;
}

bool seal_close(const struct vault_secret *keys, struct record *record, enum record_part part, uint32_t kind,
                uint32_t index, const uint8_t *plain, size_t len)
{
    struct record_sealed *sealed = &record->parts[part];
    uint8_t aad[AAD_MAX], *text = sealed->bytes + RECORD_NONCE;
    size_t aad_len = seal_aad(record, part, kind, index, aad);
    EVP_CIPHER_CTX *ctx;
    int n = 0;
    bool ok;

    if (len > RECORD_PART_MAX - RECORD_OVERHEAD || !seal_random(sealed->bytes, RECORD_NONCE))
        return false;
    ctx = EVP_CIPHER_CTX_new();
    ok = ctx && EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, keys->bytes, sealed->bytes) == 1 &&
         EVP_EncryptUpdate(ctx, NULL, &n, aad, (int)aad_len) == 1 &&
         EVP_EncryptUpdate(ctx, text, &n, plain, (int)len) == 1 && EVP_EncryptFinal_ex(ctx, text + n, &n) == 1 &&
         EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, RECORD_TAG, text + len) == 1;
    EVP_CIPHER_CTX_free(ctx);
    sealed->len = ok ? len + RECORD_OVERHEAD : 0;
    return ok;
}

bool seal_open(const struct vault_secret *keys, const struct record *record, enum record_part part, uint32_t kind,
               uint32_t index, uint8_t *out, size_t *len)
{
    const struct record_sealed *sealed = &record->parts[part];
    uint8_t aad[AAD_MAX], tag[RECORD_TAG];
    size_t aad_len = seal_aad(record, part, kind, index, aad);
    EVP_CIPHER_CTX *ctx;
    int n = 0;
    bool ok;

    if (sealed->len < RECORD_OVERHEAD || sealed->len > RECORD_PART_MAX)
        return false;
    *len = sealed->len - RECORD_OVERHEAD;
    memcpy(tag, sealed->bytes + sealed->len - RECORD_TAG, RECORD_TAG);
    ctx = EVP_CIPHER_CTX_new();
    ok = ctx && EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, keys->bytes, sealed->bytes) == 1 &&
         EVP_DecryptUpdate(ctx, NULL, &n, aad, (int)aad_len) == 1 &&
         EVP_DecryptUpdate(ctx, out, &n, sealed->bytes + RECORD_NONCE, (int)*len) == 1 &&
         EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, RECORD_TAG, tag) == 1 &&
         EVP_DecryptFinal_ex(ctx, out + n, &n) == 1;
    EVP_CIPHER_CTX_free(ctx);
    if (!ok) {
        explicit_bzero(out, *len);
        *len = 0;
    }
    return ok;
}

bool seal_tally(const struct vault_secret *keys, enum record_type type, const struct store_row *row,
                uint8_t tally[RECORD_TALLY])
{
    uint8_t text[16 + VAULT_NAME_MAX + RECORD_MAX];

    if (row->len > RECORD_MAX)
        return false;
    memset(text, 0, 16 + VAULT_NAME_MAX);
    put32(text, (uint32_t)type);
    put32(text + 4, row->id);
    put32(text + 8, row->kind);
    put32(text + 12, row->index);
    memcpy(text + 16, row->name, strnlen(row->name, VAULT_NAME_MAX));
    memcpy(text + 16 + VAULT_NAME_MAX, row->bytes, row->len);
    return hmac_sha256(keys->bytes + 32, text, 16 + VAULT_NAME_MAX + row->len, tally);
}

bool seal_place(const struct vault_secret *key, const uint8_t *name, size_t len, uint32_t *place)
{
    uint8_t text[16 + VAULT_FILE_NAME] = "cardmux a file", mac[32];

    if (len > VAULT_FILE_NAME)
        return false;
    memcpy(text + 16, name, len);
    if (!hmac_sha256(key->bytes, text, 16 + len, mac))
        return false;
    *place = (uint32_t)mac[0] | (uint32_t)mac[1] << 8 | (uint32_t)mac[2] << 16 | (uint32_t)mac[3] << 24;
    return true;
}

void seal_tally_add(uint8_t sum[RECORD_TALLY], const uint8_t tally[RECORD_TALLY])
{
    unsigned carry = 0;

    for (size_t i = 0; i < RECORD_TALLY; i++) {
        carry += (unsigned)sum[i] + tally[i];
        sum[i] = (uint8_t)carry;
        carry >>= 8;
    }
}

void seal_tally_take(uint8_t sum[RECORD_TALLY], const uint8_t tally[RECORD_TALLY])
{
    unsigned borrow = 0;

    for (size_t i = 0; i < RECORD_TALLY; i++) {
        unsigned less = tally[i] + borrow;

        borrow = sum[i] < less;
        sum[i] = (uint8_t)(sum[i] - less);
    }
}

bool seal_mac(const uint8_t key[32], const void *text, size_t len, uint8_t out[32])
{
    return hmac_sha256(key, text, len, out);
}

bool seal_digest(const void *text, size_t len, uint8_t out[32])
{
    unsigned out_len = 0;

    return EVP_Digest(text, len, out, &out_len, EVP_sha256(), NULL) == 1 && out_len == 32;
}

static _Atomic uint64_t code_runs;

uint64_t seal_code_runs(void)
{
    return code_runs;
}

bool seal_code(const uint8_t *code, size_t len, const uint8_t salt[RECORD_SALT], uint8_t verifier[RECORD_VERIFIER])
{
    code_runs++;
    return EVP_PBE_scrypt((const char *)code, len, salt, RECORD_SALT, 16384, 8, 1, 32u << 20, verifier,
                          RECORD_VERIFIER) == 1;
}

bool seal_equal(const uint8_t *a, const uint8_t *b, size_t len)
{
    return CRYPTO_memcmp(a, b, len) == 0;
}
