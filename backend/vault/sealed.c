/* SPDX-License-Identifier: Apache-2.0 */
/* sealed.c: writing and reading sealed files. See sealed.h. */
#include "backend/vault/sealed.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "backend/vault/seal.h"
#include "backend/vault/vault_internal.h"

struct sealed {
    struct sealed_header header;
    struct vault_secret *key;
    EVP_CIPHER_CTX *ctx;
    int fd;
    uint64_t pieces;
    bool last; /* read: the last piece is in the buffer */
    size_t at, len;
    uint8_t buffer[SEALED_PIECE], cipher[4 + SEALED_PIECE + SEALED_TAG];
};

/* ---- keys ---- */

bool sealed_public(const uint8_t secret[SEALED_KEY], uint8_t key[SEALED_KEY])
{
    EVP_PKEY *pair = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, secret, SEALED_KEY);
    size_t len = SEALED_KEY;
    bool ok = pair && EVP_PKEY_get_raw_public_key(pair, key, &len) == 1 && len == SEALED_KEY;

    EVP_PKEY_free(pair);
    return ok;
}

/* False also for a public key of small order, which would give a secret that everybody knows. */
static bool agree(const uint8_t secret[SEALED_KEY], const uint8_t other[SEALED_KEY], uint8_t out[SEALED_KEY])
{
    EVP_PKEY *own = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, secret, SEALED_KEY);
    EVP_PKEY *peer = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, other, SEALED_KEY);
    EVP_PKEY_CTX *ctx = own ? EVP_PKEY_CTX_new(own, NULL) : NULL;
    size_t len = SEALED_KEY;
    bool ok = ctx && peer && EVP_PKEY_derive_init(ctx) == 1 && EVP_PKEY_derive_set_peer(ctx, peer) == 1 &&
              EVP_PKEY_derive(ctx, out, &len) == 1 && len == SEALED_KEY;

    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(own);
    EVP_PKEY_free(peer);
    return ok;
}

static bool key_derive(struct sealed *sealed, const uint8_t secrets[2 * SEALED_KEY])
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, NULL);
    uint8_t info[SEALED_HEADER];
    size_t len = 32;
    bool ok;

    sealed_header_build(&sealed->header, info);
    ok = ctx && EVP_PKEY_derive_init(ctx) == 1 && EVP_PKEY_CTX_set_hkdf_md(ctx, EVP_sha256()) == 1 &&
         EVP_PKEY_CTX_set1_hkdf_salt(ctx, (const uint8_t *)"cardmux sealed 1", 16) == 1 &&
         EVP_PKEY_CTX_set1_hkdf_key(ctx, secrets, 2 * SEALED_KEY) == 1 &&
         EVP_PKEY_CTX_add1_hkdf_info(ctx, info, sizeof info) == 1 &&
         EVP_PKEY_derive(ctx, sealed->key->bytes, &len) == 1 && len == 32;
    EVP_PKEY_CTX_free(ctx);
    return ok;
}

static struct sealed *sealed_new(int fd)
{
    struct sealed *sealed = calloc(1, sizeof *sealed);

    if (!sealed)
        return NULL;
    sealed->fd = fd;
    sealed->key = vault_secret_new();
    sealed->ctx = EVP_CIPHER_CTX_new();
    if (sealed->key && sealed->ctx)
        return sealed;
    sealed_free(sealed);
    return NULL;
}

void sealed_free(struct sealed *sealed)
{
    if (!sealed)
        return;
    vault_secret_free(sealed->key);
    EVP_CIPHER_CTX_free(sealed->ctx);
    OPENSSL_cleanse(sealed, sizeof *sealed);
    free(sealed);
}

static enum vault_result no_memory(char *error)
{
    return vault_fail(error, VAULT_IO, "no memory, or libcrypto failed, for a sealed file");
}

/* ---- bytes ---- */

static enum vault_result put(int fd, const uint8_t *bytes, size_t len, char *error)
{
    while (len) {
        ssize_t n = write(fd, bytes, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return vault_fail(error, VAULT_IO, "the sealed file cannot be written: %s",
                              n < 0 ? strerror(errno) : "no space");
        bytes += n;
        len -= (size_t)n;
    }
    return VAULT_OK;
}

/* *got < len at the end of the file. */
static enum vault_result get(int fd, uint8_t *bytes, size_t len, size_t *got, char *error)
{
    *got = 0;
    while (*got < len) {
        ssize_t n = read(fd, bytes + *got, len - *got);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return vault_fail(error, VAULT_IO, "the sealed file cannot be read: %s", strerror(errno));
        if (n == 0)
            break;
        *got += (size_t)n;
    }
    return VAULT_OK;
}

static void nonce_make(const struct sealed *sealed, uint8_t nonce[12])
{
    memset(nonce, 0, 12);
    for (int i = 0; i < 8; i++)
        nonce[i] = (uint8_t)(sealed->pieces >> 8 * i);
}

/* ---- writing ---- */

enum vault_result sealed_write_open(int fd, enum sealed_type type, const uint8_t sender[SEALED_KEY],
                                    const uint8_t recipient[SEALED_KEY], struct sealed **out, char *error)
{
    struct sealed *sealed = sealed_new(fd);
    struct vault_secret *own = vault_secret_new(), *secrets = vault_secret_new();
    uint8_t header[SEALED_HEADER];
    enum vault_result result = VAULT_OK;

    *out = NULL;
    if (!sealed || !own || !secrets || !seal_random(own->bytes, SEALED_KEY) ||
        !sealed_public(own->bytes, sealed->header.own) || !sealed_public(sender, sealed->header.sender))
        result = no_memory(error);
    if (result == VAULT_OK) {
        sealed->header.type = type;
        memcpy(sealed->header.recipient, recipient, SEALED_KEY);
        if (!agree(own->bytes, recipient, secrets->bytes) || !agree(sender, recipient, secrets->bytes + SEALED_KEY))
            result =
                vault_fail(error, VAULT_INVALID, "the recipient's key is not a valid one: look whether it is whole");
        else if (!key_derive(sealed, secrets->bytes))
            result = no_memory(error);
    }
    vault_secret_free(own);
    vault_secret_free(secrets);
    if (result == VAULT_OK) {
        sealed_header_build(&sealed->header, header);
        result = put(fd, header, sizeof header, error);
    }
    if (result == VAULT_OK)
        *out = sealed;
    else
        sealed_free(sealed);
    return result;
}

static enum vault_result piece_put(struct sealed *sealed, bool last, char *error)
{
    uint8_t nonce[12], *at = sealed->cipher;
    size_t len = sealed->len + SEALED_TAG;
    int n = 0;

    nonce_make(sealed, nonce);
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(len >> 8 * i);
    at[3] |= last ? 0x80 : 0;
    if (EVP_EncryptInit_ex(sealed->ctx, EVP_aes_256_gcm(), NULL, sealed->key->bytes, nonce) != 1 ||
        EVP_EncryptUpdate(sealed->ctx, NULL, &n, at, 4) != 1 ||
        EVP_EncryptUpdate(sealed->ctx, at + 4, &n, sealed->buffer, (int)sealed->len) != 1 ||
        EVP_EncryptFinal_ex(sealed->ctx, at + 4 + n, &n) != 1 ||
        EVP_CIPHER_CTX_ctrl(sealed->ctx, EVP_CTRL_AEAD_GET_TAG, SEALED_TAG, at + 4 + sealed->len) != 1)
        return no_memory(error);
    sealed->pieces++;
    sealed->len = 0;
    return put(sealed->fd, at, 4 + len, error);
}

enum vault_result sealed_write(struct sealed *sealed, const void *bytes, size_t len, char *error)
{
    const uint8_t *from = bytes;
    enum vault_result result = VAULT_OK;

    while (len && result == VAULT_OK) {
        size_t n = SEALED_PIECE - sealed->len;

        if (n == 0) { /* a full piece goes when more comes: the last one is marked */
            result = piece_put(sealed, false, error);
            continue;
        }
        n = n < len ? n : len;
        memcpy(sealed->buffer + sealed->len, from, n);
        sealed->len += n;
        from += n;
        len -= n;
    }
    return result;
}

enum vault_result sealed_write_end(struct sealed *sealed, char *error)
{
    enum vault_result result = piece_put(sealed, true, error);

    if (result == VAULT_OK && fsync(sealed->fd) != 0 && errno != EINVAL && errno != EROFS)
        result = vault_fail(error, VAULT_IO, "the sealed file cannot be written: %s", strerror(errno));
    return result;
}

/* ---- reading ---- */

enum vault_result sealed_read_open(int fd, enum sealed_type type, const uint8_t secret[SEALED_KEY], const uint8_t *from,
                                   struct sealed **out, char *error)
{
    struct sealed *sealed = sealed_new(fd);
    struct vault_secret *secrets = vault_secret_new();
    uint8_t header[SEALED_HEADER], own[SEALED_KEY];
    size_t got = 0;
    enum vault_result result = sealed && secrets && sealed_public(secret, own) ? VAULT_OK : no_memory(error);

    *out = NULL;
    if (result == VAULT_OK)
        result = get(fd, header, sizeof header, &got, error);
    if (result == VAULT_OK && (got != sizeof header || !sealed_header_parse(header, &sealed->header)))
        result = vault_fail(error, VAULT_DAMAGED, "this is no sealed file of cardmux, or one of a newer version");
    if (result == VAULT_OK && sealed->header.type != type)
        result = vault_fail(error, VAULT_INVALID, "this file holds a %s, not a %s",
                            sealed->header.type == SEALED_BACKUP ? "backup" : "tenant",
                            type == SEALED_BACKUP ? "backup" : "tenant");
    if (result == VAULT_OK && memcmp(own, sealed->header.recipient, SEALED_KEY) != 0)
        result = vault_fail(error, VAULT_INVALID, "this file was sealed to another key than the one given");
    if (result == VAULT_OK && from && memcmp(from, sealed->header.sender, SEALED_KEY) != 0)
        result = vault_fail(error, VAULT_INVALID,
                            "this file is not from the host that was named: nothing of it was taken; compare the key "
                            "with `cardmux vault status` there");
    if (result == VAULT_OK &&
        (!agree(secret, sealed->header.own, secrets->bytes) ||
         !agree(secret, sealed->header.sender, secrets->bytes + SEALED_KEY) || !key_derive(sealed, secrets->bytes)))
        result = vault_fail(error, VAULT_DAMAGED, "the keys in the sealed file's header are no valid ones");
    vault_secret_free(secrets);
    if (result == VAULT_OK)
        *out = sealed;
    else
        sealed_free(sealed);
    return result;
}

const struct sealed_header *sealed_header(const struct sealed *sealed)
{
    return &sealed->header;
}

static enum vault_result damaged(char *error)
{
    return vault_fail(error, VAULT_DAMAGED, "the sealed file was altered or cut: use another copy of it");
}

static enum vault_result piece_get(struct sealed *sealed, char *error)
{
    uint8_t nonce[12], *at = sealed->cipher;
    size_t got = 0, len = 0, text;
    int n = 0;
    enum vault_result result = get(sealed->fd, at, 4, &got, error);

    if (result != VAULT_OK)
        return result;
    if (sealed->last || got != 4 || !sealed_piece_parse(at, &len, &sealed->last))
        return damaged(error);
    result = get(sealed->fd, at + 4, len, &got, error);
    if (result != VAULT_OK)
        return result;
    text = len - SEALED_TAG;
    nonce_make(sealed, nonce);
    if (got != len || EVP_DecryptInit_ex(sealed->ctx, EVP_aes_256_gcm(), NULL, sealed->key->bytes, nonce) != 1 ||
        EVP_DecryptUpdate(sealed->ctx, NULL, &n, at, 4) != 1 ||
        EVP_DecryptUpdate(sealed->ctx, sealed->buffer, &n, at + 4, (int)text) != 1 ||
        EVP_CIPHER_CTX_ctrl(sealed->ctx, EVP_CTRL_AEAD_SET_TAG, SEALED_TAG, at + 4 + text) != 1 ||
        EVP_DecryptFinal_ex(sealed->ctx, sealed->buffer + n, &n) != 1) {
        OPENSSL_cleanse(sealed->buffer, sizeof sealed->buffer);
        return damaged(error);
    }
    sealed->pieces++;
    sealed->at = 0;
    sealed->len = text;
    return VAULT_OK;
}

enum vault_result sealed_read(struct sealed *sealed, void *bytes, size_t len, char *error)
{
    uint8_t *to = bytes;

    while (len) {
        size_t n = sealed->len - sealed->at;

        if (n == 0) {
            enum vault_result result = piece_get(sealed, error);

            if (result != VAULT_OK)
                return result;
            continue;
        }
        n = n < len ? n : len;
        memcpy(to, sealed->buffer + sealed->at, n);
        sealed->at += n;
        to += n;
        len -= n;
    }
    return VAULT_OK;
}

enum vault_result sealed_read_end(struct sealed *sealed, char *error)
{
    uint8_t more;
    size_t got = 0;
    enum vault_result result = VAULT_OK;

    if (!sealed->last && sealed->at == sealed->len)
        result = piece_get(sealed, error); /* an empty last piece */
    if (result == VAULT_OK && (!sealed->last || sealed->at != sealed->len))
        result = damaged(error);
    if (result == VAULT_OK)
        result = get(sealed->fd, &more, 1, &got, error);
    return result == VAULT_OK && got ? damaged(error) : result;
}
