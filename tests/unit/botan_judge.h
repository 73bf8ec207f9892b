/* SPDX-License-Identifier: Apache-2.0 */
/* botan_judge.h: a second implementation of what libcrypto lacks, through Botan's C interface. */
#ifndef TESTS_BOTAN_JUDGE_H
#define TESTS_BOTAN_JUDGE_H

#include <botan/ffi.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* name: of Botan, e.g. "SM4/GCM". out has room for len + tag_len: ciphertext and tag. False: it failed. */
static inline bool botan_seal(const char *name, const uint8_t *key, size_t key_len, const uint8_t *nonce,
                              size_t nonce_len, const uint8_t *aad, size_t aad_len, const uint8_t *in, size_t len,
                              uint8_t *out, size_t out_len)
{
    botan_cipher_t cipher;
    size_t written = 0, consumed = 0;
    uint8_t nothing = 0;
    bool ok;

    if (botan_cipher_init(&cipher, name, BOTAN_CIPHER_INIT_FLAG_ENCRYPT) != 0)
        return false;
    ok = botan_cipher_set_key(cipher, key, key_len) == 0 &&
         (!aad || botan_cipher_set_associated_data(cipher, aad_len ? aad : &nothing, aad_len) == 0) &&
         botan_cipher_start(cipher, nonce, nonce_len) == 0 &&
         botan_cipher_update(cipher, BOTAN_CIPHER_UPDATE_FLAG_FINAL, out, out_len, &written, len ? in : &nothing, len,
                             &consumed) == 0 &&
         written == out_len && consumed == len;
    botan_cipher_destroy(cipher);
    return ok;
}

/* CCM's name carries its lengths. */
static inline bool botan_ccm(const char *cipher, const uint8_t *key, size_t key_len, const uint8_t *nonce,
                             size_t nonce_len, const uint8_t *aad, size_t aad_len, const uint8_t *in, size_t len,
                             uint8_t *out, size_t tag_len)
{
    char name[32];

    snprintf(name, sizeof name, "%s/CCM(%zu,%zu)", cipher, tag_len, 15 - nonce_len);
    return botan_seal(name, key, key_len, nonce, nonce_len, aad, aad_len, in, len, out, len + tag_len);
}

static inline bool botan_gcm(const char *cipher, const uint8_t *key, size_t key_len, const uint8_t *nonce,
                             size_t nonce_len, const uint8_t *aad, size_t aad_len, const uint8_t *in, size_t len,
                             uint8_t *out, size_t tag_len)
{
    char name[32];

    snprintf(name, sizeof name, "%s/GCM(%zu)", cipher, tag_len);
    return botan_seal(name, key, key_len, nonce, nonce_len, aad, aad_len, in, len, out, len + tag_len);
}

#endif
