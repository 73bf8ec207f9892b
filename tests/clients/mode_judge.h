/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mode_judge.h: what symmetric modes must give, for the cases. Modes that libcrypto has are libcrypto's; GCM, CCM and
 * XTS, which it has for AES alone, are made here from its block cipher, in the plainest way and bit by bit.
 *
 * cipher: "SM4" or "AES-128", "AES-192", "AES-256".
 */
#ifndef CARDMUX_TESTS_MODE_JUDGE_H
#define CARDMUX_TESTS_MODE_JUDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* name: "SM4-CBC", ... One pass over all of it. */
bool judge_cipher(const char *name, const uint8_t *key, const uint8_t iv[16], bool encrypt, const uint8_t *in,
                  size_t len, uint8_t *out);

struct judge_aead {
    const char *cipher;
    const uint8_t *key, *nonce, *aad;
    size_t nonce_len, aad_len, tag_len;
};

bool judge_gcm(const struct judge_aead *aead, const uint8_t *in, size_t len, uint8_t *out, uint8_t *tag);
bool judge_ccm(const struct judge_aead *aead, const uint8_t *in, size_t len, uint8_t *out, uint8_t *tag);
/* key: both, key_len each. gb: as GB/T 17964 has it, else as IEEE 1619. Encrypts. */
bool judge_xts(const char *cipher, const uint8_t *key, size_t key_len, bool gb, const uint8_t tweak[16],
               const uint8_t *in, size_t len, uint8_t *out);
/* hash: "SM3", ... */
bool judge_hmac(const char *hash, const uint8_t *key, size_t key_len, const uint8_t *in, size_t len, uint8_t *out,
                size_t *out_len);

#endif
